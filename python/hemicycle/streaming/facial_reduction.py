"""Facial reduction by passes: where a point is on the boundary of the hull, some models have no weight in any mixture.

The point is pushed a little away from the centre of the models. If it leaves their hull, the hyperplane that separates
it supports the hull, and if that hyperplane contains the point, only models on it can have weight. What is claimed is
checked over all models: no model is below the hyperplane. The solver in memory does the same.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import NotConvergedError, TieBreakWarning
from hemicycle.least_squares import simplex_least_squares
from hemicycle.streaming.affine_span import affine_span
from hemicycle.streaming.face_rows import Plane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.streaming.face_rows import Frame
    from hemicycle.streaming.store_face import StoreFace
    from hemicycle.streaming.working_set import Fit, WorkingSet

__all__ = ["relative_interior", "typical_length"]

PUSHES = (1e-2, 1e-4, 1e-6)  #: relative to the distance from the centre: near faces need small ones
FLAT = 1e-9  #: heights over a hyperplane this small, relative to the lengths involved, are none
ROUNDING = 1e-13  #: a distance from the centre, relative to the rows, that is none
SAME = 1e-14  #: slopes that differ by less, relative to the lengths involved, are rounding
LEAST_TOL = 1e-17
MAX_PASSES = 40  #: for one push
MIN_PRICED = 32  #: models that a pass brings, times four


def relative_interior(
    face: StoreFace, working: WorkingSet, fit: Fit, point: NDArray[np.float64], lead: float
) -> tuple[StoreFace, Frame]:
    """Return the models that have weight in some mixture that gives a point, and coordinates in which they spread.

    Parameters
    ----------
    face : StoreFace
        Models that may have.
    working : WorkingSet
        Models that are gathered already, those of `fit.vertex` among them.
    fit : Fit
        A mixture that gives the point.
    point : ndarray of float64, shape (n_coordinates,)
        The point.
    lead : float
        A typical length of models.

    Returns
    -------
    tuple of StoreFace, Frame
        The point is in the relative interior of their hull, as far as rounding lets it be seen.
    """
    while True:
        frame, working = affine_span(face, working, point, lead)
        if len(frame) + 1 == min(len(face), len(fit.vertex)):
            return face, frame  # weights on a full set of independent models, or no others
        smaller, working = _reduced(face, working, fit, point)
        if smaller is None:
            return face, frame
        face = smaller


def _reduced(
    face: StoreFace, working: WorkingSet, fit: Fit, point: NDArray[np.float64]
) -> tuple[StoreFace | None, WorkingSet]:
    """Return fewer models; None where none can be excluded."""
    squared, inwards = face.distances(point)
    typical, outwards = typical_length(squared), -inwards
    reach = float(np.linalg.norm(outwards))
    if reach <= ROUNDING * typical:
        return None, working
    for push in PUSHES:
        target = point + push * outwards
        normal, least, working = _separating(face, working, target, typical)
        distance = float(np.linalg.norm(normal))
        if distance <= FLAT * push * reach:
            break  # the point is inside the hull
        height = float(normal @ point) - least
        if height > FLAT * distance * typical:
            continue
        weighted = working.loss.coordinates.products(working.logits[working.positions(fit.vertex)], normal)
        smaller = face.on(Plane(target, normal, least, FLAT * distance, weighted))
        return (smaller if len(smaller) < len(face) else None), working
    return None, working


def _separating(
    face: StoreFace, working: WorkingSet, target: NDArray[np.float64], typical: float
) -> tuple[NDArray[np.float64], float, WorkingSet]:
    """Return the way to the hull's nearest point, the least product of a model with it, and what was gathered."""
    n_passes = 0
    while True:
        mine = np.flatnonzero(face.inside[working.models])
        rows = working.loss.coordinates.of_logits(working.logits[mine]).T - target
        normal = _nearest(rows) @ rows
        priced = face.cheapest(normal, 4 * max(len(target), MIN_PRICED))
        n_passes += 1
        level = float(normal @ normal) + float(normal @ target)
        below = priced.slopes < level - SAME * float(np.linalg.norm(normal)) * typical
        new = below & ~np.isin(priced.models, working.models)
        if n_passes == MAX_PASSES or not new.any():
            return normal, float(priced.slopes[0]), working
        order = np.argsort(priced.models[new])
        working = working.with_models(priced.models[new][order], priced.logits[new][order])


def typical_length(squared: NDArray[np.float64]) -> float:
    """Return the root of the median of squared lengths; of the largest if that is rounding; 1 if all are 0."""
    median, longest = float(np.median(squared)), float(squared.max())
    return math.sqrt(median if median > ROUNDING**2 * longest else longest) or 1.0


def _nearest(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of the mixture of rows that is nearest to 0, as near as rounding lets it be found."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TieBreakWarning)  # any will do
            return simplex_least_squares(rows, np.zeros(rows.shape[1]), tol=LEAST_TOL).weights
    except NotConvergedError as error:
        return error.weights
