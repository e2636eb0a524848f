"""Names come from strangers: how they are written where something else would read them as more than text."""

from __future__ import annotations

__all__ = ["printable", "spreadsheet_cell"]

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def printable(text: str) -> str:
    r"""Return `text` with every character that a terminal or an XML reader could act on written as an escape.

    Control characters, line breaks, direction marks and lone surrogates become ``\n``, ``\x1b`` and the like; letters
    of every script and plain spaces stay as they are.

    Examples
    --------
    >>> print(printable("a\x1b[2Jb\u202ec"))
    a\x1b[2Jb\u202ec
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def spreadsheet_cell(text: str) -> str:
    """Return `text` as a csv cell that no spreadsheet runs as a formula.

    A cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break gets a single quote in front; a lone
    surrogate, which no file can hold, becomes a question mark. All other text is unchanged.

    Examples
    --------
    >>> spreadsheet_cell("=HYPERLINK(A1)")
    "'=HYPERLINK(A1)"
    >>> spreadsheet_cell("sigp/lighthouse")
    'sigp/lighthouse'
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "'" + text if text.startswith(_FORMULA_STARTS) else text
