"""Mixture densities in log space."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from hemicycle.mixture import log_mixture


def test_equals_the_definition_where_exponentials_underflow():
    rng = np.random.default_rng(0)
    log_density = rng.normal(-50_000, 30_000, (6, 40))
    weights = rng.dirichlet(np.ones(6))
    expected = logsumexp(log_density, axis=0, b=weights[:, None])
    np.testing.assert_allclose(log_mixture(log_density, weights), expected, rtol=1e-15)


def test_one_model_is_itself():
    log_density = np.array([[-1e12, 0.0, 3.0]])
    np.testing.assert_array_equal(log_mixture(log_density, np.ones(1)), log_density[0])
