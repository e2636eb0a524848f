"""What was turned away, and why: nothing is dropped silently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Reject", "Rejects", "counted", "excerpt", "quoted"]

EXCERPT = 120
"""Longest value that is quoted, in characters."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A submission or a judgment that was turned away.

    Attributes
    ----------
    kind : {"submission", "judgment"}
        What was turned away: a whole submission, or one judgment.
    file : str
        Where it came from: a path, or ``"frame"`` for rows of a dataframe.
    line : int or None
        Physical line of the file, from 1; row of a frame, from 0; None where the reason has no single line.
    field : str
        The column or argument at fault.
    value : str
        What stood there, as written.
    reason : str
        What is wrong with it and what would help.
    """

    kind: Literal["submission", "judgment"]
    file: str
    line: int | None
    field: str
    value: str
    reason: str


Rejects: TypeAlias = tuple[Reject, ...]


def excerpt(value: str) -> str:
    """Return the beginning of a value, short enough to be quoted."""
    return value if len(value) <= EXCERPT else value[:EXCERPT] + "..."


def quoted(parent: str, name: str) -> str:
    """Return an item in quotes, shortened, with its parent if it has one: ``'name' of 'parent'``."""
    shown = repr(excerpt(name))
    return f"{shown} of {excerpt(parent)!r}" if parent else shown


def counted(n: int, noun: str) -> str:
    """Return a number of things in words: ``1 item``, ``2 items``.

    Examples
    --------
    >>> counted(1, "item"), counted(2_000, "item")
    ('1 item', '2,000 items')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
