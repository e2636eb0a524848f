"""Differences over runs that share start and data: what they decide, and the verdict over several cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hemicycle.reproduce.claims import Verdict

__all__ = ["listed", "sign", "verdict_over_cases"]

# 97.5% quantiles of Student's t by degrees of freedom; beyond the last the quantile of a standard normal is near
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
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
        It holds where all cases support it, and with a condition where some do.
    """
    found = set(signs.values())
    if found == {1}:
        return "holds"
    if 1 in found:
        return "holds with a condition"
    if -1 in found:
        return "does not hold"
    return "too few runs" if n_runs < ENOUGH else "not decided"


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
