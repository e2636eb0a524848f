"""Stores to be fitted by least squares, and what is compared with the pool in memory."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, Round, Store
from hemicycle.errors import TieBreakWarning
from hemicycle.streaming import StoreEnsemble, score_store

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hemicycle.streaming import StoreScores

N_ITEMS = 7


def jury(seed: int, n: int = 40, spread: float = 1.0, n_items: int = N_ITEMS) -> Judgments:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, n_items, n)
    b = (a + rng.integers(1, n_items, n)) % n_items
    weight = rng.choice([0.0, 1.0, 2.5], n)
    weight[0] = 1.0
    return Judgments.from_arrays(a, b, spread * rng.normal(size=n), weight=weight, items=n_items)


def agreeing(logits: NDArray[np.float64]) -> Judgments:
    """Return judgments that these logits fit exactly, but for rounding."""
    a, b = np.triu_indices(len(logits), 1)
    return Judgments.from_arrays(a, b, logits[b] - logits[a], items=len(logits))


def models(seed: int, n: int = 600, n_items: int = N_ITEMS) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(n, n_items))


def stored(folder: Path, logits: NDArray[Any], size: int = 150, dtype: str = "float64") -> Store:
    """Return a store with so many models a fragment."""
    made = Store.create(folder / f"{size}.store", items=logits.shape[1], dtype=dtype)
    names = [f"model-{k:06d}" for k in range(len(logits))]
    pool = Pool.from_array(logits, models=names, items=logits.shape[1])
    for first in range(0, len(logits), size):
        made.add(pool.select(range(first, min(first + size, len(logits)))))
    return made


def scored(folder: Path, logits: NDArray[Any], judgments: Judgments, size: int = 150, **options: Any) -> StoreScores:
    return score_store(stored(folder, logits, size), judgments, folder / f"{size}.scores", **options)


def assert_in_memory(found: StoreEnsemble, judgments: Judgments, tol: float = 1e-9, **options: Any) -> None:
    """Compare with a round in memory, whose models stand in the order of their names."""
    names = found.scores.names(np.arange(len(found.scores)))
    order = sorted(range(len(names)), key=names.__getitem__)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TieBreakWarning)
        right = Round(judgments, found.scores.store.pool(**options)).ensemble("least_squares")
    solution, known = found.solution, right.solution
    assert solution is not None
    assert known is not None
    np.testing.assert_allclose(found.weights[order], right.weights, rtol=0, atol=tol)
    assert abs(math.fsum(found.weights) - 1) <= 2**-52
    assert found.weights.min() >= 0
    unit = float(np.median(found.scores.mse)) * found.scores.scoring.label_weight
    assert solution.objective == pytest.approx(known.objective, rel=1e-12, abs=1e-20 * unit)
    assert solution.relative_gap <= 1e-12
    assert solution.gap == pytest.approx(solution.relative_gap * unit, rel=1e-12, abs=0)
    assert solution.tie_broken == known.tie_broken
    assert solution.face_dimension == known.face_dimension
    assert solution.face is not None
    np.testing.assert_array_equal(np.sort(np.argsort(order)[solution.face]), known.face)
    assert solution.reduced_cost == pytest.approx(known.reduced_cost, rel=1e-6)


def outside(seed: int, n_items: int = 15) -> tuple[NDArray[np.float64], Judgments]:
    """Return models and judgments that they do not reach."""
    return models(seed, 600, n_items), jury(seed, 90, 5.0, n_items)
