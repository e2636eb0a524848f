"""Diversity by its definitions, in 40 digits: the losses of ensemble and members, and their difference."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

DIGITS = 40


def mean(values: Sequence[Any], weights: Sequence[float]) -> Any:
    """Return the weighted mean in many digits."""
    total = mpmath.fsum(mpmath.mpf(w) for w in weights)
    return mpmath.fsum(mpmath.mpf(w) * value for w, value in zip(weights, values, strict=True)) / total


def squares(prediction: Sequence[Any], target: Sequence[float]) -> Any:
    """Return the sum of squared differences."""
    return mpmath.fsum((p - mpmath.mpf(y)) ** 2 for p, y in zip(prediction, target, strict=True))


def softmax(scores: Sequence[Any]) -> list[Any]:
    """Return probabilities."""
    parts = [mpmath.exp(s) for s in scores]
    return [part / mpmath.fsum(parts) for part in parts]


def decompose(
    predictions: NDArray[np.float64],
    targets: NDArray[Any],
    loss: str,
    averaging: str | None = None,
    weights: Sequence[float] | None = None,
    example_weights: Sequence[float] | None = None,
) -> tuple[float, float, float]:
    """Return ERR, ERR_bar, and DIV as the difference of the two."""
    n_learners, n_examples = predictions.shape[:2]
    w = [1.0] * n_learners if weights is None else list(weights)
    v = [1.0] * n_examples if example_weights is None else list(example_weights)
    with mpmath.workdps(DIGITS):
        one = [example(predictions[:, i], targets[i], loss, averaging, w) for i in range(n_examples)]
        err, err_bar = (mean([parts[k] for parts in one], v) for k in (0, 1))
        return float(err), float(err_bar), float(err_bar - err)


def example(members: NDArray[np.float64], target: Any, loss: str, averaging: str | None, w: list[float]) -> Any:
    """Return ERR and ERR_bar of one example."""
    if loss == "zero_one":
        votes = {k: sum(Fraction(x) for x, m in zip(w, members, strict=True) if m == k) for k in sorted(set(members))}
        winner = min(k for k, weight in votes.items() if weight == max(votes.values()))
        return mpmath.mpf(int(winner != target)), mean([mpmath.mpf(int(m != target)) for m in members], w)
    rows = [[mpmath.mpf(value) for value in np.atleast_1d(member)] for member in members]
    if loss == "cross_entropy":
        own = [-mpmath.log(softmax(row)[target]) for row in rows]
        averaged = [softmax(row) for row in rows] if averaging == "probability" else rows
        pooled = [mean(column, w) for column in zip(*averaged, strict=True)]
        chosen = pooled if averaging == "probability" else softmax(pooled)
        return -mpmath.log(chosen[target]), mean(own, w)
    goal = [float(k == target) for k in range(len(rows[0]))] if loss == "brier" else np.atleast_1d(target)
    pooled = [mean(column, w) for column in zip(*rows, strict=True)]
    return squares(pooled, goal), mean([squares(row, goal) for row in rows], w)


def bias_share(predictions: NDArray[np.float64], weights: Sequence[float]) -> float:
    """Return the part of DIV of scalar outputs that the best shifts take away, in fractions."""
    rows = [[Fraction(value) for value in row] for row in predictions.tolist()]
    total = sum(Fraction(float(w)) for w in weights)
    parts = [Fraction(float(w)) / total for w in weights]
    mean = [sum(w * value for w, value in zip(parts, column, strict=True)) for column in zip(*rows, strict=True)]
    apart = [[value - centre for value, centre in zip(row, mean, strict=True)] for row in rows]
    n = len(mean)
    div = sum(w * sum(value**2 for value in row) for w, row in zip(parts, apart, strict=True)) / n
    return float(sum(w * (sum(row) / n) ** 2 for w, row in zip(parts, apart, strict=True)) / div)


def gradient(
    predictions: NDArray[np.float64], target: Any, loss: str, averaging: str | None, w: NDArray[np.float64], beta: float
) -> NDArray[np.float64]:
    """Return the derivative of (1 - beta) ERR_bar + beta ERR of one example, shape (n_learners, n_outputs).

    In predictions for "mse" and "brier", in scores for "cross_entropy".
    """
    found = np.empty(predictions.shape)
    if loss != "cross_entropy":
        goal = np.eye(predictions.shape[1])[target] if loss == "brier" else target
        for j, f in enumerate(predictions):
            found[j] = 2 * w[j] * ((1 - beta) * (f - goal) + beta * (w @ predictions - goal))
        return found
    goal = np.eye(predictions.shape[1])[target]
    p = np.exp(predictions) / np.exp(predictions).sum(axis=1, keepdims=True)
    pooled = np.exp(w @ predictions) / np.exp(w @ predictions).sum()
    for j in range(len(p)):
        of_ensemble = pooled - goal
        if averaging == "probability":  # the derivative of p_j over p_bar: the division that is easily forgotten
            of_ensemble = p[j, target] / (w @ p[:, target]) * (p[j] - goal)
        found[j] = w[j] * ((1 - beta) * (p[j] - goal) + beta * of_ensemble)
    return found


def loss_difference(
    predictions: NDArray[np.float64], loss: Callable[..., Any], targets: Sequence[float], weights: Sequence[float]
) -> float:
    """Return DIV of a loss of scalar outputs, as a difference in many digits."""
    with mpmath.workdps(DIGITS):
        found = []
        for i, y in enumerate(targets):
            members = [mpmath.mpf(f) for f in predictions[:, i]]
            pooled = loss(mean(members, weights), mpmath.mpf(y))
            found.append(mean([loss(f, mpmath.mpf(y)) for f in members], weights) - pooled)
        return float(mpmath.fsum(found) / len(found))


def mean_error_without(predictions: NDArray[np.float64], targets: NDArray[np.float64], k: int) -> float:
    """Return the squared error of the average of all but k members of equal weight, over all ways to drop them."""
    kept = combinations(range(len(predictions)), len(predictions) - k)
    return float(np.mean([np.mean((predictions[list(some)].mean(axis=0) - targets) ** 2) for some in kept]))


def adjusted_targets(
    predictions: NDArray[np.float64], targets: NDArray[np.float64], alpha: float, *, leave_one_out: bool
) -> NDArray[np.float64]:
    """Return the targets of each member, moved against the error of all members or of the others."""
    n_learners = len(predictions)
    moved = []
    for j in range(n_learners):
        others = [i for i in range(n_learners) if i != j or not leave_one_out]
        moved.append(targets - alpha * (predictions[others].mean(axis=0) - targets))
    return np.array(moved)


def gamma(alpha: float, n_learners: int) -> float:
    """Return gamma by the formula as it is printed."""
    m = n_learners
    return alpha / (alpha + 1) ** 2 * (m * ((alpha + 2) * m - 2 * (alpha + 1))) / (m - 1) ** 2


def pool_decompose(
    logits: NDArray[np.float64], a: Any, b: Any, log_ratio: Any, weight: Any, weights: Any
) -> tuple[float, float, float, float]:
    """Return ERR, ERR_bar, DIV and the part that debiasing takes away, judgment by judgment."""
    u, w, y = np.asarray(weight) / np.sum(weight), np.asarray(weights), np.asarray(log_ratio, dtype=float)
    predicted = np.array([[row[j] - row[i] for i, j in zip(a, b, strict=True)] for row in logits])
    pooled = w @ predicted
    pairs = [tuple(sorted(pair)) for pair in zip(a, b, strict=True)]
    toward = np.empty(len(y))
    for n, (i, j) in enumerate(zip(a, b, strict=True)):
        sign = [1 if (a[k], b[k]) == (i, j) else -1 for k in range(len(y))]
        same = [k for k in range(len(y)) if pairs[k] == pairs[n]]
        toward[n] = np.sign(sum(u[k] * sign[k] * y[k] for k in same))
    div = sum(w[d] * u @ (predicted[d] - pooled) ** 2 for d in range(len(w)))
    left = 0.0
    for d in range(len(w)):  # least squares of each model's distance on one constant, towards the jury's choice
        apart, root = predicted[d] - pooled, np.sqrt(u)
        shift = np.linalg.lstsq((root * toward)[:, None], root * apart, rcond=None)[0][0]
        left += w[d] * u @ (apart - shift * toward) ** 2
    err_bar = sum(w[d] * u @ (predicted[d] - y) ** 2 for d in range(len(w)))
    return float(u @ (pooled - y) ** 2), float(err_bar), float(div), float(1 - left / div) if div else 0.0
