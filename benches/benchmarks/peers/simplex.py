"""Projections onto the simplex that people copy from papers: by sorting, and by random pivots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import hemicycle as hc

if TYPE_CHECKING:
    from numpy.typing import NDArray


def hemicycle(v: NDArray[Any]) -> NDArray[Any]:
    return hc.project_simplex(v)


def numpy_sort(v: NDArray[Any]) -> NDArray[Any]:
    descending = np.sort(v, axis=-1)[..., ::-1]
    thresholds = (np.cumsum(descending, axis=-1) - 1) / np.arange(1, v.shape[-1] + 1)
    n_positive = (descending > thresholds).sum(axis=-1, keepdims=True)
    return np.maximum(v - np.take_along_axis(thresholds, n_positive - 1, axis=-1), 0)


def numpy_pivots(v: NDArray[Any]) -> NDArray[Any]:
    return np.array([_by_pivots(row) for row in v.reshape(-1, v.shape[-1])]).reshape(v.shape)


def _by_pivots(v: NDArray[Any]) -> NDArray[Any]:
    """Duchi, Shalev-Shwartz, Singer and Chandra (2008), figure 2."""
    rng = np.random.default_rng(0)
    left, total, count = v, 0.0, 0
    while len(left):
        pivot = left[rng.integers(len(left))]
        larger = left[left >= pivot]
        if total + larger.sum() - (count + len(larger)) * pivot < 1:
            total, count = total + larger.sum(), count + len(larger)
            left = left[left < pivot]
        else:
            left = larger[larger > pivot]
    return np.maximum(v - (total - 1) / count, 0)


PEERS = {"hemicycle": hemicycle, "numpy_sort": numpy_sort, "numpy_pivots": numpy_pivots}
