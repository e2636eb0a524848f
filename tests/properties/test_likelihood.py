"""Likelihood and scores: exact in the whole domain, and indifferent to what must not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from extremes import far_labels
from hemicycle import Judgments, _core, accuracy, log_likelihood, mean_squared_error
from instructions import log_likelihood_with
from reference import likelihood as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_ITEMS = 4
TOL = 1e-13
likelihoods = st.sampled_from(["sum_gaussian", "gaussian"])
logits = strategies.logit_matrices(N_ITEMS)
juries = strategies.judgments(N_ITEMS)
plain_logits = st.integers(1, 40).flatmap(
    lambda n_models: st.integers(0, 2**32).map(
        lambda seed: np.random.default_rng(seed).normal(size=(n_models, N_ITEMS))
    )
)


def scores(matrix: NDArray[Any], jury: Judgments, sigma: float) -> list[NDArray[np.float64]]:
    """Everything that one model gets by itself, models along the first axis."""
    return [
        *(
            log_likelihood(matrix, jury, likelihood=likelihood, sigma=sigma, per=per)
            for likelihood in ("sum_gaussian", "gaussian")
            for per in ("model", "pair", "label")
        ),
        mean_squared_error(matrix, jury),
    ]


def rebuilt(jury: Judgments, rows: NDArray[np.intp], *, swapped: bool = False) -> Judgments:
    """Return a jury of these rows, each seen from the other side if told so."""
    a, b, y, choice = jury.a[rows], jury.b[rows], jury.log_ratio[rows], jury.choice[rows]
    a, b, y, choice = (b, a, -y, 3 - choice) if swapped else (a, b, y, choice)
    return Judgments.from_arrays(a, b, y, choice=choice, weight=jury.weight[rows], items=jury.items)


@given(logits, juries, strategies.sigmas(), likelihoods, st.data())
def test_within_the_tolerance_of_the_definition(
    matrix: NDArray[Any], jury: Judgments, sigma: float, likelihood: Any, data: st.DataObject
) -> None:
    pairs = reference.labels_of_pairs(jury.a, jury.b, jury.log_ratio, jury.weight)
    expected, sizes = reference.by_pair(matrix, pairs, sigma, likelihood)
    given_weights = data.draw(st.lists(st.floats(0, 10), min_size=len(pairs), max_size=len(pairs)), "pair_weights")
    rows = log_likelihood(matrix, jury, likelihood=likelihood, sigma=sigma, per="pair")
    assert rows.shape == (len(matrix), len(pairs))
    for row, expected_row, size in zip(rows, expected, sizes, strict=True):
        assert reference.worst_error(row, expected_row, size) <= TOL
    for word, weights in (
        ("equal", [1.0] * len(pairs)),
        ("total", jury.pairs.total_weight),
        (given_weights, given_weights),
    ):
        totals = log_likelihood(matrix, jury, likelihood=likelihood, sigma=sigma, pair_weights=word)
        exact, size = reference.totals(expected, weights), reference.totals(sizes, weights)
        if sum(weights) > 0:
            assert reference.worst_error(totals, exact, size) <= TOL


@pytest.mark.parametrize("instructions", _core.instruction_sets())
@pytest.mark.parametrize("likelihood", ["sum_gaussian", "gaussian"])
@pytest.mark.parametrize("distance", [0.0, 1.0, 5.0, 30.0, 1e4])
@pytest.mark.parametrize("sigma", [1e-6, 1e-3, 0.5, 1e6])
def test_where_cancellation_and_distance_are_worst(
    sigma: float, distance: float, likelihood: str, instructions: str
) -> None:
    matrix, jury = far_labels(sigma, distance)
    pairs = reference.labels_of_pairs(jury.a, jury.b, jury.log_ratio, jury.weight)
    expected, sizes = reference.by_pair(matrix, pairs, sigma, likelihood)
    for per, columns in (("pair", (expected, sizes)), ("model", None)):
        values = log_likelihood_with(
            instructions, matrix, jury, gaussian=likelihood == "gaussian", sigma=sigma, per=per
        )
        if columns:
            worst = max(map(reference.worst_error, values, *columns))
        else:
            equal = np.ones(len(pairs))
            exact, size = reference.totals(expected, equal), reference.totals(sizes, equal)
            worst = reference.worst_error(values[:, 0], exact, size)
        assert worst <= TOL


def test_a_tighter_tolerance_fails() -> None:
    jury = Judgments.from_arrays([0, 0, 1], [1, 1, 2], [0.3, -0.7, 1.9], items=3)
    matrix = np.random.default_rng(0).normal(size=(50, 3))
    pairs = reference.labels_of_pairs(jury.a, jury.b, jury.log_ratio, jury.weight)
    expected, sizes = reference.by_pair(matrix, pairs, 0.5, "sum_gaussian")
    totals = log_likelihood(matrix, jury)
    equal = [1.0] * len(pairs)
    worst = reference.worst_error(totals, reference.totals(expected, equal), reference.totals(sizes, equal))
    assert 1e-17 < worst <= TOL


@given(plain_logits, juries, strategies.sigmas(), st.randoms(use_true_random=False))
def test_permuting_models_permutes_scores(matrix: NDArray[Any], jury: Judgments, sigma: float, random: Any) -> None:
    order = list(range(len(matrix)))
    random.shuffle(order)
    for before, after in zip(scores(matrix, jury, sigma), scores(matrix[order], jury, sigma), strict=True):
        np.testing.assert_array_equal(after, before[order])
    np.testing.assert_array_equal(accuracy(matrix[order], jury), accuracy(matrix, jury)[order])


@given(plain_logits, juries, strategies.sigmas())
def test_a_model_alone_scores_as_in_a_pool(matrix: NDArray[Any], jury: Judgments, sigma: float) -> None:
    for together, alone in zip(scores(matrix, jury, sigma), scores(matrix[-1:], jury, sigma), strict=True):
        np.testing.assert_array_equal(together[-1:], alone)


@given(logits, juries, strategies.sigmas(), st.randoms(use_true_random=False))
def test_neither_order_nor_side_of_judgments_matters(
    matrix: NDArray[Any], jury: Judgments, sigma: float, random: Any
) -> None:
    rows = np.arange(len(jury))
    random.shuffle(rows)
    for other in (rebuilt(jury, rows), rebuilt(jury, rows, swapped=True)):
        for per in ("model", "pair"):
            first, second = (log_likelihood(matrix, each, sigma=sigma, per=per) for each in (jury, other))
            np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(mean_squared_error(matrix, jury), mean_squared_error(matrix, other))
        np.testing.assert_array_equal(accuracy(matrix, jury), accuracy(matrix, other))


@given(plain_logits, juries, st.integers(-8, 8))
def test_a_constant_changes_nothing(matrix: NDArray[Any], jury: Judgments, constant: int) -> None:
    # multiples of 2^-30 stay exact when a small integer is added, so nothing may change at all
    exact = np.round(matrix * 2**30) / 2**30
    for before, after in zip(scores(exact, jury, 0.5), scores(exact + constant, jury, 0.5), strict=True):
        np.testing.assert_array_equal(before, after)


@given(logits, juries, strategies.sigmas())
def test_the_jury_twice(matrix: NDArray[Any], jury: Judgments, sigma: float) -> None:
    twice = rebuilt(jury, np.tile(np.arange(len(jury)), 2))
    sizes = np.maximum(1, np.abs(log_likelihood(matrix, jury, sigma=sigma, per="pair"))).sum(axis=1)
    change = log_likelihood(matrix, twice, sigma=sigma) - log_likelihood(matrix, jury, sigma=sigma)
    assert (np.abs(change) <= 2 * TOL * sizes).all()
    np.testing.assert_allclose(mean_squared_error(matrix, twice), mean_squared_error(matrix, jury), rtol=1e-12)
    once, doubled = (log_likelihood(matrix, each, likelihood="gaussian", sigma=sigma) for each in (jury, twice))
    labels = np.maximum(1, np.abs(log_likelihood(matrix, jury, sigma=sigma, per="label")))
    assert (np.abs(doubled - 2 * once) <= 4 * TOL * (labels @ jury.pairs.weight)).all()


@given(plain_logits, juries, st.floats(0.1, 10))
def test_gaussian_totals_are_affine_in_the_squared_error(matrix: NDArray[Any], jury: Judgments, sigma: float) -> None:
    weight = jury.weight.sum()
    normaliser = weight * np.log(sigma * np.sqrt(2 * np.pi))
    expected = -weight * mean_squared_error(matrix, jury) / (2 * sigma**2) - normaliser
    totals = log_likelihood(matrix, jury, likelihood="gaussian", sigma=sigma)
    np.testing.assert_allclose(totals, expected, rtol=1e-12, atol=1e-12 * weight)


@given(logits, juries, strategies.sigmas(), st.sampled_from(["equal", "total"]), likelihoods)
def test_instruction_sets_agree(
    matrix: NDArray[Any], jury: Judgments, sigma: float, word: str, likelihood: str
) -> None:
    options: dict[str, Any] = {"pair_weights": word, "gaussian": likelihood == "gaussian", "sigma": sigma}
    results = {
        (name, per): log_likelihood_with(name, matrix, jury, per=per, **options)
        for name in _core.instruction_sets()
        for per in ("model", "pair", "label")
    }
    labels = np.maximum(1, np.abs(results["portable", "label"]))
    for (name, per), values in results.items():
        if name == "avx512" and ("avx2", per) in results:
            np.testing.assert_array_equal(values, results["avx2", per])
        if per == "label":
            assert (np.abs(values - results["portable", per]) <= 2 * TOL * labels).all()


@given(plain_logits, juries)
def test_adding_weights_of_zero_changes_nothing(matrix: NDArray[Any], jury: Judgments) -> None:
    both = Judgments.from_arrays(
        np.tile(jury.a, 2),
        np.tile(jury.b, 2),
        np.append(jury.log_ratio, np.zeros(len(jury))),
        weight=np.append(jury.weight, np.zeros(len(jury))),
        items=jury.items,
    )
    for before, after in zip(scores(matrix, jury, 0.5), scores(matrix, both, 0.5), strict=True):
        np.testing.assert_array_equal(before, after)
