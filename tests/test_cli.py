from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from hemicycle.cli import app, main
from hemicycle.cli.app import Method
from hemicycle.round import METHODS
from hemicycle.synthetic import two_camp_round

if TYPE_CHECKING:
    from collections.abc import Mapping

BUNDLE = {
    "leaderboard.csv", "allocation.csv", "weights.csv", "rejects.csv", "summary.json", "round.toml", "hemicycle.svg",
}  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a small round: jury.csv and submissions/."""
    two_camp_round(3, n_items=12, n_pairs=30, n_models=40).write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def run(*args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "NO_COLOR"}} | dict(env or {})
    command = [sys.executable, "-m", "hemicycle", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def rows_of(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files_of(folder: str | Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def valid_model() -> Path:
    return next(path for path in sorted(Path("submissions").iterdir()) if path.name.startswith("infra"))


def rewrite(path: Path, **weights: str) -> None:
    """Replace weights in a submission, by the place of the row: w0="nan" changes the first."""
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    column = rows[0].index("weight")
    for place, weight in weights.items():
        rows[1 + int(place[1:])][column] = weight
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


# ensemble


def test_ensemble_writes_the_bundle_and_prints_the_result(here: Path) -> None:
    result = run("ensemble", "jury.csv", "submissions", "--out", "result")
    assert result.returncode == 0, result.stderr
    assert set(files_of("result")) == BUNDLE
    assert result.stderr == "wrote result\n"
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
    assert main(arguments) == 0
    used = json.loads(Path("hemicycle-out/summary.json").read_text())["judgments"]["used"]
    assert used == (len(lines) - 1) // 2
    assert main([*arguments[:3], "--split", "secret"]) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ensemble", "absent.csv", "submissions"], "absent.csv"),
        (["ensemble", "jury.csv", "absent"], "absent"),
        (["ensemble", "jury.csv"], "POOL"),
        (["ensemble", "round.toml", "submissions"], "POOL"),
        (["ensemble", "absent.toml"], "absent.toml: No such file"),
        (["ensemble", "submissions", "submissions"], "submissions"),
        (["ensemble", "submissions/faulty-empty.csv", "submissions"], "faulty-empty.csv"),
        (["ensemble", "jury.csv", "submissions/faulty-empty.csv"], "faulty-empty.csv"),
        (["ensemble", "jury.csv", "submissions", "--sigma", "0"], "sigma"),
        (["ensemble", "jury.csv", "submissions", "--sigma", "nan"], "sigma"),
        (["ensemble", "jury.csv", "submissions", "--power", "nan"], "power"),
        (["ensemble", "jury.csv", "submissions", "--min-weight", "-1"], "min_weight"),
        (["ensemble", "jury.csv", "submissions", "--prior", "absent.csv"], "absent.csv"),
        (["ensemble", "jury.csv", "submissions", "--prior", "jury.csv"], "model,weight"),
        (["ensemble", "jury.csv", "submissions", "--out", "submissions"], "--out"),
        (["ensemble", "jury.csv", "submissions", "--out", "jury.csv"], "--out"),
        (["check", "absent.csv"], "absent.csv: No such file"),
        (["check", "submissions"], "is a folder"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_2(
    here: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_of("submissions")
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert says in err
    assert files_of("submissions") == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["ensemble"],
        ["vote"],
        ["--nope"],
        ["check"],
        ["ensemble", "j", "p", "--sigma", "x"],
        ["ensemble", "j", "p", "--method", "m"],
    ],
)
def test_usage_errors_are_exit_2_without_traceback(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Usage" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [["ensemble", "absent.csv", "submissions"], ["vote"]])
def test_a_process_says_no_more_than_its_main(here: Path, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


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


# hostile names


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
    assert set(document["models"]) == {name.strip() for name in HOSTILE}
    repeated = run("ensemble", "out/round.toml", "--out", "again")
    assert repeated.returncode == 0
    assert files_of("out") == files_of("again")


# terminals and pipes


def test_no_escape_codes_off_a_terminal_or_under_no_color(here: Path) -> None:
    assert "\x1b" not in run("ensemble", "jury.csv", "submissions").stdout
    colored = run("ensemble", "jury.csv", "submissions", env={"FORCE_COLOR": "1"}).stdout
    assert "\x1b[" in colored
    plain = run("ensemble", "jury.csv", "submissions", env={"NO_COLOR": "1", "FORCE_COLOR": "1"}).stdout
    assert "\x1b[3" not in plain
    assert "○" in plain


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_lines_fit_the_terminal(here: Path, columns: str) -> None:
    result = run("ensemble", "jury.csv", "submissions", env={"COLUMNS": columns})
    assert result.returncode == 0
    assert max(map(len, result.stdout.splitlines())) <= max(int(columns), 52)


def test_an_ascii_terminal_gets_letters(here: Path) -> None:
    result = run("ensemble", "jury.csv", "submissions", env={"PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0, result.stderr
    assert "A A A" in result.stdout
    assert result.stdout.isascii()


@pytest.mark.skipif(os.name == "nt", reason="pipes of a POSIX shell")
def test_a_reader_that_leaves_is_no_error(here: Path) -> None:
    command = f"{sys.executable} -m hemicycle ensemble jury.csv submissions --format json | head -c 1 >/dev/null"
    result = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
    assert "Broken" not in result.stderr


def test_interruption_is_exit_130(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hemicycle.cli.ensemble.run_ensemble", interrupted)
    assert main(["ensemble", "jury.csv", "submissions"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_a_process_without_traceback(here: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hemicycle", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert "synthetic round" in first
    assert process.returncode == 130
    assert "Traceback" not in rest


@pytest.mark.parametrize("error", [RuntimeError("lost"), BaseException("panicked")])
def test_our_own_bugs_are_exit_101_and_say_so(
    here: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("hemicycle.cli.ensemble.run_ensemble", broken)
    assert main(["ensemble", "jury.csv", "submissions"]) == 101
    said = capsys.readouterr().err
    assert "bug in hemicycle" in said
    assert "hemicycle.cli.app, line" in said
    assert said.count("\n") == 1


def test_out_of_memory_is_no_bug(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("hemicycle.cli.ensemble.run_ensemble", hungry)
    assert main(["ensemble", "jury.csv", "submissions"]) == 2


# check


def test_check_of_valid_and_invalid_files(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = valid_model()
    assert main(["check", str(model)]) == 0
    assert "valid" in capsys.readouterr().out
    bad = Path("bad.csv")
    bad.write_text(model.read_text())
    rewrite(bad, w1="abc", w3="-2", w4="inf")
    assert main(["check", str(model), "bad.csv", "--pool", "submissions", "--quiet"]) == 1
    said = capsys.readouterr().out
    for part in ("line 3", "'abc'", "line 5", "'-2'", "line 6", "'inf'"):
        assert part in said


def test_check_scores_and_ranks_like_the_board(here: Path) -> None:
    assert main(["ensemble", "jury.csv", "submissions", "--out", "out", "--quiet"]) == 0
    board = {row["model"]: row for row in rows_of("out/leaderboard.csv")}
    models = [path for path in sorted(Path("submissions").iterdir()) if path.stem in board][:3]
    result = run("check", *map(str, models), "--jury", "jury.csv", "--pool", "submissions", "--format", "json")
    assert result.returncode == 0
    for found in json.loads(result.stdout)["files"]:
        row = board[found["model"]]
        assert (found["rank"], found["of"]) == (int(row["rank"]), 40)
        for name in ("log_likelihood", "mse", "accuracy"):
            assert found[name] == float(row[name])


def test_check_ranks_among_the_files_without_a_pool(here: Path) -> None:
    models = [str(p) for p in sorted(Path("submissions").iterdir()) if not p.name.startswith("faulty")][:4]
    result = run("check", *models, "--jury", "jury.csv", "--format", "csv", "--quiet")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert (
        sorted(row["rank"] for row in rows) == sorted({row["rank"] for row in rows})
        or len({row["log_likelihood"] for row in rows}) < 4
    )
    assert {row["of"] for row in rows} == {"4"}
    assert [row["file"] for row in rows] == [Path(model).name for model in models]


def test_check_ranks_files_of_one_name_apart(here: Path) -> None:
    model = valid_model()
    Path("copies").mkdir()
    Path("copies", model.name).write_text(model.read_text())
    arguments = ["check", str(model), f"copies/{model.name}", "--jury", "jury.csv", "--format", "json"]
    found = json.loads(run(*arguments).stdout)["files"]
    assert [(file["rank"], file["of"]) for file in found] == [(1, 2), (1, 2)]


def test_check_says_where_the_items_come_from(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = valid_model()
    for arguments, says in (([], "the file itself"), (["--pool", "submissions"], "the pool")):
        assert main(["check", str(model), "--jury", "jury.csv", *arguments]) == 0
        assert says in capsys.readouterr().out


def test_check_names_the_items_of_the_jury_that_a_file_lacks(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = valid_model()
    assert main(["check", str(model), "--jury", "jury.csv"]) == 0
    assert "not listed here" not in capsys.readouterr().out
    rows = model.read_text().splitlines()
    model.write_text("\n".join(rows[:-2]) + "\n")
    assert main(["check", str(model), "--jury", "jury.csv", "--format", "json"]) == 0
    (note,) = [note for note in json.loads(capsys.readouterr().out)["notes"] if "not listed here" in note]
    assert note.startswith("jury: it also names 2 items not listed here: ")
    assert all(repr(row.split(",")[0]) in note for row in rows[-2:])


def test_check_of_a_zero_weight_is_valid_and_says_what_it_costs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = valid_model()
    rewrite(model, w2="0")
    assert main(["check", str(model), "--jury", "jury.csv"]) == 0
    assert "--min-weight" in capsys.readouterr().out
    assert main(["check", str(model), "--jury", "jury.csv", "--min-weight", "1e-6"]) == 0
    assert "1 of 1" in capsys.readouterr().out


# the frame


def test_version_and_help() -> None:
    assert run("--version").stdout.startswith("hemicycle 0.")
    for command in ("ensemble", "check", "demo"):
        result = run(command, "--help")
        assert result.returncode == 0
        assert "Examples" in result.stdout
        assert f"hemicycle {command}" in result.stdout


def test_help_waits_for_nothing_heavy() -> None:
    code = "import sys; from hemicycle.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for module in ("numpy", "scipy", "narwhals", "jinja2", "msgspec", "pandas", "polars", "pyarrow"):
        assert module not in result.stderr.split()
