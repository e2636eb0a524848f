"""Weights of labels in a replicate, and quantiles of weighted values, by their definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

Label = tuple[frozenset[int], str, float]
"""The pair, the juror and the weight of one label."""


def label_weights(labels: Sequence[Label], juror_factor: Mapping[str, float], pair_weights: str) -> list[float]:
    """Return c_n v_i times the factor of the juror, label by label."""
    found = []
    for pair, juror, weight in labels:
        total = sum(other for of, _, other in labels if of == pair)
        share = weight / total
        of_pair = 1.0 if pair_weights == "equal" else total
        found.append(of_pair * share * juror_factor[juror])
    return found


def weighted_quantile(values: NDArray[np.float64], weights: NDArray[np.float64], probability: float) -> float:
    """Return the smallest value that at most it has this probability."""
    for value in sorted(values.tolist()):
        if sum(w for v, w in zip(values.tolist(), weights.tolist(), strict=True) if v <= value) >= probability - 1e-12:
            return float(value)
    raise AssertionError
