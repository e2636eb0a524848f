"""Bayesian model averaging with 50 digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mpmath

if TYPE_CHECKING:
    from collections.abc import Sequence


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
