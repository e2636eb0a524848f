"""`hemicycle ensemble`: the bundle, its repetition, and input that is turned away."""

from __future__ import annotations

import csv
import io
import json
import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from command_line import files_of, rewrite, rows_of, run, valid_model
from hemicycle import Judgments, Pool, Round, evaluate
from hemicycle.cli import main
from hemicycle.cli.app import app
from hemicycle.cli.command_options import Method
from hemicycle.mechanism import METHODS

BUNDLE = {
    "leaderboard.csv", "allocation.csv", "weights.csv", "rejects.csv", "summary.json", "round.toml", "hemicycle.svg",
    "intervals.csv", "flags.csv", "clones.csv", "report.html",
}  # fmt: skip


def test_ensemble_writes_the_bundle_and_prints_the_result(here: Path) -> None:
    result = run("ensemble", "jury.csv", "submissions", "--out", "result")
    assert result.returncode == 0, result.stderr
    assert set(files_of("result")) == BUNDLE
    assert result.stderr == "wrote result; open result/report.html in a browser\n"
    for part in ("Read", "Rejected", "Hemicycle: 201 seats", "Mechanisms", "Leaderboard", "Allocation", "● "):
        assert part in result.stdout
    for label in ("stacking *", "least squares", "bma", "uniform", "best single"):
        assert label in result.stdout
    assert all(line == line.rstrip() for line in result.stdout.splitlines())


def test_rejects_for_one_reason_are_said_once(here: Path) -> None:
    rows = Path("jury.csv").read_text().splitlines()
    column = rows[0].split(",").index("repo_a")
    for line in (3, 5, 8):
        cells = rows[line - 1].split(",")
        cells[column] = "else/where"
        rows[line - 1] = ",".join(cells)
    Path("jury.csv").write_text("\n".join(rows) + "\n")
    said = run("ensemble", "jury.csv", "submissions", "--out", "result", "--quiet").stdout
    assert "all in result/rejects.csv" in said
    assert said.count("else/where") == 1
    assert "jury.csv:3 and 2 more  item: 'else/where'" in said
    assert sum(row["kind"] == "judgment" for row in rows_of("result/rejects.csv")) == 3


def test_files_hold_what_they_promise(here: Path) -> None:
    assert main(["ensemble", "jury.csv", "submissions", "--out", "result", "--quiet"]) == 0
    board = rows_of("result/leaderboard.csv")
    assert list(board[0]) == ["rank", "model", "weight", "log_likelihood", "mse", "accuracy"]
    likelihoods = [float(row["log_likelihood"]) for row in board]
    assert likelihoods == sorted(likelihoods, reverse=True)
    weights = rows_of("result/weights.csv")
    assert {row["method"] for row in weights} == set(METHODS)
    for method in METHODS:
        assert sum(float(r["weight"]) for r in weights if r["method"] == method) == pytest.approx(1, abs=1e-15)
    assert {r["model"]: r["weight"] for r in weights if r["method"] == "stacking"} == {
        r["model"]: r["weight"] for r in board
    }
    shares = rows_of("result/allocation.csv")
    assert list(shares[0]) == ["parent", "item", "share"]
    assert sum(float(row["share"]) for row in shares) == pytest.approx(1, abs=1e-15)
    rejects = rows_of("result/rejects.csv")
    assert list(rejects[0]) == ["kind", "file", "line", "field", "value", "reason"]
    assert {r["file"] for r in rejects} == {path.name for path in Path("submissions").glob("faulty*")}
    summary = json.loads(Path("result/summary.json").read_text())
    assert summary["submissions"]["seated"] == len(board) == 40
    assert summary["submissions"]["rejected"] + summary["submissions"]["barred"] == len(rejects)
    assert [found["method"] for found in summary["mechanisms"]] == list(METHODS)
    for found in summary["mechanisms"]:
        parts = found["diversity"]
        assert parts["err"] == pytest.approx(found["mse"], rel=1e-12)
        assert parts["err_bar"] - parts["err"] == pytest.approx(parts["div"], abs=1e-12)
        assert 0 <= parts["bias_share"] <= 1
    assert {"hemicycle", "python", "numpy"} == set(summary["versions"])
    assert summary["instruction_set"] in {"avx512", "avx2", "portable"}
    assert set(summary["inputs"]) == {"jury", "pool"}
    assert ElementTree.fromstring(Path("result/hemicycle.svg").read_text()).get("role") == "img"


@pytest.mark.parametrize("out", ["again", "result", "deeper/down/again"])
def test_round_toml_repeats_the_run_byte_for_byte(here: Path, out: str) -> None:
    Path("prior.csv").write_text("model,weight\n" + "".join(f"{p.stem},2\n" for p in Path("submissions").iterdir()))
    options = ["--method", "bma", "--sigma", "0.3", "--power", "0.5", "--mean", "arithmetic", "--prior", "prior.csv"]
    assert main(["ensemble", "jury.csv", "submissions", "--out", "result", "--min-weight", "1e-6", *options]) == 0
    first = files_of("result")
    repeated = run("ensemble", "result/round.toml", "--out", out)
    assert repeated.returncode == 0, repeated.stderr
    assert "warning" not in repeated.stderr
    again = files_of(out)
    if out.startswith("deeper"):
        del first["round.toml"], again["round.toml"]  # its paths lead from another place
    assert again == first


def test_a_changed_input_is_said_and_an_option_replaces_that_of_the_file(here: Path) -> None:
    assert main(["ensemble", "jury.csv", "submissions", "--out", "result", "--sigma", "0.3"]) == 0
    with Path("jury.csv").open("a") as file:
        file.write(Path("jury.csv").read_text().splitlines()[-1] + "\n")
    repeated = run("ensemble", "result/round.toml", "--out", "again", "--method", "uniform")
    assert repeated.returncode == 0
    assert "warning: jury" in repeated.stderr
    assert "warning: pool" not in repeated.stderr
    options = json.loads(Path("again/summary.json").read_text())["options"]
    assert (options["method"], options["sigma"]) == ("uniform", 0.3)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_can_pay(here: Path, method: str) -> None:
    assert main(["ensemble", "jury.csv", "submissions", "--method", method, "--quiet"]) == 0
    assert method.replace("_", " ") in Path("hemicycle-out/hemicycle.svg").read_text()
    weights = {(r["method"], r["model"]): r["weight"] for r in rows_of("hemicycle-out/weights.csv")}
    assert all(weights[method, r["model"]] == r["weight"] for r in rows_of("hemicycle-out/leaderboard.csv"))


def test_the_methods_of_the_command_line_are_those_of_the_round() -> None:
    assert {method.value for method in Method} == set(METHODS)


def test_json_and_csv_go_to_stdout_alone(here: Path) -> None:
    as_json = run("ensemble", "jury.csv", "submissions", "--format", "json")
    document = json.loads(as_json.stdout)
    assert set(document["weights"]) == set(METHODS)
    assert len(document["models"]) == len(document["leaderboard"]) == 40
    assert len(document["rejects"]) == len(rows_of("hemicycle-out/rejects.csv"))
    assert "rejected; see" in as_json.stderr
    as_csv = run("ensemble", "jury.csv", "submissions", "--format", "csv", "--quiet")
    assert as_csv.stderr == ""
    assert as_csv.stdout == Path("hemicycle-out/allocation.csv").read_text()
    assert as_csv.stdout.startswith("parent,item,share\n")


def test_strict_makes_rejects_a_finding(here: Path) -> None:
    assert main(["ensemble", "jury.csv", "submissions", "--strict", "--quiet"]) == 1
    for path in Path("submissions").glob("faulty*"):
        path.unlink()
    assert main(["ensemble", "jury.csv", "submissions", "--strict", "--quiet"]) == 0


def test_items_rename_and_min_weight_reach_the_readers(here: Path) -> None:
    model = valid_model()
    items = [row["repo"] for row in rows_of(model)]
    rewrite(model, w0="0")
    assert main(["ensemble", "jury.csv", "submissions", "--quiet"]) == 0
    reasons = {row["file"]: row["reason"] for row in rows_of("hemicycle-out/rejects.csv")}
    assert any("min_weight" in reason for reason in reasons.values())
    assert main(["ensemble", "jury.csv", "submissions", "--min-weight", "1e-9", "--quiet"]) == 0
    assert model.stem in {row["model"] for row in rows_of("hemicycle-out/leaderboard.csv")}
    parent = rows_of(model)[0]["parent"]
    Path("items.csv").write_text(
        "repo,parent\n" + "".join(f"{item},{parent}\n" for item in items).replace(items[0], "new/name")
    )
    Path("rename.csv").write_text(f"old,new\n{items[0]},new/name\n")
    arguments = ["--items", "items.csv", "--rename", "rename.csv", "--min-weight", "1e-9", "--quiet"]
    assert main(["ensemble", "jury.csv", "submissions", *arguments]) == 0
    assert "new/name" in {row["item"] for row in rows_of("hemicycle-out/allocation.csv")}
    assert set(json.loads(Path("hemicycle-out/summary.json").read_text())["inputs"]) == {
        "jury",
        "pool",
        "items",
        "rename",
    }


def test_split_and_per_author_prior(here: Path) -> None:
    lines = Path("jury.csv").read_text().splitlines()
    Path("jury.csv").write_text(
        f"{lines[0]},split\n"
        + "".join(f"{line},{'public' if i % 2 else 'private'}\n" for i, line in enumerate(lines[1:]))
    )
    arguments = ["ensemble", "jury.csv", "submissions", "--split", "public", "--prior", "per_author", "--quiet"]
    assert main(arguments) == 2  # nobody names an author
    Path("submissions/ann").mkdir()
    for path in sorted(Path("submissions").glob("infra*.csv")):
        path.rename(Path("submissions/ann", path.name))
    assert main(arguments) == 0
    used = json.loads(Path("hemicycle-out/summary.json").read_text())["judgments"]["used"]
    assert used == (len(lines) - 1) // 2
    assert main([*arguments[:3], "--split", "secret"]) == 2


def test_bootstrap_and_greedy_travel_through_the_round_toml(here: Path) -> None:
    options = ["--method", "bma", "--bootstrap", "200", "--seed", "3", "--loss", "log_score", "--rounds", "20"]
    assert main(["ensemble", "jury.csv", "submissions", *options, "--out", "result", "--quiet"]) == 0
    text = Path("result/round.toml").read_text()
    for line in ("bootstrap = 200", "seed = 3", 'loss = "log_score"', "rounds = 20"):
        assert line in text
    found = json.loads(Path("result/summary.json").read_text())
    named = ("bootstrap", "seed", "loss", "rounds")
    assert [found["options"][name] for name in named] == [200, 3, "log_score", 20]
    by_method = {mechanism["method"]: mechanism for mechanism in found["mechanisms"]}
    assert (by_method["bma"]["bootstrap"], by_method["bma"]["seed"]) == (200, 3)
    assert (by_method["greedy"]["loss"], by_method["greedy"]["rounds"]) == ("log_score", 20)
    before = files_of("result")
    assert main(["ensemble", "result/round.toml", "--out", "result", "--quiet"]) == 0
    assert files_of("result") == before
    assert main(["ensemble", "result/round.toml", "--seed", "4", "--out", "other", "--quiet"]) == 0
    assert files_of("other")["leaderboard.csv"] != before["leaderboard.csv"]


def test_greedy_pays(here: Path) -> None:
    result = run("ensemble", "jury.csv", "submissions", "--method", "greedy", "--out", "result", "--quiet")
    assert result.returncode == 0, result.stderr
    assert "greedy *" in result.stdout
    assert "diversity of greedy: its models have an mse of" in result.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--bootstrap", "0"], "bootstrap is 0; it must be at least 1"),
        (["--bootstrap", "10", "--seed", "-1"], "seed is -1; it must be at least 0"),
        (["--rounds", "0"], "rounds is 0; it must be at least 1"),
        (["--loss", "mse"], "'mse' is not one of"),
    ],
)
def test_options_of_bootstrap_and_greedy_that_cannot_be(here: Path, options: list[str], says: str) -> None:
    result = run("ensemble", "jury.csv", "submissions", *options)
    assert result.returncode == 2
    assert says in " ".join(result.stderr.split())


def test_priors_that_cannot_be_used(here: Path) -> None:
    models = sorted(path.stem for path in Path("submissions").iterdir())
    for weight, says in (("-1", "prior.csv, line 2"), ("x", "not a finite"), ("nan", "not a finite"), ("0", "prior")):
        Path("prior.csv").write_text("model,weight\n" + "".join(f"{model},{weight}\n" for model in models))
        result = CliRunner().invoke(app, ["ensemble", "jury.csv", "submissions", "--prior", "prior.csv"])
        assert says in str(result.exception)
    Path("prior.csv").write_text("model,weight\n" + "".join(f"{model},1\n" for model in models[:-1]))
    assert "no weight for 1" in str(
        CliRunner().invoke(app, ["ensemble", "jury.csv", "submissions", "--prior", "prior.csv"]).exception
    )
    Path("prior.csv").write_text("model,weight\na,1\na,1\n")
    assert "twice" in str(
        CliRunner().invoke(app, ["ensemble", "jury.csv", "submissions", "--prior", "prior.csv"]).exception
    )


HOSTILE = [
    "=cmd|' /C calc'!A0",
    "[bold red]x[/]",
    "<script>alert(1)</script>",
    "\x1b[31m\x1b[2Jred",
    ":smile:",
    "@SUM(1)",
]


def test_hostile_names_stay_text_everywhere(here: Path) -> None:
    rows = ["model,repo,parent,weight"]
    items = ["<b>one</b>", "=two()", "[red]three[/red]"]
    for place, model in enumerate(HOSTILE):
        for i, item in enumerate(items):
            rows.append(",".join(f'"{cell}"' for cell in (model, item, "-parent", str(1 + (i * place) % 5))))
    Path("pool.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    Path("jury.csv").write_text(
        "repo_a,repo_b,parent,choice,multiplier\n<b>one</b>,=two(),-parent,1,2\n=two(),[red]three[/red],-parent,2,3\n"
    )
    result = run("ensemble", "jury.csv", "pool.csv", "--out", "out", env={"FORCE_COLOR": "1", "TERM": "xterm-256color"})
    assert result.returncode == 0, result.stderr
    assert "\x1b[2J" not in result.stdout
    for name in ("<b>one</b>", "[red]three[/red]", ":smile:"):
        assert name in result.stdout
    for file in ("leaderboard.csv", "weights.csv", "allocation.csv", "rejects.csv"):
        text = (Path("out") / file).read_text()
        assert "\x1b" not in text
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert not any(cell.startswith(("=", "+", "@")) for cell in cells)
        assert not any(cell.startswith("-") for cell in cells if not cell[1:2].isdigit() and cell != "-inf")
    svg = ElementTree.fromstring(Path("out/hemicycle.svg").read_text())
    assert {element.tag.rpartition("}")[2] for element in svg.iter()} == {"svg", "title", "desc", "g", "circle", "text"}
    document = json.loads(run("ensemble", "jury.csv", "pool.csv", "--out", "out", "--format", "json").stdout)
    assert set(document["models"]) == {name for name in HOSTILE if name.isprintable()}
    (reject,) = document["rejects"]
    assert "holds U+001B, a control character" in reject["reason"]
    repeated = run("ensemble", "out/round.toml", "--out", "again")
    assert repeated.returncode == 0
    assert files_of("out") == files_of("again")


def test_a_chosen_width_is_said_and_repeated(here: Path) -> None:
    result = run("ensemble", "jury.csv", "submissions", "--sigma", "auto", "--out", "result", "--quiet")
    assert result.returncode == 0, result.stderr
    assert "sigma was chosen for each method" in " ".join(result.stdout.split())
    text = Path("result/round.toml").read_text()
    assert 'sigma = "auto"' in text
    found = json.loads(Path("result/summary.json").read_text())
    assert found["options"]["sigma"] == "auto"
    widths = {mechanism["method"]: mechanism["sigma"] for mechanism in found["mechanisms"]}
    chosen = text.partition("[chosen_sigma]\n")[2]
    assert all(f"{method} = {widths[method]}" in chosen for method in METHODS)
    assert len(set(widths.values())) > 1
    before = files_of("result")
    again = run("ensemble", "result/round.toml", "--out", "result")
    assert (again.returncode, files_of("result")) == (0, before)
    Path("jury.csv").write_text("\n".join(Path("jury.csv").read_text().splitlines()[:30]) + "\n")
    assert "the widths that are chosen now are not those" in run("ensemble", "result/round.toml", "--out", "n").stderr
    assert main(["ensemble", "result/round.toml", "--sigma", "0.7", "--out", "plain", "--quiet"]) == 0
    assert "chosen_sigma" not in Path("plain/round.toml").read_text()


@pytest.mark.parametrize("text", ["wide", "", "nan", "-1"])
def test_a_width_that_is_none(here: Path, text: str) -> None:
    result = run("ensemble", "jury.csv", "submissions", "--sigma", text)
    assert result.returncode == 2
    assert "sigma" in result.stderr


def test_intervals_of_the_shares_that_are_paid(here: Path) -> None:
    options = ("--mean", "arithmetic", "--method", "bma", "--intervals", "30", "--seed", "4")
    result = run("ensemble", "jury.csv", "submissions", *options, "--out", "result", "-q")
    assert result.returncode == 0, result.stderr
    assert "90% of juries" in result.stdout
    pool = Pool.read("submissions")
    paid = Round(Judgments.read("jury.csv", items=pool.items), pool).ensemble("bma")
    expected = paid.intervals(mean="arithmetic", replicates=30, rng=4)
    rows = rows_of("result/intervals.csv")
    for name in ("share", "low", "high"):
        np.testing.assert_array_equal([float(row[name]) for row in rows], getattr(expected, name))
    assert json.loads(Path("result/summary.json").read_text())["intervals"] == expected.label
    assert main(["ensemble", "result/round.toml", "--intervals", "0", "--out", "result", "-q"]) == 0
    assert "intervals.csv" not in files_of("result")
    assert main(["ensemble", "result/round.toml", "--intervals", "-1", "--out", "result", "-q"]) == 2


def test_a_jury_that_cannot_be_resampled(here: Path) -> None:
    lines = Path("jury.csv").read_text().splitlines()
    Path("jury.csv").write_text("\n".join(lines[:2]) + "\n")
    result = run("ensemble", "jury.csv", "submissions", "-q")
    assert result.returncode == 0, result.stderr
    assert "No intervals: judgments: all are of one pair" in " ".join(result.stdout.split())
    assert "intervals.csv" not in files_of("hemicycle-out")


def test_evaluation_of_the_mechanisms(here: Path) -> None:
    result = run("ensemble", "jury.csv", "submissions", "--evaluate", "juror", "--folds", "4", "--out", "result", "-q")
    assert result.returncode == 0, result.stderr
    assert "Evaluation: judgments that were left out, by juror" in result.stdout
    rows = rows_of("result/evaluation.csv")
    assert {row["method"] for row in rows} == set(METHODS)
    elpd = [float(row["elpd"]) for row in rows]
    assert elpd == sorted(elpd, reverse=True)
    assert (rows[0]["diff"], rows[0]["rank"]) == ("0.0", "1")
    text = Path("result/round.toml").read_text()
    assert 'evaluate = "juror"' in text
    assert "folds = 4" in text
    assert json.loads(Path("result/summary.json").read_text())["evaluation"][0]["method"] == rows[0]["method"]
    before = files_of("result")
    assert main(["ensemble", "result/round.toml", "--out", "result", "--quiet"]) == 0
    assert files_of("result") == before
    assert main(["ensemble", "jury.csv", "submissions", "--out", "result", "--quiet"]) == 0
    assert "evaluation.csv" not in files_of("result")


def test_evaluation_chooses_widths_in_each_fold(here: Path) -> None:
    options = ["--sigma", "auto", "--evaluate", "juror", "--folds", "2", "--quiet"]
    assert main(["ensemble", "jury.csv", "submissions", *options]) == 0
    pool = Pool.read("submissions")
    round_ = Round(Judgments.read("jury.csv", items=pool.items), pool)
    expected = evaluate(round_, by="juror", folds=2, sigma="auto").compare()
    rows = rows_of("hemicycle-out/evaluation.csv")
    assert [row["method"] for row in rows] == list(expected["method"])
    for name in ("sigma", "elpd"):
        np.testing.assert_array_equal([float(row[name]) for row in rows], expected[name])


def test_evaluation_shows_a_dash_for_what_is_not_known(here: Path) -> None:
    head, *lines = Path("jury.csv").read_text().splitlines()
    juror, multiplier = head.split(",").index("juror"), head.split(",").index("multiplier")
    rows = [line.split(",") for line in lines]
    for k, row in enumerate(rows):
        row[juror if k % 2 else multiplier] = ""  # who is named does not say how much
    Path("jury.csv").write_text("\n".join([head, *map(",".join, rows)]) + "\n")
    result = run("ensemble", "jury.csv", "submissions", "--evaluate", "juror", "--intervals", "0", "-q")
    assert result.returncode == 0, result.stderr
    assert "nan%" not in result.stdout
    assert {row["elpd"] for row in rows_of("hemicycle-out/evaluation.csv")} == {"nan"}


def test_evaluation_of_a_split_that_is_left_out(here: Path) -> None:
    lines = Path("jury.csv").read_text().splitlines()
    rows = [f"{line},{'private' if i % 3 else 'public'}" for i, line in enumerate(lines[1:])]
    Path("jury.csv").write_text("\n".join([f"{lines[0]},split", *rows]) + "\n")
    options = ["--evaluate", "split", "--folds", "private", "--bootstrap", "50", "--quiet"]
    assert main(["ensemble", "jury.csv", "submissions", *options]) == 0
    assert 'folds = "private"' in Path("hemicycle-out/round.toml").read_text()
    assert len(rows_of("hemicycle-out/evaluation.csv")) == len(METHODS)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--evaluate", "model"], "evaluate: expected 'juror', 'pair' or 'split', got 'model'"),
        (["--folds", "5"], "folds is for an evaluation only"),
        (["--evaluate", "juror", "--folds", "1"], "folds is 1"),
        (["--evaluate", "juror", "--folds", "private"], "their number, got 'private'"),
        (["--evaluate", "split"], "the column split is missing"),
    ],
)
def test_evaluations_that_cannot_be(here: Path, options: list[str], says: str) -> None:
    result = run("ensemble", "jury.csv", "submissions", *options)
    assert result.returncode == 2
    assert says in " ".join(result.stderr.split())


def test_a_submission_that_was_fitted_to_the_jury_is_named(here: Path) -> None:
    pool = Pool.read("submissions")
    judgments = Judgments.read("jury.csv", items=pool.items)
    incidence = np.zeros((len(judgments), len(pool.items)))
    rows = np.arange(len(judgments))
    incidence[rows, judgments.b], incidence[rows, judgments.a] = 1, -1
    fitted = np.linalg.lstsq(incidence, np.nan_to_num(judgments.log_ratio))[0]
    text = "".join(f"{item.name},{item.parent},{math.exp(v)!r}\n" for item, v in zip(pool.items, fitted, strict=True))
    Path("submissions/zz-fitted.csv").write_text("repo,parent,weight\n" + text)
    result = run("ensemble", "jury.csv", "submissions", "--out", "result", "--quiet")
    assert result.returncode == 0, result.stderr
    assert "zz-fitted (to the log ratios" in " ".join(result.stdout.split())
    (suspect,) = json.loads(Path("result/summary.json").read_text())["suspects"]
    assert suspect["model"] == "zz-fitted"


def test_stacking_by_pair_travels_through_the_round_toml(here: Path) -> None:
    assert main(["ensemble", "jury.csv", "submissions", "--by", "pair", "--out", "result", "--quiet"]) == 0
    assert 'by = "pair"' in Path("result/round.toml").read_text()
    found = {each["method"]: each for each in json.loads(Path("result/summary.json").read_text())["mechanisms"]}
    assert found["stacking"]["by"] == "pair"
    before = files_of("result")
    assert main(["ensemble", "result/round.toml", "--out", "result", "--quiet"]) == 0
    assert files_of("result") == before
    assert main(["ensemble", "result/round.toml", "--by", "label", "--out", "other", "--quiet"]) == 0
    assert files_of("other")["leaderboard.csv"] != before["leaderboard.csv"]
    assert main(["ensemble", "jury.csv", "submissions", "--by", "juror", "--quiet"]) == 2
