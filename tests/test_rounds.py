"""What ensembles predict of private rows: `hemicycle reproduce rounds`."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from hemicycle import Round
from hemicycle.cli import main
from hemicycle.errors import OptionError
from hemicycle.evaluation import evaluate
from hemicycle.reproduce import reproduce
from hemicycle.reproduce import rounds as rounds_of
from hemicycle.reproduce.real_rounds import FITTED, real_rounds
from hemicycle.reproduce.round_verdicts import COMPARED, _verdict
from hemicycle.reproduce.rounds import METHODS
from hemicycle.synthetic import two_camp_round

TABLES = ("scores.csv", "differences.csv", "widths.csv", "pools.csv", "claims.csv", "summary.json")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as those of the real rounds: labels of width 0.4, and one submission with a name that is left out."""
    folder = tmp_path_factory.mktemp("data")
    made = two_camp_round(3, n_items=12, n_jurors=12, n_pairs=40, n_models=40, labels_per_pair=3)
    made.write(folder / "level1-2025")
    level = folder / "level1-2025"
    rows = list(csv.DictReader((level / "jury.csv").read_text(encoding="utf-8").splitlines()))
    draws = np.random.default_rng(0).random(len(rows))
    with (level / "jury_split.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "split"])
        writer.writeheader()
        for row, draw in zip(rows, draws, strict=True):
            writer.writerow(row | {"split": "private_holdout" if draw < 0.4 else "public_train"})
    files = sorted((level / "submissions").glob("*.csv"))
    for name in FITTED:
        (level / "submissions" / f"{name}.csv").write_bytes(files[0].read_bytes())
    later = level / "submissions_xround"
    later.mkdir()
    for path in files[:5]:  # without the last item
        later.joinpath(path.name).write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:-1]) + "\n")
    return folder


def test_pools_and_rows(data: Path) -> None:
    own, both = real_rounds(data, lambda: None)
    assert not FITTED & set(own.whole.pool.models)
    assert {name for name in both.whole.pool.models if name.startswith("next/")}
    assert len(both.whole.pool.items) == len(own.whole.pool.items) - 1
    for read in (own, both):
        assert set(read.public.judgments.split) == {"public_train"}
        assert len(read.public.judgments) < len(read.whole.judgments)
        np.testing.assert_array_equal(read.public.pool.logits, read.whole.pool.logits)


def test_scores_are_those_of_ensembles_that_saw_public_rows_only(data: Path) -> None:
    found = reproduce("rounds", runs=200, data=data)
    own, _ = real_rounds(data, lambda: None)
    private = np.array([split.startswith("private") for split in own.whole.judgments.split if split])
    judged = own.whole.judgments
    row = next(row for row in found.tables["scores"] if (row["method"], row["width"]) == ("least_squares", "plain"))
    weights = Round(judged.select(~private), own.whole.pool).ensemble("least_squares").weights
    pooled = weights @ own.whole.pool.logits
    error = pooled[judged.b[private]] - pooled[judged.a[private]] - judged.log_ratio[private]
    assert row["mse"] == pytest.approx(np.mean(error**2), rel=1e-9)
    density = np.log(np.exp(-0.5 * (_errors(own, weights, private) / 0.5) ** 2) @ weights / (0.5 * np.sqrt(2 * np.pi)))
    assert row["elpd"] == pytest.approx(density.sum(), rel=1e-9)


def _errors(read: rounds_of.RealRound, weights: np.ndarray, private: np.ndarray) -> np.ndarray:
    logits, judged = read.whole.pool.logits, read.whole.judgments
    ratio = logits[:, judged.b[private]] - logits[:, judged.a[private]]
    return np.asarray((ratio - judged.log_ratio[private]).T)


def test_every_expectation_has_a_verdict(data: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    found = reproduce("rounds", runs=200, data=data, progress=lambda *step: steps.append(step))
    assert len(found.findings) == len(COMPARED) + 1
    assert steps[-1][1] == steps[-1][2]
    by_key = {finding.claim.key: finding for finding in found.findings}
    assert by_key["width"].verdict == "holds"  # the labels were drawn with a width of 0.4 around the camps
    for finding in found.findings:
        assert all(np.isfinite(value) for value in finding.numbers.values())
    differences = found.tables["differences"]
    assert len(differences) == 2 * 2 * (len(METHODS) - 1)
    assert np.all(differences["low"] <= differences["high"])


def test_differences_have_the_sign_of_their_scores(data: Path) -> None:
    own, _ = real_rounds(data, lambda: None)
    evaluation = evaluate(own.whole, ("stacking", "uniform"), by="split", folds="private", sigma=0.5)
    prediction = rounds_of.Prediction(own, evaluation, {"stacking": 0.5, "uniform": 0.5})
    table = evaluation.table()
    for score in ("elpd", "mse"):
        there, back = (prediction.difference(i, j, score, 300, 0) for i, j in ((0, 1), (1, 0)))
        assert there[0] == pytest.approx(table[score][0] - table[score][1])
        assert there == pytest.approx((-back[0], -back[2], -back[1]))


@pytest.mark.parametrize(
    ("signs", "verdict"),
    [
        ((1, 1), "holds"),
        ((-1, -1), "does not hold"),
        ((1, 0), "holds with a condition"),
        ((0, 0), "not decided"),
        ((1, -1), "not decided"),
        ((0, -1), "not decided"),
    ],
)
def test_verdicts(signs: tuple[int, ...], verdict: str) -> None:
    assert _verdict(signs) == verdict


def test_the_same_bytes_again(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEMICYCLE_DATA", str(data))
    for name in ("one", "two"):
        assert main(["reproduce", "rounds", "--runs", "100", "--quiet", "--out", str(tmp_path / name)]) == 0
    names = {path.name for path in (tmp_path / "one").iterdir()}
    drawn = {"differences.svg", "widths.svg", "calibration.svg"} if importlib.util.find_spec("matplotlib") else set()
    assert names == {*TABLES, *drawn}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert json.loads((tmp_path / "one" / "summary.json").read_text())["options"] == {"replicates": 100, "seed": 0}


def test_data_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HEMICYCLE_DATA", raising=False)
    with pytest.raises(OptionError, match="--data or HEMICYCLE_DATA"):
        reproduce("rounds")
    assert main(["reproduce", "rounds", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "jury_split.csv" in capsys.readouterr().err
    with pytest.raises(OptionError, match="reads no data"):
        reproduce("many-model", data=tmp_path)


def test_what_the_docs_say_of_the_real_rounds(round_data: Path) -> None:
    found = {finding.claim.key: finding for finding in reproduce("rounds", data=round_data).findings}
    page = (Path(__file__).resolve().parents[1] / "docs" / "reproduce.md").read_text(encoding="utf-8")
    rows = page.split("| expectation | found | verdict |\n")[1].split("\n\n")[0].splitlines()[1:]
    assert [row.strip("| ").split("|")[-1].strip() for row in rows] == [finding.verdict for finding in found.values()]
    assert found["width"].numbers["sigma_0"] == 2.0
    assert found["ensemble_over_best"].numbers["mse_0"] == pytest.approx(-0.203, abs=5e-4)
