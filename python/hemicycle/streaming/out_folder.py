"""The out folder of a streamed run: results as they come, each file there whole or not at all."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from msgspec import json

from hemicycle.bundle import (
    ALLOCATIONS,
    CLONES,
    EVALUATION,
    INTERVALS,
    MOVEMENT,
    RANGES,
    REPORT,
    ROUND,
    WEIGHTS,
    csv_bytes,
    rejects_csv,
    require_ours,
    table_csv,
    write_bundle,
)
from hemicycle.escaping import spreadsheet_cell
from hemicycle.store.durable import PART, aside, put, write_durably

if TYPE_CHECKING:
    from pathlib import Path

    from hemicycle.config import RoundConfig
    from hemicycle.streaming.formed import Formed
    from hemicycle.streaming.store_outcome import StoreOutcome
    from hemicycle.streaming.store_scores import StoreScores

__all__ = ["SCORES", "OutFolder"]

SCORES = "scores"  #: a folder: what was scored, where the next run goes on
RESULTS = (
    "leaderboard.csv", "allocation.csv", ALLOCATIONS, WEIGHTS, "rejects.csv", "summary.json", "flags.csv",
    "hemicycle.svg", REPORT, RANGES, EVALUATION, INTERVALS, MOVEMENT, CLONES,
)  # fmt: skip
"""Files of earlier runs, streamed or not."""


class OutFolder:
    """Where a streamed run writes to.

    Parameters
    ----------
    path : Path
        The folder; it may be absent, empty, or hold an earlier result, which stays until there is a new one.
    config : RoundConfig
        What was asked for.
    sha256 : dict of str to str
        Hash of each input.

    Raises
    ------
    OptionError
        If it holds anything else.
    OSError
        If it cannot be written to.
    """

    def __init__(self, path: Path, config: RoundConfig, sha256: dict[str, str]) -> None:
        require_ours(path)
        self.path = path
        if not (path / ROUND.file).exists():  # from now on the folder is ours
            write_bundle(path, {ROUND.file: config.toml(path, sha256).encode("utf-8")})

    @property
    def scores(self) -> Path:
        """The folder of the scores."""
        return self.path / SCORES

    def begin(self, outcome: StoreOutcome) -> None:
        """Put what is known once all is scored in place of an earlier result."""
        left = self.path.glob(f"*{PART}")  # by a run that was killed
        for path in (*left, *(self.path / name for name in RESULTS)):
            path.unlink(missing_ok=True)
        self._put(ROUND.file, outcome.config.toml(self.path, outcome.sha256).encode("utf-8"))
        self._put("rejects.csv", rejects_csv(outcome.rejects))
        self._put("leaderboard.csv", table_csv(outcome.leaderboard))
        self._put_summary(outcome)

    def add(self, outcome: StoreOutcome, formed: Formed) -> None:
        """Put what a mechanism gives beside the rest."""
        rows = ((each.method, *row.values()) for each in outcome.formed for row in each.allocation)
        self._put(ALLOCATIONS, csv_bytes(("method", *formed.allocation.columns), rows))
        if formed is outcome.paid:
            self._put("allocation.csv", table_csv(formed.allocation))
            self._put("leaderboard.csv", table_csv(outcome.leaderboard))
        self._put_summary(outcome)

    def finish(self, outcome: StoreOutcome) -> None:
        """Put the weights of the models that have one; equal weights of all only where they pay."""
        with aside(self.path) as part:
            with part.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(("method", "model", "weight"))
                for formed in outcome.formed:
                    if formed.method != "uniform" or formed is outcome.paid:
                        _write_weights(writer, outcome.scores, formed)
            put(part, self.path / WEIGHTS)

    def _put_summary(self, outcome: StoreOutcome) -> None:
        self._put("summary.json", json.format(json.encode(outcome.summary()), indent=2) + b"\n")

    def _put(self, name: str, content: bytes) -> None:
        write_durably(self.path / name, content)


def _write_weights(writer: Any, scores: StoreScores, formed: Formed) -> None:
    """Write the models with weight in the order of the store, a fragment at a time."""
    first, weights = 0, formed.ensemble.weights
    for block, seated in scores.blocks(("model",)):
        here = weights[first : first + len(seated)]
        first += len(seated)
        rows = seated[here > 0]
        if len(rows):
            names = map(spreadsheet_cell, block.models.take(rows).to_pylist())
            writer.writerows((formed.method, *row) for row in zip(names, here[here > 0].tolist(), strict=True))
