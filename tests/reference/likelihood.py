"""The log likelihoods by their definition, with 50 digits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DIGITS = 50
Label = tuple[float, float]
Rows = list[list[Any]]


def labels_of_pairs(
    a: Sequence[int], b: Sequence[int], log_ratio: Sequence[float], weight: Sequence[float]
) -> dict[tuple[int, int], list[Label]]:
    """Return (log_ratio, weight) of every label by unordered pair, in the order of the pairs."""
    pairs: dict[tuple[int, int], list[Label]] = {}
    for i, j, y, u in zip(a, b, log_ratio, weight, strict=True):
        if u > 0 and not np.isnan(y):
            pairs.setdefault((min(i, j), max(i, j)), []).append((y if i < j else -y, u))
    return dict(sorted(pairs.items()))


def log_normal(y: float, mu: Any, sigma: float) -> Any:
    """Return log Normal(y | mu, sigma) of a label."""
    z = (mpmath.mpf(y) - mu) / mpmath.mpf(sigma)
    return -z * z / 2 - mpmath.log(mpmath.mpf(sigma) * mpmath.sqrt(2 * mpmath.pi))


def by_pair(
    logits: NDArray[np.floating[Any]], pairs: dict[tuple[int, int], list[Label]], sigma: float, likelihood: str
) -> tuple[Rows, Rows]:
    """Return log p_n of every model and pair, and the size that its error is measured by, as mpf."""
    with mpmath.workdps(DIGITS):
        terms = [[_pair(row, pair, labels, sigma, likelihood) for pair, labels in pairs.items()] for row in logits]
    return [[value for value, _ in row] for row in terms], [[size for _, size in row] for row in terms]


def _pair(
    row: NDArray[np.floating[Any]], pair: tuple[int, int], labels: list[Label], sigma: float, likelihood: str
) -> tuple[Any, Any]:
    mu = mpmath.mpf(float(row[pair[1]])) - mpmath.mpf(float(row[pair[0]]))
    logs = [log_normal(y, mu, sigma) for y, _ in labels]
    weights = [mpmath.mpf(u) for _, u in labels]
    if likelihood == "gaussian":
        value = mpmath.fsum(u * log for u, log in zip(weights, logs, strict=True))
        return value, mpmath.fsum(u * max(1, abs(log)) for u, log in zip(weights, logs, strict=True))
    total = mpmath.fsum(weights)
    value = mpmath.log(mpmath.fsum(u / total * mpmath.exp(log) for u, log in zip(weights, logs, strict=True)))
    return value, max(1, abs(value))


def totals(rows: Rows, pair_weight: Sequence[float]) -> list[Any]:
    """Return sum_n c_n log p_n of every model, as mpf."""
    with mpmath.workdps(DIGITS):
        return [mpmath.fsum(mpmath.mpf(c) * term for c, term in zip(pair_weight, row, strict=True)) for row in rows]


def gradient(
    logits: NDArray[np.floating[Any]],
    pairs: dict[tuple[int, int], list[Label]],
    pair_weight: Sequence[float],
    sigma: float,
    likelihood: str,
) -> tuple[Rows, Rows]:
    """Return d total / d logits of every model and item, and the size that its error is measured by, as mpf.

    The size is a sum over the pairs of the item of ``c_n sum_i r_i max(1, |y_i - mu| / sigma) / sigma``, with r_i the
    share of label i in the density, or its weight under "gaussian".
    """
    slopes, sizes = [], []
    with mpmath.workdps(DIGITS):
        for row in logits:
            slope, size = [[mpmath.mpf(0)] * len(row) for _ in range(2)]
            for ((a, b), labels), c in zip(pairs.items(), pair_weight, strict=True):
                change, width = _slope(mpmath.mpf(float(row[b])) - mpmath.mpf(float(row[a])), labels, sigma, likelihood)
                slope[b] += c * change
                slope[a] -= c * change
                size[a] += c * width
                size[b] += c * width
            slopes.append(slope)
            sizes.append(size)
    return slopes, sizes


def _slope(mu: Any, labels: list[Label], sigma: float, likelihood: str) -> tuple[Any, Any]:
    """Return d log p / d mu of a pair, and its size."""
    weights = [mpmath.mpf(u) for _, u in labels]
    if likelihood == "sum_gaussian":
        logs = [log_normal(y, mu, sigma) for y, _ in labels]
        densest = max(log + mpmath.log(u) for log, u in zip(logs, weights, strict=True))
        weights = [u * mpmath.exp(log - densest) for log, u in zip(logs, weights, strict=True)]
        total = mpmath.fsum(weights)
        weights = [weight / total for weight in weights]
    pulls = [(mpmath.mpf(y) - mu) / mpmath.mpf(sigma) for y, _ in labels]
    change = mpmath.fsum(r * z for r, z in zip(weights, pulls, strict=True)) / mpmath.mpf(sigma)
    return change, mpmath.fsum(r * max(1, abs(z)) for r, z in zip(weights, pulls, strict=True)) / mpmath.mpf(sigma)


def worst_error(values: NDArray[np.float64], expected: Sequence[Any], sizes: Sequence[Any]) -> float:
    """Return the largest error in units of the size of what it is an error of."""
    with mpmath.workdps(DIGITS):
        errors = [
            abs(mpmath.mpf(float(value)) - exact) / size if np.isfinite(value) else mpmath.inf
            for value, exact, size in zip(values, expected, sizes, strict=True)
        ]
        return float(max(errors, default=0))
