"""Free riding: only the cheapest type gives, held to best replies on a grid and to every ordered draw."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from hemicycle.contracts import Arctan, PowerLaw, complete_information, optimal_contract
from hemicycle.contracts.free_riding import free_riding
from hemicycle.errors import DomainError, ShapeError
from reference.contract_rewards import best_reply, cheapest
from reference.contracts import default_value, stand_alone

BIG = [0.2, 0.16, 0.12, 0.08, 0.04]
SMALL = [1.0, 0.85, 0.7, 0.55, 0.4]
BOTH = [0.5, 0.4, 0.03, 0.02, 0.001]
EQUAL = [0.2] * 5


@pytest.mark.parametrize(("costs", "amount"), [(BIG, 445.71589), (SMALL, 0.0), (BOTH, 5507.628845)])
def test_the_cheapest_type_gives_its_stand_alone_amount(costs, amount):
    """The published amounts are where a flat maximum was left: 1.3e-4 away in the third scenario."""
    found = free_riding(costs, EQUAL, 10)
    assert found.total[4] == pytest.approx(amount, rel=2e-4)
    for i, cost in enumerate(costs):
        assert found.total[i] == pytest.approx(stand_alone(default_value, cost)[0], rel=1e-5)
    assert found.largest_gain <= 1e-9


def test_no_party_would_rather_give_any_other_amount():
    for costs in (BIG, SMALL, BOTH):
        found = free_riding(costs, EQUAL, 10)
        for i, total in enumerate(found.total.tolist()):
            value = float(default_value(np.array(total)))
            for n in (1, 2, 10):  # parties of the cheapest type that share the total
                kept = value - costs[i] * total / n
                assert best_reply(default_value, total * (1 - 1 / n), costs[i], 100 / costs[i]) <= kept + 1e-9
            for cost in costs[: i + 1]:
                assert best_reply(default_value, total, cost, 100 / cost) <= value + 1e-9


def test_expectations_are_those_of_every_ordered_draw():
    costs, chances = np.array([0.5, 0.03, 0.001]), np.array([0.5, 0.3, 0.2])
    found = free_riding(costs, chances, 5)
    wanted = cheapest(costs, chances, 5)
    np.testing.assert_allclose(found.cheapest, wanted, rtol=1e-12)
    assert found.expected_total == pytest.approx(wanted @ found.total, rel=1e-12)
    assert found.expected_value == pytest.approx(wanted @ default_value(found.total), rel=1e-12)
    assert found.expected_accuracy == pytest.approx(found.expected_value / 100, rel=1e-12)


def test_teams_that_hold_each_other_to_more_than_any_would_give_alone():
    """No type of small parties trains alone, yet several may, and then nobody would give less."""
    found = free_riding(SMALL, EQUAL, 10)
    assert found.expected_value == 0.0
    assert found.team_size.tolist() == [0, 0, 9, 4, 2]
    for i in (2, 3, 4):
        total, n, cost = found.team_total[i], found.team_size[i], SMALL[i]
        value = float(default_value(np.array(total)))
        part = total / n
        assert best_reply(default_value, total - part, cost, 100 / cost) <= value - cost * part + 1e-9
        fewer = total / (n - 1)
        assert best_reply(default_value, total - fewer, cost, 100 / cost) > value - cost * fewer + 1e-6
        for dearer in SMALL[:i]:
            assert best_reply(default_value, total, dearer, 100 / dearer) <= value + 1e-9
    assert best_reply(default_value, 0.0, SMALL[4], 100 / SMALL[4]) == 0.0  # and nothing is one, too


def test_the_value_of_teams_counts_those_that_are_large_enough():
    costs, chances = np.array([0.55, 0.4]), np.array([0.5, 0.5])
    found = free_riding(costs, chances, 4)
    assert found.team_size.tolist() == [4, 2]
    both, four = default_value(found.team_total[1]), default_value(found.team_total[0])
    assert found.team_expected_value == pytest.approx(11 / 16 * both + 1 / 16 * four, rel=1e-12)
    alone = free_riding(BIG, EQUAL, 10)
    assert alone.team_expected_value == pytest.approx(alone.expected_value, rel=1e-12)


def test_without_a_kink_there_are_no_teams():
    found = free_riding([20.0, 10.0], [0.5, 0.5], 5, accuracy=Arctan(scale=30.0))
    assert found.total.tolist() == [0.0, 0.0]
    assert found.team_size.tolist() == [0, 0]
    assert found.team_expected_value == 0.0


def test_types_of_equal_cost_and_without_probability():
    found = free_riding([0.04, 0.2, 0.04, 0.1], [0.2, 0.5, 0.3, 0.0], 3)
    assert found.cheapest.tolist() == pytest.approx([1 - 0.5**3, 0.5**3, 1 - 0.5**3, 0.0])
    merged = free_riding([0.04, 0.2], [0.5, 0.5], 3)
    assert found.expected_value == pytest.approx(merged.expected_value, rel=1e-14)
    assert free_riding([0.04], [1.0], 1).cheapest.tolist() == [1.0]


def test_beside_the_contract_and_the_first_best():
    for costs in (BIG, SMALL, BOTH):
        found, contract = free_riding(costs, EQUAL, 10), optimal_contract(costs, EQUAL, 10)
        table = found.beside(contract, complete_information(costs, EQUAL, 10))
        value = table["expected_value"]
        assert value[0] < value[1] < value[2]
        assert table["expected_total"][1] == pytest.approx(10 * np.mean(contract.m))
        assert table["arrangement"] == ("free riding", "contract", "complete information")


def test_table_and_copies():
    found = free_riding(BIG, EQUAL, 10)
    assert found.table()["cost"].tolist() == BIG
    assert repr(found).startswith("FreeRiding(5 types, expected_value=60.93")
    assert repr(pickle.loads(pickle.dumps(found))) == repr(found)


def test_bad_input():
    with pytest.raises(DomainError, match=r"probabilities sum to 0\.9"):
        free_riding([0.2, 0.1], [0.5, 0.4], 3)
    with pytest.raises(DomainError, match=r"costs\[1\] is -1"):
        free_riding([0.2, -1], [0.5, 0.5], 3)
    with pytest.raises(DomainError, match="n_parties is 0"):
        free_riding([0.2, 0.1], [0.5, 0.5], 0)
    with pytest.raises(ShapeError, match="probabilities"):
        free_riding([0.2, 0.1], [1.0], 2)


@pytest.mark.parametrize("accuracy", [PowerLaw(b=3.0, q=0.5), PowerLaw(b=2.0, q=1.0), Arctan(scale=50.0)])
def test_other_curves_have_no_better_reply_either(accuracy):
    found = free_riding([0.9, 0.3, 0.02], [0.3, 0.3, 0.4], 7, accuracy=accuracy)
    assert found.largest_gain <= 1e-9
    assert found.total[2] > found.total[0]
