"""Invariants of a whole round."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hemicycle.judgments import Judgments
from hemicycle.mechanism import METHODS
from hemicycle.pool import Pool
from hemicycle.round import Round

seeds = st.integers(0, 2**32 - 1)
PARENTS = np.array([0, 0, 0, 1, 1, 1])
ITEMS = [(f"parent-{parent}", f"item-{n}") for n, parent in enumerate(PARENTS)]


def drawn(seed: int) -> tuple[np.random.Generator, np.ndarray, tuple[np.ndarray, ...]]:
    """Draw a small round: logits, and a, b, log_ratio of its judgments."""
    rng = np.random.default_rng(seed)
    n_models, n_labels = rng.integers(2, 8), rng.integers(1, 15)
    parent = rng.integers(0, 2, n_labels)
    a = rng.integers(0, 3, n_labels)
    b = (a + rng.integers(1, 3, n_labels)) % 3
    return rng, rng.normal(0, 1, (n_models, 6)), (3 * parent + a, 3 * parent + b, rng.normal(0, 1.5, n_labels))


def made(logits, rows, models=None) -> Round:
    names = [f"m{n}" for n in range(len(logits))] if models is None else models
    return Round(Judgments.from_arrays(*rows, items=ITEMS), Pool.from_array(logits, models=names, items=ITEMS))


def assert_same_result(one: Round, other: Round, order=slice(None)) -> None:
    for name in ("log_likelihood", "mse", "accuracy"):
        np.testing.assert_allclose(getattr(other.scores(), name), getattr(one.scores(), name)[order], rtol=1e-10)
    for first, second in zip(one.mechanisms(), other.mechanisms(), strict=True):
        np.testing.assert_allclose(second.allocation()["share"], first.allocation()["share"], rtol=1e-4)
        for score in ("mse", "log_likelihood", "log_score"):
            np.testing.assert_allclose(getattr(second, score), getattr(first, score), rtol=1e-5, atol=1e-6)
        if first.method in ("bma", "best", "uniform"):
            np.testing.assert_allclose(second.weights, first.weights[order], rtol=1e-9)


@given(seeds)
def test_permuting_the_models_permutes_scores_and_weights(seed):
    rng, logits, rows = drawn(seed)
    order = rng.permutation(len(logits))
    names = [f"m{n}" for n in order]
    one, other = made(logits, rows), made(logits[order], rows, names)
    np.testing.assert_array_equal(other.scores().log_likelihood, one.scores().log_likelihood[order])
    assert_same_result(one, other, order)


@given(seeds)
def test_a_constant_within_a_parent_changes_nothing(seed):
    rng, logits, rows = drawn(seed)
    assert_same_result(made(logits, rows), made(logits + rng.normal(0, 3, (len(logits), 2))[:, PARENTS], rows))


@given(seeds)
def test_the_order_of_the_rows_changes_no_bit(seed):
    rng, logits, rows = drawn(seed)
    order = rng.permutation(len(rows[0]))
    one, other = made(logits, rows), made(logits, tuple(column[order] for column in rows))
    np.testing.assert_array_equal(one.scores().log_likelihood, other.scores().log_likelihood)
    np.testing.assert_array_equal(one.scores().mse, other.scores().mse)
    for first, second in zip(one.mechanisms(), other.mechanisms(), strict=True):
        np.testing.assert_array_equal(first.weights, second.weights)


@given(seeds)
def test_turning_a_judgment_round_changes_no_bit(seed):
    rng, logits, (a, b, log_ratio) = drawn(seed)
    turned = rng.random(len(a)) < 0.5
    rows = np.where(turned, b, a), np.where(turned, a, b), np.where(turned, -log_ratio, log_ratio)
    one, other = made(logits, (a, b, log_ratio)), made(logits, rows)
    for name in ("log_likelihood", "mse", "accuracy"):
        np.testing.assert_array_equal(getattr(one.scores(), name), getattr(other.scores(), name))
    for first, second in zip(one.mechanisms(), other.mechanisms(), strict=True):
        np.testing.assert_array_equal(first.weights, second.weights)


@given(seeds)
def test_the_whole_jury_twice_changes_nothing(seed):
    _, logits, rows = drawn(seed)
    assert_same_result(made(logits, rows), made(logits, tuple(np.tile(column, 2) for column in rows)))


@given(seeds)
def test_no_ensemble_scores_below_what_it_could_copy(seed):
    _, logits, rows = drawn(seed)
    by_method = dict(zip(METHODS, made(logits, rows).mechanisms(), strict=True))
    for other in METHODS:
        assert by_method["stacking"].log_score >= by_method[other].log_score - 1e-8
        assert by_method["least_squares"].mse <= by_method[other].mse + 1e-8
