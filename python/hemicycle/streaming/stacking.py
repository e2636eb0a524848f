"""Stacking over the models of a store: exact on the few that matter, priced over all of them in passes."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import NotConvergedError, TieBreakWarning
from hemicycle.solution import tie_doubt
from hemicycle.streaming.density_face import nearest_of_face, spread
from hemicycle.streaming.density_set import DensityFit, DensitySet, Explained

if TYPE_CHECKING:
    from hemicycle.solution import SimplexSolution
    from hemicycle.streaming.density_passes import DensityPasses
    from hemicycle.streaming.scoring import Scoring

__all__ = ["store_stacking"]

BATCH = 8192  #: models that are gathered after a pass, at most,
BATCH_BYTES = 2 << 20  #: and of no more bytes of logits than this, that each fragment sends; but
LEAST_BATCH = 512
POLISHED = 2e-14  #: gap down to which a solution goes on, as in memory: which models are on the face shows only there
ENTERING = 0.25  #: part of that by which a model must be worth more than 1 to be gathered
ROUNDING = 1e-12  #: gaps up to this may be rounding
PATIENCE = 3  #: passes without a smaller gap after which one of that size is
MAX_PASSES = 200
WEIGHTLESS = 1e-280  #: as in memory: an observation of less, relative to the heaviest, does not count


def store_stacking(passes: DensityPasses, scoring: Scoring, tol: float) -> SimplexSolution:
    """Return the weights of stacking, documented at `StoreScores.stacking`.

    Parameters
    ----------
    passes : DensityPasses
        The models.
    scoring : Scoring
        The jury, and how its labels count.
    tol : float
        Largest gap.
    """
    pairs, by_pair = scoring.judgments.pairs, passes.by_pair
    weight = (pairs.pair_weight if by_pair else pairs.label_weight)(scoring.pair_weights)
    share = weight / weight.max()
    share[share <= WEIGHTLESS] = 0.0
    share /= math.fsum(share)
    shift, best = passes.best()
    models = np.unique(best[share > 0])
    explained = Explained(
        scoring.judgments, scoring.sigma, by_pair, weight, share, shift, tol, n_threads=passes.n_threads
    )
    fit, gap, gathered = _generated(passes, DensitySet(models, passes.rows(models), explained))
    solution = nearest_of_face(passes, gathered, fit, gap)
    doubt = tie_doubt(solution)
    if doubt is not None:
        warnings.warn(doubt, TieBreakWarning, stacklevel=3)
    return solution


def _generated(passes: DensityPasses, gathered: DensitySet) -> tuple[DensityFit, float, DensitySet]:
    """Return an optimum with its gap by column generation, and the models that were gathered."""
    tol = gathered.explained.tol
    polished = min(tol, POLISHED)
    n = min(BATCH, max(LEAST_BATCH, BATCH_BYTES // gathered.logits[:1].nbytes))
    fit = best = gathered.optimum(None, vertex=True)
    least, stalled = math.inf, 0
    for _ in range(MAX_PASSES):
        if not np.isfinite(fit.rates.ratio).all():
            raise _not_converged(passes, fit, math.inf, tol)
        highest, priced = passes.dearest(fit.rates, 1.0 + ENTERING * polished, n)
        stalled = 0 if highest - 1.0 < least else stalled + 1
        if highest - 1.0 < least:
            best, least = fit, highest - 1.0
        new = ~np.isin(priced.models, gathered.models)
        if least <= polished or not new.any() or (stalled >= PATIENCE and least <= ROUNDING):
            break
        gathered = gathered.with_models(priced.models[new], priced.logits[new])
        fit = gathered.optimum(fit, vertex=True)
    if least > tol or best.solution is None:
        raise _not_converged(passes, best, least, tol)
    return best, least, gathered


def _not_converged(passes: DensityPasses, fit: DensityFit, gap: float, tol: float) -> NotConvergedError:
    what = f"stacking: the gap is {gap:.3g}, above {tol:.3g} ({fit.doubt or 'rounding ends progress'})"
    return NotConvergedError(what, spread(fit, passes.n_models), gap, passes.count)
