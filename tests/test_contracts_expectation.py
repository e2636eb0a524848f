"""Expectations without enumeration, held to the enumeration of every outcome; the first best."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import pytest

from hemicycle.contracts import (
    Arctan,
    ExponentialSaturation,
    GeneralizationBound,
    LinearValuation,
    LogValuation,
    ModelValue,
    PowerLaw,
    SumExpectation,
    complete_information,
    fit_exponential_sum,
    optimal_contract,
    reservation,
)
from hemicycle.contracts.complete_information import known_parties
from hemicycle.contracts.concave_envelope import ConcaveEnvelope
from hemicycle.contracts.low_outcomes import low_outcomes
from hemicycle.contracts.outcomes import all_outcomes, n_outcomes
from hemicycle.errors import DomainError, DtypeError, ShapeError
from reference import contracts as reference

WORTH = ModelValue(GeneralizationBound(), LinearValuation())


def expectation(p: Any, n: int, high: float, curve: Any = WORTH) -> SumExpectation:
    fitted = fit_exponential_sum(curve, ConcaveEnvelope(curve).tangent, high)
    return SumExpectation(curve, fitted, np.array(p, dtype=np.float64), n)


def differences(function: Any, m: Any, step: float = 1e-5) -> Any:
    """Return the derivatives of a function by each of the contributions, the last axis."""
    columns = []
    for j in range(len(m)):
        away = np.zeros(len(m))
        away[j] = step * max(m[j], 1.0)
        columns.append((function(m + away) - function(m - away)) / (2 * away[j]))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("n_parties", [1, 2, 7, 20])
@pytest.mark.parametrize("n_types", [1, 2, 4, 6])
def test_every_expectation_is_that_of_the_enumeration(n_types: int, n_parties: int) -> None:
    rng = np.random.default_rng(n_types * 100 + n_parties)
    p, m = rng.dirichlet(np.ones(n_types)), rng.uniform(130, 600, n_types) / min(n_parties, 3)
    m = np.maximum(m, 130 / n_parties)
    found = expectation(p, n_parties, 1.5 * n_parties * m.max()).at(m)
    assert found.low is None
    f = reference.default_value
    assert found.value == pytest.approx(reference.expectation(f, p, n_parties, m), rel=1e-9)
    np.testing.assert_allclose(found.conditional, reference.conditional(f, p, n_parties, m), rtol=1e-9)
    np.testing.assert_allclose(found.own_type, reference.own_type(f, p, n_parties, m), rtol=1e-9)
    np.testing.assert_allclose(
        found.gradient, reference.gradient(reference.default_slope, p, n_parties, m), rtol=1e-7, atol=1e-12
    )
    error = abs(found.value - reference.expectation(f, p, n_parties, m))
    assert error <= found.error + 1e-12


@pytest.mark.parametrize("curve", [PowerLaw(0.9, 3.0, 0.4), Arctan(1.0, 80.0), ExponentialSaturation(0.9, 90.0)])
def test_other_curves(curve: Any) -> None:
    p, m = np.array([0.2, 0.3, 0.5]), np.array([20.0, 35.0, 90.0])
    made = ModelValue(curve, LogValuation(10.0, 2.0))
    found = expectation(p, 6, 700.0, made).at(m)
    assert found.value == pytest.approx(reference.expectation(made.value, p, 6, m), rel=1e-9)
    np.testing.assert_allclose(found.conditional, reference.conditional(made.value, p, 6, m), rtol=1e-9)


def test_the_jacobian_and_the_hessian() -> None:
    for p, n in (
        ([0.3, 0.2, 0.5], 7),
        ([0.3, 0.7, 0.0], 7),
        ([1e-6, 0.5, 0.5 - 1e-6], 5),
        ([0.4, 0.6], 1),
        ([0.4, 0.6], 2),
    ):
        m = np.linspace(150, 260, len(p))
        made = expectation(p, n, 4000.0)
        found = made.at(m)
        np.testing.assert_allclose(differences(lambda x, e=made: e.at(x).conditional, m), found.jacobian, atol=1e-9)
        np.testing.assert_allclose(differences(lambda x, e=made: e.at(x).value, m), found.gradient, atol=1e-9)
        weights = np.linspace(0.5, 2.0, len(p))
        slopes = differences(lambda x, e=made, w=weights: 0.7 * e.at(x).gradient + w @ e.at(x).jacobian, m)
        hessian = made.hessian(m, 0.7, weights).dense()
        np.testing.assert_allclose(slopes, hessian, atol=1e-6 * np.abs(hessian).max())
        np.testing.assert_allclose(hessian, hessian.T, rtol=1e-12)
        assert np.linalg.eigvalsh(hessian).max() <= 1e-12  # the program is convex here


@pytest.mark.parametrize("rare", [1e-3, 1e-6, 1e-12, 1e-300])
def test_rare_types_lose_no_digit(rare: float) -> None:
    p, m = np.array([0.5, 0.5 - rare, rare]), np.array([100.0, 150.0, 300.0])
    found = expectation(p, 8, 5000.0).at(m)
    f = reference.default_value
    assert found.value == pytest.approx(reference.expectation(f, p, 8, m), rel=1e-9)
    if rare > 1e-200:
        np.testing.assert_allclose(found.conditional, reference.conditional(f, p, 8, m), rtol=1e-9)
    limit = expectation([0.5, 0.5, 0.0], 8, 5000.0).at(m)
    np.testing.assert_allclose(found.conditional, limit.conditional, rtol=10 * rare + 1e-9)
    assert limit.conditional[2] == limit.own_type[2]


def test_a_certain_type() -> None:
    m = np.array([40.0, 90.0])
    found = expectation([1.0, 0.0], 6, 2000.0).at(m)
    assert found.value == pytest.approx(float(reference.default_value(np.array(240.0))), rel=1e-11)
    assert found.conditional[0] == pytest.approx(found.value, rel=1e-12)
    assert found.conditional[1] == pytest.approx(float(reference.default_value(np.array(290.0))), rel=1e-11)


@pytest.mark.parametrize(
    "m", [[10.0, 25.0, 60.0], [0.0, 0.0, 90.0], [5.0, 5.0, 40.0], [0.0, 0.0, 0.0], [0.0, 80.0, 80.0]]
)
@pytest.mark.parametrize("p", [[0.2, 0.3, 0.5], [0.6, 0.4, 0.0], [0.0, 0.4, 0.6], [0.0, 1.0, 0.0]])
@pytest.mark.parametrize("n_parties", [1, 3, 8])
def test_low_outcomes_are_counted_one_by_one(m: list[float], p: list[float], n_parties: int) -> None:
    at = np.array(m)
    for curve in (WORTH, ConcaveEnvelope(WORTH)):
        made = SumExpectation(curve, fit_exponential_sum(WORTH, 127.3, 2000.0), np.array(p), n_parties)
        found = made.at(at)
        present = np.array(p) > 0
        chances = np.array(p)[present]
        value = reference.expectation(curve.value, chances, n_parties, at[present])
        assert abs(found.value - value) <= found.error + 1e-12
        conditional = reference.conditional(curve.value, chances, n_parties, at[present])
        np.testing.assert_allclose(found.conditional[present], conditional, atol=float(found.conditional_error.max()))
        counts, probability = reference.outcomes(chances, n_parties - 1)
        own = [probability @ curve.value(own + counts @ at[present]) for own in at]
        np.testing.assert_allclose(found.own_type, own, atol=float(found.conditional_error.max()))
        np.testing.assert_allclose(found.conditional[~present], np.array(own)[~present], atol=1e-9)


@pytest.mark.parametrize("p", [[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]])
def test_the_derivatives_of_low_outcomes(p: list[float]) -> None:
    m = np.array([7.3, 25.1, 61.7])
    made = SumExpectation(WORTH, fit_exponential_sum(WORTH, 127.3, 2000.0), np.array(p), 4)
    found = made.at(m)
    assert found.low is not None
    np.testing.assert_allclose(differences(lambda x: made.at(x).value, m, 1e-6), found.gradient, atol=1e-7)
    np.testing.assert_allclose(differences(lambda x: made.at(x).conditional, m, 1e-6), found.jacobian, atol=1e-7)
    bunched = np.array([7.3, 61.7, 61.7])
    near = made.at(np.array([7.3, 61.7 - 1e-9, 61.7 + 1e-9]))
    together = made.at(bunched)
    np.testing.assert_allclose(together.jacobian, near.jacobian, atol=1e-8)
    np.testing.assert_allclose(together.gradient, near.gradient, atol=1e-8)


def test_low_outcomes_are_those_of_the_enumeration() -> None:
    amounts, p = np.array([3.0, 11.0, 0.0, 6.5]), np.array([0.1, 0.3, 0.2, 0.4])
    counts, probability = reference.outcomes(p, 9)
    for limit in (0.5, 12.0, 40.0, 1e9):
        found = low_outcomes(amounts, p, 9, limit)
        low = counts @ amounts < limit
        assert len(found.total) == low.sum()
        assert found.probability.sum() == pytest.approx(probability[low].sum(), rel=1e-12)
        np.testing.assert_allclose(found.total, found.counts @ amounts, rtol=1e-14)
        assert found.pruned == 0


def test_what_is_pruned_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hemicycle.contracts.low_outcomes.MAX_OUTCOMES", 50)
    rng = np.random.default_rng(0)
    p, m = rng.dirichlet(np.ones(5)), rng.uniform(1, 20, 5)
    made = SumExpectation(WORTH, fit_exponential_sum(WORTH, 127.3, 2000.0), p, 8)
    found = made.at(m)
    assert found.low is not None
    assert found.low.n_pruned > 0
    assert found.error > 1e-6
    assert abs(found.value - reference.expectation(reference.default_value, p, 8, m)) <= found.error
    conditional = reference.conditional(reference.default_value, p, 8, m)
    assert (np.abs(found.conditional - conditional) <= found.conditional_error).all()


def test_many_types_against_draws() -> None:
    rng = np.random.default_rng(1)
    p, m = rng.dirichlet(np.ones(100)), rng.uniform(5, 50, 100)
    found = expectation(p, 100, 6000.0).at(m)
    counts = rng.multinomial(100, p, 100_000)
    drawn = reference.default_value(counts @ m)
    assert abs(drawn.mean() - found.value) < 5 * drawn.std() / np.sqrt(len(drawn))
    for i in (0, 50):
        there = drawn[counts[:, i] >= 1]
        assert abs(there.mean() - found.conditional[i]) < 5 * there.std() / np.sqrt(len(there))
        own = reference.default_value(rng.multinomial(99, p, 100_000) @ m + m[i])
        assert abs(own.mean() - found.own_type[i]) < 5 * own.std() / np.sqrt(len(own))


@pytest.mark.parametrize(
    ("curve", "low", "high"),
    [(WORTH, 128.0, 1e6), (WORTH, 128.0, 200.0), (PowerLaw(), 1.0, 1e4), (Arctan(1.0, 50.0), 0.0, 1e4)],
)
def test_the_error_of_a_fit_is_one(curve: Any, low: float, high: float) -> None:
    fitted = fit_exponential_sum(curve, low, high)
    rng = np.random.default_rng(0)
    x = np.exp(rng.uniform(np.log(max(low, high * 1e-9)), np.log(high), 50_000))
    assert np.abs(fitted.value(x) - curve.value(x)).max() <= fitted.error
    assert np.abs(x * (fitted.derivative(x) - curve.derivative(x))).max() <= fitted.slope_error
    assert fitted.error <= 1e-9 * float(curve.value(high))


@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (-1.0, 1.0), (1.0, np.inf), (np.nan, 1.0)])
def test_empty_intervals(low: float, high: float) -> None:
    with pytest.raises(DomainError, match="is empty; low must be"):
        fit_exponential_sum(PowerLaw(), low, high)


def test_outcomes() -> None:
    p = np.array([0.2, 0.3, 0.5])
    counts, probability = all_outcomes(p, 5)
    expected, chances = reference.outcomes(p, 5)
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_allclose(probability, chances, rtol=1e-12)
    assert len(counts) == n_outcomes(3, 5) == comb(7, 2)
    counts, probability = all_outcomes(np.array([0.0, 1.0]), 3)
    np.testing.assert_allclose(probability, [1.0, 0.0, 0.0, 0.0])
    assert all_outcomes(np.array([1.0]), 3)[0].tolist() == [[3.0]]


def test_complete_information_gives_everyone_the_best_model() -> None:
    costs, p = np.array([0.5, 0.2, 0.05]), np.array([0.2, 0.3, 0.5])
    found, alone = complete_information(costs, p, 4), reservation(costs)
    assert found.exact
    assert found.probability.sum() == pytest.approx(1)
    for counts, total, m, value in zip(found.counts, found.total, found.m, found.value, strict=True):
        there = counts > 0
        assert total == pytest.approx(counts @ m, rel=1e-9)
        # every party is exactly as well off as alone, with the collective model
        np.testing.assert_allclose(value - costs[there] * m[there], alone.utility[there], atol=1e-7)
        capacity, owed = (counts / costs).sum(), (counts * alone.utility / costs).sum()
        grid = np.geomspace(1.0, 1e6, 20_001)  # no larger fixed point
        surplus = capacity * reference.default_value(grid) - owed - grid
        assert not (surplus[grid > total * (1 + 1e-9)] > 0).any()
    assert found.expected_value == pytest.approx(float(found.probability @ found.value))
    contract = optimal_contract(costs, p, 4)
    assert found.expected_accuracy >= contract.expected_accuracy


def test_complete_information_of_one_party_is_what_it_does_alone() -> None:
    costs = np.array([0.2, 0.04, 1.0])
    found, alone = complete_information(costs, np.full(3, 1 / 3), 1), reservation(costs)
    np.testing.assert_allclose(found.counts @ alone.m, found.total, rtol=1e-6)
    total, m = known_parties([[0, 0, 5], [0, 0, 0]], costs)
    assert total[1] == 0
    assert not m[1].any()
    assert reference.default_value(total[:1])[0] == pytest.approx(1.0 * m[0, 2], rel=1e-9)


def test_a_sample_of_outcomes_agrees_with_all_of_them() -> None:
    costs, p = np.array([0.5, 0.2, 0.05]), np.array([0.2, 0.3, 0.5])
    exact = complete_information(costs, p, 12)
    drawn = complete_information(costs, p, 12, max_outcomes=1, samples=4000, rng=3)
    assert not drawn.exact
    assert drawn.value_error > 0
    assert abs(drawn.expected_value - exact.expected_value) < 5 * drawn.value_error
    again = complete_information(costs, p, 12, max_outcomes=1, samples=4000, rng=3)
    np.testing.assert_array_equal(again.counts, drawn.counts)


def test_bad_input_of_the_first_best() -> None:
    with pytest.raises(DomainError, match="probabilities sum to"):
        complete_information([0.2, 0.1], [0.5, 0.4], 3)
    with pytest.raises(DtypeError, match="samples: expected an integer"):
        complete_information([0.2, 0.1], [0.5, 0.5], 3, samples=2.5)  # pyright: ignore
    with pytest.raises(ShapeError, match="columns of counts: expected length 2"):
        known_parties([[1, 2, 3]], [0.2, 0.1])
