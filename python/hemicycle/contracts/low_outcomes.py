"""The outcomes in which little is contributed, one by one: those that a sum of exponentials does not describe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LowOutcomes", "low_outcomes"]

LEAST_PROBABILITY = 1e-18  #: branches with less, beside the rarest of what is looked at, are left out, and counted
TABLE = 10_000  #: factorials that are summed; of larger numbers Stirling's series is exact to rounding
MAX_OUTCOMES = 50_000  #: of more, the least probable are left out, and counted


@dataclass(frozen=True, slots=True, eq=False)
class LowOutcomes:
    """Outcomes of independent draws whose sum is below a limit.

    Attributes
    ----------
    counts : ndarray of float64, shape (n_outcomes, n_groups)
        How many parties of each group there are.
    probability : ndarray of float64, shape (n_outcomes,)
        Of each outcome.
    total : ndarray of float64, shape (n_outcomes,)
        The sum of all contributions.
    n_pruned : int
        Branches that were left out.
    pruned : float
        Their probability, which may be less than this but not more, but for rounding.
    """

    counts: NDArray[np.float64]
    probability: NDArray[np.float64]
    total: NDArray[np.float64]
    n_pruned: int
    pruned: float


def low_outcomes(
    amounts: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    n_parties: int,
    limit: float,
    rarest: float = 1.0,
) -> LowOutcomes:
    """Return every outcome with a sum of contributions below `limit`.

    Parameters
    ----------
    amounts : ndarray of float64, shape (n_groups,)
        What a party of each group contributes, different from each other.
    probabilities : ndarray of float64, shape (n_groups,)
        Of a party to belong to each group, above 0.
    n_parties : int
        At least 0.
    limit : float
        Sums below it count.
    rarest : float, default 1.0
        Probability of the rarest event that outcomes are looked at for: those that hardly matter even to it are left
        out.

    Returns
    -------
    LowOutcomes
        The probability of what is left out is part of it.

    Notes
    -----
    The groups are decided one after the other, the largest contribution first, and a branch is followed only while
    the least that it may add up to is below the limit. Time and memory: O(n_branches n_groups), at most 50,000
    branches.
    """
    order = np.argsort(-amounts)
    sizes, chances = amounts[order], probabilities[order]
    rest = np.append(np.cumsum(chances[::-1])[::-1], 0.0)  # of the groups from each one on
    factorial = _log_factorial
    chosen: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []  # for each group: branches followed, and how many
    left, total, log_probability = np.array([n_parties]), np.zeros(1), np.zeros(1)
    n_pruned, pruned, least = 0, 0.0, sizes[-1]
    for group in range(len(sizes)):
        last = group == len(sizes) - 1
        most = left if last else _most(left, limit - total - left * least, sizes[group] - least)
        parent = np.repeat(np.arange(len(left)), np.where(last, 1, most + 1))
        taken = left[parent] if last else _counted(most)
        lower = total[parent] + taken * sizes[group] + (left[parent] - taken) * least
        branch = log_probability[parent] + factorial(left[parent]) - factorial(taken) - factorial(left[parent] - taken)
        share = chances[group] / rest[group]
        branch = branch + taken * np.log(share)
        if not last:
            branch = branch + (left[parent] - taken) * np.log(
                rest[group + 1] / rest[group]
            )  # not log1p of the share: what is left may be rare
        kept = _kept(branch, lower < limit, rarest)
        dropped = (lower < limit) & ~kept
        n_pruned, pruned = n_pruned + int(dropped.sum()), pruned + float(np.exp(branch[dropped]).sum())
        chosen.append((parent[kept], taken[kept]))
        left, log_probability = (left[parent] - taken)[kept], branch[kept]
        total = (total[parent] + taken * sizes[group])[kept]
        if not len(left):
            break
    counts, branch_of = np.empty((len(sizes), len(total))), np.arange(len(total))
    for group, (parent, taken) in zip(order[len(chosen) - 1 :: -1], chosen[::-1], strict=True):
        counts[group], branch_of = taken[branch_of], parent[branch_of]
    return LowOutcomes(counts.T, np.exp(log_probability), total, n_pruned, pruned)


def _most(left: NDArray[np.int64], room: NDArray[np.float64], step: float) -> NDArray[np.int64]:
    """Return how many of a group fit, which may be one too many."""
    with np.errstate(over="ignore"):
        fits = np.minimum(left.astype(np.float64), np.floor(np.maximum(room, 0.0) / step))
    return fits.astype(np.int64)


def _counted(most: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0 to each of some numbers, one after the other."""
    ends = np.cumsum(most + 1)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - most - 1, most + 1)


def _log_factorial(n: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the logarithm of n!."""
    small = _LOG_FACTORIALS[np.minimum(n, TABLE)]
    large = np.maximum(n, TABLE).astype(np.float64)
    series = (large + 0.5) * np.log(large) - large + 0.5 * np.log(2.0 * np.pi) + 1.0 / (12.0 * large)
    return np.where(n <= TABLE, small, series)


_LOG_FACTORIALS = np.append(0.0, np.cumsum(np.log(np.arange(1.0, TABLE + 1))))


def _kept(log_probability: NDArray[np.float64], low: NDArray[np.bool_], rarest: float) -> NDArray[np.bool_]:
    least = np.log(LEAST_PROBABILITY) + np.log(rarest)
    kept: NDArray[np.bool_] = low & (log_probability > least)
    if kept.sum() > MAX_OUTCOMES:
        threshold = np.partition(log_probability[kept], -MAX_OUTCOMES)[-MAX_OUTCOMES]
        kept &= log_probability > threshold
    return kept
