"""Scoring and solving from disk beside what they cannot do without: reading the store, scoring its rows in memory."""

from __future__ import annotations

import shutil
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from hemicycle import Judgments, Store
from hemicycle.likelihood import log_likelihood
from hemicycle.scores import accuracy, mean_squared_error
from hemicycle.streaming import score_store

from .bench_store import ITEMS, N_ITEMS, SIZES, Case
from .measures import peak_private, seconds
from .peers import FULL

if TYPE_CHECKING:
    from typing import Any

N_PAIRS, N_TIMES = 1000, 5
LABELS = [1, 5]
GROWTH = [125_000, 250_000, 500_000, 1_000_000] if FULL else [20_000, 40_000]


def jury(n_labels: int, n_pairs: int = N_PAIRS) -> Judgments:
    """Return judgments of so many pairs, some of them the same."""
    rng = np.random.default_rng(1)
    a = rng.integers(0, N_ITEMS, n_pairs)
    b = (a + rng.integers(1, N_ITEMS, n_pairs)) % N_ITEMS
    a, b = np.repeat(a, n_labels), np.repeat(b, n_labels)
    return Judgments.from_arrays(a, b, rng.standard_normal(len(a)), items=ITEMS)


class Scored(Case):
    """A store, and its scores."""

    def __init__(self, n_models: int, n_labels: int, n_pairs: int = N_PAIRS) -> None:
        super().__init__(n_models)
        self.ingest()
        self.judgments, self.store = jury(n_labels, n_pairs), Store.open(self.folder / "store")

    def score(self, executor: Any = None, n_threads: int | None = None) -> None:
        """Score from disk, and average."""
        shutil.rmtree(self.folder / "scores", ignore_errors=True)
        scores = score_store(self.store, self.judgments, self.folder / "scores", executor=executor, n_threads=n_threads)
        scores.bma()

    def read_store(self) -> None:
        for fragment in self.store.manifest.fragments:
            pq.read_table(fragment.path(self.store.path))

    def in_memory(self) -> float:
        """Return the time of scoring the same rows in memory, as much of each model as from disk."""
        blocks = [block.logits for block in self.store.blocks()]
        total = 0.0
        for logits in blocks:
            for score in (log_likelihood, mean_squared_error, accuracy):
                total += seconds(lambda score=score, logits=logits: score(logits, self.judgments))
        return total


class Beside:
    """Time from disk, scores and average, in the larger of pyarrow's read and scoring in memory."""

    params = (SIZES, LABELS)
    param_names = ("n_models", "n_labels")
    unit = "times the larger"
    timeout = 1200

    def setup(self, n_models: int, n_labels: int) -> None:
        self.case = Scored(n_models, n_labels)

    def teardown(self, *_: object) -> None:
        self.case.close()

    def track_ratio(self, *_: object) -> float:
        case = self.case
        case.score()
        return median(seconds(case.score) / max(seconds(case.read_store), case.in_memory()) for _ in range(N_TIMES))

    def track_peak(self, *_: object) -> float:
        self.case.score()
        return peak_private() / 2**20

    track_peak.unit = "MiB"


class Solvers:
    """Least squares and stacking by passes over a store: how many, the time in reads of the store, and memory."""

    params = (SIZES, LABELS, ["least_squares", "stacking"])
    param_names = ("n_models", "n_labels", "method")
    timeout = 1200

    def setup(self, n_models: int, n_labels: int, method: str) -> None:
        self.case = Scored(n_models, n_labels)
        self.scores = score_store(self.case.store, self.case.judgments, self.case.folder / "scores")
        self.solve = getattr(self.scores, method)

    def teardown(self, *_: object) -> None:
        self.case.close()

    def track_passes(self, *_: object) -> int:
        return self.solve().solution.passes

    track_passes.unit = "passes"

    def track_reads(self, *_: object) -> float:
        self.case.read_store()
        return median(seconds(self.solve) / seconds(self.case.read_store) for _ in range(3))

    track_reads.unit = "times pyarrow's read"

    def track_peak(self, *_: object) -> float:
        self.solve()
        return peak_private() / 2**20

    track_peak.unit = "MiB"


class Growth:
    """Time from disk by the number of models."""

    params = GROWTH
    param_names = ("n_models",)
    timeout = 1200

    def setup(self, n_models: int) -> None:
        self.case = Scored(n_models, 1)

    def teardown(self, _: int) -> None:
        self.case.close()

    def time_score(self, _: int) -> None:
        self.case.score()


class Dask:
    """Two Dask workers of one thread each in the time of this process with two threads."""

    params = SIZES
    param_names = ("n_models",)
    unit = "times one process"
    timeout = 1200

    def setup(self, n_models: int) -> None:
        from distributed import Client, LocalCluster

        self.case = Scored(n_models, 5)
        self.cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
        self.client = Client(self.cluster)

    def teardown(self, _: int) -> None:
        self.client.close()
        self.cluster.close()
        self.case.close()

    def track_ratio(self, _: int) -> float:
        case = self.case
        case.score(self.client, 1)
        case.score()
        pairs = ((seconds(lambda: case.score(self.client, 1)), seconds(case.score)) for _ in range(N_TIMES))
        return median(ours / alone for ours, alone in pairs)
