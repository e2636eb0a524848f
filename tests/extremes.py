"""Judgments where rounding is worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle import Judgments

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_ITEMS = 4


def far_labels(sigma: float, distance: float) -> tuple[NDArray[np.float64], Judgments]:
    """Return two models, and labels of any size that lie `distance` sigma from the first one's predictions."""
    rng = np.random.default_rng(int(distance) + 1)
    matrix = rng.uniform(-5e5, 5e5, size=(2, N_ITEMS)) * 10.0 ** -rng.integers(0, 8, size=N_ITEMS)
    a, b = np.array([0, 0, 0, 1, 1, 2]), np.array([1, 1, 2, 2, 3, 3])
    y = np.clip(matrix[0, b] - matrix[0, a] + distance * sigma * rng.uniform(0.9, 1.1, size=len(a)), -1e6, 1e6)
    return matrix, Judgments.from_arrays(a, b, y, items=N_ITEMS)
