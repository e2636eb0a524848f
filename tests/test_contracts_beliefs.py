"""Contracts made for other parties, and contributions of unequal quality."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from hemicycle.contracts import Arctan, LogValuation, optimal_contract, reservation
from hemicycle.contracts.beliefs import mistaken_beliefs
from hemicycle.contracts.quality import quality_contract
from hemicycle.errors import DomainError, NonFiniteError, ShapeError
from reference.contract_rewards import given_present, promises
from reference.contracts import conditional, default_value, expectation

COSTS = np.array([0.5, 0.03, 0.001])


@pytest.fixture(scope="module")
def contract():
    return optimal_contract(COSTS, [0.5, 0.3, 0.2], 5)


@pytest.mark.parametrize(("chances", "n"), [([0.2, 0.2, 0.6], 5), ([0.5, 0.3, 0.2], 3), ([0.8, 0.1, 0.1], 6)])
def test_expectations_are_those_of_every_outcome_under_the_truth(contract, chances, n):
    found = mistaken_beliefs(contract, probabilities=chances, n_parties=n)
    p = np.array(chances)
    assert found.expected_value == pytest.approx(expectation(default_value, p, n, contract.m), rel=1e-8)
    assert found.expected_accuracy == pytest.approx(found.expected_value / 100, rel=1e-8)
    t_bar = conditional(default_value, p, n, contract.m)
    np.testing.assert_allclose(found.t_bar, t_bar, rtol=1e-8)
    np.testing.assert_allclose(found.excess, contract.t - t_bar, atol=1e-6)
    reward = np.array([v @ c for v, c in (given_present(default_value, p, n, contract.m, i) for i in range(3))])
    reward *= contract.t / contract.t_bar
    np.testing.assert_allclose(found.reward, reward, rtol=1e-8)
    np.testing.assert_allclose(found.rent, reward - COSTS * contract.m - contract.reservation, atol=1e-6)
    lies = reward[None, :] - COSTS[:, None] * contract.m[None, :]
    np.testing.assert_allclose(found.gain, lies - np.diag(lies)[:, None], atol=1e-6)
    insolvency = promises(default_value, p, n, contract.m, contract.t)[0]
    assert found.fixed.any_insolvency == pytest.approx(insolvency, rel=1e-9, abs=1e-12)
    optimum = optimal_contract(COSTS, p, n)
    assert found.value_lost == pytest.approx(optimum.expected_value - found.expected_value, abs=1e-6)
    assert found.accuracy_lost == pytest.approx(found.value_lost / 100, abs=1e-8)


def test_true_beliefs_lose_and_break_nothing(contract):
    found = mistaken_beliefs(contract)
    assert abs(found.value_lost) < 1e-6
    assert found.excess.max() <= 1e-8
    assert found.rent.min() >= -1e-8
    assert found.gain.max() <= 1e-8


def test_fewer_parties_than_believed_make_promises_that_cannot_be_kept(contract):
    found = mistaken_beliefs(contract, n_parties=3)
    assert found.excess.max() > 0
    assert found.fixed.any_insolvency > 0.5
    assert (found.reward < contract.t).all()
    more = mistaken_beliefs(contract, n_parties=8)
    assert more.excess.max() < 0
    assert more.value_lost > 0


def test_beliefs_with_other_curves_and_a_utility_of_not_taking_part():
    curves = {"accuracy": Arctan(scale=30.0), "valuation": LogValuation(50.0, 2.0)}
    offered = optimal_contract([0.5, 0.1], [0.3, 0.7], 6, reservation_utility=[1.0, 5.0], **curves)
    found = mistaken_beliefs(offered, probabilities=[0.7, 0.3], **curves)

    def value(total):
        return curves["valuation"].value(curves["accuracy"].value(total))

    p = np.array([0.7, 0.3])
    assert found.expected_value == pytest.approx(expectation(value, p, 6, offered.m), rel=1e-8)
    wanted = expectation(curves["accuracy"].value, p, 6, offered.m)
    assert found.expected_accuracy == pytest.approx(wanted, rel=1e-8)
    assert found.optimum.reservation.tolist() == [1.0, 5.0]


def test_nobody_contributes_whoever_comes():
    nothing = optimal_contract([50.0, 40.0], [0.5, 0.5], 2)
    found = mistaken_beliefs(nothing, probabilities=[0.1, 0.9], n_parties=3)
    assert found.expected_value == found.value_lost == 0.0


def test_tables_and_copies(contract):
    found = mistaken_beliefs(contract, n_parties=4)
    assert len(found.table()) == 3
    assert repr(found).startswith("MistakenBeliefs(expected_value=")
    assert repr(pickle.loads(pickle.dumps(found))) == repr(found)


def test_bad_beliefs(contract):
    with pytest.raises(ShapeError, match="probabilities: expected length 3"):
        mistaken_beliefs(contract, probabilities=[0.5, 0.5])
    with pytest.raises(DomainError, match=r"probabilities sum to 1\.5"):
        mistaken_beliefs(contract, probabilities=[0.5, 0.5, 0.5])
    with pytest.raises(DomainError, match="n_parties is 0"):
        mistaken_beliefs(contract, n_parties=0)


def test_quality_changes_the_unit_and_nothing_else():
    costs, quality = np.array([0.1, 0.04, 0.3]), np.array([0.5, 1.0, 3.0])
    found = quality_contract(costs, quality, [0.3, 0.5, 0.2], 8)
    plain = optimal_contract(costs / quality, [0.3, 0.5, 0.2], 8)
    np.testing.assert_array_equal(found.contract.m, plain.m)
    np.testing.assert_allclose(found.m * quality, plain.m, rtol=1e-14)
    np.testing.assert_allclose(found.contract.t - costs * found.m, found.contract.utility, rtol=1e-12)
    np.testing.assert_allclose(found.contract.reservation, reservation(costs / quality).utility, rtol=1e-12)
    for i in range(3):  # what a party does alone, in the unit that it brings
        amounts = np.linspace(0.0, 5000.0, 500_001)
        utility = default_value(quality[i] * amounts) - costs[i] * amounts
        assert found.contract.reservation[i] == pytest.approx(utility.max(), abs=1e-6)


def test_types_of_equal_cost_by_quality_are_one_type():
    found = quality_contract([0.1, 0.2, 0.04], [0.5, 1.0, 1.0], [0.3, 0.2, 0.5], 4)
    assert found.contract.m[0] == found.contract.m[1]
    assert found.m[0] == 2 * found.m[1]
    assert found.table().columns[:5] == ("cost", "quality", "effective_cost", "m", "effective_m")
    assert repr(pickle.loads(pickle.dumps(found))) == repr(found)
    assert repr(found).startswith("QualityContract(Contract(3 types")


@pytest.mark.parametrize(
    ("quality", "error", "message"),
    [
        ([1.0, 0.0], DomainError, r"quality\[1\] is 0.0; it must be above 0"),
        ([1.0, np.inf], NonFiniteError, r"quality\[1\] is inf"),
        ([1.0], ShapeError, "quality: expected length 2"),
    ],
)
def test_bad_quality(quality, error, message):
    with pytest.raises(error, match=message):
        quality_contract([0.2, 0.1], quality, [0.5, 0.5], 3)
