"""Problems of simplex least squares, random and degenerate, and the certificate of an answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SIZES = [(1, 1), (1, 5), (5, 1), (2, 2), (3, 10), (10, 3), (50, 20), (20, 50), (300, 5), (200, 40)]


def instances(n_models: int, n_observations: int) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Random and degenerate problems of one size, each with its name."""
    rng = np.random.default_rng([n_models, n_observations])
    x = rng.normal(size=(n_models, n_observations))
    y = rng.normal(size=n_observations)
    middle = x.mean(axis=0)
    yield "outside", x, 3 * y
    yield "inside", x, rng.dirichlet(np.ones(n_models)) @ x
    yield "inside with few models", x, rng.dirichlet(np.full(n_models, 0.05)) @ x
    yield "between three models", x, rng.dirichlet(np.ones(min(n_models, 3))) @ x[:3]
    yield "a model itself", x, x[0].copy()
    yield "three copies of each, outside", np.repeat(x, 3, axis=0), 2 * y
    yield "three copies of each, inside", np.repeat(x, 3, axis=0), middle
    near = np.vstack([x, x + 1e-8 * rng.normal(size=x.shape)])
    yield "near copies, outside", near, 2 * y
    yield "near copies, inside", near, middle
    for scale in (1e-6, 1e6):
        yield f"scale {scale:g}, outside", scale * x, 2 * scale * y
        yield f"scale {scale:g}, inside", scale * x, scale * middle
        yield f"shift {scale:g}", x + scale, y + scale
    constant = np.column_stack([np.ones(n_models), x[:, 1:]])
    yield "constant column", constant, y
    yield "constant column, inside", constant, constant.mean(axis=0)
    hilbert = 1 / (np.arange(n_observations) + np.arange(n_models)[:, None] + 1.0)
    yield "Hilbert, outside", hilbert, 0.1 * y
    yield "Hilbert, inside", hilbert, hilbert.mean(axis=0)
    columns = x * 10.0 ** -np.linspace(0, 8, n_observations)
    yield "columns of all sizes, outside", columns, y
    yield "columns of all sizes, inside", columns, columns.mean(axis=0)
    rows = x * 10.0 ** rng.uniform(-2, 2, size=(n_models, 1))
    yield "rows of all sizes, outside", rows, y
    yield "rows of all sizes, inside", rows, rows.mean(axis=0)
    low_rank = rng.normal(size=(n_models, 2)) @ rng.normal(size=(2, n_observations))
    yield "rank 2, outside", low_rank, y
    yield "rank 2, inside", low_rank, low_rank.mean(axis=0)
    yield "corners of a cube", np.sign(x), 0.3 * y
    yield "integers", rng.integers(-1, 2, x.shape).astype(float), rng.integers(-1, 2, y.shape).astype(float)
    yield "all models equal", np.zeros_like(x), y
    yield "all models right", np.tile(y, (n_models, 1)), y


INSTANCES = [
    pytest.param(x, y, id=f"{n_models} x {n_observations}, {name}")
    for n_models, n_observations in SIZES
    for name, x, y in instances(n_models, n_observations)
]


def small_instances() -> Iterator[Any]:
    rng = np.random.default_rng(5)
    for seed, (n_models, n_observations) in enumerate([(1, 2), (2, 1), (3, 2), (5, 1), (5, 2), (5, 3), (6, 2), (4, 6)]):
        x = rng.normal(size=(n_models, n_observations))
        yield pytest.param(x, 2 * rng.normal(size=n_observations), id=f"{seed} outside")
        yield pytest.param(x, x.mean(axis=0), id=f"{seed} inside")
        yield pytest.param(np.round(x), np.round(rng.normal(size=n_observations)), id=f"{seed} integers")
        yield pytest.param(np.repeat(np.round(x[:3]), 2, axis=0), np.zeros(n_observations), id=f"{seed} copies")
    square = np.array([[1.0, 0], [0, 0], [-1, 0], [0, -1]])
    yield pytest.param(square, np.array([1.0, 1.0]), id="unique although three models lie on a line")
    yield pytest.param(square, np.array([0.0, 1.0]), id="the middle of an edge")
    yield pytest.param(square, np.array([0.0, 0.0]), id="a model on an edge")


SMALL = list(small_instances())


THIN = pytest.mark.filterwarnings("ignore::hemicycle.errors.TieBreakWarning")  #: some faces are thinner than rounding


def relative_gap(x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    z = (x - y).astype(np.longdouble)
    w = weights.astype(np.longdouble)
    g = z @ (w @ z)
    median = np.median((z**2).sum(axis=1))
    gap = 2 * w @ (g - g.min())
    return float(gap / median) if median else (0.0 if gap == 0 else math.inf)


def check_simplex(weights: NDArray[np.float64]) -> None:
    assert (weights >= 0).all()
    assert abs(math.fsum(weights) - 1) <= 2**-52
