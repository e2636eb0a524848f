"""The least objective over the simplex and the gap of given weights, in 30 digits and more, by trying everything."""

from __future__ import annotations

from itertools import chain, combinations
from typing import TYPE_CHECKING

import mpmath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DIGITS = 70  #: of the arithmetic: 30 are left where models nearly coincide to the last bit of a double

Row = list[mpmath.mpf]


def deviations(x: NDArray, y: NDArray) -> list[Row]:
    """Return x_d - y."""
    with mpmath.workdps(DIGITS):
        return [[mpmath.mpf(value) - mpmath.mpf(label) for value, label in zip(row, y, strict=True)] for row in x]


def mixture(rows: Sequence[Row], weights: Sequence[float | mpmath.mpf]) -> Row:
    """Return sum_d w_d row_d."""
    return [mpmath.fdot(zip(weights, column, strict=True)) for column in zip(*rows, strict=True)]


def objective(x: NDArray, y: NDArray, weights: Sequence[float]) -> mpmath.mpf:
    """Return ||sum_d w_d (x_d - y)||^2."""
    with mpmath.workdps(DIGITS):
        residual = mixture(deviations(x, y), weights)
        return mpmath.fdot(residual, residual)


def gap(x: NDArray, y: NDArray, weights: Sequence[float]) -> mpmath.mpf:
    """Return 2 sum_d w_d (g_d - min g), with g_d = (x_d - y) . sum_e w_e (x_e - y) half the gradient."""
    with mpmath.workdps(DIGITS):
        rows = deviations(x, y)
        residual = mixture(rows, weights)
        half_gradient = [mpmath.fdot(row, residual) for row in rows]
        least = min(half_gradient)
        return 2 * mpmath.fsum(w * (g - least) for w, g in zip(weights, half_gradient, strict=True))


def least_objective(x: NDArray, y: NDArray) -> mpmath.mpf:
    """Return min ||sum_d w_d (x_d - y)||^2 over w >= 0, sum w = 1.

    Some optimum lies inside a simplex of at most n_observations + 1 models. So on each such set of models find the
    point where the objective is stationary, and take the least value among the points whose weights are all positive.
    """
    n_models, n_observations = x.shape
    sizes = range(1, min(n_models, n_observations + 1) + 1)
    with mpmath.workdps(DIGITS):
        rows = deviations(x, y)
        values = []
        for chosen in chain.from_iterable(combinations(rows, size) for size in sizes):
            weights = stationary(chosen)
            if weights is not None and min(weights) > 0:
                residual = mixture(chosen, weights)
                values.append(mpmath.fdot(residual, residual))
        return min(values)


def stationary(rows: Sequence[Row]) -> Row | None:
    """Return the weights of sum 1, of any sign, at which the objective is stationary; None if they are not unique."""
    n = len(rows)
    matrix, right = mpmath.zeros(n + 1), mpmath.zeros(n + 1, 1)
    for i in range(n):
        for j in range(n):
            matrix[i, j] = mpmath.fdot(rows[i], rows[j])
        matrix[i, n] = matrix[n, i] = 1
    right[n] = 1
    try:
        solution = mpmath.lu_solve(matrix, right)
    except (ZeroDivisionError, TypeError):  # what mpmath raises where there is no pivot, or only zeros in its place
        return None
    weights = list(solution)[:n]
    total = mpmath.fsum(weights)
    return [weight / total for weight in weights] if total > 0 else None
