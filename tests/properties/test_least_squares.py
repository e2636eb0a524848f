"""Simplex least squares: invariants on hostile input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import simplex_least_squares
from reference import least_squares as reference

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray

pytestmark = pytest.mark.filterwarnings("ignore::hemicycle.errors.TieBreakWarning")

values = st.integers(-3, 3).map(float) | st.floats(-10, 10, width=16) | st.sampled_from([0.0, 1.0, 1 + 1e-8, -1e-3])


def is_certifiable(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    """Models a hundred times further away than the median may leave too few digits for a gap of 1e-12 of its loss."""
    lengths = np.square(x - y).sum(axis=1)
    return bool(lengths.max() <= 1e4 * np.median(lengths) or np.median(lengths) == 0)


@st.composite
def problems(draw: Any, max_models: int = 12, max_observations: int = 6) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Predictions with ties, copies and exact fits, and a target that may be one of their mixtures."""
    n_models, n_observations = draw(st.integers(1, max_models)), draw(st.integers(1, max_observations))
    x = draw(arrays(np.float64, (n_models, n_observations), elements=values))
    targets = {
        "mean": x.mean(axis=0),
        "model": x[draw(st.integers(0, n_models - 1))].copy(),
        "between": 0.25 * x[0] + 0.75 * x[-1],
        "any": draw(arrays(np.float64, n_observations, elements=values)),
    }
    y = targets[draw(st.sampled_from(sorted(targets)))]
    assume(is_certifiable(x, y))
    return x, y


def unit(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    return float(np.median(np.square(x - y).sum(axis=1))) or 1.0


@given(problems())
def test_weights_are_on_the_simplex_and_certified_exactly(problem: tuple[NDArray[Any], NDArray[Any]]) -> None:
    x, y = problem
    solution = simplex_least_squares(x, y)
    assert (solution.weights >= 0).all()
    assert abs(math.fsum(solution.weights) - 1) <= 2**-52
    assert solution.relative_gap <= 1e-12
    longest = float(np.square(x - y).sum(axis=1).max())
    assert abs(float(reference.gap(x, y, solution.weights.tolist())) - solution.gap) <= 1e-14 * longest


@given(problems(max_models=5, max_observations=3))
def test_the_gap_bounds_the_error_and_the_tie_break_is_exact(problem: tuple[NDArray[Any], NDArray[Any]]) -> None:
    x, y = problem
    solution = simplex_least_squares(x, y)
    longest = float(np.square(x - y).sum(axis=1).max())
    least, _ = reference.minimum(x, y)
    error = reference.objective(x, y, solution.weights.tolist()) - least
    assert error <= solution.gap + 1e-14 * longest


@given(problems(), st.floats(-3, 3), st.integers(-20, 20))
def test_scale_and_shift_change_no_fit(problem: tuple[NDArray[Any], NDArray[Any]], shift: float, exponent: int) -> None:
    x, y = problem
    scale = 2.0**exponent
    plain = simplex_least_squares(x, y)
    scaled = simplex_least_squares(scale * x, scale * y)
    residuals = plain.weights @ (x - y), scaled.weights @ (x - y)
    rounding = 1e-14 * np.square(x - y).sum(axis=1).max()
    assert np.square(residuals[0] - residuals[1]).sum() <= plain.gap + scaled.gap / scale**2 + rounding
    assert abs(scaled.objective / scale**2 - plain.objective) <= plain.gap + scaled.gap / scale**2 + rounding
    moved = simplex_least_squares(x + round(shift), y + round(shift))
    assert abs(moved.objective - plain.objective) <= 1e-11 * unit(x, y) + moved.gap + plain.gap


@given(problems(), st.randoms())
def test_permuting_models_permutes_the_fit(problem: tuple[NDArray[Any], NDArray[Any]], random: Random) -> None:
    x, y = problem
    order = random.sample(range(len(x)), len(x))
    plain, permuted = simplex_least_squares(x, y), simplex_least_squares(x[order], y)
    residuals = plain.weights @ (x - y), permuted.weights @ (x[order] - y)
    distance = np.square(residuals[0] - residuals[1]).sum()
    assert distance <= plain.gap + permuted.gap + 1e-14 * np.square(x - y).sum(axis=1).max()


@given(problems(), st.integers(1, 3))
def test_copies_change_no_objective(problem: tuple[NDArray[Any], NDArray[Any]], copies: int) -> None:
    x, y = problem
    more = np.vstack([x] + [x[:1]] * copies)
    assume(is_certifiable(more, y))
    plain, copied = simplex_least_squares(x, y), simplex_least_squares(more, y)
    assert abs(copied.objective - plain.objective) <= plain.gap + copied.gap + 1e-14 * unit(x, y)


@given(problems(), st.integers(0, 2**32 - 1))
def test_no_other_weights_fit_better(problem: tuple[NDArray[Any], NDArray[Any]], seed: int) -> None:
    x, y = problem
    solution = simplex_least_squares(x, y)
    rng = np.random.default_rng(seed)
    for other in rng.dirichlet(np.full(len(x), 0.3), size=3):
        for share in (1.0, 1e-3):
            residual = (share * other + (1 - share) * solution.weights) @ (x - y)
            assert residual @ residual >= solution.objective - solution.gap - 1e-13 * unit(x, y)


@given(problems(), st.floats(1e-3, 10))
def test_ridge_and_prices_are_certified(problem: tuple[NDArray[Any], NDArray[Any]], l2: float) -> None:
    x, y = problem
    lengths = np.square(x - y).sum(axis=1)
    assume(lengths.max() <= 1e3 * (np.median(lengths) + l2))
    cost = np.cos(np.arange(len(x)))
    for options in ({"l2": l2}, {"cost": cost}, {"l2": l2, "cost": cost}):
        solution = simplex_least_squares(x, y, **options)
        assert solution.relative_gap <= 1e-12
        exact = float(reference.gap(x, y, solution.weights.tolist(), options.get("l2", 0.0), options.get("cost")))
        longest = float(np.square(x - y).sum(axis=1).max()) + l2 + 1
        assert abs(exact - solution.gap) <= 1e-13 * longest
