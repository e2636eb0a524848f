"""Bayesian model averaging: examples, errors, parity with 50 digits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hemicycle import _core, averaging, bma_weights, effective_models
from hemicycle.errors import DomainError, DtypeError, NoDataError, NonFiniteError, OptionError, ShapeError
from reference import averaging as reference


@pytest.mark.parametrize("power", [1e-6, 0.5, 1.0, 3.7])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0, 1e5])
def test_agrees_with_fifty_digits(power: float, scale: float) -> None:
    rng = np.random.default_rng(0)
    log_likelihood = -1e5 + scale * rng.normal(size=50)
    prior = rng.exponential(size=50)
    weights = bma_weights(log_likelihood, prior=prior, power=power)
    expected = reference.bma_weights(log_likelihood, prior, power)
    assert abs(math.fsum(weights) - 1) <= 2**-52
    for weight, exact in zip(weights, expected, strict=True):
        assert abs(weight - float(exact)) <= 4e-16 * float(exact) + 1e-300


def test_priors_need_not_be_normalised() -> None:
    log_likelihood = np.array([-3.0, -2.0, -1.0])
    prior = np.array([1.0, 2.0, 3.0])
    expected = bma_weights(log_likelihood, prior=prior)
    for factor in (2.0**-1000, 2.0**10, 2.0**1000):
        np.testing.assert_array_equal(bma_weights(log_likelihood, prior=prior * factor), expected)


def test_a_prior_can_outweigh_a_likelihood_that_underflows() -> None:
    weights = bma_weights([0.0, -1400.0], prior=[5e-324, 1e308])
    exact = reference.bma_weights([0.0, -1400.0], [5e-324, 1e308], 1.0)
    np.testing.assert_allclose(weights, [float(value) for value in exact], rtol=1e-12)


def test_a_constant_and_its_size_change_nothing() -> None:
    log_likelihood = np.array([0.0, -1.0, -2.0])
    for constant in (-1e5, 1e5, 2.0**40):
        np.testing.assert_array_equal(bma_weights(log_likelihood + constant), bma_weights(log_likelihood))


def test_equal_models_get_equal_weights() -> None:
    weights = bma_weights(np.full(1000, -12345.678))
    assert (weights == weights[0]).all()
    assert abs(math.fsum(weights) - 1) <= 2**-52


def test_impossible_models_get_nothing() -> None:
    np.testing.assert_array_equal(bma_weights([-np.inf, -5.0, -np.inf]), [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(bma_weights([-1e308, 1e308], power=1e300), [0.0, 1.0])
    np.testing.assert_array_equal(bma_weights([0.0, 3.0], prior=[1, 0]), [1.0, 0.0])


def test_nobody_left_is_an_error() -> None:
    for arguments in ({}, {"prior": [1.0, 1.0]}):
        with pytest.raises(NoDataError):
            bma_weights([-np.inf, -np.inf], **arguments)
    with pytest.raises(NoDataError):
        bma_weights([])
    with pytest.raises(NoDataError, match="prior 0"):
        bma_weights([0.0, 0.0], prior=[0.0, 0.0])
    with pytest.raises(NoDataError):
        bma_weights([0.0, -np.inf], prior=[0.0, 1.0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_refuses_log_likelihoods_by_place(value: float) -> None:
    with pytest.raises(NonFiniteError, match=r"log_likelihood\[1\]"):
        bma_weights([0.0, value])


def test_refuses_bad_priors() -> None:
    with pytest.raises(DomainError, match=r"prior\[1\] is -1"):
        bma_weights([0.0, 0.0], prior=[1.0, -1.0])
    for value in (np.nan, np.inf):
        with pytest.raises(NonFiniteError, match=r"prior\[0\]"):
            bma_weights([0.0, 0.0], prior=[value, 1.0])
    with pytest.raises(ShapeError, match="prior"):
        bma_weights([0.0, 0.0], prior=[1.0])
    with pytest.raises(ShapeError, match="prior"):
        bma_weights([0.0, 0.0], prior=[[1.0, 1.0]])


def test_refuses_bad_powers() -> None:
    for power in (0, 0.0, -1.0):
        with pytest.raises(DomainError, match="power"):
            bma_weights([0.0], power=power)
    for power in (np.nan, np.inf, -np.inf):
        with pytest.raises(NonFiniteError, match="power"):
            bma_weights([0.0], power=power)
    for power in ("1", None, True):
        with pytest.raises(DtypeError, match="power"):
            bma_weights([0.0], power=power)  # type: ignore[arg-type]


def test_any_real_array_is_read() -> None:
    log_likelihood = np.array([-1.0, -2.5, 0.5, -8.0])
    expected = bma_weights(log_likelihood)
    strided = np.zeros(8)
    strided[::2] = log_likelihood
    for same in (
        log_likelihood.astype(np.float16),
        log_likelihood.astype(">f4"),
        strided[::2],
        log_likelihood.tolist(),
    ):
        np.testing.assert_array_equal(bma_weights(same), expected)
    for wrong in ([[0.0]], 0.0):
        with pytest.raises(ShapeError, match="log_likelihood"):
            bma_weights(wrong)
    with pytest.raises(DtypeError):
        bma_weights(["a"])
    with pytest.raises(DtypeError, match="masked"):
        bma_weights(np.ma.masked_array([1.0, 2.0], mask=[0, 1]))


def by_pair(n_models: int = 700, n_pairs: int = 40) -> np.ndarray:
    rng = np.random.default_rng(5)
    return -rng.exponential(size=(n_models, n_pairs)) - rng.exponential(size=(n_models, 1))


def test_bootstrap_is_the_same_bits_for_any_threads_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = bma_weights(by_pair(), bootstrap=100, rng=1)
    for n_threads in (1, 2, 3):
        np.testing.assert_array_equal(bma_weights(by_pair(), bootstrap=100, rng=1, n_threads=n_threads), weights)
    for most in (1, 7, 64):
        monkeypatch.setattr(averaging, "MAX_REPLICATES", most)
        np.testing.assert_array_equal(bma_weights(by_pair(), bootstrap=100, rng=1), weights)
    np.testing.assert_array_equal(bma_weights(np.asfortranarray(by_pair()), bootstrap=100, rng=1), weights)


def test_bootstrap_is_the_same_bits_with_every_fused_instruction_set() -> None:
    log_likelihood, alpha = by_pair(), np.random.default_rng(0).exponential(size=(9, 40))
    models, top, prior = np.arange(700, dtype=np.uintp), np.zeros(40), np.zeros(700)
    totals = []
    for instructions in _core.instruction_sets():
        scores, total = np.empty(_core.n_scores(700, 9)), np.zeros(700)
        _core.add_replicates(log_likelihood, models, top, prior, alpha, scores, total, 1, instructions)
        totals.append(total)
        np.testing.assert_allclose(total, totals[0], rtol=1e-13)
        assert instructions == "portable" or (total == totals[0]).all()


def test_bootstrap_follows_its_generator() -> None:
    one = bma_weights(by_pair(), bootstrap=50, rng=1)
    for same in (np.random.default_rng(1), np.random.SeedSequence(1), np.int64(1)):
        np.testing.assert_array_equal(bma_weights(by_pair(), bootstrap=50, rng=same), one)
    assert (bma_weights(by_pair(), bootstrap=50, rng=2) != one).any()
    generator = np.random.default_rng(1)
    parts = [bma_weights(by_pair(), bootstrap=25, rng=generator) for _ in range(2)]
    np.testing.assert_allclose(np.mean(parts, axis=0), one, rtol=1e-13)


def test_bootstrap_seats_what_chance_could_have_put_first() -> None:
    """Two models, each better on half of the pairs: averaging is sure of the one ahead by a hair, resampling is not."""
    log_likelihood = np.zeros((2, 100))
    log_likelihood[0, ::2] = log_likelihood[1, 1::2] = -3.0
    log_likelihood[0, 0] = 7.0
    assert bma_weights(log_likelihood.sum(axis=1))[0] > 0.9999
    assert 0.5 < bma_weights(log_likelihood, bootstrap=10_000, rng=0)[0] < 0.75


def test_bootstrap_leaves_out_what_is_impossible() -> None:
    log_likelihood = np.array([[0.0, -np.inf], [-3.0, -1.0], [0.0, 0.0], [-1.0, -2.0]])
    weights = bma_weights(log_likelihood, prior=[1, 1, 0, 1], bootstrap=200, rng=0)
    np.testing.assert_array_equal(weights[[0, 2]], 0)
    others = bma_weights(log_likelihood[[1, 3]] - log_likelihood[:, None].max(axis=0), bootstrap=200, rng=0)
    np.testing.assert_allclose(weights[[1, 3]], others, rtol=1e-13)


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"log_likelihood": [0.0, 1.0]}, ShapeError, r"bootstrap needs the log likelihood of each pair.*per='pair'"),
        ({"log_likelihood": [[[0.0]]]}, ShapeError, "log_likelihood"),
        ({"log_likelihood": np.zeros((0, 2))}, NoDataError, "no model"),
        ({"log_likelihood": np.zeros((2, 0))}, NoDataError, "no pair"),
        ({"log_likelihood": [[0.0, 0.0], [0.0, np.nan]]}, NonFiniteError, r"log_likelihood\[1, 1\] is nan"),
        ({"log_likelihood": [[0.0, np.inf], [0.0, 0.0]]}, NonFiniteError, r"log_likelihood\[0, 1\] is inf"),
        ({"log_likelihood": [[-np.inf], [-np.inf]]}, NoDataError, "no model has both"),
        ({"prior": [0, 0]}, NoDataError, "prior 0"),
        ({"prior": [1]}, ShapeError, "prior"),
        ({"power": 0}, DomainError, "power"),
        ({"bootstrap": 0}, DomainError, "bootstrap is 0"),
        ({"bootstrap": 1.5}, DtypeError, "bootstrap"),
        ({"bootstrap": True}, DtypeError, "bootstrap"),
        ({"rng": -1}, DomainError, "rng is -1"),
        ({"rng": "0"}, DtypeError, "rng"),
        ({"rng": True}, DtypeError, "rng"),
        ({"n_threads": 0}, DomainError, "n_threads"),
    ],
)
def test_bootstrap_refuses(given: dict[str, Any], error: type[Exception], match: str) -> None:
    arguments: dict[str, Any] = {"log_likelihood": [[0.0, 1.0], [1.0, 0.0]], "bootstrap": 10, "rng": 0} | given
    with pytest.raises(error, match=match):
        bma_weights(**arguments)


@pytest.mark.parametrize("bootstrap", [None, 10])
def test_lists_that_differ_in_length(bootstrap: int | None) -> None:
    with pytest.raises(ShapeError, match="log_likelihood"):
        bma_weights([[1.0], [1.0, 2.0]], bootstrap=bootstrap)


def test_only_the_bootstrap_draws() -> None:
    for rng in ("x", 0):
        with pytest.raises(OptionError, match="rng: only the replicates of bootstrap= are random"):
            bma_weights([0.0, 1.0], rng=rng)  # type: ignore[arg-type]


def test_a_matrix_is_for_the_bootstrap() -> None:
    with pytest.raises(ShapeError, match="is for bootstrap="):
        bma_weights([[0.0, 1.0]])


def test_effective_numbers_agree_with_fifty_digits() -> None:
    weights = np.random.default_rng(0).dirichlet(np.full(200, 0.1))
    entropy, squares = effective_models(weights)
    expected = reference.effective_models(weights)
    assert entropy == pytest.approx(float(expected[0]), rel=1e-14)
    assert squares == pytest.approx(float(expected[1]), rel=1e-14)


def test_effective_numbers_of_clear_cases() -> None:
    assert effective_models([1.0, 0.0, 0.0]) == (1.0, 1.0)
    assert effective_models(np.full(8, 0.125)) == pytest.approx((8.0, 8.0), rel=1e-15)


def test_effective_numbers_are_of_weights() -> None:
    with pytest.raises(DomainError, match="sum to"):
        effective_models([0.5, 0.4])
    with pytest.raises(DomainError, match="sum to"):
        effective_models([])
    with pytest.raises(DomainError, match=r"weights\[0\] is -0.5"):
        effective_models([-0.5, 1.5])
    with pytest.raises(NonFiniteError):
        effective_models([np.nan, 1.0])
