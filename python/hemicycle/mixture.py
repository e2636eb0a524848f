"""Densities of a mixture of models, in log space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.likelihood import log_likelihood

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.types import Per

__all__ = ["jury_log_density", "log_mixture"]

BLOCK_CELLS = 1 << 20  #: log densities held at a time: 8 MB of float64


def log_mixture(log_density: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log density of a mixture, ``log sum_d w_d p_dn``.

    Parameters
    ----------
    log_density : ndarray of float64, shape (n_models, n_observations)
        Finite log densities.
    weights : ndarray of float64, shape (n_models,)
        Weights of the models, all positive; they need not sum to 1.

    Returns
    -------
    ndarray of float64, shape (n_observations,)
        Finite at any size of the log densities: the largest of each observation is subtracted first.
    """
    weighted = log_density + np.log(weights[:, None])  # (n_models, n_observations)
    top = weighted.max(axis=0)
    mixed: NDArray[np.float64] = top + np.log(np.exp(weighted - top).sum(axis=0))
    return mixed


def jury_log_density(
    matrix: NDArray[Any],
    judgments: Judgments,
    weights: NDArray[np.float64],
    *,
    sigma: float,
    per: Per = "label",
    n_threads: int | None = None,
) -> NDArray[np.float64]:
    """Return the log density that a mixture of models gives to each label of a jury, or each pair.

    Parameters
    ----------
    matrix : ndarray of float, shape (n_models, n_items)
        Log contribution of each item, natural log; those of models without weight are not read.
    judgments : Judgments
        Its items are the columns of `matrix`.
    weights : ndarray of float64, shape (n_models,)
        Non-negative, sum 1.
    sigma : float
        Width of the Gaussian at each label.
    per : {"label", "pair"}, default "label"
        What a density is of.
    n_threads : int, optional
        Number of threads; every core by default.

    Returns
    -------
    ndarray of float64, shape (n_labels,) or (n_pairs,)
        In the order of ``judgments.pairs``.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError, NoDataError
        As `hemicycle.log_likelihood`.
    """
    support = np.flatnonzero(weights)
    n_columns = len(judgments.pairs) if per == "pair" else judgments.pairs.n_labels
    rows = max(1, BLOCK_CELLS // max(1, n_columns))
    total = np.full(n_columns, -np.inf)
    for start in range(0, len(support), rows):
        chosen = support[start : start + rows]
        block = log_likelihood(matrix[chosen], judgments, sigma=sigma, per=per, n_threads=n_threads)
        total = np.logaddexp(total, log_mixture(block, weights[chosen]))
    return total
