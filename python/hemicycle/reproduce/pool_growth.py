"""Two models in a growing pool: how the ratio of their weights depends on who else is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.mechanisms import averaging_weights, least_squares_weights, marginal_contributions
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.reproduce.claims import Progress

__all__ = ["pool_growth"]

POOL_SIZES = (2, 3, 4, 6, 8, 12, 16, 24)
N_POINTS = 10
N_POOLS = 200
MECHANISMS = (least_squares_weights, averaging_weights)


def pool_growth(rng: np.random.Generator, progress: Progress) -> Table:
    """Follow two models of 200 pools while others join, under least squares and under averaging.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness: models and 10 labels are standard normal.
    progress : callable
        Told how many pools are done.

    Returns
    -------
    Table
        One row a size of the pool. Of least squares: both_seated (share of pools in which both models have weight),
        order_reversed (in which the order of their weights is not that of the pool of two), ratio_low, ratio_median
        and ratio_high (quartiles of the ratio of their weights over that in the pool of two, where both have weight)
        and least_squares_adds (mean growth of the ensemble's mean squared error when one of them is left out). Of
        averaging: bma_ratio_change (largest relative change of that ratio) and bma_adds.
    """
    found = [_one_pool(rng.standard_normal((POOL_SIZES[-1], N_POINTS)), rng.standard_normal(N_POINTS), progress, pool)
             for pool in range(N_POOLS)]  # fmt: skip
    weights, added = (np.array(part) for part in zip(*found, strict=True))  # (n_pools, n_sizes, 2 mechanisms, 2 models)
    least_squares, bma = weights[:, :, 0], weights[:, :, 1]
    seated = np.asarray(np.all(least_squares > 0, axis=2))
    difference = least_squares[..., 0] - least_squares[..., 1]
    reversed_ = difference * difference[:, :1] < 0
    log_ratio = np.log(np.where(seated[..., None], least_squares, 1.0)) @ [1.0, -1.0]
    moved = np.exp(log_ratio - log_ratio[:, :1])
    both = seated & seated[:, :1]
    quartiles = [_quartiles(moved[both[:, i], i]) for i in range(len(POOL_SIZES))]
    bma_ratio = bma[..., 0] / bma[..., 1]
    return Table(
        {
            "models": np.array(POOL_SIZES),
            "both_seated": seated.mean(axis=0),
            "order_reversed": reversed_.mean(axis=0),
            **dict(zip(("ratio_low", "ratio_median", "ratio_high"), np.array(quartiles).T.copy(), strict=True)),
            "bma_ratio_change": np.abs(bma_ratio / bma_ratio[:, :1] - 1).max(axis=0),
            "least_squares_adds": added[:, :, 0].mean(axis=(0, 2)),
            "bma_adds": added[:, :, 1].mean(axis=(0, 2)),
        }
    )


def _quartiles(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quartiles; NaN of nothing."""
    return np.percentile(values, [25, 50, 75]) if len(values) else np.full(3, np.nan)


def _one_pool(
    x: NDArray[np.float64], y: NDArray[np.float64], progress: Progress, done: int
) -> tuple[list[list[NDArray[np.float64]]], list[list[NDArray[np.float64]]]]:
    """Return weights and marginal contributions of the first two models, by size of the pool and mechanism."""
    weights = [[weigh(x[:size], y)[:2] for weigh in MECHANISMS] for size in POOL_SIZES]
    added = [[marginal_contributions(x[:size], y, weigh, 2) for weigh in MECHANISMS] for size in POOL_SIZES]
    progress("growing pools", done + 1, N_POOLS)
    return weights, added
