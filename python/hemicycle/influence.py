"""Influence of a juror or a pair, credit of a model: what least squares finds when one at a time is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np

from hemicycle.arrays import index_array, read_only
from hemicycle.errors import FormatError
from hemicycle.left_out import Changes, Whole
from hemicycle.options import truth
from hemicycle.pool import Pool
from hemicycle.rejects import excerpt
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.allocation import Mean
    from hemicycle.judgments import Judgments
    from hemicycle.solution import SimplexSolution

__all__ = ["LEAVE_OUT", "By", "Influence", "leave_one_juror_out", "leave_one_model_out", "leave_one_pair_out"]


By: TypeAlias = Literal["juror", "pair", "model"]
"""What is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Influence:
    """What changes when one juror, pair or model at a time is left out.

    Attributes
    ----------
    by : {"juror", "pair", "model"}
        What is left out.
    names : tuple of str, length n
        The jurors, pairs or models.
    n_labels : ndarray of int64, shape (n,)
        Cardinal judgments of positive weight that were left out.
    weight_change : ndarray of float64, shape (n,)
        The weight that moves from one model to another: half the sum of ``|w' - w|``, from 0 to 1.
    allocation : ndarray of float64, shape (n, n_items)
        Shares of the items in the budget of their parent.
    allocation_change : ndarray of float64, shape (n,)
        The part of the budgets that moves: half the sum over all items of the absolute changes of their shares, over
        the number of parents.
    mse_with, mse_without : ndarray of float64, shape (n,)
        Mean squared error of the pooled log ratio, with what was left out and without. For a juror or a pair over the
        judgments that were left out: how well the others predict them. For a model over all: its credit. nan without
        judgments.
    relative_gap : ndarray of float64, shape (n,)
        Certificate of each solution, as `SimplexSolution.relative_gap`.
    face_dimension : ndarray of int64, shape (n,)
        Dimension of the set of optimal weights of each: 0 if there is one optimum.
    tie_broken : ndarray of bool, shape (n,)
        Whether the weights are the nearest to uniform, as `SimplexSolution.tie_broken`.
    solution : SimplexSolution
        With nothing left out.
    whole_allocation : ndarray of float64, shape (n_items,)
        Shares with nothing left out.
    weights : ndarray of float64, shape (n, n_models), or None
        The weights of each solution, where they were asked for.
    """

    by: By
    names: tuple[str, ...]
    n_labels: NDArray[np.int64]
    weight_change: NDArray[np.float64]
    allocation: NDArray[np.float64]
    allocation_change: NDArray[np.float64]
    mse_with: NDArray[np.float64]
    mse_without: NDArray[np.float64]
    relative_gap: NDArray[np.float64]
    face_dimension: NDArray[np.int64]
    tie_broken: NDArray[np.bool_]
    solution: SimplexSolution
    whole_allocation: NDArray[np.float64]
    weights: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, read_only(value))

    @classmethod
    def of(cls, by: By, whole: Whole, names: Sequence[str], n_labels: NDArray[np.int64], changes: Changes) -> Influence:
        """Put names to the changes."""
        return cls(
            by=by,
            names=tuple(names),
            n_labels=n_labels,
            weight_change=changes.weight_change,
            allocation=changes.allocation,
            allocation_change=0.5 * np.abs(changes.allocation - whole.allocation).sum(axis=1) / whole.n_parents,
            mse_with=changes.mse_with,
            mse_without=changes.mse_without,
            relative_gap=changes.relative_gap,
            face_dimension=changes.face_dimension,
            tie_broken=changes.tie_broken,
            solution=whole.solution,
            whole_allocation=whole.allocation,
            weights=changes.weights,
        )

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        most = f", at most {self.allocation_change.max():.3g} of the budgets moves" if len(self) else ""
        return f"Influence({len(self)} left out one at a time, by {self.by}{most})"

    def table(self) -> Table:
        """Return one row for each that was left out, the most influential first.

        Returns
        -------
        Table
            Columns juror, pair or model; judgments (not for models); weight_change, allocation_change, mse_with and
            mse_without, as described above. Ordered by the change of the allocation, then of the weights, then by name.
        """
        changes = zip(self.allocation_change.tolist(), self.weight_change.tolist(), self.names, strict=True)
        order = [
            k for k, _ in sorted(enumerate(changes), key=lambda change: (-change[1][0], -change[1][1], change[1][2]))
        ]
        columns: dict[str, Any] = {self.by: [self.names[k] for k in order]}
        if self.by != "model":
            columns["judgments"] = self.n_labels[order]
        for name in ("weight_change", "allocation_change", "mse_with", "mse_without"):
            columns[name] = getattr(self, name)[order]
        return Table(columns)


def leave_one_juror_out(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    *,
    mean: Mean = "geometric",
    solution: SimplexSolution | None = None,
    tol: float = 1e-12,
    keep_weights: bool = False,
    n_threads: int | None = None,
) -> Influence:
    """Solve least squares without the judgments of each juror in turn.

    Parameters
    ----------
    logits : array_like of float or Pool, shape (n_models, n_items)
        Log contribution of each item, natural log.
    judgments : Judgments
        Its items are the columns of `logits`. Those that name no juror always count.
    mean : {"geometric", "arithmetic"}, default "geometric"
        How weights become an allocation, as in `hemicycle.allocate`.
    solution : SimplexSolution, optional
        What `pair_least_squares` returned for the same logits and judgments, without options; else it is solved first.
    tol : float, default 1e-12
        Largest relative gap of each solution.
    keep_weights : bool, default False
        Return all weights, n times n_models of them.
    n_threads : int, optional
        Threads to use, by default every core. The result is the same bits for any number.

    Returns
    -------
    Influence
        Jurors by name.

    Raises
    ------
    FormatError
        If no judgment that counts names its juror.
    NoDataError
        If no judgment counts, or all that do are of one juror.
    OptionError
        If `mean` is neither of the two, or `solution` was found under prices.
    NotConvergedError
        If a solution could not be certified; it says who was left out, and carries the best weights.
    DomainError
        If `solution` is that of other logits or judgments, or as `pair_least_squares`.
    ShapeError, NonFiniteError, DtypeError, KeyboardInterrupt
        As `pair_least_squares`; if `solution` is none or has other models, or `keep_weights` is no truth value.

    Warns
    -----
    TieBreakWarning
        If the nearest weights of a solution cannot be certified, as the set of optimal weights is thinner than
        rounding; `tie_broken` says of which.

    Notes
    -----
    Each solution is the one that `pair_least_squares` finds without those judgments: the same objective, tie-break
    (nearest to uniform) and certificate. All start from the optimum with nothing left out. Taking a few judgments out
    of the sum of squares is a change of low rank, so that nothing is factored anew (Sherman, Morrison and Woodbury),
    and one product of matrices prices all models in all problems that are still open: usually once or twice. Problems
    that are far from the whole one, or have several optima, are solved by themselves. Memory: a few times 64 MB, or
    what one solution takes if that is more, beside the result.
    """
    keep_weights = truth(keep_weights, "keep_weights")
    whole = Whole(logits, judgments, mean, solution, tol, n_threads)
    jurors = [judgments.juror[row] for row in whole.pairs.row.tolist()]
    named = sorted({juror for juror in jurors if juror is not None})
    if not named:
        raise FormatError(
            f"{judgments.file or 'judgments'}: the column juror is missing or empty, so no juror can be left out; "
            "name the jurors, or leave out pairs or models"
        )
    code = {juror: number for number, juror in enumerate(named)}
    of_label = np.array([-1 if juror is None else code[juror] for juror in jurors])  # (n_labels,)
    order = np.argsort(of_label, kind="stable")
    bounds = np.searchsorted(of_label[order], np.arange(len(named) + 1))
    rows, offsets = order[bounds[0] :], bounds - bounds[0]
    what = [f"juror {excerpt(name)!r}" for name in named]
    changes = whole.without_labels(what, rows, offsets, keep_weights=keep_weights)
    return Influence.of("juror", whole, named, np.diff(offsets), changes)


def leave_one_pair_out(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    *,
    mean: Mean = "geometric",
    solution: SimplexSolution | None = None,
    tol: float = 1e-12,
    keep_weights: bool = False,
    n_threads: int | None = None,
) -> Influence:
    """Solve least squares without the judgments of each pair of items in turn.

    Parameters
    ----------
    logits, judgments, mean, solution, tol, keep_weights, n_threads
        As for `leave_one_juror_out`.

    Returns
    -------
    Influence
        Pairs in the order of ``judgments.pairs``, named after their items.

    Raises
    ------
    NoDataError
        If no judgment counts, or all that do are of one pair.
    OptionError, NotConvergedError, ShapeError, NonFiniteError, DtypeError, DomainError, KeyboardInterrupt
        As `leave_one_juror_out`.
    """
    keep_weights = truth(keep_weights, "keep_weights")
    whole = Whole(logits, judgments, mean, solution, tol, n_threads)
    pairs, items = whole.pairs, judgments.items.names
    named = [f"{items[a]} - {items[b]}" for a, b in zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)]
    rows, offsets = np.arange(pairs.n_labels), pairs.offsets
    changes = whole.without_labels([f"pair {name}" for name in named], rows, offsets, keep_weights=keep_weights)
    return Influence.of("pair", whole, named, np.diff(offsets), changes)


def leave_one_model_out(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    *,
    models: ArrayLike | None = None,
    mean: Mean = "geometric",
    solution: SimplexSolution | None = None,
    tol: float = 1e-12,
    keep_weights: bool = False,
    n_threads: int | None = None,
) -> Influence:
    """Solve least squares without each model in turn.

    Parameters
    ----------
    logits, judgments
        As for `leave_one_juror_out`.
    models : array_like of int, optional
        Which models to leave out, by default all that have weight. Without a model of weight 0, nothing changes: the
        same weights are optimal and nearest to uniform among the others.
    mean, solution, tol, keep_weights, n_threads
        As for `leave_one_juror_out`.

    Returns
    -------
    Influence
        Models in the order of `models`; those of an array are named by number.

    Raises
    ------
    NoDataError
        If no judgment counts, or there is one model only.
    OptionError, NotConvergedError, ShapeError, NonFiniteError, DtypeError, DomainError, IndexOutOfRangeError
        As `leave_one_juror_out`, or if `models` names a model that does not exist.
    """
    keep_weights = truth(keep_weights, "keep_weights")
    whole = Whole(logits, judgments, mean, solution, tol, n_threads)
    n_models = len(whole.matrix)
    chosen = whole.solution.support if models is None else index_array(models, "models", n_models, "models")
    names = logits.models if isinstance(logits, Pool) else tuple(map(str, range(n_models)))
    named = [names[model] for model in chosen.tolist()]
    none = np.zeros(len(named), dtype=np.int64)
    changes = whole.without_models([f"model {excerpt(name)!r}" for name in named], chosen, keep_weights=keep_weights)
    return Influence.of("model", whole, named, none, changes)


class _LeaveOut(Protocol):
    """What the functions above have in common."""

    def __call__(
        self,
        logits: ArrayLike | Pool,
        judgments: Judgments,
        *,
        mean: Mean = "geometric",
        solution: SimplexSolution | None = None,
        n_threads: int | None = None,
    ) -> Influence: ...


LEAVE_OUT: dict[str, _LeaveOut] = {
    "juror": leave_one_juror_out,
    "pair": leave_one_pair_out,
    "model": leave_one_model_out,
}
"""The functions by what they leave out."""
