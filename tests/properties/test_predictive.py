"""Invariants of the predictive mixture."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hemicycle.predictive import Predictive

mixtures = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(-50, 50), min_size=n, max_size=n),
        st.lists(st.integers(1, 100), min_size=n, max_size=n),
        st.sampled_from([0.01, 0.5, 3.0]),
    )
)
levels = st.lists(st.floats(1e-12, 1 - 1e-12), min_size=1, max_size=5)


def predictive(mixture) -> Predictive:
    mu, counts, sigma = mixture
    return Predictive(mu, np.array(counts) / sum(counts), sigma)


@given(mixtures, levels)
def test_quantile_inverts_cdf(mixture, q):
    p = predictive(mixture)
    np.testing.assert_allclose(p.cdf(p.quantile(q)), q, rtol=1e-10, atol=1e-15)


@given(mixtures, levels)
def test_quantile_is_monotone(mixture, q):
    assert (np.diff(predictive(mixture).quantile(np.sort(q))) >= 0).all()


@given(mixtures, levels)
def test_swapping_the_items_mirrors_everything(mixture, x):
    p = predictive(mixture)
    mirrored = Predictive(-p.log_ratio, p.weights, p.sigma)
    points = np.array(x) * 20
    np.testing.assert_allclose(mirrored.log_pdf(-points), p.log_pdf(points), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(mirrored.cdf(-points), 1 - p.cdf(points), atol=1e-15 * 8)
    assert mirrored.mean == -p.mean


@given(mixtures)
def test_the_order_of_models_does_not_matter(mixture):
    p = predictive(mixture)
    turned = Predictive(p.log_ratio[::-1], p.weights[::-1], p.sigma)
    assert (turned.mean, turned.variance) == (p.mean, p.variance)
    np.testing.assert_allclose(turned.interval(), p.interval(), rtol=1e-11, atol=1e-11)
