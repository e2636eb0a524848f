"""Greedy selection of an ensemble, model by model, with replacement: the baseline of practitioners."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np

from hemicycle.arrays import float_array, read_only, require_finite, require_length, require_non_negative
from hemicycle.errors import NoDataError, NonFiniteError, ObservationsDroppedWarning, OptionError
from hemicycle.options import known_word, positive_count
from hemicycle.solution import SimplexSolution

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.types import Logits

__all__ = [
    "BLOCK_CELLS",
    "Blend",
    "Matrix",
    "Mixture",
    "Rows",
    "Screen",
    "as_score",
    "first_of_least",
    "greedy_weights",
    "relative_gap",
    "select",
]

Loss: TypeAlias = Literal["squared_error", "log_score"]
"""What a blend on arrays is judged by."""

LOSSES = ("squared_error", "log_score")
BLOCK_CELLS = 1 << 20  #: cells of candidates held at a time: 8 MB of float64


class Blend(Protocol):
    """A bag of models whose loss is known, and what it would be with one more of each model."""

    def add(self, model: int) -> None:
        """Put one more of this model into the bag."""
        ...

    def losses(self) -> NDArray[np.float64]:
        """Return the loss of the bag with one more of each model, shape (n_models,); equal models have equal bits."""
        ...

    def best(self, place: NDArray[np.int64]) -> tuple[int, float]:
        """Return the model that helps most, and the loss with it; `place` decides between equals."""
        ...

    def gap(self, weights: NDArray[np.float64], single: NDArray[np.float64]) -> tuple[float, float]:
        """Return how far the loss is above the least at most, and that in the unit of a tolerance; nan if not known.

        Parameters
        ----------
        weights : ndarray of float64, shape (n_models,)
            Whose loss.
        single : ndarray of float64, shape (n_models,)
            Loss of each model by itself.
        """
        ...


def greedy_weights(
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    loss: str = "squared_error",
    observation_weights: ArrayLike | None = None,
    rounds: int = 100,
    start_size: int = 1,
    models: Sequence[str] | None = None,
) -> SimplexSolution:
    r"""Return the weights of models chosen one after another, with replacement, each the one that helps the blend most.

    After k choices model d has the weight :math:`n_d / k`, :math:`n_d` the times that it was chosen. The next is
    :math:`\arg\min_e L\big((n + e) / (k + 1)\big)`, and those weights on the way are returned that have the least loss.

    Parameters
    ----------
    x : array_like of float, shape (n_models, n_observations)
        Predictions, for "squared_error"; log densities that each model gave to each observation, for "log_score".
    y : array_like of float, shape (n_observations,), optional
        What was observed; for "squared_error" only.
    loss : {"squared_error", "log_score"}, default "squared_error"
        :math:`\sum_n v_n (\sum_d w_d x_{dn} - y_n)^2`, or :math:`-\sum_n v_n \log \sum_d w_d e^{x_{dn}}`.
    observation_weights : array_like of float, shape (n_observations,), optional
        Non-negative, equal by default; v are these divided by their sum.
    rounds : int, default 100
        Models that are chosen in all, at least `start_size`; weights are multiples of one over at most this.
    start_size : int, default 1
        How many begin: those that are best by themselves, each once.
    models : sequence of str, length n_models, optional
        Names: of models that help equally the one whose name comes first is chosen. By default the first row.

    Returns
    -------
    SimplexSolution
        `objective` is the weighted mean squared error, or the weighted mean log score; `gap` bounds how far it is from
        the best over the simplex, which greedy selection seldom attains; `passes` counts the rounds and `reason` says
        which of them was best.

    Raises
    ------
    DtypeError
        If an array is not numeric or is masked, or a number of models no integer.
    ShapeError
        If shapes do not agree.
    NonFiniteError
        If a value is NaN or infinite; log densities may be -inf.
    DomainError
        If a weight is negative, or a number of models below 1.
    OptionError
        If `loss` is no such word, `y` is missing or not wanted, or `start_size` is above `rounds` or `n_models`.
    NoDataError
        If there is no model, or no observation with a positive weight.

    Notes
    -----
    Each round is a pass over `x`; of a squared error it is a product with a vector, which leaves few models to be
    looked at more closely. There is no bagging: nothing but the number of rounds keeps the blend from fitting noise.

    References
    ----------
    Caruana, Niculescu-Mizil, Crew and Ksikes (2004), Ensemble selection from libraries of models,
    doi:10.1145/1015330.1015432: sections 2.1 (with replacement) and 2.2 (sorted initialisation).

    Examples
    --------
    >>> greedy_weights([[0.0, 0.0], [2.0, 2.0], [5.0, -5.0]], [1.5, 1.5]).weights
    array([0.25, 0.75, 0.  ])
    """
    known_word(loss, "loss", LOSSES)
    values = float_array(x, "x", 2)
    if 0 in values.shape:
        raise NoDataError(f"x: there are {values.shape[0]} models and {values.shape[1]} observations")
    share = _shares(observation_weights, values.shape[1])
    blend: Blend
    dropped = ""
    if loss == "squared_error":
        if y is None:
            raise OptionError("y: what was observed is missing; loss='squared_error' needs it")
        require_finite(values, "x")
        target = float_array(y, "y", 1)
        require_length(target, "y", values.shape[1], "each row of x")
        require_finite(target, "y")
        blend = _Predictions(values[:, share > 0], target[share > 0], share[share > 0])
    else:
        if y is not None:
            raise OptionError(
                "y: loss='log_score' has none; the log densities already compare models with observations"
            )
        if not (values < np.inf).all():
            row, column = map(int, np.argwhere(~(values < np.inf))[0])
            raise NonFiniteError(f"x[{row}, {column}] is {values[row, column]}; it must be finite or -inf")
        explained, dropped = _explained(values, share)
        kept = explained & (share > 0)
        blend = Mixture(Matrix(values[:, kept]), share[kept] / math.fsum(share[kept]), len(values))
    if models is not None:
        require_length(models, "models", len(values), "x")
    solution = select(blend, models if models is not None else range(len(values)), rounds, start_size)
    return solution if loss == "squared_error" else as_score(solution, dropped)


def select(blend: Blend, names: Sequence[str] | range, rounds: int, start_size: int = 1) -> SimplexSolution:
    """Choose models of an empty blend and return the weights with the least loss.

    Parameters
    ----------
    blend : Blend
        The empty bag.
    names : sequence of str, or range
        What decides between equals, one for each model.
    rounds, start_size : int
        As in `greedy_weights`.

    Returns
    -------
    SimplexSolution
        `objective` is the loss.

    Raises
    ------
    DtypeError, DomainError, OptionError
        If `rounds` or `start_size` is out of its domain.
    """
    rounds, start_size = positive_count(rounds, "rounds"), positive_count(start_size, "start_size")
    if start_size > min(rounds, len(names)):
        raise OptionError(f"start_size is {start_size}; there are {rounds} rounds and {len(names)} models")
    place = np.argsort(np.argsort(np.array(names), kind="stable"), kind="stable")  # (n_models,)
    chosen: list[int] = []
    single = losses = blend.losses()
    for model in np.lexsort((place, losses))[:start_size].tolist():
        if chosen:
            losses = blend.losses()
        chosen.append(model)
        blend.add(model)
    best, size = float(losses[chosen[-1]]), start_size
    while len(chosen) < rounds and best > -math.inf:
        model, least = blend.best(place)
        chosen.append(model)
        blend.add(model)
        if least < best:
            best, size = least, len(chosen)
    weights = np.bincount(chosen[:size], minlength=len(place)) / size
    gap, relative = blend.gap(weights, single)
    reason = f"greedy: of {len(chosen)} models chosen one after another the first {size} are best; ties by name"
    return SimplexSolution(read_only(weights), best, gap, relative, len(chosen), reason)


def _shares(observation_weights: ArrayLike | None, n_observations: int) -> NDArray[np.float64]:
    """Return the weights of observations, of sum 1."""
    if observation_weights is None:
        return np.full(n_observations, 1.0 / n_observations)
    given = float_array(observation_weights, "observation_weights", 1)
    require_length(given, "observation_weights", n_observations, "each row of x")
    require_non_negative(given, "observation_weights")
    if not given.any():
        raise NoDataError("observation_weights: every observation has the weight 0")
    scaled: NDArray[np.float64] = given / given.max()
    return scaled / math.fsum(scaled)


def as_score(solution: SimplexSolution, more: str = "") -> SimplexSolution:
    """Return a solution whose objective is a score, the loss with its sign changed."""
    return replace(solution, objective=-solution.objective, reason=solution.reason + more)


def first_of_least(losses: NDArray[np.float64], place: NDArray[np.int64]) -> tuple[int, float]:
    """Return the model with the least loss, and this; the lowest `place` decides between equals."""
    least = losses.min()
    ties = np.flatnonzero(losses == least)
    return int(ties[np.argmin(place[ties])]), float(least)


class Rows(Protocol):
    """A matrix, one row a model, that is read some rows at a time."""

    def row(self, model: int) -> NDArray[np.float64]:
        """Return the row of one model."""
        ...

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Yield all rows in blocks, with the models that they belong to."""
        ...


class Matrix:
    """A matrix in memory, as `Rows`."""

    def __init__(self, values: Logits) -> None:
        self.values = values

    def row(self, model: int) -> NDArray[np.float64]:
        """Return the row of one model."""
        row: NDArray[np.float64] = self.values[model].astype(np.float64, copy=False)
        return row

    def rows(self, models: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the rows of some models."""
        return self.values[models].astype(np.float64, copy=False)

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Yield all rows in blocks of constant size."""
        rows = max(1, BLOCK_CELLS // self.values.shape[1])
        for start in range(0, len(self.values), rows):
            yield slice(start, start + rows), self.values[start : start + rows].astype(np.float64, copy=False)


class Screen:
    """Which models a squared error could choose: a product with all of them tells, but for what rounding hides.

    With e the error of the blend if nothing were added, t one over its new size and v the weights of the observations,
    a model with predictions x makes the loss ``sum v e**2 + 2 t x.(v e) + t**2 sum v x**2``.

    Parameters
    ----------
    matrix : ndarray of float64 or float32, shape (n_models, n_columns)
        Of which predictions are linear functions: the predictions themselves, or logits.
    squares : ndarray of float64, shape (n_models,)
        ``sum v x**2`` of each model.
    scale : ndarray of float64, shape (n_models,)
        Size of what was added up to get these, for their rounding.
    """

    def __init__(self, matrix: Logits, squares: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        self.matrix, self.squares, self.scale = matrix, squares, scale
        self.largest = np.abs(matrix).max(axis=1).astype(np.float64)
        self.rounding = 4 * (matrix.shape[1] + 16) * np.finfo(np.float64).eps

    def __call__(self, square: float, pull: NDArray[np.float64], step: float) -> NDArray[np.int64]:
        """Return the models that may be the best, given ``sum v e**2``, what ``x.(v e)`` is the product with, and t."""
        product: NDArray[np.float64] = np.concatenate([block @ pull for _, block in Matrix(self.matrix).blocks()])
        loss = square + 2 * step * product + step**2 * self.squares
        doubt = self.rounding * (square + 2 * step * np.abs(pull).sum() * self.largest + step**2 * self.scale)
        near: NDArray[np.int64] = np.flatnonzero(loss - doubt <= (loss + doubt).min())
        return near


class _Predictions:
    """Squared error of a blend of predictions."""

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.float64], share: NDArray[np.float64]) -> None:
        self.x, self.y, self.share = Matrix(x), y, share
        self.total, self.size = np.zeros(len(y)), 0
        squares = np.concatenate([(share * block**2).sum(axis=1) for _, block in self.x.blocks()])
        self.screen = Screen(x, squares, squares)

    def add(self, model: int) -> None:
        self.total, self.size = self.total + self.x.row(model), self.size + 1

    def losses(self) -> NDArray[np.float64]:
        return np.concatenate([self._losses_of(block) for _, block in self.x.blocks()])

    def best(self, place: NDArray[np.int64]) -> tuple[int, float]:
        step = 1.0 / (self.size + 1)
        error = self.total * step - self.y
        near = self.screen(math.fsum(self.share * error**2), self.share * error, step)
        model, loss = first_of_least(self._losses_of(self.x.rows(near)), place[near])
        return int(near[model]), loss

    def gap(self, weights: NDArray[np.float64], single: NDArray[np.float64]) -> tuple[float, float]:
        slope = self.x.values @ (self.share * (weights @ self.x.values - self.y))  # half the gradient
        return relative_gap(max(0.0, 2.0 * float(weights @ slope - slope.min())), single)

    def _losses_of(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        error: NDArray[np.float64] = (self.total + block) / (self.size + 1) - self.y  # (n_rows, n_observations)
        losses: NDArray[np.float64] = (self.share * error**2).sum(axis=1)  # in BLAS, bits would depend on the row
        return losses


class Mixture:
    """Log score of a mixture, less than none as a loss.

    Parameters
    ----------
    log_density : Rows
        Log densities of the observations, finite or -inf.
    share : ndarray of float64, shape (n_observations,)
        Weights of the observations, of sum 1.
    n_models : int
        Number of rows.
    """

    def __init__(self, log_density: Rows, share: NDArray[np.float64], n_models: int) -> None:
        self.log_density, self.share, self.n_models = log_density, share, n_models
        self.total, self.size = np.full(len(share), -np.inf), 0

    def add(self, model: int) -> None:
        """Put one more of this model into the bag."""
        self.total, self.size = np.logaddexp(self.total, self.log_density.row(model)), self.size + 1

    def losses(self) -> NDArray[np.float64]:
        """Return the loss with one more of each model."""
        losses = np.empty(self.n_models)
        for rows, block in self.log_density.blocks():
            mixed = np.logaddexp(self.total, block)  # (n_rows, n_observations)
            losses[rows] = math.log(self.size + 1) - (self.share * mixed).sum(axis=1)
        return losses

    def best(self, place: NDArray[np.int64]) -> tuple[int, float]:
        """Return the model that helps most, and the loss with it."""
        return first_of_least(self.losses(), place)

    def gap(self, weights: NDArray[np.float64], single: NDArray[np.float64]) -> tuple[float, float]:  # noqa: ARG002
        """Return the certificate of stacking, twice: it is in nats."""
        mixed = np.full(len(self.share), -np.inf)
        for model in np.flatnonzero(weights).tolist():
            mixed = np.logaddexp(mixed, math.log(weights[model]) + self.log_density.row(model))
        if not np.isfinite(mixed).all():
            return math.inf, math.inf
        highest = -math.inf
        with np.errstate(over="ignore"):
            for _, block in self.log_density.blocks():
                highest = max(highest, float((self.share * np.exp(block - mixed)).sum(axis=1).max()))
        return max(0.0, highest - 1), max(0.0, highest - 1)


def relative_gap(gap: float, single: NDArray[np.float64]) -> tuple[float, float]:
    """Return a gap of a squared error, and that over the median loss of a single model."""
    median = float(np.median(single))
    return gap, gap / median if median > 0 else (math.inf if gap else 0.0)


def _explained(log_density: NDArray[np.float64], share: NDArray[np.float64]) -> tuple[NDArray[np.bool_], str]:
    """Return which observations of positive weight some model explains, and what to say of the others."""
    explained = log_density.max(axis=0) > -np.inf
    if not (explained & (share > 0)).any():
        raise NoDataError("x: no model explains any observation (all log densities are -inf)")
    dropped = int(np.count_nonzero(~explained & (share > 0)))
    if not dropped:
        return explained, ""
    told = f"{dropped} of {len(share)} observations dropped, as no model explains them"
    warnings.warn(f"x: {told}", ObservationsDroppedWarning, stacklevel=3)
    return explained, f"; {told}"
