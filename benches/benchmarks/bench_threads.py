"""Threads: those of one call, and Python threads that score at the same time, which the GIL does not hold up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .bench_likelihood import ratio
from .bench_scaling import scorer

N_MODELS = 20_000


class Threads:
    """How many times faster two threads are than one: near 2 on two idle cores."""

    params = (["n_threads=2", "two Python threads"],)
    param_names = ("threads",)
    unit = "times one thread"

    def setup(self, _: str) -> None:
        self.score = scorer(n_models=N_MODELS)
        self.pool = ThreadPoolExecutor(2)

    def teardown(self, _: str) -> None:
        self.pool.shutdown()

    def track_speedup(self, threads: str) -> float:
        def once() -> Any:
            return self.score(n_threads=1)

        def twice() -> None:
            if threads == "n_threads=2":
                self.score(n_threads=2)
                self.score(n_threads=2)
            else:
                list(self.pool.map(lambda _: once(), range(2)))

        twice()
        return 2 * ratio(once, twice)
