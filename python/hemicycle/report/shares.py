"""What is paid: the allocation with how far it could move, and that of every mechanism beside it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hemicycle.direct import direct_fit
from hemicycle.errors import DomainError
from hemicycle.report.tables import Column, DataTable, names, numbers, percents, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.outcome import Outcome
    from hemicycle.report.board import Board

    Ends: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]

__all__ = ["allocation_table", "mechanism_chart", "mechanism_shares", "paid_most"]

CHARTED = 20  #: items of the chart of all mechanisms
MAX_JUDGED = 2000  #: items, beyond which what the jury alone says would take too long
LEADING = 6  #: items of the summary


def allocation_table(outcome: Outcome, board: Board) -> DataTable:
    """Make the table of what each item is paid, the largest share first, with how far it could move as far as known.

    Parameters
    ----------
    outcome : Outcome
        The run, perhaps with the range over all optimal weights of least squares.
    board : Board
        How often each item was judged.

    Returns
    -------
    DataTable
        One row an item.
    """
    share = np.asarray(outcome.allocation["share"], dtype=np.float64)
    order = _order(share)
    items = outcome.round.pool.items
    columns = [names("item", [items.hostless_names[i] for i in order])]
    if items.n_parents > 1:
        columns.append(Column("parent", [shown(items.parents[i]) for i in order]))
    columns.append(percents("share, %", share[order], meaning="of the budget of its parent"))
    ends = None
    intervals = outcome.intervals
    if intervals is not None:
        ends = intervals.low, intervals.high
        columns += _ends(ends, ("from", "to"), f"{intervals.level:.0%} interval", order)
    if outcome.ranges is not None:
        optimal = np.asarray(outcome.ranges["low"]), np.asarray(outcome.ranges["high"])
        ends = optimal if ends is None and outcome.paid.method == "least_squares" else ends
        columns += _ends(optimal, ("lowest", "highest"), "least squares: all optimal weights", order)
    columns.insert(2 if items.n_parents == 1 else 3, _bars(share, ends, order))
    columns.append(numbers("pairs", board.judged[order], 0, meaning="in which the jury judged it"))
    return DataTable("shares", "What each item is paid", tuple(columns), "item", "allocation.csv")


def _ends(ends: Ends, heads: tuple[str, str], group: str, order: list[int]) -> list[Column]:
    return [percents(head, np.asarray(end)[order], group=group) for head, end in zip(heads, ends, strict=True)]


def _bars(share: NDArray[np.float64], ends: Ends | None, order: list[int]) -> Column:
    """Draw each share from 0 to the largest, and over it how far it could move."""
    low, high = (share, share) if ends is None else ends
    top = max(float(share.max()), float(high.max()))
    places = (100 * np.stack([share, low, high], axis=1) / top).round(2)[order]
    return Column(f"0 to {top:.1%}", [[0, *row, ends is not None] for row in places.tolist()], "bar")


def mechanism_shares(outcome: Outcome, board: Board) -> DataTable:
    """Make the table of the shares under every mechanism, in the order of those that are paid."""
    shares = _shares(outcome, board)
    order = _order(shares[0])
    items = outcome.round.pool.items
    columns = [names("item", [items.short_names[i] for i in order])]
    for ensemble, share in zip(board.ensembles, shares, strict=True):
        paid = " (pays)" if ensemble is board.paid else ""
        columns.append(percents(board.labels[ensemble.method] + paid, share[order], group="share, %"))
    if np.count_nonzero(board.judged) <= MAX_JUDGED:
        with suppress(DomainError):  # weights of judgments too far apart
            alone = direct_fit(outcome.round.judgments).share[order]
            columns.append(percents("Jury alone", alone, group="no model, %"))
    spread = 100 * (shares.max(axis=0) - shares.min(axis=0))
    columns.append(numbers("widest gap", spread[order], 2, group="points", meaning="between two mechanisms"))
    return DataTable("mechanism-shares", "Shares under every mechanism", tuple(columns), "item")


def mechanism_chart(outcome: Outcome, board: Board) -> dict[str, Any]:
    """Lay out the leading items, one line each, with one mark a mechanism."""
    shares = _shares(outcome, board)
    order = _order(shares[0])[:CHARTED]
    items = outcome.round.pool.items
    ticks = _axis(float(shares[:, order].max()))
    top = float(ticks[-1])
    labels = [board.labels[ensemble.method] for ensemble in board.ensembles]
    lines = [
        {
            "name": shown(items.short_names[i]),
            "marks": (100 * shares[:, i] / top).round(2).tolist(),
            "text": "; ".join(f"{label} {share:.2%}" for label, share in zip(labels, shares[:, i], strict=True)),
        }
        for i in order
    ]
    return {
        "lines": lines,
        "ticks": [(round(100 * float(tick) / top, 2), f"{100 * float(tick):.6g}%") for tick in ticks],
        "labels": labels,
        "n_items": len(items),
    }


def paid_most(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the items of the largest shares, for the top of the page."""
    share = np.asarray(outcome.allocation["share"], dtype=np.float64)
    names_of = outcome.round.pool.items.short_names
    leading = _order(share)[:LEADING]
    return [
        {"name": shown(names_of[i]), "share": f"{share[i]:.2%}", "bar": round(100 * float(share[i] / share.max()), 2)}
        for i in leading
    ]


def _shares(outcome: Outcome, board: Board) -> NDArray[np.float64]:
    """Share of each item under each mechanism, shape (n_mechanisms, n_items)."""
    return np.array([ensemble.allocation(mean=outcome.config.mean)["share"] for ensemble in board.ensembles])


def _order(share: NDArray[np.float64]) -> list[int]:
    listed: list[int] = np.argsort(-share, kind="stable").tolist()
    return listed


def _axis(largest: float) -> NDArray[np.float64]:
    """Return round numbers from 0 to the first that is not below the largest share."""
    unit = 10.0 ** np.floor(np.log10(largest)) if largest > 0 else 1.0
    steps = {1.0: 5, 1.5: 3, 2.0: 4, 3.0: 3, 4.0: 4, 5.0: 5, 6.0: 3, 8.0: 4, 10.0: 5}
    end = next((m for m in steps if m * unit >= largest), 10.0)
    return np.linspace(0.0, end * unit, steps[end] + 1)
