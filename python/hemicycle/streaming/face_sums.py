"""What a worker adds up for weights of many models, which it computes itself from a few dual variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.streaming.face_rows import SPLIT, TILE, face_logits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from hemicycle.streaming.face_rows import FacePart, Frame

__all__ = ["DualPoint", "FaceSums", "face_sums", "face_values", "face_weights"]


@dataclass(frozen=True, slots=True, eq=False)
class DualPoint:
    """Models of a fragment, and dual variables: a model's weight is ``max(0, anchor + [frame.rows, 1] @ z)``.

    Attributes
    ----------
    face : FacePart
        The models.
    frame : Frame
        Their coordinates.
    anchor : ndarray of float64, shape (n_counted,), or None
        What each model has at ``z = 0``, also those that do not belong to the face; None for 1.
    z : ndarray of float64, shape (rank + 1,)
        The variables.
    change : ndarray of float64, shape (rank + 1,), or None
        A direction to try.
    steps : tuple of float
        How far along it.
    """

    face: FacePart
    frame: Frame
    anchor: NDArray[np.float64] | None
    z: NDArray[np.float64]
    change: NDArray[np.float64] | None = None
    steps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FaceSums:
    """Sums over models, with rows [frame.rows, 1].

    Attributes
    ----------
    square : float
        Of squared weights.
    first : ndarray of float64, shape (rank + 1,)
        Of weighted rows.
    second : ndarray of float64, shape (rank + 1, rank + 1)
        Of products of the rows of models with weight.
    """

    square: float
    first: NDArray[np.float64]
    second: NDArray[np.float64]

    def __add__(self, other: FaceSums) -> FaceSums:
        """Return the sums over both."""
        return FaceSums(self.square + other.square, self.first + other.first, self.second + other.second)


def _rows(
    task: DualPoint, stopped: Callable[[], bool] | None
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
    """Yield coordinates, rows [frame.rows, 1], shape (rank + 1, n_some), and anchors."""
    for logits, here in face_logits(task.face, stopped):
        coordinates = task.face.part.coordinates.of_logits(logits)
        rows = np.ones((len(task.z), len(logits)))
        rows[:-1] = task.frame.rows(coordinates)
        yield coordinates, rows, np.ones(len(here)) if task.anchor is None else task.anchor[here]


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
    """Return the sums at ``task.z``.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    n = len(task.z)
    total = FaceSums(0.0, np.zeros(n), np.zeros((n, n)))
    for _, rows, anchors in _rows(task, stopped):
        weights = np.maximum(anchors + _values(rows, task.z), 0.0)
        first = (rows * weights).sum(axis=1)
        total += FaceSums(float(np.square(weights).sum()), first, _products(rows * (weights > 0)))
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
    for _, rows, anchors in _rows(task, stopped):
        values, change = anchors + _values(rows, task.z), _values(rows, task.change)
        total += [float(np.square(np.maximum(values + step * change, 0.0)).sum()) for step in task.steps]
    return total


def face_weights(
    task: DualPoint, stopped: Callable[[], bool] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights at ``task.z``, and the sum of weighted coordinates counted from the origin of the frame.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    every, total = [np.zeros(0)], np.zeros(len(task.frame.origin))
    for coordinates, rows, anchors in _rows(task, stopped):
        weights = np.maximum(anchors + _values(rows, task.z), 0.0)
        every.append(weights)
        total += ((coordinates - task.frame.origin[:, None]) * weights).sum(axis=1)
    return np.concatenate(every), total
