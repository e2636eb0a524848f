"""How far shares of the allocation move while the weights stay optimal, against the size of the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.allocation_range import allocation_range
from hemicycle.judgments import Judgments
from hemicycle.least_squares import pair_least_squares
from hemicycle.table import Table

if TYPE_CHECKING:
    from hemicycle.allocation import Mean
    from hemicycle.reproduce.claims import Progress

__all__ = ["share_ranges"]

POOL_SIZES = (12, 15, 20, 25, 30, 40, 60, 100, 200, 400)
POOLS_A_SIZE = 10
N_LABELS, UNJUDGED_ITEMS = 10, 5
MEANS: tuple[Mean, ...] = ("arithmetic", "geometric")


def share_ranges(rng: np.random.Generator, progress: Progress) -> Table:
    """Measure what the tie-break decides: the widest range of an item's share over all optimal weights.

    One item is judged against each of ten others, and nobody judges five more.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness: labels, errors of the models, which are spread evenly around the labels, and their logits
        of the items that nobody judges are standard normal.
    progress : callable
        Told how many pools are done.

    Returns
    -------
    Table
        Columns models, and of either mean, arithmetic and geometric: widest range of the share of a judged item
        (``_judged``) and of another (``_unjudged``), mean over the pools.

    Raises
    ------
    MissingExtraError
        If highspy is not installed.
    """
    n_items = 1 + N_LABELS + UNJUDGED_ITEMS
    widest = np.zeros((len(POOL_SIZES), POOLS_A_SIZE, 2 * len(MEANS)))
    for pool in range(POOLS_A_SIZE):
        y = rng.standard_normal(N_LABELS)
        jury = Judgments.from_arrays([0] * N_LABELS, range(1, 1 + N_LABELS), y, items=n_items)
        logits = rng.standard_normal((POOL_SIZES[-1], n_items))
        logits[:, 0] = 0.0
        logits[:, 1 : 1 + N_LABELS] += y
        for place, size in enumerate(POOL_SIZES):
            solution = pair_least_squares(logits[:size], jury)
            ranges = [allocation_range(logits[:size], jury, solution, mean=mean) for mean in MEANS]
            moves = [found.high - found.low for found in ranges]
            widest[place, pool] = [part.max() for move in moves for part in np.split(move, [1 + N_LABELS])]
            progress("ranges of shares", pool * len(POOL_SIZES) + place + 1, POOLS_A_SIZE * len(POOL_SIZES))
    columns = [f"{mean}_{items}" for mean in MEANS for items in ("judged", "unjudged")]
    means = widest.mean(axis=1).T.copy()
    return Table({"models": np.array(POOL_SIZES), **dict(zip(columns, means, strict=True))})
