"""Intervals of an allocation and diagnostics of jurors, at the size of a real round and beyond."""

from __future__ import annotations

import numpy as np

from hemicycle import Judgments
from hemicycle.direct_influence import direct_influence
from hemicycle.jurors import juror_diagnostics, least_likely_judgments
from hemicycle.triads import circular_triads

from .bench_evaluation import made_round


class Bootstrap:
    """200 replicates over 37 jurors, 593 judgments of 45 items; beside them the same ensembles from nothing."""

    params = (["least_squares", "bma", "stacking", "greedy"], [100, 1000, 10_000])
    param_names = ("method", "n_models")
    timeout = 600

    def setup(self, method: str, n_models: int) -> None:
        """Make the round, and what is resampled."""
        self.ensemble = made_round(n_models).ensemble(method, sigma=1.0)

    def time_200_replicates(self, _method: str, _n_models: int) -> None:
        self.ensemble.intervals(replicates=200)

    def peakmem_200_replicates(self, _method: str, _n_models: int) -> None:
        self.ensemble.intervals(replicates=200)

    def track_max_abs_error(self, method: str, _n_models: int) -> float:
        """Return the largest difference of a replicated share from that of an ensemble started from nothing."""
        round_ = self.ensemble.round
        found = self.ensemble.intervals(replicates=3)
        names, code = np.unique(np.array(round_.judgments.juror), return_inverse=True)
        rng, worst = np.random.default_rng(0), 0.0
        for replicated in found.replicated:
            alpha = rng.standard_exponential(len(names))
            again = round_.reweigh((alpha * (len(names) / alpha.sum()))[code]).ensemble(method, sigma=1.0)
            worst = max(worst, float(np.abs(again.allocation()["share"] - replicated).max()))
        return worst


class Posterior:
    """Weighted quantiles of the shares of all models."""

    params = ([1000, 100_000],)
    param_names = ("n_models",)

    def setup(self, n_models: int) -> None:
        """Make an ensemble in which many models have mass."""
        self.ensemble = made_round(n_models).ensemble("bma", power=1e-3)

    def time_quantiles(self, _n_models: int) -> None:
        self.ensemble.intervals("posterior")


class Jurors:
    """What is told of each juror, and of the jury alone."""

    params = ([20, 1000, 10_000],)
    param_names = ("n_models",)

    def setup(self, n_models: int) -> None:
        """Make an ensemble in which every model has weight, which is the most work."""
        self.ensemble = made_round(n_models).ensemble("uniform")
        self.arguments = self.ensemble.round.pool, self.ensemble.round.judgments, self.ensemble.weights

    def time_diagnostics(self, _n_models: int) -> None:
        juror_diagnostics(*self.arguments)

    def time_least_likely(self, _n_models: int) -> None:
        least_likely_judgments(*self.arguments)

    def time_direct_influence(self, _n_models: int) -> None:
        direct_influence(self.arguments[1])


class Triads:
    """Circular triads of one large jury."""

    params = ([10_000, 1_000_000],)
    param_names = ("n_judgments",)
    timeout = 300

    def setup(self, n_judgments: int) -> None:
        """Make judgments of 10,000 items."""
        rng = np.random.default_rng(0)
        a = rng.integers(0, 10_000, n_judgments)
        b = (a + rng.integers(1, 10_000, n_judgments)) % 10_000
        self.judgments = Judgments.from_arrays(a, b, rng.normal(size=n_judgments), items=10_000)
        self.group = np.zeros(n_judgments, dtype=np.int64)

    def time_triads(self, _n_judgments: int) -> None:
        circular_triads(self.judgments, self.group, 1)
