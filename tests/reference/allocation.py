"""Shares of the items, as defined: one model, one parent at a time."""

from __future__ import annotations

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Exponentiate and divide by the sum."""
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()


def allocate(logits: np.ndarray, weights: np.ndarray, mean: str, parent_index: np.ndarray) -> np.ndarray:
    """Average the logits and take the softmax, or take the softmax and average the shares."""
    used = weights > 0
    shares = np.zeros(logits.shape[1])
    for parent in np.unique(parent_index):
        inside = parent_index == parent
        if mean == "geometric":
            shares[inside] = softmax(sum(w * z[inside] for w, z in zip(weights[used], logits[used], strict=True)))
        else:
            shares[inside] = sum(w * softmax(z[inside]) for w, z in zip(weights[used], logits[used], strict=True))
    return shares
