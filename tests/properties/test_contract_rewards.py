"""What holds of rewards and free riding whatever the costs, probabilities and number of parties."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hemicycle.contracts import optimal_contract
from hemicycle.contracts.beliefs import mistaken_beliefs
from hemicycle.contracts.fixed_rewards import fixed_rewards
from hemicycle.contracts.free_riding import free_riding
from hemicycle.contracts.realised_rewards import realised_rewards
from reference.contract_rewards import best_reply, cheapest, given_present, promises
from reference.contracts import default_value

FEW = settings(max_examples=10)  #: of what solves a contract or two for each


@st.composite
def parties(draw: Any, most: int = 6) -> tuple[np.ndarray, np.ndarray, int]:
    """Costs over four decades, probabilities that may be 0, and a few parties."""
    n_types = draw(st.integers(1, 3))
    costs = np.array(draw(st.lists(st.floats(-3, 1), min_size=n_types, max_size=n_types)))
    shares = np.array(draw(st.lists(st.sampled_from([0, 1, 1, 2, 5]), min_size=n_types, max_size=n_types)), dtype=float)
    shares[draw(st.integers(0, n_types - 1))] += 1
    return 10.0**costs, shares / shares.sum(), draw(st.integers(1, most))


@FEW
@given(parties())
def test_rewards_keep_their_mean_and_never_exceed(case):
    costs, chances, n = case
    contract = optimal_contract(costs, chances, n)
    rewards = realised_rewards(contract)
    scale = 1.0 + contract.t_bar.max()
    np.testing.assert_allclose(rewards.mean, contract.t, atol=1e-7 * scale)
    assert rewards.largest_gain <= 1e-8 * scale
    assert rewards.largest_excess <= 1e-8 * scale
    if len(np.unique(costs)) == len(costs):
        for i in np.flatnonzero(chances):
            values, given_i = given_present(default_value, chances, n, contract.m, i)
            assert abs(rewards.collective[:, i] @ rewards.probability[:, i] - values @ given_i) <= 1e-8 * scale


@FEW
@given(parties())
def test_fixed_promises_split_the_same_value(case):
    costs, chances, n = case
    contract = optimal_contract(costs, chances, n)
    fixed = fixed_rewards(contract)
    np.testing.assert_allclose(fixed.unused - fixed.shortfall, contract.t_bar - contract.t, atol=1e-6)
    insolvency, unused, missing = promises(default_value, chances, n, contract.m, contract.t)
    assert abs(fixed.any_insolvency - insolvency) <= 1e-9
    assert abs(fixed.unused_per_party - unused) <= 1e-8
    assert abs(fixed.shortfall_per_party - missing) <= 1e-8


@given(parties())
def test_only_the_cheapest_gives(case):
    costs, chances, n = case
    found = free_riding(costs, chances, n)
    assert found.largest_gain <= 1e-8
    assert (found.gain[costs[:, None] > costs[None, :]] == 0).all()
    if len(np.unique(costs)) == len(costs):
        np.testing.assert_allclose(found.cheapest, cheapest(costs, chances, n), atol=1e-12)
    for i, cost in enumerate(costs):
        total, value = found.total[i], float(default_value(np.array(found.total[i])))
        for dearer in costs[costs >= cost]:
            assert best_reply(default_value, total, dearer, 100 / dearer) <= value + 1e-8
        assert best_reply(default_value, 0.0, cost, 100 / cost) <= max(value - cost * total, 0.0) + 1e-8


@FEW
@given(parties(), st.integers(1, 6), st.integers(0, 4))
def test_a_mistake_that_keeps_all_promises_gains_nothing(case, true_n, shift):
    costs, chances, n = case
    contract = optimal_contract(costs, chances, n)
    true = np.roll(chances, shift)
    found = mistaken_beliefs(contract, probabilities=true, n_parties=true_n)
    if found.optimum.certified and found.excess.max() <= 0:
        assert found.value_lost >= -1e-6
    assert (found.reward <= found.t_bar + 1e-7).all()
