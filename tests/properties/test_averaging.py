"""Bayesian model averaging: invariants."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import bma_weights, effective_models
from reference import averaging as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

log_likelihoods = arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e6, 1e6) | st.floats(-5, 5))
by_pair = arrays(
    np.float64, st.tuples(st.integers(1, 40), st.integers(1, 9)), elements=st.floats(-100, 0) | st.floats(-1e5, 0)
)
anything = arrays(np.float64, st.integers(1, 30), elements=st.floats(allow_nan=False, max_value=1e308))


@given(anything, st.floats(1e-300, 1e300))
def test_weights_are_a_point_of_the_simplex(log_likelihood: NDArray[np.float64], power: float) -> None:
    log_likelihood[0] = 0.0
    weights = bma_weights(log_likelihood, power=power)
    assert (weights >= 0).all()
    assert abs(math.fsum(weights) - 1) <= 2**-52


@given(log_likelihoods, st.randoms())
def test_permuting_models_permutes_weights(log_likelihood: NDArray[np.float64], random) -> None:
    order = np.array(random.sample(range(len(log_likelihood)), len(log_likelihood)))
    np.testing.assert_allclose(bma_weights(log_likelihood[order]), bma_weights(log_likelihood)[order], rtol=4e-16)


@given(log_likelihoods)
def test_better_models_weigh_more(log_likelihood: NDArray[np.float64]) -> None:
    weights = bma_weights(log_likelihood)
    order = np.argsort(log_likelihood)
    assert (np.diff(weights[order]) >= 0).all()


@given(log_likelihoods, st.integers(1, 5))
def test_a_prior_of_k_is_k_copies(log_likelihood: NDArray[np.float64], k: int) -> None:
    prior = np.ones(len(log_likelihood))
    prior[0] = k
    copied = np.concatenate([np.full(k - 1, log_likelihood[0]), log_likelihood])
    np.testing.assert_allclose(
        bma_weights(log_likelihood, prior=prior)[1:], bma_weights(copied)[k:], rtol=1e-14, atol=1e-300
    )


@given(log_likelihoods)
def test_effective_numbers_lie_between_one_and_all(log_likelihood: NDArray[np.float64]) -> None:
    entropy, squares = effective_models(bma_weights(log_likelihood))
    assert 1 - 1e-12 <= squares <= entropy + 1e-9 <= len(log_likelihood) + 2e-9


@given(by_pair, st.floats(0.01, 3.0), st.integers(1, 30), st.integers(0, 5))
@settings(deadline=None)
def test_bootstrap_agrees_with_one_replicate_after_another(
    log_likelihood: NDArray[np.float64], power: float, n_replicates: int, seed: int
) -> None:
    prior = np.random.default_rng(seed).exponential(size=len(log_likelihood)) + 1e-3
    weights = bma_weights(log_likelihood, prior=prior, power=power, bootstrap=n_replicates, rng=seed)
    assert (weights >= 0).all()
    assert abs(math.fsum(weights) - 1) <= 2**-52
    expected = reference.bootstrap_weights(log_likelihood, prior, power, n_replicates, seed)
    # the reference rounds scores of up to 1e5 n_pairs power, ours are relative to the best model of each pair
    np.testing.assert_allclose(weights, expected, rtol=1e-8, atol=1e-12)


@given(by_pair, st.integers(0, 5), st.integers(1, 8), st.randoms())
@settings(deadline=None)
def test_bootstrap_permutes_with_the_models_and_ignores_constants(
    log_likelihood: NDArray[np.float64], seed: int, constant: int, random
) -> None:
    log_likelihood = np.round(log_likelihood)  # so that a constant of any pair changes no bit of the differences
    weights = bma_weights(log_likelihood, bootstrap=20, rng=seed)
    order = np.array(random.sample(range(len(log_likelihood)), len(log_likelihood)))
    permuted = bma_weights(log_likelihood[order], bootstrap=20, rng=seed)
    np.testing.assert_allclose(permuted, weights[order], rtol=1e-14, atol=1e-300)
    shift = -1e5 * np.arange(log_likelihood.shape[1]) - constant
    np.testing.assert_array_equal(bma_weights(log_likelihood + shift, bootstrap=20, rng=seed), weights)
