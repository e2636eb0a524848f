"""Contracts by their definition: every outcome of the draws, one row each."""

from __future__ import annotations

from math import lgamma
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def default_accuracy(m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the generalisation bound with k = 1 and a_opt = 1, 0 up to its root."""
    m = np.asarray(m, dtype=np.float64)
    safe = np.maximum(m, 50.0)
    bound = 1.0 - (np.sqrt(2.0 * (2.0 + np.log(safe))) + 4.0) / np.sqrt(safe)
    return np.where(m > 50.0, np.maximum(bound, 0.0), 0.0)


def default_value(m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 100 times the default accuracy."""
    return 100.0 * default_accuracy(m)


def default_slope(m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the derivative of `default_value` above the kink, 0 below it."""
    safe = np.maximum(m, 50.0)
    root = np.sqrt(2.0 * (2.0 + np.log(safe)))
    return np.where(default_value(m) > 0, 100.0 * ((root + 4.0) / 2.0 - 1.0 / root) / safe**1.5, 0.0)


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Give every way to split a number into ordered parts of at least 0."""
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in compositions(total - first, parts - 1):
            yield (first, *rest)


def outcomes(probabilities: NDArray[np.float64], n_parties: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the counts of every outcome, shape (n_outcomes, n_types), and its probability."""
    counts = np.array(list(compositions(n_parties, len(probabilities))), dtype=np.float64)
    factorials = np.array([lgamma(n + 1) for n in range(n_parties + 1)])
    log_ways = lgamma(n_parties + 1) - factorials[counts.astype(int)].sum(axis=1)
    return counts, np.exp(log_ways) * np.prod(np.asarray(probabilities) ** counts, axis=1)


def expectation(f: Function, probabilities: NDArray[np.float64], n_parties: int, m: NDArray[np.float64]) -> float:
    """Return E f(n @ m)."""
    counts, probability = outcomes(probabilities, n_parties)
    return float(probability @ f(counts @ m))


def gradient(
    slope: Function, probabilities: NDArray[np.float64], n_parties: int, m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the gradient of E f(n @ m), from the derivative of f."""
    counts, probability = outcomes(probabilities, n_parties)
    return (probability * slope(counts @ m)) @ counts


def conditional(
    f: Function, probabilities: NDArray[np.float64], n_parties: int, m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return E[f(n @ m) | n_i >= 1] for every type that has a probability."""
    counts, probability = outcomes(probabilities, n_parties)
    present = (counts >= 1) * probability[:, None]
    return (f(counts @ m) @ present) / present.sum(axis=0)


def own_type(
    f: Function, probabilities: NDArray[np.float64], n_parties: int, m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return E f(m_i + contributions of N - 1 others)."""
    counts, probability = outcomes(probabilities, n_parties - 1)
    return np.array([probability @ f(own + counts @ m) for own in m])


def violations(
    costs: NDArray[np.float64],
    m: NDArray[np.float64],
    t: NDArray[np.float64],
    reservation: NDArray[np.float64],
    t_bar: NDArray[np.float64],
) -> tuple[float, float, float]:
    """Return the largest violation of individual rationality, of all I x I incentive constraints, of feasibility."""
    utility = t - costs * m
    envy = (t[None, :] - costs[:, None] * m[None, :]) - utility[:, None]
    return float((reservation - utility).max()), float(envy.max()), float((t - t_bar).max())


def stand_alone(f: Function, cost: float, high: float = 1e7) -> tuple[float, float]:
    """Return the best amount and utility on a dense grid, refined around its best; (0, 0) where none is above 0."""
    amounts = np.geomspace(1e-3, high, 100_001)
    for _ in range(6):
        gains = f(amounts) - cost * amounts
        best = int(np.argmax(gains))
        amounts = np.linspace(amounts[max(best - 1, 0)], amounts[min(best + 1, len(amounts) - 1)], 10_001)
    gain = float((f(amounts) - cost * amounts).max())
    return (float(amounts[np.argmax(f(amounts) - cost * amounts)]), gain) if gain > 0 else (0.0, 0.0)
