from __future__ import annotations

import pytest

from hemicycle.escaping import printable, spreadsheet_cell, storable


@pytest.mark.parametrize("text", ["sigp/lighthouse", "naïve Größe", "模型\u3000一", "عربي", "a\u00a0b", "🏛", ""])
def test_letters_signs_and_spaces_of_every_script_stay(text: str) -> None:
    assert printable(text) == storable(text) == spreadsheet_cell(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines\r\t", r"two\nlines\r\t"),
        ("\u202egpj", r"\u202egpj"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
        ("\x00", r"\x00"),
    ],
)
def test_characters_that_act_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == spreadsheet_cell("x" + text)[1:] == shown


def test_cells_that_a_spreadsheet_would_run_are_quoted() -> None:
    texts = ("=1", "+x", "-1+1", "@x", "\t=1", "\r=1", "\n=1", "a=1")
    cells = ("'=1", "'+x", "'-1+1", "'@x", r"'\t=1", r"'\r=1", r"'\n=1", "a=1")
    assert tuple(map(spreadsheet_cell, texts)) == cells


@pytest.mark.parametrize("text", ["-0.70", "+3", "-1e-05", "-1.5E+300"])
def test_plain_numbers_are_no_formulas(text: str) -> None:
    assert spreadsheet_cell(text) == text


def test_what_no_file_can_hold_becomes_a_question_mark() -> None:
    assert storable("caf\udce9\n") == "caf?\n"
