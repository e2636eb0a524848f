"""The machine's own limits, and how close every path of the log-likelihood comes to them in the same run.

A model-pair needs a share of reading the pool, an exp for each label that is not the only one and not in a table, and
the bytes of what is written. The roofline is the longest of these times.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from hemicycle import Judgments, log_likelihood

from .bench_likelihood import N_ITEMS, N_PAIRS, SIGMA, judgments, rate
from .peers import FULL
from .peers.likelihood import N_THREADS
from .peers.limits import LIMITS, limit


class Path(NamedTuple):
    """One way through the log-likelihood: its options, and what it cannot do without."""

    n_labels: int
    per: Any = "model"
    dtype: str = "float64"
    rtol: float = 1e-10
    n_models: int = 100_000 if FULL else 20_000
    out: bool = False

    @property
    def needs(self) -> dict[str, float]:
        """Return how much of each limit one model and pair needs at least."""
        exps = 0 if self.n_labels == 1 or self.per == "label" or self.tabulated else self.n_labels
        written = {"model": 8 / N_PAIRS, "pair": 8, "label": 8 * self.n_labels}[self.per]
        read = N_ITEMS * np.dtype(self.dtype).itemsize / N_PAIRS
        return {"exps": exps, "bytes read": read, "bytes written" if self.out else "bytes written afresh": written}

    @property
    def tabulated(self) -> bool:
        return self.rtol > 0 and self.n_labels >= 10


PATHS = {
    "1 label": Path(1),
    "2 labels": Path(2),
    "5 labels": Path(5),
    "40 labels, direct": Path(40, rtol=0, n_models=10_000),
    "40 labels, tables": Path(40),
    "1,000 labels, direct": Path(1_000, rtol=0, n_models=2_000),
    "1,000 labels, tables": Path(1_000),
    "5 labels, float32": Path(5, dtype="float32"),
    "1 label, by pair": Path(1, per="pair", n_models=10_000),
    "1 label, by pair, out=": Path(1, per="pair", n_models=10_000, out=True),
    "5 labels, by pair, out=": Path(5, per="pair", n_models=10_000, out=True),
    "5 labels, by label, out=": Path(5, per="label", n_models=4_000, out=True),
}


class Machine:
    """What two threads can do at most, in thousand million a second."""

    params = (LIMITS,)
    param_names = ("limit",)
    unit = "thousand million/s"

    def track_limit(self, name: str) -> float:
        return limit(name)[0] / 1e9


class Roofline:
    """Every path beside the machine's limits."""

    params = (list(PATHS),)
    param_names = ("path",)
    timeout = 600

    def setup(self, name: str) -> None:
        self.path = PATHS[name]
        a, b, labels = judgments(self.path.n_labels)
        rows = np.repeat(a, self.path.n_labels), np.repeat(b, self.path.n_labels), labels.ravel()
        scored = Judgments.from_arrays(*rows, items=N_ITEMS)
        logits = np.random.default_rng(0).normal(size=(self.path.n_models, N_ITEMS)).astype(self.path.dtype)
        options: Any = {"per": self.path.per, "rtol": self.path.rtol}
        score = partial(log_likelihood, logits, scored, sigma=SIGMA, n_threads=N_THREADS, **options)
        self.score = partial(score, out=score()) if self.path.out else score

    def track_rate(self, _: str) -> float:
        return rate(self.score, self.path.n_models)

    track_rate.unit = "million model-pairs/s"

    def track_share(self, _: str) -> float:
        """Return the time that a path would need at the machine's limits in its own; above 1 it beats a library."""
        least = max(need / limit(name)[0] for name, need in self.path.needs.items())
        return least * rate(self.score, self.path.n_models) * 1e6
