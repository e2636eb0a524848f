"""Bayesian model averaging: invariants."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import bma_weights, effective_models

if TYPE_CHECKING:
    from numpy.typing import NDArray

log_likelihoods = arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e6, 1e6) | st.floats(-5, 5))
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
