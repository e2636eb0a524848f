"""The log score of a mixture and its certificate with 50 digits, and the optimum from a general solver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mpmath
import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def score(
    log_density: NDArray[np.float64], observation_weights: NDArray[np.float64], weights: Sequence[float]
) -> float:
    """Return sum_n v_n log sum_d w_d p_dn."""
    with mpmath.workdps(50):
        total = mpmath.fsum(observation_weights)
        terms = [
            v / total * mpmath.log(_mixture(log_density[:, n], weights))
            for n, v in enumerate(observation_weights)
            if v > 0
        ]
        return float(mpmath.fsum(terms))


def certificate(
    log_density: NDArray[np.float64], observation_weights: NDArray[np.float64], weights: Sequence[float]
) -> float:
    """Return max_d sum_n v_n p_dn / (P w)_n - 1."""
    with mpmath.workdps(50):
        total = mpmath.fsum(observation_weights)
        mixture = [_mixture(column, weights) for column in log_density.T]
        gradient = [
            mpmath.fsum(
                v / total * mpmath.exp(mpmath.mpf(value)) / q
                for v, value, q in zip(observation_weights, row, mixture, strict=True)
                if v > 0
            )
            for row in log_density
        ]
        return float(max(gradient) - 1)


def stacking_weights(
    log_density: NDArray[np.float64], observation_weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return weights and score from scipy's SLSQP."""
    v = observation_weights / observation_weights.sum()
    n_models = len(log_density)

    def loss(w: NDArray[np.float64]) -> float:
        return -float(v @ logsumexp(log_density, b=np.maximum(w, 1e-300)[:, None], axis=0))

    def gradient(w: NDArray[np.float64]) -> NDArray[np.float64]:
        mixture = logsumexp(log_density, b=np.maximum(w, 1e-300)[:, None], axis=0)
        return -np.exp(log_density - mixture) @ v

    result = minimize(
        loss,
        np.full(n_models, 1 / n_models),
        jac=gradient,
        method="SLSQP",
        bounds=[(0, 1)] * n_models,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    weights = np.maximum(result.x, 0)
    weights /= weights.sum()
    return weights, -loss(weights)


def _mixture(column: NDArray[np.float64], weights: Sequence[float]) -> mpmath.mpf:
    return mpmath.fsum(
        mpmath.mpf(w) * mpmath.exp(mpmath.mpf(value)) for w, value in zip(weights, column, strict=True) if w > 0
    )
