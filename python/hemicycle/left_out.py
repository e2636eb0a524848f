"""Least squares without some judgments or without a model: many such problems at once, reduced to what changes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle import _core
from hemicycle.allocation import allocate_each
from hemicycle.arrays import float_array
from hemicycle.errors import NoDataError, NotConvergedError, OptionError, TieBreakWarning
from hemicycle.least_squares import pair_least_squares
from hemicycle.logits import logits_matrix, naming_logits
from hemicycle.optimal_face import known_face
from hemicycle.options import positive_number, thread_count
from hemicycle.solver_arguments import require_own, require_solution

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.allocation import Mean
    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool
    from hemicycle.solution import SimplexSolution

__all__ = ["Changes", "Labels", "Whole"]

CHUNK_CELLS = 1 << 23
"""Weights that are held at a time, of the problems that are solved together: 64 MB of float64."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels by column, as the core reads them, each of shape (n_labels,)."""

    a: NDArray[np.uint32]
    b: NDArray[np.uint32]
    weight: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What some problems found, one row each; documented at `hemicycle.influence.Influence`."""

    weight_change: NDArray[np.float64]
    allocation: NDArray[np.float64]
    mse_with: NDArray[np.float64]
    mse_without: NDArray[np.float64]
    relative_gap: NDArray[np.float64]
    face_dimension: NDArray[np.int64]
    tie_broken: NDArray[np.bool_]
    weights: NDArray[np.float64] | None


class Whole:
    """The problem with nothing left out, and what the problems that are left share with it.

    Parameters
    ----------
    logits, judgments, mean, solution, tol, n_threads
        As for `hemicycle.influence.leave_one_juror_out`, which names what it raises, too.
    """

    def __init__(
        self,
        logits: ArrayLike | Pool,
        judgments: Judgments,
        mean: Mean,
        solution: SimplexSolution | None,
        tol: float,
        n_threads: int | None,
    ) -> None:
        self.matrix = float_array(logits_matrix(logits, judgments), "logits", 2, keep_float32=True)
        self.pairs = judgments.pairs
        if solution is None:
            solution = pair_least_squares(logits, judgments, tol=tol, n_threads=n_threads)
        else:
            _require_plain(solution, self.matrix, judgments)
        known_face(solution)
        self.solution = solution
        pair = self.pairs.pair_of_label  # (n_labels,)
        self._labels = Labels(self.pairs.a[pair], self.pairs.b[pair], self.pairs.weight, self.pairs.log_ratio)
        self._mean: Mean = mean
        self._parent_index = judgments.items.parent_index
        self.n_parents = judgments.items.n_parents
        self._logits, self._tol, self._n_threads = logits, positive_number(tol, "tol"), thread_count(n_threads)
        allocation, self._pooled = self._pool(self.solution.weights[None])
        self.allocation = allocation[0]  # (n_items,)

    def without_labels(
        self, names: Sequence[str], labels: NDArray[np.int64], offsets: NDArray[np.int64], *, keep_weights: bool
    ) -> Changes:
        """Leave out one group of labels at a time.

        Parameters
        ----------
        names : sequence of str, length n
            What the groups are, for messages.
        labels : ndarray of int64
            Positions of labels, ascending within a group.
        offsets : ndarray of int64, shape (n + 1,)
            Group k is ``labels[offsets[k] : offsets[k + 1]]``, at least one label.
        keep_weights : bool
            Whether to return the weights.
        """
        if len(names) == 1 and len(labels) == self.pairs.n_labels:
            raise NoDataError(f"judgments: all that count are of {names[0]}; without, none is left")
        parts = []
        for first, last in self._chunks(len(names)):
            rows, bounds = labels[offsets[first] : offsets[last]], offsets[first : last + 1] - offsets[first]
            found = self._solve(names[first:last], rows, bounds)
            allocation, pooled = self._pool(found.weights)
            problem = np.repeat(np.arange(last - first), np.diff(bounds))  # (n_rows,)
            weight = self._labels.weight[rows]
            share = weight / np.add.reduceat(weight, bounds[:-1])[problem]
            mse = (
                np.add.reduceat(share * self._squared_error(mixtures, problem, rows), bounds[:-1])
                for mixtures in (np.broadcast_to(self._pooled, pooled.shape), pooled)
            )
            parts.append(self._changes(found, allocation, *mse, keep_weights=keep_weights))
        return _joined(parts)

    def without_models(self, names: Sequence[str], models: NDArray[np.int64], *, keep_weights: bool) -> Changes:
        """Leave out one model at a time.

        Parameters
        ----------
        names : sequence of str, length n
            Names of the models, for messages.
        models : ndarray of int64, shape (n,)
            The models; those without weight change nothing.
        keep_weights : bool
            Whether to return the weights.
        """
        if len(self.matrix) == 1:
            raise NoDataError("logits: without the only model, none is left")
        every, share = np.arange(self.pairs.n_labels), self.pairs.weight / self.pairs.weight.sum()
        parts = []
        for first, last in self._chunks(len(names)):
            found = self._solve(names[first:last], models[first:last], None)
            allocation, pooled = self._pool(found.weights)
            mse = (
                (share * self._squared_error(mixtures, np.arange(last - first)[:, None], every)).sum(axis=1)
                for mixtures in (np.broadcast_to(self._pooled, pooled.shape), pooled)
            )
            parts.append(self._changes(found, allocation, *mse, keep_weights=keep_weights))
        return _joined(parts)

    def _chunks(self, n: int) -> Iterator[tuple[int, int]]:
        step = max(1, CHUNK_CELLS // len(self.matrix))
        return ((first, min(n, first + step)) for first in range(0, max(1, n), step))

    def _solve(self, names: Sequence[str], left_out: NDArray[np.int64], offsets: NDArray[np.int64] | None) -> _Found:
        start = self.solution.support if self.solution.vertex is None else self.solution.vertex
        with naming_logits(self._logits):
            results = _core.leave_out_least_squares(
                self.matrix, self._labels, left_out, offsets, start, self._tol, self._n_threads
            )
        found = _Found.empty(len(names), len(self.matrix))
        for k, (name, result) in enumerate(zip(names, results, strict=True)):
            if isinstance(result, NotConvergedError):
                raise NotConvergedError(f"without {name}: {result}", result.weights, result.gap, result.passes)
            found.weights[k], found.relative_gap[k], found.face_dimension[k], found.tie_broken[k] = result
        if not found.tie_broken.all():
            name, n = names[int(np.argmin(found.tie_broken))], int(np.count_nonzero(~found.tie_broken))
            what = f"without {name} ({n} such problems): weights are optimal, but not the nearest to uniform"
            warnings.warn(what, TieBreakWarning, stacklevel=4)
        return found

    def _pool(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares and pooled logits of each mixture, shape (n, n_items)."""
        return allocate_each(self.matrix, weights, self._parent_index, mean=self._mean)

    def _squared_error(
        self, pooled: NDArray[np.float64], problem: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Squared error of the mixture of a problem at each of some labels."""
        labels = self._labels
        error = pooled[problem, labels.b[rows]] - pooled[problem, labels.a[rows]] - labels.y[rows]
        squared: NDArray[np.float64] = np.square(error)
        return squared

    def _changes(
        self,
        found: _Found,
        allocation: NDArray[np.float64],
        mse_with: NDArray[np.float64],
        mse_without: NDArray[np.float64],
        *,
        keep_weights: bool,
    ) -> Changes:
        # Row by row: the difference stays in the cache.
        moved = [0.5 * np.abs(weights - self.solution.weights).sum() for weights in found.weights]
        return Changes(
            weight_change=np.array(moved),
            allocation=allocation,
            mse_with=mse_with,
            mse_without=mse_without,
            relative_gap=found.relative_gap,
            face_dimension=found.face_dimension,
            tie_broken=found.tie_broken,
            weights=found.weights if keep_weights else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Solutions of some problems: weights of shape (n, n_models), and their certificates."""

    weights: NDArray[np.float64]
    relative_gap: NDArray[np.float64]
    face_dimension: NDArray[np.int64]
    tie_broken: NDArray[np.bool_]

    @classmethod
    def empty(cls, n: int, n_models: int) -> _Found:
        """Make room for n solutions."""
        whole, truth = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.bool_)
        return cls(np.empty((n, n_models)), np.empty(n), whole, truth)


def _require_plain(solution: SimplexSolution, matrix: NDArray[Any], judgments: Judgments) -> None:
    """Refuse what is no solution of these logits and judgments without options."""
    require_solution(solution, len(matrix))
    if solution.cost is not None:
        raise OptionError(
            "solution: it was found under prices, and influence is that without; give what pair_least_squares returns "
            "for these logits and judgments without cost="
        )
    require_own(solution, matrix, judgments)


def _joined(parts: Sequence[Changes]) -> Changes:
    """Put the rows of several parts below each other."""
    joined: dict[str, Any] = {}
    for name in (field.name for field in fields(Changes)):
        columns = [getattr(part, name) for part in parts]
        joined[name] = None if columns[0] is None else np.concatenate(columns)
    return Changes(**joined)
