"""The optimum of stacking nearest to uniform, from the models of a store that may have weight in an optimum."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import NotConvergedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.solution import SimplexSolution
    from hemicycle.streaming.density_passes import DensityPasses
    from hemicycle.streaming.density_set import DensityFit, DensitySet

__all__ = ["nearest_of_face", "spread"]

GATHERED_BYTES = 64 << 20  #: of logits: an optimal face of fewer is gathered
DENSITY_BYTES = 128 << 20  #: of densities: a gathered face of fewer is solved


def nearest_of_face(passes: DensityPasses, gathered: DensitySet, fit: DensityFit, gap: float) -> SimplexSolution:
    """Return the optimum nearest to uniform as the solution of the whole store.

    Parameters
    ----------
    passes : DensityPasses
        The models.
    gathered : DensitySet
        Those that were gathered.
    fit : DensityFit
        An optimum.
    gap : float
        Its certificate.

    Raises
    ------
    NotConvergedError
        If several weights are optimal, and too many models may have weight to be gathered.
    """
    band, floor = gathered.band(fit)
    face, outside = passes.flat(band, floor)
    missing = face[~np.isin(face, gathered.models)]
    assert fit.solution is not None
    if not len(missing) and fit.solution.face_dimension == 0:
        return _told(passes, fit, gap, outside)
    n_items, n_observations = len(gathered.explained.judgments.items), len(gathered.explained.share)
    if 8 * len(face) * n_items > GATHERED_BYTES:
        raise _too_large(passes, fit, gap, len(face))
    if len(missing):
        gathered = gathered.with_models(missing, passes.rows(missing))
    if 8 * len(face) * n_observations > DENSITY_BYTES:
        nearest = _sharing(gathered, face)
        if nearest is None:
            raise _too_large(passes, fit, gap, len(face))
    else:
        nearest = gathered.optimum(fit, vertex=False)
        if nearest.solution is None or nearest.solution.tie_broken is False:  # rounding may spare another way there
            nearest = gathered.optimum(None, vertex=False)
    if nearest.solution is not None:
        nearest_gap = passes.dearest(nearest.rates, math.inf, 1)[0] - 1.0
        if nearest_gap <= gathered.explained.tol:
            return _told(passes, nearest, nearest_gap, outside)
    reason = "nearest to the reference among the optima, as far as rounding lets weights fit"
    known = replace(fit.solution, reason=reason, tie_broken=False)
    return _told(passes, replace(fit, solution=known), gap, outside)


def _sharing(gathered: DensitySet, face: NDArray[np.int64]) -> DensityFit | None:
    """Return the optimum of a face on which weights are unique but for copies; None where they are not."""
    class_of, first = gathered.classes(face)
    if 8 * len(first) * len(gathered.explained.share) > DENSITY_BYTES:
        return None
    fit = gathered.without(np.delete(face, first)).optimum(None, vertex=False)
    if fit.solution is None or fit.solution.face_dimension or not np.isin(fit.models, face).all():
        return None
    of_class = np.zeros(len(first))
    of_class[class_of[np.searchsorted(face, fit.models)]] = fit.weights
    size = np.bincount(class_of)
    weights = (of_class / size)[class_of]
    weights[weights.argmax()] += 1.0 - math.fsum(weights)
    held = weights > 0
    reason = "nearest to the reference among the optima"
    dimension = int((size - 1)[of_class > 0].sum())
    solution = replace(fit.solution, face=face[held], face_dimension=dimension, reason=reason)
    return replace(fit, models=face[held], weights=weights[held], solution=solution)


def spread(fit: DensityFit, n_models: int) -> NDArray[np.float64]:
    """Return the weights of all models, shape (n_models,)."""
    weights = np.zeros(n_models)
    weights[fit.models] = fit.weights
    return weights


def _told(passes: DensityPasses, fit: DensityFit, gap: float, outside: float) -> SimplexSolution:
    """Return a fit as the solution of the whole store; `outside` is the highest price of a model that has no weight."""
    solution = fit.solution
    assert solution is not None
    assert solution.reduced_cost is not None
    return replace(
        solution,
        weights=spread(fit, passes.n_models),
        gap=gap,
        relative_gap=gap,
        passes=passes.count,
        reduced_cost=min(solution.reduced_cost, 1.0 - outside),
    )


def _too_large(passes: DensityPasses, fit: DensityFit, gap: float, n_models: int) -> NotConvergedError:
    return NotConvergedError(
        f"stacking: several weights are optimal to the tolerance (gap {gap:.3g}), and the one nearest to uniform may "
        f"weigh {n_models:,} models, more than are gathered from a store; break the tie in memory: "
        "hemicycle.stacking.pool_stacking(scores.pool(), judgments, by=...)",
        spread(fit, passes.n_models),
        gap,
        passes.count,
    )
