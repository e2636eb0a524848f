"""The sum-Gaussian log-likelihood beside its peers: 100 items, 1,000 pairs, float64, two threads.

Slow peers get fewer models, so compare rates; `HEMICYCLE_BENCH=full` takes the sizes that a release quotes.
"""

from __future__ import annotations

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle import Judgments, log_likelihood, running
from hemicycle.likelihood import value_and_gradient

from .measures import seconds
from .peers import FULL
from .peers.likelihood import N_THREADS, PEERS, torch_autograd

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))
from reference import likelihood as reference

N_ITEMS, N_PAIRS, SIGMA = 100, 1_000, 0.5
N_LABELS = [1, 2, 5, 40, 1_000]
# Models that a peer scores in a second or less at 5 labels, about; with more labels it gets fewer.
N_MODELS = {"numpy": 4_000, "numexpr": 8_000, "scipy_logsumexp": 4_000, "listing": 3}
OURS = 100_000 if FULL else 20_000


def judgments(n_labels: int) -> tuple[Any, Any, Any]:
    """Return distinct pairs a < b and their labels, shape (n_pairs, n_labels)."""
    rng = np.random.default_rng(n_labels)
    first, second = np.triu_indices(N_ITEMS, 1)
    chosen = np.sort(rng.permutation(len(first))[:N_PAIRS])
    return first[chosen], second[chosen], rng.normal(scale=2, size=(N_PAIRS, n_labels))


def n_models(peer: str, n_labels: int) -> int:
    """Return how many models a peer scores."""
    if peer == "hemicycle" or (peer == "numpy_gram" and n_labels == 1):
        return OURS
    at_five = N_MODELS.get(peer, 20_000) // (1 if FULL else 4)
    return max(1 if peer == "listing" else 16, at_five * 5 // max(5, n_labels))


def rate(score: Callable[[], Any], n_models: int) -> float:
    """Return the best rate of some runs, in million model-pairs a second."""
    runs: list[float] = []
    while len(runs) < 3 or (sum(runs) < 1 and len(runs) < 20):
        runs.append(seconds(score))
    return n_models * N_PAIRS / min(runs) / 1e6


class LogLikelihood:
    """Totals of every model: seconds, peak memory, rate, how many times faster ours is, and the error of a few."""

    params = (N_LABELS, list(PEERS))
    param_names = ("n_labels", "peer")
    timeout = 600

    def setup_cache(self) -> dict[int, Any]:
        """Write the logits once, and return by number of labels the exact scores of a few models, and their sizes.

        Every benchmark maps the logits into memory.
        """
        logits = np.random.default_rng(0).normal(size=(OURS, N_ITEMS))
        np.save("logits.npy", logits)
        return {n_labels: exact_totals(logits[: 3 if n_labels < 10 else 1], n_labels) for n_labels in N_LABELS}

    def setup(self, _: Any, n_labels: int, peer: str) -> None:
        mapped = np.load("logits.npy", mmap_mode="c")  # writable, as torch asks for; nobody writes
        self.logits = np.asarray(mapped)  # a plain array, since NumPy is slow with the subclass
        self.score, self.ours = (self.scorer(name, n_labels) for name in (peer, "hemicycle"))
        self.part = self.logits[: n_models(peer, n_labels)]
        for score in self.score, self.ours:
            score(self.logits[:1])  # compiles what compiles late

    def scorer(self, peer: str, n_labels: int) -> Callable[[Any], Any]:
        try:
            return PEERS[peer](*judgments(n_labels), SIGMA, N_ITEMS)
        except ImportError as error:
            raise NotImplementedError(peer) from error

    def time_totals(self, *_: Any) -> None:
        self.score(self.part)

    def peakmem_totals(self, *_: Any) -> None:
        self.score(self.part)

    def track_rate(self, *_: Any) -> float:
        return rate(lambda: self.score(self.part), len(self.part))

    track_rate.unit = "million model-pairs/s"

    def track_ratio(self, *_: Any) -> float:
        """Return how many times faster ours is, from runs in turns."""
        slower = ratio(lambda: self.score(self.part), lambda: self.ours(self.logits))
        return slower * len(self.logits) / len(self.part)

    track_ratio.unit = "times ours"

    def track_max_abs_error(self, exact: dict[int, Any], n_labels: int, _: str) -> float:
        totals, _ = exact[n_labels]
        return reference.worst_error(self.score(self.logits[: len(totals)]), totals, [1] * len(totals))

    def track_error(self, exact: dict[int, Any], n_labels: int, _: str) -> float:
        return reference.worst_error(self.score(self.logits[: len(exact[n_labels][0])]), *exact[n_labels])

    track_error.unit = "of the sum of max(1, |log p|) over the pairs"


def exact_totals(logits: Any, n_labels: int) -> tuple[Any, Any]:
    """Return the totals of models with 50 digits, and the sums of max(1, |log p|) that errors are measured by."""
    pairs = {(i, j): [(y, 1.0) for y in row] for i, j, row in zip(*judgments(n_labels), strict=True)}
    rows, sizes = reference.by_pair(logits, pairs, SIGMA, "sum_gaussian")
    ones = [1.0] * len(pairs)
    return reference.totals(rows, ones), [float(size) for size in reference.totals(sizes, ones)]


class ManyLabels:
    """Totals of ours where pairs have many labels: what building the tables costs shows in small pools."""

    params = ([40, 1_000, 10_000], [1_000, 10_000, 100_000], [1e-10, 0.0])
    param_names = ("n_labels", "n_models", "rtol")
    timeout = 600

    def setup(self, n_labels: int, n_models: int, rtol: float) -> None:
        if n_labels * n_models > 40_000_000 and (rtol == 0 or not FULL):
            raise NotImplementedError("label by label takes minutes")
        a, b, labels = judgments(n_labels)
        rows = np.repeat(a, n_labels), np.repeat(b, n_labels), labels.ravel()
        self.judgments = Judgments.from_arrays(*rows, items=N_ITEMS)
        self.logits = np.random.default_rng(0).normal(size=(n_models, N_ITEMS))

    def track_rate(self, _labels: int, n_models: int, rtol: float) -> float:
        score = partial(log_likelihood, self.logits, self.judgments, sigma=SIGMA, rtol=rtol, n_threads=N_THREADS)
        return rate(score, n_models)

    track_rate.unit = "million model-pairs/s"


class Terms:
    """Log densities of every pair or label: the rate, as share of what memory takes and of the rate of the totals."""

    params = ([1, 5], ["pair", "label"], ["new", "out"])
    param_names = ("n_labels", "per", "memory")
    timeout = 600

    def setup(self, n_labels: int, per: Any, memory: str) -> None:
        a, b, labels = judgments(n_labels)
        rows = np.repeat(a, n_labels), np.repeat(b, n_labels), labels.ravel()
        jury = Judgments.from_arrays(*rows, items=N_ITEMS)
        self.logits = np.random.default_rng(0).normal(size=(20_000 if FULL else 10_000, N_ITEMS))
        score = partial(log_likelihood, self.logits, jury, sigma=SIGMA, n_threads=N_THREADS)
        self.totals = partial(score, per="model")
        out = score(per=per)
        self.score = partial(score, per=per, out=out if memory == "out" else None)
        self.write = partial(fill, out.shape, out if memory == "out" else None)

    def track_rate(self, *_: Any) -> float:
        return rate(self.score, len(self.logits))

    def track_share_of_write_bandwidth(self, *_: Any) -> float:
        return ratio(self.write, self.score)

    def track_share_of_totals(self, *_: Any) -> float:
        return ratio(self.totals, self.score)

    track_rate.unit = "million model-pairs/s"


def fill(shape: tuple[int, ...], out: Any) -> None:
    """Write a constant to new memory, or to `out`, from as many threads as ours uses."""
    array = np.empty(shape) if out is None else out
    with ThreadPoolExecutor(N_THREADS) as threads:
        list(threads.map(lambda part: part.fill(1.0), np.array_split(array, N_THREADS)))


def ratio(other: Callable[[], Any], ours: Callable[[], Any]) -> float:
    """Return the least time of `other` over that of `ours`, taken in turns: what slows both down cancels."""
    runs: list[tuple[float, float]] = []
    while len(runs) < 3 or (sum(map(sum, runs)) < 5 and len(runs) < 20):
        runs.append((seconds(other), seconds(ours)))
    return min(run[0] for run in runs) / min(run[1] for run in runs)


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


class Gradient:
    """Values with their gradient: the rate, and how many times as long as the values alone."""

    params = (N_LABELS[:4], ["hemicycle", "torch_autograd"])
    param_names = ("n_labels", "peer")
    timeout = 600

    def setup(self, n_labels: int, peer: str) -> None:
        a, b, labels = judgments(n_labels)
        n_models = 20_000 if peer == "hemicycle" else max(16, 2_000 // n_labels)
        self.logits = np.random.default_rng(0).normal(size=(n_models, N_ITEMS))
        if peer == "hemicycle":
            rows = np.repeat(a, n_labels), np.repeat(b, n_labels), labels.ravel()
            jury = Judgments.from_arrays(*rows, items=N_ITEMS)
            options: dict[str, Any] = {"sigma": SIGMA, "n_threads": N_THREADS}
            self.values: Callable[[], Any] = partial(log_likelihood, self.logits, jury, **options)
            self.gradient: Callable[[], Any] = partial(value_and_gradient, self.logits, jury, **options)
        else:
            try:
                self.values, self.gradient = torch_autograd(self.logits, a, b, labels, SIGMA)
            except ImportError as error:
                raise NotImplementedError(peer) from error
        self.gradient()

    def track_rate(self, *_: Any) -> float:
        return rate(self.gradient, len(self.logits))

    track_rate.unit = "million model-pairs/s"

    def track_ratio_to_values(self, *_: Any) -> float:
        runs = [(seconds(self.values), seconds(self.gradient)) for _ in range(20)]
        values, gradient = (min(column) for column in zip(*runs, strict=True))
        return gradient / values

    track_ratio_to_values.unit = "times as long"
