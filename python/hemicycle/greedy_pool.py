"""Greedy selection from the pool of a round, judged on what the jury said."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from hemicycle.blends import (
    BLOCK_CELLS,
    TIE,
    Blend,
    Matrix,
    Mixture,
    Rows,
    Screen,
    first_of_least,
    largest_magnitude,
    relative_gap,
    squared_rounding,
)
from hemicycle.greedy import as_score, select
from hemicycle.likelihood import log_likelihood
from hemicycle.options import known_word
from hemicycle.scores import mean_squared_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool
    from hemicycle.solution import SimplexSolution

__all__ = ["LOSSES", "Loss", "pool_greedy"]

Loss: TypeAlias = Literal["squared_error", "log_score", "log_likelihood"]
"""What a blend of a round's models is judged by."""

LOSSES: tuple[Loss, ...] = ("squared_error", "log_score", "log_likelihood")
MAX_CELLS = 1 << 26  #: log densities of labels that are held: 512 MB of float64; more are made anew each round


def pool_greedy(
    pool: Pool,
    judgments: Judgments,
    *,
    pair_weight: NDArray[np.float64],
    label_weight: NDArray[np.float64],
    loss: str = "squared_error",
    sigma: float = 0.5,
    rounds: int = 100,
    n_threads: int | None = None,
) -> SimplexSolution:
    """Choose models of a pool one after another, with replacement, as `hemicycle.greedy_weights` does.

    Parameters
    ----------
    pool : Pool
        Models without zero weights.
    judgments : Judgments
        Its items are those of the pool.
    pair_weight : ndarray of float64, shape (n_pairs,)
        Weight of each pair in the log likelihood.
    label_weight : ndarray of float64, shape (n_labels,)
        Weight of each label in the log score, in the order of ``judgments.pairs``.
    loss : {"squared_error", "log_score", "log_likelihood"}, default "squared_error"
        The mean squared error of the pooled log ratio; the log score of the single labels under the mixture of models;
        or the sum-Gaussian log likelihood of the pooled logits, as if they were one model.
    sigma : float, default 0.5
        Width of the Gaussian at each label, for the latter two.
    rounds : int, default 100
        How many models are chosen in all.
    n_threads : int, optional
        Number of threads; every core by default. The result is the same bits for any number.

    Returns
    -------
    SimplexSolution
        `objective` is the mean squared error, the mean log score or the log likelihood. The gap of the last is nan: it
        is not concave in the weights, so that nothing certifies it.

    Raises
    ------
    OptionError
        If `loss` is no such word.
    DtypeError, NonFiniteError, DomainError
        If `rounds` is not an integer above 0, or as `log_likelihood`.

    Notes
    -----
    Each round scores every model as it would change the blend, by the kernels of scores. For the squared error a
    product of the logits with a vector tells which few models need to be.
    """
    known_word(loss, "loss", LOSSES)
    blend: Blend
    if loss == "log_score":
        densities = _Densities(pool, judgments, sigma, n_threads)
        held = len(pool) * len(label_weight) <= MAX_CELLS
        rows: Rows = Matrix(densities.of(slice(None))) if held else densities
        blend = Mixture(rows, label_weight / math.fsum(label_weight), len(pool))
        return as_score(select(blend, pool.models, rounds))
    if loss == "log_likelihood":
        options: dict[str, Any] = {"sigma": sigma, "pair_weights": pair_weight, "n_threads": n_threads}
        blend = _Pooled(pool, judgments, lambda pooled: -log_likelihood(pooled, judgments, **options))
        return as_score(select(blend, pool.models, rounds))
    return select(_SquaredLoss(pool, judgments, n_threads), pool.models, rounds)


class _Pooled:
    """Logits of the models in the bag, averaged: one model more or less."""

    def __init__(
        self, pool: Pool, judgments: Judgments, score: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> None:
        self.logits, self.judgments, self.score = Matrix(pool.logits), judgments, score
        self.total, self.size = np.zeros(pool.logits.shape[1]), 0

    def add(self, model: int) -> None:
        self.total, self.size = self.total + self.logits.row(model), self.size + 1

    def losses(self) -> NDArray[np.float64]:
        return np.concatenate([self._losses_of(block) for _, block in self.logits.blocks()])

    def best(self, place: NDArray[np.int64]) -> tuple[int, float]:
        return first_of_least(self.losses(), place)

    def rounding(self, loss: float) -> float:
        return TIE * abs(loss)

    def gap(self, weights: NDArray[np.float64], single: NDArray[np.float64]) -> tuple[float, float]:  # noqa: ARG002
        return math.nan, math.nan

    def _losses_of(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.score((self.total + block) / (self.size + 1))  # (n_rows, n_items)


class _SquaredLoss(_Pooled):
    """Mean squared error of the pooled log ratio."""

    def __init__(self, pool: Pool, judgments: Judgments, n_threads: int | None) -> None:
        super().__init__(pool, judgments, lambda pooled: mean_squared_error(pooled, judgments, n_threads=n_threads))
        pairs = judgments.pairs
        self.a, self.b = pairs.a[pairs.pair_of_label], pairs.b[pairs.pair_of_label]  # (n_labels,)
        self.share = pairs.weight / math.fsum(pairs.weight)
        self.reach = float(np.abs(pairs.log_ratio).max())
        single, pull = self.losses(), self._of_items(pairs.log_ratio)
        square, products = math.fsum(self.share * pairs.log_ratio**2), self._product(pull)
        largest = largest_magnitude(pool.logits)
        scale = single + 2 * np.abs(pull).sum() * largest + square
        self.screen = Screen(pool.logits, single + 2 * products - square, scale)

    def best(self, place: NDArray[np.int64]) -> tuple[int, float]:
        step = 1.0 / (self.size + 1)
        error = self._error(self.total * step)
        near = self.screen(math.fsum(self.share * error**2), self._of_items(error), step)
        model, loss = first_of_least(self._losses_of(self.logits.rows(near)), place[near])
        return int(near[model]), loss

    def add(self, model: int) -> None:
        super().add(model)
        self.reach = max(self.reach, 2 * float(np.abs(self.logits.row(model)).max()))

    def rounding(self, loss: float) -> float:
        return squared_rounding(loss, self.reach)

    def gap(self, weights: NDArray[np.float64], single: NDArray[np.float64]) -> tuple[float, float]:
        support = np.flatnonzero(weights)
        pooled = weights[support] @ self.logits.rows(support)
        slope = self._product(self._of_items(self._error(pooled)))  # half the gradient
        return relative_gap(max(0.0, 2.0 * float(weights @ slope - slope.min())), single)

    def _error(self, pooled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Error at each label."""
        error: NDArray[np.float64] = pooled[self.b] - pooled[self.a] - self.judgments.pairs.log_ratio
        return error

    def _of_items(self, of_label: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the vector whose product with logits is that of weighted numbers of labels with predictions."""
        n_items, pull = self.logits.values.shape[1], self.share * of_label
        vector = np.zeros(n_items)
        vector += np.bincount(self.b, pull, n_items)
        vector -= np.bincount(self.a, pull, n_items)
        return vector

    def _product(self, pull: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([block @ pull for _, block in self.logits.blocks()])


class _Densities:
    """Log densities of the labels, made for some models at a time."""

    def __init__(self, pool: Pool, judgments: Judgments, sigma: float, n_threads: int | None) -> None:
        self.pool, self.judgments, self.sigma, self.n_threads = pool, judgments, sigma, n_threads

    def of(self, models: slice) -> NDArray[np.float64]:
        logits = self.pool.logits[models]
        return log_likelihood(logits, self.judgments, sigma=self.sigma, per="label", n_threads=self.n_threads)

    def row(self, model: int) -> NDArray[np.float64]:
        row: NDArray[np.float64] = self.of(slice(model, model + 1))[0]
        return row

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        rows = max(1, BLOCK_CELLS // self.judgments.pairs.n_labels)
        for start in range(0, len(self.pool), rows):
            yield slice(start, start + rows), self.of(slice(start, start + rows))
