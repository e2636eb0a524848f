"""The optimum nearest to the reference, where least squares has many."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import simplex_least_squares
from hemicycle.errors import TieBreakWarning
from instances import SMALL, relative_gap
from reference import least_squares as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


def test_where_rounding_keeps_the_nearest_optimum_from_fitting_the_answer_is_certified_and_says_so() -> None:
    # The last model is 70,000 times further away than the median, and the nearest optimum uses all six.
    x = np.array([[-(2.0**-24)], [0.0], [0.0], [0.0], [-1e-3], [0.0]])
    y = np.array([-(2.0**-26)])
    with pytest.warns(TieBreakWarning, match="these weights are optimal, but not those that the tie-break names"):
        solution = simplex_least_squares(x, y)
    assert relative_gap(x, y, solution.weights) <= 1e-12
    assert solution.reason == "nearest to the reference among the optima, as far as rounding lets weights fit"
    assert solution.tie_broken is False
    loose = simplex_least_squares(x, y, tol=1e-9)
    assert (len(loose.support), loose.tie_broken) == (6, True)


@pytest.mark.parametrize(
    ("x", "y", "anchor", "expected"),
    [
        ([[0], [0], [120], [-180], [-180]], [60], [0, 0, 0, 1, 2], [22 / 153, 22 / 153, 32 / 51, 0, 13 / 153]),
        (
            [[-120, 0], [0, 0], [0, 0], [0, 60], [0, -120], [60, -120]],
            [15, -90],
            [0, 0, 0, 1, 0, 0],
            [11 / 392, 0, 0, 29 / 196, 29 / 56, 15 / 49],
        ),
    ],
)
def test_steps_far_out_and_back_cost_no_digits(x: Any, y: Any, anchor: Any, expected: Any) -> None:
    np.testing.assert_allclose(simplex_least_squares(x, y, reference=anchor).weights, expected, rtol=0, atol=1e-15)
