"""Limits of reading: named, set by keyword and by option, and kept in round.toml."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hemicycle import Judgments, Pool
from hemicycle.cli import main
from hemicycle.config import read_config
from hemicycle.errors import FormatError, NoDataError, OptionError
from hemicycle.read_limits import ReadLimits, limit_changes

GOOD = "repo,weight\nx,1\ny,2\n"


@pytest.mark.parametrize("bad", [-1, 1.5, True, "5", 1 << 63])
def test_limits_are_whole_numbers(bad: object) -> None:
    with pytest.raises(OptionError, match="limit rows: expected a whole number"):
        ReadLimits(rows=bad)


@pytest.mark.parametrize(
    "bad",
    [
        "rows",
        "rows=",
        "rows=-1",
        "rows=1e6",
        "rows=٣",
        "rows=" + "9" * 30,
        "row=1",
        "=1",
        "",
        "rows=9223372036854775808",
    ],
)
def test_options_name_a_limit_and_a_number(bad: str) -> None:
    with pytest.raises(OptionError, match="limit"):
        limit_changes([bad])
    assert limit_changes(["rows=5", "ratio=0"]) == {"rows": 5, "ratio": 0}


def test_each_limit_is_in_the_help_and_in_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["ensemble", "--help"])
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    page = (Path(__file__).parents[1] / "docs" / "hostile.md").read_text(encoding="utf-8")
    for field in fields(ReadLimits):
        assert field.name in shown
        assert f"| `{field.name}` | {_in_words(field.default)} |" in page


def _in_words(value: object) -> str:
    assert isinstance(value, int)
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20)):
        if value >= size and value % size == 0:
            return f"{value // size} {unit}"
    return f"{value:,}"


def test_a_folder_of_too_many_files_or_bytes_is_refused_whole(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    for name in ("a.csv", "b.csv", "ada/c.csv"):
        (tmp_path / name).write_text(GOOD)
    assert len(Pool.read(tmp_path, limits=ReadLimits(files=4, total_bytes=3 * len(GOOD)))) == 3
    with pytest.raises(FormatError, match=r"more than the limit of 3 files \(files; limits= and --limit raise it\)"):
        Pool.read(tmp_path, limits=ReadLimits(files=3))
    with pytest.raises(FormatError, match=rf"larger than the limit of {3 * len(GOOD) - 1} bytes \(total_bytes;"):
        Pool.read(tmp_path, limits=ReadLimits(total_bytes=3 * len(GOOD) - 1))


def test_the_limit_of_a_long_table_is_that_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "pool.csv"
    path.write_text("model,repo,weight\n" + "a,x,1\n" * 100)
    with pytest.raises(FormatError, match=r"limit of 300 bytes \(file_bytes;"):
        Pool.read(path, limits=ReadLimits(file_bytes=300, submission_bytes=200))


def test_a_frame_has_names_and_files_to_limit(tmp_path: Path) -> None:
    """A frame is in memory, whatever its size: its names are bounded, and the files that are named beside it."""
    long = "n" * 201
    models = pl.DataFrame({"model": ["a", "a", "b", "b"], "item": ["x", "y"] * 2, "weight": [1, 2, 3, 4]})
    jury = pl.DataFrame({"item_a": ["x"], "item_b": ["y"], "log_ratio": [1.0]})
    (tmp_path / "items.csv").write_text("item\nx\ny\n")
    (tmp_path / "rename.csv").write_text("old,new\nw,x\n")
    readers: tuple[tuple[Any, Any, str], ...] = ((Pool, models, "item"), (Judgments, jury, "item_a"))
    for kind, frame, column in readers:
        named = frame.with_columns(pl.col(column).replace("x", long))
        with pytest.raises(NoDataError, match="name_characters; limits= and --limit raise it"):
            kind.from_frame(named)
        assert long in kind.from_frame(named, limits=ReadLimits(name_characters=201)).items.names
        assert len(kind.from_frame(frame, limits=ReadLimits(rows=0, columns=0, file_bytes=0))) == len(set(frame[:, 0]))
        for option in ("items", "rename"):
            with pytest.raises(FormatError, match=r"limit of 3 bytes \(file_bytes;"):
                kind.from_frame(frame, **{option: tmp_path / f"{option}.csv"}, limits=ReadLimits(file_bytes=3))


def test_a_run_keeps_its_limits(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--intervals", "0", "--quiet", "--format", "json", "--limit", "submission_rows=3"]
    assert main(["ensemble", "jury.csv", "submissions", "--out", "out", *options]) == 2
    assert "submission_rows; limits= and --limit raise it" in capsys.readouterr().err
    options[-1] = "name_characters=77"
    assert main(["ensemble", "jury.csv", "submissions", "--out", "out", *options]) == 0
    assert json.loads(capsys.readouterr().out)["options"]["limits"] == {"name_characters": 77}
    config = read_config(Path("out/round.toml"))
    assert config.read_limits == ReadLimits(name_characters=77)
    assert main(["verify", "out", "--quiet"]) == 0
    assert main(["check", "jury.csv", "--limit", "rows=x"]) == 2


def test_a_config_of_nothing_but_brackets(tmp_path: Path) -> None:
    (tmp_path / "round.toml").write_text("a = " + "[" * 100_000)
    with pytest.raises(FormatError, match="nested too deeply"):
        read_config(tmp_path / "round.toml")
    (tmp_path / "round.toml").write_text('jury = "j"\npool = "p"\n[limits]\nrow = 3\n')
    with pytest.raises(OptionError, match="limit: expected one of file_bytes"):
        read_config(tmp_path / "round.toml")
