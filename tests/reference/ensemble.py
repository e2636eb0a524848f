"""What an ensemble reports, as defined: one judgment, one pair, one model at a time."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import NamedTuple


class Row(NamedTuple):
    """One cardinal judgment: how much more b is worth than a, and the weight of the judgment."""

    a: int
    b: int
    log_ratio: float
    weight: float = 1.0


def by_pair(rows: list[Row]) -> dict[tuple[int, int], list[tuple[float, float]]]:
    """Group the labels of each unordered pair as (log ratio, weight), the lower item first."""
    pairs = defaultdict(list)
    for row in rows:
        if row.weight > 0:
            sign = 1 if row.a < row.b else -1
            pairs[min(row.a, row.b), max(row.a, row.b)].append((sign * row.log_ratio, row.weight))
    return dict(sorted(pairs.items()))


def normal(y: float, mu: float, sigma: float) -> float:
    return math.exp(-0.5 * ((y - mu) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))


def mixture_density(y: float, pair: tuple[int, int], logits, weights, sigma: float) -> float:
    return math.fsum(w * normal(y, z[pair[1]] - z[pair[0]], sigma) for w, z in zip(weights, logits, strict=True))


def log_likelihood(rows: list[Row], logits, weights, sigma: float) -> float:
    """Sum over pairs of log sum over labels of the label's share times the mixture's density."""
    total = 0.0
    for pair, labels in by_pair(rows).items():
        of_pair = sum(u for _, u in labels)
        total += math.log(sum(u / of_pair * mixture_density(y, pair, logits, weights, sigma) for y, u in labels))
    return total


def log_score(rows: list[Row], logits, weights, sigma: float) -> float:
    """Sum over labels of the label's share in its pair times the log of the mixture's density."""
    total = 0.0
    for pair, labels in by_pair(rows).items():
        of_pair = sum(u for _, u in labels)
        total += sum(u / of_pair * math.log(mixture_density(y, pair, logits, weights, sigma)) for y, u in labels)
    return total


def mse(rows: list[Row], logits, weights) -> float:
    """Weighted mean over judgments of the squared error of the weighted mean log ratio."""
    errors = [
        (math.fsum(w * (z[row.b] - z[row.a]) for w, z in zip(weights, logits, strict=True)) - row.log_ratio) ** 2
        for row in rows
    ]
    total = math.fsum(row.weight for row in rows)
    return math.fsum(row.weight * error for row, error in zip(rows, errors, strict=True)) / total
