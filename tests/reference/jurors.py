"""Diagnostics of jurors as defined: loops over single judgments and over every three items."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Row = tuple[int, int, float, int, float]
"""Items a and b, log ratio, choice (1: a, 2: b, 0: none) and weight of one judgment."""


def triads(rows: Sequence[Row]) -> tuple[int, int]:
    """Complete triads and circular ones, by looking at every three items."""
    lead: dict[tuple[int, int], float] = {}
    for a, b, _, choice, weight in rows:
        if choice:
            winner, loser = (a, b) if choice == 1 else (b, a)
            lead[winner, loser] = lead.get((winner, loser), 0.0) + weight
    beats = {(x, y) for x, y in lead if lead[x, y] > lead.get((y, x), 0.0)}
    items = sorted({item for pair in beats for item in pair})
    complete = circular = 0
    for x, y, z in combinations(items, 3):
        if all((p, q) in beats or (q, p) in beats for p, q in ((x, y), (y, z), (x, z))):
            complete += 1
            circular += {(x, y), (y, z), (z, x)} <= beats or {(y, x), (z, y), (x, z)} <= beats
    return complete, circular


def mean(values: Sequence[float], weights: Sequence[float]) -> float:
    known = [(v, w) for v, w in zip(values, weights, strict=True) if not math.isnan(v)]
    return sum(v * w for v, w in known) / sum(w for _, w in known) if known else math.nan


def binomial_p(heads: int, tosses: int) -> float:
    """Sum of the probabilities of all outcomes that are at least as far from a half."""
    far = abs(2 * heads - tosses)
    ways = [math.comb(tosses, k) for k in range(tosses + 1) if abs(2 * k - tosses) >= far]
    return sum(ways) / 2**tosses


def diagnostics(
    rows: Sequence[Row], logits: NDArray[np.float64], weights: NDArray[np.float64], sigma: float
) -> dict[str, float]:
    """Look at one juror, whose judgments all have a positive weight."""
    pooled = weights @ logits
    u = [weight for *_, weight in rows]
    agreement, error, density, first, expected = [], [], [], [], []
    for a, b, y, choice, _ in rows:
        mu = pooled[b] - pooled[a]
        b_wins = 0.5 if abs(mu) <= 1e-9 else float(mu > 0)
        agreement.append({0: math.nan, 1: 1 - b_wins, 2: b_wins}[choice])
        error.append((mu - y) ** 2)
        kernels = np.exp(-0.5 * ((y - (logits[:, b] - logits[:, a])) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
        density.append(math.log(weights @ kernels) if not math.isnan(y) else math.nan)
        if choice:
            first.append(choice == 1)
            expected.append(1 - b_wins)
    complete, circular = triads(rows)
    n = len(first)
    return {
        "judgments": len(rows),
        "pairs": len({frozenset(row[:2]) for row in rows}),
        "weight": sum(u),
        "agreement": mean(agreement, u),
        "mse": mean(error, u),
        "log_density": mean(density, u),
        "scale": mean([abs(y) for _, _, y, _, _ in rows], u),
        "answers": n,
        "first_side": sum(first) / n if n else math.nan,
        "first_side_expected": sum(expected) / n if n else math.nan,
        "first_side_p": binomial_p(sum(first), n) if n else math.nan,
        "triads": complete,
        "circular": circular,
    }
