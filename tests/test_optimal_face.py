"""Which other weights are optimal: the face, its dimension, warm starts, and a second solver that must agree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, SimplexSolution, simplex_least_squares
from hemicycle.errors import DtypeError, IndexOutOfRangeError, NotConvergedError, OptionError
from hemicycle.least_squares import pair_least_squares
from hemicycle.optimal_face import OptimalFace
from reference import least_squares as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray


def least_squares_face(x: Any, y: Any, **options: Any) -> tuple[list[int], int]:
    solution = simplex_least_squares(x, y, **options)
    assert solution.face is not None
    assert solution.face_dimension is not None
    return solution.face.tolist(), solution.face_dimension


def test_three_models_on_the_line_that_faces_y_may_leave_one_optimum_only() -> None:
    x = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0], [0.0, -1.0]])
    solution = simplex_least_squares(x, [1.0, 1.0])
    assert solution.unique
    assert solution.face.tolist() == solution.vertex.tolist() == [0]  # the gradient is flat on models 0 to 2
    middle = simplex_least_squares(x, [0.0, 1.0])
    assert (middle.unique, middle.face_dimension, middle.face.tolist()) == (False, 1, [0, 1, 2])


def test_models_that_no_optimum_uses_are_not_on_the_face() -> None:
    # y lies on the edge between models 0 and 1, in the hull of all: every slope is 0, but 2 and 3 have no weight.
    x = np.array([[0.0, 0.0], [4.0, 0.0], [1.0, 1.0], [2.0, 3.0], [2.0, 0.0]])
    assert least_squares_face(x, [1.0, 0.0]) == ([0, 1, 4], 1)
    assert least_squares_face(x[:4], [1.0, 0.0]) == ([0, 1], 0)


def test_copies_add_dimensions() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 6)), 3 * rng.normal(size=6)
    single = simplex_least_squares(x, y)
    copied = simplex_least_squares(np.vstack([x, x]), y)
    assert single.unique
    assert copied.face_dimension == len(single.face)
    assert copied.face.tolist() == [*single.face, *(single.face + 4)]


@pytest.mark.parametrize(("below", "tol"), [(1e-14, 1e-12), (1e-11, 1e-6), (1e-7, 1e-3)])
def test_copies_count_where_another_model_is_below_them_by_less_than_the_tolerance(below: float, tol: float) -> None:
    x = [[0.0, 1.0], [0.0, 1.0], [1.0, 1.0 - below]]
    solution = simplex_least_squares(x, [0.0, 0.0], tol=tol)
    assert not solution.unique
    assert {0, 1} <= set(solution.face.tolist())
    assert solution.weights[0] == pytest.approx(solution.weights[1], rel=1e-6)


def test_copies_count_beside_a_price_that_ties_to_rounding() -> None:
    x = (np.array([[0.0], [-1.0], [-2.0], [1.0], [0.0]]) + 100) * 0.1
    solution = simplex_least_squares(x, [10.1], cost=np.array([0.0, 0.0, 2.0, 2.0, 0.0]) * 1.0 * 0.1 * 0.1)
    assert not solution.unique
    assert {0, 4} <= set(solution.face.tolist())


@pytest.mark.parametrize("seed", range(6))
def test_faces_of_random_lattices_agree_with_enumeration(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(25):
        n_models, n_observations = rng.integers(1, 7), rng.integers(1, 4)
        x = rng.integers(-2, 3, size=(n_models, n_observations)).astype(float)
        targets = rng.integers(-3, 4, size=n_observations).astype(float), x[-1], 0.5 * (x[0] + x[-1])
        cost = [None, rng.integers(0, 3, size=n_models).astype(float)][rng.integers(2)]
        for y in targets:
            assert least_squares_face(x, y, cost=cost) == reference.optimal_face(x, y, cost), (x, y, cost)


@pytest.mark.parametrize("n_models", [40, 5000])
def test_the_dimension_counts_models_less_independent_ones(n_models: int) -> None:
    rng = np.random.default_rng(1)
    weights = rng.dirichlet(np.ones(n_models))
    for rank in (1, 3, 12):
        x = rng.normal(size=(n_models, rank)) @ rng.normal(size=(rank, 12))
        inside = simplex_least_squares(x, weights @ x)
        assert inside.face_dimension == n_models - (rank + 1)
        assert len(inside.face) == n_models
        assert inside.reduced_cost == math.inf


def test_the_reduced_cost_is_the_slope_towards_the_nearest_other_model() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(30, 5)), 2 * rng.normal(size=5)
    solution = simplex_least_squares(x, y)
    gradient = 2 * (x - y) @ (solution.weights @ (x - y))
    outside = np.setdiff1d(np.arange(30), solution.face)
    expected = gradient[outside].min() - gradient.min()
    assert solution.reduced_cost == pytest.approx(expected, rel=1e-9)
    nearest = outside[gradient[outside].argmin()]
    step = 1e-7
    moved = (1 - step) * solution.weights + step * np.eye(30)[nearest]
    rise = np.square(moved @ x - y).sum() - solution.objective
    assert rise / step == pytest.approx(solution.reduced_cost, rel=1e-3)


def test_a_ridge_leaves_one_optimum() -> None:
    x = np.random.default_rng(3).normal(size=(20, 3))
    solution = simplex_least_squares(x, x.mean(axis=0), l2=0.1)
    assert solution.unique
    np.testing.assert_array_equal(solution.face, solution.support)


def test_a_vertex_is_an_optimum_of_few_models() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(500, 7))
    y = rng.dirichlet(np.ones(500)) @ x
    solution = simplex_least_squares(x, y)
    assert len(solution.vertex) <= 8 < len(solution.support)
    alone = simplex_least_squares(x[solution.vertex], y)
    assert alone.objective <= solution.objective + solution.gap + 1e-14
    assert "face_dimension=492" in repr(solution)


@pytest.mark.parametrize("solver", ["working_set", "projected_gradient"])
@pytest.mark.parametrize("place", ["inside", "outside"])
@pytest.mark.parametrize("options", [{}, {"l2": 0.1}, {"cost": np.linspace(0, 1, 60)}])
def test_a_start_changes_passes_and_no_optimum(solver: str, place: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 6))
    y = rng.dirichlet(np.ones(60)) @ x if place == "inside" else 3 * rng.normal(size=6)
    plain = simplex_least_squares(x, y, **options)
    for start in (plain, plain.vertex, [0, 59, 59], []):
        started = simplex_least_squares(x, y, start=start, solver=solver, **options)
        np.testing.assert_allclose(started.weights, plain.weights, rtol=0, atol=1e-7)
        assert started.objective == pytest.approx(plain.objective, rel=1e-12, abs=1e-12)
        assert (started.face_dimension, started.face.tolist()) == (plain.face_dimension, plain.face.tolist())


def test_a_start_saves_passes_when_models_are_added() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(20_000, 20)), 2.2 * rng.normal(size=20)
    before = simplex_least_squares(x[:19_000], y)
    cold, warm = simplex_least_squares(x, y), simplex_least_squares(x, y, start=before)
    np.testing.assert_allclose(warm.weights, cold.weights, rtol=0, atol=1e-13)
    assert warm.passes <= cold.passes


@pytest.mark.parametrize(
    ("start", "error", "message"),
    [
        ([3], IndexOutOfRangeError, "start[0] is 3; there are 3 models, counted from 0"),
        ([-1], IndexOutOfRangeError, "start[0] is -1"),
        ([0.5], DtypeError, "start: expected integers"),
        (SimplexSolution(np.array([1.0]), 0.0, 0.0, 0.0, 1, "given"), OptionError, "start: this solution"),
    ],
)
def test_a_bad_start_is_refused(start: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        simplex_least_squares([[0.0], [1.0], [2.0]], [0.5], start=start)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("shape", [(1, 3), (8, 3), (50, 20), (300, 5)])
@pytest.mark.parametrize("place", ["inside", "outside"])
def test_projected_gradients_reach_the_same_certificate_and_fit(shape: tuple[int, int], place: str) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=shape)
    y = rng.dirichlet(np.ones(shape[0])) @ x if place == "inside" else 3 * rng.normal(size=shape[1])
    exact = simplex_least_squares(x, y)
    found = simplex_least_squares(x, y, solver="projected_gradient", tol=1e-10)
    assert found.relative_gap <= 1e-10
    np.testing.assert_allclose(found.weights, exact.weights, rtol=0, atol=1e-10)
    assert found.passes > exact.passes
    ridged = simplex_least_squares(x, y, solver="projected_gradient", l2=0.01, tol=1e-10)
    np.testing.assert_allclose(ridged.weights, simplex_least_squares(x, y, l2=0.01).weights, rtol=0, atol=1e-4)


def test_projected_gradients_that_stall_carry_their_best_iterate() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(60, 12)) * 10.0 ** -np.linspace(0, 5, 12)
    y = x.mean(axis=0) + 1e-6 * rng.normal(size=12)
    with pytest.raises(NotConvergedError, match="projected_gradient did not converge") as caught:
        simplex_least_squares(x, y, solver="projected_gradient", tol=1e-17)
    weights = caught.value.weights
    assert (weights >= 0).all()
    assert math.fsum(weights) == pytest.approx(1, abs=2**-52)
    assert float(reference.gap(x, y, weights.tolist())) == pytest.approx(caught.value.gap, rel=1e-3, abs=1e-18)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_narrow_floats_are_read_as_they_are(dtype: type[np.floating[Any]]) -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(size=(300, 10)).astype(dtype)
    y = 2 * rng.normal(size=10)
    narrow, wide = simplex_least_squares(x, y), simplex_least_squares(x.astype(np.float64), y)
    np.testing.assert_array_equal(narrow.weights, wide.weights)


def test_a_memory_map_is_solved_like_an_array(tmp_path: Any) -> None:
    rng = np.random.default_rng(10)
    x: NDArray[np.float64] = rng.normal(size=(500, 8))
    np.save(tmp_path / "x.npy", x)
    y = x.mean(axis=0)
    mapped = simplex_least_squares(np.load(tmp_path / "x.npy", mmap_mode="r"), y)
    np.testing.assert_array_equal(mapped.weights, simplex_least_squares(x, y).weights)


def test_pairs_tell_their_face_too() -> None:
    rng = np.random.default_rng(11)
    judgments = Judgments.from_arrays([0, 1], [1, 2], rng.normal(size=2), items=4)
    logits = rng.normal(size=(40, 4))
    logits[0] = 0
    solution = pair_least_squares(logits, judgments)
    differences = np.diff(logits[:, :3], axis=1)
    dense = simplex_least_squares(differences, judgments.log_ratio)
    assert solution.face_dimension == dense.face_dimension
    np.testing.assert_array_equal(solution.face, dense.face)


def test_models_that_differ_by_one_rounding_are_tied() -> None:
    x = np.array([[(0.1 + 1 / 3) - 0.1, 1.0], [1 / 3, 1.0], [2.0, 5.0]])
    solution = simplex_least_squares(x, [0.0, 0.0])
    assert (solution.face.tolist(), solution.face_dimension) == ([0, 1], 1)


def test_costs_that_differ_by_rounding_tie() -> None:
    pytest.importorskip("highspy")
    costs = 693.5 * (1 + np.array([3, 2, 0, 1]) * 2.0**-52)
    deviations = np.array([[1.0], [-1.0], [2.0], [-2.0]])
    best = OptimalFace(np.arange(4), deviations, np.arange(2)).first_minimiser(costs)
    np.testing.assert_allclose(best.spread(4), [2 / 3, 0.0, 0.0, 1 / 3], rtol=0, atol=1e-12)
    distinct = OptimalFace(np.arange(4), deviations, np.arange(2)).first_minimiser(costs - 1e-6 * np.arange(4))
    np.testing.assert_allclose(distinct.spread(4), [0.0, 0.0, 0.5, 0.5], rtol=0, atol=1e-12)
