"""What moved: since another run, or because a juror, a pair or a model was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.report.tables import Column, DataTable, changes, names, numbers, percents, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.movement import Movement
    from hemicycle.outcome import Outcome
    from hemicycle.report.board import Board

__all__ = ["moved", "movements"]

MODELS_LISTED = 1000  #: whose weights change most


def movements(outcome: Outcome, board: Board) -> list[dict[str, Any]]:
    """Lay out what moved against each run that this one is held against.

    Parameters
    ----------
    outcome : Outcome
        The run.
    board : Board
        Its mechanisms.

    Returns
    -------
    list of dict
        For each comparison its name, a sentence, and the tables of shares, mechanisms and models.
    """
    return [
        {
            "before": shown(movement.before),
            "text": moved(movement, board),
            "shares": _shares(movement, f"movement-{place}"),
            "mechanisms": _mechanisms(movement, board, f"movement-{place}-mechanisms"),
            "models": _models(movement, f"movement-{place}-models") if len(movement.models) else None,
        }
        for place, movement in enumerate(outcome.movements, 1)
    ]


def moved(movement: Movement, board: Board) -> str:
    """Say in a sentence how much of the money moves."""
    was, now = (board.labels[method] for method in movement.methods)
    paid = "" if was == now else f" {was} paid, now {now} does."
    total = f"the changes of all shares add up to {movement.distance:.4f}"
    return f"Against {shown(movement.before)}, {movement.part:.2%} of the money moves: {total}.{paid}"


def _shares(movement: Movement, name: str) -> DataTable:
    table = movement.allocation
    change = np.asarray(table["change"], dtype=np.float64)
    columns = (
        names("item", movement.item_names),
        percents("before, %", table["before"]),
        percents("after, %", table["after"]),
        changes("change", 100 * change, 2, meaning="in points"),
        _bars(change),
    )
    return DataTable(name, f"Shares against {shown(movement.before)}", columns, "item", "movement.csv")


def _bars(change: NDArray[np.float64]) -> Column:
    """Draw each change from the middle."""
    most = max(float(np.abs(change).max()), 1e-12)
    ends = (50 + 50 * change / most).round(2).tolist()
    return Column(
        f"from {-most:.1%} to {most:.1%}".replace("-", "\N{MINUS SIGN}"),
        [[50, end, 0, 0, False] for end in ends],
        "bar",
    )


def _mechanisms(movement: Movement, board: Board, name: str) -> DataTable:
    found = movement.mechanisms
    columns = (
        Column("mechanism", [board.labels[method] for method in found["method"]], "name"),
        percents("weight that moves, %", found["weight_change"], meaning="from one model to another"),
        numbers("before", found["effective_before"], 1, group="effective models"),
        numbers("after", found["effective_after"], 1, group="effective models"),
    )
    return DataTable(name, "Weights under every mechanism", columns, "mechanism")


def _models(movement: Movement, name: str) -> DataTable:
    found = movement.models
    columns = (
        names("model", found["model"][:MODELS_LISTED]),
        percents("before, %", found["before"][:MODELS_LISTED]),
        percents("after, %", found["after"][:MODELS_LISTED]),
        changes("change", 100 * found["change"][:MODELS_LISTED], 2, meaning="in points"),
    )
    return DataTable(name, "Models whose weight changes under the mechanism that pays", columns, "model")
