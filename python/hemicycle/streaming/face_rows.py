"""Models of one fragment that may have weight, as a worker reads them, in coordinates that suit their spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.streaming.parts import seated_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from hemicycle.streaming.pricing import LossPart

__all__ = [
    "SPLIT",
    "TILE",
    "FacePart",
    "FaceTask",
    "Frame",
    "Plane",
    "distances",
    "face_logits",
    "farthest_off",
    "on_plane",
]

TILE, SPLIT = 32, 256  #: rows and models of one product: so small that no library divides it among threads


@dataclass(frozen=True, slots=True, eq=False)
class FacePart:
    """Models of a fragment that may have weight.

    Attributes
    ----------
    part : LossPart
        The fragment.
    inside : ndarray of bool, shape (n_counted,), or None
        Which of its models that count; None for all.
    """

    part: LossPart
    inside: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Coordinates of models by a few directions, from a point: ``basis.T @ (x - origin)``.

    Attributes
    ----------
    origin : ndarray of float64, shape (n_coordinates,)
        The point.
    basis : ndarray of float64, shape (n_coordinates, rank)
        The directions.
    """

    origin: NDArray[np.float64]
    basis: NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.basis.shape[1])

    def rows(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return them for coordinates of shape (n_coordinates, n_models), shape (rank, n_models).

        They are added up in the same order on any machine with any number of threads.
        """
        n, n_models = coordinates.shape
        n_splits = -(-n_models // SPLIT)
        padded = np.zeros((n, n_splits * SPLIT))
        padded[:, :n_models] = coordinates - self.origin[:, None]
        stack = padded.reshape(n, n_splits, SPLIT).transpose(1, 0, 2)
        found = np.zeros((n_splits, len(self), SPLIT))
        for i in range(0, len(self), TILE):
            for k in range(0, n, TILE):
                turned = np.ascontiguousarray(self.basis[k : k + TILE, i : i + TILE].T)
                found[:, i : i + TILE] += np.matmul(turned, stack[:, k : k + TILE])
        return found.transpose(1, 0, 2).reshape(len(self), n_splits * SPLIT)[:, :n_models]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A hyperplane that no model of a face is below.

    Attributes
    ----------
    origin : ndarray of float64, shape (n_coordinates,)
        A point that distances are counted from.
    normal : ndarray of float64, shape (n_coordinates,)
        Across it, upwards.
    least : float
        The least product of a model's coordinates with the normal.
    flat : float
        Models are on it if they are above it by no more than this times their distance from the origin.
    weighted : ndarray of float64, shape (n_weighted,)
        Products of the models with weight, which belong to it however they are rounded, as do their copies.
    """

    origin: NDArray[np.float64]
    normal: NDArray[np.float64]
    least: float
    flat: float
    weighted: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FaceTask:
    """Something to be asked of models of a fragment.

    Attributes
    ----------
    face : FacePart
        The models.
    frame : Frame or None
        Its origin is where `distances` are counted from, and what `products` multiplies with; directions of
        `farthest_off` are orthonormal.
    lead : float
        A length that theirs are added to, for `farthest_off`.
    n_most : int
        How many models to return.
    plane : Plane or None
        A hyperplane, for `on_plane`.
    """

    face: FacePart
    frame: Frame | None = None
    lead: float = 0.0
    n_most: int = 0
    plane: Plane | None = None


def face_logits(face: FacePart, stopped: Callable[[], bool] | None) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
    """Yield logits of models, and where they stand among those of the fragment that count.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    first = 0
    for logits, _ in seated_rows(face.part, stopped):
        here = np.arange(len(logits))
        if face.inside is not None:
            here = np.flatnonzero(face.inside[first : first + len(logits)])
        if len(here):
            yield logits[here], first + here
        first += len(logits)


def distances(
    task: FaceTask, stopped: Callable[[], bool] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the squared distance of each model from the origin of the frame, and the sum of their ways from there.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    assert task.frame is not None
    found, total = [np.zeros(0)], np.zeros(len(task.frame.origin))
    for logits, _ in face_logits(task.face, stopped):
        rows = task.face.part.coordinates.of_logits(logits) - task.frame.origin[:, None]
        found.append(np.square(rows).sum(axis=0))
        total += rows.sum(axis=1)
    return np.concatenate(found), total


def products(task: FaceTask, stopped: Callable[[], bool] | None = None) -> NDArray[np.float64]:
    """Return the product of the coordinates of each model with the origin of the frame.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    assert task.frame is not None
    found, coordinates, direction = [np.zeros(0)], task.face.part.coordinates, task.frame.origin
    found += [coordinates.products(logits, direction) for logits, _ in face_logits(task.face, stopped)]
    return np.concatenate(found)


def farthest_off(
    task: FaceTask, stopped: Callable[[], bool] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[Any]]:
    """Return the models that lie farthest along a frame, relative to their lengths: how far, where they stand, logits.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    frame, shares, places, every = task.frame, [np.zeros(0)], [np.zeros(0, np.int64)], []
    assert frame is not None
    for logits, here in face_logits(task.face, stopped):
        coordinates = task.face.part.coordinates.of_logits(logits)
        squared = np.square(coordinates - frame.origin[:, None]).sum(axis=0) + task.lead**2
        share = np.sqrt(np.square(frame.rows(coordinates)).sum(axis=0) / squared)
        most = np.argsort(-share, kind="stable")[: task.n_most]
        shares.append(share[most])
        places.append(here[most])
        every.append(logits[most])
    share, place = np.concatenate(shares), np.concatenate(places)
    most = np.argsort(-share, kind="stable")[: task.n_most]
    return share[most], place[most], np.concatenate(every)[most]


def on_plane(task: FaceTask, stopped: Callable[[], bool] | None = None) -> NDArray[np.int64]:
    """Return where the models stand that are on a hyperplane.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    plane, found, coordinates = task.plane, [np.zeros(0, np.int64)], task.face.part.coordinates
    assert plane is not None
    for logits, here in face_logits(task.face, stopped):
        heights = coordinates.products(logits, plane.normal)
        distance = np.sqrt(np.square(coordinates.of_logits(logits) - plane.origin[:, None]).sum(axis=0))
        flat = (heights - plane.least <= plane.flat * distance) | np.isin(heights, plane.weighted)
        found.append(here[flat])
    return np.concatenate(found)
