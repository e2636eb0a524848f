"""Ranges over all optimal weights by definition: every vertex for what is linear, dense mixtures for what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reference.least_squares import optimal_vertices

if TYPE_CHECKING:
    from numpy.typing import NDArray


def vertices(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vertices of the set of optimal weights, shape (n_vertices, n_models)."""
    return np.array([[float(weight) for weight in vertex] for vertex in optimal_vertices(x, y)])


def mixtures(corners: NDArray[np.float64], n: int, seed: int) -> NDArray[np.float64]:
    """Return optimal weights all over the set: its vertices, points between two, and points inside."""
    rng = np.random.default_rng(seed)
    parts = [
        np.eye(len(corners)),
        rng.dirichlet(np.full(len(corners), 0.1), n),
        rng.dirichlet(np.ones(len(corners)), n),
    ]
    return np.vstack(parts) @ corners


def shares(logits: NDArray[np.float64], weights: NDArray[np.float64], mean: str) -> NDArray[np.float64]:
    """Return the shares of items of one parent for many weights, shape (n_weights, n_items)."""
    if mean == "arithmetic":
        return weights @ (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    pooled = np.exp(weights @ logits)
    return pooled / pooled.sum(axis=1, keepdims=True)
