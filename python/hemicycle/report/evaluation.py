"""How well each mechanism predicts judgments that were left out, where a run was asked to find out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hemicycle.report.tables import Column, DataTable, numbers, percents

if TYPE_CHECKING:
    from hemicycle.outcome import Outcome
    from hemicycle.report.board import Board

__all__ = ["evaluation_table"]


def evaluation_table(outcome: Outcome, board: Board) -> DataTable | None:
    """Make the table of predictive quality; None where it was not asked for."""
    found = outcome.evaluation
    if found is None:
        return None
    columns = (
        Column("mechanism", [board.labels[method] for method in found["method"]], "name"),
        numbers("sigma", found["sigma"], 2),
        numbers("elpd", found["elpd"], 1, meaning="log density given to them, higher is better"),
        numbers("difference", found["diff"], 1, meaning="to the first"),
        numbers("its deviation", found["dse"], 1, meaning="standard deviation of the difference"),
        numbers("crps", found["crps"], 3, meaning="lower is better"),
        numbers("mse", found["mse"], 3, meaning="lower is better"),
        numbers("accuracy", found["accuracy"], 3, meaning="part of the winners named"),
        percents("in 90%", found["coverage_90"], 1, meaning="part that fell into the central 90 percent"),
    )
    return DataTable("evaluated", "Prediction of judgments that were left out", columns, "mechanism", "evaluation.csv")
