"""Least squares over the models of a store: exact on the few that matter, priced over all of them in passes."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import NotConvergedError, TieBreakWarning
from hemicycle.solution import SimplexSolution, tie_doubt
from hemicycle.streaming.nearest import nearest_to_uniform
from hemicycle.streaming.pricing import FaceBand
from hemicycle.streaming.working_set import Fit, WorkingSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.streaming.loss_passes import LossPasses

__all__ = ["store_least_squares"]

MIN_GATHERED = 32  #: models at the beginning, times two; after each pass, times four
GATHERED_BYTES = 64 << 20  #: of logits: an optimal face of fewer is gathered
FLAT = 1e-9  #: as of the solver in memory: slopes this close to the level are equal
ROUNDING = 1e-14
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """Models of a store, and when they are solved."""

    passes: LossPasses
    judgments: Judgments
    losses: NDArray[np.float64]
    tol: float

    @property
    def unit(self) -> float:
        """The unit of the relative gap: the median loss of a model alone."""
        return float(np.median(self.losses))

    @property
    def tolerance(self) -> float:
        return self.tol * self.unit


def store_least_squares(
    passes: LossPasses, judgments: Judgments, losses: NDArray[np.float64], tol: float
) -> SimplexSolution:
    """Return the weights of least squares, documented at `StoreScores.least_squares`.

    Parameters
    ----------
    passes : LossPasses
        The models.
    judgments : Judgments
        What they are to fit.
    losses : ndarray of float64, shape (n_models,)
        Sum of weighted squared errors of each model.
    tol : float
        Largest relative gap.
    """
    problem = _Problem(passes, judgments, losses, tol)
    if problem.unit == 0:
        return _of_exact(problem)
    fit, gap, working = _generated(problem)
    band = _band(problem, fit)
    if band is None:
        face, next_slope = np.arange(len(losses)), math.inf
    else:
        face, next_slope = passes.face(band)
    reduced_cost = 2.0 * (next_slope - fit.level)
    if np.isin(face, working.models).all():
        return _told(problem, fit, gap, working, reduced_cost)
    if len(face) * len(judgments.items) * 8 <= GATHERED_BYTES:
        return _on_face(problem, fit, gap, working, face, reduced_cost)
    return _nearest(problem, fit, gap, band, reduced_cost)


def _generated(problem: _Problem) -> tuple[Fit, float, WorkingSet]:
    """Return an optimum with its gap by column generation, and the models that were gathered."""
    passes, losses = problem.passes, problem.losses
    n_gathered = max(len(passes.loss.coordinates), MIN_GATHERED)
    likely = np.sort(np.argsort(losses, kind="stable")[: 2 * n_gathered])
    working = WorkingSet(likely, passes.rows(likely), problem.judgments, passes.loss)
    start = likely[:0]
    while True:
        fit = working.optimum(problem.tolerance, start)
        priced = passes.cheapest(fit.direction, 4 * n_gathered)
        gap = fit.gap(float(priced.slopes[0]))
        if gap <= problem.tolerance:
            return fit, gap, working
        new = (priced.slopes < fit.level - 0.5 * problem.tolerance) & ~np.isin(priced.models, working.models)
        if not new.any():
            raise _not_converged(problem, fit, gap, fit.doubt or "rounding ends progress")
        working = working.with_models(priced.models[new], priced.logits[new])
        start = fit.vertex


def _not_converged(problem: _Problem, fit: Fit, gap: float, why: str) -> NotConvergedError:
    what = f"least squares: the gap is {gap:.3g}, above {problem.tolerance:.3g} ({why})"
    return NotConvergedError(what, fit.spread(len(problem.losses)), gap, problem.passes.count)


def _band(problem: _Problem, fit: Fit) -> FaceBand | None:
    """Return which models may have weight in an optimum; None where the residual is rounding, for all of them."""
    misfit = math.sqrt(max(fit.objective, 0.0))
    if misfit <= FLAT * math.sqrt(problem.unit):
        return None
    constant = problem.passes.loss.constant
    lengths = np.maximum(problem.losses - constant, 0.0)
    typical = math.sqrt(float(np.median(lengths)) or float(lengths.max()) or 1.0)
    known = max(FLAT * misfit, ROUNDING * typical)
    return FaceBand(fit.direction, fit.level, fit.objective, known, 4 * EPSILON * misfit, constant, fit.slopes)


def _of_exact(problem: _Problem) -> SimplexSolution:
    """Return equal weights of the models that fit exactly, more than half of all."""
    exact = np.flatnonzero(problem.losses == 0.0)
    weights = np.zeros(len(problem.losses))
    weights[exact] = 1.0 / len(exact)
    reason = "nearest to the reference among the models that fit exactly"
    return _warned(SimplexSolution(_whole(weights), 0.0, 0.0, 0.0, problem.passes.count, reason, tie_broken=False))


def _told(problem: _Problem, fit: Fit, gap: float, working: WorkingSet, reduced_cost: float) -> SimplexSolution:
    """Return a fit whose face was gathered as the solution of the whole store."""
    if fit.solution is None:
        raise _not_converged(problem, fit, gap, fit.doubt)
    face = None if fit.solution.face is None else working.models[fit.solution.face]
    return _warned(
        replace(
            fit.solution,
            weights=fit.spread(len(problem.losses)),
            gap=gap,
            relative_gap=gap / problem.unit,
            passes=problem.passes.count,
            face=face,
            reduced_cost=reduced_cost,
            vertex=fit.vertex,
        )
    )


def _on_face(
    problem: _Problem, fit: Fit, gap: float, working: WorkingSet, face: NDArray[np.int64], reduced_cost: float
) -> SimplexSolution:
    """Return the optimum nearest to uniform, from all models of the face in memory."""
    passes = problem.passes
    missing = face[~np.isin(face, working.models)]
    whole = working.with_models(missing, passes.rows(missing))
    nearest = whole.optimum(problem.tolerance, fit.vertex)
    nearest_gap = nearest.gap(float(passes.cheapest(nearest.direction, 1).slopes[0]))
    if nearest.solution is not None and nearest_gap <= problem.tolerance:
        return _told(problem, nearest, nearest_gap, whole, reduced_cost)
    reason = "nearest to the reference among the optima, as far as rounding lets weights fit"
    known = SimplexSolution(fit.weights, fit.objective, gap, 0.0, 0, reason, tie_broken=False)
    return _told(problem, replace(fit, solution=known), gap, working, reduced_cost)


def _nearest(problem: _Problem, fit: Fit, gap: float, band: FaceBand | None, reduced_cost: float) -> SimplexSolution:
    """Return the optimum nearest to uniform, of a face that is left on disk."""
    passes, loss = problem.passes, problem.passes.loss
    target = np.zeros(len(fit.point)) if band is None else fit.point
    found = nearest_to_uniform(passes, band, target)
    if found is not None:
        point = target + found.point
        direction = loss.form @ point
        level = float(direction @ point)
        nearest_gap = max(0.0, 2.0 * (level - float(passes.cheapest(direction, 1).slopes[0])))
        if nearest_gap <= problem.tolerance:
            known = found.spans
            return SimplexSolution(
                _whole(found.weights),
                loss.at(point),
                nearest_gap,
                nearest_gap / problem.unit,
                passes.count,
                "nearest to the reference among the optima",
                face=found.face if known else None,
                face_dimension=len(found.face) - found.rank - 1 if known else None,
                reduced_cost=reduced_cost,
                vertex=fit.vertex,
                tie_broken=True,
            )
    raise NotConvergedError(
        f"least squares: several weights are optimal to the tolerance (gap {gap:.3g}), and the one nearest to uniform "
        "is on the boundary of what the models reach, where passes over a store do not find it; break the tie in "
        "memory: hemicycle.least_squares.pair_least_squares(store.pool(), judgments)",
        fit.spread(len(problem.losses)),
        gap,
        passes.count,
    )


def _whole(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights with a sum of 1 to the last bit."""
    for _ in range(3):
        weights[weights.argmax()] += 1.0 - math.fsum(weights)
    return weights


def _warned(solution: SimplexSolution) -> SimplexSolution:
    """Return a solution, with a warning where its tie could not be broken."""
    doubt = tie_doubt(solution)
    if doubt is not None:
        warnings.warn(doubt, TieBreakWarning, stacklevel=5)
    return solution
