"""Projection onto the simplex beside peers, on easy and on hostile vectors: the time is linear for all of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .peers.simplex import PEERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPES = {
    "1 x 1000": (1, 1000),
    "1 x 100000": (1, 100_000),
    "1 x 10000000": (1, 10_000_000),
    "10000 x 100": (10_000, 100),
}


def vectors(kind: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    place = np.linspace(0, 1, shape[1])
    return {
        "normal": rng.normal(size=shape),  # few entries stay positive
        "near the simplex": rng.dirichlet(np.ones(shape[1]), size=shape[0]) + 1e-3 / shape[1],  # nearly all do
        "skewed": np.tile(1e-3 * np.exp(-40 * place) + 1 / shape[1], (shape[0], 1)),  # thinned out slowly
        "descending": np.tile(-place / shape[1], (shape[0], 1)),  # bad pivots, where they are the first or the last
        "equal": np.full(shape, 0.5),
    }[kind]


class ProjectSimplex:
    """Rows of one matrix, projected one by one."""

    params = (["normal", "near the simplex", "skewed", "descending", "equal"], list(SHAPES), list(PEERS))
    param_names = ("kind", "shape", "peer")
    timeout = 120.0

    def setup(self, kind: str, shape: str, peer: str) -> None:
        if peer == "numpy_pivots" and shape == "10000 x 100":
            raise NotImplementedError("a Python loop over rows")
        self.v = vectors(kind, SHAPES[shape])
        PEERS[peer](self.v[:1, :3])

    def time_project(self, _kind: str, _shape: str, peer: str) -> None:
        PEERS[peer](self.v)

    def track_error_of_the_sum(self, _kind: str, _shape: str, peer: str) -> float:
        return max(abs(math.fsum(row) - 1) for row in PEERS[peer](self.v)[:100])
