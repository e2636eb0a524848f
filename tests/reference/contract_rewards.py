"""Rewards and free riding by their definition: every ordered draw of types, every amount on a fine grid."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def draws(probabilities: NDArray[np.float64], n_parties: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """Give the types of all parties, in order, and their probability."""
    for types in product(range(len(probabilities)), repeat=n_parties):
        yield types, float(np.prod([probabilities[i] for i in types]))


def given_present(
    f: Function, probabilities: NDArray[np.float64], n_parties: int, m: NDArray[np.float64], i: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return f of the sum in every draw with a party of type i, and the probability given that there is one."""
    found = [(sum(m[j] for j in types), chance) for types, chance in draws(probabilities, n_parties) if i in types]
    totals, chances = np.array(found).T
    return f(totals), chances / chances.sum()


def quantile(values: NDArray[np.float64], chances: NDArray[np.float64], level: float) -> float:
    """Return the least value that is not exceeded with at least this probability."""
    for value in np.unique(values):
        if chances[values <= value].sum() >= level * (1 - 1e-9):
            return float(value)
    return float(values.max())


def promises(
    f: Function, probabilities: NDArray[np.float64], n_parties: int, m: NDArray[np.float64], t: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return the probability that some promise of a fixed model is not kept, and what is unused and missing a party."""
    insolvency = unused = missing = 0.0
    for types, chance in draws(probabilities, n_parties):
        value = float(f(np.array([sum(m[i] for i in types)]))[0])
        promised = [t[i] for i in types]
        insolvency += chance * (max(promised) > value * (1 + 1e-6))
        unused += chance * sum(max(value - each, 0.0) for each in promised) / n_parties
        missing += chance * sum(max(each - value, 0.0) for each in promised) / n_parties
    return insolvency, unused, missing


def cheapest(costs: NDArray[np.float64], probabilities: NDArray[np.float64], n_parties: int) -> NDArray[np.float64]:
    """Return the probability that the cheapest party is of each type."""
    found = np.zeros(len(costs))
    for types, chance in draws(probabilities, n_parties):
        found[min(types, key=lambda i: costs[i])] += chance
    return found


def best_reply(f: Function, others: float, cost: float, most: float) -> float:
    """Return the best utility by any amount on a fine grid up to the largest that may pay."""
    amounts = np.append(0.0, np.geomspace(most * 1e-7, most, 400_001))
    return float((f(others + amounts) - cost * amounts).max())
