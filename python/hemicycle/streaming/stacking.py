"""Stacking over the models of a store: exact on the few that matter, priced over all of them in passes."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import NotConvergedError, TieBreakWarning
from hemicycle.solution import tie_doubt
from hemicycle.streaming.density_set import DensityFit, DensitySet, Explained

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.solution import SimplexSolution
    from hemicycle.streaming.density_passes import DensityPasses

__all__ = ["store_stacking"]

BATCH = 512  #: models that are gathered after a pass, at most
POLISHED = 2e-14  #: gap down to which a solution goes on, as in memory: which models are on the face shows only there
ENTERING = 0.25  #: part of that by which a model must be worth more than 1 to be gathered
ROUNDING = 1e-12  #: gaps up to this may be rounding
PATIENCE = 3  #: passes without a smaller gap after which one of that size is
MAX_PASSES = 200
GATHERED_BYTES = 64 << 20  #: of logits, and
DENSITY_BYTES = 128 << 20  #: of densities: an optimal face of fewer is gathered
WEIGHTLESS = 1e-280  #: as in memory: an observation of less, relative to the heaviest, does not count


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """Models of a store, and what they are to explain."""

    passes: DensityPasses
    explained: Explained


def store_stacking(
    passes: DensityPasses,
    judgments: Judgments,
    weight: NDArray[np.float64],
    *,
    sigma: float,
    by_pair: bool,
    tol: float,
    n_threads: int | None,
) -> SimplexSolution:
    """Return the weights of stacking, documented at `StoreScores.stacking`.

    Parameters
    ----------
    passes : DensityPasses
        The models.
    judgments : Judgments
        What they are to explain.
    weight : ndarray of float64, shape (n_observations,)
        Weight of each label or pair, not all 0.
    sigma, by_pair, tol, n_threads
        As for `Explained`.
    """
    shift, best = passes.best()
    share = weight / weight.max()
    share[share <= WEIGHTLESS] = 0.0
    models = np.unique(best[share > 0])
    explained = Explained(judgments, sigma, by_pair, weight, share / math.fsum(share), shift, tol, n_threads)
    problem = _Problem(passes, explained)
    fit, gap, gathered = _generated(problem, DensitySet(models, passes.rows(models), explained))
    return _on_face(problem, fit, gap, gathered)


def _generated(problem: _Problem, gathered: DensitySet) -> tuple[DensityFit, float, DensitySet]:
    """Return an optimum with its gap by column generation, and the models that were gathered."""
    passes, tol = problem.passes, problem.explained.tol
    polished = min(tol, POLISHED)
    fit, best, least, stalled = None, None, math.inf, 0
    for _ in range(MAX_PASSES):
        fit = gathered.optimum(fit, vertex=True)
        if not np.isfinite(fit.rates.ratio).all():
            raise _not_converged(problem, fit, math.inf, fit.doubt)
        highest, priced = passes.dearest(fit.rates, 1.0 + ENTERING * polished, BATCH)
        stalled = 0 if highest - 1.0 < least else stalled + 1
        if highest - 1.0 < least:
            best, least = fit, highest - 1.0
        new = ~np.isin(priced.models, gathered.models)
        if least <= polished or not new.any() or (stalled >= PATIENCE and least <= ROUNDING):
            break
        gathered = gathered.with_models(priced.models[new], priced.logits[new])
    assert best is not None
    if least > tol or best.solution is None:
        raise _not_converged(problem, best, least, best.doubt or "rounding ends progress")
    return best, least, gathered


def _on_face(problem: _Problem, fit: DensityFit, gap: float, gathered: DensitySet) -> SimplexSolution:
    """Return the optimum nearest to uniform, from all models that may have weight in memory."""
    passes, explained = problem.passes, problem.explained
    band, floor = gathered.band(fit)
    face, outside = passes.flat(band, floor)
    missing = face[~np.isin(face, gathered.models)]
    if len(missing):
        _require_room(problem, fit, gap, len(face))
        gathered = gathered.with_models(missing, passes.rows(missing))
    elif fit.solution is not None and fit.solution.face_dimension == 0:
        return _told(problem, fit, gap, gathered, outside)
    nearest = gathered.optimum(fit, vertex=False)
    if nearest.solution is not None:
        nearest_gap = passes.dearest(nearest.rates, math.inf, 1)[0] - 1.0
        if nearest_gap <= explained.tol:
            return _told(problem, nearest, nearest_gap, gathered, outside)
    assert fit.solution is not None
    reason = "nearest to the reference among the optima, as far as rounding lets weights fit"
    known = replace(fit.solution, reason=reason, tie_broken=False)
    return _told(problem, replace(fit, solution=known), gap, gathered, outside)


def _require_room(problem: _Problem, fit: DensityFit, gap: float, n_models: int) -> None:
    """Refuse a face that is too large to be gathered."""
    explained = problem.explained
    n_logits, n_densities = n_models * len(explained.judgments.items), n_models * len(explained.share)
    if 8 * n_logits <= GATHERED_BYTES and 8 * n_densities <= DENSITY_BYTES:
        return
    raise NotConvergedError(
        f"stacking: several weights are optimal to the tolerance (gap {gap:.3g}), and the one nearest to uniform may "
        f"weigh {n_models:,} models, more than are gathered from a store; break the tie in memory: "
        "hemicycle.stacking.pool_stacking(store.pool(memory=...), judgments, by=...)",
        fit.spread(problem.passes.n_models),
        gap,
        problem.passes.count,
    )


def _not_converged(problem: _Problem, fit: DensityFit, gap: float, why: str) -> NotConvergedError:
    what = f"stacking: the gap is {gap:.3g}, above {problem.explained.tol:.3g} ({why})"
    return NotConvergedError(what, fit.spread(problem.passes.n_models), gap, problem.passes.count)


def _told(problem: _Problem, fit: DensityFit, gap: float, gathered: DensitySet, outside: float) -> SimplexSolution:
    """Return a fit whose face was gathered as the solution of the whole store."""
    known = fit.solution
    assert known is not None
    face, vertex, reduced_cost = known.face, known.vertex, known.reduced_cost
    assert face is not None
    assert vertex is not None
    assert reduced_cost is not None
    solution = replace(
        known,
        weights=fit.spread(problem.passes.n_models),
        gap=gap,
        relative_gap=gap,
        passes=problem.passes.count,
        face=gathered.models[face],
        reduced_cost=min(reduced_cost, 1.0 - outside),
        vertex=gathered.models[vertex],
    )
    doubt = tie_doubt(solution)
    if doubt is not None:
        warnings.warn(doubt, TieBreakWarning, stacklevel=4)
    return solution
