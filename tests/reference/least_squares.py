"""Simplex least squares by definition: exact rational enumeration of supports, and Clarabel for larger problems."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, combinations
from typing import TYPE_CHECKING

import clarabel
import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Row = list[Fraction]


def deviations(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[Row]:
    """Return x_d - y, exactly."""
    return [[Fraction(value) - Fraction(label) for value, label in zip(row, y, strict=True)] for row in x.tolist()]


def mixture(rows: Sequence[Row], weights: Sequence[Fraction]) -> Row:
    """Return sum_d w_d row_d."""
    return [
        sum((w * value for w, value in zip(weights, column, strict=True)), Fraction(0))
        for column in zip(*rows, strict=True)
    ]


def objective(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    weights: Sequence[float | Fraction],
    l2: float = 0.0,
    cost: NDArray[np.float64] | None = None,
) -> Fraction:
    """Return ||x.T @ w - y||^2 + l2 ||w||^2 + cost . w for weights that sum to one, exactly.

    For weights that do not quite, y is taken as sum_d w_d y: the deviations are mixed.
    """
    w = [Fraction(weight) for weight in weights]
    fit = sum((value**2 for value in mixture(deviations(x, y), w)), Fraction(0))
    ridge = Fraction(l2) * sum(weight**2 for weight in w)
    price = sum((Fraction(c) * weight for c, weight in zip(_costs(cost, len(w)), w, strict=True)), Fraction(0))
    return fit + ridge + price


def gap(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    weights: Sequence[float],
    l2: float = 0.0,
    cost: NDArray[np.float64] | None = None,
) -> Fraction:
    """Return 2 sum_d w_d (g_d - min g), g half the gradient, exactly."""
    w = [Fraction(weight) for weight in weights]
    rows = deviations(x, y)
    residual = mixture(rows, w)
    slopes = [
        sum((a * b for a, b in zip(row, residual, strict=True)), Fraction(0)) + Fraction(l2) * weight + Fraction(c) / 2
        for row, weight, c in zip(rows, w, _costs(cost, len(w)), strict=True)
    ]
    return 2 * sum((weight * (slope - min(slopes)) for weight, slope in zip(w, slopes, strict=True)), Fraction(0))


def minimum(
    x: NDArray[np.float64], y: NDArray[np.float64], l2: float = 0.0, cost: NDArray[np.float64] | None = None
) -> tuple[Fraction, Row]:
    """Return the least objective and some weights that attain it, by trying every support."""
    rows, prices = deviations(x, y), [Fraction(c) for c in _costs(cost, len(x))]
    best: tuple[Fraction, Row] | None = None
    for support in supports(len(x)):
        # Stationarity on the support, and the sum.
        matrix = [
            [
                2 * (sum((a * b for a, b in zip(rows[i], rows[j], strict=True)), Fraction(0)) + (i == j) * Fraction(l2))
                for j in support
            ]
            + [Fraction(-1)]
            for i in support
        ] + [[Fraction(1)] * len(support) + [Fraction(0)]]
        solution = solve(matrix, [-prices[i] for i in support] + [Fraction(1)])
        if solution is None or min(solution[:-1]) < 0:
            continue
        weights = _spread(solution[:-1], support, len(x))
        value = objective(x, y, weights, l2, cost)
        if best is None or value < best[0]:
            best = value, weights
    assert best is not None
    return best


def nearest(x: NDArray[np.float64], y: NDArray[np.float64], reference: Sequence[Fraction]) -> Row:
    """Return the optimal weights (without ridge and prices) nearest to the reference, by trying every support."""
    rows = [[*row, Fraction(1)] for row in deviations(x, y)]
    target = mixture(rows, minimum(x, y)[1])
    best: tuple[Fraction, Row] | None = None
    for support in supports(len(x)):
        on_support = [rows[i] for i in support]
        products = [
            [sum(row[m] * row[n] for row in on_support) for n in range(len(target))] for m in range(len(target))
        ]
        at_reference = mixture(on_support, [reference[i] for i in support])
        multipliers = solve(products, [t - a for t, a in zip(target, at_reference, strict=True)])
        if multipliers is None:
            continue
        moved = [
            reference[i] + sum(m * value for m, value in zip(multipliers, row, strict=True))
            for i, row in zip(support, on_support, strict=True)
        ]
        if min(moved) < 0 or mixture(on_support, moved) != target:
            continue
        weights = _spread(moved, support, len(x))
        distance = sum(((w - r) ** 2 for w, r in zip(weights, reference, strict=True)), Fraction(0))
        if best is None or distance < best[0]:
            best = distance, weights
    assert best is not None
    return best[1]


def optimal_face(
    x: NDArray[np.float64], y: NDArray[np.float64], cost: NDArray[np.float64] | None = None
) -> tuple[list[int], int]:
    """Return the models that have weight in some optimum, and the dimension of the set of optima.

    Every support is tried. Optimal are the weights that give the unique fit, at the least price where there are any.
    """
    _, weights = minimum(x, y, cost=cost)
    rows = [[*row, Fraction(c), Fraction(1)] for row, c in zip(deviations(x, y), _costs(cost, len(x)), strict=True)]
    target = mixture(rows, weights)
    models: set[int] = set()
    for support in supports(len(x)):
        solution = solve([list(column) for column in zip(*(rows[d] for d in support), strict=True)], target)
        if solution is not None and min(solution) >= 0:
            models |= {d for d, weight in zip(support, solution, strict=True) if weight > 0}
    return sorted(models), len(models) - rank([rows[d] for d in models])


def optimal_vertices(
    x: NDArray[np.float64], y: NDArray[np.float64], cost: NDArray[np.float64] | None = None
) -> list[Row]:
    """Return every vertex of the set of optimal weights: the ones on independent models."""
    _, weights = minimum(x, y, cost=cost)
    rows = [[*row, Fraction(c), Fraction(1)] for row, c in zip(deviations(x, y), _costs(cost, len(x)), strict=True)]
    target = mixture(rows, weights)
    vertices = []
    for support in supports(len(x)):
        chosen = [rows[d] for d in support]
        solution = solve([list(column) for column in zip(*chosen, strict=True)], target)
        if rank(chosen) == len(support) and solution is not None and min(solution) > 0:
            vertices.append(_spread(solution, support, len(x)))
    return vertices


def least_individual_loss(x: NDArray[np.float64], y: NDArray[np.float64], cost: NDArray[np.float64] | None) -> Row:
    """Return the optimal weights with the least mean loss of a model; of several, the lexicographically largest."""
    losses = [sum((value**2 for value in row), Fraction(0)) for row in deviations(x, y)]

    def key(weights: Row) -> tuple[Fraction, Row]:
        mean = sum((w * loss for w, loss in zip(weights, losses, strict=True)), Fraction(0))
        return mean, [-weight for weight in weights]

    return min(optimal_vertices(x, y, cost), key=key)


def rank(rows: list[Row]) -> int:
    """Return the number of independent rows."""
    rows = [list(row) for row in rows]
    done = 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(done, len(rows)) if rows[i][column] != 0), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        for i in range(done + 1, len(rows)):
            factor = rows[i][column] / rows[done][column]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[done], strict=True)]
        done += 1
    return done


def solve(matrix: list[Row], right: Row) -> Row | None:
    """Solve by Gauss-Jordan elimination, free variables 0; None if there is no solution."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    pivots: list[int] = []
    for column in range(len(matrix[0])):
        done = len(pivots)
        pivot = next((i for i in range(done, len(rows)) if rows[i][column] != 0), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        rows[done] = [value / rows[done][column] for value in rows[done]]
        for i, row in enumerate(rows):
            if i != done and row[column] != 0:
                rows[i] = [a - row[column] * b for a, b in zip(row, rows[done], strict=True)]
        pivots.append(column)
    if any(row[-1] != 0 for row in rows[len(pivots) :]):
        return None
    solution = [Fraction(0)] * len(matrix[0])
    for row, column in zip(rows, pivots, strict=False):
        solution[column] = row[-1]
    return solution


def supports(n_models: int) -> Iterator[tuple[int, ...]]:
    """Every non-empty set of models."""
    return chain.from_iterable(combinations(range(n_models), size) for size in range(1, n_models + 1))


def clarabel_weights(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    l2: float = 0.0,
    cost: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return optimal weights by an interior point method: variables w and the residual r."""
    n_models, n_observations = x.shape
    z = x - y
    quadratic = sp.block_diag([2 * l2 * sp.eye(n_models), 2 * sp.eye(n_observations)], format="csc")
    linear = np.concatenate([_costs(cost, n_models), np.zeros(n_observations)])
    constraints = sp.bmat(
        [
            [sp.csc_matrix(z.T), -sp.eye(n_observations)],
            [sp.csc_matrix(np.ones((1, n_models))), None],
            [-sp.eye(n_models), None],
        ],
        format="csc",
    )
    bounds = np.concatenate([np.zeros(n_observations), [1.0], np.zeros(n_models)])
    cones = [clarabel.ZeroConeT(n_observations + 1), clarabel.NonnegativeConeT(n_models)]
    return _clarabel(quadratic, linear, constraints, bounds, cones)[:n_models]


def clarabel_nearest(
    x: NDArray[np.float64], fitted: NDArray[np.float64], reference: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weights nearest to the reference that give the fitted values."""
    n_models, n_observations = x.shape
    constraints = sp.csc_matrix(np.vstack([(x - fitted).T, np.ones((1, n_models)), -np.eye(n_models)]))
    bounds = np.concatenate([np.zeros(n_observations), [1.0], np.zeros(n_models)])
    cones = [clarabel.ZeroConeT(n_observations + 1), clarabel.NonnegativeConeT(n_models)]
    return _clarabel(sp.eye(n_models, format="csc"), -reference, constraints, bounds, cones)


def _clarabel(quadratic, linear, constraints, bounds, cones) -> NDArray[np.float64]:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    solver = clarabel.DefaultSolver(sp.triu(quadratic, format="csc"), linear, constraints, bounds, cones, settings)
    return np.asarray(solver.solve().x)


def _costs(cost: NDArray[np.float64] | None, n_models: int) -> NDArray[np.float64]:
    return np.zeros(n_models) if cost is None else cost


def _spread(values: Sequence[Fraction], support: Sequence[int], n_models: int) -> Row:
    weights = [Fraction(0)] * n_models
    for model, value in zip(support, values, strict=True):
        weights[model] = value
    return weights
