"""Least squares with a ridge over models on disk: one optimum, by the dual that breaks ties, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.solution import SimplexSolution
from hemicycle.streaming.affine_span import affine_span
from hemicycle.streaming.nearest import nearest_weights
from hemicycle.streaming.pricing import FaceBand
from hemicycle.streaming.store_face import StoreFace
from hemicycle.streaming.store_problem import Weighing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.streaming.store_problem import Certified, StoreProblem
    from hemicycle.streaming.working_set import Fit, WorkingSet

__all__ = ["LOST", "NEARLY_RIDGE", "RIDGE", "RIDGE_LIMIT", "by_dual", "by_generation", "ridge_solution"]

RIDGE = "the ridge makes the optimum unique"
RIDGE_LIMIT = "the ridge is below rounding, these are the weights as it vanishes"
NEARLY_RIDGE = "the ridge is below rounding, and leaves the weights open as far as that"

MIN_GATHERED = 32  #: models that a pass brings, times four
MAX_ROUNDS = 20
LOST = 1e-15  #: a ridge so many times the longest squared deviation is lost in its rounding
FLAT = 1e-9  #: slopes this close to the level are equal
ROUNDING = 1e-14
SLOPES = 4 * float(np.finfo(np.float64).eps)  #: rounding of slopes, relative to the residual and the deviation


def by_dual(problem: StoreProblem, fit: Fit, working: WorkingSet) -> Certified | None:
    """Return the optimum with its certificate; None where rounding keeps it from one.

    Parameters
    ----------
    problem : StoreProblem
        With a ridge.
    fit : Fit
        The optimum without: dual variables are counted from there, so that they stay small however small the ridge is.
    working : WorkingSet
        Models that are gathered.

    Notes
    -----
    With p the plain fit, y the coordinates of a model in a frame at p, in which its loss is ``y @ H @ y`` and a linear
    term, and a the fall of its slope there over the ridge, weights are ``max(0, a + [y, 1] @ z)``, and z a root of
    ``sum w y + l2 H**-1 z``.
    """
    passes, n = problem.passes, len(problem.losses)
    face = StoreFace(passes, np.arange(n))
    frame = affine_span(face, working, fit.point, problem.typical_length)[0]
    reach = np.linalg.pinv(frame.basis.T)  # x = origin + reach @ y
    form = reach.T @ passes.loss.form @ reach
    ridge = problem.l2 / n * np.linalg.inv(form)
    found = nearest_weights(face, frame, _anchor(problem, fit, face), 0.5 * (ridge + ridge.T))
    return None if found is None else problem.certified(Weighing(found.weights, frame.origin + found.way))


def by_generation(problem: StoreProblem, fit: Fit, working: WorkingSet) -> Certified | None:
    """Return the optimum with its certificate by column generation, if few models have weight; else None.

    Parameters
    ----------
    problem, fit, working
        As for `by_dual`.
    """
    n, n_new = len(problem.losses), 4 * max(len(fit.point), MIN_GATHERED)
    for _ in range(MAX_ROUNDS):
        found = working.optimum(problem.tolerance, fit.vertex, l2=problem.l2)
        given = Weighing(found.spread(n), found.point)
        added = problem.added(given.weights)
        assert added is not None
        level = float(found.direction @ found.point + added @ given.weights)
        priced = problem.passes.cheapest(found.direction, n_new, added)
        if 2.0 * (level - float(priced.slopes[0])) <= problem.tolerance:
            return problem.certified(given)
        new = (priced.slopes < level - 0.25 * problem.tolerance) & ~np.isin(priced.models, working.models)
        if not new.any():
            return None
        order = np.argsort(priced.models[new])
        working = working.with_models(priced.models[new][order], priced.logits[new][order])
    return None


def ridge_solution(problem: StoreProblem, found: Certified, reason: str, plain: Fit) -> SimplexSolution:
    """Return weights as the solution of the store.

    Parameters
    ----------
    problem : StoreProblem
        With a ridge.
    found : Certified
        The weights.
    reason : str
        Why these.
    plain : Fit
        The optimum without ridge, where a similar problem may start.
    """
    passes, support = problem.passes, np.flatnonzero(found.weights)
    point = StoreFace(passes, support).mean(found.weights)
    direction, added = passes.loss.form @ point, problem.added(found.weights)
    assert added is not None
    level = float(direction @ point + added @ found.weights)
    misfit = float(np.sqrt(max(passes.loss.at(point), 0.0)))
    known = max(FLAT * misfit, ROUNDING * problem.typical_length)
    band = FaceBand(direction, level, misfit**2, known, SLOPES * misfit, passes.loss.constant, np.zeros(0))
    next_slope = passes.face(band, added)[1]
    return SimplexSolution(
        found.weights,
        found.objective,
        found.gap,
        problem.relative(found.gap),
        passes.count,
        reason,
        face=support,
        face_dimension=0,
        reduced_cost=2.0 * (next_slope - level),
        vertex=plain.vertex,
        tie_broken=reason != NEARLY_RIDGE,
        cost=problem.prices,
    )


def _anchor(problem: StoreProblem, fit: Fit, face: StoreFace) -> NDArray[np.float64]:
    """Return how far the slope of each model falls below the least, over the ridge, in the unit of uniform weights.

    Slopes that differ by no more than rounding are one, or the ridge would tear ties apart.
    """
    slopes, added = face.products(fit.direction), problem.added()
    if added is not None:
        slopes += added
    above = slopes - slopes.min()
    above[above <= SLOPES * np.sqrt(max(fit.loss, 0.0) * problem.squared_lengths)] = 0.0
    anchor: NDArray[np.float64] = above * (-len(slopes) / problem.l2)
    return anchor
