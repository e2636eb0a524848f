"""What was claimed, what we find, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Claim", "Figure", "Finding", "Progress", "Reproduction", "Verdict"]

Verdict: TypeAlias = Literal["holds", "holds with a condition", "does not hold", "too few runs", "not decided"]
"""What becomes of a claim."""

Progress: TypeAlias = "Callable[[str, int, int], None]"
"""Told what is going on, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that can be tested.

    Attributes
    ----------
    key : str
        Its name in files.
    title : str
        What it is about, in a few words.
    text : str
        What is claimed.
    claimed : str
        The value claimed, or the claim in a few words.
    by_source : bool
        Whether the source claims it; if not, it is here because it explains what the source claims.
    """

    key: str
    title: str
    text: str
    claimed: str
    by_source: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """What we find for a claim.

    Attributes
    ----------
    claim : Claim
        What was claimed.
    verdict : {"holds", "holds with a condition", "does not hold", "too few runs", "not decided"}
        What becomes of it; the last two where chance could decide, in a simulation and in data.
    found : str
        What stands beside the value claimed.
    because : str
        The condition, or what the verdict rests on.
    numbers : dict of str to float
        What was measured, unrounded.
    """

    claim: Claim
    verdict: Verdict
    found: str
    because: str
    numbers: dict[str, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that can be drawn.

    Attributes
    ----------
    width, height : float
        Size in inches.
    draw : callable
        Draws on a ``matplotlib.figure.Figure``.
    """

    width: float
    height: float
    draw: Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The claims of a source, tested.

    Attributes
    ----------
    name : str
        Name on the command line.
    source : str
        Who claims it.
    options : dict of str to int
        With them the same results come again.
    findings : tuple of Finding
        One a claim.
    tables : dict of str to Table
        What was measured, by name.
    figures : dict of str to Figure
        The same to look at, by name.
    note : str
        What a reader of the verdicts should know; may be empty.
    """

    name: str
    source: str
    options: dict[str, int]
    findings: tuple[Finding, ...]
    tables: dict[str, Table]
    figures: dict[str, Figure]
    note: str = ""

    def claims(self) -> Table:
        """Return one row a claim: key, by_source, claim, claimed, found, verdict, because.

        Returns
        -------
        Table
            In the order of the findings.
        """
        rows = [
            (f.claim.key, f.claim.by_source, f.claim.text, f.claim.claimed, f.found, f.verdict, f.because)
            for f in self.findings
        ]
        columns = ("key", "by_source", "claim", "claimed", "found", "verdict", "because")
        return Table(dict(zip(columns, zip(*rows, strict=True), strict=True)))
