"""Formulas of docstrings as MathML, which browsers draw by themselves: no script, no font from elsewhere."""

from __future__ import annotations

import re
from typing import Any

import griffe
from latex2mathml.converter import convert

INLINE = re.compile(r":math:`([^`]+)`")
BLOCK = re.compile(r"^(?P<indent> *)\.\. math::(?P<rest>.*)\n(?P<body>(?:(?P=indent) +.*\n|[ ]*\n)*)", re.MULTILINE)
# The converter leaves no room around the name of a function, and writes \sim as a letter.
ROOM = '<mspace width="0.17em"/>'
NAME = re.compile(r"<mi>(log|ln)</mi>(?!<mo)")


def mathml(formula: str, display: str) -> str:
    """Return a formula of TeX as MathML, in one line."""
    drawn = convert(" ".join(formula.split()), display=display).replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")
    if "\\" in drawn:
        raise ValueError(f"a command of TeX that the converter does not know: {formula}")
    return NAME.sub(rf"{ROOM}<mi>\1</mi>{ROOM}", drawn)


def inline(found: re.Match[str]) -> str:
    """Return a formula within a line; the span keeps Markdown from taking it for a block."""
    return f"<span>{mathml(found[1], 'inline')}</span>"


def block(found: re.Match[str]) -> str:
    """Return a formula that stands by itself."""
    return f"\n{found['indent']}{mathml(found['rest'] + ' ' + found['body'], 'block')}\n\n"


class Formulas(griffe.Extension):
    """Replaces the formulas of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Replace those of one."""
        if obj.docstring and "math:" in obj.docstring.value:
            text = BLOCK.sub(block, obj.docstring.value + "\n")
            obj.docstring.value = INLINE.sub(inline, text).strip()
