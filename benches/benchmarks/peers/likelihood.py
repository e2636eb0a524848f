"""Log-likelihood of every model: plain versions of ten lines, models as rows, each with two threads.

Compiled peers score a chunk of models at a time, of the size at which they are fastest: temporaries stay in the caches.
`jax` and `torch_compile` are written with logsumexp over an axis of labels, as in their manuals; `jax_unrolled` and
`torch_unrolled` with a Python loop over the labels, which the compiler sees as one long expression.
"""

from __future__ import annotations

import functools
import math
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from .likelihood_blocked import numba_blocked_likelihood

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Score = Callable[[NDArray[Any]], NDArray[Any]]
    Peer = Callable[[Any, Any, Any, float, int], Score]

N_THREADS = 2
MAX_LABELS = 40  #: labels; compiling a thousand in a row, or a loop over them, takes longer than anyone would wait

# Log-likelihood of every model. Each is made of the judgments, a and b (n_pairs,), labels (n_pairs, n_labels), and
# sigma; what it returns scores logits (n_models, n_items).


def in_chunks(score: Score, n_models: int) -> Score:
    """Score so many models at a time; the last chunk is filled up, since another shape would be compiled anew."""

    def chunked(logits: Any) -> Any:
        parts = []
        for start in range(0, len(logits), n_models):
            part = logits[start : start + n_models]
            whole = part if len(part) == n_models else np.resize(part, (n_models, logits.shape[1]))
            parts.append(np.asarray(score(whole))[: len(part)])
        return np.concatenate(parts)

    return chunked


def normaliser(labels: Any, sigma: float) -> float:
    """Return what a total lacks if the exps are summed without their constants."""
    n_pairs, n_labels = labels.shape
    return float(n_pairs * math.log(n_labels * sigma * math.sqrt(2 * math.pi)))


def hemicycle_likelihood(a: Any, b: Any, labels: Any, sigma: float, n_items: int) -> Score:
    from hemicycle import Judgments, log_likelihood

    n_labels = labels.shape[1]
    judgments = Judgments.from_arrays(np.repeat(a, n_labels), np.repeat(b, n_labels), labels.ravel(), items=n_items)
    return lambda logits: log_likelihood(logits, judgments, sigma=sigma, n_threads=N_THREADS)


def numba_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Score:
    import numba

    numba.set_num_threads(min(N_THREADS, numba.config.NUMBA_NUM_THREADS))

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
        return totals - normaliser(labels, sigma)

    return score


def numpy_gram_likelihood(a: Any, b: Any, labels: Any, sigma: float, n_items: int) -> Score:
    """Return the quadratic form of one label a pair: two multiply-adds an item and item, in BLAS."""
    if labels.shape[1] != 1:
        raise NotImplementedError("more than one label is no quadratic form")
    y, rows = labels[:, 0], np.arange(len(a))
    incidence = np.zeros((len(a), n_items))
    incidence[rows, b], incidence[rows, a] = 1, -1
    gram, linear = incidence.T @ incidence / (2 * sigma**2), incidence.T @ y / sigma**2
    constant = y @ y / (2 * sigma**2) + normaliser(labels, sigma)
    return in_chunks(lambda logits: np.einsum("di,di->d", logits, linear - logits @ gram) - constant, 500)


def numexpr_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Score:
    import numexpr

    numexpr.set_num_threads(N_THREADS)
    columns, width = [np.ascontiguousarray(column) for column in labels.T], 2 * sigma**2

    def score(logits: Any) -> Any:
        mu = logits[:, b] - logits[:, a]
        known = {"mu": mu, "nearest": np.full(mu.shape, np.inf), "density": np.zeros(mu.shape), "width": width}
        for y in columns:
            squares = "where((mu - y)**2 < nearest, (mu - y)**2, nearest)"
            numexpr.evaluate(squares, {**known, "y": y}, out=known["nearest"])
        for y in columns:
            exps = "density + exp((nearest - (mu - y)**2) / width)"
            numexpr.evaluate(exps, {**known, "y": y}, out=known["density"])
        return numexpr.evaluate("log(density) - nearest / width", known).sum(axis=1) - normaliser(labels, sigma)

    return in_chunks(score, 64)


def jax_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Score:
    import jax

    jax.config.update("jax_enable_x64", val=True)

    @jax.jit
    def score(logits: Any) -> Any:
        mu = logits[:, b] - logits[:, a]
        exponent = -0.5 * ((mu[:, :, None] - labels) / sigma) ** 2  # (n_models, n_pairs, n_labels)
        return jax.scipy.special.logsumexp(exponent, axis=2).sum(axis=1) - normaliser(labels, sigma)

    return in_chunks(score, max(16, 256 // labels.shape[1]))


def jax_unrolled_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Score:
    import jax
    import jax.numpy as jnp

    require_few(labels)
    jax.config.update("jax_enable_x64", val=True)

    @jax.jit
    def score(logits: Any) -> Any:
        mu = logits[:, b] - logits[:, a]
        squares = [(mu - y) ** 2 for y in labels.T]
        nearest = functools.reduce(jnp.minimum, squares)
        density = sum(jnp.exp((nearest - square) / (2 * sigma**2)) for square in squares)
        return (jnp.log(density) - nearest / (2 * sigma**2)).sum(axis=1) - normaliser(labels, sigma)

    return in_chunks(score, 256 if labels.shape[1] < 3 else 64)


def torch_compile_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Score:
    torch = torch_with_compiler()
    first, second, y = torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(labels)

    @torch.compile(dynamic=False)  # type: ignore[untyped-decorator]
    def score(logits: Any) -> Any:
        mu = logits[:, second] - logits[:, first]
        exponent = -0.5 * ((mu[:, :, None] - y) / sigma) ** 2  # (n_models, n_pairs, n_labels)
        return torch.logsumexp(exponent, dim=2).sum(dim=1) - normaliser(labels, sigma)

    return in_chunks(lambda logits: score(torch.from_numpy(logits)), 512 if labels.shape[1] < 10 else 32)


def torch_unrolled_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Score:
    require_few(labels)
    torch = torch_with_compiler()
    first, second = torch.from_numpy(a), torch.from_numpy(b)
    columns = [torch.from_numpy(np.ascontiguousarray(column)) for column in labels.T]

    @torch.compile(dynamic=False)  # type: ignore[untyped-decorator]
    def score(logits: Any) -> Any:
        mu = logits[:, second] - logits[:, first]
        squares = [(mu - y) ** 2 for y in columns]
        nearest = functools.reduce(torch.minimum, squares)
        density = sum(torch.exp((nearest - square) / (2 * sigma**2)) for square in squares)
        return (torch.log(density) - nearest / (2 * sigma**2)).sum(dim=1) - normaliser(labels, sigma)

    return in_chunks(lambda logits: score(torch.from_numpy(logits)), 256)


def torch_autograd(
    logits: Any, a: Any, b: Any, labels: Any, sigma: float
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return the plain torch version of these logits' totals, and the same with its gradient."""
    import torch

    torch.set_num_threads(N_THREADS)
    first, second, y = torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(labels)
    x = torch.from_numpy(logits)

    def totals(x: Any) -> Any:
        mu = x[:, second] - x[:, first]
        exponent = -0.5 * ((mu[:, :, None] - y) / sigma) ** 2  # (n_models, n_pairs, n_labels)
        return torch.logsumexp(exponent, dim=2).sum(dim=1) - normaliser(labels, sigma)

    def with_gradient() -> Any:
        leaf = x.detach().requires_grad_()
        values = totals(leaf)
        values.sum().backward()
        return values.detach(), leaf.grad

    return lambda: totals(x), with_gradient


def require_few(labels: Any) -> None:
    if labels.shape[1] > MAX_LABELS:
        raise NotImplementedError("more labels than anyone would wait for")


def torch_with_compiler() -> Any:
    """Return torch with two threads; torch.compile needs a C++ compiler."""
    import torch

    if shutil.which(os.environ.get("CXX", "g++")) is None:
        raise NotImplementedError("torch.compile needs a C++ compiler")
    torch.set_num_threads(N_THREADS)
    return torch


def scipy_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Score:
    from scipy.special import logsumexp

    def score(logits: Any) -> Any:
        differences = (logits[:, b] - logits[:, a])[:, :, None] - labels  # (n_models, n_pairs, n_labels)
        exponent = -0.5 * (differences / sigma) ** 2
        return logsumexp(exponent, axis=2).sum(axis=1) - normaliser(labels, sigma)

    return in_chunks(score, max(1, 64 // labels.shape[1]))


def listing_likelihood(a: Any, b: Any, labels: Any, sigma: float, _: int) -> Score:
    """Return the listing of the proposal, its slips put right: a loop over models, pairs and labels."""
    require_few(labels)
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


PEERS: dict[str, Peer] = {
    "hemicycle": hemicycle_likelihood,
    "numba": numba_likelihood,
    "jax": jax_likelihood,
    "jax_unrolled": jax_unrolled_likelihood,
    "torch_compile": torch_compile_likelihood,
    "torch_unrolled": torch_unrolled_likelihood,
    "numpy": numpy_likelihood,
    "numpy_gram": numpy_gram_likelihood,
    "numexpr": numexpr_likelihood,
    "scipy_logsumexp": scipy_likelihood,
    "listing": listing_likelihood,
    "numba_blocked": numba_blocked_likelihood,
}
