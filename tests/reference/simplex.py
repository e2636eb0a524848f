"""Projection onto the simplex, from the definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def project_simplex(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sort, find how many entries stay positive, and shift them to sum to 1."""
    v = v - v.max()
    descending = np.sort(v)[::-1]
    thresholds = (np.cumsum(descending) - 1) / np.arange(1, len(v) + 1)
    threshold = thresholds[descending > thresholds][-1]
    return np.maximum(v - threshold, 0)
