"""What the tie-break decides of the allocation: against all vertices, on graphs of every kind, and errors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, Round, SimplexSolution, allocate
from hemicycle.allocation_range import AllocationRange, allocation_range, log_ratio_range
from hemicycle.errors import (
    DomainError,
    DtypeError,
    IndexOutOfRangeError,
    MissingExtraError,
    NonFiniteError,
    NotConvergedError,
    OptionError,
    ShapeError,
)
from hemicycle.least_squares import pair_least_squares
from reference import allocation_range as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytest.importorskip("highspy")

PAIRS = {  # items compared, of six
    "one pair": [(0, 1)],
    "two pairs": [(0, 1), (2, 3)],
    "a path": [(0, 1), (1, 2)],
    "halves": [(0, 1), (1, 2), (3, 4), (4, 5)],
}


def small_problem(pairs: list[tuple[int, int]], seed: int, n_items: int = 6) -> tuple[NDArray[np.float64], Judgments]:
    """Few models with round logits, the labels one of their mixtures."""
    rng = np.random.default_rng(seed)
    logits = rng.integers(-4, 5, size=(6, n_items)) / 2
    a, b = np.array(pairs).T
    labels = rng.choice([0.25, 0.5, 0.25, 0.0], 6) @ (logits[:, b] - logits[:, a]) / 2
    return logits, Judgments.from_arrays(a, b, labels, items=n_items)


def found_and_corners(
    logits: NDArray[np.float64], judgments: Judgments, mean: Any
) -> tuple[AllocationRange, NDArray[np.float64]]:
    found = allocation_range(logits, judgments, pair_least_squares(logits, judgments), mean=mean)
    differences = logits[:, judgments.b] - logits[:, judgments.a]
    return found, reference.vertices(differences, judgments.log_ratio)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("pairs", PAIRS.values(), ids=PAIRS)
def test_arithmetic_ranges_are_those_of_the_vertices(pairs: list[tuple[int, int]], seed: int) -> None:
    logits, judgments = small_problem(pairs, seed)
    found, corners = found_and_corners(logits, judgments, "arithmetic")
    shares = reference.shares(logits, corners, "arithmetic")
    for ours, exact in ((found.low, shares.min(axis=0)), (found.high, shares.max(axis=0))):
        np.testing.assert_allclose(ours, exact, rtol=0, atol=1e-9)
    assert (found.low_bound <= found.low).all()
    assert (found.high_bound >= found.high).all()
    np.testing.assert_allclose(found.low_bound, found.low, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.high_bound, found.high, rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("pairs", PAIRS.values(), ids=PAIRS)
def test_geometric_ranges_hold_every_optimum(pairs: list[tuple[int, int]], seed: int) -> None:
    logits, judgments = small_problem(pairs, seed)
    found, corners = found_and_corners(logits, judgments, "geometric")
    centred = logits - logits.mean(axis=1, keepdims=True)
    ends = [np.array([end.value for end in column]) for column in (found.lowest_logit, found.highest_logit)]
    np.testing.assert_allclose(ends[0], (corners @ centred).min(axis=0), rtol=0, atol=1e-8)
    np.testing.assert_allclose(ends[1], (corners @ centred).max(axis=0), rtol=0, atol=1e-8)
    shares = reference.shares(logits, reference.mixtures(corners, 3000, seed), "geometric")
    assert (found.low_bound <= shares.min(axis=0) + 1e-9).all()
    assert (found.high_bound >= shares.max(axis=0) - 1e-9).all()
    # A concave log takes its minimum at a vertex: among so few, the descent finds it.
    lowest = reference.shares(logits, corners, "geometric").min(axis=0)
    np.testing.assert_allclose(found.low, lowest, rtol=1e-5)
    assert (found.high >= shares.max(axis=0) * (1 - 1e-5)).all()
    np.testing.assert_allclose(np.log(found.high_bound), np.log(found.high), rtol=0, atol=1.1e-6)


@pytest.mark.parametrize("mean", ["arithmetic", "geometric"])
@pytest.mark.parametrize("pairs", PAIRS.values(), ids=PAIRS)
def test_the_models_of_an_end_attain_it_and_are_optimal(mean: Any, pairs: list[tuple[int, int]]) -> None:
    logits, judgments = small_problem(pairs, 3)
    solution = pair_least_squares(logits, judgments)
    found = allocation_range(logits, judgments, solution, mean=mean)
    differences = logits[:, judgments.b] - logits[:, judgments.a]
    for values, ends in ((found.low, found.lowest), (found.high, found.highest)):
        for item, end in enumerate(ends):
            weights = end.spread(len(logits))
            np.testing.assert_allclose(weights @ differences, solution.weights @ differences, rtol=0, atol=1e-12)
            assert weights.sum() == pytest.approx(1, abs=1e-15)
            assert (end.weights > 0).all()
            assert allocate(logits, weights, mean=mean)[item] == pytest.approx(values[item], rel=1e-9)


def test_a_connected_graph_leaves_geometric_shares_no_range_and_needs_no_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logits, judgments = small_problem([(0, 1), (1, 2), (2, 3)], 1, n_items=4)
    logits = np.vstack([logits, logits, logits + 1])
    solution = pair_least_squares(logits, judgments)
    assert not solution.unique
    monkeypatch.setitem(sys.modules, "highspy", None)
    found = allocation_range(logits, judgments, solution)
    for ends in (found.low, found.high, found.low_bound, found.high_bound):
        np.testing.assert_array_equal(ends, allocate(logits, solution.weights))
    assert found.component.tolist() == [0, 0, 0, 0]
    lowest, highest = log_ratio_range(logits, judgments, solution, 0, 3)
    assert lowest.value == highest.value == pytest.approx(solution.weights @ (logits[:, 3] - logits[:, 0]))
    with pytest.raises(MissingExtraError, match=r"hemicycle\[solve\]"):
        allocation_range(logits, judgments, solution, mean="arithmetic")


@pytest.mark.parametrize("mean", ["arithmetic", "geometric"])
def test_a_unique_optimum_leaves_no_range_and_needs_no_program(mean: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highspy", None)
    logits = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 2.0]])
    judgments = Judgments.from_arrays([0], [1], [0.5], items=3)
    solution = pair_least_squares(logits, judgments)
    found = allocation_range(logits, judgments, solution, mean=mean)
    np.testing.assert_array_equal(found.low, found.high)
    np.testing.assert_array_equal(found.low, allocate(logits, solution.weights, mean=mean))
    assert "widest 0" in repr(found)


@pytest.mark.parametrize("n_models", range(5, 12))
def test_models_that_agree_on_every_judgment_leave_all_else_open(n_models: int) -> None:
    # Their deviations from the fit are rounding, which no scale may magnify.
    free = np.arange(float(n_models))
    logits = np.vstack([np.column_stack([0 * free, 0 * free + 1, free]), [5.0, -1.0, 9.0]])
    judgments = Judgments.from_arrays([0], [1], [1.5], items=3)
    solution = pair_least_squares(logits, judgments)
    assert solution.face.tolist() == list(range(n_models))
    alone = allocate_each(logits[:-1], "arithmetic")
    arithmetic = allocation_range(logits, judgments, solution, mean="arithmetic")
    np.testing.assert_allclose(arithmetic.low, alone.min(axis=0), rtol=1e-12)
    np.testing.assert_allclose(arithmetic.high, alone.max(axis=0), rtol=1e-12)


def allocate_each(logits: NDArray[np.float64], mean: Any) -> NDArray[np.float64]:
    return np.array([allocate(logits, weights, mean=mean) for weights in np.eye(len(logits))])


def test_a_share_that_does_not_move_names_no_models() -> None:
    logits = np.log([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    judgments = Judgments.from_arrays([0, 1], [1, 2], [0.5, 0.1], items=3)
    table = Round(judgments, Pool.from_array(logits)).ensemble("least_squares").allocation_range()
    assert (table["low_models"], table["high_models"]) == (("",) * 3, ("",) * 3)


def test_parents_are_ranged_apart() -> None:
    rng = np.random.default_rng(2)
    items = [("p", "a"), ("p", "b"), ("q", "c"), ("q", "d"), ("q", "e"), ("r", "f")]
    logits = rng.normal(size=(30, 6))
    judgments = Judgments.from_arrays([0, 2], [1, 3], [0.1, -0.1], items=items)
    solution = pair_least_squares(logits, judgments)
    found = allocation_range(logits, judgments, solution)
    width = found.high - found.low
    assert found.component.tolist() == [0, 0, 1, 1, 2, 3]
    assert width[[0, 1, 5]].tolist() == [0, 0, 0]
    assert (width[2:5] > 0.01).all()
    # Two components: share and log ratio rise together, so that both ends are sharp.
    np.testing.assert_allclose(found.low_bound, found.low, rtol=1e-5)
    assert found.low[2] / found.low[3] == pytest.approx(found.high[2] / found.high[3], rel=1e-9)
    arithmetic = allocation_range(logits, judgments, solution, mean="arithmetic")
    assert arithmetic.low[5] == arithmetic.high[5] == 1
    assert (arithmetic.high - arithmetic.low)[:5].min() > 0.01


def test_log_ratios_on_request() -> None:
    logits, judgments = small_problem(PAIRS["two pairs"], 4)
    solution = pair_least_squares(logits, judgments)
    differences = logits[:, judgments.b] - logits[:, judgments.a]
    corners = reference.vertices(differences, judgments.log_ratio)
    for a, b in ((0, 2), (1, 4), (5, 3), (4, 5)):
        lowest, highest = log_ratio_range(logits, judgments, solution, a, b)
        ratios = corners @ (logits[:, b] - logits[:, a])
        assert lowest.value == pytest.approx(ratios.min(), abs=1e-8)
        assert highest.value == pytest.approx(ratios.max(), abs=1e-8)
        assert lowest.bound <= lowest.value <= highest.value <= highest.bound


def test_prices_narrow_the_range() -> None:
    rng = np.random.default_rng(6)
    logits = rng.normal(size=(40, 5))
    judgments = Judgments.from_arrays([0], [1], [0.0], items=5)
    cost = rng.integers(0, 3, size=40).astype(float)
    solution = pair_least_squares(logits, judgments, cost=cost)
    priced = allocation_range(logits, judgments, solution, mean="arithmetic")
    for end in priced.lowest + priced.highest:
        assert cost[end.models] @ end.weights == pytest.approx(cost @ solution.weights, abs=1e-9)


def test_single_precision_and_zero_shares() -> None:
    rng = np.random.default_rng(7)
    logits = rng.normal(size=(50, 6)).astype(np.float32)
    judgments = Judgments.from_arrays([0, 1], [1, 2], [0.1, 0.2], items=6)
    narrow, wide = (
        allocation_range(m, judgments, pair_least_squares(m, judgments), mean="arithmetic")
        for m in (logits, logits.astype(np.float64))
    )
    np.testing.assert_allclose(narrow.low, wide.low, atol=1e-7)
    logits[4, 5] = -np.inf
    solution = pair_least_squares(logits, judgments)
    assert allocation_range(logits, judgments, solution, mean="arithmetic").low[5] < wide.high[5]
    with pytest.raises(NonFiniteError):
        allocation_range(logits, judgments, solution)


def test_an_ensemble_names_items_and_models() -> None:
    rng = np.random.default_rng(8)
    items = [("", f"item {n}") for n in range(5)]
    pool = Pool.from_array(rng.normal(size=(60, 5)), items=items)
    judgments = Judgments.from_arrays([0, 1], [1, 2], [0.1, 0.3], items=pool.items)
    round_ = Round(judgments, pool)
    ensemble = round_.ensemble("least_squares")
    for mean in ("geometric", "arithmetic"):
        table = ensemble.allocation_range(mean=mean)
        assert len(table) == 5
        np.testing.assert_array_equal(table["share"], ensemble.allocation(mean)["share"])
        assert (table["low_bound"] <= table["share"]).all()
        assert (table["share"] <= table["high_bound"]).all()
        assert table["component"].tolist() == [0, 0, 0, 1, 2]
        assert ("low_logit" in table.columns) == (mean == "geometric")
        for row in table:
            assert set(row["low_models"].split(", ")) <= set(pool.models)
        most = max(row[end].count(", ") + 1 for row in table for end in ("low_models", "high_models"))
        assert (f"{most} models" in str(table)) == (most > 3)
    low, high = ensemble.log_ratio_range("item 0", "ITEM 4")
    assert low < high
    assert len(set(ensemble.log_ratio_range("item 0", "item 2"))) == 1
    for method in ("bma", "stacking", "uniform", "best"):
        with pytest.raises(OptionError, match="ranges are known of 'least_squares' only"):
            round_.ensemble(method).allocation_range()
        with pytest.raises(OptionError, match="ranges are known of 'least_squares' only"):
            round_.ensemble(method).log_ratio_range("item 0", "item 4")


def test_errors_name_what_is_wrong() -> None:
    logits, judgments = small_problem(PAIRS["one pair"], 0)
    solution = pair_least_squares(logits, judgments)
    with pytest.raises(OptionError, match="mean: expected"):
        allocation_range(logits, judgments, solution, mean="median")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="solution: expected the weights of 5 models"):
        allocation_range(logits[:5], judgments, solution)
    with pytest.raises(DtypeError, match="solution: expected a SimplexSolution"):
        allocation_range(logits, judgments, solution.weights)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="logits: expected 6 columns"):
        allocation_range(logits[:, :5], judgments, solution)
    with pytest.raises(IndexOutOfRangeError, match="b"):
        log_ratio_range(logits, judgments, solution, 0, 6)
    found = SimplexSolution(solution.weights, 0.0, 1e-3, 1e-3, 5, "the best that was found")
    with pytest.raises(NotConvergedError, match="the best that was found") as caught:
        allocation_range(logits, judgments, found)
    assert (caught.value.gap, caught.value.passes) == (1e-3, 5)
    two = Judgments.from_arrays([0], [1], [0.0], items=[("p", "a"), ("p", "b"), ("q", "c")])
    with pytest.raises(DomainError, match="different parents"):
        log_ratio_range(logits[:, :3], two, pair_least_squares(logits[:, :3], two), 0, 2)


def test_a_solution_of_other_judgments_is_refused() -> None:
    logits = np.random.default_rng(0).normal(size=(30, 6))
    one, other = (Judgments.from_arrays([0, 1, 2], [1, 2, 3], y, items=6) for y in ([0.1, 0.2, 0.0], [0.3, -0.2, 0.1]))
    solution = pair_least_squares(logits, one)
    assert not solution.unique
    allocation_range(logits, one, solution)
    with pytest.raises(DomainError, match="solution: its objective is"):
        allocation_range(logits, other, solution)


def test_ends_that_rounding_parts_are_the_share_itself() -> None:
    logits = 0.05 * np.random.default_rng(1).normal(size=(12, 5))
    logits = np.vstack([logits, logits])  # copies: many weights, one allocation
    rng = np.random.default_rng(2)
    a = rng.integers(0, 5, 30)
    judgments = Judgments.from_arrays(a, (a + rng.integers(1, 5, 30)) % 5, rng.normal(size=30), items=5)
    solution = pair_least_squares(logits, judgments)
    assert not solution.unique
    found = allocation_range(logits, judgments, solution, mean="arithmetic")
    np.testing.assert_array_equal(found.low, found.high)
    np.testing.assert_array_equal(found.low, allocate(logits, solution.weights, mean="arithmetic"))
    assert np.all(found.low_bound <= found.low)
    assert np.all(found.high <= found.high_bound)
