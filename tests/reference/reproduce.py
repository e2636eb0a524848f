"""What is counted over the weights of one pool, pair by pair."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def counts(loss: Sequence[float], weights: Sequence[float]) -> tuple[int, int, bool, bool]:
    """Return inversions, ties, whether a worse model has over twice a better one's weight, and whether above 0."""
    inversions = ties = 0
    doubled = doubled_above_zero = False
    for i, j in combinations(range(len(loss)), 2):
        better, worse = (i, j) if loss[i] < loss[j] else (j, i)
        inversions += weights[worse] > weights[better]
        ties += weights[worse] == weights[better]
        if weights[worse] > 2 * weights[better]:
            doubled = True
            doubled_above_zero |= weights[better] > 0
    return inversions, ties, doubled, doubled_above_zero


def chance_of_hull(n_models: int, n_labels: int) -> float:
    """Return how likely the hull of models spread evenly around the labels holds these (Wendel 1962)."""
    return 1 - 2.0 ** (1 - n_models) * sum(comb(n_models - 1, k) for k in range(n_labels))
