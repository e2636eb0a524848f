"""The gradient of the likelihood: exact in the whole domain, and what it must be the derivative of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from extremes import far_labels
from hemicycle import Judgments, _core, log_likelihood
from hemicycle.likelihood import value_and_gradient
from reference import likelihood as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_ITEMS = 4
TOL = 1e-13
UNDERFLOW = 1e-300
likelihoods = st.sampled_from(["sum_gaussian", "gaussian"])
logits = strategies.logit_matrices(N_ITEMS)
juries = strategies.judgments(N_ITEMS)


def worst_error(
    gradient: NDArray[np.float64], matrix: NDArray[Any], jury: Judgments, weights: Any, sigma: float, likelihood: str
) -> float:
    """Return the largest error of a derivative in units of its size; derivatives without a size must be 0."""
    pairs = reference.labels_of_pairs(jury.a, jury.b, jury.log_ratio, jury.weight)
    expected, sizes = reference.gradient(matrix, pairs, weights, sigma, likelihood)
    worst = 0.0
    for row, exact, size in zip(gradient, expected, sizes, strict=True):
        judged = [item for item in range(matrix.shape[1]) if size[item] > 0]
        assert all(row[item] == 0 for item in range(matrix.shape[1]) if item not in judged)
        judged_size = [size[item] + UNDERFLOW / TOL for item in judged]
        worst = max(worst, reference.worst_error(row[judged], [exact[item] for item in judged], judged_size))
    return worst


@given(logits, juries, strategies.sigmas(), likelihoods, st.data())
def test_within_the_tolerance_of_the_definition(
    matrix: NDArray[Any], jury: Judgments, sigma: float, likelihood: Any, data: st.DataObject
) -> None:
    n_pairs = len(jury.pairs)
    given_weights = data.draw(st.lists(st.floats(0, 10), min_size=n_pairs, max_size=n_pairs), "pair_weights")
    for word, weights in (("equal", [1.0] * n_pairs), ("total", jury.pairs.total_weight), (given_weights,) * 2):
        options: Any = {"likelihood": likelihood, "sigma": sigma, "pair_weights": word}
        values, gradient = value_and_gradient(matrix, jury, **options)
        np.testing.assert_array_equal(values, log_likelihood(matrix, jury, **options))
        assert worst_error(gradient, matrix, jury, weights, sigma, likelihood) <= TOL


@pytest.mark.parametrize("instructions", _core.instruction_sets())
@pytest.mark.parametrize("likelihood", ["sum_gaussian", "gaussian"])
@pytest.mark.parametrize("distance", [0.0, 1.0, 5.0, 30.0, 1e4])
@pytest.mark.parametrize("sigma", [1e-6, 1e-3, 0.5, 1e6])
def test_where_cancellation_and_distance_are_worst(
    sigma: float, distance: float, likelihood: str, instructions: str
) -> None:
    matrix, jury = far_labels(sigma, distance)
    equal = np.ones(len(jury.pairs))
    values, gradient = np.empty(2), np.empty((2, N_ITEMS))
    arguments: Any = (matrix, jury.pairs, equal, N_ITEMS, likelihood == "gaussian", sigma)
    _core.value_and_gradient(*arguments, values, gradient, 1, instructions)
    totals = np.empty(2)
    _core.log_likelihood(*arguments, "model", totals, 1, instructions)
    np.testing.assert_array_equal(values, totals)
    assert worst_error(gradient, matrix, jury, equal, sigma, likelihood) <= TOL


@pytest.mark.parametrize("instructions", _core.instruction_sets())
@pytest.mark.parametrize("apart", [0.1, 3.0, 11.0, 30.0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 3.0, 1.0), (1e-100, 1.0, 1e100), (2.0, 1.0, 1.0, 1.0)])
def test_between_camps_that_are_equally_dense(weights: tuple[float, ...], apart: float, instructions: str) -> None:
    # models that lie within some widths of the change from one camp to the next: sigma / apart
    sigma = 0.5 if apart < 1e6 else 1e-4
    y = np.linspace(-0.5, 0.5, len(weights)) * apart * sigma
    middle = 0.5 * (y[:-1] + y[1:])
    shift = sigma / apart * np.linspace(-4, 4, 9)
    mu = np.clip((middle[:, None] + shift).ravel(), -1e6, 1e6)
    matrix = np.stack([np.zeros_like(mu), mu], axis=1)
    jury = Judgments.from_arrays([0] * len(y), [1] * len(y), y, weight=weights, items=2)
    values, gradient = np.empty(len(mu)), np.empty((len(mu), 2))
    _core.value_and_gradient(matrix, jury.pairs, np.ones(1), 2, False, sigma, values, gradient, 1, instructions)
    assert worst_error(gradient, matrix, jury, [1.0], sigma, "sum_gaussian") <= TOL + 1e-31 * apart**2


def test_a_tighter_tolerance_fails() -> None:
    jury = Judgments.from_arrays([0, 0, 1, 1, 0], [1, 1, 2, 2, 2], [0.3, -0.7, 1.9, 9.0, 0.1], items=3)
    matrix = np.random.default_rng(0).normal(size=(200, 3))
    worst = worst_error(value_and_gradient(matrix, jury)[1], matrix, jury, [1.0] * 3, 0.5, "sum_gaussian")
    assert 1e-17 < worst <= TOL


@given(logits, juries, strategies.sigmas(), st.sampled_from(["equal", "total"]), likelihoods)
def test_instruction_sets_agree(
    matrix: NDArray[Any], jury: Judgments, sigma: float, word: str, likelihood: str
) -> None:
    weights = jury.pairs.pair_weight(word)
    results = {}
    for name in _core.instruction_sets():
        values, gradient = np.empty(len(matrix)), np.empty(matrix.shape)
        arguments: Any = (matrix, jury.pairs, weights, N_ITEMS, likelihood == "gaussian", sigma)
        _core.value_and_gradient(*arguments, values, gradient, 1, name)
        results[name] = values, gradient
        assert worst_error(gradient, matrix, jury, weights, sigma, likelihood) <= TOL
    if "avx512" in results and "avx2" in results:
        for first, second in zip(results["avx512"], results["avx2"], strict=True):
            np.testing.assert_array_equal(first, second)


@given(strategies.logit_matrices(N_ITEMS, 40), juries, strategies.sigmas(), st.randoms(use_true_random=False))
def test_models_do_not_touch_each_other(matrix: NDArray[Any], jury: Judgments, sigma: float, random: Any) -> None:
    order = list(range(len(matrix)))
    random.shuffle(order)
    _, gradient = value_and_gradient(matrix, jury, sigma=sigma)
    np.testing.assert_array_equal(value_and_gradient(matrix[order], jury, sigma=sigma)[1], gradient[order])
    np.testing.assert_array_equal(value_and_gradient(matrix[-1:], jury, sigma=sigma)[1], gradient[-1:])


@given(juries, st.integers(0, 2**32), likelihoods)
def test_finite_differences(jury: Judgments, seed: int, likelihood: Any) -> None:
    # near the labels, where a difference of totals keeps enough digits
    matrix = np.random.default_rng(seed).normal(size=(1, N_ITEMS))
    near = Judgments.from_arrays(jury.a, jury.b, np.tanh(jury.log_ratio), choice=jury.choice, items=N_ITEMS)
    _, gradient = value_and_gradient(matrix, near, likelihood=likelihood)
    step = 1e-4
    moves = step * np.array([[-2.0], [-1.0], [1.0], [2.0]])
    for item in range(N_ITEMS):
        moved = np.repeat(matrix, 4, axis=0)
        moved[:, item] += moves[:, 0]
        values = log_likelihood(moved, near, likelihood=likelihood)
        difference = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        np.testing.assert_allclose(gradient[0, item], difference, rtol=1e-8, atol=1e-7)
