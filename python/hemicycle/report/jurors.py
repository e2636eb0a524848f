"""The jurors: with which mechanism each agrees, whom the result hangs on, and the answers that nobody foretold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.direct_influence import direct_influence
from hemicycle.errors import DomainError, FormatError, NoDataError, NotConvergedError, OptionError
from hemicycle.jurors import juror_diagnostics, least_likely_judgments
from hemicycle.rejects import counted
from hemicycle.report.tables import Column, DataTable, names, numbers, percents, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.jurors import JurorDiagnostics
    from hemicycle.outcome import Outcome
    from hemicycle.report.board import Board
    from hemicycle.table import Table

__all__ = ["jurors", "least_likely"]

LEAST_LIKELY = 20  #: judgments that are listed
WITHOUT = "moves without, %"
MAX_LEFT_OUT = 100_000_000  #: jurors times models times items: some seconds; beyond, nobody is left out
MAX_ALONE = 10_000_000_000  #: jurors times the cube of the items judged: likewise, where the jury decides alone


def jurors(outcome: Outcome, board: Board) -> dict[str, Any] | None:
    """Look at every juror beside every mechanism.

    Parameters
    ----------
    outcome : Outcome
        The run.
    board : Board
        Its mechanisms.

    Returns
    -------
    dict or None
        The table of the jurors, the most influential first, and sentences on the whole jury; None where the jury file
        does not name its jurors.
    """
    round_ = outcome.round
    try:
        found = [juror_diagnostics(round_.pool, round_.judgments, e.weights, sigma=e.sigma) for e in board.ensembles]
    except (FormatError, NoDataError):
        return None
    paid, moved = found[0], _left_out(outcome, board)
    order: list[int] = np.lexsort((paid.log_density, np.zeros(len(paid)) if moved is None else -moved)).tolist()
    columns = [
        names("juror", [paid.jurors[k] for k in order]),
        numbers("judgments", paid.judgments[order], 0),
        *_influence(moved, order),
        *_alone(outcome, int(np.count_nonzero(board.judged)), [paid.jurors[k] for k in order]),
    ]
    columns += [
        percents(board.labels[e.method], of.agreement[order], 0, group="agrees with, %")
        for e, of in zip(board.ensembles, found, strict=True)
    ]
    columns += _answers(paid, order)
    table = DataTable("jurors", "Jurors", tuple(columns), "juror")
    return {"table": table, "whole": _whole(paid, board.label), "moved": moved is not None, "label": board.label}


def _left_out(outcome: Outcome, board: Board) -> NDArray[np.float64] | None:
    """Return how much of the least-squares allocation moves without each juror, by name; None where nobody can say."""
    least_squares = next(e for e in board.ensembles if e.method == "least_squares")
    named = sorted({juror for juror in outcome.round.judgments.juror if juror is not None})
    if len(named) * outcome.round.pool.logits.size > MAX_LEFT_OUT:
        return None
    try:
        found = least_squares.influence("juror", mean=outcome.config.mean)
    except (OptionError, FormatError, NoDataError, NotConvergedError):
        return None
    change = dict(zip(found["juror"], found["allocation_change"].tolist(), strict=True))
    counting = {
        juror for juror, u in zip(outcome.round.judgments.juror, outcome.round.judgments.weight, strict=True) if u > 0
    }
    return np.array([change.get(juror, 0.0) for juror in named if juror in counting])


def _influence(moved: NDArray[np.float64] | None, order: list[int]) -> list[Column]:
    """Draw how much of the budgets moves without each juror."""
    if moved is None:
        return []
    top = max(float(moved.max()), 1e-12)
    bars = [[0, place, 0, 0, False] for place in (100 * moved[order] / top).round(2).tolist()]
    meaning = "of the budgets moves under least squares without this juror"
    return [
        percents("least squares", moved[order], group=WITHOUT, meaning=meaning),
        Column(f"0 to {top:.1%}", bars, "bar", group=WITHOUT),
    ]


def _alone(outcome: Outcome, n_judged: int, named: list[str]) -> list[Column]:
    """Return how much moves in what the jury alone says, without any model."""
    if len(named) * n_judged**3 > MAX_ALONE:
        return []
    try:
        found = direct_influence(outcome.round.judgments)
    except (FormatError, NoDataError, DomainError):
        return []
    change = dict(zip(found.names, found.allocation_change.tolist(), strict=True))
    meaning = "of the budgets would move, had the jury alone decided and no model"
    return [percents("jury alone", [change.get(juror, 0.0) for juror in named], group=WITHOUT, meaning=meaning)]


def _answers(found: JurorDiagnostics, order: list[int]) -> list[Column]:
    """Make the columns that say how each juror answers."""
    columns = [
        numbers("mse", found.mse[order], 2, meaning="of the pooled log ratio at this juror's labels"),
        numbers(
            "log density", found.log_density[order], 2, meaning="mean over the labels, under the mixture that pays"
        ),
        numbers(
            "factor", np.exp(found.scale[order]), 1, meaning="typical multiplier: exp of the mean absolute log ratio"
        ),
    ]
    if found.sides is None:
        group = "chose the item listed first"
        columns += [
            percents("so often, %", found.first_side[order], 0, group=group),
            percents("expected", found.first_side_expected[order], 0, group=group, meaning="had the ensemble answered"),
            numbers("p", found.first_side_p[order], 3, group=group, meaning="of a fair coin; 1 in 20 is below 0.05"),
        ]
    circular, meaning = "triads", "three items, each compared with each; circular: a beats b beats c beats a"
    return [
        *columns,
        numbers("complete", found.triads[order], 0, group=circular, meaning=meaning),
        numbers("circular", found.circular[order], 0, group=circular),
    ]


def _whole(found: JurorDiagnostics, label: str) -> list[str]:
    """Say the same of the whole jury."""
    whole, said = found.whole, []
    if np.isfinite(whole["agreement"]):
        said.append(
            f"Of all choices {whole['agreement']:.0%} are those that the pooled prediction of {label} would make."
        )
    if found.sides is not None:
        said.append(f"Which side an item stood on tells nothing here: {found.sides}.")
    elif np.isfinite(whole["first_side"]):
        said.append(
            f"The item listed first was chosen {whole['first_side']:.0%} of the time, where "
            f"{whole['first_side_expected']:.0%} was to be expected; a fair coin is as far from a half with "
            f"probability {whole['first_side_p']:.2g}."
        )
    if whole["triads"]:
        said.append(
            f"By majority {whole['circular']:,} of {counted(int(whole['triads']), 'complete triad')} "
            f"{'is' if whole['circular'] == 1 else 'are'} circular; answers by chance make a quarter so."
        )
    return said


def least_likely(outcome: Outcome, board: Board) -> DataTable:
    """Make the table of the judgments to which the mixture that pays gives the least density."""
    round_, paid = outcome.round, board.paid
    found: Table = least_likely_judgments(
        round_.pool, round_.judgments, paid.weights, sigma=paid.sigma, k=LEAST_LIKELY, n_threads=round_.n_threads
    )
    items = round_.pool.items
    short = {(item.parent, item.name): shown(name) for item, name in zip(items, items.short_names, strict=True)}
    pairs = {side: zip(found["parent"], found[side], strict=True) for side in ("a", "b")}
    columns = (
        Column("juror", [shown(juror or "not named") for juror in found["juror"]], "name"),
        *(Column(side, [short[key] for key in of]) for side, of in pairs.items()),
        numbers("said", found["log_ratio"], 2, group="log ratio of b to a"),
        numbers("expected", found["predicted"], 2, group="log ratio of b to a"),
        numbers("log density", found["log_density"], 1),
        percents("tail, %", found["tail_probability"], meaning="probability of lying as far out on either side"),
        numbers("line", found["line"], 0, meaning="of the jury file"),
    )
    return DataTable("least-likely", "The least likely judgments", columns, "judgment")
