"""What is left out together: jurors, pairs and splits, and what cannot be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hemicycle import Judgments
from hemicycle.errors import DomainError, DtypeError, FormatError, NoDataError, OptionError
from hemicycle.folds import folds_of

A, B = [0, 1, 0, 2, 1, 0, 2], [1, 0, 2, 1, 2, 1, 0]
JURORS = ["ann", "bob", "ann", None, "cy", "ann", "bob"]


def jury(**named):
    given = {"juror": JURORS, "items": 3, "weight": [1, 1, 1, 1, 1, 1, 0]} | named
    return Judgments.from_arrays(A, B, np.arange(1.0, 8.0), **given)


def rows(parts):
    return {part.name: part.rows.tolist() for part in parts}


def test_each_juror_by_itself():
    assert rows(folds_of(jury(), "juror")) == {"juror ann": [0, 2, 5], "juror bob": [1], "juror cy": [4]}
    assert rows(folds_of(jury(), "juror", 3)) == rows(folds_of(jury(), "juror", 99)) == rows(folds_of(jury(), "juror"))


def test_the_only_juror_who_is_named():
    alone = jury(juror=["ann", None, "ann", None, None, None, None])
    for folds in (None, 1, 2):
        assert rows(folds_of(alone, "juror", folds)) == {"juror ann": [0, 2]}


def test_jurors_are_dealt_to_the_fold_with_least():
    assert rows(folds_of(jury(), "juror", 2)) == {"fold 1: 1 juror": [0, 2, 5], "fold 2: 2 jurors": [1, 4]}


def test_pairs_stay_together_whichever_item_is_named_first():
    assert rows(folds_of(jury(), "pair")) == {"pair 1": [0, 1, 5], "pair 2": [2], "pair 3": [3, 4]}
    assert rows(folds_of(jury(), "pair", 2)) == {"fold 1: 1 pair": [0, 1, 5], "fold 2: 2 pairs": [2, 3, 4]}


def test_splits():
    judgments = replace(jury(), split=("public_a", "public_b", "private", None, "public_a", "private", "private"))
    everyone = {"split private": [2, 5], "split public_a": [0, 4], "split public_b": [1]}
    assert rows(folds_of(judgments, "split")) == everyone
    assert rows(folds_of(judgments, "split", "private")) == {"split private": [2, 5]}
    assert rows(folds_of(judgments, "split", "public")) == {"split public": [0, 1, 4]}
    with pytest.raises(OptionError, match="no row has the split 'pub'; there are private, public_a"):
        folds_of(judgments, "split", "pub")
    with pytest.raises(OptionError, match="the name of the split"):
        folds_of(judgments, "split", 2)
    with pytest.raises(NoDataError, match="all are of the split"):
        folds_of(replace(judgments, split=("x",) * 7), "split")


@pytest.mark.parametrize(
    ("by", "folds", "named", "error", "match"),
    [
        ("model", None, {}, OptionError, "by: expected 'juror', 'pair' or 'split'"),
        ("juror", "private", {}, OptionError, "their number, got 'private'"),
        ("juror", 1, {}, OptionError, "folds is 1"),
        ("juror", 0, {}, DomainError, "folds"),
        ("pair", 2.5, {}, DtypeError, "folds"),
        ("juror", None, {"juror": [None] * 7}, FormatError, "no juror can be left out"),
        ("juror", None, {"juror": ["ann"] * 7}, NoDataError, "all are of one juror"),
        ("split", None, {}, FormatError, "the column split is missing"),
    ],
)
def test_what_cannot_be_left_out(by, folds, named, error, match):
    with pytest.raises(error, match=match):
        folds_of(jury(**named), by, folds)
