from __future__ import annotations

import builtins
import csv
import importlib
import json
import math
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import spearmanr

from hemicycle.cli import main
from hemicycle.cli.command_options import Figures, Published
from hemicycle.errors import DomainError, MissingExtraError, OptionError
from hemicycle.least_squares import simplex_least_squares
from hemicycle.reproduce import (
    NAMES,
    camps,
    divergence,
    label_verdicts,
    pool_growth,
    reproduce,
    share_ranges,
    tie_breaks,
    weight_order,
)
from hemicycle.reproduce.camps import majority_mass
from hemicycle.reproduce.figures import KINDS, render
from hemicycle.reproduce.label_modes import agreeing_labels, mode_shares, two_modes
from hemicycle.reproduce.mechanisms import averaging_weights, least_squares_weights, marginal_contributions
from hemicycle.reproduce.slsqp import slsqp_weights
from reference.reproduce import chance_of_hull, counts

OF_THE_SOURCE = {
    "spearman": "holds",
    "inversions": "holds with a condition",
    "sorted": "does not hold",
    "doubled": "holds",
    "two_modes": "holds",
    "mode_shares": "holds with a condition",
    "agreeing_labels": "holds with a condition",
    "proportional": "holds with a condition",
    "slsqp_nearest": "does not hold",
    "divergence": "holds with a condition",
}
has_matplotlib = importlib.util.find_spec("matplotlib") is not None


def quiet(_what: str, _done: int, _of: int) -> None:
    pass


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the parts that do not depend on the number of runs small."""
    monkeypatch.setattr(weight_order, "CLOSER_LOOKS", 60)
    monkeypatch.setattr(pool_growth, "N_POOLS", 8)
    monkeypatch.setattr(tie_breaks, "POOLS_A_SIZE", 3)
    monkeypatch.setattr(tie_breaks, "INSTANCES", 2)
    monkeypatch.setattr(share_ranges, "POOLS_A_SIZE", 1)
    monkeypatch.setattr(divergence, "DRAWS_A_MODEL", 12)
    monkeypatch.setattr(share_ranges, "POOL_SIZES", (12, 40))
    monkeypatch.setattr(camps, "JURIES", 1)
    monkeypatch.setattr(camps, "LABELS_A_PAIR", (1, 5))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def without(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import, real_module = builtins.__import__, importlib.import_module

    def blocked(name: str, *args: object, **kwargs: object) -> object:
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    def blocked_module(name: str, *args: object) -> object:
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real_module(name, *args)

    monkeypatch.setattr(builtins, "__import__", blocked)
    monkeypatch.setattr("hemicycle.extras.import_module", blocked_module)
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)


def test_runs_are_counted_as_by_hand(small: Path) -> None:
    found = weight_order.weight_order(80, rng(5), quiet)
    drawn = rng(5).standard_normal((80, 6, 10))
    for i, (x, y) in enumerate((run[:-1], run[-1]) for run in drawn):
        loss, weights = ((x - y) ** 2).mean(axis=1), simplex_least_squares(x, y).weights
        assert found.spearman[i] == pytest.approx(spearmanr(loss, weights).statistic, abs=1e-12)
        by_hand = found.inversions[i], found.ties[i], found.doubled[i], found.doubled_above_zero[i]
        assert by_hand == counts(loss, weights)
        if i < 60:
            assert found.slsqp_inversions[i] == counts(loss, slsqp_weights(x, y))[0]
            added = marginal_contributions(x, y, least_squares_weights)
            assert found.weight_by_contribution[i] == pytest.approx(spearmanr(added, weights).statistic, abs=1e-12)
    table = found.inversions_table()
    assert table["runs"].sum() == table["runs_with_ties_counted"].sum() == found.spearman_table()["runs"].sum() == 80
    assert table["runs"][0] == np.sum(found.inversions == 0)


def test_ranks_have_ties_at_their_average_and_constants_no_correlation() -> None:
    first = np.array([[1.0, 1.0, 2.0, 0.0], [3.0, 1.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    second = np.array([[0.0, 0.5, 0.5, 0.0], [3.0, 1.0, 2.0, 0.0], [1.0, 2.0, 3.0, 4.0]])
    found = weight_order.spearman(first, second)
    assert found[0] == pytest.approx(spearmanr(first[0], second[0]).statistic, abs=1e-15)
    assert found.tolist()[1:] == [1.0, 0.0]


def test_the_first_runs_are_those_of_a_shorter_simulation(small: Path) -> None:
    short, long = (weight_order.weight_order(n, rng(2), quiet) for n in (30, 520))
    assert np.array_equal(long.spearman[:30], short.spearman)


def test_a_model_adds_what_is_lost_without_it() -> None:
    x, y = rng(1).standard_normal((4, 6)), rng(2).standard_normal(6)
    for weigh in (least_squares_weights, averaging_weights):
        added = marginal_contributions(x, y, weigh)
        weights, others = weigh(x, y), weigh(x[1:], y)
        lost = np.mean((others @ x[1:] - y) ** 2) - np.mean((weights @ x - y) ** 2)
        assert added[0] == pytest.approx(lost if weights[0] > 0 else 0.0, abs=1e-15)
    assert marginal_contributions(x, y, least_squares_weights).min() >= 0


def test_averaging_of_points_is_the_gaussian_posterior() -> None:
    x, y = rng(1).standard_normal((4, 6)), rng(2).standard_normal(6)
    log = -np.sum((x - y) ** 2, axis=1) / (2 * 0.5**2)
    assert averaging_weights(x, y) == pytest.approx(np.exp(log - log.max()) / np.exp(log - log.max()).sum(), rel=1e-12)


def test_two_modes_and_one_by_the_formula() -> None:
    table, agreeing = two_modes(), agreeing_labels()
    mu = table["prediction"]
    density = np.exp(-2 * (mu - 1) ** 2) + np.exp(-2 * (mu + 1) ** 2)
    assert table["sum_gaussian"] == pytest.approx(density / density.max(), rel=1e-12)
    assert table["gaussian"] == pytest.approx(np.exp(-20 * mu**2), rel=1e-9, abs=1e-300)
    assert table["mse"] == pytest.approx(mu**2 + 1)
    assert agreeing["prediction"][np.argmax(agreeing["sum_gaussian"])] == 0
    shares = mode_shares((0.5,))
    cross = math.exp(-8)
    share = shares["label_share"]
    assert shares["likelihood_share"] == pytest.approx((share + (1 - share) * cross) / (1 + cross), rel=1e-12)


def test_the_majority_takes_all_but_under_stacking_on_labels() -> None:
    table = majority_mass()
    odds = ((0.7 + 0.3 * math.exp(-8)) / (0.3 + 0.7 * math.exp(-8))) ** table["pairs"]
    assert table["bma"] == pytest.approx(odds / (1 + odds), rel=1e-9)
    assert np.abs(table["stacking_by_label"] - 0.7).max() < 1e-3
    assert table["stacking_by_pair"].min() > 0.999


def test_whom_simulated_juries_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camps, "SHARES", (0.7,))
    monkeypatch.setattr(camps, "SIMULATED_PAIRS", (10, 300))
    monkeypatch.setattr(camps, "LABELS_A_PAIR", (4,))
    monkeypatch.setattr(camps, "JURIES", 2)
    table = camps.simulated_camps(rng(8), quiet)
    assert table["bridges"].tolist() == [0, 0, 20, 20]
    assert table["share"] == pytest.approx(0.7)
    assert table["stacking_by_label_off"][[1, 3]].max() <= 0.08
    assert table["bma"][1] > 0.99
    assert table["uniform"] == pytest.approx([0.5, 0.5, 1 / 3, 1 / 3])
    assert table["least_squares_off"][1] <= 0.08 < table["least_squares_off"][3]  # those between serve its mean
    for name in camps.MECHANISMS:
        assert np.all(table[f"{name}_off"] >= np.abs(table[name] - table["share"]) - 1e-12)
    assert label_verdicts.on_seats(table).verdict == "holds"


def test_divergences_by_hand_and_least_for_averaging_on_average(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divergence, "N_LABELS", (1, 3))
    table = divergence.divergences(rng(7), quiet)
    drawn = np.array(table["truth"]) == "model"
    assert drawn.tolist() == [True, True, False, False]
    assert np.all(table["bma"][drawn] < table["stacking"][drawn])
    assert np.all(table["bma"][drawn] < table["uniform"][drawn])
    draws, errors = rng(7), []
    for truth in np.repeat(np.arange(5), divergence.DRAWS_A_MODEL):
        weights = np.eye(5)[truth]
        label = divergence.MODELS[draws.choice(5, 1, p=weights)] + 0.5 * draws.standard_normal(1)
        density = np.exp(-2 * (label - divergence.MODELS) ** 2)
        errors.append(quad_divergence(weights, density / density.sum()))
    assert table["bma"][0] == pytest.approx(np.mean(errors), rel=1e-7)
    assert table["best"][0] == table["stacking"][0]  # one label is explained best by one model


def quad_divergence(truth: np.ndarray, weights: np.ndarray) -> float:
    def term(y: float) -> float:
        each = np.exp(-2 * (y - divergence.MODELS) ** 2) * 2 / math.sqrt(2 * math.pi)
        return float(truth @ each * np.log(truth @ each / (weights @ each)))

    return float(quad(term, -5, 5, epsabs=1e-10, limit=200)[0])


def test_freedom_begins_where_the_hull_holds_the_labels(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tie_breaks, "POOLS_A_SIZE", 200)
    monkeypatch.setattr(tie_breaks, "POOL_SIZES", (5, 11, 15, 20, 30))
    table = tie_breaks.freedom_by_pool_size(rng(3), quiet)
    unbiased = np.array(table["kind"]) == "unbiased"
    chance = np.array([chance_of_hull(n, 10) for n in table["models"][unbiased].tolist()])
    error = np.sqrt(chance * (1 - chance) / 200)
    assert np.all(np.abs(table["fits_exactly"][unbiased] - chance) <= 4 * error + 1e-12)
    free = (1 - table["unique"]) * (table["models"] - 11)
    assert table["free_dimensions"] == pytest.approx(free)
    assert chance_of_hull(20, 10) == 0.5


def test_slsqp_reaches_an_optimum_but_not_the_nearest(small: Path) -> None:
    table = tie_breaks.slsqp_distances(rng(4), quiet)
    assert len(table) == len(tie_breaks.SHAPES) * 2 * len(tie_breaks.TOLERANCES)
    assert table["mse"].max() < 1e-4
    assert table["mse"][table["ftol"] == 1e-12].max() < 1e-11
    assert table["farther"].min() > 1 - 1e-3
    assert table["weights_l1"].min() > 0.01
    assert table["allocation_l1_geometric"].min() > 0
    assert table["judged_l1_geometric"][table["ftol"] == 1e-12].max() < 1e-5


def test_shares_move_only_where_weights_do_and_more_in_larger_pools(small: Path) -> None:
    table = share_ranges.share_ranges(rng(6), quiet)
    columns = [name for name in table.columns if name != "models"]
    assert len(columns) == 4
    for name in columns:
        assert table[name][0] == 0  # pools of 12 models do not match 10 labels
        assert np.all(np.diff(table[name]) >= -1e-4)  # more models, more optima
        assert 0.01 < table[name][-1] < 1


def test_every_claim_has_a_verdict(small: Path) -> None:
    told: list[tuple[str, int, int]] = []
    found = reproduce("many-model", runs=2000, seed=1, progress=lambda *step: told.append(step))
    verdicts = {f.claim.key: f.verdict for f in found.findings}
    assert {f.claim.key: f.verdict for f in found.findings if f.claim.by_source} == OF_THE_SOURCE
    assert verdicts["ratio_bma"] == verdicts["ratio_least_squares"] == "holds"
    assert verdicts["freedom"] == verdicts["share_ranges"] == "holds with a condition"
    assert len(verdicts) == len(found.findings) == len(found.claims())
    for finding in found.findings:
        assert finding.because
        assert finding.found
        assert not finding.because.endswith(".")
        assert all(math.isfinite(value) for value in finding.numbers.values())
    last = {what: (done, of) for what, done, of in told}
    assert len(last) == 7
    assert all(done == of for done, of in last.values())


def test_the_docs_give_the_same_verdicts() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "reproduce.md").read_text(encoding="utf-8")
    rows = page.split("| claim | claimed | found | verdict |\n")[1].split("\n\n")[0].splitlines()[1:]
    assert [row.strip("| ").split("|")[-1].strip() for row in rows] == list(OF_THE_SOURCE.values())


def test_what_cannot_be_reproduced_is_refused() -> None:
    with pytest.raises(OptionError, match="'many-model'"):
        reproduce("cold fusion")
    with pytest.raises(DomainError, match="at least 1"):
        reproduce("many-model", runs=0)
    with pytest.raises(DomainError, match="seed"):
        reproduce("many-model", seed=-1)


def test_the_command_leaves_tables_and_verdicts(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "many-model", "--runs", "40", "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    for part in (
        "claimed",
        "too few runs",
        "does not hold",
        "holds with a condition",
        "SLSQP",
        "rest on",
        "40 runs, seed 3",
    ):
        assert part in out
    assert "wrote hemicycle-reproduce" in err
    folder = Path("hemicycle-reproduce")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["options"] == {"runs": 40, "seed": 3}
    assert [claim["key"] for claim in summary["claims"]][: len(OF_THE_SOURCE)] == list(OF_THE_SOURCE)
    assert {"hemicycle", "python", "numpy", "scipy"} == set(summary["versions"])
    with (folder / "claims.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["key"] for row in rows] == [claim["key"] for claim in summary["claims"]]
    assert rows[0]["claimed"] == "-0.70"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(["reproduce", "many-model", "--runs", "40", "--seed", "3", "--quiet", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == summary
    assert err == ""
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert main(["reproduce", "many-model", "--runs", "40", "--seed", "4", "--quiet", "--format", "csv"]) == 0
    assert capsys.readouterr().out == (folder / "claims.csv").read_text()
    assert (folder / "slsqp.csv").read_bytes() != before["slsqp.csv"]


@pytest.mark.skipif(not has_matplotlib, reason="matplotlib is not installed")
def test_figures_are_drawn_the_same_each_time(small: Path) -> None:
    found = reproduce("many-model", runs=30, seed=0)
    for kind, begins in zip(KINDS, (b"<?xml", b"\x89PNG"), strict=True):
        drawn = render(found.figures, kind)
        assert set(drawn) == {f"{name}.{kind}" for name in found.figures}
        assert all(content.startswith(begins) for content in drawn.values())
        assert render(found.figures, kind) == drawn
    for content in render(found.figures).values():
        said = "".join(ElementTree.fromstring(content).itertext())
        assert any(word in said for word in ("share", "distance", "likelihood", "divergence"))


@pytest.mark.skipif(not has_matplotlib, reason="matplotlib is not installed")
def test_figures_of_an_earlier_run_do_not_stay(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "many-model", "--runs", "20", "--quiet", "--figures", "png"]) == 0
    assert len(list(Path("hemicycle-reproduce").glob("*.png"))) == 8
    capsys.readouterr()
    without("matplotlib", monkeypatch)
    assert main(["reproduce", "many-model", "--runs", "20"]) == 0
    assert "pip install 'hemicycle[plot]'" in capsys.readouterr().out
    kept = {path.suffix for path in Path("hemicycle-reproduce").iterdir()}
    assert kept == {".csv", ".json"}


def test_without_matplotlib_all_but_figures_is_done(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without("matplotlib", monkeypatch)
    assert main(["reproduce", "many-model", "--runs", "20", "--format", "csv"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("key,")
    assert "pip install 'hemicycle[plot]'" in err
    assert Path("hemicycle-reproduce/claims.csv").exists()
    with pytest.raises(MissingExtraError, match=r"hemicycle\[plot\]"):
        render({})


@pytest.mark.parametrize("package", ["scipy", "highspy"])
def test_without_a_solver_nothing_is_begun(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], package: str
) -> None:
    without(package, monkeypatch)
    assert main(["reproduce", "many-model", "--runs", "20"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "pip install 'hemicycle[solve]'" in err
    assert not Path("hemicycle-reproduce").exists()
    with pytest.raises(MissingExtraError):
        reproduce("many-model", runs=20)


def test_slsqp_without_scipy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without("scipy", monkeypatch)
    with pytest.raises(MissingExtraError, match=r"hemicycle\[solve\]"):
        slsqp_weights(np.zeros((2, 3)), np.zeros(3))


@pytest.mark.parametrize("arguments", [["cold-fusion"], [], ["many-model", "--runs", "0"], ["many-model", "--seed=-1"]])
def test_wrong_usage_exits_with_2(small: Path, arguments: list[str]) -> None:
    assert main(["reproduce", *arguments]) == 2


def test_the_command_leaves_folders_of_others_alone(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    Path("mine/summary.json").write_text('{\n  "thesis": "precious"\n}')
    assert main(["reproduce", "many-model", "--runs", "20", "--out", "mine"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in Path("mine").iterdir()] == ["summary.json"]


def test_interrupted_work_leaves_nothing(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hemicycle.reproduce.many_model.pool_growth", interrupted)
    assert main(["reproduce", "many-model", "--runs", "20"]) == 130
    assert not Path("hemicycle-reproduce").exists()


def test_help_names_the_claims_and_the_options(capsys: pytest.CaptureFixture[str], small: Path) -> None:
    assert main(["reproduce", "--help"]) == 0
    said = capsys.readouterr().out
    for word in ("many-model", "--runs", "--seed", "--out", "--figures"):
        assert word in said
    assert {name.value for name in Published} == set(NAMES)
    assert {kind.value for kind in Figures} == set(KINDS)
