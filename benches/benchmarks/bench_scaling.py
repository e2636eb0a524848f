"""The cost of the log-likelihood against models, pairs and labels, one at a time: linear, linear, flat with tables."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from hemicycle import Judgments, log_likelihood

from .peers import FULL
from .peers.likelihood import N_THREADS

N_ITEMS, SIGMA = 100, 0.5
N_MODELS, N_PAIRS, N_LABELS = 100_000 if FULL else 10_000, 1_000, 5
REPEAT = (3, 20, 3.0)  #: at least, at most, and seconds


def scorer(n_models: int = N_MODELS, n_pairs: int = N_PAIRS, n_labels: int = N_LABELS) -> partial[Any]:
    """Return the call that scores so many models against so many distinct pairs, each with so many labels."""
    rng = np.random.default_rng(0)
    first, second = np.triu_indices(N_ITEMS, 1)
    chosen = np.repeat(np.sort(rng.permutation(len(first))[:n_pairs]), n_labels)
    log_ratio = rng.normal(scale=2, size=len(chosen))
    judgments = Judgments.from_arrays(first[chosen], second[chosen], log_ratio, items=N_ITEMS)
    logits = rng.normal(size=(n_models, N_ITEMS))
    return partial(log_likelihood, logits, judgments, sigma=SIGMA, n_threads=N_THREADS)


class Models:
    """Seconds against the number of models."""

    params = ([1_000, 3_000, 10_000, 30_000, 100_000, 300_000],)
    param_names = ("n_models",)
    repeat, warmup_time = REPEAT, 0

    def setup(self, n_models: int) -> None:
        self.score = scorer(n_models=n_models)

    def time_totals(self, _: int) -> None:
        self.score()


class Pairs:
    """Seconds against the number of pairs."""

    params = ([30, 100, 300, 1_000, 3_000],)
    param_names = ("n_pairs",)
    repeat, warmup_time = REPEAT, 0

    def setup(self, n_pairs: int) -> None:
        self.score = scorer(n_pairs=n_pairs)

    def time_totals(self, _: int) -> None:
        self.score()


class Labels:
    """Seconds against the number of labels a pair, the making of tables included, which large pools do not notice."""

    params = ([1, 2, 3, 5, 7, 9, 10, 16, 24, 40, 100, 300, 1_000], [10_000, 1_000_000 if FULL else 100_000])
    param_names = ("n_labels", "n_models")
    repeat, warmup_time = REPEAT, 0

    def setup(self, n_labels: int, n_models: int) -> None:
        self.score = scorer(n_models, n_labels=n_labels)

    def time_totals(self, *_: int) -> None:
        self.score()
