"""Contracts: what holds for any parties, and expectations that agree with the enumeration of all outcomes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hemicycle.contracts import (
    Contract,
    GeneralizationBound,
    LinearValuation,
    ModelValue,
    PowerLaw,
    SumExpectation,
    fit_exponential_sum,
    optimal_contract,
    reservation,
)
from reference import contracts as reference

WORTH = ModelValue(GeneralizationBound(), LinearValuation())
FITTED = fit_exponential_sum(WORTH, 127.5, 6000.0)


@st.composite
def parties(draw: Any, least_cost: float = 0.005, most_cost: float = 0.8) -> tuple[list[float], list[float], int]:
    n_types = draw(st.integers(1, 5))
    costs = draw(st.lists(st.floats(least_cost, most_cost), min_size=n_types, max_size=n_types))
    shares = np.array(draw(st.lists(st.floats(0.02, 1.0), min_size=n_types, max_size=n_types)))
    return costs, (shares / shares.sum()).tolist(), draw(st.integers(1, 8))


@st.composite
def contributions(draw: Any) -> tuple[Any, Any, int]:
    n_types, n_parties = draw(st.integers(1, 5)), draw(st.integers(1, 10))
    shares = np.array(draw(st.lists(st.floats(1e-9, 1.0), min_size=n_types, max_size=n_types)))
    m = np.array(draw(st.lists(st.floats(0.0, 600.0), min_size=n_types, max_size=n_types)))
    return shares / shares.sum(), m, n_parties


@given(contributions())
def test_expectations_are_those_of_the_enumeration(drawn: Any) -> None:
    p, m, n_parties = drawn
    found = SumExpectation(WORTH, FITTED, p, n_parties).at(m)
    f = WORTH.value
    assert abs(found.value - reference.expectation(f, p, n_parties, m)) <= found.error + 1e-9
    gaps = np.abs(found.conditional - reference.conditional(f, p, n_parties, m))
    assert (gaps <= found.conditional_error + 1e-9).all()
    apart = np.abs(found.own_type - reference.own_type(f, p, n_parties, m))
    assert (apart <= n_parties * found.conditional_error + 1e-9).all()


@given(contributions())
def test_conditional_expectations_average_to_the_whole(drawn: Any) -> None:
    p, m, n_parties = drawn
    found = SumExpectation(WORTH, FITTED, p, n_parties).at(m)
    assert abs(p @ found.own_type - found.value) <= 1e-9  # a party's type is drawn like that of any other


def contract_of(drawn: tuple[list[float], list[float], int]) -> Contract:
    return optimal_contract(*drawn)


@settings(max_examples=25)
@given(parties())
def test_every_contract_is_feasible_bounded_and_monotone(drawn: Any) -> None:
    contract = contract_of(drawn)
    merged = np.unique(contract.costs)
    assert contract.residuals.largest <= 1e-8
    assert (contract.rent >= 0).all()
    order = np.argsort(-contract.costs, kind="stable")
    assert (np.diff(contract.m[order]) >= 0).all()
    assert (np.diff(contract.t[order]) >= -1e-8).all()
    assert contract.upper_bound >= contract.expected_accuracy
    assert (contract.utility >= reservation(contract.costs).utility - 1e-8).all()
    alone = reservation(contract.costs).m
    value = reference.expectation(GeneralizationBound().value, contract.probabilities, contract.n_parties, alone)
    assert contract.upper_bound >= value - 1e-9
    if contract.certified:
        assert contract.relative_gap <= 1e-6
        assert contract.low_probability == 0 or not contract.m.any()
        assert contract.expected_accuracy >= value * (1 - 1e-6) - 1e-9
    elif contract.low_probability == 0:
        assert contract.reason
    if len(merged) == len(contract.costs):
        t_bar = reference.conditional(WORTH.value, contract.probabilities, contract.n_parties, contract.m)
        np.testing.assert_allclose(contract.t_bar, t_bar, atol=1e-7)


@settings(max_examples=15)
@given(parties(0.005, 0.3), st.floats(0.2, 5.0))
def test_the_unit_of_data_does_not_matter(drawn: Any, unit: float) -> None:
    costs, p, n_parties = drawn
    accuracy, scaled = PowerLaw(0.95, 3.0, 0.5), PowerLaw(0.95, 3.0 * unit**0.5, 0.5)
    one = optimal_contract(costs, p, n_parties, accuracy=accuracy)
    other = optimal_contract((np.array(costs) / unit).tolist(), p, n_parties, accuracy=scaled)
    if one.certified and other.certified:
        np.testing.assert_allclose(other.expected_accuracy, one.expected_accuracy, rtol=3e-6)


@settings(max_examples=15)
@given(parties(0.005, 0.3))
def test_another_party_does_not_hurt(drawn: Any) -> None:
    costs, p, n_parties = drawn
    accuracy = PowerLaw(0.95, 3.0, 0.5)
    fewer = optimal_contract(costs, p, n_parties, accuracy=accuracy)
    more = optimal_contract(costs, p, n_parties + 1, accuracy=accuracy)
    assert more.upper_bound >= fewer.expected_accuracy * (1 - 1e-6)
