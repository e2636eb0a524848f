"""Models of a store that may have weight: what is asked of them alone, in passes over the fragments that hold some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hemicycle.streaming.face_rows import FacePart, FaceTask, Frame, distances, farthest_off, on_plane, products
from hemicycle.streaming.face_sums import DualPoint, face_weights
from hemicycle.streaming.priced import Priced, cheapest, joined
from hemicycle.streaming.pricing import Pricing, price

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.streaming.executors import Work
    from hemicycle.streaming.face_rows import Plane
    from hemicycle.streaming.loss_passes import LossPasses

__all__ = ["StoreFace"]

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


class StoreFace:
    """Some models of a store.

    Parameters
    ----------
    passes : LossPasses
        The store.
    models : ndarray of int64, shape (n_face,)
        Where they stand, ascending; at least one.

    Attributes
    ----------
    inside : ndarray of bool, shape (n_models,)
        Whether each model of the store is one of them.
    """

    def __init__(self, passes: LossPasses, models: NDArray[np.int64]) -> None:
        self.passes, self.models = passes, models
        self.inside = np.zeros(int(passes.offsets[-1]), dtype=bool)
        self.inside[models] = True
        self._pieces = [
            (number, FacePart(part, None if self.inside[first:end].all() else self.inside[first:end]))
            for number, (part, first, end) in enumerate(
                zip(passes.parts, passes.offsets[:-1].tolist(), passes.offsets[1:].tolist(), strict=True)
            )
            if self.inside[first:end].any()
        ]

    def __len__(self) -> int:
        return len(self.models)

    def run(self, work: Work[TaskT, ResultT], task: Callable[[FacePart, slice], TaskT]) -> list[tuple[int, ResultT]]:
        """Do a task for each fragment that holds some.

        Parameters
        ----------
        work : callable
            What to do.
        task : callable
            Of the models of a fragment, and where all that count in it stand.

        Returns
        -------
        list of tuple
            Where the first model of each fragment stands, and what came of it, in their order.
        """
        offsets, sizes = self.passes.offsets, self.passes.sizes
        tasks = [task(piece, slice(int(offsets[number]), int(offsets[number + 1]))) for number, piece in self._pieces]
        found = self.passes.run(work, tasks, [sizes[number] for number, _ in self._pieces])
        return [(int(offsets[number]), each) for (number, _), each in zip(self._pieces, found, strict=True)]

    def cheapest(self, direction: NDArray[np.float64], n: int, added: NDArray[np.float64] | None = None) -> Priced:
        """Return the n of the least products with a direction, and of what is added, shape (n_models,)."""

        def task(face: FacePart, here: slice) -> Pricing:
            return Pricing(face.part, direction, n, face.inside, None if added is None else added[here])

        found = self.run(price, task)
        placed = [Priced(each.slopes, each.models + first, each.logits) for first, each in found]
        return cheapest(joined(placed), n)

    def distances(self, origin: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the squared distance of each from a point, shape (n_face,), and the mean way from there."""
        frame = Frame(origin, np.zeros((len(origin), 0)))
        found = [each for _, each in self.run(distances, lambda face, _: FaceTask(face, frame))]
        return np.concatenate([squared for squared, _ in found]), np.sum([way for _, way in found], axis=0) / len(self)

    def products(self, direction: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the product of the coordinates of each with a direction, shape (n_face,)."""
        frame = Frame(direction, np.zeros((len(direction), 0)))
        return np.concatenate([each for _, each in self.run(products, lambda face, _: FaceTask(face, frame))])

    def mean(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean coordinates under weights of all models of the store, of sum 1, shape (n_coordinates,)."""
        n = len(self.passes.loss.coordinates)
        frame = Frame(np.zeros(n), np.zeros((n, 0)))
        found = self.run(face_weights, lambda face, here: DualPoint(face, frame, weights[here], np.zeros(1)))
        total: NDArray[np.float64] = np.sum([sums for _, (_, sums) in found], axis=0)
        return total

    def farthest(
        self, origin: NDArray[np.float64], basis: NDArray[np.float64], lead: float, n: int
    ) -> tuple[float, NDArray[np.int64], NDArray[Any]]:
        """Return the n that lie farthest along some directions.

        Parameters
        ----------
        origin : ndarray of float64, shape (n_coordinates,)
            Where from.
        basis : ndarray of float64, shape (n_coordinates, n_directions)
            The directions, orthonormal.
        lead : float
            How far is relative to the distance from the origin, and this beside it.
        n : int
            How many models.

        Returns
        -------
        tuple of float, ndarray, ndarray
            How far the first is, where they stand, and their logits.
        """
        frame = Frame(origin, basis)
        found = self.run(farthest_off, lambda face, _: FaceTask(face, frame, lead, n))
        share = np.concatenate([shares for _, (shares, _, _) in found])
        models = np.concatenate([first + places for first, (_, places, _) in found])
        logits = np.concatenate([rows for _, (_, _, rows) in found])
        most = np.argsort(-share, kind="stable")[:n]
        return float(share[most[0]]), models[most], logits[most]

    def on(self, plane: Plane) -> StoreFace:
        """Return those on a hyperplane."""
        found = self.run(on_plane, lambda face, _: FaceTask(face, plane=plane))
        return StoreFace(self.passes, np.concatenate([first + places for first, places in found]))
