"""The two mechanisms on predictions of points, and what one model adds to either."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.averaging import bma_weights
from hemicycle.judgments import Judgments
from hemicycle.least_squares import simplex_least_squares
from hemicycle.likelihood import log_likelihood

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.types import Likelihood

__all__ = [
    "averaging_weights",
    "label_densities",
    "label_log_likelihood",
    "least_squares_weights",
    "marginal_contributions",
]


def least_squares_weights(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of simplex least squares, nearest to uniform where they are not unique.

    Parameters
    ----------
    x : ndarray of float64, shape (n_models, n_points)
        Predictions.
    y : ndarray of float64, shape (n_points,)
        Labels.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        Weights on the simplex.
    """
    return simplex_least_squares(x, y).weights


def averaging_weights(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of Bayesian model averaging with a uniform prior and sigma 0.5.

    Parameters
    ----------
    x : ndarray of float64, shape (n_models, n_points)
        Predictions.
    y : ndarray of float64, shape (n_points,)
        Labels, one a point.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        Weights on the simplex.
    """
    n_points = len(y)
    jury = Judgments.from_arrays([0] * n_points, range(1, n_points + 1), y, items=n_points + 1)
    return bma_weights(log_likelihood(np.insert(x, 0, 0.0, axis=1), jury))


def label_log_likelihood(
    predicted: Sequence[float], labels: Sequence[float], likelihood: Likelihood = "sum_gaussian", sigma: float = 0.5
) -> NDArray[np.float64]:
    """Score predictions of one log ratio against the labels of one pair.

    Parameters
    ----------
    predicted : sequence of float
        One a model.
    labels : sequence of float
        What the jurors said.
    likelihood : {"sum_gaussian", "gaussian"}, default "sum_gaussian"
        How the labels combine.
    sigma : float, default 0.5
        Width of the Gaussian at each label.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        Log likelihoods.
    """
    n = len(labels)
    jury = Judgments.from_arrays([0] * n, [1] * n, labels, items=2)
    logits = np.column_stack([np.zeros(len(predicted)), predicted])
    return log_likelihood(logits, jury, likelihood=likelihood, sigma=sigma, rtol=0)


def label_densities(predicted: ArrayLike, labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log density of each label under each prediction of one log ratio, with sigma 0.5.

    Parameters
    ----------
    predicted : array_like of float, shape (n_models,)
        One a model.
    labels : ndarray of float64, shape (n_labels,)
        What the jurors said.

    Returns
    -------
    ndarray of float64, shape (n_models, n_labels)
        Log densities.
    """
    n = len(labels)
    jury = Judgments.from_arrays([0] * n, [1] * n, labels, items=2)
    logits = np.column_stack([np.zeros(np.size(predicted)), predicted])
    return log_likelihood(logits, jury, per="label")


def marginal_contributions(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    weigh: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    n_models: int | None = None,
) -> NDArray[np.float64]:
    """Return what each model adds: by how much the ensemble's mean squared error grows when it is left out.

    Parameters
    ----------
    x : ndarray of float64, shape (n_models, n_points)
        Predictions of at least two models.
    y : ndarray of float64, shape (n_points,)
        Labels.
    weigh : callable
        Returns the weights of an ensemble for predictions and labels.
    n_models : int, optional
        Of how many models, the first ones; by default of all.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        0 for a model without weight.
    """
    weights = weigh(x, y)
    whole = np.mean((weights @ x - y) ** 2)
    added = np.zeros(len(x) if n_models is None else n_models)
    for d in np.flatnonzero(weights[: len(added)]):
        others = np.delete(x, d, axis=0)
        added[d] = np.mean((weigh(others, y) @ others - y) ** 2) - whole
    return added
