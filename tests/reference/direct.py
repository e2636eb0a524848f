"""The jury alone: least squares by the pseudo-inverse of the whole incidence matrix, and again without some rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def logits(
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    log_ratio: NDArray[np.float64],
    weight: NDArray[np.float64],
    n_items: int,
) -> NDArray[np.float64]:
    """Return the solution of least norm, one row of the incidence matrix a judgment."""
    rows = np.arange(len(a))
    incidence = np.zeros((len(a), n_items))
    incidence[rows, b], incidence[rows, a] = 1.0, -1.0
    root = np.sqrt(weight)
    solution: NDArray[np.float64] = np.linalg.pinv(root[:, None] * incidence) @ (root * log_ratio)
    return solution
