"""Pools of arrays, matrix files and frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from hemicycle import Pool
from hemicycle.errors import (
    DtypeError,
    FormatError,
    IndexOutOfRangeError,
    NoDataError,
    NonFiniteError,
    OptionError,
    ShapeError,
)


def test_an_array_is_borrowed_and_cannot_be_written_through_the_pool():
    logits = np.zeros((2, 3))
    pool = Pool.from_array(logits)
    assert np.shares_memory(pool.logits, logits)
    assert (pool.models, pool.authors, len(pool)) == (("model-0", "model-1"), (None, None), 2)
    with pytest.raises(ValueError, match="read-only"):
        pool.logits[0, 0] = 1
    logits[0, 0] = 1


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        ("float64", "float64"),
        ("float32", "float32"),
        ("float16", "float32"),
        (">f8", "float64"),
        (">f4", "float32"),
        ("int32", "float64"),
    ],
)
def test_dtypes_of_logits(dtype, kept):
    pool = Pool.from_array(np.array([[1, 2], [3, 4]], dtype=dtype))
    assert (pool.logits.dtype, pool.logits.dtype.isnative) == (np.dtype(kept), True)
    np.testing.assert_array_equal(pool.logits, [[1, 2], [3, 4]])


def test_layouts_of_logits():
    strided = np.arange(24.0).reshape(4, 6)[::2, ::-2]
    strided.flags.writeable = False
    for logits in (strided, np.asfortranarray(strided), np.ma.masked_array(strided)):
        pool = Pool.from_array(logits)
        assert pool.logits.flags.c_contiguous
        np.testing.assert_array_equal(pool.logits, strided)


@pytest.mark.parametrize(
    ("logits", "options", "error", "message"),
    [
        (np.zeros(3), {}, ShapeError, r"logits: expected 2 dimensions, got shape \(3,\)"),
        (np.zeros((0, 3)), {}, NoDataError, "needs models and items"),
        (np.zeros((3, 0)), {}, NoDataError, "needs models and items"),
        (np.zeros((2, 2), dtype=bool), {}, DtypeError, "got dtype bool"),
        (np.zeros((2, 2), dtype=object), {}, DtypeError, "got dtype object"),
        (np.zeros((2, 2), dtype=complex), {}, DtypeError, "complex"),
        (np.ma.masked_equal([[1.0, 2.0]], 2), {}, DtypeError, "1 value masked"),
        ([[0, 1], [np.nan, 0]], {}, NonFiniteError, r"logits\[1, 0\] is nan"),
        ([[0, 1], [0, np.inf]], {}, NonFiniteError, r"logits\[1, 1\] is inf"),
        ([[0, 1]], {"items": ["x"]}, ShapeError, "items: expected 2"),
        ([[0, 1]], {"models": ["x", "y"]}, ShapeError, "models: expected 1"),
        ([[0, 1]], {"authors": []}, ShapeError, "authors: expected 1"),
        ([[0], [1]], {"models": ["x", "x"]}, FormatError, r"models\[1\] 'x' has the name of models\[0\]"),
    ],
)
def test_anything_wrong_in_an_array_is_an_error(logits, options, error, message):
    with pytest.raises(error, match=message):
        Pool.from_array(logits, **options)


def test_a_bad_logit_far_down_is_named():
    logits = np.zeros((70_000, 20), dtype=np.float32)
    logits[60_001, 7] = np.nan
    with pytest.raises(NonFiniteError, match=r"logits\[60001, 7\] is nan"):
        Pool.from_array(logits)


def test_a_zero_weight_bars_from_log_ratios_only():
    pool = Pool.from_array([[0, 1], [-np.inf, 0]])
    assert pool.scorable.tolist() == [True, False]
    assert pool.select(pool.scorable).models == ("model-0",)
    assert pool.select(pool.scorable).files == pool.files == ()


def test_select_and_families():
    pool = Pool.from_array(np.zeros((3, 1)), models=["elo-1", "stars v2", "plain"], authors=[None, None, "ada"])
    assert pool.families() == ("elo", "stars", "ada")
    assert pool.select([2, 0]).models == ("plain", "elo-1")
    with pytest.raises(ShapeError, match="models"):
        pool.select([True])
    with pytest.raises(IndexOutOfRangeError, match="models"):
        pool.select([3])


LONG = {
    "model": ["m", "n", "m", "n", "o"],
    "item": ["x", "y", "y", "x", "x"],
    "author": ["ada", None, "ada", None, None],
    "weight": [1.0, 2.0, 3.0, 4.0, None],
}


@pytest.mark.parametrize(
    "frame",
    [pd.DataFrame(LONG), pd.DataFrame(LONG).convert_dtypes(), pl.DataFrame(LONG), pa.table(LONG)],
    ids=["pandas", "nullable", "polars", "arrow"],
)
def test_long_frames(frame):
    pool = Pool.from_frame(frame)
    assert (pool.models, pool.authors) == (("m", "n"), ("ada", None))
    np.testing.assert_array_equal(pool.logits, np.log([[1, 3], [4, 2]]))
    (reject,) = pool.rejects
    assert (reject.file, reject.line, reject.field, reject.reason) == (
        "frame [o]",
        4,
        "weight",
        "empty; a number is needed",
    )


def test_frames_that_are_no_pool():
    with pytest.raises(FormatError, match="needs a column model"):
        Pool.from_frame(pd.DataFrame({"item": ["x"], "weight": [1]}))
    with pytest.raises(FormatError, match="found the columns model,value"):
        Pool.from_frame(pd.DataFrame({"model": ["x"], "value": [1]}))
    with pytest.raises(DtypeError, match="got dict"):
        Pool.from_frame(LONG)
    with pytest.raises(NoDataError, match="no rows"):
        Pool.from_frame(pd.DataFrame({"model": [], "item": [], "weight": []}))


def test_a_matrix_file_is_memory_mapped(tmp_path):
    path = tmp_path / "logits.npy"
    np.save(path, np.zeros((2, 3), dtype=np.float32))
    pool = Pool.read(path, items=["x", "y", "z"])
    assert (pool.logits.dtype, pool.items.names) == (np.float32, ("x", "y", "z"))
    assert isinstance(pool.logits.base, np.memmap) or isinstance(pool.logits.base.base, np.memmap | type(None))
    with pytest.raises(OptionError, match=r"pass items= \(--items\)"):
        Pool.read(path)
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(FormatError, match=r"logits\.npy"):
        Pool.read(path, items=3)
    path.write_bytes(b"")
    with pytest.raises(FormatError, match=r"logits\.npy"):
        Pool.read(path, items=3)
