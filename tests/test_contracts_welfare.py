"""Information costs and rents over grids, and the first best beside which they stand."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from hemicycle.contracts import complete_information, optimal_contract
from hemicycle.contracts.free_riding import free_riding
from hemicycle.contracts.welfare import welfare
from hemicycle.errors import DomainError, DtypeError, IndexOutOfRangeError, ShapeError
from reference.contracts import default_value, outcomes, stand_alone

COSTS = [0.2, 0.04]
MIXTURES = [[0.0, 1.0], [0.4, 0.6], [1.0, 0.0]]


@pytest.fixture(scope="module")
def grid():
    return welfare(COSTS, MIXTURES, [1, 2, 10])


def test_each_cell_is_its_contract_and_its_first_best(grid):
    for k, n in enumerate((1, 2, 10)):
        for i, mixture in enumerate(MIXTURES):
            contract, best = optimal_contract(COSTS, mixture, n), complete_information(COSTS, mixture, n)
            assert grid.contract_value[k, i] == contract.expected_value
            assert grid.information_cost[k, i] == best.expected_value - contract.expected_value
            assert grid.free_riding[k, i] == free_riding(COSTS, mixture, n).expected_value
            np.testing.assert_array_equal(grid.rent[k, i], contract.rent)
            assert grid.expected_rent[k, i] == pytest.approx(contract.rent @ contract.probabilities)
    assert grid.certified.all()
    assert not grid.first_best_error.any()


def test_where_types_are_known_information_costs_nothing(grid):
    """With one type, or one party that keeps its own model, there is nothing to hide."""
    assert abs(grid.information_cost[:, [0, 2]]).max() < 1e-5
    assert abs(grid.information_cost[0]).max() < 1e-5
    assert grid.information_cost[1:, 1].min() > 0.1
    assert (grid.rent >= 0).all()
    assert (grid.free_riding <= grid.contract_value + 1e-9).all()


def test_everyone_gets_the_same_best_model_under_complete_information():
    """Proposition 2: no party is better off than alone, and no larger total can be paid for."""
    costs, chances = np.array([0.5, 0.1, 0.04]), np.array([0.3, 0.3, 0.4])
    best = complete_information(costs, chances, 4)
    counts, probability = outcomes(chances, 4)
    order = np.lexsort(counts.T[::-1])
    ours = np.lexsort(best.counts.T[::-1])
    np.testing.assert_array_equal(best.counts[ours], counts[order])
    np.testing.assert_allclose(best.probability[ours], probability[order], rtol=1e-12)
    alone = np.array([stand_alone(default_value, cost)[1] for cost in costs])
    totals = np.geomspace(1.0, 1e5, 200_001)
    values = default_value(totals)
    for place, n in zip(ours, counts[order], strict=True):
        pays = n @ ((values[None, :] - alone[:, None]) / costs[:, None]) >= totals
        assert best.total[place] == pytest.approx(totals[pays].max(), rel=2e-4)
        assert n @ best.m[place] == pytest.approx(best.total[place], rel=1e-6)
        there = n > 0
        utility = best.value[place] - costs * best.m[place]
        np.testing.assert_allclose(utility[there], alone[there], atol=1e-4)
        assert best.value[place] == pytest.approx(float(default_value(best.total[place])), rel=1e-12)


def test_progress_tables_and_copies(grid):
    told = []
    found = welfare(COSTS, [[0.5, 0.5]], [2, 3], progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]
    assert found.table()["n_parties"].tolist() == [2, 3]
    table = grid.table()
    assert len(table) == 9
    assert table["mixture"].tolist() == [0, 1, 2] * 3
    assert table["rent_1"].tolist() == grid.rent[:, :, 1].ravel().tolist()
    assert repr(grid) == "Welfare(3 numbers of parties, 3 mixtures of 2 types)"
    assert repr(pickle.loads(pickle.dumps(grid))) == repr(grid)


def test_more_outcomes_than_counted_are_sampled_with_their_error():
    found = welfare(COSTS, [[0.4, 0.6]], [10], max_outcomes=1, samples=20_000)
    exact = welfare(COSTS, [[0.4, 0.6]], [10])
    assert 0 < found.first_best_error[0, 0] < 0.1
    assert abs(found.first_best - exact.first_best)[0, 0] < 5 * found.first_best_error[0, 0]


def test_a_failing_grid_says_where():
    with pytest.raises(DomainError, match=r"probabilities sum to 0\.9") as caught:
        welfare(COSTS, [[0.5, 0.5], [0.5, 0.4]], [2])
    assert caught.value.__notes__ == ["probabilities[1]"]


@pytest.mark.parametrize(
    ("mixtures", "sizes", "error", "message"),
    [
        ([0.5, 0.5], [2], ShapeError, "probabilities: expected 2 dimensions"),
        ([[0.5, 0.5]], [0], DomainError, "n_parties is 0"),
        ([[0.5, 0.5]], [-1], IndexOutOfRangeError, r"n_parties\[0\] is -1"),
        ([[0.5, 0.5]], [2.5], DtypeError, "n_parties: expected integers"),
        ([[0.5, 0.5]], [], (ShapeError, DtypeError), "n_parties"),
        ([[0.5, 0.25, 0.25]], [2], ShapeError, "probabilities: expected length 2"),
    ],
)
def test_bad_grids(mixtures, sizes, error, message):
    with pytest.raises(error, match=message):
        welfare(COSTS, mixtures, sizes)
