"""Random models and random labels: whether a better model gets more weight."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.reproduce.mechanisms import least_squares_weights, marginal_contributions
from hemicycle.reproduce.slsqp import slsqp_weights
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.reproduce.claims import Progress

__all__ = ["WeightOrder", "spearman", "weight_order"]

N_MODELS, N_POINTS = 5, 10
BLOCK = 500
CLOSER_LOOKS = 2000  #: runs that are also solved by SLSQP, and without each model


@dataclass(frozen=True, slots=True, eq=False)
class WeightOrder:
    """How weights order models in many random pools.

    Attributes
    ----------
    spearman : ndarray of float64, shape (n_runs,)
        Rank correlation of mean squared error and weight, ties at their average rank.
    inversions : ndarray of int64, shape (n_runs,)
        Pairs of models of which the worse one has more weight.
    ties : ndarray of int64, shape (n_runs,)
        Pairs of models of equal weight; both have weight zero.
    doubled, doubled_above_zero : ndarray of bool, shape (n_runs,)
        Whether a worse model has more than twice the weight of a better one; the same where the better one has some.
    slsqp_inversions : ndarray of int64, shape (n_closer,)
        Inversions of the first runs by the weights of scipy's SLSQP, which leaves noise in place of zeros.
    weight_by_contribution, contribution_by_loss : ndarray of float64, shape (n_closer,)
        Rank correlation of a model's marginal contribution with its weight, and with its mean squared error.
    """

    spearman: NDArray[np.float64]
    inversions: NDArray[np.int64]
    ties: NDArray[np.int64]
    doubled: NDArray[np.bool_]
    doubled_above_zero: NDArray[np.bool_]
    slsqp_inversions: NDArray[np.int64]
    weight_by_contribution: NDArray[np.float64]
    contribution_by_loss: NDArray[np.float64]

    @property
    def n_models(self) -> int:
        """Number of models in a pool."""
        return N_MODELS

    @property
    def n_pairs(self) -> int:
        """Number of pairs of models in a pool."""
        return N_MODELS * (N_MODELS - 1) // 2

    def inversions_table(self) -> Table:
        """Return how many runs have how many inversions.

        Returns
        -------
        Table
            Columns inversions, runs, runs_with_ties_counted, runs_of_slsqp; the last of fewer runs.
        """
        n = self.n_pairs + 1
        return Table(
            {
                "inversions": np.arange(n),
                "runs": np.bincount(self.inversions, minlength=n),
                "runs_with_ties_counted": np.bincount(self.inversions + self.ties, minlength=n),
                "runs_of_slsqp": np.bincount(self.slsqp_inversions, minlength=n),
            }
        )

    def spearman_table(self) -> Table:
        """Return how many runs have which correlation, in bins of a tenth.

        Returns
        -------
        Table
            Columns from, to, runs; the last bin holds its upper end too.
        """
        edges = np.arange(-10, 11) / 10
        runs, _ = np.histogram(self.spearman + 1e-9, bins=edges)  # a correlation on an edge is of the bin that it opens
        return Table({"from": edges[:-1], "to": edges[1:], "runs": runs})


def weight_order(n_runs: int, rng: np.random.Generator, progress: Progress) -> WeightOrder:
    """Draw pools of 5 models and 10 labels, all standard normal, and solve each by simplex least squares.

    Parameters
    ----------
    n_runs : int
        Number of pools.
    rng : numpy.random.Generator
        Source of randomness; the first runs are the same for any `n_runs`.
    progress : callable
        Told how many are done.

    Returns
    -------
    WeightOrder
        One entry a run.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    """
    parts: list[tuple[NDArray[Any], ...]] = []
    looks: list[tuple[NDArray[Any], ...]] = []
    for start in range(0, n_runs, BLOCK):
        n = min(BLOCK, n_runs - start)
        drawn = rng.standard_normal((n, N_MODELS + 1, N_POINTS))
        x, y = drawn[:, :-1], drawn[:, -1]
        loss = np.mean((x - y[:, None]) ** 2, axis=2)  # (n, n_models)
        weights = np.array([least_squares_weights(x[i], y[i]) for i in range(n)])
        parts.append((spearman(loss, weights), *_inversions(loss, weights)))
        closer = max(0, min(n, CLOSER_LOOKS - start))
        if closer:
            looks.append(_closer(x[:closer], y[:closer], loss[:closer], weights[:closer]))
        progress("random pools", start + n, n_runs)
    columns = [np.concatenate(column) for column in (*zip(*parts, strict=True), *zip(*looks, strict=True))]
    return WeightOrder(*columns)


def spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank correlation of the rows of two matrices; ties have their average rank.

    Parameters
    ----------
    first, second : ndarray of float64, shape (n_rows, n_models)
        Rows to compare; one that is constant has the correlation 0.

    Returns
    -------
    ndarray of float64, shape (n_rows,)
        From -1 to 1.
    """
    a, b = _centred_ranks(first), _centred_ranks(second)
    scale = np.sqrt(np.sum(a**2, axis=1) * np.sum(b**2, axis=1))
    correlation: NDArray[np.float64] = np.sum(a * b, axis=1) / np.where(scale == 0, 1.0, scale)
    return correlation


def _centred_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half of how many are smaller less how many are larger: average ranks less their mean."""
    one, other = values[:, :, None], values[:, None, :]
    ranks: NDArray[np.float64] = 0.5 * (np.sum(other < one, axis=2) - np.sum(other > one, axis=2))
    return ranks


def _inversions(loss: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[NDArray[Any], ...]:
    """Return inversions, ties, and whether a worse model has more than twice the weight of a better one."""
    ordered = np.take_along_axis(weights, np.argsort(loss, axis=1), axis=1)  # (n, n_models), the best model first
    better, worse = (ordered[:, list(side)] for side in zip(*combinations(range(loss.shape[1]), 2), strict=True))
    doubled = worse > 2 * better
    return (
        np.sum(worse > better, axis=1),
        np.sum(worse == better, axis=1),
        np.asarray(np.any(doubled, axis=1)),
        np.asarray(np.any(doubled & (better > 0), axis=1)),
    )


def _closer(
    x: NDArray[np.float64], y: NDArray[np.float64], loss: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[Any], ...]:
    """Return inversions by SLSQP's weights, and how marginal contributions go with weights and losses."""
    noisy = np.array([slsqp_weights(x[i], y[i]) for i in range(len(x))])
    added = np.array([marginal_contributions(x[i], y[i], least_squares_weights) for i in range(len(x))])
    return _inversions(loss, noisy)[0], spearman(added, weights), spearman(added, loss)
