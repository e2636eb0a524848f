"""Every model in the order of the leaderboard, with its weights, its scores and what is left out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.errors import NoDataError
from hemicycle.judgments import Judgments
from hemicycle.rejects import counted
from hemicycle.report.tables import Column, DataTable, names, numbers, percents, shown
from hemicycle.round import Round

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.ensemble import Ensemble
    from hemicycle.outcome import Outcome
    from hemicycle.report.hemicycles import Families
    from hemicycle.round import ModelScores

__all__ = ["LABELS", "Board", "board_of", "leaderboard", "left_out"]

LABELS = {
    "stacking": "Stacking",
    "least_squares": "Least squares",
    "bma": "Model averaging",
    "greedy": "Greedy selection",
    "uniform": "Equal weights",
    "best": "Best single",
}
"""What the mechanisms are called on the page."""


MODELS_LISTED = 20_000  #: on the page, by rank; the csv file beside it holds every one


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """The models in the order of the page.

    Attributes
    ----------
    ensembles : tuple of Ensemble
        The one that pays first.
    labels : dict of str to str
        Name of each mechanism on the page.
    order : ndarray of int64, shape (n_models,)
        Model of each row.
    place : ndarray of int64, shape (n_models,)
        Row of each model.
    scores : ModelScores
        Of each model on the rows used, in the order of the pool.
    judged : ndarray of int64, shape (n_items,)
        In how many pairs each item was judged.
    """

    ensembles: tuple[Ensemble, ...]
    labels: dict[str, str]
    order: NDArray[np.int64]
    place: NDArray[np.int64]
    scores: ModelScores
    judged: NDArray[np.int64]

    @property
    def paid(self) -> Ensemble:
        """The ensemble that pays."""
        return self.ensembles[0]

    @property
    def label(self) -> str:
        """Name of the mechanism that pays."""
        return self.labels[self.paid.method]


def board_of(outcome: Outcome) -> Board:
    """Put the models in the order of the leaderboard, and the mechanism that pays before the others."""
    row = {model: place for place, model in enumerate(outcome.leaderboard["model"])}
    place = np.array([row[model] for model in outcome.paid.models], dtype=np.int64)
    others = tuple(ensemble for ensemble in outcome.ensembles if ensemble is not outcome.paid)
    pairs = outcome.round.judgments.pairs
    judged = np.bincount(np.concatenate([pairs.a, pairs.b]), minlength=len(outcome.round.pool.items))
    scores = outcome.round.scores(outcome.paid.sigma)
    return Board((outcome.paid, *others), LABELS, np.argsort(place), place, scores, judged)


def left_out(outcome: Outcome) -> Round | None:
    """Return the round on the rows of the jury file that a split left out; None where no split was asked for."""
    config, used = outcome.config, outcome.round
    if config.split is None:
        return None
    every = Judgments.read(config.jury, items=used.pool.items, rename=config.rename)
    splits = {used.judgments.split[row] for row in range(len(used.judgments))}
    rows = np.array([split not in splits for split in every.split])
    try:
        return Round(every.select(rows), used.pool) if rows.any() else None
    except NoDataError:
        return None


def leaderboard(outcome: Outcome, board: Board, families: Families, others: Round | None) -> DataTable:
    """Make the table of all models.

    Parameters
    ----------
    outcome : Outcome
        The run.
    board : Board
        Its order.
    families : Families
        Whose letter stands before each model.
    others : Round or None
        The rows that a split left out.

    Returns
    -------
    DataTable
        One row a model, by rank; at most 20,000.
    """
    order, ranked = board.order[:MODELS_LISTED], outcome.leaderboard
    grouped = outcome.round.pool.families()
    letters = [families.letters[family] for family in families.member[order].tolist()]
    columns = [
        numbers("rank", ranked["rank"][:MODELS_LISTED], 0, meaning="by log likelihood; equal ones share a rank"),
        names("model", ranked["model"][:MODELS_LISTED]),
        Column("family", [f"{a} {shown(grouped[d])}" for a, d in zip(letters, order.tolist(), strict=True)], "block"),
    ]
    columns += _scores(board.scores, order, "log likelihood", f"on {counted(len(outcome.round.judgments), 'row')} used")
    if others is not None:
        scored = others.scores(board.paid.sigma)
        columns += _scores(scored, order, "elpd", f"on {counted(len(others.judgments), 'row')} left out")
    columns += [
        percents(LABELS[e.method] + (" (pays)" if e is board.paid else ""), e.weights[order], group="weight, %")
        for e in board.ensembles
    ]
    flags = outcome.flags.by_model()
    if flags:
        listed = [", ".join(flags.get(model, ())) for model in ranked["model"][:MODELS_LISTED]]
        columns.append(Column("flags", listed, meaning="reasons to look twice; they change no weight"))
    which = (
        "All models" if len(order) == len(board.order) else f"The first {len(order):,} of {len(board.order):,} models"
    )
    return DataTable("models", f"{which}, ranked by log likelihood", tuple(columns), "model", "leaderboard.csv")


def _scores(scores: ModelScores, order: NDArray[np.int64], head: str, group: str) -> list[Column]:
    columns: list[tuple[str, Any, int, str]] = [
        (head, scores.log_likelihood, 1, "sum over the pairs, higher is better"),
        ("mse", scores.mse, 3, "mean squared error of the log ratio, lower is better"),
        ("accuracy", scores.accuracy, 3, "part of the winners that it names"),
    ]
    return [
        numbers(name, values[order], digits, group=group, meaning=meaning) for name, values, digits, meaning in columns
    ]
