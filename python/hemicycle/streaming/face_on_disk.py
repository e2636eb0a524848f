"""The tie of least squares broken among models that stay on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.simplex import project_simplex
from hemicycle.solution import SimplexSolution
from hemicycle.streaming.facial_reduction import relative_interior
from hemicycle.streaming.nearest import nearest_weights
from hemicycle.streaming.store_face import StoreFace
from hemicycle.streaming.store_problem import Certified, Weighing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.streaming.nearest import Nearest
    from hemicycle.streaming.store_problem import StoreProblem
    from hemicycle.streaming.working_set import Fit, WorkingSet

__all__ = ["NEARLY", "DiskFace"]

NEAREST = "nearest to the reference among the optima"
ROUNDED = ", as far as rounding lets weights fit"
NEARLY = NEAREST + ROUNDED
OF_EXACT = "nearest to the reference among the models that fit exactly"


class DiskFace:
    """All models that have weight in some optimum, too many to be gathered.

    Parameters
    ----------
    problem : StoreProblem
        The problem.
    models : ndarray of int64
        Models that may have weight, ascending.
    working : WorkingSet
        Those that are gathered.
    fit : Fit
        Any optimum.
    target : ndarray of float64, shape (n_coordinates,)
        What the weights have to give.

    Attributes
    ----------
    face : StoreFace
        The models that have.
    frame : Frame
        Coordinates that they spread in, counted from the target.
    dimension : int
        Of the set of optimal weights.
    """

    def __init__(
        self,
        problem: StoreProblem,
        models: NDArray[np.int64],
        working: WorkingSet,
        fit: Fit,
        target: NDArray[np.float64],
    ) -> None:
        self.problem, self.fit = problem, fit
        self.face, self.frame = relative_interior(
            StoreFace(problem.passes, models), working, fit, target, problem.typical_length
        )
        self.dimension = len(self.face) - len(self.frame) - 1

    def nearest(self, gap: float, reduced_cost: float) -> SimplexSolution:
        """Return the optimum nearest to the reference; where it cannot be certified, one on the way there.

        Parameters
        ----------
        gap : float
            Of the known optimum.
        reduced_cost : float
            See `SimplexSolution`.
        """
        found = nearest_weights(self.face, self.frame, self._anchor())
        if found is None:
            return self.solution(self._known(gap), NEARLY, reduced_cost, tie_broken=False)
        return self.towards(self._weighing(found), gap, reduced_cost, NEAREST if found.fits else NEARLY)

    def towards(self, asked: Weighing, gap: float, reduced_cost: float, reason: str) -> SimplexSolution:
        """Return weights of the face as the solution, or weights as near to them as can be certified."""
        known = Weighing(self.fit.spread(len(self.face.inside)), self.fit.point)
        certified = self.problem.certified(asked, known) or self._known(gap)
        doubt = ROUNDED if not certified.whole and ROUNDED not in reason else ""
        return self.solution(certified, reason + doubt, reduced_cost, tie_broken=ROUNDED not in reason + doubt)

    def _known(self, gap: float) -> Certified:
        weights = self.fit.spread(len(self.face.inside))
        return Certified(weights, self.problem.lowest + self.fit.objective, gap, whole=False)

    def _weighing(self, found: Nearest) -> Weighing:
        return Weighing(found.weights, self.frame.origin + found.way)

    def _anchor(self) -> NDArray[np.float64] | None:
        """Return the reference as `nearest_weights` takes it: 1 on average over the face."""
        if self.problem.reference is None:
            return None
        anchor = len(self.face) * self.problem.reference
        return anchor + (1.0 - float(anchor[self.face.models].mean()))

    def nearest_of_exact(self, exact: NDArray[np.int64]) -> SimplexSolution:
        """Return the nearest weights that fit exactly, where more than half of the models do."""
        if len(self.face) > len(exact):
            found = nearest_weights(self.face, self.frame, self._anchor())
            if found is not None and found.fits:
                certified = self.problem.certified(self._weighing(found))
                if certified is not None:
                    return self.solution(certified, NEAREST, np.inf, tie_broken=True)
        wanted = np.ones(len(exact)) if self.problem.reference is None else self.problem.reference[exact]
        weights = np.zeros(len(self.face.inside))
        weights[exact] = project_simplex(wanted)
        alone = len(self.face) == len(exact)
        certified = Certified(weights, self.problem.lowest, 0.0)
        return self.solution(certified, NEAREST if alone else OF_EXACT, np.inf, tie_broken=alone)

    def alone(self, model: int, reason: str) -> SimplexSolution:
        """Return all the weight on a model that fits exactly, as the solution."""
        weights = np.zeros(len(self.face.inside))
        weights[model] = 1.0
        return self.solution(Certified(weights, self.problem.lowest, 0.0), reason, np.inf, tie_broken=True)

    def solution(self, found: Certified, reason: str, reduced_cost: float, *, tie_broken: bool) -> SimplexSolution:
        """Return weights as the solution of the store."""
        problem = self.problem
        return SimplexSolution(
            found.weights,
            found.objective,
            found.gap,
            problem.relative(found.gap),
            problem.passes.count,
            reason,
            face=self.face.models,
            face_dimension=self.dimension,
            reduced_cost=reduced_cost,
            vertex=self.fit.vertex,
            tie_broken=tie_broken,
            cost=problem.prices,
        )
