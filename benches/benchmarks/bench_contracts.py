"""Optimal contracts: expectations beside a vectorised enumeration, whole solves, growth with the number of types."""

from __future__ import annotations

from time import process_time
from typing import Any

import numpy as np

from .measures import seconds
from .peers import require

N_PARTIES = 10
MANY_PARTIES = 100
GROWTH = (12, 25, 50, 100, 200, 400)


def costs_of(n_types: int) -> Any:
    """Return costs from those that would train alone to those that would not."""
    return np.geomspace(1.0, 0.01, n_types)


class Expectations:
    """Value, gradient, conditional expectations and their Jacobian, of ten parties."""

    params = ((5, 9, 12),)
    param_names = ("types",)
    timeout = 600.0

    def setup(self, n_types: int) -> None:
        """Fit the curve, list the outcomes, and hold the two to each other."""
        require("scipy")
        from .peers.contracts import enumerated, ours

        self.m = np.linspace(40.0, 400.0, n_types)
        self.enumerated, self.ours = enumerated, ours
        for own, other in zip(ours(self.m, N_PARTIES), enumerated(self.m, N_PARTIES), strict=True):
            np.testing.assert_allclose(own, other, rtol=1e-8, atol=1e-10)

    def time_ours(self, _: int) -> None:
        """Time ours."""
        self.ours(self.m, N_PARTIES)

    def track_times_faster(self, _: int) -> float:
        """Return the time of the enumeration over ours, medians in turns."""
        times = []
        for _turn in range(7):
            theirs = seconds(lambda: self.enumerated(self.m, N_PARTIES))
            own = seconds(lambda: [self.ours(self.m, N_PARTIES) for _ in range(20)]) / 20
            times.append((theirs, own))
        theirs, own = np.median(times, axis=0)
        return float(theirs / own)


class Solve:
    """A whole solve of ten parties: the published code took 36 s for 9 types, and 167 s for 10."""

    params = ((3, 5, 9, 10),)
    param_names = ("types",)
    timeout = 600.0

    def setup(self, n_types: int) -> None:
        """Solve once."""
        require("clarabel")
        from hemicycle.contracts import optimal_contract

        self.solve = lambda: optimal_contract(costs_of(n_types), np.full(n_types, 1 / n_types), N_PARTIES)
        self.solve()

    def time_solve(self, _: int) -> None:
        """Time a solve after the first, which also makes what all share."""
        self.solve()

    def track_times_published(self, n_types: int) -> float:
        """Return the published seconds over ours: of another machine."""
        from .peers.contracts import PUBLISHED_SECONDS

        return PUBLISHED_SECONDS[n_types] / float(np.median([seconds(self.solve) for _ in range(5)]))


class Growth:
    """A hundred parties of more and more types, in processor seconds."""

    params = (GROWTH,)
    param_names = ("types",)
    timeout = 600.0
    timer = process_time

    def setup(self, _: int) -> None:
        """Load what all share."""
        require("clarabel")
        from hemicycle.contracts import optimal_contract

        optimal_contract(costs_of(3), np.full(3, 1 / 3), 3)

    def time_solve(self, n_types: int) -> None:
        """Time a solve."""
        from hemicycle.contracts import optimal_contract

        optimal_contract(costs_of(n_types), np.full(n_types, 1 / n_types), MANY_PARTIES)

    def track_relative_gap(self, n_types: int) -> float:
        """Return the relative gap that was reached."""
        from hemicycle.contracts import optimal_contract

        return optimal_contract(costs_of(n_types), np.full(n_types, 1 / n_types), MANY_PARTIES).relative_gap
