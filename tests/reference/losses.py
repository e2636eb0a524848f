"""The sum-Gaussian loss and its derivatives by their definitions: one pair with 50 digits, many in float64."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

DIGITS = 50
Numbers = Any  # a sequence or an array of floats


def _shares(pred: Any, labels: Numbers, sigma: Any, weights: Numbers | None) -> tuple[list[Any], list[Any], Any]:
    """Return the differences and shares of the labels of weight above 0, and the sum that the loss is the log of."""
    weights = [1.0] * len(labels) if weights is None else weights
    some = [(mpmath.mpf(float(y)), mpmath.mpf(float(u))) for y, u in zip(labels, weights, strict=True) if u > 0]
    differences = [mpmath.mpf(float(pred)) - y for y, _ in some]
    terms = [
        u * mpmath.exp(-(d**2) / (2 * mpmath.mpf(sigma) ** 2)) for d, (_, u) in zip(differences, some, strict=True)
    ]
    total = mpmath.fsum(terms)
    return differences, [term / total for term in terms], total


def loss(pred: Any, labels: Numbers, sigma: float, weights: Numbers | None = None) -> Any:
    """Return -log sum_i u_i exp(-(pred - y_i)^2 / (2 sigma^2)) of one pair."""
    with mpmath.workdps(DIGITS):
        return -mpmath.log(_shares(pred, labels, sigma, weights)[2])


def slope(pred: Any, labels: Numbers, sigma: float, weights: Numbers | None = None) -> Any:
    """Return the derivative of the loss of one pair by its prediction."""
    with mpmath.workdps(DIGITS):
        differences, shares, _ = _shares(pred, labels, sigma, weights)
        return mpmath.fsum(r * d for r, d in zip(shares, differences, strict=True)) / mpmath.mpf(sigma) ** 2


def curvature(pred: Any, labels: Numbers, sigma: float, weights: Numbers | None = None) -> Any:
    """Return the second derivative of the loss of one pair by its prediction."""
    with mpmath.workdps(DIGITS):
        differences, shares, _ = _shares(pred, labels, sigma, weights)
        mean = mpmath.fsum(r * d for r, d in zip(shares, differences, strict=True))
        variance = mpmath.fsum(r * (d - mean) ** 2 for r, d in zip(shares, differences, strict=True))
        return 1 / mpmath.mpf(sigma) ** 2 - variance / mpmath.mpf(sigma) ** 4


def dense(pred: Array, labels: Array, sigma: float, weights: Array | None = None) -> tuple[Array, Array, Array]:
    """Return loss, slope and curvature, each (n_models, n_pairs), for labels (n_labels, n_pairs)."""
    differences = pred[:, None, :].astype(float) - labels[None].astype(float)  # (n_models, n_labels, n_pairs)
    z = differences / sigma
    with np.errstate(divide="ignore"):
        log_weights = np.zeros(labels.shape) if weights is None else np.log(weights.astype(float))
    logs = log_weights - z**2 / 2
    greatest = logs.max(axis=1, keepdims=True)
    terms = np.exp(logs - greatest)
    total = terms.sum(axis=1, keepdims=True)
    shares = terms / total
    mean = (shares * z).sum(axis=1, keepdims=True)
    variance = (shares * (z - mean) ** 2).sum(axis=1)
    return -(greatest + np.log(total))[:, 0], mean[:, 0] / sigma, (1 - variance) / sigma**2


def ragged(
    pred: Array, labels: Array, offsets: Sequence[int] | NDArray[Any], sigma: float, weights: Array | None = None
) -> tuple[Array, Array, Array]:
    """Return what :func:`dense` returns, for labels (n_flat,): pair n has those from offsets[n] to offsets[n + 1]."""
    columns = []
    for pair, (begin, end) in enumerate(pairwise(offsets)):
        own = None if weights is None else weights[begin:end, None]
        columns.append(dense(pred[:, pair : pair + 1], labels[begin:end, None], sigma, own))
    if not columns:
        return pred.astype(float), pred.astype(float), pred.astype(float)
    losses, slopes, curvatures = (np.concatenate(parts, axis=1) for parts in zip(*columns, strict=True))
    return losses, slopes, curvatures
