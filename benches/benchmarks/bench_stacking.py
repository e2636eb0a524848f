"""Log-score stacking beside peers: time, memory, and how far each stops from the best score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .peers import require
from .peers.stacking import NEEDS, PEERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST = {"scipy SLSQP": 300, "numpy EM": 1000, "clarabel": 300}
"""Models up to which a peer answers within a minute."""

SHAPES = [(100, 200), (300, 593), (1000, 593), (10_000, 593), (100_000, 500)]


def log_densities(n_models: int, n_observations: int) -> NDArray[np.float64]:
    """Log densities of labels on pairs of 45 items, sigma 0.5, under random logits of various sizes."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n_models, 45)) * rng.uniform(0.3, 2, size=(n_models, 1))
    a = rng.integers(45, size=n_observations)
    b = (a + rng.integers(1, 45, size=n_observations)) % 45
    labels = 2 * rng.normal(size=n_observations)
    return -0.5 * ((logits[:, b] - logits[:, a] - labels) / 0.5) ** 2  # (n_models, n_observations)


class Stacking:
    """Weights of a pool for the labels of a round."""

    params = (SHAPES, list(PEERS))
    param_names = ("shape", "peer")
    timeout = 300

    def setup_cache(self) -> None:
        """Write the densities once; every benchmark maps them into memory."""
        for n_models, n_observations in SHAPES:
            np.save(f"{n_models} x {n_observations}.npy", log_densities(n_models, n_observations))

    def setup(self, shape: tuple[int, int], peer: str) -> None:
        require(NEEDS[peer])
        if shape[0] > LARGEST.get(peer, shape[0]):
            raise NotImplementedError(f"{peer} needs too long for {shape}")
        self.log_density = np.load(f"{shape[0]} x {shape[1]}.npy", mmap_mode="r")
        PEERS[peer](self.log_density[:3])  # imports what is imported late

    def time_weights(self, _shape: tuple[int, int], peer: str) -> None:
        PEERS[peer](self.log_density)

    def peakmem_weights(self, _shape: tuple[int, int], peer: str) -> None:
        PEERS[peer](self.log_density)

    def track_gap(self, _shape: tuple[int, int], peer: str) -> float:
        """Bound of the distance to the best score, in nats per observation, from the weights alone."""
        weights = PEERS[peer](self.log_density)
        density = np.exp(self.log_density - self.log_density.max(axis=0))
        return float((density @ (1 / (weights @ density))).max() / density.shape[1] - 1)


class OnePass:
    """What the time of `Stacking` is to be compared with: one pass over the densities of the largest pool."""

    def setup(self) -> None:
        self.density = np.exp(log_densities(*SHAPES[-1]))
        self.ratio = np.ones(SHAPES[-1][1])

    def time_gradient(self) -> None:
        self.density @ self.ratio
