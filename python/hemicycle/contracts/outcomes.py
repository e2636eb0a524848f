"""Every outcome of independent draws, one row each, with its probability."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["all_outcomes", "n_outcomes"]


def n_outcomes(n_types: int, n_parties: int) -> int:
    """Return how many outcomes there are: ways to have N parties of I types."""
    return comb(n_parties + n_types - 1, n_types - 1)


def all_outcomes(probabilities: NDArray[np.float64], n_parties: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the counts of every outcome and its probability.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n_types,)
        Of a party to be of each type.
    n_parties : int
        How many draws there are.

    Returns
    -------
    counts : ndarray of float64, shape (n_outcomes, n_types)
        How many parties are of each type.
    probability : ndarray of float64, shape (n_outcomes,)
        They sum to 1.
    """
    n_types = len(probabilities)
    bars = np.array(list(combinations(range(n_parties + n_types - 1), n_types - 1)), dtype=np.int64)
    bars = bars.reshape(n_outcomes(n_types, n_parties), n_types - 1)
    ends = np.full((len(bars), 1), n_parties + n_types - 1)
    counts = np.diff(np.hstack([np.full((len(bars), 1), -1), bars, ends]), axis=1) - 1
    factorial = np.append(0.0, np.cumsum(np.log(np.arange(1, n_parties + 1))))  # its log
    log_ways = factorial[n_parties] - factorial[counts].sum(axis=1)
    with np.errstate(divide="ignore"):
        logs = np.where(counts > 0, np.log(probabilities) * np.maximum(counts, 1), 0.0)
    return counts.astype(np.float64), np.exp(log_ways + logs.sum(axis=1))
