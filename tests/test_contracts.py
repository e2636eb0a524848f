"""Optimal contracts: the certified optima, the upper bound by another program, structure, limits, typed errors."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hemicycle
from hemicycle.contracts import (
    Arctan,
    Contract,
    ExponentialSaturation,
    GeneralizationBound,
    LinearValuation,
    LogValuation,
    PowerLaw,
    UserAccuracy,
    optimal_contract,
    reservation,
)
from hemicycle.errors import (
    DomainError,
    DtypeError,
    MissingExtraError,
    NonFiniteError,
    NotConvergedError,
    ShapeError,
)
from reference import contracts as reference

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FIFTHS = np.full(5, 0.2)
SCENARIOS: dict[str, tuple[list[float], float]] = {
    "big firms": ([0.2, 0.16, 0.12, 0.08, 0.04], 86.47827601),
    "small parties": ([1.0, 0.85, 0.7, 0.55, 0.4], 69.05325285),
    "big and small": ([0.5, 0.4, 0.03, 0.02, 0.001], 94.01349243),
}


@pytest.fixture(params=SCENARIOS, scope="module")
def solved(request: pytest.FixtureRequest) -> tuple[NDArray[np.float64], float, Contract]:
    costs, value = SCENARIOS[request.param]
    return np.array(costs), value, optimal_contract(costs, FIFTHS, 10)


def require_feasible(contract: Contract, f: Any = reference.default_value, tol: float = 1e-8) -> None:
    """Hold every constraint to the enumeration of all outcomes; the reservation to a grid."""
    t_bar = reference.conditional(f, contract.probabilities, contract.n_parties, contract.m)
    f_alone = np.array([reference.stand_alone(f, cost)[1] for cost in contract.costs])
    broken = reference.violations(contract.costs, contract.m, contract.t, f_alone, t_bar)
    assert max(broken) <= tol
    assert contract.residuals.largest <= tol
    np.testing.assert_allclose(contract.t_bar, t_bar, rtol=1e-9)
    value = reference.expectation(f, contract.probabilities, contract.n_parties, contract.m)
    assert contract.expected_value == pytest.approx(value, rel=1e-10)


def require_structure(contract: Contract) -> None:
    """Sorted by falling cost, contributions and rewards increase, together; nobody loses by taking part."""
    order = np.argsort(-contract.costs, kind="stable")
    m, t = contract.m[order], contract.t[order]
    assert (np.diff(m) >= 0).all()
    assert (np.diff(t) >= -1e-9 * t[-1]).all()
    equal = np.diff(m) == 0
    np.testing.assert_allclose(t[1:][equal], t[:-1][equal], rtol=1e-13)
    assert (contract.rent >= 0).all()
    np.testing.assert_allclose(contract.utility, contract.t - contract.costs * contract.m, atol=1e-10)


def test_the_certified_optima(solved: tuple[NDArray[np.float64], float, Contract]) -> None:
    _, value, contract = solved
    assert contract.expected_value == pytest.approx(value, rel=1e-9)
    assert contract.expected_accuracy == pytest.approx(value / 100, rel=1e-9)
    assert contract.certified
    assert not contract.reason
    assert 0 <= contract.relative_gap < 1e-8
    assert contract.gap == contract.upper_bound - contract.expected_accuracy


def test_they_are_feasible_and_have_structure(solved: tuple[NDArray[np.float64], float, Contract]) -> None:
    costs, _, contract = solved
    require_feasible(contract)
    require_structure(contract)
    cheapest = int(np.argmin(costs))
    assert contract.t[cheapest] == pytest.approx(contract.t_bar[cheapest], abs=1e-7)
    own = reference.own_type(reference.default_value, FIFTHS, 10, contract.m)
    np.testing.assert_allclose(contract.own_type, own, rtol=1e-9)


def test_the_published_answers(round_data: Path, solved: tuple[NDArray[np.float64], float, Contract]) -> None:
    path = round_data.parent / "reference" / "contracts.json"
    if not path.is_file():
        pytest.skip(f"no published answers at {path}")
    costs, _, contract = solved
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    case = next(case for case in cases if np.array_equal(case["c"], costs))
    optimum = case["certified_optimum"]
    assert contract.expected_value >= case["expected_value"]
    assert contract.expected_value == pytest.approx(optimum["expected_value"], rel=1e-7)
    np.testing.assert_allclose(contract.m, optimum["m"], rtol=1e-7)
    np.testing.assert_allclose(contract.utility, optimum["utility"], atol=2e-6)
    np.testing.assert_allclose(contract.reservation, case["reservation_utility"], atol=1e-6)


def outer_linearisation(contract: Contract, points: list[NDArray[np.float64]]) -> float:
    """Bound the expected value with HiGHS by tangents of enumerated expectations, all incentives in (m, t)."""
    highspy = pytest.importorskip("highspy")
    costs, p, n = contract.costs, contract.probabilities, len(contract.m)
    counts, probability = reference.outcomes(p, contract.n_parties)
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("primal_feasibility_tolerance", 1e-10)
    highs.setOptionValue("dual_feasibility_tolerance", 1e-10)
    m = [highs.addVariable(lb=0.0, ub=100.0 / cost) for cost in costs]
    t = [highs.addVariable(lb=0.0, ub=100.0) for _ in costs]
    z = highs.addVariable(lb=0.0, ub=100.0, obj=-1.0)
    for i in range(n):
        highs.addConstr(t[i] - costs[i] * m[i] >= float(contract.reservation[i]))
        for j in range(n):
            if i != j:
                highs.addConstr(t[i] - costs[i] * m[i] - t[j] + costs[i] * m[j] >= 0.0)
    for point in points:
        total = counts @ point
        assert total.min() > 130  # where the curve is its own concave envelope: the planes are above it everywhere
        value, slope = reference.default_value(total), reference.default_slope(total)
        present = [probability * (counts[:, i] >= 1) / (1 - (1 - p[i]) ** contract.n_parties) for i in range(n)]
        for bound, weight in [(z, probability), *zip(t, present, strict=True)]:
            gradient = (weight * slope) @ counts
            right = float(weight @ value - gradient @ point)
            highs.addConstr(bound - sum(float(g) * x for g, x in zip(gradient, m, strict=True)) <= right)
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return -float(highs.getInfo().objective_function_value)


def test_the_upper_bound_is_that_of_another_program(solved: tuple[NDArray[np.float64], float, Contract]) -> None:
    costs, _, contract = solved
    near = [contract.m * (1 + shift * np.linspace(-1, 1, len(costs))) for shift in (0.0, 1e-4, -1e-4)]
    bound = outer_linearisation(contract, near)
    assert bound == pytest.approx(contract.expected_value, rel=1e-7)
    assert bound >= contract.expected_value * (1 - 1e-10)
    assert contract.upper_bound * 100 >= contract.expected_value


def test_no_feasible_contract_is_above_the_bound() -> None:
    rng = np.random.default_rng(5)
    costs, p = np.array([0.3, 0.2, 0.1]), np.array([0.2, 0.3, 0.5])
    contract = optimal_contract(costs, p, 6)
    f_alone = contract.reservation
    tried = 0
    for scale in rng.uniform(0.3, 1.5, 400):
        m = np.sort(rng.uniform(0.3, 1.2, 3) * contract.m * scale)
        u = f_alone.copy()
        for i in (1, 2):
            u[i] = max(u[i], u[i - 1] + (costs[i - 1] - costs[i]) * m[i - 1])
        for i in (1, 0):
            u[i] = max(u[i], u[i + 1] - (costs[i] - costs[i + 1]) * m[i + 1])
        t_bar = reference.conditional(reference.default_value, p, 6, m)
        if max(reference.violations(costs, m, u + costs * m, f_alone, t_bar)) <= 1e-9:
            tried += 1
            assert reference.expectation(reference.default_value, p, 6, m) <= 100 * contract.upper_bound
    assert tried > 20


def test_the_order_of_types_does_not_matter() -> None:
    costs, p = np.array([0.2, 0.04, 0.12]), np.array([0.5, 0.2, 0.3])
    given = optimal_contract(costs, p, 7)
    order = np.array([2, 0, 1])
    other = optimal_contract(costs[order], p[order], 7)
    for name in ("m", "t", "utility", "rent", "t_bar", "own_type", "reservation"):
        np.testing.assert_array_equal(getattr(other, name), getattr(given, name)[order])
    assert other.expected_value == given.expected_value


def test_types_of_equal_cost_are_one() -> None:
    split = optimal_contract([0.1, 0.2, 0.1], [0.5, 0.3, 0.2], 10)
    merged = optimal_contract([0.1, 0.2], [0.7, 0.3], 10)
    np.testing.assert_allclose(split.m, merged.m[[0, 1, 0]], rtol=1e-12)
    np.testing.assert_allclose(split.t, merged.t[[0, 1, 0]], rtol=1e-12)
    assert split.expected_value == pytest.approx(merged.expected_value, rel=1e-14)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_types_without_probability_have_the_contract_of_the_limit(place: int) -> None:
    costs, p = np.array([0.2, 0.1, 0.05]), np.full(3, 0.5)
    p[place] = 0.0
    tiny = np.where(p == 0, 1e-7, p * (1 - 1e-7))
    nothing, limit = optimal_contract(costs, p, 10), optimal_contract(costs, tiny, 10)
    assert nothing.certified
    assert nothing.residuals.largest <= 1e-8
    np.testing.assert_allclose(nothing.m, limit.m, rtol=1e-4)
    np.testing.assert_allclose(nothing.t_bar, limit.t_bar, rtol=1e-6)
    assert nothing.expected_value == pytest.approx(limit.expected_value, rel=1e-6)
    others = np.flatnonzero(p)
    own = reference.own_type(reference.default_value, p[others], 10, nothing.m[others])
    np.testing.assert_allclose(nothing.own_type[others], own, rtol=1e-9)
    assert nothing.t_bar[place] == nothing.own_type[place]
    cheapest = int(others[-1])
    assert nothing.t[cheapest] == pytest.approx(nothing.t_bar[cheapest], abs=1e-7)


@pytest.mark.parametrize("rare", [1e-3, 1e-6, 1e-9])
def test_a_rare_cheapest_type_gets_the_collective_model(rare: float) -> None:
    contract = optimal_contract([0.2, 0.1, 0.05], [0.5, 0.5 - rare, rare], 10)
    assert contract.t[2] == pytest.approx(contract.t_bar[2], abs=1e-7)
    assert contract.residuals.largest <= 1e-8
    require_structure(contract)


def test_one_party_has_what_it_has_alone() -> None:
    costs = [0.2, 0.04, 1.0]
    contract, alone = optimal_contract(costs, [0.3, 0.3, 0.4], 1), reservation(costs)
    np.testing.assert_allclose(contract.m, alone.m, rtol=1e-12)
    np.testing.assert_allclose(contract.utility, alone.utility, rtol=1e-12)
    assert contract.relative_gap < 1e-10
    single = optimal_contract([0.2], [1.0], 1)
    assert single.certified
    assert single.m[0] == pytest.approx(alone.m[0], rel=1e-12)


def test_one_type_shares_the_cost_of_one_model() -> None:
    contract = optimal_contract([0.2], [1.0], 5)
    f_alone = reservation([0.2]).utility[0]
    total = 5 * contract.m[0]
    assert reference.default_value(total) - 0.2 * contract.m[0] == pytest.approx(f_alone, abs=1e-9)
    assert contract.certified


def test_nobody_contributes_where_data_is_too_dear() -> None:
    for costs in ([10.0], [3.0, 2.0, 1.9]):
        p = np.full(len(costs), 1 / len(costs))
        contract = optimal_contract(costs, p, 5)
        assert contract.certified
        assert not contract.m.any()
        assert not contract.t.any()
        assert contract.expected_value == 0
        assert contract.reason.startswith("nobody contributes")


def test_outcomes_below_the_kink_are_not_certified() -> None:
    contract = optimal_contract([0.9, 0.3], [0.5, 0.5], 2)
    assert not contract.certified
    assert contract.low_probability == pytest.approx(0.25)
    assert "less than 55.8072" in contract.reason
    require_feasible(contract)
    assert contract.upper_bound >= contract.expected_accuracy
    grid = np.linspace(0, 250, 126)
    for high in grid:  # the best on a grid does not beat the bound
        for low in grid[grid <= high]:
            m = np.array([low, high])
            t_bar = reference.conditional(reference.default_value, contract.probabilities, 2, m)
            u = np.array([0.0, 0.6 * low])
            if (u + contract.costs * m <= t_bar).all():
                value = reference.expectation(reference.default_value, contract.probabilities, 2, m)
                assert value <= 100 * contract.upper_bound
                assert value <= contract.expected_value * (1 + 1e-9)


@pytest.mark.parametrize(
    "accuracy",
    [PowerLaw(0.95, 3.0, 0.5), Arctan(1.0, 100.0), ExponentialSaturation(0.9, 200.0), GeneralizationBound(2.0)],
)
@pytest.mark.parametrize("valuation", [LinearValuation(50.0), LogValuation(80.0, 3.0)])
def test_other_curves(accuracy: Any, valuation: Any) -> None:
    contract = optimal_contract([0.1, 0.05, 0.02], [0.3, 0.3, 0.4], 8, accuracy=accuracy, valuation=valuation)
    assert contract.certified
    require_feasible(contract, lambda m: valuation.value(accuracy.value(m)))
    require_structure(contract)
    p = contract.probabilities
    assert contract.expected_accuracy == pytest.approx(
        reference.expectation(accuracy.value, p, 8, contract.m), rel=1e-10
    )
    assert contract.t[2] == pytest.approx(contract.t_bar[2], abs=1e-7)


def test_an_accuracy_that_is_not_concave_is_not_certified() -> None:
    accuracy = UserAccuracy(lambda m: 0.1 * m / (m + 30) + 0.8 * m**2 / (m**2 + 4e4), low=1e-2, high=1e6)
    assert not accuracy.concave
    contract = optimal_contract([0.1, 0.05], [0.5, 0.5], 4, accuracy=accuracy, tol=1e-5)
    assert not contract.certified
    assert "not concave" in contract.reason


@pytest.mark.parametrize(("n_types", "n_parties"), [(30, 100), (60, 40)])
def test_many_types(n_types: int, n_parties: int) -> None:
    costs, p = np.geomspace(0.5, 0.002, n_types), np.full(n_types, 1 / n_types)
    contract = optimal_contract(costs, p, n_parties, tol=1e-6)
    require_structure(contract)
    assert contract.residuals.largest <= 1e-8
    assert contract.relative_gap <= 1e-6
    assert contract.t[-1] == pytest.approx(contract.t_bar[-1], abs=1e-7)
    rng = np.random.default_rng(0)
    drawn = reference.default_value(rng.multinomial(n_parties, p, 100_000) @ contract.m)
    assert abs(drawn.mean() - contract.expected_value) < 5 * drawn.std() / np.sqrt(len(drawn))


def test_other_outside_options() -> None:
    free = optimal_contract([0.2, 0.1], [0.5, 0.5], 6, reservation_utility=[0.0, 0.0])
    alone = optimal_contract([0.2, 0.1], [0.5, 0.5], 6)
    assert free.expected_value > alone.expected_value
    assert free.certified
    same = optimal_contract([0.2, 0.1], [0.5, 0.5], 6, reservation_utility=alone.reservation)
    np.testing.assert_allclose(same.m, alone.m, rtol=1e-9)
    with pytest.raises(DomainError, match=r"^reservation_utility: there is no contract, .* lower it"):
        optimal_contract([0.2, 0.1], [0.5, 0.5], 6, reservation_utility=[99.0, 99.0])


def test_the_multipliers_are_prices() -> None:
    costs, p, step = [0.2, 0.1], [0.5, 0.5], 1e-3
    contract = optimal_contract(costs, p, 6)
    dearer = contract.reservation + np.array([step, 0.0])
    other = optimal_contract(costs, p, 6, reservation_utility=dearer)
    slope = (contract.expected_accuracy - other.expected_accuracy) / step
    assert contract.multipliers.rationality[0] == pytest.approx(slope, rel=1e-3)


def test_progress_is_told() -> None:
    told: list[tuple[int, float]] = []
    contract = optimal_contract([0.2, 0.1], [0.5, 0.5], 6, progress=lambda k, value: told.append((k, value)))
    assert told
    assert contract.passes >= len(told) - 1


def test_a_gap_below_rounding_is_not_promised() -> None:
    with pytest.raises(NotConvergedError, match="raise tol") as caught:
        optimal_contract(*[[0.2, 0.1], [0.5, 0.5], 6], tol=1e-16)
    assert caught.value.weights.shape == (2,)
    assert caught.value.gap >= 0


def test_the_result(solved: tuple[NDArray[np.float64], float, Contract]) -> None:
    _, _, contract = solved
    assert isinstance(contract, hemicycle.Contract)
    with pytest.raises(ValueError, match="read-only"):
        contract.m[0] = 0.0
    assert repr(contract).startswith("Contract(5 types, N = 10, expected_accuracy=")
    assert contract.table().columns[:4] == ("cost", "probability", "m", "t")


VALID: dict[str, Any] = {"costs": [0.2, 0.1], "probabilities": [0.5, 0.5], "n_parties": 4}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"costs": []}, ShapeError, "costs: expected at least one type"),
        ({"costs": [0.2, -0.1]}, DomainError, r"costs\[1\] is -0.1; a unit of data must cost more than 0"),
        ({"costs": [0.2, 0.0]}, DomainError, r"costs\[1\] is 0.0; a unit of data must cost more than 0"),
        ({"costs": [0.2, np.nan]}, NonFiniteError, r"costs\[1\] is nan"),
        ({"costs": ["a", "b"]}, DtypeError, "costs: expected integers or floats"),
        ({"costs": [[0.2, 0.1]]}, ShapeError, "costs: expected 1 dimension"),
        ({"probabilities": [0.5]}, ShapeError, "probabilities: expected length 2, that of costs"),
        ({"probabilities": [0.5, 0.4]}, DomainError, "probabilities sum to 0.9; they must sum to 1: divide them"),
        ({"probabilities": [1.5, -0.5]}, DomainError, r"probabilities\[1\] is -0.5"),
        ({"probabilities": [np.inf, 0.5]}, NonFiniteError, r"probabilities\[0\] is inf"),
        ({"n_parties": 0}, DomainError, "n_parties is 0; it must be at least 1"),
        ({"n_parties": 2.5}, DtypeError, "n_parties: expected an integer"),
        ({"tol": 0.0}, DomainError, "tol is 0.0"),
        ({"reservation_utility": [1.0]}, ShapeError, "reservation_utility: expected length 2"),
        ({"reservation_utility": [1.0, -1.0]}, DomainError, r"reservation_utility\[1\] is -1.0"),
    ],
)
def test_bad_input(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        optimal_contract(**(VALID | change))


@pytest.mark.parametrize("package", ["clarabel", "scipy.optimize"])
def test_the_extra_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hemicycle\[contracts\]'"):
        optimal_contract(**VALID)


@pytest.mark.parametrize(
    ("costs", "n_parties", "accuracy"),
    [
        ([1.9], 3, ExponentialSaturation(0.9, 300.0)),
        ([1.0], 3, ExponentialSaturation(0.9, 300.0)),
        ([1.2265, 0.7959], 2, ExponentialSaturation(0.9, 300.0)),
        ([0.2, 0.1], 10, Arctan(0.3, 1e6)),
    ],
)
def test_nobody_contributes_where_no_first_unit_pays(costs: list[float], n_parties: int, accuracy: Any) -> None:
    """Curves without a kink, whose slope at 0 times the number of parties is below the least cost."""
    contract = optimal_contract(costs, np.full(len(costs), 1 / len(costs)), n_parties, accuracy=accuracy)
    assert contract.certified
    assert not contract.m.any()
    assert contract.expected_value == 0
    assert contract.reason.startswith("nobody contributes")
    just = ExponentialSaturation(0.9, 300.0)
    assert optimal_contract([0.8999], [1.0], 3, accuracy=just).m[0] > 1e-3


@pytest.mark.parametrize("rare", [1e-300, 1e-19, 1e-17, 1e-14, 1e-12, 1e-10])
def test_rare_types_have_the_contract_of_the_limit(rare: float) -> None:
    limit = optimal_contract([10.0, 1.2, 0.01], [0.5, 0.0, 0.5], 3)
    contract = optimal_contract([10.0, 1.2, 0.01], [0.5, rare, 0.5 - rare], 3)
    np.testing.assert_allclose(contract.m, limit.m, rtol=1e-5)
    np.testing.assert_allclose(contract.t_bar, limit.t_bar, rtol=1e-7)
    assert contract.residuals.largest <= 1e-8
    alone = optimal_contract([4.27, 0.00595], [rare, 1.0 - rare], 1, accuracy=PowerLaw(0.95, 3.0, 0.5))
    assert alone.t_bar[0] == pytest.approx(0.0, abs=1e-9)
    assert alone.residuals.largest <= 1e-8


def test_more_parties_than_anybody_counts() -> None:
    with pytest.raises(DomainError, match=r"n_parties is 10{30}; it must be at most 10\*\*12"):
        optimal_contract([0.2], [1.0], 10**30)
    assert optimal_contract([0.2, 0.1, 0.05], np.full(3, 1 / 3), 10**6).certified


@pytest.mark.parametrize(("name", "given"), [("accuracy", ""), ("accuracy", Arctan), ("valuation", 0)])
def test_what_is_no_curve_is_not_taken_for_the_default(name: str, given: Any) -> None:
    with pytest.raises(DtypeError, match=f"{name}: expected"):
        optimal_contract([0.2], [1.0], 3, **{name: given})
