"""Result tables: columns, rows, frames and csv."""

from __future__ import annotations

import csv
import io
import sys

import numpy as np
import pytest

from hemicycle.errors import MissingExtraError, OptionError, ShapeError
from hemicycle.table import Table

FLOATS = np.array([0.1, 1 / 3, 5e-324, -0.0, np.inf, np.nan, 1e22])


@pytest.fixture
def table() -> Table:
    return Table({"rank": np.array([1, 2]), "model": ("elo", "market"), "weight": np.array([0.25, 0.75])})


def test_columns_rows_and_length(table):
    assert table.columns == ("rank", "model", "weight")
    assert len(table) == 2
    assert table["model"] == ("elo", "market")
    assert list(table) == [
        {"rank": 1, "model": "elo", "weight": 0.25},
        {"rank": 2, "model": "market", "weight": 0.75},
    ]
    assert repr(table) == "Table(2 rows: rank, model, weight)"


def test_arrays_are_read_only_and_theirs_stay_writable():
    values = np.arange(3.0)
    table = Table({"x": values})
    with pytest.raises(ValueError, match="read-only"):
        table["x"][0] = 1
    values[0] = 5


def test_text_aligns_and_is_cut():
    lines = str(Table({"name": [f"n{i}" for i in range(25)], "x": np.arange(25)})).splitlines()
    assert lines[:2] == ["name   x", "n0     0"]
    assert lines[-1] == "... 5 more rows"
    assert len(lines) == 22


def test_what_is_printed_may_be_shorter():
    table = Table({"item": ["https://x.org/a"], "models": ["a, b, c, d"]}, printed={"models": ["4 models"]})
    assert str(table).splitlines()[1] == "https://x.org/a  4 models"
    assert next(iter(table))["models"] == "a, b, c, d"
    stream = io.StringIO()
    table.write_csv(stream)
    assert "a, b, c, d" in stream.getvalue()


def test_errors(table):
    with pytest.raises(OptionError, match="no column 'share'; the columns are rank, model, weight"):
        table["share"]
    with pytest.raises(ShapeError, match="differ in length"):
        Table({"x": [1], "y": [1, 2]})
    with pytest.raises(ShapeError, match="one dimension"):
        Table({"x": np.zeros((2, 2))})


def test_frames(table):
    for frame in (table.to_pandas(), table.to_polars(), table.to_arrow().to_pandas()):
        assert list(frame.columns) == ["rank", "model", "weight"]
        assert frame["model"].to_list() == ["elo", "market"]
        assert frame["weight"].to_list() == [0.25, 0.75]


def test_a_frame_may_be_written_to(table):
    frame = table.to_pandas()
    frame.loc[0, "weight"] = 1.0
    assert table["weight"][0] == 0.25


@pytest.mark.parametrize("package", ["pandas", "polars", "pyarrow"])
def test_a_missing_package_is_named(table, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    method = {"pandas": table.to_pandas, "polars": table.to_polars, "pyarrow": table.to_arrow}[package]
    with pytest.raises(MissingExtraError, match=f"needs {package}.*pip install"):
        method()


def test_csv_reads_back_bit_for_bit(tmp_path):
    names = ["plain", "a,b", 'say "so"', "two\nlines", "\r", "", " blank "]
    Table({"name": names, "x": FLOATS, "line": [None, 1, 2, 3, 4, 5, 6]}).write_csv(tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == [*names[:4], "'\r", *names[5:]]
    np.testing.assert_array_equal([float(row["x"]) for row in rows], FLOATS)
    assert [row["line"] for row in rows] == ["", "1", "2", "3", "4", "5", "6"]


def test_csv_uses_line_feeds_and_few_quotes(table, tmp_path):
    table.write_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == b"rank,model,weight\n1,elo,0.25\n2,market,0.75\n"
    stream = io.StringIO()
    table.write_csv(stream)
    assert stream.getvalue() == "rank,model,weight\n1,elo,0.25\n2,market,0.75\n"


def test_a_name_that_is_not_text_is_escaped(tmp_path):
    Table({"model": ["caf\udce9"]}).write_csv(str(tmp_path / "t.csv"))
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == "model\ncaf\\udce9\n"


def test_an_empty_table(tmp_path):
    empty = Table({"model": (), "weight": np.zeros(0)})
    empty.write_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "model,weight\n"
    assert len(empty) == len(list(empty)) == len(Table({})) == 0
    assert str(empty) == "model  weight"
