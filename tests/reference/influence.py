"""Leaving out by definition: rows or models are dropped, and the rest is solved from nothing."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from reference import least_squares

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rows_of_labels(
    logits: NDArray[np.float64],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    log_ratio: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return one column a judgment, scaled by the root of its weight, and the target."""
    root = np.sqrt(weight)
    return root * (logits[:, b] - logits[:, a]), root * log_ratio


def without_columns(x: NDArray[np.float64], y: NDArray[np.float64], absent: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the optimal weights nearest to uniform without some columns, by trying every support, exactly."""
    return _nearest_to_uniform(x[:, ~absent], y[~absent])


def without_model(x: NDArray[np.float64], y: NDArray[np.float64], model: int) -> NDArray[np.float64]:
    """Return the same without one model, whose weight is 0."""
    return np.insert(_nearest_to_uniform(np.delete(x, model, axis=0), y), model, 0.0)


def _nearest_to_uniform(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    uniform = [Fraction(1, len(x))] * len(x)
    return np.array([float(weight) for weight in least_squares.nearest(x, y, uniform)])
