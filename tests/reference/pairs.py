"""Judgments grouped by pair, by NumPy's stable sort of several keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def group_pairs(
    a: NDArray[np.int64], b: NDArray[np.int64], log_ratio: NDArray[np.float64], weight: NDArray[np.float64]
) -> dict[str, Any]:
    """Return the columns of the pairs, and how many are absent because all their labels have weight 0."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    cardinal = np.flatnonzero(~np.isnan(log_ratio))
    used = cardinal[weight[cardinal] > 0]
    oriented = np.where(a < b, log_ratio, -log_ratio) + 0.0  # + 0.0 turns -0.0 into 0.0
    row = used[np.lexsort((used, weight[used], oriented[used], high[used], low[used]))]  # (n_labels,)
    seen = np.unique(np.column_stack([low, high])[cardinal], axis=0)
    pairs, n_labels = np.unique(np.column_stack([low, high])[row], axis=0, return_counts=True)  # (n_pairs, 2)
    return {
        "a": pairs[:, 0],
        "b": pairs[:, 1],
        "offsets": np.append(0, np.cumsum(n_labels)),
        "log_ratio": oriented[row],
        "weight": weight[row],
        "row": row,
        "n_zero_weight": len(seen) - len(pairs),
    }
