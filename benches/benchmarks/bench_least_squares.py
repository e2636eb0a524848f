"""Least squares over the simplex beside the solvers that people use: time, peak memory and certificate of each answer.

Every peer gets the same memory-mapped matrix and returns weights, which are clipped and normalised before their gap is
taken. A cell that a peer needs minutes for is skipped unless HEMICYCLE_BENCH is "full"; one that is hopeless, always.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .peers import FULL, require
from .peers.least_squares import NEEDS, PEERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Numbers of models up to which a peer is run, normally and in full.
LIMITS = {"scipy_slsqp": (100, 400), "scipy_nnls": (100_000, 100_000), "clarabel": (10_000, 100_000)}
SIZES = {"100 x 100": (100, 100), "400 x 100": (400, 100), "10000 x 200": (10_000, 200), "100000 x 100": (100_000, 100)}


def relative_gap(x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any]) -> float:
    """Return twice the Frank-Wolfe gap, in units of the median loss of a model."""
    w = np.maximum(weights, 0)
    w /= w.sum()
    z = x - y
    slopes = z @ (w @ z)
    return float(2 * w @ (slopes - slopes.min()) / np.median(np.square(z).sum(axis=1)))


class LeastSquares:
    """Weights for labels that no mixture of the models reproduces (one optimum), and for labels that many reproduce.

    Inside the hull ours are the weights nearest to uniform, and those of a peer are any of the optimal ones.
    """

    params = (["outside", "inside"], list(SIZES), list(PEERS))
    param_names = ("hull", "size", "peer")
    timeout = 1800.0

    def setup_cache(self) -> None:
        """Write the predictions and labels once; every benchmark maps them into memory."""
        for size, (n_models, n_observations) in SIZES.items():
            rng = np.random.default_rng(0)
            y = 1.5 * rng.normal(size=n_observations)
            shared = 0.3 * rng.normal(size=(n_models, 1)) * rng.normal(size=n_observations)
            x = 0.6 * y + shared + rng.normal(size=(n_models, n_observations))
            np.save(f"{size}.npy", x)
            np.save(f"{size} outside.npy", y)
            np.save(f"{size} inside.npy", rng.dirichlet(np.ones(n_models)) @ x)

    def setup(self, hull: str, size: str, peer: str) -> None:
        require(NEEDS[peer])
        if SIZES[size][0] > LIMITS.get(peer, (np.inf, np.inf))[FULL]:
            raise NotImplementedError(f"{peer} needs too long for {size}")
        self.x, self.y = np.load(f"{size}.npy", mmap_mode="r"), np.load(f"{size} {hull}.npy")
        PEERS[peer](self.x[:3], self.y)  # imports what is imported late

    def time_solve(self, _hull: str, _size: str, peer: str) -> None:
        PEERS[peer](self.x, self.y)

    def peakmem_solve(self, _hull: str, _size: str, peer: str) -> None:
        PEERS[peer](self.x, self.y)

    def track_relative_gap(self, _hull: str, _size: str, peer: str) -> float:
        return relative_gap(self.x, self.y, PEERS[peer](self.x, self.y))

    def track_support(self, _hull: str, _size: str, peer: str) -> int:
        weights = PEERS[peer](self.x, self.y)
        return int(np.count_nonzero(weights > 1e-9 / len(weights)))


class Pass:
    """One product of the matrix with a vector in NumPy: the unit in which passes are counted."""

    params = (list(SIZES),)
    param_names = ("size",)

    def setup(self, size: str) -> None:
        n_models, n_observations = SIZES[size]
        self.x = np.random.default_rng(0).normal(size=(n_models, n_observations))
        self.v = np.ones(n_observations)

    def time_product(self, _size: str) -> None:
        self.x @ self.v
