"""Bags of models that grow one by one, and how much each model would help them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hemicycle.types import Logits

__all__ = [
    "BLOCK_CELLS",
    "TIE",
    "Blend",
    "Matrix",
    "Mixture",
    "Predictions",
    "Rows",
    "Screen",
    "first_of_least",
    "largest_magnitude",
    "relative_gap",
    "squared_rounding",
]

BLOCK_CELLS = 1 << 20  #: cells of candidates held at a time: 8 MB of float64
TIE = 8 * float(np.finfo(np.float64).eps)  #: losses this near, relative to what is added up, differ by rounding only


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

    def rounding(self, loss: float) -> float:
        """Return how far two computed losses of about this size may differ where the true ones are equal."""
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
        self.largest = largest_magnitude(matrix)
        self.rounding = 4 * (matrix.shape[1] + 16) * np.finfo(np.float64).eps

    def __call__(self, square: float, pull: NDArray[np.float64], step: float) -> NDArray[np.int64]:
        """Return the models that may be the best, given ``sum v e**2``, what ``x.(v e)`` is the product with, and t."""
        product: NDArray[np.float64] = np.concatenate([block @ pull for _, block in Matrix(self.matrix).blocks()])
        loss = square + 2 * step * product + step**2 * self.squares
        doubt = self.rounding * (square + 2 * step * np.abs(pull).sum() * self.largest + step**2 * self.scale)
        near: NDArray[np.int64] = np.flatnonzero(loss - doubt <= (loss + doubt).min())
        return near


class Predictions:
    """Squared error of a blend of predictions.

    Parameters
    ----------
    x : ndarray of float64, shape (n_models, n_observations)
        What each model predicts.
    y : ndarray of float64, shape (n_observations,)
        What was observed.
    share : ndarray of float64, shape (n_observations,)
        Weights of the observations, of sum 1.
    """

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.float64], share: NDArray[np.float64]) -> None:
        self.x, self.y, self.share = Matrix(x), y, share
        self.total, self.size = np.zeros(len(y)), 0
        self.reach = float(np.abs(y).max(initial=0.0))  # size of what is added up
        squares = np.concatenate([(share * block**2).sum(axis=1) for _, block in self.x.blocks()])
        self.screen = Screen(x, squares, squares)

    def add(self, model: int) -> None:
        """Put one more of this model into the bag."""
        row = self.x.row(model)
        self.total, self.size = self.total + row, self.size + 1
        self.reach = max(self.reach, float(np.abs(row).max(initial=0.0)))

    def rounding(self, loss: float) -> float:
        """Return how far computed losses of about this size may differ by chance."""
        return squared_rounding(loss, self.reach)

    def losses(self) -> NDArray[np.float64]:
        """Return the loss with one more of each model."""
        return np.concatenate([self._losses_of(block) for _, block in self.x.blocks()])

    def best(self, place: NDArray[np.int64]) -> tuple[int, float]:
        """Return the model that helps most, and the loss with it."""
        step = 1.0 / (self.size + 1)
        error = self.total * step - self.y
        near = self.screen(math.fsum(self.share * error**2), self.share * error, step)
        model, loss = first_of_least(self._losses_of(self.x.rows(near)), place[near])
        return int(near[model]), loss

    def gap(self, weights: NDArray[np.float64], single: NDArray[np.float64]) -> tuple[float, float]:
        """Return the certificate of least squares, and that over the median loss of a model."""
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

    def rounding(self, loss: float) -> float:
        """Return how far computed losses of about this size may differ by chance; they contain the log of the size."""
        return TIE * max(abs(loss), 1.0)

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


def largest_magnitude(matrix: Logits) -> NDArray[np.float64]:
    """Return the largest absolute value of each row, in blocks: of a mapped matrix no copy is made."""
    return np.concatenate([np.abs(block).max(axis=1) for _, block in Matrix(matrix).blocks()])


def first_of_least(losses: NDArray[np.float64], place: NDArray[np.int64]) -> tuple[int, float]:
    """Return the model with the least loss, and this; the lowest `place` decides between equals."""
    least = losses.min()
    ties = np.flatnonzero(losses == least)
    return int(ties[np.argmin(place[ties])]), float(least)


def squared_rounding(loss: float, reach: float) -> float:
    """Return how far two computed squared errors of about this size may differ by chance, of numbers up to `reach`."""
    apart = TIE * reach
    return TIE * loss + 2 * math.sqrt(loss) * apart + apart**2


def relative_gap(gap: float, single: NDArray[np.float64]) -> tuple[float, float]:
    """Return a gap of a squared error, and that over the median loss of a single model."""
    median = float(np.median(single))
    return gap, gap / median if median > 0 else (math.inf if gap else 0.0)
