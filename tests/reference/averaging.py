"""Bayesian model averaging with 50 digits, and its Bayesian bootstrap, replicate by replicate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mpmath
import numpy as np
from scipy.special import softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def bma_weights(log_likelihood: Sequence[float], prior: Sequence[float], power: float) -> list[mpmath.mpf]:
    """Return prior x likelihood^power over its sum."""
    with mpmath.workdps(50):
        joint = [
            mpmath.mpf(p) * mpmath.exp(mpmath.mpf(power) * mpmath.mpf(value))
            for p, value in zip(prior, log_likelihood, strict=True)
        ]
        total = mpmath.fsum(joint)
        return [value / total for value in joint]


def effective_models(weights: Sequence[float]) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Return the exponential of the entropy, and 1 / sum w^2."""
    with mpmath.workdps(50):
        entropy = -mpmath.fsum(mpmath.mpf(w) * mpmath.log(w) for w in weights if w > 0)
        return mpmath.exp(entropy), 1 / mpmath.fsum(mpmath.mpf(w) ** 2 for w in weights)


def bootstrap_weights(
    log_likelihood: NDArray[np.float64], prior: NDArray[np.float64], power: float, n_replicates: int, seed: int
) -> NDArray[np.float64]:
    """Return the mean over replicates of softmax(log prior + power N sum_n alpha_n l_dn), alpha ~ Dirichlet(1)."""
    rng = np.random.default_rng(seed)
    n_models, n_pairs = log_likelihood.shape
    total = np.zeros(n_models)
    for _ in range(n_replicates):
        alpha = rng.standard_exponential(n_pairs)
        alpha /= alpha.sum()
        with np.errstate(divide="ignore"):
            total += softmax(np.log(prior) + power * n_pairs * (log_likelihood @ alpha))
    return total / n_replicates
