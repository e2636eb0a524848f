"""The clone-proof prior beside one scoring of the same models, and its error beside sums over all models.

Pools: "apart" are models around two camps; in "spread" some are much nearer to their camp than others, in "families"
100 models each lie from a hundredth of a bandwidth to three around one; "copies" are all one model, moved by a tenth of
the bandwidth. `HEMICYCLE_BENCH=full` takes a million of them.
"""

from __future__ import annotations

import numpy as np

from hemicycle import Judgments, clone_proof_prior, log_likelihood

from .measures import peak_private, seconds
from .peers import FULL

N_MODELS = 1_000_000 if FULL else 50_000
N_ITEMS, N_PAIRS, BANDWIDTH = 100, 1000, 0.1
N_CHECKED = 20_000 if FULL else 2_000
AT_ONCE = 10_000
POOLS = ("apart", "spread", "families", "copies")


def judgments(n_labels: int) -> Judgments:
    """Return labels of the same pairs."""
    rng = np.random.default_rng(0)
    upper = np.stack(np.triu_indices(N_ITEMS, 1))
    a, b = np.repeat(rng.permutation(upper, axis=1)[:, :N_PAIRS], n_labels, axis=1)
    return Judgments.from_arrays(a=a, b=b, log_ratio=rng.normal(size=len(a)), items=N_ITEMS)


def models(pool: str, n_models: int) -> np.ndarray:
    """Return the logits of a pool."""
    rng = np.random.default_rng(1)
    logits = np.empty((n_models, N_ITEMS))
    centres = rng.normal(size=({"families": n_models // 100, "copies": 1}.get(pool, 2), N_ITEMS))
    for first in range(0, n_models, AT_ONCE):
        n = min(AT_ONCE, n_models - first)
        size = {
            "apart": np.ones((n, 1)),
            "spread": rng.uniform(0.3, 1.5, (n, 1)),
            "families": 10 ** rng.uniform(-3, -0.5, (n, 1)),
            "copies": np.full((n, 1), 0.1 * BANDWIDTH / np.sqrt(2)),
        }[pool]
        logits[first : first + n] = centres[rng.integers(len(centres), size=n)] + size * rng.normal(size=(n, N_ITEMS))
    return logits


class Clones:
    """Time, memory and error of the prior of a large pool."""

    params = (POOLS,)
    param_names = ("pool",)
    timeout = 1800.0

    def setup(self, pool: str) -> None:
        """Make the models."""
        self.logits, self.judgments = models(pool, N_MODELS), judgments(1)
        clone_proof_prior(self.logits[:100], self.judgments)

    def time_prior(self, _pool: str) -> None:
        """Time the prior."""
        clone_proof_prior(self.logits, self.judgments, exact=False)

    def _scorings(self, n_labels: int) -> float:
        labelled = judgments(n_labels)
        log_likelihood(self.logits[:100], labelled)
        times = [
            (
                seconds(lambda: log_likelihood(self.logits, labelled)),
                seconds(lambda: clone_proof_prior(self.logits, labelled, exact=False)),
            )
            for _ in range(3)
        ]
        scoring, prior = np.median(times, axis=0)
        return float(prior / scoring)

    def track_scorings_of_one_label(self, _pool: str) -> float:
        """Return the time in scorings of 1,000 pairs with one label, medians of three in turns."""
        return self._scorings(1)

    def track_scorings_of_five_labels(self, _pool: str) -> float:
        """Return the time in scorings of 1,000 pairs with five labels, medians of three in turns."""
        return self._scorings(5)

    track_scorings_of_one_label.unit = track_scorings_of_five_labels.unit = "scorings"

    def track_memory_beside_the_pool(self, _pool: str) -> float:
        """Return the memory that the prior takes, in sizes of the pool."""
        before = peak_private()
        clone_proof_prior(self.logits, self.judgments, exact=False)
        return (peak_private() - before) / self.logits.nbytes

    track_memory_beside_the_pool.unit = "pools"

    def track_density_error(self, _pool: str) -> float:
        """Return the root mean square of the relative error of the density of a sample of models."""
        return float(np.sqrt(np.mean(self._errors()[0] ** 2)))

    def track_density_error_exceeded_by_one_in_a_hundred(self, _pool: str) -> float:
        """Return what the relative error of one in a hundred of the densities exceeds."""
        return float(np.quantile(np.abs(self._errors()[0]), 0.99))

    def track_near_error(self, _pool: str) -> float:
        """Return the root mean square of the relative error of the number of near classes of a sample of models."""
        return float(np.sqrt(np.mean(self._errors()[1] ** 2)))

    def _errors(self) -> np.ndarray:
        """Compare densities with sums over all models, of the same shares, and near classes with their number."""
        found = clone_proof_prior(self.logits, self.judgments, exact=False)
        pairs = self.judgments.pairs
        incidence = np.zeros((len(pairs), N_ITEMS))
        rows = np.arange(len(pairs))
        incidence[rows, pairs.a], incidence[rows, pairs.b] = -1, 1
        values, vectors = np.linalg.eigh(incidence.T @ incidence / len(pairs) / BANDWIDTH**2)
        points = (self.logits - self.logits[0]) @ (vectors * np.sqrt(np.maximum(values, 0)))
        square = np.square(points).sum(axis=1)
        checked = np.random.default_rng(2).choice(N_MODELS, N_CHECKED, replace=False)
        errors = []
        for some in np.array_split(checked, N_CHECKED // 100):
            squared = np.maximum(square[some][:, None] + square - 2 * points[some] @ points.T, 0)
            density = np.exp(-squared / 2) @ (1 / found.n_near)
            n_near = (squared <= 0.25**2).sum(axis=1)
            errors.append([found.density[some] / density - 1, found.n_near[some] / n_near - 1])
        return np.concatenate(errors, axis=1)

    track_density_error.unit = track_density_error_exceeded_by_one_in_a_hundred.unit = "relative error"
    track_near_error.unit = "relative error"


class Exact:
    """Time of the exact prior."""

    params = ([1_000, 10_000],)
    param_names = ("n_models",)

    def setup(self, n_models: int) -> None:
        """Make the models."""
        self.logits, self.judgments = models("apart", n_models), judgments(1)

    def time_prior(self, _n_models: int) -> None:
        """Time the prior."""
        clone_proof_prior(self.logits, self.judgments, exact=True)
