"""`hemicycle reproduce contracts`: verdicts, the published scenarios, random programs, surfaces."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hemicycle.cli import main
from hemicycle.reproduce import contract_surfaces, reproduce
from hemicycle.reproduce.contract_programs import MORE, example_program, random_programs, solved_program
from hemicycle.reproduce.contract_scenarios import SCENARIOS, beside_published, by_arrangement, solved_scenarios
from hemicycle.reproduce.figures import render
from reference.contracts import conditional, default_value, expectation, outcomes, own_type, stand_alone, violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

pytest.importorskip("clarabel", reason="clarabel is not installed")

VERDICTS = {
    "optima": "holds with a condition",
    "proposition_2": "holds",
    "properties": "holds",
    "truth": "holds",
    "free_riding": "holds",
    "fixed_rewards": "holds with a condition",
    "own_type": "does not hold",
}
CERTIFIED = (86.47827601, 69.05325285, 94.01349243)


def silent(_what: str, _done: int, _of: int) -> None:
    pass


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """Few cells of the surfaces."""
    patch = pytest.MonkeyPatch()
    patch.setattr(contract_surfaces, "SIZES", (2, 5))
    patch.setattr(contract_surfaces, "SHARES", (0.2, 0.7))
    yield
    patch.undo()


def test_scenarios_beside_the_published_answers() -> None:
    solved = solved_scenarios(silent)
    table, worth = beside_published(solved), by_arrangement(solved)
    assert len(table) == 15
    np.testing.assert_allclose(worth["contract"], CERTIFIED, rtol=1e-7)
    assert (np.array(worth["upper_bound"]) >= np.array(worth["contract"]) * (1 - 1e-12)).all()
    np.testing.assert_allclose(worth["published_shortfall"], [3.5e-8, 1.7e-5, 8.8e-7], rtol=0.05)
    for scenario, value in zip(SCENARIOS, worth["published"], strict=True):
        own = expectation(default_value, np.full(5, 0.2), 10, np.array(scenario.m))
        assert own == pytest.approx(value, abs=2e-6), "the published contract is worth what is published of it"
    assert list(worth["free_riding_total"]) == pytest.approx([445.715, 0.0, 5506.93], rel=1e-5)
    assert (np.array(worth["complete_information"]) > np.array(worth["contract"])).all()


def test_random_programs_have_the_proved_properties() -> None:
    programs = random_programs(12, np.random.default_rng(4), silent)
    assert len(programs) == 12
    for name in ("falling", "gain", "excess", "unbalanced"):
        assert max(programs[name]) <= 1e-7, name
    assert max(programs["surplus"]) < 0
    assert max(programs["interim_shortfall"]) > 0.01, "the promise is no promise to a party that knows its type"
    sound = np.array(programs["certified"]) & ~np.array(programs["nobody"])
    assert sound.any()
    assert np.abs(np.array(programs["efficient_gap"])[sound]).max() <= 1e-7
    assert min(programs["least_rent"]) >= -1e-9


def largest_total(counts: NDArray[np.float64], costs: NDArray[np.float64], alone: NDArray[np.float64]) -> float:
    """Return the most data that these parties pay for if each is left what it has alone: a scan and a bisection."""

    def surplus(total: NDArray[np.float64]) -> NDArray[np.float64]:
        return default_value(total) * (counts / costs).sum() - (counts * alone / costs).sum() - total

    grid = np.geomspace(1.0, 1e6, 100_001)
    paid = np.flatnonzero(surplus(grid) >= 0)
    if not len(paid):
        return 0.0
    low, high = grid[paid[-1]], grid[paid[-1] + 1]
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if surplus(np.array(middle)) >= 0 else (low, middle)
    return float(low)


def test_the_example_by_enumeration() -> None:
    program, costs, probabilities = example_program(), np.array([0.5, 0.006]), np.array([0.8, 0.2])
    contract, counts, probability = program.contract, *outcomes(probabilities, 2)
    m, t = contract.m, contract.t
    alone = np.array([stand_alone(default_value, cost)[1] for cost in costs])
    t_bar = conditional(default_value, probabilities, 2, m)
    assert max(violations(costs, m, t, alone, t_bar)) <= 1e-6, "nobody would rather go alone, lie, or be promised more"
    assert expectation(default_value, probabilities, 2, m) == pytest.approx(61.65955, abs=1e-4)
    known = np.array([largest_total(outcome, costs, alone) for outcome in counts])
    assert probability @ default_value(known) == pytest.approx(29.99383, abs=1e-4)
    assert program.contract.expected_value == pytest.approx(61.65955, abs=1e-4)
    assert program.first_best.expected_value == pytest.approx(29.99383, abs=1e-4)
    expects = (t / t_bar) * own_type(default_value, probabilities, 2, m) - costs * m
    np.testing.assert_allclose(program.own_type_utility, expects, atol=1e-6)
    assert costs[0] * m[0] == pytest.approx(60.588, abs=1e-3)
    assert alone[0] - expects[0] == pytest.approx(4.458, abs=1e-3), "of 60.6 it loses 4.5"


def test_splitting_the_dear_type_of_the_example_lowers_its_value() -> None:
    split, probabilities = solved_program([0.5, 0.499999, 0.006], [0.4, 0.4, 0.2], 2), np.array([0.4, 0.4, 0.2])
    assert split.contract.certified
    assert expectation(default_value, probabilities, 2, split.contract.m) == pytest.approx(60.5795, abs=1e-4)
    same = solved_program([0.5, 0.5, 0.006], probabilities, 2)
    assert same.contract.expected_value == pytest.approx(example_program().contract.expected_value, rel=1e-9)


def test_the_grid_above_a_total_ends_where_the_text_says() -> None:
    assert MORE[0] == pytest.approx(1.000001, rel=1e-12)
    assert MORE[-1] == pytest.approx(1000.0)


@pytest.mark.usefixtures("small")
def test_claims_tables_and_figures() -> None:
    told: list[str] = []
    found = reproduce("contracts", runs=6, seed=1, progress=lambda what, _done, _of: told.append(what))
    assert set(told) == {"scenarios", "random programs", "surfaces"}
    verdicts = {finding.claim.key: finding.verdict for finding in found.findings}
    assert {key: verdicts[key] for key in VERDICTS} == VERDICTS
    assert len(found.tables["surfaces"]) == 3 * 2 * 2
    assert len(found.tables["rewards"]) == 15
    again = reproduce("contracts", runs=6, seed=1)
    for name, table in found.tables.items():
        assert str(table) == str(again.tables[name])
    pytest.importorskip("matplotlib")
    assert set(render(found.figures)) == {"offers.svg", "rewards.svg", "arrangements.svg", "surfaces.svg"}


@pytest.mark.usefixtures("small")
def test_the_command_leaves_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "contracts", "--runs", "2", "--quiet", "--out", "claims"]) == 0
    with Path("claims/claims.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["key"] for row in rows][:2] == ["optima", "proposition_2"]
    assert {"contracts.csv", "arrangements.csv", "programs.csv", "surfaces.csv", "rewards.csv"} <= {
        path.name for path in Path("claims").iterdir()
    }
