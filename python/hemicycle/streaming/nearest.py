"""The optimum nearest to uniform over more models than fit in memory: a semismooth Newton method on its dual."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.streaming.face_sums import DualPoint, FaceSums, face_sums, face_values, face_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.streaming.loss_passes import LossPasses
    from hemicycle.streaming.pricing import FaceBand

__all__ = ["Nearest", "nearest_to_uniform"]

MAX_STEPS = 60
CLOSE = 1e-15  #: a residual of this size, in standard deviations of the models, is rounding
SMALL = 1e-10  #: one above this is none
PATIENCE = 2  #: steps that are no nearer before a small residual is taken for rounding
DAMPING = 1e-4  #: of the Newton system, relative to the residual
DECREASE = 1e-4  #: part of the decrease to be expected that a whole step must give
STEPS = (4.0, 2.0, *(0.5**k for k in range(1, 21)))  #: tried together where a whole step is too long
FLAT = 1e-14  #: variances below this part of the largest are rounding


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """What the method found.

    Attributes
    ----------
    weights : ndarray of float64, shape (n_models,)
        Of sum 1 to rounding.
    face : ndarray of int64, shape (n_face,)
        Models that were allowed weight, ascending.
    point : ndarray of float64, shape (n_coordinates,)
        What the weights give, less the target.
    rank : int
        Dimensions of the models of the face.
    spans : bool
        Whether the models with weight span them all: then the target is inside their hull.
    """

    weights: NDArray[np.float64]
    face: NDArray[np.int64]
    point: NDArray[np.float64]
    rank: int
    spans: bool


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Dual variables in standardised coordinates, and what the sums there say."""

    theta: NDArray[np.float64]
    value: float
    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64]
    sums: FaceSums

    @property
    def size(self) -> float:
        return float(np.linalg.norm(self.gradient))


def nearest_to_uniform(passes: LossPasses, band: FaceBand | None, target: NDArray[np.float64]) -> Nearest | None:
    """Return the weights nearest to uniform that give a point.

    With rows x of the models of the face, it minimises ``mean(max(0, 1 + [x - target, 1] @ z)**2) / 2 - z[-1]`` over z:
    convex, with one variable a coordinate and one for the sum of the weights. A step is one pass, two where it must be
    shortened.

    Parameters
    ----------
    passes : LossPasses
        The models.
    band : FaceBand or None
        Those that may have weight; None for all.
    target : ndarray of float64, shape (n_coordinates,)
        The point.

    Returns
    -------
    Nearest or None
        None where the steps find no end: the point is on the boundary of the hull of the face, or outside.
    """
    dual = _Dual(passes, band, target)
    best = state = dual.at(np.zeros(dual.rank + 1))
    since = 0
    for _ in range(MAX_STEPS):
        if best.size <= CLOSE * np.sqrt(dual.rank + 1) or (best.size <= SMALL and since > PATIENCE):
            break
        step = dual.step(state)
        if step is None:
            break
        state = step
        since = 0 if state.size < 0.5 * best.size else since + 1
        if state.size < best.size:
            best = state
    return dual.result(best) if best.size <= SMALL else None


class _Dual:
    """The dual problem, in coordinates in which the models have unit variance."""

    def __init__(self, passes: LossPasses, band: FaceBand | None, target: NDArray[np.float64]) -> None:
        self.passes, self.band, self.target = passes, band, target
        n = len(target)
        sums = self._sums(np.zeros(n + 1))
        mean = sums.first[:n] / sums.n_models
        variances, axes = np.linalg.eigh(sums.second[:n, :n] / sums.n_models - np.outer(mean, mean))
        kept = variances > FLAT * max(float(variances.max(initial=0.0)), 0.0)
        self.rank = int(kept.sum())
        self.basis = np.zeros((n + 1, self.rank + 1))  # z = basis @ theta
        self.basis[:n, :-1] = axes[:, kept] / np.sqrt(variances[kept])
        self.basis[n, -1] = 1.0
        self._first: FaceSums | None = sums

    def _task(self, z: NDArray[np.float64], **more: object) -> list[DualPoint]:
        return [DualPoint(part, self.band, self.target, z, **more) for part in self.passes.parts]  # type: ignore[arg-type]

    def _sums(self, z: NDArray[np.float64]) -> FaceSums:
        return reduce(add, self.passes.run(face_sums, self._task(z), self.passes.sizes))

    def at(self, theta: NDArray[np.float64]) -> _State:
        """Return the state at dual variables; the first is known already, at 0."""
        sums, self._first = self._first or self._sums(self.basis @ theta), None
        last = np.zeros(len(theta))
        last[-1] = 1.0
        gradient = self.basis.T @ sums.first / sums.n_models - last
        hessian = self.basis.T @ sums.second @ self.basis / sums.n_models
        return _State(theta, 0.5 * sums.square / sums.n_models - float(theta[-1]), gradient, hessian, sums)

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
        task = self._task(self.basis @ state.theta, change=self.basis @ change, steps=STEPS)
        squares = np.sum(self.passes.run(face_values, task, self.passes.sizes), axis=0)
        values = 0.5 * squares / state.sums.n_models - (state.theta[-1] + np.array(STEPS) * change[-1])
        least = int(values.argmin())
        return self.at(state.theta + STEPS[least] * change) if values[least] < state.value else None

    def result(self, state: _State) -> Nearest:
        """Return the weights at a state."""
        found = self.passes.run(face_weights, self._task(self.basis @ state.theta), self.passes.sizes)
        weights = np.concatenate([each for each, _ in found])
        face = np.flatnonzero(np.concatenate([inside for _, inside in found]))
        total = float(weights.sum())
        return Nearest(weights / total, face, state.sums.first[:-1] / total, self.rank, self._spans(state))

    def _spans(self, state: _State) -> bool:
        """Whether the rows of models with weight are as many directions as those of all."""
        values = np.linalg.eigvalsh(state.hessian)
        return bool(values[0] > 1e-9 * values[-1])
