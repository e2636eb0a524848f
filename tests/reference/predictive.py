"""Mixture of Gaussians with fifty digits: density, distribution function and quantiles by bisection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mpmath

if TYPE_CHECKING:
    from collections.abc import Sequence

DIGITS = 50


def log_pdf(x: float, log_ratio: Sequence[float], weights: Sequence[float], sigma: float) -> float:
    """Log of sum_d w_d Normal(x | mu_d, sigma)."""
    with mpmath.workdps(DIGITS):
        terms = [w * mpmath.npdf(mpmath.mpf(x), mu, sigma) for mu, w in zip(log_ratio, weights, strict=True)]
        return float(mpmath.log(mpmath.fsum(terms)))


def cdf(x: float, log_ratio: Sequence[float], weights: Sequence[float], sigma: float) -> mpmath.mpf:
    """Sum of w_d Phi((x - mu_d) / sigma)."""
    with mpmath.workdps(DIGITS):
        z = [(mpmath.mpf(mu) - mpmath.mpf(x)) / (sigma * mpmath.sqrt(2)) for mu in log_ratio]
        return mpmath.fsum(w * mpmath.erfc(value) / 2 for w, value in zip(weights, z, strict=True))


def quantile(q: float, log_ratio: Sequence[float], weights: Sequence[float], sigma: float) -> float:
    """Halve a bracket until no digit of a float changes."""
    with mpmath.workdps(DIGITS):
        lower, upper = mpmath.mpf(min(log_ratio)) - 40 * sigma, mpmath.mpf(max(log_ratio)) + 40 * sigma
        for _ in range(120):
            middle = (lower + upper) / 2
            if cdf(middle, log_ratio, weights, sigma) < mpmath.mpf(q):
                lower = middle
            else:
                upper = middle
        return float(upper)
