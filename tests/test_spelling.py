"""Names as they are kept, held to the tables of Python's own Unicode database."""

from __future__ import annotations

import sys
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemicycle import Judgments, Pool
from hemicycle._core import item_keys, kept_names
from hemicycle.errors import FormatError, NoDataError
from hemicycle.escaping import guarded, spreadsheet_cell
from hemicycle.items import Items
from hemicycle.model_mass import read_mass
from hemicycle.names import Renames

if TYPE_CHECKING:
    from pathlib import Path

UNSEEN = {"Cc", "Cf", "Co", "Zl", "Zp"}
HIDDEN = set("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\ufffc\U0001d159")
EVERY = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]


def test_no_character_that_cannot_be_seen_is_kept() -> None:
    _, faults = kept_names([f"a{c}b" for c in EVERY], 200)
    refused = {EVERY[place] for place, _ in faults}
    unseen = {c for c in EVERY if unicodedata.category(c) in UNSEEN}
    assert unseen <= refused
    assert {*map(chr, range(0xFE00, 0xFE0E)), "\U00016fe4", "\U0001d159"} <= refused
    letters = {c for c in refused if unicodedata.category(c)[0] in "LNPS"}
    accents = {c for c in letters if unicodedata.normalize("NFKC", c).startswith(" ")}
    assert letters - accents <= HIDDEN
    assert all(f"U+{ord(EVERY[place]):04X}" in reason for place, reason in faults)


def test_what_is_kept_is_in_nfkc() -> None:
    kept, faults = kept_names([f"a{c}b" for c in EVERY], 200)
    refused = {place for place, _ in faults}
    for place, name in enumerate(kept):
        if place not in refused and unicodedata.category(EVERY[place]) != "Cn":
            shaped = f"a{EVERY[place]}b".replace("\ufe0e", "").replace("\ufe0f", "")
            assert name == unicodedata.normalize("NFKC", shaped)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (" x ", "x"), ("\uff47\uff45\uff54\uff48", "geth"), ("e\u0301", "é"), ("ﬁx", "fix"),
        ("a\u00a0b", "a b"), ("🏛\ufe0f", "🏛"),
        ("عربي", "عربي"), ("नमस्ते", "नमस्ते"), ("Việt", "Việt"), ("ไทย", "ไทย"),
        ("'=x", "=x"), ("''=x", "'=x"), ("'tis", "'tis"),
        ("", ""), ("n" * 200, "n" * 200),
    ],
)  # fmt: skip
def test_names_of_every_script_are_kept(name: str, kept: str) -> None:
    assert kept_names([name], 200) == ([kept], [])


@given(st.text(max_size=30))
def test_a_cell_reads_back_as_the_name_that_was_written(text: str) -> None:
    (kept,), faults = kept_names([text], 200)
    if not faults:
        assert kept_names([guarded(kept)], 201) == ([kept], [])
        assert kept_names([spreadsheet_cell(kept)], 201) == ([kept], [])


@given(st.text(max_size=20))
def test_a_key_is_its_own_key_and_that_of_the_kept_name(text: str) -> None:
    (key,) = item_keys([text])
    assert item_keys([key]) == [key]


@pytest.mark.parametrize("name", ["a\u200bb", "\u202ea", "x" * 201, "\u0301a"])
def test_every_reader_refuses_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.csv"
    for header, row, read in (
        ("repo", name, Items.read),
        ("old,new", f"{name},b", Renames.of),
        ("model,weight", f"{name},1", lambda path: read_mass(str(path), ["b"])),
    ):
        path.write_text(f"{header}\n{row}\n", encoding="utf-8")
        with pytest.raises(FormatError, match=r"t\.csv, line 2: the name .* (holds U\+|longer than the limit of 200)"):
            read(path)
    for row in (f"{name},b,1,2,j", f"a,b,1,2,{name}"):
        path.write_text(f"repo_a,repo_b,choice,multiplier,juror\n{row}\n", encoding="utf-8")
        with pytest.raises(NoDataError, match=r"1 turned away.*(holds U\+|name_characters)"):
            Judgments.read(path)
    for row in (f"{name},x,1,e", f"m,{name},1,e", f"m,x,1,{name}"):
        path.write_text(f"model,repo,weight,author\n{row}\n", encoding="utf-8")
        with pytest.raises(NoDataError, match=r"1 turned away.*(holds U\+|name_characters)"):
            Pool.read(path)
