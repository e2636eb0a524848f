"""The sum-Gaussian log-likelihood beside its peers: 100 items, 1,000 pairs, float64, every core.

Slow peers get fewer models, so compare rates; `HEMICYCLE_BENCH=full` takes the sizes that a release quotes.
"""

from __future__ import annotations

import math
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle import Judgments, log_likelihood, running

from .peers import FULL
from .peers.likelihood import PEERS

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))
from reference import likelihood as reference

N_ITEMS, N_PAIRS, SIGMA = 100, 1_000, 0.5
N_LABELS = [1, 2, 5, 40]
N_MODELS = {
    "hemicycle": 100_000 if FULL else 20_000,
    "numba": 100_000 if FULL else 5_000,
    "numpy": 2_000 if FULL else 100,
    "scipy_logsumexp": 500 if FULL else 50,
    "listing": 3 if FULL else 1,
}


def judgments(n_labels: int) -> tuple[Any, Any, Any]:
    """Return distinct pairs a < b and their labels, shape (n_pairs, n_labels)."""
    rng = np.random.default_rng(n_labels)
    first, second = np.triu_indices(N_ITEMS, 1)
    chosen = np.sort(rng.permutation(len(first))[:N_PAIRS])
    return first[chosen], second[chosen], rng.normal(scale=2, size=(N_PAIRS, n_labels))


def rate(score: Callable[[], Any], n_models: int) -> float:
    """Return the best rate of some runs, in million model-pairs a second."""
    seconds: list[float] = []
    while len(seconds) < 3 or (sum(seconds) < 1 and len(seconds) < 20):
        start = time.perf_counter()
        score()
        seconds.append(time.perf_counter() - start)
    return n_models * N_PAIRS / min(seconds) / 1e6


class LogLikelihood:
    """Totals of every model: seconds, peak memory, rate, and the error of the first models."""

    params = (N_LABELS, list(PEERS))
    param_names = ("n_labels", "peer")
    timeout = 600

    def setup_cache(self) -> str:
        """Write the logits once; every benchmark maps them into memory."""
        path = Path("logits.npy").resolve()
        np.save(path, np.random.default_rng(0).normal(size=(max(N_MODELS.values()), N_ITEMS)))
        return str(path)

    def setup(self, path: str, n_labels: int, peer: str) -> None:
        self.judgments = judgments(n_labels)
        try:
            self.score = PEERS[peer](*self.judgments, SIGMA, N_ITEMS)
        except ImportError as error:
            raise NotImplementedError(peer) from error
        self.logits = np.load(path, mmap_mode="r")[: N_MODELS[peer]]
        self.score(self.logits[:1])  # compiles what compiles late

    def time_totals(self, *_: Any) -> None:
        self.score(self.logits)

    def peakmem_totals(self, *_: Any) -> None:
        self.score(self.logits)

    def track_rate(self, *_: Any) -> float:
        return rate(lambda: self.score(self.logits), len(self.logits))

    track_rate.unit = "million model-pairs/s"

    def track_max_abs_error(self, *_: Any) -> float:
        a, b, labels = self.judgments
        pairs = {(i, j): [(y, 1.0) for y in row] for i, j, row in zip(a, b, labels, strict=True)}
        logits = np.array(self.logits[: 1 if labels.shape[1] > 5 else 3])
        rows, _ = reference.by_pair(logits, pairs, SIGMA, "sum_gaussian")
        exact = reference.totals(rows, [1.0] * len(pairs))
        return max(abs(float(total - value)) for total, value in zip(exact, self.score(logits), strict=True))


class Terms:
    """Log densities of every pair or label: the rate of writing them."""

    params = ([1, 5], ["model", "pair", "label"])
    param_names = ("n_labels", "per")

    def setup(self, n_labels: int, _: str) -> None:
        a, b, labels = judgments(n_labels)
        rows = np.repeat(a, n_labels), np.repeat(b, n_labels), labels.ravel()
        self.judgments = Judgments.from_arrays(*rows, items=N_ITEMS)
        self.logits = np.random.default_rng(0).normal(size=(20_000 if FULL else 5_000, N_ITEMS))

    def track_rate(self, _: int, per: Any) -> float:
        score = partial(log_likelihood, self.logits, self.judgments, sigma=SIGMA, per=per)
        return rate(score, len(self.logits))

    track_rate.unit = "million model-pairs/s"


class Update:
    """One more judgment in a live round of five labels a pair: the pair that it touches, or everything again."""

    params = ("update", "start", "log_likelihood")
    param_names = ("way",)

    def setup_cache(self) -> str:
        """Write the logits once; every benchmark maps them into memory."""
        path = Path("update.npy").resolve()
        np.save(path, np.random.default_rng(0).normal(size=(100_000 if FULL else 20_000, N_ITEMS)))
        return str(path)

    def setup(self, path: str, way: str) -> None:
        a, b, labels = judgments(5)
        self.before = Judgments.from_arrays(np.repeat(a, 5), np.repeat(b, 5), labels.ravel(), items=N_ITEMS)
        self.added = Judgments.from_arrays(a[:1], b[:1], [0.25], items=N_ITEMS)
        self.logits = np.load(path, mmap_mode="r")
        self.scores = running.start(self.logits, self.before, sigma=SIGMA)
        self.after = running.update(self.scores, self.logits, self.added).judgments
        self.score: Callable[[], Any] = {
            "update": lambda: running.update(self.scores, self.logits, self.added).log_likelihood,
            "start": lambda: running.start(self.logits, self.after, sigma=SIGMA).log_likelihood,
            "log_likelihood": lambda: log_likelihood(self.logits, self.after, sigma=SIGMA),
        }[way]

    def time_one_judgment(self, *_: Any) -> None:
        self.score()

    def peakmem_one_judgment(self, *_: Any) -> None:
        self.score()

    def track_max_abs_error(self, *_: Any) -> float:
        terms = log_likelihood(self.logits[:1000], self.after, sigma=SIGMA, per="pair", rtol=0)
        exact = np.array([math.fsum(row) for row in terms])
        return float(np.abs(self.score()[:1000] - exact).max())
