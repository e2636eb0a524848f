"""The side on which an item stands in a comparison: whether it is known, and whether it was chosen too often."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hemicycle.judgments import Judgments

__all__ = ["fair_coin_p", "sides_unknown"]

SORTED_ROWS = 20  #: rows that all have their items in one order were sorted: by chance once in half a million files


def sides_unknown(judgments: Judgments) -> str | None:
    """Return why the order of a pair cannot be that in which it was shown, if so.

    Parameters
    ----------
    judgments : Judgments
        What the jury said, with the sides of its source.

    Returns
    -------
    str or None
        A sentence, where all rows, 20 or more, have their items in one order of names or indices: somebody sorted them.
    """
    counting = judgments.weight > 0
    a, b = judgments.a[counting], judgments.b[counting]
    if len(a) < SORTED_ROWS:
        return None
    keys = judgments.items.keys
    place = np.empty(len(keys), dtype=np.int64)
    place[sorted(range(len(keys)), key=lambda item: keys[item])] = np.arange(len(keys))
    for order, what in ((place, "names"), (np.arange(len(keys)), "place in the list of items")):
        ascending = order[a] < order[b]
        if ascending.all() or not ascending.any():
            return f"all {len(a)} rows list their two items in the order of their {what}: the side shown first is lost"
    return None


def fair_coin_p(heads: int, tosses: int) -> float:
    """Return the probability that a fair coin is at least as far from a half as it was.

    Parameters
    ----------
    heads, tosses : int
        Heads in some tosses.

    Returns
    -------
    float
        The exact two-sided binomial test: twice the probability of the smaller tail, at most 1.

    Examples
    --------
    >>> fair_coin_p(1, 8), fair_coin_p(4, 8)
    (0.0703125, 1.0)
    """
    least = min(heads, tosses - heads)
    if 2 * least == tosses:
        return 1.0
    if tosses <= 1000:
        n_ways: int = sum(math.comb(tosses, k) for k in range(least + 1))
        return min(1.0, 2 * n_ways / (1 << tosses))
    top = math.lgamma(tosses + 1) - tosses * math.log(2.0)
    tail = math.fsum(math.exp(top - math.lgamma(k + 1) - math.lgamma(tosses - k + 1)) for k in range(least + 1))
    return min(1.0, 2.0 * tail)
