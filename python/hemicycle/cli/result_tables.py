"""Parts of a result on a terminal: what was read and turned away, the leaderboard, the shares of the leading items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from rich.text import Text

from hemicycle.escaping import printable
from hemicycle.picture import shortened
from hemicycle.rejects import counted
from hemicycle.terminal import Name, heading, number, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.console import RenderableType

    from hemicycle.rejects import Reject, Rejects
    from hemicycle.table import Table

__all__ = [
    "ROWS_SHOWN", "head_of", "leaderboard_table", "leading_items", "percents", "read_table", "rejected_table",
    "share_table",
]  # fmt: skip

ROWS_SHOWN = 10


def head_of(what: str, n: int, unit: str, at_most: int = ROWS_SHOWN) -> str:
    """Return a heading that says how many rows of a table are shown, of which there are `at_most`."""
    shown = min(ROWS_SHOWN, at_most)
    return f"{what}: the first {shown} of {counted(n, unit)}" if n > shown else f"{what}: {counted(n, unit)}"


def read_table(counts: dict[str, dict[str, Any]]) -> RenderableType:
    """Lay out how much of what was read.

    Parameters
    ----------
    counts : dict
        What `counts` of a run returns.
    """
    judged, sent, items = counts["judgments"], counts["submissions"], counts["items"]
    rows = [
        (
            "judgments",
            f"{judged['used']:,}",
            f"{judged['ordinal']:,} without a multiplier, {judged['rejected']:,} rejected; "
            f"{counted(judged['pairs'], 'pair')}, "
            + (counted(judged["jurors"], "juror") if judged["jurors"] else "jurors not named"),
        ),
        (
            "models",
            f"{sent['seated']:,}",
            f"{sent['rejected']:,} rejected, {sent['barred']:,} barred for a zero weight",
        ),
        (
            "items",
            f"{items['n']:,}",
            f"of {counted(items['parents'], 'parent')}; {items['source']}",
        ),
    ]
    cells = [(what, n, Text(printable(said))) for what, n, said in rows]
    return table(("", "", ""), cells, names=(2,), numbers=(1,), heads=False)


def rejected_table(rejects: Rejects, out: Path, most: int) -> list[RenderableType]:
    """Lay out what was turned away, what is alike together; nothing where nothing was.

    Parameters
    ----------
    rejects : tuple of Reject
        What was turned away.
    out : Path
        The folder that lists all of it.
    most : int
        How many lines to show.
    """
    if not rejects:
        return []
    alike: dict[tuple[str, str, str], list[Reject]] = {}
    for reject in rejects:
        alike.setdefault((reject.file, reject.field, reject.reason), []).append(reject)
    groups = list(alike.values())
    rows = [(Name(_place(group)), Text(printable(_complaint(group)))) for group in groups[:most]]
    where = printable(str(out / "rejects.csv"))
    title = f"Rejected: {len(rejects):,}" + (f", all in {where}" if len(rejects) > len(rows) else "")
    return [heading(title), table(("", ""), rows, names=(1,), heads=False)]


def _place(group: Sequence[Reject]) -> str:
    line = "" if group[0].line is None else f":{group[0].line}"
    more = f" and {len(group) - 1:,} more" if len(group) > 1 else ""
    return f"{shortened(group[0].file, 30)}{line}{more}"


def _complaint(group: Sequence[Reject]) -> str:
    """Say what is wrong, after the field and, where there is one that the reason does not hold, the value at fault."""
    value, reason = group[0].value, group[0].reason
    shown = f" {shortened(value, 40)!r}" if len(group) == 1 and value and value not in reason else ""
    return f"{group[0].field}{shown}: {reason}"


def leaderboard_table(leaderboard: Table) -> RenderableType:
    """Lay out the best models.

    Parameters
    ----------
    leaderboard : Table
        With the columns rank, model, weight, log_likelihood, mse and accuracy.
    """
    rows = []
    for row, _ in zip(leaderboard, range(ROWS_SHOWN), strict=False):
        scores = (number(row["log_likelihood"], 1), number(row["mse"], 3), number(row["accuracy"], 3))
        name = Name(row["model"])
        rows.append((str(row["rank"]), name, number(row["weight"], 4), *scores))
    heads = ("rank", "model", "weight", "log lik.", "mse", "accuracy")
    return table(heads, rows, names=(1,), numbers=(0, 2, 3, 4, 5))


def leading_items(shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the items of the largest shares."""
    return np.argsort(-shares, kind="stable")[:ROWS_SHOWN]


def share_table(names: Sequence[str], columns: Mapping[str, Sequence[str]]) -> RenderableType:
    """Lay out shares of items.

    Parameters
    ----------
    names : sequence of str
        The items.
    columns : mapping of str to sequence of str
        What each mechanism gives them, in percent.
    """
    rows: list[tuple[RenderableType, ...]] = [
        (Name(name), *cells) for name, *cells in zip(names, *columns.values(), strict=True)
    ]
    return table(("share, %", *columns), rows, names=(0,), numbers=range(1, len(columns) + 1))


def percents(shares: NDArray[np.float64]) -> list[str]:
    """Return shares in percent, with two decimals."""
    return [f"{100 * share:.2f}" for share in shares.tolist()]
