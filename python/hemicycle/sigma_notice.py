"""Saying which widths were chosen, and where the choice is at the end of what was tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.mechanism import SPOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hemicycle.ensemble import Ensemble

__all__ = ["sigma_notice"]


def sigma_notice(ensembles: Sequence[Ensemble]) -> str | None:
    """Return what to tell the reader of ensembles whose widths were chosen; None where none was.

    Parameters
    ----------
    ensembles : sequence of Ensemble
        Of one round.

    Returns
    -------
    str or None
        The width of each method, among which, and the methods whose best is the first or the last of these.
    """
    chosen = [ensemble for ensemble in ensembles if ensemble.sigmas_tried is not None]
    if not chosen or chosen[0].sigmas_tried is None:
        return None
    tried = np.asarray(chosen[0].sigmas_tried["sigma"])
    widths = ", ".join(f"{SPOKEN[ensemble.method]} {ensemble.sigma:.3g}" for ensemble in chosen)
    said = (
        f"sigma was chosen for each method by the log density of judgments left out in turn, of {len(tried)} widths "
        f"from {tried[0]:g} to {tried[-1]:g}: {widths}."
    )
    at_end = [SPOKEN[ensemble.method] for ensemble in chosen if ensemble.sigma in (tried[0], tried[-1])]
    return f"{said} At the end of the range, perhaps better beyond: {', '.join(at_end)}." if at_end else said
