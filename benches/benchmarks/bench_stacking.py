"""Log-score stacking beside peers: time, how far each stops from the best score, and passes over the densities."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from .peers import FULL, require
from .peers.stacking import NEEDS, PEERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LARGEST = {"arviz": 1000, "scipy SLSQP": 500, "numpy EM": 1000, "clarabel": 500}
"""Models up to which a peer answers within some minutes."""

SHAPES = [(100, 200), (500, 500), (1000, 593), (10_000, 593), (100_000, 500)] if FULL else [(100, 200), (2000, 300)]
NAMES = [f"{n_models} x {n_observations}" for n_models, n_observations in SHAPES]
LONG = 5.0  #: seconds after which one run is enough
RUNS = 9


def log_densities(n_models: int, n_observations: int) -> NDArray[np.float64]:
    """Log densities of labels on pairs of 45 items, sigma 0.5, under random logits of various sizes."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n_models, 45)) * rng.uniform(0.3, 2, size=(n_models, 1))
    a = rng.integers(45, size=n_observations)
    b = (a + rng.integers(1, 45, size=n_observations)) % 45
    labels = 2 * rng.normal(size=n_observations)
    apart = np.ascontiguousarray(logits[:, b] - logits[:, a]) - labels  # (n_models, n_observations)
    return -0.5 * (apart / 0.5) ** 2 - np.log(0.5 * np.sqrt(2 * np.pi))


def timed(
    solve: Callable[[NDArray[np.float64]], NDArray[np.float64]], log_density: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Return the median time of some calls, of one where it takes long, and the weights."""
    times: list[float] = []
    while len(times) < RUNS and sum(times) < LONG:
        start = time.perf_counter()
        weights = solve(log_density)
        times.append(time.perf_counter() - start)
    return float(np.median(times)), weights


def scored(log_density: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    """Return the score of weights clipped to be positive and divided by their sum, and the bound of what it lacks."""
    weights = np.maximum(weights, 0)
    weights /= weights.sum()
    top = log_density.max(axis=0)
    density = np.exp(log_density - top)
    mixture = weights @ density
    return float((np.log(mixture) + top).mean()), float((density @ (1 / mixture)).max() / density.shape[1] - 1)


class Stacking:
    """Weights of a pool for the labels of a round."""

    params = (NAMES, list(PEERS))
    param_names = ("models x observations", "peer")
    timeout = 1200

    def setup_cache(self) -> dict[tuple[str, str], tuple[float, float, float]]:
        """Solve every problem by every peer; the log densities are the same."""
        found = {}
        for shape, name in zip(SHAPES, NAMES, strict=True):
            log_density = log_densities(*shape)
            for peer, solve in PEERS.items():
                try:
                    require(NEEDS[peer])
                except NotImplementedError:
                    continue
                if shape[0] > LARGEST.get(peer, shape[0]):
                    continue
                solve(log_density[:3])  # imports what is imported late
                taken, weights = timed(solve, log_density)
                found[name, peer] = (taken, *scored(log_density, weights))
        return found

    setup_cache.timeout = 3600

    def setup(self, found: dict[tuple[str, str], tuple[float, float, float]], name: str, peer: str) -> None:
        if (name, peer) not in found:
            raise NotImplementedError(f"{peer} is not installed, or needs too long for {name}")

    def track_seconds(self, found: dict[tuple[str, str], tuple[float, float, float]], name: str, peer: str) -> float:
        """Median time."""
        return found[name, peer][0]

    def track_score(self, found: dict[tuple[str, str], tuple[float, float, float]], name: str, peer: str) -> float:
        """Log score of the weights, in nats per observation."""
        return found[name, peer][1]

    def track_gap(self, found: dict[tuple[str, str], tuple[float, float, float]], name: str, peer: str) -> float:
        """Bound of the distance to the best score, in nats per observation, from the weights alone."""
        return found[name, peer][2]


class OnePass:
    """Solving the largest pool, in passes over its densities, measured in turns."""

    params = (["product", "exponentials"],)
    param_names = ("pass",)
    timeout = 600

    def setup(self, _kind: str) -> None:
        self.log_density = log_densities(*SHAPES[-1])
        self.density = np.exp(self.log_density - self.log_density.max(axis=0))
        self.room = np.empty_like(self.density)
        self.ratio = np.full(SHAPES[-1][1], 1 / SHAPES[-1][1])

    def track_passes(self, kind: str) -> float:
        """Time of `stacking_weights` over that of one pass: ``P @ v``, or making P by ``np.exp`` and the product."""
        from hemicycle import stacking_weights

        def one() -> object:
            density = self.density if kind == "product" else np.exp(self.log_density, out=self.room)
            return density @ self.ratio

        ratios = []
        for _ in range(RUNS):
            start = time.perf_counter()
            solution = stacking_weights(self.log_density, tol=1e-9)
            middle = time.perf_counter()
            one()
            ratios.append((middle - start) / (time.perf_counter() - middle))
            assert solution.gap <= 1e-9
        return float(np.median(ratios))
