"""Differences over runs that share start and data: what they decide, and the verdict over several cases."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hemicycle.reproduce.claims import Verdict

__all__ = ["listed", "sign", "verdict_over_cases"]

# 97.5% quantiles of Student's t by degrees of freedom; beyond the last the quantile of a standard normal is near
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
TAIL = 0.025  #: how often a sign that means nothing points one way
CHANCE = 0.05  #: how often so many cases may point one way by chance
ENOUGH = 10  #: runs with which what is open is no more a matter of too few


def sign(differences: NDArray[np.float64]) -> int:
    """Return 1 or -1 if the mean of differences is above or below 0 at 95% confidence by Student's t, else 0.

    Parameters
    ----------
    differences : ndarray of float64, shape (n_runs,)
        One of each run.

    Returns
    -------
    int
        0 for a single run.
    """
    n = len(differences)
    if n < 2:
        return 0
    mean, error = float(differences.mean()), float(differences.std(ddof=1)) / np.sqrt(n)
    quantile = STUDENT[n - 2] if n - 2 < len(STUDENT) else 2.12
    return int(np.sign(mean)) if abs(mean) > quantile * error else 0


def verdict_over_cases(signs: Mapping[str, int], n_runs: int) -> Verdict:
    """Return the verdict on a claim that each case supports, contradicts or leaves open.

    Parameters
    ----------
    signs : mapping of str to int
        1, -1 or 0, by case.
    n_runs : int
        Runs of each case.

    Returns
    -------
    str
        It holds where all cases support it, and with a condition where some do; if any is left open, more than chance
        explains: signs that mean nothing point either way in one case of forty.
    """
    found = list(signs.values())
    some = _more_than_chance(len(found)) if 0 in found else 1
    if set(found) == {1}:
        return "holds"
    if found.count(1) >= some:
        return "holds with a condition"
    if found.count(-1) >= some:
        return "does not hold"
    return "too few runs" if n_runs < ENOUGH else "not decided"


def _more_than_chance(n_cases: int) -> int:
    """Return how many of some cases point one way by chance in less than one of twenty times."""
    below, count = (1 - TAIL) ** n_cases, 1
    while 1 - below >= CHANCE and count < n_cases:
        below += math.comb(n_cases, count) * TAIL**count * (1 - TAIL) ** (n_cases - count)
        count += 1
    return count


def listed(signs: Mapping[str, int], words: tuple[str, str, str]) -> str:
    """Say which cases support, contradict and leave open.

    Parameters
    ----------
    signs : mapping of str to int
        1, -1 or 0, by case.
    words : tuple of str
        What a case that supports, contradicts or leaves open is called.

    Returns
    -------
    str
        Such as "worse: diabetes; better: none; open: concrete".
    """
    parts = []
    for value, word in zip((1, -1, 0), words, strict=True):
        cases = [case for case, found in signs.items() if found == value]
        parts.append(f"{word}: {', '.join(cases) if cases else 'none'}")
    return "; ".join(parts)
