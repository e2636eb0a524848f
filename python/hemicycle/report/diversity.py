"""How many models an ensemble is worth, what their disagreement earns, and how far families lie apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.report.tables import Column, DataTable, numbers, percents

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.outcome import Outcome
    from hemicycle.report.board import Board
    from hemicycle.report.hemicycles import Families

__all__ = ["diversity_table", "family_distances"]

TINTS = 5  #: shades of the table of distances

_BIAS = (
    "part of the diversity, %, that is models being bolder or more timid than their average in every pair alike; on "
    "few pairs much of it is chance"
)


def diversity_table(outcome: Outcome, board: Board) -> DataTable:
    """Make the table of each mechanism's effective number of models and of what averaging earns.

    Parameters
    ----------
    outcome : Outcome
        The run.
    board : Board
        Its mechanisms.

    Returns
    -------
    DataTable
        For squared error the difference between the mean error of the models and that of their average is exactly the
        weighted variance of what they predict.
    """
    found = {mechanism["method"]: mechanism for mechanism in outcome.mechanisms}
    own = [found[e.method] for e in board.ensembles]
    parts = [mechanism["diversity"] for mechanism in own]
    columns = (
        Column("mechanism", [board.labels[e.method] for e in board.ensembles], "name"),
        numbers("with weight", [m["models_with_weight"] for m in own], 0, group="models"),
        numbers("effective", [m["effective_models"] for m in own], 1, group="models"),
        numbers("by squares", [m["effective_models_by_square"] for m in own], 1, group="models"),
        numbers("of its models", [p["err_bar"] for p in parts], 3, group="mean squared error"),
        numbers("of their average", [p["err"] for p in parts], 3, group="mean squared error"),
        numbers("diversity", [p["div"] for p in parts], 3, meaning="the difference: what disagreement earns"),
        percents("bias", [p["bias_share"] for p in parts], 1, meaning=_BIAS),
        numbers("log likelihood", [m["log_likelihood"] for m in own], 1, group="mixture", meaning="of the pairs"),
        numbers("log score", [m["log_score"] for m in own], 1, group="mixture", meaning="of the single labels"),
    )
    return DataTable("diversity", "Mechanisms on the same judgments", columns, "mechanism")


def family_distances(outcome: Outcome, families: Families) -> dict[str, Any]:
    """Compare the mean predictions of families on the judged pairs.

    Parameters
    ----------
    outcome : Outcome
        The run.
    families : Families
        Its blocks.

    Returns
    -------
    dict
        Root mean square differences of the mean log ratios, over the judged pairs, with a shade for each.
    """
    pairs, logits = outcome.round.judgments.pairs, outcome.round.pool.logits
    mean = np.array([logits[families.member == f].mean(axis=0, dtype=np.float64) for f in range(len(families))])
    predicted = mean[:, pairs.b] - mean[:, pairs.a]  # (n_families, n_pairs)
    distance = np.array([_root_mean_square(predicted - row) for row in predicted])
    most = float(distance.max())
    shade = np.ceil(TINTS * distance / most).astype(np.int64) if most > 0 else np.zeros(distance.shape, np.int64)
    return {
        "heads": [(letter, color) for letter, color in zip(families.letters, families.colors, strict=True)],
        "rows": [
            (name, letter, [(f"{d:,.2f}", s) for d, s in zip(row.tolist(), shades.tolist(), strict=True)])
            for name, letter, row, shades in zip(families.names, families.letters, distance, shade, strict=True)
        ],
    }


def _root_mean_square(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square along rows."""
    root: NDArray[np.float64] = np.sqrt(np.mean(difference**2, axis=1))
    return root
