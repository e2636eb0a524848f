"""What an organiser looks at twice: fits too near to be independent, and models that are copies of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.report.tables import Column, DataTable, names, numbers, percents, shown

if TYPE_CHECKING:
    from hemicycle.outcome import Outcome
    from hemicycle.report.board import Board

__all__ = ["SAME_DECIMALS", "copies", "copies_table", "suspects_table"]

SAME_DECIMALS = 9  #: of the log ratios in which copies agree
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


def suspects_table(outcome: Outcome) -> DataTable | None:
    """Make the table of models that fit the judgments too well; None where no model does."""
    suspects = outcome.leak.suspects
    if not suspects:
        return None
    place = {model: row for row, model in enumerate(outcome.leak.models)}
    rows = [place[model] for model in suspects]
    weight = dict(zip(outcome.paid.models, outcome.paid.weights.tolist(), strict=True))
    least = np.fmin(np.fmin(outcome.leak.log_ratio_p, outcome.leak.choice_p), outcome.leak.gap_p)[rows]
    columns = (
        names("model", suspects),
        Column("fitted to", list(suspects.values())),
        Column(
            "probability",
            [_probability(p) for p in least.tolist()],
            meaning="of such a fit, had it not seen the rows",
        ),
        percents("weight, %", [weight.get(model, 0.0) for model in suspects], meaning="under the mechanism that pays"),
    )
    return DataTable("suspects", "Models that fit the judgments closer than the truth would", columns, "model")


def _probability(p: float) -> str:
    return ("below " if p < LEAST else "") + f"{max(p, LEAST):.0e}".replace("-", "\N{MINUS SIGN}")


def _named(models: list[str]) -> str:
    more = f" and {len(models) - NAMED:,} more" if len(models) > NAMED else ""
    return ", ".join(shown(model) for model in models[:NAMED]) + more
