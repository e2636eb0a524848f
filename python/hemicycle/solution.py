"""What every solver over the simplex returns."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle._core import LeastSquaresSolution, StackingSolution

__all__ = ["SimplexSolution", "found_solution", "tie_doubt"]


@dataclass(frozen=True, slots=True, eq=False)
class SimplexSolution:
    """Weights on the simplex with the certificate of their optimality.

    Attributes
    ----------
    weights : ndarray of float64, shape (n_models,)
        Non-negative, with ``abs(math.fsum(weights) - 1) <= 2**-52``; read-only. Models without weight have exactly 0.
    objective : float
        The objective at the weights.
    gap : float
        The certificate: the objective is at most this far from its optimum.
    relative_gap : float
        The gap in the unit that the solver's `tol` refers to.
    passes : int
        Passes over all models that were made.
    reason : str
        Why these weights and no others that are as good.
    face : ndarray of int64, shape (n_face,), or None
        Models that have weight in some optimum, ascending; None if the solver does not say.
    face_dimension : int or None
        Dimension of the set of optimal weights: 0 if there is one optimum only.
    reduced_cost : float or None
        What a unit of weight on the nearest model outside the face adds to the objective, to first order; infinite
        where no model is outside. If it is tiny, so is the distance to another set of optima: `face` is fragile.
    vertex : ndarray of int64, shape (n_vertex,), or None
        Models of an optimum with few of them, ascending: where a similar problem may start.
    tie_broken : bool or None
        Whether the weights are those that the tie-break names. False where the set of optimal weights is so thin that
        rounding keeps those from being certified: then they are optimal, and on the way there. None if the solver does
        not say.
    cost : ndarray of float64, shape (n_models,), or None
        Prices that the weights were found under, counted from the lowest; None if all models cost the same.
    """

    weights: NDArray[np.float64]
    objective: float
    gap: float
    relative_gap: float
    passes: int
    reason: str
    face: NDArray[np.int64] | None = None
    face_dimension: int | None = None
    reduced_cost: float | None = None
    vertex: NDArray[np.int64] | None = None
    tie_broken: bool | None = None
    cost: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("weights", "face", "vertex", "cost"):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, read_only(array))

    @property
    def unique(self) -> bool | None:
        """Whether no other weights are optimal; None if the solver does not say."""
        return None if self.face_dimension is None else self.face_dimension == 0

    @property
    def support(self) -> NDArray[np.int64]:
        """Models with positive weight, ascending, shape (n_support,)."""
        return read_only(np.flatnonzero(self.weights).astype(np.int64, copy=False))

    def shared(self, class_of: NDArray[np.int64]) -> SimplexSolution:
        """Return the solution for models of which some are copies: the weight of each class is shared equally.

        Parameters
        ----------
        class_of : ndarray of int64, shape (n_models,)
            The class of each model; those of this solution are the models that it weighs. Prices are not shared.

        Returns
        -------
        SimplexSolution
            With the objective and certificate of this one, for copies change neither; of models that are equal but for
            1e-9 they are those of the first of each class. How a class's weight is divided is free, so that each copy
            of a model of the face adds 1 to `face_dimension`.
        """
        size = np.bincount(class_of, minlength=len(self.weights))
        weights = (self.weights / size)[class_of]
        weights[weights.argmax()] += 1.0 - math.fsum(weights)
        face, dimension, vertex = self.face, self.face_dimension, self.vertex
        if face is not None:
            dimension = None if dimension is None else dimension + int((size[face] - 1).sum())
            face = np.flatnonzero(np.isin(class_of, face))
        if vertex is not None:
            vertex = np.unique(class_of, return_index=True)[1][vertex]
        n_copies = f"{len(class_of) - len(size):,} of {len(class_of):,}"
        but = " but for copies" if self.unique and dimension else ""
        reason = f"{self.reason}{but}; {n_copies} models are copies of others, and share their weight"
        return replace(self, weights=weights, face=face, face_dimension=dimension, vertex=vertex, reason=reason)

    def __repr__(self) -> str:
        dimension = f", face_dimension={self.face_dimension}" if self.face_dimension else ""
        return (
            f"SimplexSolution({len(self.support)} of {len(self.weights)} models, objective={self.objective:.10g}, "
            f"gap={self.gap:.1e}, relative_gap={self.relative_gap:.1e}, passes={self.passes}{dimension}, {self.reason})"
        )


def found_solution(
    found: LeastSquaresSolution | StackingSolution, cost: NDArray[np.float64] | None = None
) -> SimplexSolution:
    """Return what the core found, with the prices that it found it under."""
    return SimplexSolution(
        weights=found.weights,
        objective=found.objective,
        gap=found.gap,
        relative_gap=found.relative_gap,
        passes=found.passes,
        reason=found.reason,
        face=found.face,
        face_dimension=found.face_dimension,
        reduced_cost=found.reduced_cost,
        vertex=found.vertex,
        tie_broken=found.tie_broken,
        cost=None if cost is None or np.ptp(cost) == 0 else cost - cost.min(),
    )


def tie_doubt(solution: SimplexSolution) -> str | None:
    """Return what to say of a solution whose tie could not be broken as asked; else None."""
    if solution.tie_broken is False:
        return f"these weights are optimal, but not those that the tie-break names: {solution.reason}"
    return None
