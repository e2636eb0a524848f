"""Stacking on the labels of a round, for pools of any size."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.likelihood import log_likelihood
from hemicycle.mixture import log_mixture
from hemicycle.stacking import stacking_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool
    from hemicycle.solution import SimplexSolution

__all__ = ["label_stacking"]

MAX_CELLS = 1 << 26  #: log densities that are solved at once: 512 MB of float64
BLOCK_CELLS = 1 << 20  #: log densities held at a time beyond that: 8 MB
TOL = 1e-10  #: gap in nats per label


def label_stacking(
    pool: Pool, judgments: Judgments, label_weight: NDArray[np.float64], *, sigma: float, n_threads: int | None
) -> SimplexSolution:
    """Return the mixture of models that explains the single labels best.

    ``max_w sum_i v_i log sum_d w_d Normal(y_i | mu_di, sigma)`` over the simplex, v the weights of the labels.

    Parameters
    ----------
    pool : Pool
        Models without zero weights.
    judgments : Judgments
        Its items are those of the pool.
    label_weight : ndarray of float64, shape (n_labels,)
        Weight of each label, in the order of ``judgments.pairs``.
    sigma : float
        Width of the Gaussian at each label, in the unit of ``log_ratio``.
    n_threads : int or None
        Number of threads; None is every core.

    Returns
    -------
    SimplexSolution
        With its certificate over all models.

    Raises
    ------
    NonFiniteError, DomainError
        As `log_likelihood`.
    NotConvergedError
        As `stacking_weights`.

    Notes
    -----
    The densities of a small pool are held at once. Those of a large one never are: a working set, at first the best
    model of each label, is solved, and passes over blocks of all models give the certificate and the models to add.
    Both maximise the same concave function to the same gap; among clones the working set seats those it met.
    """
    if len(pool) * judgments.pairs.n_labels <= MAX_CELLS:
        densities = log_likelihood(pool, judgments, sigma=sigma, per="label", n_threads=n_threads)
        return stacking_weights(densities, observation_weights=label_weight, tol=TOL, n_threads=n_threads)
    return _by_working_set(_Densities(pool, judgments, sigma, n_threads), label_weight / math.fsum(label_weight))


class _Densities:
    """Log densities of the labels, made for some models at a time."""

    def __init__(self, pool: Pool, judgments: Judgments, sigma: float, n_threads: int | None) -> None:
        self.pool, self.judgments, self.sigma, self.n_threads = pool, judgments, sigma, n_threads

    def of(self, models: NDArray[np.int64] | slice) -> NDArray[np.float64]:
        logits = np.ascontiguousarray(self.pool.logits[models])
        return log_likelihood(logits, self.judgments, sigma=self.sigma, per="label", n_threads=self.n_threads)

    def blocks(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        rows = max(1, BLOCK_CELLS // self.judgments.pairs.n_labels)
        for start in range(0, len(self.pool), rows):
            yield start, self.of(slice(start, start + rows))


def _by_working_set(densities: _Densities, shares: NDArray[np.float64]) -> SimplexSolution:
    working, passes = _best_of_each_label(densities, shares), 1
    while True:
        inside = densities.of(working)
        solved = stacking_weights(inside, observation_weights=shares, tol=TOL, n_threads=densities.n_threads)
        mixed = log_mixture(inside[solved.support], solved.weights[solved.support])
        gap, offenders = _price(densities, shares, mixed)
        passes += 1
        fresh = np.setdiff1d(offenders, working)
        if gap <= TOL or not len(fresh):
            weights = np.zeros(len(densities.pool))
            weights[working] = solved.weights
            return replace(solved, weights=weights, gap=gap, relative_gap=gap, passes=passes)
        working = np.union1d(working, fresh)


def _best_of_each_label(densities: _Densities, shares: NDArray[np.float64]) -> NDArray[np.int64]:
    top, model = np.full(len(shares), -np.inf), np.zeros(len(shares), dtype=np.int64)
    for start, block in densities.blocks():
        highest = block.max(axis=0)
        model = np.where(highest > top, start + block.argmax(axis=0), model)
        top = np.maximum(highest, top)
    return np.unique(model[shares > 0])


def _price(
    densities: _Densities, shares: NDArray[np.float64], mixed: NDArray[np.float64]
) -> tuple[float, NDArray[np.int64]]:
    """Gap over all models, and the models that would gain most, at most as many as there are labels."""
    gains = np.empty(len(densities.pool))
    with np.errstate(over="ignore"):
        for start, block in densities.blocks():
            gains[start : start + len(block)] = np.einsum("di,i->d", np.exp(block - mixed), shares) - 1
    order = np.argsort(-gains, kind="stable")[: len(shares)]
    return max(0.0, float(gains.max())), order[gains[order] > TOL]
