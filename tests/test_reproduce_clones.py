"""The clone-proof prior under attack, in small."""

from __future__ import annotations

import importlib.util
import json
import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from hemicycle import Pool, Round
from hemicycle.cli import main
from hemicycle.reproduce import consensus, copies, copy_gains, reproduce
from hemicycle.reproduce.clone_promises import cells
from reference.clone_prior import clone_prior

has_matplotlib = importlib.util.find_spec("matplotlib") is not None
EXPECTED = (
    "exact_copies",
    "near_copies",
    "copied_author",
    "plain_density",
    "far_copies",
    "guesses",
    "crowding",
    "sybils",
    "one_optimum",
    "many_optima",
    "tax",
)


def quiet(_what: str, _done: int, _of: int) -> None:
    pass


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(copy_gains, "DISTANCES", (0.0, 0.1, 1.0))
    monkeypatch.setattr(copy_gains, "COPIES", (1, 20))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("attack", copies.ATTACKS)
@pytest.mark.parametrize("kind", copies.KINDS)
def test_copies_move_as_far_as_told(kind: copies.Kind, attack: str) -> None:
    before = copies.attacked_round(kind, rng(1))
    for distance in (0.0, 0.1, 2.0):
        moved = copies.moved_copies(before, attack, distance, 5, rng(2))
        copied = before.logits[before.victim if attack == "around" else before.own]
        pairs = before.judgments.pairs
        change = (moved - copied)[:, pairs.b] - (moved - copied)[:, pairs.a]
        length = np.sqrt((change**2).mean(axis=1)) / copies.BANDWIDTH
        np.testing.assert_allclose(length, distance, rtol=1e-3 if attack == "victim" else 1e-12)
        assert len(np.unique(moved, axis=0)) == (5 if distance else 1)


def test_towards_the_best_model_no_copy_goes_beyond_it() -> None:
    before = copies.attacked_round("decided", rng(1))
    moved = copies.moved_copies(before, "victim", 100.0, 5, rng(2))
    left = before.lengths(moved - before.logits[before.victim])
    assert left.max() <= 1e-3 * before.lengths(before.logits[[before.own]] - before.logits[before.victim])[0, 0]


def test_towards_the_labels_their_error_falls() -> None:
    before = copies.attacked_round("decided", rng(1))
    moved = copies.moved_copies(before, "public", 1.0, 20, rng(2))
    label = before.judgments.pairs.mean_log_ratio[::2]
    own, after = (
        ((before.log_ratios(logits)[:, ::2] - label) ** 2).mean(axis=1)
        for logits in (before.logits[[before.own]], moved)
    )
    assert after.max() < own[0]


def test_who_is_who() -> None:
    before = copies.attacked_round("decided", rng(3))
    assert len({before.own, before.victim}) == 2
    assert before.target in np.unique([before.judgments.a, before.judgments.b])


def test_one_cell_by_hand(small: Path) -> None:
    table = copy_gains.copy_gains(1, rng(5), quiet)
    assert len(table) == 2 * 4 * 3 * 2 * len(copy_gains.VARIANTS)
    draws = rng(5)
    before = copies.attacked_round("decided", draws)
    for distance in copy_gains.DISTANCES:
        for n in copy_gains.COPIES:
            moved = copies.moved_copies(before, "random", distance, n, draws)
            logits = np.vstack([before.logits, moved])
            a, b = before.judgments.a.tolist(), before.judgments.b.tolist()
            prior = clone_prior(logits, a, b, copies.BANDWIDTH).prior
            of = {"round": "decided", "attack": "random", "distance": distance, "copies": n, "mechanism": "prior"}
            found = cells(table, variant="clone_proof", **of)
            alone = clone_prior(before.logits, a, b, copies.BANDWIDTH).prior
            together = prior[before.own] + prior[30:].sum()
            assert found["after"] == pytest.approx(together, rel=1e-9)
            assert found["gain"] == pytest.approx(together / alone[before.own], rel=1e-9)
            assert found["victim"] == pytest.approx(prior[before.victim] / alone[before.victim], rel=1e-9)
            even = cells(table, variant="uniform", **of)
            assert even["gain"] == pytest.approx(30 * (n + 1) / (30 + n))
            assert cells(table, variant="per_author", **of)["gain"] == pytest.approx(1)


def test_agreement_is_taxed_until_models_are_apart() -> None:
    table = consensus.honest_tax(1, rng(6))
    for agree in consensus.AGREE:
        rows = table["agree"] == agree
        assert np.all(np.diff(table["tax"][rows]) < 1e-3)
        assert table["tax"][rows][0] == pytest.approx(1 - 30 / agree / (31 - agree), abs=1e-6)  # equal models are one
        assert abs(table["tax"][rows][-1]) < 1e-2


def test_a_plain_density_crushes_whom_the_clone_proof_prior_leaves_alone() -> None:
    table = consensus.crushed_neighbour(rng(7))
    assert np.abs(table["clone_proof"] - 1).max() < 0.01
    assert table["plain"][table["distance"] <= 1].max() < 0.01


def test_every_promise_and_limit_has_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_gains, "DISTANCES", (0.0, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0))
    told: list[tuple[str, int, int]] = []
    found = reproduce("clones", runs=1, seed=2, progress=lambda *step: told.append(step))
    assert told[-1] == ("attacked rounds", 2, 2)
    assert tuple(finding.claim.key for finding in found.findings) == EXPECTED
    assert {finding.verdict for finding in found.findings if finding.claim.by_source} == {"holds"}
    for finding in found.findings:
        assert finding.because
        assert not finding.because.endswith(".")
        assert all(math.isfinite(value) for value in finding.numbers.values())


@pytest.mark.slow
@pytest.mark.skipif(not has_matplotlib, reason="matplotlib is not installed")
def test_the_command_leaves_tables_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "clones", "--runs", "1", "--seed", "1", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "the clone-proof prior, under attack: 1 runs, seed 1" in said
    folder = Path("hemicycle-reproduce")
    left = {"claims.csv", "summary.json", "gains.csv", "tax.csv", "neighbour.csv", "gains.svg", "limits.svg"}
    assert {path.name for path in folder.iterdir()} == left
    summary = json.loads((folder / "summary.json").read_text())
    assert [claim["key"] for claim in summary["claims"]] == list(EXPECTED)
    for name, words in (
        ("gains", ("averaging", "stacking", "sybils")),
        ("limits", ("plain density", "20 of 30 agree")),
    ):
        said = "".join(ElementTree.parse(folder / f"{name}.svg").getroot().itertext())
        assert all(word in said for word in words)


def test_per_author_mass_is_that_of_a_round() -> None:
    before = copies.attacked_round("decided", rng(3))
    logits = np.vstack([before.logits, copies.moved_copies(before, "random", 0.1, 4, rng(4))])
    authors = [str(d) for d in range(30)] + [str(before.own)] * 4
    pool = Pool.from_array(logits, authors=authors)
    weights = Round(before.judgments, pool).ensemble("bma", prior="per_author", power=1e-12).weights
    assert copy_gains._priors(before, logits)["per_author"] == pytest.approx(weights, rel=1e-6)
