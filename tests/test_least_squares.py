"""Simplex least squares: examples, degenerate instances, parity with exact and interior-point solutions, errors."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, SimplexSolution, simplex_least_squares
from hemicycle.errors import (
    DomainError,
    DtypeError,
    NoDataError,
    NonFiniteError,
    NotConvergedError,
    OptionError,
    ShapeError,
)
from hemicycle.least_squares import pair_least_squares
from reference import least_squares as reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SIZES = [(1, 1), (1, 5), (5, 1), (2, 2), (3, 10), (10, 3), (50, 20), (20, 50), (300, 5), (200, 40)]


def instances(n_models: int, n_observations: int) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Random and degenerate problems of one size, each with its name."""
    rng = np.random.default_rng([n_models, n_observations])
    x = rng.normal(size=(n_models, n_observations))
    y = rng.normal(size=n_observations)
    middle = x.mean(axis=0)
    yield "outside", x, 3 * y
    yield "inside", x, rng.dirichlet(np.ones(n_models)) @ x
    yield "inside with few models", x, rng.dirichlet(np.full(n_models, 0.05)) @ x
    yield "between three models", x, rng.dirichlet(np.ones(min(n_models, 3))) @ x[:3]
    yield "a model itself", x, x[0].copy()
    yield "three copies of each, outside", np.repeat(x, 3, axis=0), 2 * y
    yield "three copies of each, inside", np.repeat(x, 3, axis=0), middle
    near = np.vstack([x, x + 1e-8 * rng.normal(size=x.shape)])
    yield "near copies, outside", near, 2 * y
    yield "near copies, inside", near, middle
    for scale in (1e-6, 1e6):
        yield f"scale {scale:g}, outside", scale * x, 2 * scale * y
        yield f"scale {scale:g}, inside", scale * x, scale * middle
        yield f"shift {scale:g}", x + scale, y + scale
    constant = np.column_stack([np.ones(n_models), x[:, 1:]])
    yield "constant column", constant, y
    yield "constant column, inside", constant, constant.mean(axis=0)
    hilbert = 1 / (np.arange(n_observations) + np.arange(n_models)[:, None] + 1.0)
    yield "Hilbert, outside", hilbert, 0.1 * y
    yield "Hilbert, inside", hilbert, hilbert.mean(axis=0)
    columns = x * 10.0 ** -np.linspace(0, 8, n_observations)
    yield "columns of all sizes, outside", columns, y
    yield "columns of all sizes, inside", columns, columns.mean(axis=0)
    rows = x * 10.0 ** rng.uniform(-2, 2, size=(n_models, 1))
    yield "rows of all sizes, outside", rows, y
    yield "rows of all sizes, inside", rows, rows.mean(axis=0)
    low_rank = rng.normal(size=(n_models, 2)) @ rng.normal(size=(2, n_observations))
    yield "rank 2, outside", low_rank, y
    yield "rank 2, inside", low_rank, low_rank.mean(axis=0)
    yield "corners of a cube", np.sign(x), 0.3 * y
    yield "integers", rng.integers(-1, 2, x.shape).astype(float), rng.integers(-1, 2, y.shape).astype(float)
    yield "all models equal", np.zeros_like(x), y
    yield "all models right", np.tile(y, (n_models, 1)), y


INSTANCES = [
    pytest.param(x, y, id=f"{n_models} x {n_observations}, {name}")
    for n_models, n_observations in SIZES
    for name, x, y in instances(n_models, n_observations)
]


def relative_gap(x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    z = (x - y).astype(np.longdouble)
    w = weights.astype(np.longdouble)
    g = z @ (w @ z)
    median = np.median((z**2).sum(axis=1))
    gap = 2 * w @ (g - g.min())
    return float(gap / median) if median else (0.0 if gap == 0 else math.inf)


def check_simplex(weights: NDArray[np.float64]) -> None:
    assert (weights >= 0).all()
    assert abs(math.fsum(weights) - 1) <= 2**-52


@pytest.mark.parametrize(("x", "y"), INSTANCES)
def test_every_instance_is_certified(x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    solution = simplex_least_squares(x, y)
    check_simplex(solution.weights)
    assert solution.relative_gap <= 1e-12
    assert relative_gap(x, y, solution.weights) <= 1.1e-12
    fit = float((((solution.weights @ (x - y)).astype(np.longdouble)) ** 2).sum())
    assert solution.objective == pytest.approx(fit, rel=1e-9, abs=1e-24 * (np.square(x - y).sum(axis=1).max() or 1.0))


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


def small_instances() -> Iterator[Any]:
    rng = np.random.default_rng(5)
    for seed, (n_models, n_observations) in enumerate([(1, 2), (2, 1), (3, 2), (5, 1), (5, 2), (5, 3), (6, 2), (4, 6)]):
        x = rng.normal(size=(n_models, n_observations))
        yield pytest.param(x, 2 * rng.normal(size=n_observations), id=f"{seed} outside")
        yield pytest.param(x, x.mean(axis=0), id=f"{seed} inside")
        yield pytest.param(np.round(x), np.round(rng.normal(size=n_observations)), id=f"{seed} integers")
        yield pytest.param(np.repeat(np.round(x[:3]), 2, axis=0), np.zeros(n_observations), id=f"{seed} copies")
    square = np.array([[1.0, 0], [0, 0], [-1, 0], [0, -1]])
    yield pytest.param(square, np.array([1.0, 1.0]), id="unique although three models lie on a line")
    yield pytest.param(square, np.array([0.0, 1.0]), id="the middle of an edge")
    yield pytest.param(square, np.array([0.0, 0.0]), id="a model on an edge")


SMALL = list(small_instances())


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


@pytest.mark.parametrize(("x", "y"), SMALL)
@pytest.mark.parametrize("kind", ["uniform", "given"])
def test_the_nearest_optimum_is_exact(x: NDArray[np.float64], y: NDArray[np.float64], kind: str) -> None:
    n_models = len(x)
    given = None if kind == "uniform" else np.arange(n_models, dtype=float) + 1
    anchor = [Fraction(1, n_models)] * n_models
    if given is not None:
        anchor = [Fraction(value) / Fraction(given.sum()) for value in given]
    expected = np.array([float(w) for w in reference.nearest(x, y, anchor)])
    solution = simplex_least_squares(x, y, reference=given)
    np.testing.assert_allclose(solution.weights, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("alpha", [1.0, 0.05])
@pytest.mark.parametrize("copies", [1, 3])
def test_the_nearest_optimum_agrees_with_an_interior_point_method(alpha: float, copies: int) -> None:
    rng = np.random.default_rng(8)
    x = np.repeat(rng.normal(size=(150, 12)), copies, axis=0)
    anchor = rng.dirichlet(np.ones(len(x)))
    solution = simplex_least_squares(x, rng.dirichlet(np.full(len(x), alpha)) @ x, reference=anchor)
    theirs = reference.clarabel_nearest(x, solution.weights @ x, anchor)
    assert np.abs(solution.weights - theirs).max() <= 3e-6
    assert np.square(solution.weights - anchor).sum() <= np.square(theirs - anchor).sum() + 1e-9


def test_the_nearest_optimum_satisfies_its_own_optimality_conditions() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 30))
    anchor = rng.dirichlet(np.ones(400))
    weights = simplex_least_squares(x, rng.dirichlet(np.full(400, 0.05)) @ x, reference=anchor).weights
    rows = np.column_stack([x, np.ones(400)])
    support = weights > 0
    assert 31 < support.sum() < 400
    multipliers, *_ = np.linalg.lstsq(rows[support], (weights - anchor)[support], rcond=None)
    stationary = anchor + rows @ multipliers
    np.testing.assert_allclose(stationary[support], weights[support], rtol=0, atol=1e-12)
    assert stationary[~support].max() <= 1e-12


def test_nearest_to_uniform_is_minimum_norm_and_the_limit_of_the_ridge() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 5))
    y = rng.dirichlet(np.ones(60)) @ x
    nearest = simplex_least_squares(x, y).weights
    errors = [np.abs(simplex_least_squares(x, y, l2=l2).weights - nearest).max() for l2 in (1e-2, 1e-5, 1e-8)]
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert errors[2] <= 1e-8
    # No other optimum is shorter: move along random directions that keep fit and sum.
    null = np.linalg.svd(np.column_stack([x, np.ones(60)]).T)[2][6:]
    for direction in null:
        for step in (-1e-3, 1e-3):
            other = nearest + step * direction
            if other.min() >= 0:
                assert other @ other > nearest @ nearest


def test_ties_outside_the_hull_are_broken_too() -> None:
    # Four models on the edge x = 1 that faces y, one behind.
    x = np.array([[1.0, -1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 2.0], [-3.0, 0.0]])
    solution = simplex_least_squares(x, np.array([5.0, 0.25]))
    np.testing.assert_allclose(solution.weights, [0.25, 0.25, 0.25, 0.25, 0.0], atol=1e-14)
    assert solution.reason == "nearest to the reference among the optima"
    assert solution.objective == pytest.approx(16.0)


def test_copies_share_equally_and_change_no_fit() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(20, 8))
    for y in (x.mean(axis=0), 2 * rng.normal(size=8)):
        alone = simplex_least_squares(x, y).weights @ x
        copied = np.vstack([x, x[:5], x[:5]])
        weights = simplex_least_squares(copied, y).weights
        np.testing.assert_allclose(weights @ copied, alone, atol=1e-12)
        np.testing.assert_allclose(weights[:5], weights[20:25], atol=1e-13)
        np.testing.assert_allclose(weights[:5], weights[25:], atol=1e-13)


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


def test_where_most_models_fit_exactly_the_gap_is_zero() -> None:
    rng = np.random.default_rng(14)
    for _ in range(20):
        x = np.vstack([np.zeros((6, 2)), rng.normal(size=(5, 2))])
        solution = simplex_least_squares(x, [0.0, 0.0])
        assert solution.gap == solution.relative_gap == 0
        if "fit exactly" in solution.reason:
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


# Pairs of items


def pair_round(dtype: Any = np.float64) -> tuple[NDArray[Any], Judgments]:
    rng = np.random.default_rng(12)
    logits = rng.normal(size=(40, 9)).astype(dtype)
    # Items 0-4 and 5-7 are two components, item 8 is never judged; pairs repeat, in both orders.
    a = np.array([0, 1, 2, 3, 0, 1, 1, 5, 6, 7, 6])
    b = np.array([1, 0, 3, 4, 2, 3, 3, 6, 7, 5, 5])
    log_ratio = rng.normal(size=len(a))
    return logits, Judgments.from_arrays(a, b, log_ratio, weight=rng.uniform(0.5, 3, size=len(a)), items=9)


def rows_of(logits: NDArray[Any], judgments: Judgments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One row a judgment, as in the reference implementation."""
    root = np.sqrt(judgments.weight)
    wide = logits.astype(np.float64)
    return (wide[:, judgments.b] - wide[:, judgments.a]) * root, judgments.log_ratio * root


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("options", [{}, {"l2": 0.3}, {"cost": np.linspace(-1, 1, 40)}, {"reference": np.arange(40.0)}])
def test_pairs_equal_one_row_a_judgment(dtype: Any, options: dict[str, Any]) -> None:
    logits, judgments = pair_round(dtype)
    ours = pair_least_squares(logits, judgments, **options)
    x, y = rows_of(logits, judgments)
    dense = simplex_least_squares(x, y, **options)
    assert ours.objective == pytest.approx(dense.objective, rel=1e-12)
    assert ours.relative_gap <= 1e-12
    np.testing.assert_allclose(ours.weights, dense.weights, atol=1e-9)


def test_pairs_inside_the_hull_take_the_nearest_optimum() -> None:
    logits, judgments = pair_round()
    share = np.random.default_rng(1).dirichlet(np.ones(40))
    mixed = share @ logits
    fitted = Judgments.from_arrays(judgments.a, judgments.b, mixed[judgments.b] - mixed[judgments.a], items=9)
    ours = pair_least_squares(logits, fitted)
    x, y = rows_of(logits, fitted)
    np.testing.assert_allclose(ours.weights, simplex_least_squares(x, y).weights, atol=1e-12)
    assert ours.objective <= 1e-24


def test_constants_of_a_model_do_not_matter() -> None:
    logits, judgments = pair_round()
    shifted = logits.copy()
    shifted[:, :5] += 1e6 * np.arange(40)[:, None]
    shifted[:, 5:8] -= 77.0
    ours = pair_least_squares(shifted, judgments)
    plain = pair_least_squares(logits, judgments)
    assert ours.objective == pytest.approx(plain.objective, rel=1e-8)
    np.testing.assert_allclose(ours.weights, plain.weights, atol=1e-7)


def test_the_whole_jury_twice_is_the_same_problem_at_twice_the_weight() -> None:
    logits, judgments = pair_round()
    once = pair_least_squares(logits, judgments)
    twice = pair_least_squares(logits, judgments.select(np.r_[np.arange(11), np.arange(11)]))
    assert twice.objective == pytest.approx(2 * once.objective, rel=1e-13)
    np.testing.assert_allclose(twice.weights, once.weights, atol=1e-12)


def test_pairs_take_a_pool_and_ignore_what_no_one_judged() -> None:
    logits, judgments = pair_round()
    logits[3, 8] = -np.inf
    expected = pair_least_squares(np.nan_to_num(logits, neginf=0.0), judgments).weights
    assert (pair_least_squares(Pool.from_array(logits), judgments).weights == expected).all()
    logits[3, 7] = -np.inf
    with pytest.raises(NonFiniteError, match=r"logits\[3, 7\] is -inf"):
        pair_least_squares(Pool.from_array(logits), judgments)


def test_pairs_refuse_other_items_and_no_labels() -> None:
    logits, judgments = pair_round()
    with pytest.raises(ShapeError, match="expected 9 columns"):
        pair_least_squares(logits[:, :8], judgments)
    with pytest.raises(ShapeError, match="at least one model"):
        pair_least_squares(logits[:0], judgments)
    with pytest.raises(ShapeError, match="2 dimensions"):
        pair_least_squares(logits[0], judgments)
    ordinal = Judgments.from_arrays([0], [1], [np.nan], choice=[1], items=9)
    with pytest.raises(NoDataError, match="cardinal"):
        pair_least_squares(logits, ordinal)


# Input


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
    ({"n_threads": 0}, DomainError, "n_threads is 0"),
    ({"n_threads": 1.5}, DtypeError, "n_threads: expected an integer"),
    ({"solver": "slsqp"}, OptionError, "solver: expected one of 'working_set'"),
    ({"tie_break": "first"}, OptionError, "tie_break: expected one of 'nearest'"),
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


def test_where_rounding_keeps_the_nearest_optimum_from_fitting_the_answer_is_certified_and_says_so() -> None:
    # The last model is 70,000 times further away than the median, and the nearest optimum uses all six.
    x = np.array([[-(2.0**-24)], [0.0], [0.0], [0.0], [-1e-3], [0.0]])
    y = np.array([-(2.0**-26)])
    solution = simplex_least_squares(x, y)
    assert relative_gap(x, y, solution.weights) <= 1e-12
    assert solution.reason == "nearest to the reference among the optima, as far as rounding lets weights fit"
    assert len(simplex_least_squares(x, y, tol=1e-9).support) == 6


@pytest.mark.parametrize("l2", [1e-300, 1e-20, 1e-12])
def test_a_ridge_that_vanishes_in_rounding(l2: float) -> None:
    # slopes that differ by rounding, divided by the ridge, were so large that no weight was left
    x = [[0.2890625, 0.203125], [-0.1328125, -0.21875]]
    solution = simplex_least_squares(x, [0.0, 0.0], l2=l2)
    np.testing.assert_allclose(solution.weights, [5 / 12, 7 / 12], rtol=1e-9)
    assert solution.relative_gap <= 1e-12
