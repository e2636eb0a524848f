"""Bayesian bootstrap of averaged models beside blocks of NumPy's product of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle import bma_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SHAPES = [(1000, 593, 10_000), (100_000, 500, 500)]
BLOCK = 128  #: replicates at a time


def numpy_blocks(log_likelihood: NDArray[np.float64], n_replicates: int) -> NDArray[np.float64]:
    """Return the same weights with what NumPy has: a product, a maximum, an exponential and two sums a block."""
    rng = np.random.default_rng(0)
    n_models, n_pairs = log_likelihood.shape
    total = np.zeros(n_models)
    for first in range(0, n_replicates, BLOCK):
        alpha = rng.standard_exponential((min(BLOCK, n_replicates - first), n_pairs))
        alpha *= n_pairs / alpha.sum(axis=1, keepdims=True)
        scores = alpha @ log_likelihood.T  # (n_replicates, n_models)
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        total += (1 / scores.sum(axis=1)) @ scores
    return total / n_replicates


def ours(log_likelihood: NDArray[np.float64], n_replicates: int) -> NDArray[np.float64]:
    """Return the weights of the package."""
    return bma_weights(log_likelihood, bootstrap=n_replicates, rng=0)


PEERS: dict[str, Callable[[NDArray[np.float64], int], NDArray[np.float64]]] = {"hemicycle": ours, "numpy": numpy_blocks}


class Bootstrap:
    """Time, memory and the rate in billions of operations a second, two for each model, pair and replicate."""

    params = (SHAPES, list(PEERS))
    param_names = ("shape", "peer")
    timeout = 300

    def setup_cache(self) -> None:
        """Write the log likelihoods once; every benchmark maps them into memory."""
        for n_models, n_pairs, _ in SHAPES:
            rng = np.random.default_rng(0)
            log_likelihood = -rng.exponential(size=(n_models, n_pairs)) - rng.exponential(size=(n_models, 1))
            np.save(f"{n_models} x {n_pairs}.npy", log_likelihood)

    def setup(self, shape: tuple[int, int, int], _peer: str) -> None:
        """Map the log likelihoods."""
        self.log_likelihood = np.load(f"{shape[0]} x {shape[1]}.npy", mmap_mode="r")

    def time_weights(self, shape: tuple[int, int, int], peer: str) -> None:
        PEERS[peer](self.log_likelihood, shape[2])

    def peakmem_weights(self, shape: tuple[int, int, int], peer: str) -> None:
        PEERS[peer](self.log_likelihood, shape[2])

    def track_max_abs_error(self, _shape: tuple[int, int, int], peer: str) -> float:
        """Return the largest difference from the other peer's weights, on 100 replicates."""
        other = next(name for name in PEERS if name != peer)
        return float(np.abs(PEERS[peer](self.log_likelihood, 100) - PEERS[other](self.log_likelihood, 100)).max())
