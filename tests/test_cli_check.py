"""`hemicycle check`: whether files are valid and what the board would say of them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from command_line import rewrite, rows_of, run, valid_model
from hemicycle.cli import main

if TYPE_CHECKING:
    import pytest


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
