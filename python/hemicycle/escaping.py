"""Names come from strangers: how they are written where something else would read them as more than text."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["guarded", "printable", "spreadsheet_cell", "storable"]

_FORMULA_STARTS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # the last four are wide
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_ACTING = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def printable(text: str) -> str:
    r"""Return `text` with every character that a terminal or an XML reader could act on written as an escape.

    Control characters, line breaks, direction marks, private-use characters and lone surrogates become ``\n``, ``\x1b``
    and the like; letters, signs and spaces of every script stay as they are.

    Examples
    --------
    >>> print(printable("a\x1b[2Jb\u202ec"))
    a\x1b[2Jb\u202ec
    """
    if text.isprintable():
        return text
    return "".join(_escape(c) if unicodedata.category(c) in _ACTING or _is_no_character(c) else c for c in text)


def _is_no_character(character: str) -> bool:
    """Whether a code point will never be a character; XML has no place for some of them."""
    code = ord(character)
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def storable(text: str) -> str:
    r"""Return `text` with each lone surrogate, which no UTF-8 file can hold, as a question mark.

    Examples
    --------
    >>> storable("caf\udce9")
    'caf?'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def guarded(text: str) -> str:
    """Return `text` as a csv cell that no spreadsheet runs as a formula, and that every reader here reads as `text`.

    What begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break, or with single quotes and one of these, gets a
    single quote in front, unless it is a plain number such as ``-0.70``. The readers take one off where that follows.

    Examples
    --------
    >>> guarded("=1"), guarded("'=1"), guarded("'tis")
    ("'=1", "''=1", "'tis")
    """
    if text.lstrip("'").startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def spreadsheet_cell(text: str) -> str:
    """Return `text` as a csv cell that no spreadsheet runs as a formula: `guarded`, and then `printable`.

    Examples
    --------
    >>> spreadsheet_cell("=HYPERLINK(A1)")
    "'=HYPERLINK(A1)"
    >>> spreadsheet_cell("sigp/lighthouse")
    'sigp/lighthouse'
    """
    return printable(guarded(text))
