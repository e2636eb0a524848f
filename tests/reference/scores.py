"""The contests' scores, judgment by judgment."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def mean_squared_error(
    model: Sequence[float], a: Sequence[int], b: Sequence[int], log_ratio: Sequence[float], weight: Sequence[float]
) -> Fraction:
    """Return the weighted mean of ((logit_b - logit_a) - log_ratio)^2, exactly."""
    errors = [
        Fraction(u) * (Fraction(model[j]) - Fraction(model[i]) - Fraction(y)) ** 2
        for i, j, y, u in zip(a, b, log_ratio, weight, strict=True)
    ]
    return sum(errors, Fraction(0)) / sum(map(Fraction, weight))


def accuracy(
    model: Sequence[float], a: Sequence[int], b: Sequence[int], choice: Sequence[int], weight: Sequence[float]
) -> Fraction:
    """Return the weighted share of choices where the chosen item has the larger logit, ties as one half, exactly."""
    rows = [row for row in zip(a, b, choice, weight, strict=True) if row[2]]
    agreed = [Fraction(u) * _agreement(model[i], model[j], which) for i, j, which, u in rows]
    return sum(agreed, Fraction(0)) / sum(Fraction(u) for *_, u in rows)


def _agreement(logit_a: Any, logit_b: Any, choice: int) -> Fraction:
    if logit_a == logit_b:
        return Fraction(1, 2)
    return Fraction(int((logit_b > logit_a) == (choice == 2)))
