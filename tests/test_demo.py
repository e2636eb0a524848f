from __future__ import annotations

import builtins
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import hemicycle.cli.demo
from hemicycle.cli import main
from hemicycle.cli.demo import camps_of, least_squares_fit, slsqp_script
from hemicycle.synthetic import SyntheticRound, two_camp_round


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the demo's round small, and the peer's share of it too."""

    def small_round(seed: int) -> SyntheticRound:
        return two_camp_round(seed, n_items=15, n_pairs=40, n_models=60)

    monkeypatch.setattr(hemicycle.cli.demo, "two_camp_round", small_round)
    monkeypatch.setattr(hemicycle.cli.demo, "PEER_MODELS", 5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def test_the_demo_runs_whole(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--seed", "4"]) == 0
    out, err = capsys.readouterr()
    for part in ("faulty", "Hemicycle", "infrastructure", "applications", "the jury's labels", "Allocation", "SLSQP"):
        assert part in out
    assert "ensemble hemicycle-demo/result/round.toml" in err
    result = Path("hemicycle-demo/result")
    assert json.loads((result / "summary.json").read_text())["submissions"]["seated"] == 60
    before = {path.name: path.read_bytes() for path in result.iterdir()}
    assert main(["demo", "--seed", "4", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert {path.name: path.read_bytes() for path in result.iterdir()} == before


def test_the_demo_leaves_folders_of_others_alone(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine/submissions").mkdir(parents=True)
    Path("mine/submissions/thesis.csv").write_text("precious")
    assert main(["demo", "--out", "mine"]) == 2
    assert "thesis.csv" in capsys.readouterr().err
    assert [path.name for path in Path("mine/submissions").iterdir()] == ["thesis.csv"]


def test_the_demo_never_replaces_a_jury_of_others(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("jury.csv").write_text("precious")
    assert main(["demo", "--out", "."]) == 2
    assert "jury.csv" in capsys.readouterr().err
    assert Path("jury.csv").read_text() == "precious"


def test_without_scipy_the_demo_says_what_to_install(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def without_scipy(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_scipy)
    for name in [name for name in sys.modules if name.startswith("scipy")]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["demo", "--quiet"]) == 0
    assert "hemicycle[solve]" in capsys.readouterr().out


def test_the_peer_solves_the_same_problem() -> None:
    made = two_camp_round(1, n_items=10, n_pairs=30, n_models=8)
    judgments, pool = made.judgments(), made.pool()
    samples = list(zip(judgments.a.tolist(), judgments.b.tolist(), judgments.log_ratio.tolist(), strict=True))
    ours, peer = least_squares_fit(judgments, pool), slsqp_script(pool.logits.tolist(), samples)
    mixed = np.asarray(peer.weights) @ pool.logits
    assert peer.cost == pytest.approx(np.sum((mixed[judgments.b] - mixed[judgments.a] - judgments.log_ratio) ** 2))
    assert peer.finished
    assert ours.cost <= peer.cost * (1 + 1e-9)
    assert ours.cost == pytest.approx(peer.cost, rel=1e-4)


def test_the_peer_stops_in_time_and_says_so() -> None:
    made = two_camp_round(1, n_items=30, n_pairs=60, n_models=40)
    judgments = made.judgments()
    samples = list(zip(judgments.a.tolist(), judgments.b.tolist(), judgments.log_ratio.tolist(), strict=True))
    peer = slsqp_script(made.pool().logits.tolist(), samples, seconds=0.0)
    assert not peer.finished
    assert sum(peer.weights) == pytest.approx(1)


def test_mass_of_the_camps_is_by_name() -> None:
    made = two_camp_round(1, n_items=10, n_pairs=30, n_models=30)
    camps = camps_of(made)

    class Stub:
        models = (*reversed(made.models), "stranger")
        weights = np.append(np.zeros(30), 0.25)

    Stub.weights[0] = 0.75  # the last model of the round
    expected = [0.0, 0.0]
    if made.model_camp[-1] >= 0:
        expected[made.model_camp[-1]] = 0.75
    assert list(camps.mass(Stub())) == expected  # type: ignore[arg-type]


def test_the_readme_shows_what_the_demo_prints_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hemicycle.cli.demo, "PEER_MODELS", 2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["demo", "--quiet"]) == 0
    printed = {line.rstrip() for line in capsys.readouterr().out.splitlines()}
    root = Path(__file__).resolve().parents[1]
    shown = (root / "README.md").read_text(encoding="utf-8").split("```text\n")[1].split("```")[0].splitlines()
    assert len(shown) > 20
    assert [line for line in shown if line.rstrip() not in printed] == []
    drawn = (tmp_path / "hemicycle-demo" / "result" / "hemicycle.svg").read_text(encoding="utf-8")
    assert (root / "docs" / "images" / "hemicycle.svg").read_text(encoding="utf-8") == drawn
