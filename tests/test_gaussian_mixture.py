"""Scores of Gaussian mixtures against integrals, at every distance of the centres."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from hemicycle import gaussian_mixture
from hemicycle.gaussian_mixture import mean_difference, mixture_cdf, mixture_crps, mixture_log_density
from hemicycle.predictive import Predictive

RNG = np.random.default_rng(0)
MU, W, Y = 3 * RNG.normal(size=(4, 7)), RNG.dirichlet(np.ones(7)), 2 * RNG.normal(size=4)


def integral(mu, w, sigma, y):
    """Return the integral of (F - step)^2, from side to side."""

    def cdf(x):
        return w @ norm.cdf((x - mu) / sigma)

    low, high = mu.min() - 12 * sigma, mu.max() + 12 * sigma
    points = [x for x in mu if low < x < high]
    left, _ = quad(lambda x: cdf(x) ** 2, low, y, points=[x for x in points if x < y], limit=1000, epsabs=1e-13)
    right, _ = quad(lambda x: (1 - cdf(x)) ** 2, y, high, points=[x for x in points if x > y], limit=1000, epsabs=1e-13)
    return left + right


@pytest.mark.parametrize("sigma", [0.05, 0.5, 3.0])
def test_crps_is_its_integral(sigma):
    expected = [integral(mu, W, sigma, y) for mu, y in zip(MU, Y, strict=True)]
    np.testing.assert_allclose(mixture_crps(MU, W, sigma, Y), expected, atol=1e-11)
    alone = [float(Predictive(mu, W, sigma).crps(y)) for mu, y in zip(MU, Y, strict=True)]
    np.testing.assert_allclose(alone, expected, atol=1e-11)


def test_crps_of_one_gaussian_has_a_closed_form():
    sigma, y = 0.7, np.array([-3.0, 0.0, 0.2, 50.0])
    z = y / sigma
    expected = sigma * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / math.sqrt(math.pi))
    np.testing.assert_allclose(mixture_crps(np.zeros((4, 1)), np.ones(1), sigma, y), expected, rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0, 1e6])
def test_series_and_pairs_agree(scale, monkeypatch):
    mu = scale * MU
    exact = [
        sum(
            a * b * (m * math.erf(m / 2) + 2 / math.sqrt(math.pi) * math.exp(-(m**2) / 4))
            for a, x in zip(W, row, strict=True)
            for b, z in zip(W, row, strict=True)
            for m in [abs(x - z)]
        )
        for row in mu
    ]
    np.testing.assert_allclose(mean_difference(mu, W, 1.0), exact, rtol=1e-12)
    monkeypatch.setattr(gaussian_mixture, "MAX_TERMS", 0)
    np.testing.assert_allclose(mean_difference(mu, W, 1.0), exact, rtol=1e-12)


def test_densities_and_probabilities():
    density = [math.log(W @ norm.pdf(y, mu, 0.5)) for mu, y in zip(MU, Y, strict=True)]
    np.testing.assert_allclose(mixture_log_density(MU, W, 0.5, Y), density, rtol=1e-12)
    below = [W @ norm.cdf(y, mu, 0.5) for mu, y in zip(MU, Y, strict=True)]
    np.testing.assert_allclose(mixture_cdf(MU, W, 0.5, Y), below, rtol=1e-12)
    far = mixture_log_density(np.array([[0.0, 1.0]]), np.array([1.0, 1e-300]), 0.01, np.array([1.0]))
    assert far == pytest.approx(math.log(1e-300) - math.log(0.01 * math.sqrt(2 * math.pi)))
