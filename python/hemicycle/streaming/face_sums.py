"""What a worker adds up for the optimum nearest to uniform: weights are computed where they are needed, never sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.streaming.parts import seated_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from hemicycle.streaming.pricing import FaceBand, LossPart

__all__ = ["DualPoint", "FaceSums", "face_sums", "face_values", "face_weights"]

TILE, SPLIT = 32, 256  #: rows and models of one product: so small that no library divides it among threads


@dataclass(frozen=True, slots=True, eq=False)
class DualPoint:
    """A fragment, and dual variables: the weight of a model with coordinates x is ``max(0, 1 + [x - target, 1] @ z)``.

    Attributes
    ----------
    part : LossPart
        The fragment.
    band : FaceBand or None
        Models that may have weight; None for all.
    target : ndarray of float64, shape (n_coordinates,)
        What the weights have to give.
    z : ndarray of float64, shape (n_coordinates + 1,)
        The variables.
    change : ndarray of float64, shape (n_coordinates + 1,), or None
        A direction to try.
    steps : tuple of float
        How far along it.
    """

    part: LossPart
    band: FaceBand | None
    target: NDArray[np.float64]
    z: NDArray[np.float64]
    change: NDArray[np.float64] | None = None
    steps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FaceSums:
    """Sums over the models of the face, with rows [x - target, 1].

    Attributes
    ----------
    square : float
        Of squared weights.
    first : ndarray of float64, shape (n_coordinates + 1,)
        Of weighted rows.
    second : ndarray of float64, shape (n_coordinates + 1, n_coordinates + 1)
        Of products of the rows of models with weight.
    n_models : int
        Models of the face.
    """

    square: float
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    n_models: int

    def __add__(self, other: FaceSums) -> FaceSums:
        """Return the sums over both."""
        return FaceSums(
            self.square + other.square,
            self.first + other.first,
            self.second + other.second,
            self.n_models + other.n_models,
        )


def _rows(
    task: DualPoint, stopped: Callable[[], bool] | None
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Yield rows [x - target, 1] of models of the face, shape (n_coordinates + 1, n_some), and who they are of all."""
    coordinates = task.part.coordinates
    for logits, losses in seated_rows(task.part, stopped):
        inside = np.ones(len(logits), dtype=bool)
        if task.band is not None:
            inside = task.band.contains(coordinates.products(logits, task.band.direction), losses)
        rows = np.ones((len(task.z), int(inside.sum())))
        if rows.size:
            rows[:-1] = coordinates.of_logits(logits[inside])
            rows[:-1] -= task.target[:, None]
        yield rows, inside


def _values(rows: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``z @ rows``, each as one chain of operations."""
    total = np.zeros(rows.shape[1])
    for row, factor in zip(rows, z.tolist(), strict=True):
        total += factor * row
    return total


def _products(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``rows @ rows.T``, added up in the same order on any machine with any number of threads."""
    n, n_models = rows.shape
    padded = np.zeros((n, -(-n_models // SPLIT) * SPLIT))
    padded[:, :n_models] = rows
    stack = padded.reshape(n, -1, SPLIT).transpose(1, 0, 2)  # (n_splits, n, SPLIT)
    products = np.empty((n, n))
    for i in range(0, n, TILE):
        for j in range(0, i + 1, TILE):
            block = np.matmul(stack[:, i : i + TILE], stack[:, j : j + TILE].transpose(0, 2, 1)).sum(axis=0)
            products[i : i + TILE, j : j + TILE] = block
            products[j : j + TILE, i : i + TILE] = block.T
    return products


def face_sums(task: DualPoint, stopped: Callable[[], bool] | None = None) -> FaceSums:
    """Return the sums over a fragment at ``task.z``.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    n = len(task.z)
    total = FaceSums(0.0, np.zeros(n), np.zeros((n, n)), 0)
    for rows, _ in _rows(task, stopped):
        weights = np.maximum(1.0 + _values(rows, task.z), 0.0)
        first = (rows * weights).sum(axis=1)
        second = _products(rows * (weights > 0))
        total += FaceSums(float(np.square(weights).sum()), first, second, len(weights))
    return total


def face_values(task: DualPoint, stopped: Callable[[], bool] | None = None) -> NDArray[np.float64]:
    """Return the sum of squared weights at each step from ``task.z`` along ``task.change``, shape (n_steps,).

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    assert task.change is not None
    total = np.zeros(len(task.steps))
    for rows, _ in _rows(task, stopped):
        values, change = 1.0 + _values(rows, task.z), _values(rows, task.change)
        total += [float(np.square(np.maximum(values + step * change, 0.0)).sum()) for step in task.steps]
    return total


def face_weights(
    task: DualPoint, stopped: Callable[[], bool] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the weights of the models of a fragment at ``task.z``, and who belongs to the face.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    weights, members = [np.zeros(0)], [np.zeros(0, dtype=bool)]
    for rows, inside in _rows(task, stopped):
        some = np.zeros(len(inside))
        some[inside] = np.maximum(1.0 + _values(rows, task.z), 0.0)
        weights.append(some)
        members.append(inside)
    return np.concatenate(weights), np.concatenate(members)
