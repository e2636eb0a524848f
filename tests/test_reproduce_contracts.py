"""`hemicycle reproduce contracts`: verdicts, the published scenarios, random programs, surfaces."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hemicycle.cli import main
from hemicycle.reproduce import contract_surfaces, reproduce
from hemicycle.reproduce.contract_programs import random_programs
from hemicycle.reproduce.contract_scenarios import SCENARIOS, beside_published, by_arrangement, solved_scenarios
from hemicycle.reproduce.figures import render
from reference.contracts import default_value, expectation

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("clarabel", reason="clarabel is not installed")

VERDICTS = {
    "optima": "holds with a condition",
    "proposition_2": "holds",
    "properties": "holds",
    "truth": "holds",
    "free_riding": "holds",
    "fixed_rewards": "holds with a condition",
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
    for name in ("falling", "gain", "excess", "different_models"):
        assert max(programs[name]) <= 1e-7, name
    sound = np.array(programs["certified"]) & ~np.array(programs["nobody"])
    assert sound.any()
    assert np.abs(np.array(programs["efficient_gap"])[sound]).max() <= 1e-7
    assert min(programs["least_rent"]) >= -1e-9


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
