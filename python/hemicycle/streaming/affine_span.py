"""The affine span of models on disk: how many dimensions they have, and coordinates in which they spread alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.streaming.face_rows import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.streaming.store_face import StoreFace
    from hemicycle.streaming.working_set import WorkingSet

__all__ = ["affine_span"]

DEPENDENT = 1e-14  #: as of the solver in memory: what lies off a span by this part of its length is rounding


def affine_span(
    face: StoreFace, working: WorkingSet, point: NDArray[np.float64], lead: float
) -> tuple[Frame, WorkingSet]:
    """Return coordinates of models, counted from a point, in as many directions as they span.

    Parameters
    ----------
    face : StoreFace
        The models.
    working : WorkingSet
        Those that are gathered already.
    point : ndarray of float64, shape (n_coordinates,)
        A point in their span.
    lead : float
        A typical length of models.

    Returns
    -------
    tuple of Frame, WorkingSet
        The coordinates, and the gathered models with those that were gathered for them.
    """
    n = len(point)
    spread = np.linspace(0, len(face) - 1, min(2 * (n + 1), len(face))).astype(np.int64)
    while True:
        rows = _gathered(face, working, point)
        scaled = rows / np.sqrt(np.square(rows).sum(axis=1, keepdims=True) + lead**2)
        values, axes = np.linalg.svd(scaled, full_matrices=True)[1:] if len(rows) else (np.zeros(0), np.eye(n))
        rank = int((values > DEPENDENT * np.sqrt(max(len(rows), 1))).sum())
        if rank == n:
            break
        if len(spread):
            missing = np.setdiff1d(face.models[spread], working.models)
            spread = spread[:0]
            if len(missing):
                working = working.with_models(missing, face.passes.rows(missing))
                continue
        share, models, logits = face.farthest(point, axes[rank:].T, lead, n + 1)
        order = np.argsort(models)
        new = ~np.isin(models[order], working.models)
        if share <= DEPENDENT or not new.any():
            break
        working = working.with_models(models[order][new], logits[order][new])
    basis = axes[:rank].T
    scale = np.sqrt(np.square(rows @ basis).mean(axis=0))
    return Frame(point, basis / scale), working


def _gathered(face: StoreFace, working: WorkingSet, point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows of the models of the face that are gathered, shape (n_some, n_coordinates)."""
    mine = face.inside[working.models]
    rows: NDArray[np.float64] = working.loss.coordinates.of_logits(working.logits[mine]).T - point
    return rows
