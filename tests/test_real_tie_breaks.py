"""What the tie-break does to the score on private rows, in a round that took place: the documentation's table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from hemicycle import Judgments, Pool, allocate, bma_weights, log_likelihood, mean_squared_error
from hemicycle.least_squares import pair_least_squares
from hemicycle.mixture import log_mixture

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

pytest.importorskip("highspy")

PAGE = Path(__file__).resolve().parents[1] / "docs" / "least_squares.md"
FITTED_ON_ALL_ROWS = {
    f"gasquez-{name}" for name in ("least-squares", "huber-log", "elo", "bradley-terry", "bradley-terry-intensity")
}
N_MODELS, NOISE = 1000, 4.0


class Split(NamedTuple):
    """The public rows, on which weights are chosen, and the private ones, on which they are scored."""

    public: Judgments
    private: Judgments


@pytest.fixture(scope="module")
def pool(round_data: Path) -> Pool:
    """Return the submissions that know nothing of the private rows."""
    read = Pool.read(round_data / "level1-2025" / "submissions")
    return read.select([i for i, model in enumerate(read.models) if model not in FITTED_ON_ALL_ROWS])


@pytest.fixture(scope="module")
def split(round_data: Path, pool: Pool) -> Split:
    jury = round_data / "level1-2025" / "jury_split.csv"
    parts = ("public_train", "private_holdout")
    return Split(*(Judgments.read(jury, items=pool.items, split=part) for part in parts))


@pytest.fixture(scope="module")
def many(pool: Pool) -> NDArray[np.float64]:
    """Return a thousand models: submissions in turn, each with noise of its own on every logit."""
    noise = np.random.default_rng(0).standard_normal((N_MODELS, len(pool.items)))
    return pool.logits[np.arange(N_MODELS) * len(pool) // N_MODELS] + NOISE * noise


def choices(logits: NDArray[np.float64], public: Judgments) -> dict[str, Callable[[], NDArray[np.float64]]]:
    """Return what makes the weights of each row of the table."""
    averaged = bma_weights(log_likelihood(logits, public))
    loss = mean_squared_error(logits, public) * len(public)  # sum of squared errors

    def least_squares(**options: object) -> Callable[[], NDArray[np.float64]]:
        return lambda: pair_least_squares(logits, public, **options).weights  # type: ignore[arg-type]

    return {
        "nearest to uniform": least_squares(),
        "nearest to the weights of averaging": least_squares(reference=averaged),
        "least individual loss": least_squares(tie_break="least_individual_loss"),
        "`l2`, 0.01 median losses": least_squares(l2=0.01 * np.median(loss)),
        "`l2`, 0.1": least_squares(l2=0.1 * np.median(loss)),
        "`l2`, 1": least_squares(l2=np.median(loss)),
        "`cost`, beta 0.9": least_squares(cost=(1 / 0.9 - 1) * loss),
        "`cost`, beta 0.5": least_squares(cost=loss),
        "uniform": lambda: np.full(len(logits), 1 / len(logits)),
        "averaging": lambda: averaged,
    }


def scores(logits: NDArray[np.float64], weights: NDArray[np.float64], private: Judgments) -> tuple[float, float, float]:
    """Return the mean squared error of geometric and of arithmetic shares, and the mean log score of a label."""
    seated = weights > 0
    shares = np.log(allocate(logits, weights, mean="arithmetic"))
    density = log_likelihood(logits[seated], private, per="label")
    geometric, arithmetic = mean_squared_error(np.vstack([weights @ logits, shares]), private)
    return geometric, arithmetic, float(np.mean(log_mixture(density, weights[seated])))


@pytest.fixture(scope="module")
def table() -> dict[str, list[str]]:
    """Return the cells of the documentation's table by the text of their first one."""
    section = PAGE.read_text(encoding="utf-8").partition("## On a real round")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*$", section, re.M)]
    return {cells[0]: cells[1:] for cells in rows[2:]}


def test_the_table_holds_every_choice(table: dict[str, list[str]], many: NDArray[np.float64], split: Split) -> None:
    assert list(table) == list(choices(many, split.public))


def test_the_submissions_leave_no_tie_and_every_tie_break_scores_the_same(
    pool: Pool, split: Split, table: dict[str, list[str]]
) -> None:
    assert len(pool) == 15
    assert pair_least_squares(pool, split.public).unique
    found = {}
    for name, weights in choices(pool.logits, split.public).items():
        geometric, arithmetic, log_score = scores(pool.logits, weights(), split.private)
        assert table[name][:3] == [f"{geometric:.4f}", f"{arithmetic:.4f}", f"{log_score:.3f}"], name
        found[name] = geometric
    assert len({found[name] for name in list(found)[:3]}) == 1


def test_the_tie_break_moves_no_geometric_score_where_public_rows_connect_all_items(
    split: Split, many: NDArray[np.float64], table: dict[str, list[str]]
) -> None:
    assert split.public.pairs.components(45).max() == 0
    solution = pair_least_squares(many, split.public)
    assert (solution.unique, solution.face_dimension) == (False, N_MODELS - 45)
    found = {}
    for name, weights in choices(many, split.public).items():
        geometric, arithmetic, log_score = scores(many, weights(), split.private)
        assert table[name][3:] == [f"{geometric:.4f}", f"{arithmetic:.4f}", f"{log_score:.3f}"], name
        found[name] = geometric, arithmetic
    tied = [found[name] for name in list(found)[:3]]
    assert np.ptp([geometric for geometric, _ in tied]) <= 1e-9
    assert np.ptp([arithmetic for _, arithmetic in tied]) > 0.9
