"""Least squares over the models of a store: exact on the few that matter, priced over all of them in passes."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import TieBreakWarning
from hemicycle.solution import SimplexSolution, tie_doubt
from hemicycle.streaming.face_on_disk import NEARLY, DiskFace
from hemicycle.streaming.face_program import LEAST_LOSS, least_individual_loss
from hemicycle.streaming.pricing import FaceBand
from hemicycle.streaming.ridge import LOST, NEARLY_RIDGE, RIDGE, RIDGE_LIMIT, by_dual, by_generation, ridge_solution
from hemicycle.streaming.store_face import StoreFace
from hemicycle.streaming.store_problem import StoreProblem, Weighing
from hemicycle.streaming.working_set import Fit, WorkingSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["store_least_squares"]

MIN_GATHERED = 32  #: models at the beginning, times two; after each pass, times four
GATHERED_BYTES = 64 << 20  #: of logits: an optimal face of fewer is gathered
FLAT = 1e-9  #: as of the solver in memory: slopes this close to the level are equal
ROUNDING = 1e-14
EPSILON = float(np.finfo(np.float64).eps)


def store_least_squares(problem: StoreProblem) -> SimplexSolution:
    """Return the weights of least squares, documented at `StoreScores.least_squares`."""
    solution = _solution(problem)
    doubt = tie_doubt(solution)
    if doubt is not None:
        warnings.warn(doubt, TieBreakWarning, stacklevel=3)
    return solution


def _solution(problem: StoreProblem) -> SimplexSolution:
    if problem.l2 > 0:
        return _with_ridge(problem)
    if problem.unit == 0:
        return _of_exact(problem)
    fit, gap, working = _generated(problem)
    if gap > problem.tolerance:
        raise problem.not_converged(fit, gap, fit.doubt or "rounding ends progress")
    return _tie_broken(problem, fit, gap, working)


def _tie_broken(problem: StoreProblem, fit: Fit, gap: float, working: WorkingSet) -> SimplexSolution:
    """Return the optimum that the tie-break names, from any."""
    band = _band(problem, fit)
    if band is None:
        face, next_slope, target = np.arange(len(problem.losses)), math.inf, np.zeros_like(fit.point)
    else:
        (face, next_slope), target = problem.passes.face(band, problem.added()), fit.point
    reduced_cost = 2.0 * (next_slope - fit.level)
    gathered = np.isin(face, working.models).all()
    if gathered and problem.tie_break == "nearest" and problem.reference is None:
        return _told(problem, fit, gap, working, reduced_cost)
    if gathered or _is_small(problem, face):
        return _on_face(problem, fit, gap, working, face, reduced_cost)
    disk = DiskFace(problem, face, working, fit, target)
    if disk.dimension == 0 or _is_small(problem, disk.face.models):
        return _on_face(problem, fit, gap, working, disk.face.models, reduced_cost)
    if problem.tie_break == "nearest":
        return disk.nearest(gap, reduced_cost)
    return disk.towards(least_individual_loss(problem, disk, working), gap, reduced_cost, LEAST_LOSS)


def _with_ridge(problem: StoreProblem) -> SimplexSolution:
    """Return the only optimum; where what the ridge adds is below rounding, its limit is as good."""
    plain = replace(problem, l2=0.0, tie_break="nearest", reference=None)
    if plain.unit > 0:
        fit, gap, working = _generated(plain)
    else:
        (_, fit, working), gap = _exact_fit(plain), 0.0
    if problem.l2 > LOST * float(problem.squared_lengths.max()):
        found = by_dual(problem, fit, working) or by_generation(problem, fit, working)
        if found is not None:
            return ridge_solution(problem, found, RIDGE, fit)
    weights, reason = fit.spread(len(problem.losses)), NEARLY_RIDGE
    if plain.unit > 0 and gap <= plain.tolerance:
        limit = _tie_broken(plain, fit, gap, working)
        weights, reason = limit.weights, RIDGE_LIMIT if limit.tie_broken else NEARLY_RIDGE
    given = Weighing(weights, StoreFace(problem.passes, np.flatnonzero(weights)).mean(weights))
    certified = problem.certified(given)
    if certified is None:
        raise problem.not_converged(fit, problem.gap(given), "rounding ends progress")
    return ridge_solution(problem, certified, reason, fit)


def _is_small(problem: StoreProblem, face: NDArray[np.int64]) -> bool:
    """Whether models are few enough to be gathered."""
    return len(face) * len(problem.judgments.items) * 8 <= GATHERED_BYTES


def _generated(problem: StoreProblem) -> tuple[Fit, float, WorkingSet]:
    """Return an optimum by column generation, as near as rounding lets it be, its gap, and the gathered models."""
    passes = problem.passes
    n_gathered = max(len(passes.loss.coordinates), MIN_GATHERED)
    working = _likely(problem, 2 * n_gathered)
    start = working.models[:0]
    while True:
        fit = working.optimum(problem.tolerance, start)
        priced = passes.cheapest(fit.direction, 4 * n_gathered, problem.added())
        gap = fit.gap(float(priced.slopes[0]))
        if gap <= problem.tolerance:
            return fit, gap, working
        new = (priced.slopes < fit.level - 0.5 * problem.tolerance) & ~np.isin(priced.models, working.models)
        if not new.any():
            return fit, gap, working
        working = working.with_models(priced.models[new], priced.logits[new])
        start = fit.vertex


def _likely(problem: StoreProblem, n: int) -> WorkingSet:
    """Return the models of the least losses."""
    likely = np.sort(np.argsort(problem.alone, kind="stable")[:n])
    rows = problem.passes.rows(likely)
    return WorkingSet(likely, rows, problem.judgments, problem.passes.loss, problem.prices)


def _band(problem: StoreProblem, fit: Fit) -> FaceBand | None:
    """Return which models may have weight in an optimum; None where the residual is rounding, for all of them."""
    misfit = math.sqrt(max(fit.loss, 0.0))
    if misfit <= FLAT * math.sqrt(float(np.median(problem.losses))) and problem.prices is None:
        return None
    known = max(FLAT * misfit, ROUNDING * problem.typical_length)
    constant = problem.passes.loss.constant
    return FaceBand(fit.direction, fit.level, fit.loss, known, 4 * EPSILON * misfit, constant, fit.slopes)


def _of_exact(problem: StoreProblem) -> SimplexSolution:
    """Return the solution where more than half of the models fit exactly at the lowest price, as it must then."""
    exact, fit, working = _exact_fit(problem)
    face, target = np.arange(len(problem.losses)), np.zeros_like(fit.point)
    if problem.prices is not None:
        flat = ROUNDING * problem.typical_length * np.sqrt(problem.squared_lengths)
        face = np.flatnonzero(0.5 * problem.prices <= flat)
    disk = DiskFace(problem, face, working, fit, target)
    if problem.tie_break != "nearest":
        return disk.alone(int(exact[0]), LEAST_LOSS)
    return disk.nearest_of_exact(exact)


def _exact_fit(problem: StoreProblem) -> tuple[NDArray[np.int64], Fit, WorkingSet]:
    """Return the models that fit exactly at the lowest price, the first of them alone, and the gathered models."""
    exact, working = np.flatnonzero(problem.alone == 0.0), _likely(problem, 2 * MIN_GATHERED)
    return exact, working.alone(int(exact[0])), working


def _told(problem: StoreProblem, fit: Fit, gap: float, working: WorkingSet, reduced_cost: float) -> SimplexSolution:
    """Return a fit whose face was gathered as the solution of the whole store."""
    if fit.solution is None:
        raise problem.not_converged(fit, gap, fit.doubt)
    face = None if fit.solution.face is None else working.models[fit.solution.face]
    return replace(
        fit.solution,
        weights=fit.spread(len(problem.losses)),
        objective=problem.lowest + fit.solution.objective,
        gap=gap,
        relative_gap=problem.relative(gap),
        passes=problem.passes.count,
        face=face,
        reduced_cost=reduced_cost,
        vertex=fit.vertex,
        cost=problem.prices,
    )


def _on_face(
    problem: StoreProblem, fit: Fit, gap: float, working: WorkingSet, face: NDArray[np.int64], reduced_cost: float
) -> SimplexSolution:
    """Return the optimum that the tie-break names, from all models of the face in memory."""
    passes = problem.passes
    missing = face[~np.isin(face, working.models)]
    whole = working.with_models(missing, passes.rows(missing)) if len(missing) else working
    asked = whole.optimum(problem.tolerance, fit.vertex, tie_break=problem.tie_break, reference=problem.reference)
    asked_gap = asked.gap(float(passes.cheapest(asked.direction, 1, problem.added()).slopes[0]))
    if asked.solution is not None and asked_gap <= problem.tolerance:
        return _told(problem, asked, asked_gap, whole, reduced_cost)
    known = SimplexSolution(fit.weights, fit.objective, gap, 0.0, 0, NEARLY, tie_broken=False)
    return _told(problem, replace(fit, solution=known), gap, working, reduced_cost)
