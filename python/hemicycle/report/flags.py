"""What an organiser looks at twice: fits too near to be independent, and models that are copies of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.report.tables import MISSING, Column, DataTable, names, numbers, percents, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.outcome import Outcome
    from hemicycle.report.board import Board

__all__ = ["SAME_DECIMALS", "closest_table", "copies", "copies_table"]

SAME_DECIMALS = 9  #: of the log ratios in which copies agree
CLOSEST = 10  #: models that are listed, flagged or not
LEAST = 1e-16  #: probability below which doubles tell nothing
NAMED = 6  #: models of one group of copies that are named


def copies(outcome: Outcome) -> list[list[int]]:
    """Group the models that predict the same log ratio, to nine decimals, for every judged pair.

    Parameters
    ----------
    outcome : Outcome
        The run.

    Returns
    -------
    list of list of int
        Groups of two models and more, the largest first, models in the order of the pool.
    """
    pairs, logits = outcome.round.judgments.pairs, outcome.round.pool.logits
    groups: dict[bytes, list[int]] = {}
    for model, row in enumerate(logits):
        predicted = (row[pairs.b].astype(np.float64) - row[pairs.a]).round(SAME_DECIMALS) + 0.0
        groups.setdefault(predicted.tobytes(), []).append(model)
    return sorted((group for group in groups.values() if len(group) > 1), key=lambda group: (-len(group), group[0]))


def copies_table(outcome: Outcome, board: Board, groups: list[list[int]]) -> DataTable | None:
    """Make the table of the groups of copies and the weight that each group has under each mechanism."""
    if not groups:
        return None
    pool = outcome.round.pool
    authors = [len({pool.authors[model] for model in group} - {None}) for group in groups]
    columns = [
        Column("copies", [_named([pool.models[model] for model in group]) for group in groups], "name"),
        numbers("models", [len(group) for group in groups], 0),
    ]
    if any(authors):
        columns.append(numbers("authors", authors, 0))
    columns += [
        percents(board.labels[e.method], [float(e.weights[group].sum()) for group in groups], group="weight of all, %")
        for e in board.ensembles
    ]
    return DataTable("copies", "Models that predict the same for every judged pair", tuple(columns), "group")


def closest_table(outcome: Outcome) -> DataTable | None:
    """Make the table of the models that come nearest to the judgments; None where that cannot be told."""
    found = outcome.leak.table()
    known = np.isfinite(np.fmin(np.fmin(found["log_ratio_p"], found["choice_p"]), found["gap_p"]))
    n = min(int(np.count_nonzero(known)), max(CLOSEST, len(outcome.leak.suspects)))
    if n == 0:
        return None
    weight = dict(zip(outcome.paid.models, outcome.paid.weights.tolist(), strict=True))
    columns = [
        names("model", found["model"][:n]),
        Column("flag: fitted to", found["fitted_to"][:n]),
        percents(
            "weight, %", [weight.get(m, 0.0) for m in found["model"][:n]], meaning="under the mechanism that pays"
        ),
    ]
    for group, excess in (("log ratios", "log_ratio"), ("choices", "choice")):
        meaning = (
            "loss above the least possible, in units of what the truth would have: near 0 is a fit, 1 is the truth"
        )
        columns.append(numbers("excess", found[f"{excess}_excess"][:n], 2, group=group, meaning=meaning))
        columns.append(_probabilities(found[f"{excess}_p"][:n], group))
    if np.isfinite(found["gap_p"]).any():
        group = "rows used or left out"
        columns.append(
            numbers("gap", found["gap"][:n], 2, group=group, meaning="error left out less that on rows used")
        )
        columns.append(_probabilities(found["gap_p"][:n], group))
    return DataTable("closest", "Models that come nearest to the judgments", tuple(columns), "model")


def _probabilities(values: NDArray[np.float64], group: str) -> Column:
    meaning = (
        "of coming so near without having seen the rows; many models are looked at, so a small one alone is no flag"
    )
    shown_as = [_probability(p) if np.isfinite(p) else MISSING for p in values.tolist()]
    return Column("probability", shown_as, group=group, meaning=meaning)


def _probability(p: float) -> str:
    if p >= 0.001:
        return f"{p:.3f}"
    return ("below " if p < LEAST else "") + f"{max(p, LEAST):.0e}".replace("-", "\N{MINUS SIGN}")


def _named(models: list[str]) -> str:
    more = f" and {len(models) - NAMED:,} more" if len(models) > NAMED else ""
    return ", ".join(shown(model) for model in models[:NAMED]) + more
