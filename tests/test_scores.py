"""Mean squared error and accuracy: examples, parity with exact arithmetic, and every error."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, accuracy, mean_squared_error
from hemicycle.errors import DomainError, DtypeError, NoDataError, NonFiniteError, OptionError, ShapeError
from hemicycle.scores import brier_score, brier_skill, log_loss, total_variation
from reference import scores as reference

SCORES = [mean_squared_error, accuracy]


def random_round(seed: int, n_models: int = 40, n_items: int = 6, n: int = 50) -> tuple[Any, Judgments]:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, n_items, n)
    b = (a + rng.integers(1, n_items, n)) % n_items
    logits = rng.normal(size=(n_models, n_items)) * 10.0 ** rng.integers(-3, 4)
    logits[::3, 1] = logits[::3, 2]  # ties
    choice, weight = rng.integers(1, 3, n), rng.uniform(0.1, 5, n) if seed % 2 else np.ones(n)
    return logits, Judgments.from_arrays(a, b, rng.normal(size=n), choice=choice, weight=weight, items=n_items)


@pytest.mark.parametrize("seed", range(6))
def test_equal_exact_arithmetic(seed: int) -> None:
    logits, jury = random_round(seed)
    errors, shares = mean_squared_error(logits, jury), accuracy(logits, jury)
    for model, error, share in zip(logits, errors, shares, strict=True):
        exact = reference.mean_squared_error(model, jury.a, jury.b, jury.log_ratio, jury.weight)
        assert abs(error - exact) <= 1e-14 * exact
        assert abs(share - reference.accuracy(model, jury.a, jury.b, jury.choice, jury.weight)) <= 1e-15


def test_by_hand() -> None:
    jury = Judgments.from_arrays(
        [0, 0, 1], [1, 1, 2], [1.0, 3.0, np.nan], choice=[2, 2, 1], weight=[1.0, 3.0, 4.0], items=3
    )
    models = [[0.0, 1.0, 1.0], [0.0, -1.0, -2.0]]
    assert mean_squared_error(models, jury).tolist() == [3.0, (4 + 3 * 16) / 4]
    assert accuracy(models, jury).tolist() == [(1 + 3 + 2) / 8, 4 / 8]


def test_a_multiplier_of_one_with_a_choice_counts() -> None:
    jury = Judgments.from_arrays([0, 0], [1, 1], [0.0, 0.0], choice=[1, 2], items=2)
    assert accuracy([[1.0, 0.0], [0.0, 0.0]], jury).tolist() == [0.5, 0.5]
    first = jury.select([0])
    assert accuracy([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]], first).tolist() == [1.0, 0.5, 0.0]


def test_a_perfect_model() -> None:
    logits, jury = random_round(0, n_models=1)
    perfect = Judgments.from_arrays(jury.a, jury.b, logits[0, jury.b] - logits[0, jury.a], items=jury.items)
    assert mean_squared_error(logits, perfect)[0] <= 1e-25 * np.abs(logits).max() ** 2
    once = Judgments.from_arrays([0], [1], logits[0, 1:2] - logits[0, 0], items=jury.items)
    assert mean_squared_error(logits, once)[0] <= 1e-30 * np.abs(logits).max() ** 2


def test_weights_of_any_size() -> None:
    logits, jury = random_round(1)
    for factor in (1e-90, 1e90):
        scaled = Judgments.from_arrays(
            jury.a, jury.b, jury.log_ratio, choice=jury.choice, weight=jury.weight * factor, items=jury.items
        )
        np.testing.assert_allclose(mean_squared_error(logits, scaled), mean_squared_error(logits, jury), rtol=1e-14)
        np.testing.assert_allclose(accuracy(logits, scaled), accuracy(logits, jury), rtol=1e-14)


@pytest.mark.parametrize("score", SCORES)
def test_threads_and_precision(score: Any) -> None:
    logits, jury = random_round(2, n_models=100)
    one = score(logits, jury, n_threads=1)
    for n_threads in (2, 3, None):
        np.testing.assert_array_equal(score(logits, jury, n_threads=n_threads), one)
    single = logits.astype(np.float32)
    np.testing.assert_array_equal(score(single, jury), score(single.astype(np.float64), jury))
    pool = Pool.from_array(logits)
    np.testing.assert_array_equal(score(pool, jury.align(pool.items)), one)
    assert score(logits[:0], jury).shape == (0,)


@pytest.mark.parametrize("score", SCORES)
def test_errors(score: Any) -> None:
    logits, jury = random_round(3)
    with pytest.raises(ShapeError, match=r"^logits: expected 6 columns"):
        score(logits[:, :5], jury)
    with pytest.raises(DtypeError, match=r"^logits"):
        score(logits.astype(str), jury)
    with pytest.raises(DomainError, match=r"^n_threads"):
        score(logits, jury, n_threads=0)
    with pytest.raises(OptionError, match=r"align"):
        score(Pool.from_array(logits, items=list("abcdef")), jury)
    logits[5, 2] = np.nan
    with pytest.raises(NonFiniteError, match=r"^logits\[5, 2\]"):
        score(logits, jury)
    logits[5, 2] = 1e7
    with pytest.raises(DomainError, match=r"^logits\[5, 2\] .* \(model 'model-05', item '2'\)$"):
        score(Pool.from_array(logits), jury)


def test_nothing_to_score() -> None:
    logits = np.zeros((2, 3))
    ordinal = Judgments.from_arrays([0], [1], choice=[1], items=3)
    with pytest.raises(NoDataError, match="none of the 1 has a log ratio"):
        mean_squared_error(logits, ordinal)
    undecided = Judgments.from_arrays([0], [1], [0.0], items=3)
    silent = Judgments.from_arrays([0], [1], [1.0], weight=[0], items=3)
    for jury in (undecided, silent):
        with pytest.raises(NoDataError, match="none of the 1 has a choice"):
            accuracy(logits, jury)


@pytest.mark.parametrize("n_each", [1, 64, 5_000])
def test_many_labels_add_no_error(n_each: int) -> None:
    labels, weights, mu = [-0.7, 0.1, 0.33], [0.9, 1e-3, 1e-6], [0.1, 3.0]
    a = np.zeros(3 * n_each, dtype=np.int64)
    jury = Judgments.from_arrays(a, a + 1, np.repeat(labels, n_each), weight=np.repeat(weights, n_each))
    logits = np.array([[0.0, x] for x in mu])
    squares = [[(Fraction(x) - Fraction(y)) ** 2 for y in labels] for x in mu]
    shares = [Fraction(u) / sum(map(Fraction, weights)) for u in weights]
    expected = [float(sum(share * square for share, square in zip(shares, row, strict=True))) for row in squares]
    np.testing.assert_allclose(mean_squared_error(logits, jury), expected, rtol=1e-15)


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_scores_of_shares_are_their_definitions() -> None:
    logits, jury = random_round(1, n_models=5)
    logits /= np.abs(logits).max() / 5
    expected_brier, expected_loss = [], []
    total = math.fsum(jury.weight)
    for model in logits.tolist():
        brier, loss = 0.0, 0.0
        for i, j, y, u in zip(jury.a.tolist(), jury.b.tolist(), jury.log_ratio, jury.weight, strict=True):
            p, q = logistic(y), logistic(model[j] - model[i])
            brier += u / total * (q - p) ** 2
            loss -= u / total * (p * math.log(q) + (1 - p) * math.log(1 - q))
        expected_brier.append(brier)
        expected_loss.append(loss)
    np.testing.assert_allclose(brier_score(logits, jury), expected_brier, rtol=1e-12)
    np.testing.assert_allclose(log_loss(logits, jury), expected_loss, rtol=1e-12)
    equal = math.fsum(jury.weight / total * np.array([(logistic(y) - 0.5) ** 2 for y in jury.log_ratio]))
    np.testing.assert_allclose(brier_skill(logits, jury), 1 - np.array(expected_brier) / equal, rtol=1e-12)


def test_scores_of_shares_at_their_ends() -> None:
    jury = Judgments.from_arrays([0, 0], [1, 1], [0.0, np.nan], choice=[1, 1], items=2)
    logits = np.array([[0.0, 0.0], [0.0, 1e6], [0.0, -1e6]], dtype=np.float32)
    np.testing.assert_array_equal(brier_score(logits, jury), [0, 0.25, 0.25])
    np.testing.assert_allclose(log_loss(logits, jury), [math.log(2), 5e5, 5e5])
    assert np.isnan(brier_skill(logits, jury)[0])
    with pytest.raises(NoDataError):
        log_loss(logits, jury.select([1]))
    with pytest.raises(NonFiniteError, match=r"logits\[0, 1\]"):
        brier_score([[0.0, np.nan]], jury)
    with pytest.raises(NonFiniteError, match="model 'zero'"):
        brier_score(Pool.from_array([[0.0, 1.0], [0.0, -np.inf]], models=["one", "zero"], items=2), jury)


def test_total_variation() -> None:
    assert total_variation([0.5, 0.5, 0.0], [0.25, 0.5, 0.25]) == 0.25
    with pytest.raises(ShapeError, match="reference"):
        total_variation([1.0], [0.5, 0.5])
    with pytest.raises(NonFiniteError, match="shares"):
        total_variation([np.nan], [1.0])


def test_who_agrees_with_every_choice_has_one_to_the_last_digit() -> None:
    rng = np.random.default_rng(3)
    for n in range(1, 80):
        a, b, weight = rng.integers(0, 3, n), rng.integers(3, 6, n), rng.choice(rng.random(5), n)
        judgments = Judgments.from_arrays(a, b, np.ones(n), weight=weight, items=6)
        logits = np.array([[0.0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]])
        np.testing.assert_array_equal(accuracy(logits, judgments), [1.0, 0.0])
