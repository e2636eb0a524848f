"""Weights nearest to given ones that give a point, over more models than fit in memory: a semismooth Newton method."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.simplex import project_simplex
from hemicycle.streaming.face_sums import DualPoint, FaceSums, face_sums, face_values, face_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.streaming.face_rows import FacePart, Frame
    from hemicycle.streaming.store_face import StoreFace

__all__ = ["Nearest", "nearest_weights"]

QUICK_STEPS = 25  #: tried directly
STAGE_STEPS = 10  #: in each stage of the continuation
MAX_STEPS = 60  #: in its last one
FALL = 0.1  #: of the ridge, from stage to stage
LEAST_RIDGE = 1e-13  #: in variances of the models
LOOSE = 0.1  #: the residual of a stage, relative to the part of the ridge in it
CLOSE = 1e-15  #: a residual of this size, in standard deviations of the models, is rounding
SMALL = 1e-10  #: one above this is none
PATIENCE = 2  #: steps that are no nearer before a small residual is taken for rounding
DAMPING = 1e-4  #: of the Newton system, relative to the residual
DECREASE = 1e-4  #: part of the decrease to be expected that a whole step must give
STEPS = (4.0, 2.0, *(0.5**k for k in range(1, 21)))  #: tried together where a whole step is too long
FLAT = 1e-14  #: variances below this part of the largest are counted as this


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """What the method found.

    Attributes
    ----------
    weights : ndarray of float64, shape (n_models,)
        Of sum 1 to rounding; 0 outside the face.
    way : ndarray of float64, shape (n_coordinates,)
        From the origin of the frame to what they give.
    fits : bool
        Whether that is rounding.
    """

    weights: NDArray[np.float64]
    way: NDArray[np.float64]
    fits: bool


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Dual variables in standardised coordinates, and what the sums there say."""

    theta: NDArray[np.float64]
    value: float
    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64]

    @property
    def size(self) -> float:
        return float(np.linalg.norm(self.gradient))


def nearest_weights(
    face: StoreFace,
    frame: Frame,
    anchor: NDArray[np.float64] | None = None,
    ridge: NDArray[np.float64] | None = None,
) -> Nearest | None:
    """Return the weights nearest to an anchor that give a point.

    With rows x of the models of the face in the frame, it minimises
    ``mean(max(0, anchor + [x, 1] @ z)**2) / 2 + z[:-1] @ ridge @ z[:-1] / 2 - z[-1]`` over z: convex, with one variable
    a direction and one for the sum of the weights. A step is one pass, two where it must be shortened.

    Parameters
    ----------
    face : StoreFace
        The models that may have weight.
    frame : Frame
        Coordinates that they spread in, from the point.
    anchor : ndarray of float64, shape (n_models,), optional
        The given weights, in a unit in which those of the face are 1 on average, up to a number that all share; by
        default they are all the same.
    ridge : ndarray of float64, shape (rank, rank), optional
        With it the point is not given, but drawn towards the origin of the frame.

    Returns
    -------
    Nearest or None
        Those that are nearest to giving the point, where none do; None where there are no weights at all.
    """
    dual = _Dual(face, frame, anchor, ridge)
    best = dual.descend(dual.first(), QUICK_STEPS)
    if best.size > SMALL:
        best = min(best, dual.continuation(), key=lambda state: state.size)
    return dual.result(best)


class _Dual:
    """The dual problem, in coordinates in which the models have unit variance."""

    def __init__(
        self,
        face: StoreFace,
        frame: Frame,
        anchor: NDArray[np.float64] | None,
        ridge: NDArray[np.float64] | None,
    ) -> None:
        self.face, self.frame = face, frame
        self.anchor = None if anchor is None else anchor + _threshold(anchor[face.models])
        rank = len(frame)
        origin = np.zeros(rank + 1)
        even = self._sums(lambda part, _: DualPoint(part, frame, None, origin))
        self._even = even if anchor is None else None
        mean = even.first[:-1] / len(face)
        variances, axes = np.linalg.eigh(even.second[:-1, :-1] / len(face) - np.outer(mean, mean))
        self.basis = np.eye(rank + 1)  # z = basis @ theta
        if rank:
            self.basis[:-1, :-1] = axes / np.sqrt(np.maximum(variances, FLAT * max(float(variances.max()), FLAT)))
        self.ridge = np.zeros((rank + 1, rank + 1))
        if ridge is not None:
            self.ridge[:-1, :-1] = self.basis[:-1, :-1].T @ ridge @ self.basis[:-1, :-1]

    def _sums(self, task: Callable[[FacePart, slice], DualPoint]) -> FaceSums:
        return reduce(add, (each for _, each in self.face.run(face_sums, task)))

    def _task(self, theta: NDArray[np.float64], **more: object) -> Callable[[FacePart, slice], DualPoint]:
        z = self.basis @ theta

        def task(part: FacePart, here: slice) -> DualPoint:
            return DualPoint(part, self.frame, None if self.anchor is None else self.anchor[here], z, **more)  # type: ignore[arg-type]

        return task

    def first(self) -> _State:
        """Return the state at 0."""
        theta = np.zeros(len(self.basis))
        return self._state(theta, self._even) if self._even is not None else self.at(theta)

    def at(self, theta: NDArray[np.float64]) -> _State:
        """Return the state at dual variables."""
        return self._state(theta, self._sums(self._task(theta)))

    def _state(self, theta: NDArray[np.float64], sums: FaceSums) -> _State:
        n, last = len(self.face), np.zeros(len(theta))
        last[-1] = 1.0
        drawn = self.ridge @ theta
        value = 0.5 * sums.square / n + 0.5 * float(theta @ drawn) - float(theta[-1])
        gradient = self.basis.T @ sums.first / n + drawn - last
        return _State(theta, value, gradient, self.basis.T @ sums.second @ self.basis / n + self.ridge)

    def descend(self, state: _State, max_steps: int, goal: float = 0.0) -> _State:
        """Return the best state of some Newton steps, until it is rounding, or small beside the dual variables."""
        best, since = state, 0
        for _ in range(max_steps):
            enough = max(CLOSE * np.sqrt(len(state.theta)), goal * float(np.linalg.norm(best.theta[:-1])))
            if best.size <= enough or (best.size <= SMALL and since > PATIENCE):
                break
            step = self.step(state)
            if step is None:
                break
            state = step
            since = 0 if state.size < 0.5 * best.size else since + 1
            if state.size < best.size:
                best = state
        return best

    def continuation(self) -> _State:
        """Return the best state of Newton steps under a ridge that falls: every problem is near to the one before."""
        own, theta = self.ridge, np.zeros(len(self.basis))
        more = np.eye(len(own))
        more[-1, -1] = 0.0
        relaxed = 1.0
        while relaxed > LEAST_RIDGE:
            self.ridge = own + relaxed * more
            theta = self.descend(self.at(theta), STAGE_STEPS, LOOSE * relaxed).theta
            relaxed *= FALL
        self.ridge = own
        return self.descend(self.at(theta), MAX_STEPS)

    def step(self, state: _State) -> _State | None:
        """Return a state further down; None where rounding hides the way."""
        damping = DAMPING * min(1.0, state.size) + 1e-15
        matrix = state.hessian + damping * np.eye(len(state.theta))
        change = np.linalg.solve(matrix, -state.gradient)
        expected = float(state.gradient @ change)
        if not np.isfinite(change).all() or not expected < 0:
            return None
        whole = self.at(state.theta + change)
        if whole.value <= state.value + DECREASE * expected or whole.size < 0.5 * state.size or state.size <= SMALL:
            return whole
        task = self._task(state.theta, change=self.basis @ change, steps=STEPS)
        squares = np.sum([each for _, each in self.face.run(face_values, task)], axis=0)
        tried = state.theta + np.array(STEPS)[:, None] * change
        drawn = 0.5 * np.einsum("si,ij,sj->s", tried, self.ridge, tried)
        values = 0.5 * squares / len(self.face) + drawn - tried[:, -1]
        least = int(values.argmin())
        return self.at(state.theta + STEPS[least] * change) if values[least] < state.value else None

    def result(self, state: _State) -> Nearest | None:
        """Return the weights at a state."""
        found = self.face.run(face_weights, self._task(state.theta))
        weights = np.zeros(len(self.face.inside))
        weights[self.face.models] = np.concatenate([each for _, (each, _) in found])
        total = float(weights.sum())
        if not (np.isfinite(total) and total > 0):
            return None
        way = np.sum([way for _, (_, way) in found], axis=0) / total
        return Nearest(weights / total, way, state.size <= SMALL)


def _threshold(values: NDArray[np.float64]) -> float:
    """Return what is added to values so that those above 0 are 1 on average of all."""
    weights = project_simplex(values / len(values))
    heaviest = int(weights.argmax())
    return float(len(values) * weights[heaviest] - values[heaviest])
