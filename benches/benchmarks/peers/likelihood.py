"""Log-likelihood of every model: plain versions of ten lines, models as rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Score = Callable[[NDArray[Any]], NDArray[Any]]

# Log-likelihood of every model. Each is made of the judgments, a and b (n_pairs,), labels (n_pairs, n_labels), and
# sigma; what it returns scores logits (n_models, n_items).


def hemicycle_likelihood(a: Any, b: Any, labels: Any, sigma: float, n_items: int) -> Score:
    from hemicycle import Judgments, log_likelihood

    n_labels = labels.shape[1]
    judgments = Judgments.from_arrays(np.repeat(a, n_labels), np.repeat(b, n_labels), labels.ravel(), items=n_items)
    return lambda logits: log_likelihood(logits, judgments, sigma=sigma)


def numba_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Score:
    import numba

    @numba.njit(parallel=True, fastmath=True)
    def score(logits: Any, a: Any, b: Any, labels: Any, sigma: float) -> Any:
        n_pairs, n_labels = labels.shape
        totals = np.empty(len(logits))
        for d in numba.prange(len(logits)):
            total = 0.0
            for n in range(n_pairs):
                mu = logits[d, b[n]] - logits[d, a[n]]
                nearest = np.inf
                for i in range(n_labels):
                    nearest = min(nearest, (mu - labels[n, i]) ** 2)
                density = 0.0
                for i in range(n_labels):
                    density += math.exp((nearest - (mu - labels[n, i]) ** 2) / (2 * sigma * sigma))
                total += math.log(density) - nearest / (2 * sigma * sigma)
            totals[d] = total - n_pairs * math.log(n_labels * sigma * math.sqrt(2 * math.pi))
        return totals

    return lambda logits: score(logits, a, b, labels, sigma)


def numpy_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Score:
    """Return a loop over models: all models at once would need more memory than time."""

    def score(logits: Any) -> Any:
        totals = np.empty(len(logits))
        for d, row in enumerate(logits):
            exponent = -0.5 * (((row[b] - row[a])[:, None] - labels) / sigma) ** 2
            largest = exponent.max(axis=1)
            totals[d] = (np.log(np.exp(exponent - largest[:, None]).sum(axis=1)) + largest).sum()
        return totals - len(a) * math.log(labels.shape[1] * sigma * math.sqrt(2 * math.pi))

    return score


def scipy_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Score:
    from scipy.special import logsumexp

    normaliser = math.log(labels.shape[1] * sigma * math.sqrt(2 * math.pi))

    def score(logits: Any) -> Any:
        differences = (logits[:, b] - logits[:, a])[:, :, None] - labels  # (n_models, n_pairs, n_labels)
        return (logsumexp(-0.5 * (differences / sigma) ** 2, axis=2) - normaliser).sum(axis=1)

    return score


def listing_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Score:
    """Return the listing of the proposal, its slips put right: a loop over models, pairs and labels."""
    from scipy.stats import norm

    def score(logits: Any) -> Any:
        totals = []
        for model in logits:
            total = 0.0
            for first, second, jurors in zip(a, b, labels, strict=True):
                difference = model[second] - model[first]
                density = sum(norm.pdf(label, loc=difference, scale=sigma) for label in jurors) / len(jurors)
                total += math.log(density)
            totals.append(total)
        return np.array(totals)

    return score


PEERS: dict[str, Callable[[Any, Any, Any, float, int], Score]] = {
    "hemicycle": hemicycle_likelihood,
    "numba": numba_likelihood,
    "numpy": numpy_likelihood,
    "scipy_logsumexp": scipy_likelihood,
    "listing": listing_likelihood,
}
