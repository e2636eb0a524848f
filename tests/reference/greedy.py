"""Greedy selection by its definition: every blend formed and its loss computed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


def squared_error(x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the mean squared error of a blend."""
    return float(np.mean((weights @ x - y) ** 2))


def log_score(log_density: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the mean log score of a mixture."""
    return float(np.mean(np.log(weights @ np.exp(log_density))))


def weights_of(chosen: Sequence[int], n_models: int) -> NDArray[np.float64]:
    """Return the weights of a bag of models."""
    return np.array([list(chosen).count(d) / len(chosen) for d in range(n_models)])


def greedy(loss: Callable[[NDArray[np.float64]], float], n_models: int, rounds: int) -> list[int]:
    """Return the models chosen up to the best blend; equals by row."""
    chosen: list[int] = []
    losses: list[float] = []
    for _ in range(rounds):
        candidates = [loss(weights_of([*chosen, d], n_models)) for d in range(n_models)]
        chosen.append(int(np.argmin(candidates)))
        losses.append(min(candidates))
    return chosen[: int(np.argmin(losses)) + 1]
