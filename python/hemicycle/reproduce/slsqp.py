"""Simplex least squares by scipy's SLSQP, as scripts call it: started at uniform weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.extras import extra_module

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["slsqp_weights"]

MAX_ITER = 1000


def slsqp_weights(x: NDArray[np.float64], y: NDArray[np.float64], ftol: float = 1e-6) -> NDArray[np.float64]:
    """Minimise ``||x.T @ w - y||**2`` over the simplex by SLSQP from uniform weights, with the exact gradient.

    Parameters
    ----------
    x : ndarray of float64, shape (n_models, n_points)
        Predictions.
    y : ndarray of float64, shape (n_points,)
        Labels.
    ftol : float, default 1e-6
        SLSQP's tolerance, of the objective; the default is scipy's.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        Where it stopped. The sum is 1, and weights are at least 0, but for rounding.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.

    References
    ----------
    D. Kraft, A software package for sequential quadratic programming, DFVLR-FB 88-28, 1988.
    """
    minimize = extra_module("scipy.optimize", "SLSQP needs", "solve").minimize
    n_models = len(x)
    ones = np.ones(n_models)
    found = minimize(
        lambda w: np.sum((w @ x - y) ** 2),
        ones / n_models,
        jac=lambda w: 2 * x @ (w @ x - y),
        method="SLSQP",
        bounds=[(0.0, 1.0)] * n_models,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": lambda _: ones},
        options={"ftol": ftol, "maxiter": MAX_ITER},
    )
    weights: NDArray[np.float64] = found.x
    return weights
