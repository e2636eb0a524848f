"""The mechanisms of DeepFunding scripts from their formulas: loops over lists, and scipy's SLSQP from equal weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mpmath
import numpy as np
from scipy.optimize import minimize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Sample = tuple[int, int, float]


def cost(logits: Sequence[float], samples: Sequence[Sample]) -> float:
    """Return the sum over samples of the squared error of the log ratio."""
    total = 0.0
    for a, b, log_ratio in samples:
        total += (logits[b] - logits[a] - log_ratio) ** 2
    return total


def least_cost_weights(logits_lists: Sequence[Sequence[float]], samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Minimise the cost of the mixed logits with SLSQP at its defaults, gradients by finite differences."""
    n_models, n_items = len(logits_lists), len(logits_lists[0])

    def mixed_cost(weights: NDArray[np.float64]) -> float:
        mixed = [0.0] * n_items
        for weight, logits in zip(weights, logits_lists, strict=True):
            for item in range(n_items):
                mixed[item] += weight * logits[item]
        return cost(mixed, samples)

    start = np.full(n_models, 1 / n_models)
    total = {"type": "eq", "fun": lambda weights: np.sum(weights) - 1}
    return minimize(mixed_cost, start, method="SLSQP", bounds=[(0, 1)] * n_models, constraints=total).x


def log_prob(logits: Sequence[float], a: int, b: int, labels: Sequence[float], scale: float) -> mpmath.mpf:
    """Return log mean_i Normal(y_i | logits[b] - logits[a], scale) with 50 digits."""
    with mpmath.workdps(50):
        centre = mpmath.mpf(logits[b]) - mpmath.mpf(logits[a])
        densities = [
            mpmath.exp(-(((mpmath.mpf(y) - centre) / scale) ** 2) / 2) / (scale * mpmath.sqrt(2 * mpmath.pi))
            for y in labels
        ]
        return mpmath.log(mpmath.fsum(densities) / len(labels))
