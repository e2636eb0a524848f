"""Prices, ridge, reference and tie-break of least squares over a store: the answers of the solver in memory."""

from __future__ import annotations

import math
import warnings
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from fit_cases import agreeing
from hemicycle import Judgments
from hemicycle.errors import (
    DomainError,
    DtypeError,
    NonFiniteError,
    NotConvergedError,
    OptionError,
    ShapeError,
    TieBreakWarning,
)
from hemicycle.least_squares import pair_least_squares
from reference import least_squares as exactly

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hemicycle import SimplexSolution
from streaming_cases import jury, models, outside, scored

pytest.importorskip("pyarrow", reason="pyarrow is not installed")


@pytest.fixture(params=["on disk", "gathered"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the models of the face stay on disk, or be gathered."""
    from hemicycle.streaming import least_squares

    if request.param == "on disk":
        monkeypatch.setattr(least_squares, "GATHERED_BYTES", 0)
    return str(request.param)


def cases() -> dict[str, tuple[NDArray[np.float64], Judgments]]:
    """Return models and judgments inside and outside their reach, on its boundary, and of copies."""
    grid = np.random.default_rng(3).integers(-2, 3, size=(150, 5)).astype(np.float64)
    farthest = np.argsort(grid @ np.array([0.3, -1.0, 0.9, 0.2, -0.4]))
    return {
        "inside": (models(1, 160, 6), jury(1, 30, 0.3, 6)),
        "outside": (models(2, 160, 6), jury(2, 30, 5.0, 6)),
        "corner": (grid, agreeing(grid[farthest[-1]])),
        "side": (grid, agreeing(grid[farthest[-4:]].mean(axis=0))),
        "copies": (np.tile(models(4, 30, 5), (5, 1)), jury(4, 30, 3.0, 5)),
    }


CASES = cases()


def options(kind: str, n_models: int) -> dict[str, Any]:
    rng = np.random.default_rng(n_models)
    few = rng.integers(0, 3, n_models).astype(np.float64)
    return {
        "prices": {"cost": 0.1 * rng.normal(size=n_models)},
        "few prices": {"cost": few},
        "ridge": {"l2": 0.3},
        "ridge and prices": {"l2": 2.0, "cost": few},
        "reference": {"reference": few * rng.random(n_models)},
        "reference and prices": {"reference": rng.random(n_models), "cost": few},
        "alone": {"tie_break": "least_individual_loss"},
        "alone and prices": {"tie_break": "least_individual_loss", "cost": few},
    }[kind]


KINDS = ["prices", "few prices", "ridge", "ridge and prices", "reference", "reference and prices"]
KINDS += ["alone", "alone and prices"]


def found(folder: Path, logits: NDArray[np.float64], judgments: Judgments, **given: Any) -> SimplexSolution:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TieBreakWarning)
        solution = scored(folder, logits, judgments, 60).least_squares(**given).solution
    assert solution is not None
    return solution


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_that_of_the_pool(tmp_path: Path, case: str, kind: str) -> None:
    logits, judgments = CASES[case]
    given = options(kind, len(logits))
    solution, known = found(tmp_path, logits, judgments, **given), pair_least_squares(logits, judgments, **given)
    np.testing.assert_allclose(solution.weights, known.weights, rtol=0, atol=1e-9)
    assert abs(math.fsum(solution.weights) - 1) <= 2**-52
    assert solution.objective == pytest.approx(known.objective, rel=1e-11, abs=1e-18)
    assert solution.relative_gap <= 1e-12
    unit = known.gap / known.relative_gap if known.relative_gap else 0.0
    assert solution.gap == pytest.approx(solution.relative_gap * unit, rel=1e-9) or not unit
    np.testing.assert_array_equal(solution.face, known.face)
    assert solution.face_dimension == known.face_dimension
    assert solution.tie_broken == known.tie_broken
    assert solution.reason == known.reason
    assert solution.reduced_cost == pytest.approx(known.reduced_cost, rel=1e-6)
    assert solution.passes <= 45
    if known.cost is None:
        assert solution.cost is None
    else:
        np.testing.assert_array_equal(solution.cost, known.cost)


def rows(logits: NDArray[np.float64], judgments: Judgments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return predictions and labels of judgments of weight 1."""
    pairs = judgments.pairs
    pair = pairs.pair_of_label
    return logits[:, pairs.b[pair]] - logits[:, pairs.a[pair]], pairs.log_ratio


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("seed", range(4))
def test_the_weights_are_those_of_exact_arithmetic(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.integers(-1, 2, size=(7, 3)).astype(np.float64)
    label = [0.5, -0.25] if seed % 2 else logits[:2].mean(axis=0)[1:] - logits[:2].mean(axis=0)[0]
    judgments = Judgments.from_arrays([0, 0], [1, 2], label, items=3)
    x, y = rows(logits, judgments)
    wanted, prices = rng.integers(0, 4, 7) + 1, rng.integers(0, 3, 7).astype(np.float64)
    reference = [Fraction(int(value), int(wanted.sum())) for value in wanted]

    def compare(folder: str, right: list[Fraction], **given: Any) -> None:
        weights = found(tmp_path / folder, logits, judgments, **given).weights
        np.testing.assert_allclose(weights, np.array(right, dtype=float), rtol=0, atol=1e-9)

    compare("reference", exactly.nearest(x, y, reference), reference=wanted)
    compare("alone", exactly.least_individual_loss(x, y, None), tie_break="least_individual_loss")
    compare(
        "alone and prices", exactly.least_individual_loss(x, y, prices), tie_break="least_individual_loss", cost=prices
    )
    compare("ridge", exactly.minimum(x, y, 0.5)[1], l2=0.5)
    compare("ridge and prices", exactly.minimum(x, y, 0.5, prices)[1], l2=0.5, cost=prices)
    solution = found(tmp_path / "prices", logits, judgments, cost=prices)
    assert solution.objective == pytest.approx(float(exactly.minimum(x, y, cost=prices)[0]), rel=1e-12, abs=1e-15)
    assert (solution.face.tolist(), solution.face_dimension) == exactly.optimal_face(x, y, prices)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("l2", [1e-300, 1e-17, 1e70])
def test_a_ridge_below_rounding_is_its_limit_and_a_huge_one_leaves_uniform_weights(tmp_path: Path, l2: float) -> None:
    logits, judgments = CASES["inside"]
    solution, known = found(tmp_path, logits, judgments, l2=l2), pair_least_squares(logits, judgments, l2=l2)
    np.testing.assert_allclose(solution.weights, known.weights, rtol=0, atol=1e-12)
    assert solution.reason == known.reason
    assert solution.objective == pytest.approx(known.objective, rel=1e-12)


@pytest.mark.usefixtures("place")
def test_the_objective_of_a_small_ridge_is_minimal_where_its_weights_are_rounding(tmp_path: Path) -> None:
    logits, judgments = CASES["inside"]
    for number, l2 in enumerate((1e-9, 1e-6, 1e-3)):
        solution = found(tmp_path / str(number), logits, judgments, l2=l2)
        known = pair_least_squares(logits, judgments, l2=l2)
        assert solution.relative_gap <= 1e-12
        assert solution.objective == pytest.approx(known.objective, rel=1e-12)
        unit = known.gap / known.relative_gap
        assert l2 * np.square(solution.weights - known.weights).sum() <= 1e-12 * unit


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("seed", range(4))
def test_a_small_ridge_at_a_corner_of_the_hull(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.integers(-2, 3, size=(60, 6)).astype(np.float64)
    direction = rng.normal(size=6)
    farthest = np.argsort(logits @ (direction - direction.mean()))
    judgments = agreeing(logits[farthest[-1 - seed % 2 :]].mean(axis=0))
    for number, l2 in enumerate((1.4e-8, 6e-7)):
        solution = found(tmp_path / str(number), logits, judgments, l2=l2)
        known = pair_least_squares(logits, judgments, l2=l2)
        np.testing.assert_allclose(solution.weights, known.weights, rtol=0, atol=1e-8)
        assert solution.relative_gap <= 1e-12


@pytest.mark.usefixtures("place")
def test_most_models_fit_exactly(tmp_path: Path) -> None:
    right = np.array([0.0, 1.0, -1.0, 2.0])
    others = right + np.random.default_rng(5).normal(size=(5, 4)) + 3.0 * np.array([0.0, 1.0, 1.0, 1.0])
    logits = np.concatenate([np.tile(right, (12, 1)), others])
    judgments = Judgments.from_arrays([0, 0, 0], [1, 2, 3], right[1:], items=4)
    prices = np.where(np.arange(17) < 10, 0.0, 1.0)
    for number, given in enumerate(
        (
            {"tie_break": "least_individual_loss"},
            {"reference": np.arange(17.0)},
            {"cost": prices + 2.0},
            {"cost": prices, "reference": np.arange(17.0)},
            {"cost": prices, "tie_break": "least_individual_loss"},
            {"l2": 0.1},
            {"l2": 0.1, "cost": prices},
        )
    ):
        solution = found(tmp_path / str(number), logits, judgments, **given)
        known = pair_least_squares(logits, judgments, **given)
        np.testing.assert_allclose(solution.weights, known.weights, rtol=0, atol=1e-12)
        assert solution.objective == pytest.approx(known.objective, abs=1e-15)
        np.testing.assert_array_equal(solution.face, known.face)
        assert solution.face_dimension == known.face_dimension
        assert solution.tie_broken == known.tie_broken


def test_other_processes_give_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hemicycle.streaming import least_squares

    monkeypatch.setattr(least_squares, "GATHERED_BYTES", 0)
    logits, judgments = CASES["side"]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        for number, kind in enumerate(KINDS):
            scores = scored(tmp_path / str(number), logits, judgments, 60)
            given = options(kind, len(logits))
            local, other = scores.least_squares(**given), scores.least_squares(executor=executor, **given)
            np.testing.assert_array_equal(local.weights, other.weights)
            assert repr(local.solution) == repr(other.solution)


def test_more_models_than_can_be_chosen_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hemicycle.streaming import face_program, least_squares

    monkeypatch.setattr(least_squares, "GATHERED_BYTES", 0)
    monkeypatch.setattr(face_program, "MAX_TIED", 3)
    logits, judgments = CASES["copies"]
    scores = scored(tmp_path, logits, judgments)
    with pytest.raises(
        NotConvergedError, match=r"more than 3 models have the least loss.*'nearest' needs no"
    ) as caught:
        scores.least_squares(tie_break="least_individual_loss")
    assert math.fsum(caught.value.weights) == pytest.approx(1)


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    scores = scored(tmp_path, *outside(9))
    for wrong, error, what in (
        ({"tie_break": "first"}, OptionError, "tie_break"),
        ({"tie_break": "least_individual_loss", "reference": np.ones(600)}, OptionError, "reference"),
        ({"reference": np.ones(599)}, ShapeError, "reference: expected length 600"),
        ({"reference": np.zeros(600)}, DomainError, "reference"),
        ({"reference": -np.ones(600)}, DomainError, "reference"),
        ({"cost": np.ones(7)}, ShapeError, "cost: expected length 600"),
        ({"cost": np.full(600, np.nan)}, NonFiniteError, "cost"),
        ({"cost": ["a"] * 600}, DtypeError, "cost"),
        ({"l2": -1.0}, DomainError, "l2"),
        ({"l2": math.inf}, NonFiniteError, "l2"),
        ({"l2": "much"}, DtypeError, "l2"),
    ):
        with pytest.raises(error, match=what):
            scores.least_squares(**wrong)  # type: ignore[arg-type]
