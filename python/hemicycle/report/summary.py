"""The top of the page: who is paid by which mechanism, how sure that is, and what a reader should know first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.rejects import counted
from hemicycle.report.movement import moved
from hemicycle.report.shares import paid_most
from hemicycle.report.tables import MISSING, prose, shown

if TYPE_CHECKING:
    from hemicycle.intervals import AllocationIntervals
    from hemicycle.outcome import Outcome
    from hemicycle.report.board import Board

__all__ = ["summary"]

RULES = {
    "stacking": "the mixture of models that explains the single judgments best: camps of the jury are seated in "
    "proportion to what they said",
    "least_squares": "the weights whose pooled prediction comes nearest to the judgments in squared error",
    "bma": "Bayesian model averaging: likelihoods multiply over the pairs, so the majority takes all",
    "greedy": "models chosen one after another, each time the one that helps most",
    "uniform": "every model the same weight, whatever the jury said",
    "best": "the one model of highest likelihood takes all",
}
"""What each mechanism does, in a line."""


def summary(outcome: Outcome, board: Board) -> dict[str, Any]:
    """Say the result in a few sentences and figures.

    Parameters
    ----------
    outcome : Outcome
        The run.
    board : Board
        Its mechanisms.

    Returns
    -------
    dict
        What the template lays out.
    """
    counts = outcome.counts()
    judged, sent, items = counts["judgments"], counts["submissions"], counts["items"]
    paid = outcome.paid
    heaviest = int(np.argmax(paid.weights))
    return {
        "rule": RULES[paid.method],
        "effective": f"{paid.effective_models[0]:,.1f}",
        "n_models": len(paid.models),
        "heaviest": shown(paid.models[heaviest]),
        "heaviest_weight": f"{paid.weights[heaviest]:.1%}",
        "mean": outcome.config.mean,
        "figures": [
            (f"{judged['used']:,}", "judgments", f"of {counted(judged['pairs'], 'pair')}"),
            (
                f"{judged['jurors']:,}" if judged["jurors"] else MISSING,
                "jurors",
                "" if judged["jurors"] else "not named",
            ),
            (f"{sent['seated']:,}", "models", f"{sent['rejected'] + sent['barred']:,} turned away"),
            (f"{items['n']:,}", "items", f"of {counted(items['parents'], 'parent')}"),
        ],
        "paid_most": paid_most(outcome),
        "sure": _sure(outcome, board) + _widest(outcome.intervals),
        "notices": [prose(notice) for notice in outcome.notices],
    }


def _sure(outcome: Outcome, board: Board) -> list[str]:
    """Say what is known of how far the result could be another."""
    said = []
    found = next(m for m in outcome.mechanisms if m["method"] == outcome.paid.method)
    if found.get("unique") is True:
        said.append("No other weights serve the jury's judgments as well: the answer of this mechanism is unique.")
    elif found.get("unique") is False:
        dimension = found["face_dimension"]
        said.append(
            f"Other weights serve the judgments as well, in {counted(dimension, 'dimension')}; a stated tie-break "
            "chose among them."
        )
    shares = np.array([e.allocation(mean=outcome.config.mean)["share"] for e in board.ensembles])
    other = 0.5 * np.abs(shares - shares[0]).sum(axis=1) / max(1, outcome.round.pool.items.n_parents)
    if len(shares) > 1:
        far = int(np.argmax(other))
        near = 1 + int(np.argmin(other[1:]))
        ends = [f"{other[k]:.1%} ({board.labels[board.ensembles[k].method].lower()})" for k in (near, far)]
        said.append(f"Another mechanism would pay otherwise: from {ends[0]} to {ends[1]} of the money would move.")
    said += [moved(movement, board) for movement in outcome.movements]
    unjudged = int(np.count_nonzero(board.judged == 0))
    if unjudged:
        said.append(
            f"{counted(unjudged, 'item')} {'was' if unjudged == 1 else 'were'} never compared: what "
            f"{'it is' if unjudged == 1 else 'they are'} paid is decided by the models alone."
        )
    return said


def _widest(intervals: AllocationIntervals | None) -> list[str]:
    """Say which share could be another by most."""
    if intervals is None:
        return []
    i = int(np.argmax(intervals.high - intervals.low))
    return [
        f"The widest interval is that of {shown(intervals.items.short_names[i])}, {intervals.low[i]:.2%} to "
        f"{intervals.high[i]:.2%} ({intervals.label})."
    ]
