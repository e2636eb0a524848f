from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hemicycle import Judgments
from hemicycle.errors import (
    DomainError,
    DtypeError,
    IndexOutOfRangeError,
    NoDataError,
    NonFiniteError,
    OptionError,
    ShapeError,
)
from hemicycle.items import Items

VALID = {"a": [0, 1, 2], "b": [1, 2, 0], "log_ratio": [1.0, -2.0, 0.0]}


def test_arrays_become_judgments():
    judgments = Judgments.from_arrays(**VALID)
    assert len(judgments) == 3
    assert judgments.items == Items.of(3)
    np.testing.assert_array_equal(judgments.choice, [2, 1, 0])
    np.testing.assert_array_equal(judgments.weight, [1, 1, 1])
    assert judgments.juror == (None, None, None)
    assert [array.dtype for array in (judgments.a, judgments.log_ratio, judgments.choice)] == [
        "int64",
        "float64",
        "int8",
    ]


@pytest.mark.parametrize("dtype", ["int8", "uint16", ">i4", "uint64"])
def test_indices_of_any_integer_dtype(dtype):
    judgments = Judgments.from_arrays(np.array([0, 1], dtype=dtype), np.array([1, 2], dtype=dtype), [1, 2])
    np.testing.assert_array_equal(judgments.b, [1, 2])


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f8", ">f4", "int32"])
def test_ratios_of_any_real_dtype(dtype):
    ratio = np.array([2, -1], dtype=dtype)
    judgments = Judgments.from_arrays([0, 1], [1, 2], ratio)
    np.testing.assert_array_equal(judgments.log_ratio, [2.0, -1.0])
    assert judgments.log_ratio.dtype.isnative


def test_strided_read_only_and_masked_arrays():
    ratio = np.arange(6.0)[::2]
    ratio.flags.writeable = False
    masked = np.ma.masked_array([0, 1, 2], mask=False)
    judgments = Judgments.from_arrays(masked, [1, 2, 0], ratio)
    np.testing.assert_array_equal(judgments.log_ratio, [0, 2, 4])


def test_the_arrays_are_copies_that_cannot_be_written():
    a, weight = np.array([0, 1]), np.array([1.0, 2.0])
    judgments = Judgments.from_arrays(a, [1, 2], [1.0, 2.0], weight=weight)
    a[0], weight[0] = 2, 7
    assert (judgments.a[0], judgments.weight[0]) == (0, 1)
    with pytest.raises(ValueError, match="read-only"):
        judgments.a[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        judgments.pairs.weight[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        judgments.a = a


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"a": [0, 1, 3], "items": 3}, IndexOutOfRangeError, r"a\[2\] is 3; there are 3 items"),
        ({"b": [1, -2, 0]}, IndexOutOfRangeError, r"b\[1\] is -2"),
        ({"a": [0, 1, 10**15]}, DomainError, "at most"),
        ({"a": [0, 2, 2]}, DomainError, r"b\[1\] is 2, the same item as a\[1\]"),
        ({"a": [0.0, 1.0, 2.0]}, DtypeError, "a: expected integers, the row numbers of items"),
        ({"a": ["x", "y", "z"]}, DtypeError, r"a: .*for names use Judgments\.from_frame or Judgments\.read\)"),
        ({"a": [True, False, True]}, DtypeError, "got dtype bool"),
        ({"a": np.array([0, 1, 2], dtype=object)}, DtypeError, "got dtype object"),
        ({"a": ["0", "1", "2"]}, DtypeError, "a: expected integers"),
        ({"a": [[0, 1, 2]]}, ShapeError, r"a: expected 1 dimension, got shape \(1, 3\)"),
        ({"a": np.ma.masked_array([0, 1, 2], mask=[0, 1, 0])}, DtypeError, "1 value masked"),
        ({"b": [1, 2]}, ShapeError, "b: expected length 3"),
        ({"log_ratio": [1.0, 2.0]}, ShapeError, "log_ratio: expected length 3"),
        ({"log_ratio": [1.0, np.nan, 0]}, NonFiniteError, r"log_ratio\[1\] is nan"),
        ({"log_ratio": [1.0, np.inf, 0]}, NonFiniteError, r"log_ratio\[1\] is inf"),
        ({"log_ratio": [1.0, 2e6, 0]}, DomainError, r"log_ratio\[1\] is 2000000.0; it must be within"),
        ({"log_ratio": [1.0, 1j, 0]}, DtypeError, "complex"),
        (
            {"log_ratio": np.zeros(3, dtype="longdouble")},
            DtypeError,
            "at most float64, got dtype",
        ),
        ({"log_ratio": [1.0, -np.inf, 0], "choice": [1, 1, 1]}, NonFiniteError, r"log_ratio\[1\] is -inf"),
        ({"log_ratio": [np.nan, 1, 0], "choice": [0, 1, 1]}, NonFiniteError, "says nothing"),
        ({"log_ratio": None}, NoDataError, "needs a log_ratio or a choice"),
        ({"choice": [1, 2, 3]}, DomainError, r"choice\[2\] is 3"),
        ({"choice": [1.0, 2.0, 1.0]}, DtypeError, "choice: expected integers"),
        ({"choice": [[1, 2, 1]]}, ShapeError, "choice: expected 1 dimension"),
        ({"choice": [1, 2]}, ShapeError, "choice: expected length 3"),
        ({"weight": [1, -1, 1]}, DomainError, r"weight\[1\] is -1.0; it must not be negative"),
        ({"weight": [1, np.nan, 1]}, NonFiniteError, r"weight\[1\] is nan"),
        ({"weight": [1, 1]}, ShapeError, "weight: expected length 3"),
        ({"weight": [1, 1, 1e101]}, DomainError, r"weight\[2\] is 1e\+101; it must be at most 1e\+100"),
        ({"juror": ["x", "y"]}, ShapeError, "juror: expected length 3"),
        ({"juror": "xyz"}, DtypeError, "juror"),
        (
            {"items": [("p", "x"), ("q", "y"), ("q", "z")]},
            DomainError,
            r"a\[0\] and b\[0\] belong to different parents",
        ),
        ({"items": 1.5}, DtypeError, "items"),
    ],
)
def test_anything_wrong_in_arrays_is_an_error(change, error, message):
    with pytest.raises(error, match=message):
        Judgments.from_arrays(**(VALID | change))


def test_no_rows():
    with pytest.raises(NoDataError, match="no judgments"):
        Judgments.from_arrays([], [], [])


def test_ordinal_rows_need_a_choice():
    judgments = Judgments.from_arrays([0, 1], [1, 2], [np.nan, 1.0], choice=[2, 1])
    assert (judgments.n_ordinal, judgments.is_cardinal.tolist()) == (1, [False, True])
    assert len(judgments.pairs) == 1
    assert Judgments.from_arrays([0], [1], choice=[1]).n_ordinal == 1


def test_pairs_are_oriented_sorted_and_weighted():
    judgments = Judgments.from_arrays(
        [2, 0, 1, 0, 1], [1, 1, 2, 2, 0], [1.0, 2.0, 3.0, 4.0, -5.0], weight=[1, 2, 3, 0, 4]
    )
    pairs = judgments.pairs
    np.testing.assert_array_equal(pairs.a, [0, 1])
    np.testing.assert_array_equal(pairs.b, [1, 2])
    np.testing.assert_array_equal(pairs.offsets, [0, 2, 4])
    np.testing.assert_array_equal(pairs.log_ratio, [2, 5, -1, 3])
    np.testing.assert_array_equal(pairs.weight, [2, 4, 1, 3])
    np.testing.assert_array_equal(pairs.row, [1, 4, 0, 2])
    np.testing.assert_array_equal(pairs.pair_of_label, [0, 0, 1, 1])
    np.testing.assert_allclose(pairs.mean_log_ratio, [4, 2], rtol=1e-15)
    assert (len(pairs), pairs.n_labels, pairs.n_zero_weight) == (2, 4, 1)
    assert (pairs.a.dtype, pairs.offsets.dtype, pairs.row.dtype) == ("uint32", "int64", "int64")
    assert judgments.pairs is pairs


def test_weights_of_pairs():
    pairs = Judgments.from_arrays([0, 1, 1], [1, 0, 2], [1.0, 2.0, 3.0], weight=[0.5, 1, 2]).pairs
    np.testing.assert_array_equal(pairs.pair_weight(), [1, 1])
    np.testing.assert_array_equal(pairs.pair_weight("total"), [1.5, 2])
    np.testing.assert_array_equal(pairs.pair_weight([3, 0]), [3, 0])
    for given, error in [
        ("sum", OptionError),
        ([1], ShapeError),
        ([1, -1], DomainError),
        ([1, 1e151], DomainError),
        ([1, np.nan], NonFiniteError),
    ]:
        with pytest.raises(error, match=r"^pair_weights"):
            pairs.pair_weight(given)


def test_no_cardinal_judgment_makes_no_pair():
    pairs = Judgments.from_arrays([0], [1], choice=[1]).pairs
    assert (len(pairs), pairs.n_labels, pairs.n_zero_weight) == (0, 0, 0)
    assert (pairs.total_weight.shape, pairs.mean_log_ratio.shape, pairs.offsets.tolist()) == ((0,), (0,), [0])


def test_juror_weights_multiply():
    judgments = Judgments.from_arrays([0, 0, 0], [1, 1, 2], [1, 2, 3], juror=["j", "k", None], weight=[2, 3, 5])
    weighted = judgments.with_juror_weights({"j": 0.5, "k": 0})
    np.testing.assert_array_equal(weighted.weight, [1, 0, 5])
    np.testing.assert_array_equal(judgments.weight, [2, 3, 5])
    assert (weighted.pairs.n_labels, judgments.pairs.n_labels) == (2, 3)
    assert judgments.with_juror_weights({"j": 0, "k": 0}).pairs.n_zero_weight == 1
    with pytest.raises(OptionError, match="'l' gave no judgment"):
        judgments.with_juror_weights({"l": 1})
    with pytest.raises(DomainError, match=r"juror weights\['j'\] is -1.0"):
        judgments.with_juror_weights({"j": -1})
    with pytest.raises(DomainError, match=r"^juror weights: weight\[1\] is 3\S+e\+100; it must be at most"):
        judgments.with_juror_weights({"k": 1e100})


def test_select_by_mask_and_by_row():
    judgments = Judgments.from_arrays(**VALID, juror=["i", "j", "k"])
    for rows in ([False, True, True], np.array([1, 2])):
        chosen = judgments.select(rows)
        assert (chosen.juror, chosen.line.tolist()) == (("j", "k"), [1, 2])
    assert len(judgments.select([])) == 0
    with pytest.raises(ShapeError, match="rows"):
        judgments.select([True])
    with pytest.raises(IndexOutOfRangeError, match=r"^rows\[0\] is 3; there are 3 judgments"):
        judgments.select([3])
    with pytest.raises(ShapeError, match="rows: expected 1 dimension"):
        judgments.select(True)
    for masked in (np.ma.masked_array([0, 1], mask=[1, 0]), np.ma.masked_array([True] * 3, mask=[1, 0, 0])):
        with pytest.raises(DtypeError, match="rows: 1 value masked"):
            judgments.select(masked)


def test_align_moves_to_another_list_and_rejects_the_unknown():
    judgments = Judgments.from_arrays([0, 1, 0], [1, 2, 2], [1, 2, 3], items=["x", "y", "z"])
    aligned = judgments.align(Items.of(["w", "https://github.com/Z", "X"]))
    assert (aligned.a.tolist(), aligned.b.tolist(), aligned.line.tolist()) == ([2], [1], [2])
    assert [(reject.line, reject.value) for reject in aligned.rejects] == [(0, "x, y"), (1, "y, z")]
    assert aligned.rejects[0].reason == "'y' is not among the items of the round; rename it, or give the items"


def test_align_finds_the_parent_that_was_not_named():
    judgments = Judgments.from_arrays([0], [1], [1.0], items=["x", "y"])
    aligned = judgments.align(Items.of([("p", "x"), ("q", "x"), ("q", "y")]))
    assert (aligned.a.tolist(), aligned.b.tolist()) == ([1], [2])
    (apart,) = judgments.align(Items.of([("p", "x"), ("q", "y")])).rejects
    assert apart.reason == "'x' and 'y' have no parent in common"
    (either,) = judgments.align(Items.of([(parent, name) for parent in "pq" for name in "xy"])).rejects
    assert either.reason == "'x' and 'y' have 2 parents in common; name the parent"


def test_align_to_a_list_without_parents_and_to_another_parent():
    judgments = Judgments.from_arrays([0], [1], [1.0], items=[("p", "x"), ("p", "y")])
    assert judgments.align(Items.of(["y", "x"])).a.tolist() == [1]
    (reject,) = judgments.align(Items.of([("q", "x"), ("q", "y")])).rejects
    assert reject.reason == "'x' of 'p' is not among the items of the round; rename it, or give the items"
