"""What an organiser looks at twice: every flag, the nearest fits, and what each mechanism gives to copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.report.tables import MISSING, Column, DataTable, names, numbers, percents, prose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.outcome import Outcome
    from hemicycle.report.board import Board

__all__ = ["closest_table", "copies_table", "flags_table"]

LISTED = 1000  #: flags
CLOSEST = 10  #: models that are listed, flagged or not
LEAST = 1e-16  #: probability below which doubles tell nothing


def flags_table(outcome: Outcome) -> DataTable | None:
    """Make the table of all flags; None where there are none."""
    found = outcome.flags.flags[:LISTED]
    if not found:
        return None
    columns = (
        names("model", [flag.model for flag in found]),
        Column("flag", [flag.flag for flag in found]),
        Column("rule", [flag.rule for flag in found]),
        Column("number", [_evidence(flag.evidence) for flag in found], meaning="what it is, flags.csv says"),
        Column("reason", [prose(flag.reason) for flag in found]),
    )
    more = f"The first {LISTED:,} of {len(outcome.flags):,} flags" if len(outcome.flags) > LISTED else "All flags"
    return DataTable("flagged", more, columns, "flag", "flags.csv")


def copies_table(outcome: Outcome, board: Board) -> DataTable | None:
    """Make the table of the groups of copies and the weight that each group has under each mechanism."""
    found = outcome.clone_groups
    if found is None:
        return None
    columns = [
        Column("copies", [prose(text) for text in found["named"]], "name"),
        numbers("models", found["models"], 0),
        numbers("the same", found["same"], 0, meaning="of them predict exactly what the first predicts"),
    ]
    if any(found["authors"]):
        columns.append(numbers("authors", found["authors"], 0))
    columns += [
        Column("first", [prose(text) for text in found["earliest"]], meaning="by the times that the organiser gave"),
        numbers("gain", found["gain"], 2, meaning="largest likelihood over the mean of the group: what guesses bought"),
    ]
    of_all = "weight of all, %"
    columns += [percents(board.labels[e.method], found[e.method], group=of_all) for e in board.ensembles]
    columns += [
        percents("equal priors", found["bma_uniform"], group="under averaging, %"),
        percents("clone-proof prior", found["bma_clone_proof"], group="under averaging, %"),
    ]
    return DataTable("copies", "Models that predict the same, or nearly", tuple(columns), "group", "clones.csv")


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


def _evidence(number: float) -> str:
    return f"{number:.3g}".replace("-", "\N{MINUS SIGN}")
