"""Simplex least squares: examples, degenerate instances, parity with exact and interior-point solutions, errors."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import SimplexSolution, project_simplex, simplex_least_squares
from hemicycle.errors import DomainError, DtypeError, NonFiniteError, NotConvergedError, OptionError, ShapeError
from instances import INSTANCES, SMALL, THIN, check_simplex, relative_gap
from reference import least_squares as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray


@THIN
@pytest.mark.parametrize(("x", "y"), INSTANCES)
def test_every_instance_is_certified(x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    solution = simplex_least_squares(x, y)
    check_simplex(solution.weights)
    assert solution.relative_gap <= 1e-12
    assert relative_gap(x, y, solution.weights) <= 1.1e-12
    fit = float((((solution.weights @ (x - y)).astype(np.longdouble)) ** 2).sum())
    assert solution.objective == pytest.approx(fit, rel=1e-9, abs=1e-24 * (np.square(x - y).sum(axis=1).max() or 1.0))


@THIN
@pytest.mark.parametrize(("x", "y"), INSTANCES)
def test_objective_and_fit_agree_with_an_interior_point_method(x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    scale = np.sqrt(np.median(np.square(x - y).sum(axis=1))) or 1.0
    x, y = x / scale, y / scale
    ours = simplex_least_squares(x, y)
    theirs = reference.clarabel_weights(x, y)
    theirs = np.maximum(theirs, 0) / np.maximum(theirs, 0).sum()
    their_residual = theirs @ (x - y)
    our_residual = ours.weights @ (x - y)
    assert ours.objective <= their_residual @ their_residual + 1e-12
    # The squared distance of two fits is at most the excess of the worse one.
    excess = max(their_residual @ their_residual - our_residual @ our_residual, 0.0)
    assert np.square(their_residual - our_residual).sum() <= excess + ours.gap + 1e-14
    assert excess <= 1e-6


@pytest.mark.parametrize(("x", "y"), SMALL)
def test_the_gap_bounds_the_true_error(x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    solution = simplex_least_squares(x, y)
    least, _ = reference.minimum(x, y)
    error = reference.objective(x, y, solution.weights.tolist()) - least
    exact_gap = reference.gap(x, y, solution.weights.tolist())
    unit = np.median(np.square(x - y).sum(axis=1))
    rounding = 1e-15 * unit
    assert error <= exact_gap + rounding
    assert abs(float(exact_gap) - solution.gap) <= rounding
    assert abs(solution.objective - float(least)) <= solution.gap + rounding


def test_half_the_certificate_would_not_bound_the_error() -> None:
    # At w = (1, 0) between -1 and 3 with y = 0, f - min f = 1 and w.g - min g = 4; with y = 10, 121 - 49 > 44.
    x, y, w = np.array([[-1.0], [3.0]]), np.array([10.0]), [1.0, 0.0]
    error = reference.objective(x, y, w) - reference.minimum(x, y)[0]
    assert reference.gap(x, y, w) / 2 < error <= reference.gap(x, y, w)


@pytest.mark.parametrize("l2", [1e-6, 1e-2, 1.0, 1e3])
@pytest.mark.parametrize(("n_models", "n_observations"), [(6, 3), (100, 10), (30, 60)])
def test_the_ridge_agrees_with_an_interior_point_method(l2: float, n_models: int, n_observations: int) -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(size=(n_models, n_observations))
    y, cost = rng.normal(size=n_observations), rng.normal(size=n_models)
    for prices in (None, cost):
        ours = simplex_least_squares(x, y, l2=l2, cost=prices)
        theirs = reference.clarabel_weights(x, y, l2, prices)
        check_simplex(ours.weights)
        assert ours.relative_gap <= 1e-12
        assert ours.objective <= float(reference.objective(x, y, theirs.tolist(), l2, prices)) + 1e-9
        assert np.square(ours.weights - theirs).sum() <= 1e-7 / min(l2, 1.0)


@pytest.mark.parametrize("price", [1e-6, 1e-2, 1.0, 1e3])
def test_ridge_and_prices_are_exact_on_small_problems(price: float) -> None:
    rng = np.random.default_rng(10)
    for n_models, n_observations in itertools.product((2, 5), (1, 3)):
        x = np.round(rng.normal(size=(n_models, n_observations)), 1)
        y, cost = rng.normal(size=n_observations), price * rng.normal(size=n_models)
        for l2 in (0.0, 0.1):
            solution = simplex_least_squares(x, y, l2=l2, cost=cost)
            least, weights = reference.minimum(x, y, l2, cost)
            assert (
                abs(float(reference.objective(x, y, solution.weights.tolist(), l2, cost) - least))
                <= solution.gap + 1e-12
            )
            assert abs(solution.objective - float(least)) <= 1e-12 * max(1.0, price)
            if l2:
                np.testing.assert_allclose(solution.weights, [float(w) for w in weights], atol=1e-9)


def test_the_relative_gap_counts_what_one_model_alone_costs() -> None:
    rng = np.random.default_rng(16)
    x, y, cost = rng.normal(size=(31, 4)), rng.normal(size=4), rng.normal(size=31)
    loss = np.square(x - y).sum(axis=1)
    for options, unit in [
        ({}, np.median(loss)),
        ({"l2": 0.7}, np.median(loss) + 0.7),
        ({"cost": cost}, np.median(loss + cost - cost.min())),
        ({"l2": 0.7, "cost": cost}, np.median(loss + cost - cost.min()) + 0.7),
    ]:
        solution = simplex_least_squares(x, y, tol=0.5, **options)
        assert solution.relative_gap == pytest.approx(solution.gap / unit, rel=1e-12)
    # With a ridge far above the loss the certificate is still within reach.
    assert simplex_least_squares([[0.0], [0.0]], [-1e-3], l2=1.0).relative_gap <= 1e-12


def test_prices_choose_among_equal_fits() -> None:
    x = np.array([[-1.0], [1.0], [-1.0], [1.0]])
    solution = simplex_least_squares(x, [0.0], cost=[0.0, 0.0, 1e-3, 1e-3])
    np.testing.assert_allclose(solution.weights, [0.5, 0.5, 0.0, 0.0], atol=1e-12)


@pytest.mark.parametrize("lowest", [1e6, -1e6, 7.0])
@pytest.mark.parametrize("options", [{}, {"solver": "projected_gradient"}, {"l2": 0.1}], ids=str)
def test_only_what_prices_are_above_the_lowest_moves_weights(lowest: float, options: dict[str, Any]) -> None:
    x, y, cost = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.2, 0.2], np.array([0.0, 0.0, 0.3])
    plain = simplex_least_squares(x, y, cost=cost, **options)
    raised = simplex_least_squares(x, y, cost=cost + lowest, **options)
    np.testing.assert_allclose(raised.weights, plain.weights, atol=1e-9)
    assert raised.objective == pytest.approx(plain.objective + lowest, rel=1e-14)
    assert raised.face.tolist() == plain.face.tolist()
    assert raised.relative_gap <= 1e-12
    inside = simplex_least_squares([[0.0], [1.0], [0.5]], [0.5], cost=np.array([0.0, 0.0, 1e-4]) + lowest)
    assert inside.unique
    np.testing.assert_allclose(inside.weights, [0.5, 0.5, 0.0], atol=1e-9)


def test_equal_prices_are_none() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(9, 3)), np.zeros(3)
    plain, priced = simplex_least_squares(x, y), simplex_least_squares(x, y, cost=np.full(9, 3.0))
    assert priced.weights.tolist() == plain.weights.tolist()
    assert priced.face.tolist() == plain.face.tolist()
    assert priced.objective == plain.objective + 3.0


@THIN
def test_where_most_models_fit_exactly_the_gap_is_zero() -> None:
    rng = np.random.default_rng(14)
    for _ in range(20):
        x = np.vstack([np.zeros((6, 2)), rng.normal(size=(5, 2))])
        solution = simplex_least_squares(x, [0.0, 0.0])
        assert solution.gap == solution.relative_gap == 0
        if "fit exactly" in solution.reason:
            assert solution.tie_broken is False
            np.testing.assert_allclose(solution.weights, [1 / 6] * 6 + [0] * 5, atol=1e-15)
            break
    else:
        pytest.fail("no instance needed the models that fit exactly")


def test_no_observations_return_the_reference() -> None:
    solution = simplex_least_squares(np.zeros((4, 0)), [], reference=[1, 1, 0, 2])
    assert solution.objective == solution.gap == 0
    np.testing.assert_allclose(solution.weights, [0.25, 0.25, 0, 0.5], atol=1e-15)


def test_one_model_gets_everything() -> None:
    solution = simplex_least_squares([[3.0, 4.0]], [0.0, 0.0])
    assert solution.weights.tolist() == [1.0]
    assert (solution.objective, solution.gap, solution.reason) == (25.0, 0.0, "the optimum is unique")


@pytest.mark.parametrize("options", [{}, {"l2": 0.5}, {"cost": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}])
def test_many_more_observations_than_models(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(15)
    x = np.repeat(rng.normal(size=(3, 40_000)), 2, axis=0)
    y = rng.normal(size=40_000) + x.mean(axis=0)
    solution = simplex_least_squares(x, y, **options)
    z = x - y
    # The same Gram matrix in six coordinates.
    values, vectors = np.linalg.eigh(z @ z.T)
    small = vectors * np.sqrt(np.maximum(values, 0))
    expected = simplex_least_squares(small, np.zeros(6), **options)
    assert solution.relative_gap <= 1e-12
    assert solution.objective == pytest.approx(expected.objective, rel=1e-10)
    of_copies = solution.weights.reshape(3, 2)
    np.testing.assert_allclose(of_copies.sum(axis=1), expected.weights.reshape(3, 2).sum(axis=1), atol=1e-6)
    if "cost" in options:
        assert (of_copies[:, 1] == 0).all()
    else:
        np.testing.assert_allclose(of_copies[:, 0], of_copies[:, 1], atol=1e-12)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_any_number_of_threads_gives_the_same_bits(inside: bool, l2: float) -> None:
    rng = np.random.default_rng(11)
    x = rng.normal(size=(9000, 12))
    y = x.mean(axis=0) if inside else 3 * rng.normal(size=12)
    first, *others = (simplex_least_squares(x, y, l2=l2, n_threads=n).weights for n in (1, 2, 3, None))
    for other in others:
        assert first.tobytes() == other.tobytes()


def test_solution_is_frozen_and_shows_what_matters() -> None:
    solution = simplex_least_squares([[0.0], [1.0], [5.0]], [-1.0])
    assert isinstance(solution, SimplexSolution)
    assert solution.support.tolist() == [0]
    with pytest.raises(ValueError, match="read-only"):
        solution.weights[0] = 0.0
    with pytest.raises(AttributeError):
        solution.gap = 0.0  # type: ignore[misc]
    assert repr(solution).startswith("SimplexSolution(1 of 3 models, objective=1, gap=0.0e+00, relative_gap=0.0e+00")


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "f4", "f2", "i4", "u1"])
def test_any_real_dtype_is_converted(dtype: str) -> None:
    x = np.array([[0, 2], [4, 1], [3, 3]], dtype=dtype)
    y = np.array([1, 1], dtype=dtype)
    expected = simplex_least_squares(x.astype(float), y.astype(float)).weights
    assert simplex_least_squares(x, y).weights.tolist() == expected.tolist()


def test_any_layout_is_read_and_nothing_is_written() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(12, 6)), rng.normal(size=6)
    expected = simplex_least_squares(x, y).weights.tolist()
    x.flags.writeable = y.flags.writeable = False
    assert simplex_least_squares(x, y).weights.tolist() == expected
    assert simplex_least_squares(np.asfortranarray(x), y).weights.tolist() == expected
    wide = np.repeat(x, 2, axis=1)[:, ::2]
    assert simplex_least_squares(wide, np.repeat(y, 2)[::2]).weights.tolist() == expected
    assert simplex_least_squares(x.tolist(), y.tolist()).weights.tolist() == expected
    assert simplex_least_squares(np.ma.array(x), y).weights.tolist() == expected


GOOD: dict[str, Any] = {"x": [[0.0, 1.0], [2.0, 3.0]], "y": [1.0, 1.0]}
BAD = [
    ({"x": np.zeros((0, 2))}, ShapeError, "x: expected at least one model"),
    ({"x": [1.0, 2.0]}, ShapeError, "x: expected 2 dimensions"),
    ({"x": [[1.0], [2.0]]}, ShapeError, "y: expected length 1"),
    ({"y": [[1.0, 1.0]]}, ShapeError, "y: expected 1 dimension,"),
    ({"x": [[0.0, math.nan], [2.0, 3.0]]}, NonFiniteError, r"x\[0, 1\] is nan"),
    ({"x": [[0.0, 1.0], [-math.inf, 3.0]]}, NonFiniteError, r"x\[1, 0\] is -inf"),
    ({"y": [1.0, math.inf]}, NonFiniteError, r"y\[1\] is inf"),
    ({"x": [[0.0, 1e300], [2.0, 3.0]]}, DomainError, r"x\[0, 1\] is .*1e140"),
    ({"x": [["a", "b"]]}, DtypeError, "x: expected integers or floats"),
    ({"x": [[1j, 0.0]]}, DtypeError, "x: expected integers or floats"),
    ({"x": [[True, False]]}, DtypeError, "x: expected integers or floats"),
    ({"x": np.ma.array([[0.0, 1.0]], mask=[[True, False]])}, DtypeError, "x: 1 value masked"),
    ({"l2": -1.0}, DomainError, "l2 is -1"),
    ({"l2": math.nan}, NonFiniteError, "l2 is nan"),
    ({"l2": "1"}, DtypeError, "l2: expected a number"),
    ({"tol": 0.0}, DomainError, "tol is 0"),
    ({"tol": -1e-9}, DomainError, "tol is -"),
    ({"tol": math.nan}, NonFiniteError, "tol is nan"),
    ({"cost": [1.0]}, ShapeError, "cost: expected length 2"),
    ({"cost": [1.0, math.nan]}, NonFiniteError, r"cost\[1\] is nan"),
    ({"reference": [1.0, 0.0, 0.0]}, ShapeError, "reference: expected length 2"),
    ({"reference": [1.0, -0.5]}, DomainError, r"reference\[1\] is -0.5"),
    ({"reference": [0.0, 0.0]}, DomainError, "reference: all values are 0"),
    ({"reference": [math.nan, 1.0]}, NonFiniteError, r"reference\[0\] is nan"),
    ({"start": [[1], [0, 1]]}, ShapeError, "start: setting an array element"),
    ({"start": [[0, 1]]}, ShapeError, "start: expected 1 dimension"),
    ({"n_threads": 0}, DomainError, "n_threads is 0"),
    ({"n_threads": 1.5}, DtypeError, "n_threads: expected an integer"),
    ({"solver": "slsqp"}, OptionError, "solver: expected 'working_set' or"),
    ({"tie_break": "first"}, OptionError, "tie_break: expected 'nearest' or"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD, ids=[message for *_, message in BAD])
def test_bad_input_is_named(change: dict[str, Any], error: type[Exception], message: str) -> None:
    simplex_least_squares(**GOOD)
    with pytest.raises(error, match=message):
        simplex_least_squares(**(GOOD | change))


def test_what_rounding_cannot_reach_raises_with_the_best_weights() -> None:
    rng = np.random.default_rng(13)
    x, y = rng.normal(size=(50, 20)), rng.normal(size=20)
    with pytest.raises(NotConvergedError, match="simplex_least_squares did not converge") as caught:
        simplex_least_squares(x, y, tol=1e-300)
    check_simplex(caught.value.weights)
    best = simplex_least_squares(x, y)
    residual = caught.value.weights @ x - y
    assert residual @ residual == pytest.approx(best.objective, rel=1e-13)
    assert 0 < caught.value.gap <= 1e-12
    assert caught.value.passes > 0


@pytest.mark.parametrize("l2", [1e-300, 1e-20, 1e-12])
def test_a_ridge_that_vanishes_in_rounding(l2: float) -> None:
    # slopes that differ by rounding, divided by the ridge, were so large that no weight was left
    x = [[0.2890625, 0.203125], [-0.1328125, -0.21875]]
    solution = simplex_least_squares(x, [0.0, 0.0], l2=l2)
    np.testing.assert_allclose(solution.weights, [5 / 12, 7 / 12], rtol=1e-9)
    assert solution.relative_gap <= 1e-12


@pytest.mark.parametrize("l2", [5e-324, 1e-320, 1e-309])
def test_a_ridge_whose_inverse_overflows_is_its_limit(l2: float) -> None:
    # the dual variables were infinite, and so were the steps: the solver did not end
    x, y = [[0.0], [1.0], [3.0]], [0.5]
    solution = simplex_least_squares(x, y, l2=l2)
    np.testing.assert_allclose(solution.weights, simplex_least_squares(x, y).weights, rtol=1e-12)
    assert solution.relative_gap <= 1e-12


@pytest.mark.parametrize("solver", ["working_set", "projected_gradient"])
@pytest.mark.parametrize("l2", [1e-20, 1e-17, 3e-16, 1e-15, 1e-14, 1e-12])
def test_a_ridge_of_any_size_decides_the_weights_or_says_that_it_is_lost(l2: float, solver: str) -> None:
    # the gap cannot tell: many weights are within it
    rng = np.random.default_rng(22)
    for inside in (True, False):
        x = rng.integers(-3, 4, size=(5, 2)).astype(float)
        y = x.mean(axis=0) if inside else np.array([8.0, 0.5])
        solution = simplex_least_squares(x, y, l2=l2, solver=solver)
        _, weights = reference.minimum(x, y, l2)
        np.testing.assert_allclose(solution.weights, [float(weight) for weight in weights], atol=1e-12)
        lost = l2 < 1e-15 * np.square(x - y).sum(axis=1).max()
        assert ("below rounding" in solution.reason) == lost


def test_a_ridge_leaves_ties_together() -> None:
    # slopes that differ by rounding, divided by the ridge, gave equal models weights that differ by half
    x, y = np.array([[-1.0, 2.0], [3.0, -2.0], [1.0, 0.0], [-1.0, 2.0]]), np.array([2.0, 1.6])
    plain = simplex_least_squares(x, y).weights
    for l2 in (1e-10, 1e-13, 3e-15):
        np.testing.assert_allclose(simplex_least_squares(x, y, l2=l2).weights, plain, atol=1e-9)


@pytest.mark.parametrize("l2", [1e60, 1e100, 1e200, 1e300])
@pytest.mark.parametrize("cost", [None, [0.0, 1e300, 2e300, 0.5e300]], ids=["free", "priced"])
def test_a_ridge_that_outweighs_all_takes_few_passes(l2: float, cost: list[float] | None) -> None:
    x = np.random.default_rng(23).normal(size=(4, 3))
    prices = None if cost is None else np.array(cost) / 1e300 * min(l2, 1e139)
    solution = simplex_least_squares(x, [1.0, 2.0, 3.0], l2=l2, cost=prices)
    assert solution.passes <= 15
    assert solution.relative_gap <= 1e-12
    anchor = np.zeros(4) if prices is None else -0.5 * prices / l2
    np.testing.assert_allclose(solution.weights, project_simplex(anchor), atol=1e-14)
