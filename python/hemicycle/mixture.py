"""Densities of a mixture of models, in log space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["log_mixture"]


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
