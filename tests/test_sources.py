from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from hemicycle import Judgments
from hemicycle.errors import DtypeError, FormatError, NoDataError
from hemicycle.read_limits import ReadLimits
from hemicycle.sources import EMPTY, NOT_A_NUMBER, NOT_FINITE, NUMBER, Source

JURY = "repo_a,repo_b,choice,multiplier\nx,y,2,3\n"


def test_cells_come_with_their_lines(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes('\ufeffRepo A,the-weight,\r\n\r\nx,1,\r\n"two\r\nlines",1e400,\r\ny,1_0,\r\nz,,\r\n'.encode())
    source = Source.of_file(path)
    assert source.place == {"repo_a": 0, "the_weight": 1}
    np.testing.assert_array_equal(source.lines, [3, 4, 6, 7])
    values, status = source.table.numbers(1)
    np.testing.assert_array_equal(status, [NUMBER, NOT_FINITE, NOT_A_NUMBER, EMPTY])
    np.testing.assert_array_equal(values, [1, np.nan, np.nan, np.nan])
    codes, distinct = source.table.interned(0)
    assert [distinct[code] for code in codes] == ["x", "two\r\nlines", "y", "z"]
    with pytest.raises(IndexError, match=r"no cell \[4, 0\]"):
        source.table.cell(0, 4)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", NoDataError, "empty"),
        (b"\n\n", NoDataError, "empty"),
        (b"repo_a,repo_b,choice\n", NoDataError, "holds no judgments"),
        (b"repo_a,repo_b,choice\nx,y\0,1\n", FormatError, r"line 2: holds a NUL byte"),
        (b"repo_a,repo_b,choice\nx,\xff,1\n", FormatError, r"line 2: not UTF-8"),
        ("repo_a,repo_b,choice\nx,y,1\n".encode("utf-16"), FormatError, "NUL byte"),
        (b"a,b,c\n1,2,3\n", FormatError, "found the columns a,b,c; a jury needs repo_a,repo_b"),
        (b"repo_a,repo_b,choice,Choice\nx,y,1,1\n", FormatError, "the column 'Choice' occurs twice"),
        (b"repo_a,repo_b,choice\nx,y\n", NoDataError, "2 fields in this row, 3 in the header"),
    ],
)
def test_files_that_are_no_jury(tmp_path, content, error, message):
    path = tmp_path / "jury.csv"
    path.write_bytes(content)
    with pytest.raises(error, match=message):
        Judgments.read(path)


def test_paths_that_are_no_file(tmp_path):
    with pytest.raises(FormatError, match="is a directory"):
        Judgments.read(tmp_path)
    with pytest.raises(FormatError, match="there is no such file"):
        Judgments.read(tmp_path / "absent.csv")
    with pytest.raises(FormatError, match="not a regular file"):
        Judgments.read("/dev/zero")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (ReadLimits(file_bytes=10), r"larger than the limit of 10 bytes \(file_bytes; limits= and --limit raise it\)"),
        (ReadLimits(line_bytes=20), r"line 1: longer than the limit of 20 bytes \(line_bytes;"),
        (ReadLimits(rows=0), r"line 2: more than the limit of 0 rows \(rows;"),
        (ReadLimits(columns=3), r"line 1: 4, more than the limit of 3 columns \(columns;"),
    ],
)
def test_limits_are_named(tmp_path, limits, message):
    path = tmp_path / "jury.csv"
    path.write_text(JURY)
    with pytest.raises(FormatError, match=message):
        Judgments.read(path, limits=limits)


def test_a_line_beyond_the_limit_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "jury.csv"
    with path.open("wb") as file:
        file.write(b"repo_a,repo_b,choice\n")
        file.write(b"x" * (1 << 21))
        file.seek(200 << 20)  # a hole: reading on would meet a NUL byte and say so
        file.write(b"\n")
    with pytest.raises(FormatError, match=r"line 2: longer than the limit of 1048576 bytes"):
        Judgments.read(path)


ROWS = {"repo_a": ["x", "y", "z"], "repo_b": ["y", "z", "x"], "choice": [1, 2, 2], "multiplier": [3.0, None, 2.5]}
FRAMES = {
    "pandas": pd.DataFrame(ROWS),
    "pandas nullable": pd.DataFrame(ROWS).convert_dtypes(),
    "pandas arrow": pd.DataFrame(ROWS).convert_dtypes(dtype_backend="pyarrow"),
    "pandas object": pd.DataFrame(ROWS).astype(object),
    "pandas categorical": pd.DataFrame(ROWS).astype({"repo_a": "category"}),
    "polars": pl.DataFrame(ROWS),
    "polars integers": pl.DataFrame(ROWS).with_columns(pl.col("choice").cast(pl.UInt8)),
    "arrow": pa.table(ROWS),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_of_every_kind_say_the_same(kind):
    judgments = Judgments.from_frame(FRAMES[kind])
    np.testing.assert_array_equal(judgments.log_ratio, [-np.log(3), np.nan, np.log(2.5)])
    np.testing.assert_array_equal(judgments.choice, [1, 2, 2])
    np.testing.assert_array_equal(judgments.line, [0, 1, 2])
    assert judgments.items.names == ("x", "y", "z")


def test_integer_columns_of_a_frame():
    frame = pd.DataFrame({"repo_a": ["x"], "repo_b": ["y"], "choice": [2], "multiplier": np.array([3], dtype=np.int64)})
    np.testing.assert_array_equal(Judgments.from_frame(frame).log_ratio, [np.log(3)])


def test_what_is_no_frame():
    with pytest.raises(DtypeError, match="got list"):
        Judgments.from_frame([1, 2])
    with pytest.raises(DtypeError, match="got LazyFrame"):
        Judgments.from_frame(pl.DataFrame(ROWS).lazy())
    twice = pd.DataFrame([["x", "y", 1, 1]], columns=["repo_a", "repo_b", "choice", "choice"])
    with pytest.raises(FormatError, match="choice"):
        Judgments.from_frame(twice)
    with pytest.raises(NoDataError, match="empty"):
        Judgments.from_frame(pd.DataFrame())


def test_a_frame_whose_columns_have_numbers_for_names():
    with pytest.raises(FormatError, match="found the columns 0,1"):
        Judgments.from_frame(pd.DataFrame({0: ["a"], 1: ["b"]}))


@pytest.mark.parametrize("index", [[7, 7], [("x", 1), ("x", 1)]])
def test_the_index_of_a_frame_is_not_looked_at(index):
    frame = pd.DataFrame({"repo_a": ["a", "b"], "repo_b": ["b", "c"], "choice": [1, 2]})
    frame.index = pd.MultiIndex.from_tuples(index) if isinstance(index[0], tuple) else pd.Index(index)
    assert Judgments.from_frame(frame).choice.tolist() == [1, 2]
