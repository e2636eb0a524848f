"""Realised and fixed rewards: their distribution against every ordered draw, and what contracts promise of them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from hemicycle.contracts import Arctan, LogValuation, optimal_contract
from hemicycle.contracts.fixed_rewards import fixed_rewards
from hemicycle.contracts.realised_rewards import realised_rewards
from hemicycle.errors import DomainError, DtypeError, NonFiniteError
from reference.contract_rewards import given_present, promises, quantile
from reference.contracts import default_value

SCENARIOS = {
    "big firms": [0.2, 0.16, 0.12, 0.08, 0.04],
    "small parties": [1.0, 0.85, 0.7, 0.55, 0.4],
    "both": [0.5, 0.4, 0.03, 0.02, 0.001],
}


@pytest.fixture(scope="module", params=SCENARIOS)
def scenario(request):
    return optimal_contract(SCENARIOS[request.param], [0.2] * 5, 10)


@pytest.fixture(scope="module")
def small():
    return optimal_contract([0.5, 0.03, 0.001], [0.5, 0.3, 0.2], 5)


def test_the_distribution_is_that_of_every_ordered_draw(small):
    rewards = realised_rewards(small)
    assert rewards.exact
    found = rewards.quantiles([0.01, 0.3, 0.5, 0.9, 1.0])
    for i in range(3):
        values, chances = given_present(default_value, small.probabilities, 5, small.m, i)
        given = small.t[i] / small.t_bar[i] * values
        assert rewards.mean[i] == pytest.approx(chances @ given, rel=1e-9)
        assert rewards.std[i] == pytest.approx(np.sqrt(chances @ (given - chances @ given) ** 2), rel=1e-7)
        wanted = [quantile(given.round(9), chances, level) for level in (0.01, 0.3, 0.5, 0.9, 1.0)]
        np.testing.assert_allclose(found[:, i], wanted, rtol=1e-8)
        middle = float(given.mean())
        assert rewards.probability_below(middle)[i] == pytest.approx(chances[given < middle].sum(), abs=1e-9)


def test_rewards_keep_the_promise_and_never_exceed_the_collective_model(scenario):
    rewards = realised_rewards(scenario)
    np.testing.assert_allclose(rewards.mean, scenario.t, rtol=1e-9)
    np.testing.assert_allclose(rewards.probability.sum(axis=0), 1.0, rtol=1e-12)
    assert rewards.largest_excess <= 1e-9
    assert rewards.largest_gain <= 1e-8
    assert (rewards.share <= 1 + 1e-10).all()
    np.testing.assert_allclose(rewards.own_type_mean, scenario.t / scenario.t_bar * scenario.own_type, rtol=1e-9)


def test_every_report_is_held_against_every_type(small):
    rewards = realised_rewards(small)
    for i in range(3):
        for j in range(3):
            lie, truth = (small.t[k] - small.costs[i] * small.m[k] for k in (j, i))
            assert rewards.gain[i, j] == pytest.approx(lie - truth, abs=1e-12)
            lie, truth = (rewards.own_type_mean[k] - small.costs[i] * small.m[k] for k in (j, i))
            assert rewards.own_type_gain[i, j] == pytest.approx(lie - truth, abs=1e-12)


def test_a_party_that_knows_its_type_expects_something_else():
    """Of all types but the cheapest, one party more is there than the condition of the program counts on average."""
    contract = optimal_contract(SCENARIOS["big firms"], [0.2] * 5, 10)
    rewards = realised_rewards(contract)
    assert rewards.own_type_mean[0] - contract.costs[0] * contract.m[0] < contract.reservation[0] - 1e-3
    assert rewards.own_type_mean[4] > rewards.mean[4]


def test_a_sample_agrees_within_its_error(scenario):
    rewards = realised_rewards(scenario, max_outcomes=1, samples=50_000, rng=4)
    assert (abs(rewards.mean - scenario.t) <= 5 * rewards.error + 1e-9).all()
    exact = realised_rewards(scenario)
    assert exact.exact
    assert rewards.exact == (len(exact.reward) == 1)
    np.testing.assert_allclose(rewards.std, exact.std, rtol=0.1, atol=1e-9)
    np.testing.assert_array_equal(
        rewards.reward, realised_rewards(scenario, max_outcomes=1, samples=50_000, rng=4).reward
    )


def test_a_rare_type_is_sampled_as_well_as_any_other():
    contract = optimal_contract([1.0, 0.03, 0.001], [0.5, 0.5 - 1e-7, 1e-7], 30)
    rewards = realised_rewards(contract, max_outcomes=1, samples=4000)
    assert not rewards.exact
    assert len(np.unique(rewards.reward[:, 2])) > 1
    assert (abs(rewards.mean - contract.t) <= 6 * rewards.error + 1e-6).all()


def test_types_without_probability_and_of_equal_cost():
    contract = optimal_contract([0.04, 0.2, 0.2, 0.1], [0.4, 0.3, 0.3, 0.0], 4)
    rewards = realised_rewards(contract)
    np.testing.assert_allclose(rewards.mean, contract.t, rtol=1e-9)
    np.testing.assert_array_equal(rewards.reward[:, 1], rewards.reward[:, 2])
    merged = realised_rewards(optimal_contract([0.04, 0.2], [0.4, 0.6], 4))
    np.testing.assert_allclose(rewards.std[:2], merged.std, rtol=1e-4, atol=1e-6)


def test_one_party_gets_its_own_model():
    rewards = realised_rewards(optimal_contract([0.2, 0.04], [0.5, 0.5], 1))
    assert rewards.reward.shape == (1, 2)
    np.testing.assert_allclose(rewards.share, 1.0, rtol=1e-7)


def test_nobody_contributes_and_nothing_is_handed_out():
    contract = optimal_contract([50.0, 40.0], [0.5, 0.5], 2)
    rewards, fixed = realised_rewards(contract), fixed_rewards(contract)
    assert not rewards.reward.any()
    assert fixed.any_insolvency == 0.0
    assert list(rewards.table()["nothing"]) == [1.0, 1.0]


def test_other_curves():
    curves = {"accuracy": Arctan(scale=30.0), "valuation": LogValuation(50.0, 2.0)}
    contract = optimal_contract([0.5, 0.1], [0.3, 0.7], 6, **curves)
    rewards = realised_rewards(contract, **curves)
    np.testing.assert_allclose(rewards.mean, contract.t, rtol=1e-7)
    with pytest.raises(DomainError, match=r"contract: t_bar\[1\] is .* give the accuracy and valuation"):
        realised_rewards(contract)
    with pytest.raises(DomainError, match="give the accuracy and valuation"):
        fixed_rewards(contract, valuation=curves["valuation"])


def test_promises_of_fixed_models_against_every_ordered_draw(small):
    fixed = fixed_rewards(small)
    insolvency, unused, missing = promises(default_value, small.probabilities, 5, small.m, small.t)
    assert fixed.any_insolvency == pytest.approx(insolvency, rel=1e-12)
    assert fixed.unused_per_party == pytest.approx(unused, rel=1e-9)
    assert fixed.shortfall_per_party == pytest.approx(missing, rel=1e-9)
    for i in range(3):
        values, chances = given_present(default_value, small.probabilities, 5, small.m, i)
        assert fixed.insolvency[i] == pytest.approx(chances[small.t[i] > values * (1 + 1e-6)].sum(), abs=1e-12)
        assert fixed.unused[i] == pytest.approx(chances @ np.maximum(values - small.t[i], 0), rel=1e-9)
        assert fixed.shortfall[i] == pytest.approx(chances @ np.maximum(small.t[i] - values, 0), rel=1e-7, abs=1e-12)


def test_unused_less_shortfall_is_what_is_not_promised(scenario):
    fixed = fixed_rewards(scenario)
    np.testing.assert_allclose(fixed.unused - fixed.shortfall, scenario.t_bar - scenario.t, atol=1e-8)
    sampled = fixed_rewards(scenario, max_outcomes=1, samples=50_000, rng=2)
    assert abs(sampled.any_insolvency - fixed.any_insolvency) <= 5 * sampled.any_insolvency_error + 1e-12
    np.testing.assert_allclose(sampled.insolvency, fixed.insolvency, atol=0.02)


def test_a_promise_that_is_met_exactly_is_kept():
    contract = optimal_contract(SCENARIOS["small parties"], [0.2] * 5, 10)
    assert fixed_rewards(contract).any_insolvency == 0.0


def test_tables_and_copies(small):
    rewards, fixed = realised_rewards(small), fixed_rewards(small)
    assert rewards.table().columns[:4] == ("cost", "t", "share", "mean")
    assert fixed.table().columns == ("cost", "t", "insolvency", "shortfall", "unused")
    for record in (rewards, fixed):
        again = pickle.loads(pickle.dumps(record))
        assert repr(again) == repr(record)
        with pytest.raises(ValueError, match="read-only"):
            again.t[0] = 1.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_outcomes": 0}, DomainError, "max_outcomes is 0"),
        ({"samples": 0}, DomainError, "samples is 0"),
        ({"samples": 1.5}, DtypeError, "samples: expected an integer"),
        ({"rng": "seed"}, DtypeError, "rng: expected"),
    ],
)
def test_bad_options(small, options, error, message):
    for function in (realised_rewards, fixed_rewards):
        with pytest.raises(error, match=message):
            function(small, **options)


def test_bad_levels_and_tolerance(small):
    rewards = realised_rewards(small)
    with pytest.raises(DomainError, match=r"levels\[1\] is 1.5"):
        rewards.quantiles([0.5, 1.5])
    with pytest.raises(NonFiniteError, match=r"levels\[0\] is nan"):
        rewards.quantiles([np.nan])
    with pytest.raises(DomainError, match="tol is -1"):
        fixed_rewards(small, tol=-1)


def test_against_the_published_scenarios():
    file = Path(__file__).resolve().parents[2] / "shared" / "reference" / "contracts.json"
    if not file.is_file():
        pytest.skip(f"reference results not found at {file}")
    published = json.loads(file.read_text(encoding="utf-8"))
    for case in published["cases"]:
        contract = optimal_contract(case["c"], published["p"], published["N"])
        rewards = realised_rewards(contract)
        utility = rewards.mean - contract.costs * contract.m
        np.testing.assert_allclose(utility, case["certified_optimum"]["utility"], atol=2e-6)
