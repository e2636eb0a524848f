"""Totals that follow a jury, by their definition: sums of the present terms, in rational numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Row = tuple[int, int, float, float]
"""a, b, log_ratio, weight of a judgment; a < b."""


def total(terms: Sequence[float], pair_weight: Sequence[float]) -> Fraction:
    """Return sum_n c_n log p_n of one model, exactly."""
    return sum((Fraction(c) * Fraction(x) for x, c in zip(terms, pair_weight, strict=True)), Fraction(0))


def magnitude(terms: Sequence[float], pair_weight: Sequence[float]) -> Fraction:
    """Return sum_n |c_n log p_n| of one model, exactly."""
    return total([abs(x) for x in terms], pair_weight)


def terms_evaluated(before: Iterable[Row], after: Iterable[Row], changed: Iterable[Row]) -> int:
    """Return how many terms a change needs: of every pair that a changed judgment touches, the old and the new one."""
    touched = _pairs(changed)
    return len(touched & _pairs(before)) + len(touched & _pairs(after))


def _pairs(rows: Iterable[Row]) -> set[tuple[int, int]]:
    """Return the pairs that have a label: log_ratio is a number and weight is above 0."""
    return {(a, b) for a, b, log_ratio, weight in rows if weight > 0 and log_ratio == log_ratio}
