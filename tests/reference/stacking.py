"""The log score of a mixture and its certificate with 50 digits, an optimum from a general solver, all small optima."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import mpmath
import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    Row = list[mpmath.mpf]


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


@dataclass(frozen=True)
class Optima:
    """All optimal weights of a small instance, with 40 digits.

    Attributes
    ----------
    score : mpmath.mpf
        The best score.
    models : list of int
        Models that have weight in some optimum.
    dimension : int
        Dimension of the set of optimal weights.
    vertices : list of list of mpmath.mpf
        The optimal weights on independent models: all others are their mixtures.
    """

    score: mpmath.mpf
    models: list[int]
    dimension: int
    vertices: list[list[mpmath.mpf]]


def densities(log_density: NDArray[np.float64]) -> list[Row]:
    """Return the densities themselves, one list a model."""
    with mpmath.workdps(60):
        return [[mpmath.exp(mpmath.mpf(value)) for value in row] for row in log_density]


def of_least_loss(optima: Optima, log_density: NDArray[np.float64], v: Sequence[float], floor: float) -> Row:
    """Return the optimum of the least mean loss of a model; of several that with most for the first model, and so on.

    Parameters
    ----------
    optima : Optima
        Of the densities.
    log_density : ndarray of float64, shape (n_models, n_observations)
        Values below the highest of their column plus `floor` count as that.
    v : sequence of float
        Weights of the observations.
    """
    with mpmath.workdps(60):
        least = [mpmath.mpf(max(column)) + mpmath.mpf(floor) for column in log_density.T]
        score = [
            mpmath.fsum(u * max(mpmath.mpf(value), low) for u, value, low in zip(v, row, least, strict=True))
            for row in log_density
        ]
        left = optima.vertices
        for values in (score, *(_unit(d, len(score)) for d in range(len(score)))):
            mean = [mpmath.fdot(vertex, values) for vertex in left]
            left = [vertex for vertex, value in zip(left, mean, strict=True) if value >= max(mean) - 1e-25]
        return left[0]


def _unit(d: int, n: int) -> list[int]:
    return [int(other == d) for other in range(n)]


def optima(density: Sequence[Sequence[Fraction | mpmath.mpf]], v: Sequence[float]) -> Optima:
    """Return all optima by trying every support; `density` holds the densities themselves, one list a model."""
    with mpmath.workdps(60):
        p = [[_number(value) for value in row] for row in density]
        share = [mpmath.mpf(weight) / mpmath.fsum(v) for weight in v]
        supports = [s for size in range(1, len(p) + 1) for s in combinations(range(len(p)), size)]
        mixture = next(q for s in supports if (q := _interior_optimum([p[d] for d in s], p, share)) is not None)
        price = [mpmath.fsum(u * x / q for u, x, q in zip(share, row, mixture, strict=True)) for row in p]
        flat = [d for d in range(len(p)) if price[d] >= 1 - DIGITS]
        vertices = []
        for support in (s for size in range(1, len(flat) + 1) for s in combinations(flat, size)):
            weights = _weights_of([p[d] for d in support], mixture)
            if weights is not None and min(weights) > DIGITS:
                vertices.append([weights[support.index(d)] if d in support else mpmath.mpf(0) for d in range(len(p))])
        models = sorted({d for vertex in vertices for d, weight in enumerate(vertex) if weight > 0})
        score = mpmath.fsum(u * mpmath.log(q) for u, q in zip(share, mixture, strict=True))
        return Optima(score, models, len(models) - _rank([p[d] for d in models]), vertices)


DIGITS = mpmath.mpf(10) ** -35


def _number(value: Fraction | mpmath.mpf) -> mpmath.mpf:
    return value if isinstance(value, mpmath.mpf) else mpmath.mpf(value.numerator) / value.denominator


def _interior_optimum(rows: list[Row], everyone: list[Row], share: Row) -> Row | None:
    """Return the mixture that is best among those of independent rows, if it is best among all and they have weight."""
    if _rank(rows) < len(rows) or not all(any(column) for column in zip(*rows, strict=True)):
        return None
    weights = [mpmath.mpf(1) / len(rows)] * len(rows)
    for _ in range(200):
        q = _mix(rows, weights)
        slope = [1 - mpmath.fsum(u * x / y for u, x, y in zip(share, row, q, strict=True)) for row in rows]
        hessian = mpmath.matrix(
            [
                [mpmath.fsum(u * x * z / y**2 for u, x, z, y in zip(share, a, b, q, strict=True)) for b in rows]
                for a in rows
            ]
        )
        step = mpmath.lu_solve(hessian, -mpmath.matrix(slope))
        length = mpmath.mpf(1)
        while min((w + length * s) / w for w, s in zip(weights, step, strict=True)) <= 1e-3:
            length /= 2
        weights = [w + length * s for w, s in zip(weights, step, strict=True)]
        if min(weights) < DIGITS:
            return None
        if length == 1 and max(abs(s) for s in step) < DIGITS**1.2:
            break
    else:
        return None
    q = _mix(rows, weights)
    best = all(mpmath.fsum(u * x / y for u, x, y in zip(share, row, q, strict=True)) <= 1 + DIGITS for row in everyone)
    return q if best else None


def _weights_of(rows: list[Row], mixture: Row) -> Row | None:
    """Return the weights of independent rows that give a mixture."""
    if _rank(rows) < len(rows):
        return None
    gram = mpmath.matrix([[mpmath.fdot(a, b) for b in rows] for a in rows])
    weights = list(mpmath.lu_solve(gram, mpmath.matrix([mpmath.fdot(a, mixture) for a in rows])))
    missed = max(abs(a - b) for a, b in zip(_mix(rows, weights), mixture, strict=True))
    return weights if missed < DIGITS else None


def _mix(rows: list[Row], weights: Row) -> Row:
    return [mpmath.fdot(weights, column) for column in zip(*rows, strict=True)]


def _rank(rows: list[Row]) -> int:
    """Return the number of independent rows, by elimination with full pivoting."""
    left = [list(row) for row in rows]
    rank = 0
    while left:
        size, i, j = max((abs(value), i, j) for i, row in enumerate(left) for j, value in enumerate(row))
        if size < DIGITS:
            break
        pivot = left.pop(i)
        left = [[a - row[j] / pivot[j] * b for a, b in zip(row, pivot, strict=True)] for row in left]
        rank += 1
    return rank
