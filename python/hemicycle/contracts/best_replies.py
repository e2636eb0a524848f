"""Best replies in the game in which everyone gets the collective model: what nobody would rather change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.contracts.bisection import last_positive, upper_end
from hemicycle.contracts.reservation import stand_alone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.contracts.valuation import ModelValue

__all__ = ["best_reply_utility", "largest_gains", "standing_totals"]

GRID = 513  #: amounts that are tried, from nothing to what costs as much as a perfect model is worth
REFINED = 33  #: amounts between the neighbours of the best of them
TIMES = 4  #: how often these are tried again
SMALLEST = 1e-9  #: amount tried, of the largest
ROUNDING = 1e-12  #: of a number of parties


def best_reply_utility(
    others: NDArray[np.float64], costs: NDArray[np.float64], worth: ModelValue
) -> NDArray[np.float64]:
    """Return the best that parties can have by an amount of their own, given what all others give.

    Parameters
    ----------
    others : ndarray of float64, shape (n,)
        What the others give together.
    costs : ndarray of float64, shape (n,)
        Of a unit of data.
    worth : ModelValue
        What models are worth.

    Returns
    -------
    ndarray of float64, shape (n,)
        The largest utility among amounts on a grid, refined around its best point: nothing of the shape of the curve is
        used, so it may serve as a check of what follows from it.
    """
    most = float(worth.valuation.value(1.0)) / costs
    steps = np.append(0.0, np.geomspace(SMALLEST, 1.0, GRID))
    amounts = most[:, None] * steps  # (n, n_amounts)
    best = np.full(len(costs), -np.inf)
    for _ in range(TIMES + 1):
        utility = worth.value(others[:, None] + amounts) - costs[:, None] * amounts
        best = np.maximum(best, utility.max(axis=1))
        at = utility.argmax(axis=1)
        rows, last = np.arange(len(costs)), amounts.shape[1] - 1
        low, high = amounts[rows, np.maximum(at - 1, 0)], amounts[rows, np.minimum(at + 1, last)]
        amounts = np.linspace(low, high, REFINED, axis=1)
    return best


def largest_gains(
    costs: NDArray[np.float64], total: NDArray[np.float64], n_parties: int, worth: ModelValue
) -> NDArray[np.float64]:
    """Return the most that each type gains by another amount than in the equilibrium, by the cheapest type there.

    Parameters
    ----------
    costs : ndarray of float64, shape (n_types,)
        Falling.
    total : ndarray of float64, shape (n_types,)
        What the parties of a type give together, by equal parts or one for all, if it is the cheapest.
    n_parties : int
        Up to so many may share it.
    worth : ModelValue
        What models are worth.

    Returns
    -------
    ndarray of float64, shape (n_types, n_types)
        Row: the cheapest type there. Column: the type of the party, 0 where it is cheaper.
    """
    gain = np.zeros((len(costs), len(costs)))
    sharers = np.unique(np.geomspace(1, n_parties, min(n_parties, 16)).round())
    for i, amount in enumerate(total.tolist()):
        own = np.append(np.zeros(i + 1), amount / sharers)  # what a party gives: nothing, or its part
        prices = np.append(costs[: i + 1], np.full(len(sharers), costs[i]))
        utility = float(worth.value(amount)) - prices * own
        more = best_reply_utility(amount - own, prices, worth) - utility
        gain[i, : i + 1] = more[: i + 1]
        gain[i, i] = more[i:].max()
    return gain


def standing_totals(costs: NDArray[np.float64], worth: ModelValue) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the positive totals that parties of each type may hold each other to, and how many that takes.

    Parameters
    ----------
    costs : ndarray of float64, shape (n_types,)
        Of a unit of data.
    worth : ModelValue
        What models are worth.

    Returns
    -------
    total : ndarray of float64, shape (n_types,)
        Where the last unit is worth what it costs; 0 where none is.
    size : ndarray of int64, shape (n_types,)
        The least number of parties whose equal part costs none more than the model is worth; 1 for a type that trains
        alone, 0 where no number does it.
    """
    alone = stand_alone(costs, worth).m
    total, size = alone.copy(), (alone > 0).astype(np.int64)
    start = float(worth.threshold)
    if start <= 0.0:
        return total, size

    def gains(amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return worth.derivative(amount) - costs

    end = upper_end(gains, start, len(costs))
    held = last_positive(gains, np.full(len(costs), start), np.maximum(end, start))
    value = worth.value(held)
    team = (alone == 0) & (end > start) & (value > 0)
    parts = np.ceil(costs * held / np.where(team, value, 1.0) * (1.0 - ROUNDING))
    few = team & (parts < 2.0**53)
    return np.where(few, held, total), np.where(few, np.maximum(parts, 2.0), size).astype(np.int64)
