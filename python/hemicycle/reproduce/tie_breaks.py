"""What least squares leaves undecided as pools grow beyond the labels, and where SLSQP stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.allocation import allocate
from hemicycle.least_squares import simplex_least_squares
from hemicycle.reproduce.slsqp import slsqp_weights
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.allocation import Mean
    from hemicycle.reproduce.claims import Progress

__all__ = ["freedom_by_pool_size", "slsqp_distances"]

POOL_SIZES = (2, 5, 10, 12, 15, 20, 25, 30, 40, 60, 100, 200, 400, 800)
N_POINTS = 10
POOLS_A_SIZE = 100
EXACT = 1e-18  #: largest sum of squared residuals that counts as zero

TOLERANCES = (1e-6, 1e-9, 1e-12)
SHAPES = ((10, 3), (20, 5), (40, 10))  #: models, judged pairs
INSTANCES = 20
UNJUDGED_ITEMS = 5


def freedom_by_pool_size(rng: np.random.Generator, progress: Progress) -> Table:
    """Count the dimensions in which optimal weights are free, for pools of growing size and 10 labels.

    Of unbiased models, spread evenly to all sides of the labels, D contain the labels in their convex hull, and so
    match them exactly, with probability ``1 - 2**(1 - D) * sum_k<10 binom(D - 1, k)``; models that know nothing of the
    labels do so much later.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness: labels, models without knowledge and the errors of unbiased models are standard normal.
    progress : callable
        Told how many sizes are done.

    Returns
    -------
    Table
        Columns kind (unbiased, random), models, unique (share of pools with one optimum), fits_exactly (share in which
        a blend matches every label) and free_dimensions (mean dimension of the set of optimal weights).

    References
    ----------
    J. G. Wendel, "A problem in geometric probability", Mathematica Scandinavica 11, 1962.
    """
    rows: list[tuple[str, int, float, float, float]] = []
    errors = rng.standard_normal((POOLS_A_SIZE, POOL_SIZES[-1], N_POINTS))
    y = rng.standard_normal((POOLS_A_SIZE, N_POINTS))
    for kind, centre in (("unbiased", y), ("random", np.zeros_like(y))):
        x = errors + centre[:, None]
        for size in POOL_SIZES:
            solutions = [simplex_least_squares(x[i, :size], y[i]) for i in range(POOLS_A_SIZE)]
            free = np.array([solution.face_dimension for solution in solutions])
            exact = np.array([solution.objective < EXACT for solution in solutions])
            rows.append((kind, size, float(np.mean(free == 0)), float(np.mean(exact)), float(np.mean(free))))
            progress("pools of growing size", len(rows), 2 * len(POOL_SIZES))
    kinds, *columns = zip(*rows, strict=True)
    names = ("models", "unique", "fits_exactly", "free_dimensions")
    return Table({"kind": kinds, **{name: np.array(values) for name, values in zip(names, columns, strict=True)}})


def slsqp_distances(rng: np.random.Generator, progress: Progress) -> Table:
    """Compare where SLSQP stops, started at uniform weights, with the optimum that is nearest to uniform.

    One item is judged against each of the others but five, which nobody judged; the labels are a blend of the models.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness: logits are standard normal, the blend is uniform on the simplex.
    progress : callable
        Told how many instances are done.

    Returns
    -------
    Table
        One row an instance and tolerance: models, labels, instance, ftol, mse (SLSQP's), weights_l1,
        allocation_l1_geometric, allocation_l1_arithmetic, judged_l1_geometric (distances between both, at most 2; the
        last where the items that nobody judged are left out) and farther (distance of SLSQP's weights from uniform over
        that of the nearest optimum).

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    """
    rows: list[tuple[float, ...]] = []
    for n_models, n_labels in SHAPES:
        for instance in range(INSTANCES):
            logits = rng.standard_normal((n_models, 1 + n_labels + UNJUDGED_ITEMS))
            x = logits[:, 1 : 1 + n_labels] - logits[:, :1]
            y = rng.dirichlet(np.ones(n_models)) @ x
            nearest = simplex_least_squares(x, y).weights
            for ftol in TOLERANCES:
                stopped = np.clip(slsqp_weights(x, y, ftol), 0.0, None)
                stopped /= stopped.sum()
                mse = float(np.mean((stopped @ x - y) ** 2))
                row = n_models, n_labels, instance, ftol, mse
                rows.append((*row, *_distances(logits, stopped, nearest)))
        progress("SLSQP", len(rows), len(SHAPES) * INSTANCES * len(TOLERANCES))
    columns = (
        "models", "labels", "instance", "ftol", "mse", "weights_l1", "allocation_l1_geometric",
        "allocation_l1_arithmetic", "judged_l1_geometric", "farther",
    )  # fmt: skip
    return Table({name: np.array(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)})


def _distances(
    logits: NDArray[np.float64], stopped: NDArray[np.float64], nearest: NDArray[np.float64]
) -> tuple[float, ...]:
    """Return the L1 distances of weights and allocations, and how many times farther from uniform one is."""

    def paid_apart(paid: NDArray[np.float64], mean: Mean) -> float:
        return float(np.abs(allocate(paid, stopped, mean=mean) - allocate(paid, nearest, mean=mean)).sum())

    uniform = 1.0 / len(nearest)
    return (
        float(np.abs(stopped - nearest).sum()),
        paid_apart(logits, "geometric"),
        paid_apart(logits, "arithmetic"),
        paid_apart(logits[:, :-UNJUDGED_ITEMS], "geometric"),
        float(np.linalg.norm(stopped - uniform) / np.linalg.norm(nearest - uniform)),
    )
