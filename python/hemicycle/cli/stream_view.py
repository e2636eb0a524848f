"""A streamed run on a terminal: what was read, the mechanisms side by side, the leaderboard, the allocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.padding import Padding
from rich.text import Text

from hemicycle.cli.result_tables import (
    head_of,
    leaderboard_table,
    leading_items,
    percents,
    read_table,
    rejected_table,
    share_table,
)
from hemicycle.escaping import printable
from hemicycle.mechanism import SPOKEN
from hemicycle.terminal import Name, heading, number, table

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from hemicycle.streaming.formed import Formed
    from hemicycle.streaming.store_outcome import StoreOutcome

__all__ = ["stream_view"]

_YARDSTICKS = ("uniform", "best")  #: measured beside the others; what they would pay is in allocations.csv
_COLUMNS = (
    "effective: how many equal models the weights are worth. models: how many have weight. mse: of the pooled log "
    "ratio, lower is better. gap: how far from the optimum at most, in the unit of the solver's tolerance."
)


def stream_view(outcome: StoreOutcome, paid: Formed, out: Path, n_rejects: int = 5) -> list[RenderableType]:
    """Lay a streamed run out for a terminal.

    Parameters
    ----------
    outcome : StoreOutcome
        The run, complete.
    paid : Formed
        The mechanism that pays.
    out : Path
        The folder that holds all of it.
    n_rejects : int, default 5
        How many rejects to show.

    Returns
    -------
    list of rich renderables
        From what was read to the allocation.
    """
    parts: list[RenderableType] = [heading("Read", first=True), read_table(outcome.counts())]
    parts += rejected_table(outcome.rejects, out, n_rejects)
    parts += [heading(f"Mechanisms on the same judgments: {SPOKEN[paid.method]} pays"), _mechanisms(outcome)]
    parts += [Padding(Text(_COLUMNS, style="dim"), (0, 0, 0, 2))]
    parts += [Padding(Text(printable(notice), style="yellow"), (1, 0, 0, 2)) for notice in outcome.notices]
    n_models, n_items = len(outcome.scores), len(paid.allocation)
    board = outcome.leaderboard
    title = head_of("Leaderboard by log likelihood", n_models, "model", len(board))
    parts += [heading(title), leaderboard_table(board)]
    parts += [heading(head_of(f"Allocation, {outcome.config.mean} mean", n_items, "item")), _allocation(outcome, paid)]
    return parts


def _mechanisms(outcome: StoreOutcome) -> RenderableType:
    rows = []
    for formed in outcome.formed:
        solution, weights = formed.ensemble.solution, formed.ensemble.weights
        rows.append(
            (
                SPOKEN[formed.method] + (" *" if formed is outcome.paid else ""),
                number(formed.ensemble.effective_models[0], 1),
                f"{np.count_nonzero(weights):,}",
                Name(formed.heaviest),
                number(formed.heaviest_weight, 3),
                number(formed.mse, 3),
                "-" if solution is None else f"{solution.relative_gap:.0e}",
            )
        )
    heads = ("mechanism", "effective", "models", "heaviest model", "weight", "mse", "gap")
    paid = next(row for row, formed in enumerate(outcome.formed) if formed is outcome.paid)
    return table(heads, rows, names=(3,), numbers=(1, 2, 4, 5, 6), mark=paid)


def _allocation(outcome: StoreOutcome, paid: Formed) -> RenderableType:
    """Leading items of the method that pays, and what the other mechanisms give them."""
    shares = {each.method: np.asarray(each.allocation["share"]) for each in outcome.formed}
    leading = leading_items(shares[paid.method])
    shown = [paid.method, *(m for m in shares if m != paid.method and m not in _YARDSTICKS)]
    names = outcome.scores.manifest.item_list.short_names
    columns = {SPOKEN[method]: percents(shares[method][leading]) for method in shown}
    return share_table([names[i] for i in leading.tolist()], columns)
