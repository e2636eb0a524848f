"""Least squares over the simplex beside the solvers that people use: time, peak memory and certificate of each answer.

Every peer gets the same memory-mapped matrix and returns weights, which are clipped and normalised before their gap is
taken. A cell that a peer needs minutes for is skipped unless HEMICYCLE_BENCH is "full"; one that is hopeless, always.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle import simplex_least_squares

from .measures import peak_private, seconds
from .peers import FULL, require
from .peers.least_squares import NEEDS, PEERS, clarabel_nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# Numbers of models up to which a peer is run, normally and in full.
LIMITS = {
    "scipy_slsqp": (100, 400),
    "scipy_nnls": (100_000, 100_000),
    "clarabel": (10_000, 100_000),
    "piqp": (10_000, 100_000),
}
SIZES = {"100 x 100": (100, 100), "400 x 100": (400, 100), "10000 x 200": (10_000, 200), "100000 x 100": (100_000, 100)}

GROWTH = {
    "models": ["1000 x 100", "10000 x 100", "100000 x 100", "300000 x 100"],
    "observations": ["10000 x 25", "10000 x 50", "10000 x 100", "10000 x 200"],
}

RUNS, PATIENCE = 15, 5.0
"""Runs of a solver at most, and seconds after which no other is begun."""


def relative_gap(x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any]) -> float:
    """Return twice the Frank-Wolfe gap, in units of the median loss of a model."""
    z = x - y
    slopes = z @ (weights @ z)
    return float(2 * weights @ (slopes - slopes.min()) / np.median(np.square(z).sum(axis=1)))


def on_simplex(weights: NDArray[Any]) -> NDArray[Any]:
    clipped = np.maximum(weights, 0)
    return clipped / clipped.sum()


def solved(name: str, solve: Callable[[], NDArray[Any]]) -> tuple[float, NDArray[Any]]:
    """Return the median of the seconds of some runs, and the weights; solved once for all that is tracked."""
    path = Path(f"{name}.npz")
    if not path.exists():
        times: list[float] = []
        while not times or (sum(times) < PATIENCE and len(times) < RUNS):
            start = time.perf_counter()
            weights = solve()
            times.append(time.perf_counter() - start)
        np.savez(path, seconds=np.median(times), weights=on_simplex(weights))
    with np.load(path) as stored:
        return float(stored["seconds"]), stored["weights"]


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

    def peakmem_solve(self, _hull: str, _size: str, peer: str) -> None:
        PEERS[peer](self.x, self.y)

    def track_seconds(self, *cell: str) -> float:
        return self.solved(*cell)[0]

    track_seconds.unit = "s"

    def track_relative_gap(self, *cell: str) -> float:
        return relative_gap(self.x, self.y, self.solved(*cell)[1])

    def track_objective(self, *cell: str) -> float:
        """Return the sum of squares, in units of that of the median model."""
        residuals = np.square(self.x - self.y).sum(axis=1)
        return float(np.square(self.solved(*cell)[1] @ self.x - self.y).sum() / np.median(residuals))

    def track_support(self, *cell: str) -> int:
        weights = self.solved(*cell)[1]
        return int(np.count_nonzero(weights > 1e-9 / len(weights)))

    def solved(self, hull: str, size: str, peer: str) -> tuple[float, NDArray[Any]]:
        return solved(f"{hull} {size} {peer}", lambda: PEERS[peer](self.x, self.y))


class Growth:
    """Ours against models at 100 observations, and against observations at 10,000 models."""

    params = (["outside", "inside"], list(dict.fromkeys(size for sizes in GROWTH.values() for size in sizes)))
    param_names = ("hull", "size")
    timeout = 600.0

    def setup(self, hull: str, size: str) -> None:
        n_models, n_observations = map(int, size.split(" x "))
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(n_models, n_observations))
        inside = rng.dirichlet(np.ones(n_models)) @ self.x
        self.y = inside if hull == "inside" else 1.5 * rng.normal(size=n_observations)
        PEERS["hemicycle"](self.x[:3], self.y)

    def time_solve(self, _hull: str, _size: str) -> None:
        PEERS["hemicycle"](self.x, self.y)


class Million:
    """A million models in a file of 0.8 GB, in units of one product with a vector, and the memory beside the file."""

    params = (["outside", "inside"],)
    param_names = ("hull",)
    timeout = 1800.0
    shape = (1_000_000, 100)

    def setup_cache(self) -> None:
        """Write the predictions in parts, so that the process that measures never held them."""
        rng = np.random.default_rng(0)
        n_models, n_observations = self.shape
        x = np.lib.format.open_memmap("million.npy", mode="w+", dtype=np.float64, shape=self.shape)
        middle = np.zeros(n_observations)
        for first in range(0, n_models, 10_000):
            part = rng.normal(size=(10_000, n_observations))
            x[first : first + 10_000] = part
            middle += rng.random(10_000) @ part
        x.flush()
        np.save("million inside.npy", middle / (0.5 * n_models))
        np.save("million outside.npy", 1.5 * rng.normal(size=n_observations))

    def setup(self, hull: str) -> None:
        self.x, self.y = np.load("million.npy", mmap_mode="r"), np.load(f"million {hull}.npy")
        self.plain = np.asarray(self.x)
        self.plain.sum()  # the pages of the file are in memory
        simplex_least_squares(self.x[:3], self.y)

    def track_passes(self, _hull: str) -> float:
        """Return the time of a solution over that of a product in NumPy, medians of five in turns."""
        v = np.ones(self.shape[1])
        times = [[seconds(lambda: self.plain @ v), seconds(self.solve)] for _ in range(5)]
        product, solution = np.median(times, axis=0)
        return float(solution / product)

    track_passes.unit = "products"

    def track_memory_beside_the_file(self, _hull: str) -> float:
        """Return the private memory that a solution adds, in MB; the pages of the file are shared."""
        before = peak_private()
        self.solve()
        return (peak_private() - before) / 1e6

    track_memory_beside_the_file.unit = "MB"

    def track_relative_gap(self, _hull: str) -> float:
        return self.solve().relative_gap

    def solve(self) -> Any:
        return simplex_least_squares(self.x, self.y)


class Nearest:
    """The optimum nearest to uniform, labels in the hull; Clarabel solves the one stage left once the fit is known."""

    params = ([2_000, 100_000], ["hemicycle", "clarabel"])
    param_names = ("n_models", "peer")
    timeout = 600.0

    def setup_cache(self) -> None:
        """Write the predictions and labels once; every benchmark maps them into memory."""
        for n_models in self.params[0]:
            rng = np.random.default_rng(0)
            x = rng.normal(size=(n_models, 50))
            np.save(f"{n_models}.npy", x)
            np.save(f"{n_models} inside.npy", rng.dirichlet(np.full(n_models, 0.2)) @ x)

    def setup(self, n_models: int, peer: str) -> None:
        require(NEEDS[peer])
        if n_models > 10_000 and peer == "clarabel" and not FULL:
            raise NotImplementedError("clarabel needs too long")
        self.x, self.y = np.load(f"{n_models}.npy", mmap_mode="r"), np.load(f"{n_models} inside.npy")

    def track_seconds(self, n_models: int, peer: str) -> float:
        return self.solved(n_models, peer)[0]

    track_seconds.unit = "s"

    def track_squared_distance(self, n_models: int, peer: str) -> float:
        """Return the squared distance to uniform, in units of that of ours."""
        ours, theirs = (np.square(self.solved(n_models, name)[1] - 1 / n_models).sum() for name in ("hemicycle", peer))
        return float(theirs / ours)

    def track_misfit(self, n_models: int, peer: str) -> float:
        """Return how far the weights are from the labels."""
        return float(np.abs(self.solved(n_models, peer)[1] @ self.x - self.y).max())

    def solved(self, n_models: int, peer: str) -> tuple[float, NDArray[Any]]:
        solve = {"hemicycle": PEERS["hemicycle"], "clarabel": clarabel_nearest}[peer]
        return solved(f"{n_models} {peer}", lambda: solve(self.x, self.y))


class WarmStart:
    """A warm start beside a cold one, with a model more than before."""

    params = ([10_000, 100_000], ["cold", "warm"])
    param_names = ("n_models", "start")

    def setup(self, n_models: int, start: str) -> None:
        rng = np.random.default_rng(0)
        self.x, self.y = rng.normal(size=(n_models, 100)), 1.5 * rng.normal(size=100)
        before = simplex_least_squares(self.x[:-1], self.y)
        self.start = before if start == "warm" else None

    def time_solve(self, _n_models: int, _start: str) -> None:
        simplex_least_squares(self.x, self.y, start=self.start)


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
