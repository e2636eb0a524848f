"""A run on a terminal: what was read, who sits where, the mechanisms side by side, the leaderboard, the allocation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
from rich.padding import Padding
from rich.text import Text

from hemicycle.cli.diversity_view import diversity_view
from hemicycle.cli.result_tables import (
    ROWS_SHOWN,
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
from hemicycle.terminal import Hemicycle, Name, heading, number, percent, table
from hemicycle.tie_breaks import tie_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from hemicycle.ensemble import Ensemble
    from hemicycle.items import Items
    from hemicycle.movement import Movement
    from hemicycle.outcome import Outcome
    from hemicycle.table import Table

__all__ = ["Camps", "ensemble_view"]

_YARDSTICKS = ("uniform", "best")  #: measured beside the others; what they would pay is in the report
_COLUMNS = (
    "effective: how many equal models the weights are worth. mse: of the pooled log ratio, lower is better. "
    "log lik., log score: how well the mixture explains the pairs, and the single labels; higher is better."
)

_EVALUATION = (
    "elpd: log density that the mixture gave to them, higher is better. diff: to the first; dse: standard deviation of "
    "this difference among jurors. in 90%: how many fell into the central 90 percent of what was predicted."
)

_NOT_PROVEN = (
    "not below: no optimal weights give less, that is certain. lowest found: some optimal weights give this, others "
    "perhaps less."
)


@dataclass(frozen=True, slots=True)
class Camps:
    """Camps of the jury, where they are known: their names, shares of the labels, and mass under an ensemble."""

    names: tuple[str, ...]
    label_shares: tuple[float, ...]
    mass: Callable[[Ensemble], tuple[float, ...]]


def ensemble_view(outcome: Outcome, out: Path, camps: Camps | None = None, n_rejects: int = 5) -> list[RenderableType]:
    """Lay a run out for a terminal.

    Parameters
    ----------
    outcome : Outcome
        The run.
    out : Path
        The folder that holds all of it.
    camps : Camps, optional
        Whose mass to show beside each mechanism.
    n_rejects : int, default 5
        How many rejects to show.

    Returns
    -------
    list of rich renderables
        From what was read to the allocation.
    """
    paid = outcome.paid
    label = SPOKEN[paid.method]
    parts: list[RenderableType] = [heading("Read", first=True), read_table(outcome.counts())]
    parts += rejected_table(outcome.rejects, out, n_rejects)
    parts += [heading(f"Hemicycle: {outcome.parliament.n_seats} seats by the weights of {label}"), Text()]
    parts += [Hemicycle(outcome.parliament, paid.effective_models[0])]
    parts += [heading(f"Mechanisms on the same judgments: {label} pays"), _mechanisms(outcome), _key(_COLUMNS)]
    parts += [_key(diversity_view(outcome))]
    parts += [_key(summary) for summary in map(tie_summary, outcome.ensembles) if _is_news(summary, outcome.notices)]
    if camps is not None:
        parts += [heading("Share of seats of each camp, beside its share of the jury's labels"), _camps(outcome, camps)]
    parts += [Padding(Text(printable(notice), style="yellow"), (1, 0, 0, 2)) for notice in outcome.notices]
    board = outcome.leaderboard
    board = outcome.leaderboard
    parts += [heading(head_of("Leaderboard by log likelihood", len(board), "model")), leaderboard_table(board)]
    if outcome.evaluation is not None:
        parts += _evaluation(outcome.evaluation, outcome.config.evaluate)
    for movement in outcome.movements:
        parts += _movement(movement)
    n_items = len(outcome.allocation)
    parts += [heading(head_of(f"Allocation, {outcome.config.mean} mean", n_items, "item")), _allocation(outcome)]
    return parts if outcome.ranges is None else [*parts, *_ranges(outcome.ranges, outcome.round.pool.items)]


def _key(text: str) -> RenderableType:
    """Say below a table what its columns mean."""
    return Padding(Text(text, style="dim"), (0, 0, 0, 2))


def _is_news(summary: str | None, notices: Sequence[str]) -> TypeGuard[str]:
    """Whether there is something to say that no notice says."""
    return summary is not None and not any(notice.startswith(summary) for notice in notices)


def _mechanisms(outcome: Outcome) -> RenderableType:
    rows = [
        (
            SPOKEN[found["method"]] + (" *" if found["method"] == outcome.paid.method else ""),
            number(found["effective_models"], 1),
            Name(found["heaviest_model"]),
            number(found["heaviest_weight"], 3),
            number(found["mse"], 3),
            number(found["log_likelihood"], 1),
            number(found["log_score"], 1),
        )
        for found in outcome.mechanisms
    ]
    heads = ("mechanism", "effective", "heaviest model", "weight", "mse", "log lik.", "log score")
    paid = outcome.ensembles.index(outcome.paid)
    return table(heads, rows, names=(2,), numbers=(1, 3, 4, 5, 6), mark=paid)


def _evaluation(evaluation: Table, by: str | None) -> list[RenderableType]:
    """How well each mechanism predicts judgments that were left out."""
    rows = [
        (
            SPOKEN[row["method"]],
            number(row["sigma"], 2),
            number(row["elpd"], 1),
            number(row["diff"], 1),
            number(row["dse"], 1),
            number(row["crps"], 3),
            number(row["mse"], 3),
            number(row["accuracy"], 3),
            percent(row["coverage_90"]),
        )
        for row in evaluation
    ]
    heads = ("mechanism", "sigma", "elpd", "diff", "dse", "crps", "mse", "accuracy", "in 90%")
    shown = table(heads, rows, numbers=range(1, len(heads)))
    return [heading(f"Evaluation: judgments that were left out, by {by}"), shown, _key(_EVALUATION)]


def _movement(movement: Movement) -> list[RenderableType]:
    """Say what moved since another run, or by what was dropped."""
    was, now = (SPOKEN[method] for method in movement.methods)
    paid = now if was == now else f"{was} paid, now {now}"
    rows: list[tuple[RenderableType, ...]] = []
    for name, row, _ in zip(movement.item_names, movement.allocation, range(ROWS_SHOWN), strict=False):
        shares = (f"{100 * row['before']:.2f}", f"{100 * row['after']:.2f}", f"{100 * row['change']:+.2f}")
        rows.append((Name(name), *shares))
    said = (
        f"{movement.part:.2%} of the budgets moves ({paid}): the changes of shares add up to {movement.distance:.4f}."
    )
    weights = [
        (
            SPOKEN[row["method"]],
            f"{100 * row['weight_change']:.2f}",
            number(row["effective_before"], 1),
            number(row["effective_after"], 1),
        )
        for row in movement.mechanisms
    ]
    heads = ("mechanism", "weight that moves, %", "effective before", "after")
    return [
        heading(f"What moved, against {printable(movement.before)}"),
        Padding(Text(said), (0, 0, 1, 2)),
        table(("share, %", "before", "after", "change"), rows, names=(0,), numbers=(1, 2, 3)),
        Text(),
        table(heads, weights, numbers=(1, 2, 3)),
    ]


def _camps(outcome: Outcome, camps: Camps) -> RenderableType:
    rows: list[tuple[str, ...]] = [("the jury's labels", *(f"{share:.3f}" for share in camps.label_shares), "")]
    for ensemble in outcome.ensembles:
        mass = camps.mass(ensemble)
        rows.append((SPOKEN[ensemble.method], *(f"{share:.3f}" for share in mass), f"{max(0.0, 1 - sum(mass)):.3f}"))
    heads = ("", *camps.names, "neither")
    return table(heads, rows, numbers=range(1, len(heads)), mark=0)


def _allocation(outcome: Outcome) -> RenderableType:
    """Leading items of the method that pays: its shares and their intervals, and what the other mechanisms give."""
    paid = np.asarray(outcome.allocation["share"])
    leading = leading_items(paid)
    names = outcome.round.pool.items.short_names
    columns = {SPOKEN[outcome.paid.method]: percents(paid[leading])}
    if outcome.intervals is not None:
        ends = (percents(end[leading]) for end in (outcome.intervals.low, outcome.intervals.high))
        columns[f"{outcome.intervals.level:.0%} of juries"] = [
            f"{low} - {high}" for low, high in zip(*ends, strict=True)
        ]
    for ensemble in outcome.ensembles:
        if ensemble is not outcome.paid and ensemble.method not in _YARDSTICKS:
            share = np.asarray(ensemble.allocation(mean=outcome.config.mean)["share"])
            columns[SPOKEN[ensemble.method]] = percents(share[leading])
    return share_table([names[i] for i in leading.tolist()], columns)


def _ranges(ranges: Table, items: Items) -> list[RenderableType]:
    """Items whose share moves most over all weights that are optimal for least squares."""
    width = np.subtract(ranges["high"], ranges["low"])
    widest = [int(i) for i in np.argsort(-width, kind="stable")[:ROWS_SHOWN] if width[i] > 0]
    if not widest:
        return [heading("Least squares: no share moves while the weights stay optimal")]
    names = items.short_names
    proven = "low_logit" not in ranges.columns  # the least geometric share is no convex problem
    ends = {"lowest": "low", "taken": "share", "highest": "high"}
    if not proven:
        ends = {"not below": "low_bound", "lowest found": "low", "taken": "share", "highest": "high"}
    rows: list[tuple[RenderableType, ...]] = [
        (Name(names[i]), *(f"{100 * ranges[column][i]:.2f}" for column in ends.values())) for i in widest
    ]
    title = head_of("Least squares: shares while the weights stay optimal, widest", int((width > 0).sum()), "item")
    shown = table(("share, %", *ends), rows, names=(0,), numbers=range(1, len(ends) + 1))
    return [heading(title), shown] if proven else [heading(title), shown, _key(_NOT_PROVEN)]
