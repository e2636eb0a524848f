"""Range of the shares over all optimal weights, two linear programs an item, and one program beside a general solver.

The labels are those of a mixture, so that every model may have weight. A gap is the bound of a program less its value,
in shares: ours as it is returned, a peer's from its duals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .peers import require
from .peers.allocation_range import NEEDS, PEERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle import Judgments, SimplexSolution

SIZES = {"1000 x 20": (1000, 20), "10000 x 50": (10_000, 50), "100000 x 100": (100_000, 100)}
LARGEST = {"scipy_linprog": 10_000}
"""Models up to which a peer answers within a minute."""


def problem(path: str) -> tuple[NDArray[Any], Judgments, SimplexSolution]:
    """Map the logits of a pool, with judgments in a circle around its items, and solve for the weights."""
    from hemicycle import Judgments
    from hemicycle.least_squares import pair_least_squares

    logits, mixed = np.load(f"{path}.npy", mmap_mode="r"), np.load(f"{path} labels.npy")
    a = np.arange(len(mixed))
    b = (a + 1) % len(mixed)
    judgments = Judgments.from_arrays(a, b, mixed[b] - mixed[a], items=len(mixed))
    return logits, judgments, pair_least_squares(logits, judgments)


def write_pools() -> None:
    """Write logits of models, and those of a mixture of them."""
    for size, (n_models, n_items) in SIZES.items():
        rng = np.random.default_rng(0)
        shared = 0.9 * rng.normal(size=n_items) + 0.3 * rng.normal(size=(n_models, 1)) * rng.normal(size=n_items)
        logits = shared + rng.normal(size=(n_models, n_items))
        np.save(f"{size}.npy", logits)
        np.save(f"{size} labels.npy", rng.dirichlet(np.ones(n_models)) @ logits)


class AllocationRange:
    """Lowest and highest share of every item under the arithmetic mean."""

    params = (list(SIZES),)
    param_names = ("size",)
    timeout = 600.0
    number = repeat = 1

    def setup_cache(self) -> None:
        """Write the pools once; every benchmark maps them into memory."""
        write_pools()

    def setup(self, size: str) -> None:
        require("highspy")
        self.logits, self.judgments, self.solution = problem(size)

    def _range(self) -> Any:
        from hemicycle.allocation_range import allocation_range

        return allocation_range(self.logits, self.judgments, self.solution, mean="arithmetic")

    def time_range(self, _size: str) -> None:
        self._range()

    def peakmem_range(self, _size: str) -> None:
        self._range()

    def track_gap(self, _size: str) -> float:
        found = self._range()
        return float(max((found.low - found.low_bound).max(), (found.high_bound - found.high).max()))

    def track_passes(self, _size: str) -> int:
        return int(self._range().passes)


class Program:
    """The highest share of one item, from nothing but the models and the fit."""

    params = (list(SIZES), list(PEERS))
    param_names = ("size", "peer")
    timeout = 600.0

    def setup_cache(self) -> None:
        """Write the pools once; every benchmark maps them into memory."""
        write_pools()

    def setup(self, size: str, peer: str) -> None:
        require(NEEDS[peer])
        if SIZES[size][0] > LARGEST.get(peer, SIZES[size][0]):
            raise NotImplementedError(f"{peer} needs too long for {size}")
        logits, self.judgments, self.solution = problem(size)
        self.logits = np.array(logits)
        shares = np.exp(self.logits)
        self.share = shares[:, 0] / shares.sum(axis=1)

    def time_program(self, _size: str, peer: str) -> None:
        PEERS[peer](self.logits, self.judgments, self.solution, self.share)

    def track_gap(self, _size: str, peer: str) -> float:
        value, bound = PEERS[peer](self.logits, self.judgments, self.solution, self.share)
        return bound - value
