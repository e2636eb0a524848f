"""Predictive mixtures: against fifty digits, in the tails, at the edges."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy import stats

from hemicycle.errors import DomainError, DtypeError, HemicycleError, NoDataError, NonFiniteError, ShapeError
from hemicycle.predictive import Predictive
from reference import predictive as reference

MIXTURES = [
    ([0.3], [1.0], 0.5),
    ([-3.0, 0.0, 4.0], [0.2, 0.3, 0.5], 0.5),
    ([-1.0, 1.0], [0.5, 0.5], 2.0),
    ([-40.0, 40.0], [0.001, 0.999], 0.1),
    ([0.0, 1e-9, 7.0], [0.4, 0.4, 0.2], 1e-3),
]
LEVELS = [1e-300, 1e-20, 1e-6, 0.01, 0.15, 0.25, 0.5, 0.6, 0.9, 0.999, 1 - 1e-10]


@pytest.mark.parametrize(("mu", "weights", "sigma"), MIXTURES)
def test_log_pdf_and_cdf_equal_fifty_digits(mu, weights, sigma):
    predictive = Predictive(mu, weights, sigma)
    points = np.linspace(min(mu) - 30 * sigma, max(mu) + 30 * sigma, 41)
    density = [reference.log_pdf(x, mu, weights, sigma) for x in points]
    np.testing.assert_allclose(predictive.log_pdf(points), density, rtol=1e-13)
    probability = [float(reference.cdf(x, mu, weights, sigma)) for x in points]
    np.testing.assert_allclose(predictive.cdf(points), probability, rtol=1e-12)  # relative, so in the lower tail too


@pytest.mark.parametrize(("mu", "weights", "sigma"), MIXTURES)
def test_quantiles_equal_fifty_digits(mu, weights, sigma):
    got = Predictive(mu, weights, sigma).quantile(LEVELS)
    for q, x in zip(LEVELS, got, strict=True):
        exact = reference.quantile(q, mu, weights, sigma)
        error = abs(float(reference.cdf(x, mu, weights, sigma) - mpmath.mpf(q)))
        assert abs(x - exact) <= 1e-12 * max(1, abs(exact)) or error <= 1e-15  # a plateau has no one quantile


def test_log_pdf_is_finite_far_out():
    predictive = Predictive([-1.0, 2.0], [0.25, 0.75], 0.5)
    far = predictive.log_pdf(2.0 + 1e4 * 0.5)
    np.testing.assert_allclose(far, math.log(0.75) - 0.5e8 - math.log(0.5) - 0.5 * math.log(2 * math.pi), rtol=1e-15)
    assert np.isfinite(predictive.log_pdf([-1e150, 1e150])).all()
    assert predictive.log_pdf(np.inf) == -np.inf
    np.testing.assert_array_equal(predictive.cdf([-np.inf, np.inf]), [0, 1])


def test_edges_of_the_quantile():
    predictive = Predictive([-1.0, 2.0], [0.25, 0.75], 0.5)
    np.testing.assert_array_equal(predictive.quantile([0, 1]), [-np.inf, np.inf])
    for bad in (-0.1, 1.1, np.nan):
        with pytest.raises(DomainError, match="q is"):
            predictive.quantile(bad)


def test_shapes_follow_the_points():
    predictive = Predictive([-1.0, 2.0], [0.25, 0.75], 0.5)
    for method in (predictive.log_pdf, predictive.cdf, predictive.quantile):
        assert method(0.3).shape == ()
        assert method([[0.3, 0.4, 0.5]]).shape == (1, 3)
        assert method([]).shape == (0,)


def test_one_model_is_a_gaussian():
    predictive, gaussian = Predictive([1.5, 9.0], [1.0, 0.0], 0.5), stats.norm(1.5, 0.5)
    points = np.linspace(-1, 4, 11)
    np.testing.assert_allclose(predictive.log_pdf(points), gaussian.logpdf(points), rtol=1e-14)
    np.testing.assert_allclose(predictive.quantile(LEVELS), gaussian.ppf(LEVELS), rtol=1e-12)
    assert (predictive.mean, predictive.variance) == (1.5, 0.25)
    np.testing.assert_allclose(predictive.interval(0.9), gaussian.interval(0.9), rtol=1e-14)


def test_moments_and_interval():
    predictive = Predictive([-1.0, 2.0], [0.25, 0.75], 0.5)
    assert predictive.mean == 1.25
    assert predictive.variance == pytest.approx(0.25 + 0.25 * 0.75 * 9)
    lower, upper = predictive.interval(0.8)
    np.testing.assert_allclose(predictive.cdf([lower, upper]), [0.1, 0.9], rtol=1e-13)
    for level in (0.0, 1.0, np.nan):
        with pytest.raises(DomainError, match="level"):
            predictive.interval(level)


def test_sample_follows_the_mixture():
    predictive = Predictive([-1.0, 2.0], [0.25, 0.75], 0.5)
    draws = predictive.sample((200, 100), rng=np.random.default_rng(3))
    assert draws.shape == (200, 100)
    assert stats.kstest(draws.ravel(), predictive.cdf).pvalue > 0.01  # fixed seed
    np.testing.assert_array_equal(draws, predictive.sample((200, 100), rng=np.random.default_rng(3)))


def test_models_without_weight_are_left_out():
    predictive = Predictive([-1.0, np.nan, 2.0], [0.25, 0.0, 0.75], 0.5)
    np.testing.assert_array_equal(predictive.log_ratio, [-1.0, 2.0])
    assert predictive.mean == 1.25


def test_a_large_pool_goes_in_blocks():
    rng = np.random.default_rng(2)
    mu = rng.normal(size=300_000)
    predictive = Predictive(mu, np.full(len(mu), 1 / len(mu)), 0.5)
    points = np.array([-2.0, 0.0, 1.0])
    np.testing.assert_allclose(
        predictive.cdf(points), stats.norm.cdf(points[:, None], mu, 0.5).mean(axis=1), rtol=1e-12
    )
    np.testing.assert_allclose(predictive.cdf(predictive.quantile(0.2)), 0.2, rtol=1e-13)


VALID = {"log_ratio": [0.0, 1.0], "weights": [0.5, 0.5], "sigma": 0.5}


@pytest.mark.parametrize(
    ("broken", "error", "message"),
    [
        ({"sigma": 0.0}, DomainError, "sigma is 0.0"),
        ({"sigma": -1.0}, DomainError, "sigma"),
        ({"sigma": np.nan}, DomainError, "sigma"),
        ({"sigma": np.inf}, DomainError, "sigma"),
        ({"weights": [1.0]}, ShapeError, "weights"),
        ({"weights": [1.5, -0.5]}, DomainError, "weights"),
        ({"weights": [0.0, 0.0]}, DomainError, "sum to 0.0"),
        ({"weights": [np.nan, 0.5]}, NonFiniteError, "weights"),
        ({"log_ratio": [np.inf, 1.0]}, NonFiniteError, r"log_ratio\[0\]"),
        ({"log_ratio": [[0.0, 1.0]]}, ShapeError, "log_ratio"),
        ({"log_ratio": [], "weights": []}, NoDataError, "at least one model"),
    ],
)
def test_errors(broken, error, message):
    with pytest.raises(error, match=message) as raised:
        Predictive(**(VALID | broken))
    assert isinstance(raised.value, HemicycleError)


@pytest.mark.parametrize("rng", [0, None, np.random])
def test_sampling_takes_a_generator(rng):
    with pytest.raises(DtypeError, match=r"rng: expected a numpy\.random\.Generator"):
        Predictive([0.0], [1.0], 0.5).sample(rng=rng)
