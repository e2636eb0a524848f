"""Stores, juries and scores for tests of what is done from disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle import Judgments, Pool, Store
from hemicycle.streaming import score_store

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


def models(seed: int, n: int = 600, n_items: int = N_ITEMS) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(n, n_items))


def outside(seed: int, n_items: int = 15) -> tuple[NDArray[np.float64], Judgments]:
    """Return models and judgments that they do not reach."""
    return models(seed, 600, n_items), jury(seed, 90, 5.0, n_items)


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
