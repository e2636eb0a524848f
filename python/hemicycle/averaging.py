"""Bayesian model averaging: weights in proportion to prior and likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hemicycle import _core
from hemicycle.arrays import float_array, require_length, require_non_negative, simplex_weights
from hemicycle.errors import NoDataError
from hemicycle.options import positive_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["bma_weights", "effective_models"]


def bma_weights(
    log_likelihood: ArrayLike, *, prior: ArrayLike | None = None, power: float = 1.0
) -> NDArray[np.float64]:
    """Return the posterior weights of models under Bayesian model averaging.

    ``w_d = prior_d exp(power * l_d) / sum_e prior_e exp(power * l_e)``.

    Parameters
    ----------
    log_likelihood : array_like of float, shape (n_models,)
        Natural log of the likelihood of each model; -inf gives the weight 0. A common constant changes nothing.
    prior : array_like of float, shape (n_models,), optional
        Prior mass of each model, non-negative; it need not sum to 1. Uniform by default.
    power : float, default 1.0
        1 is Bayes' rule; below 1 the power posterior trusts the data less. Must be > 0.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        Non-negative, with ``abs(math.fsum(weights) - 1) <= 2**-52``. Models with equal log likelihood and prior have
        equal weights.

    Raises
    ------
    DtypeError
        If an array is not numeric or is masked, or `power` is not a number.
    ShapeError
        If an array is not one-dimensional or `prior` has another length.
    NonFiniteError
        If a log likelihood is NaN or +inf, or a prior or `power` is not finite.
    DomainError
        If a prior is negative or `power` is not above 0.
    NoDataError
        If there is no model with both a positive prior and a likelihood above 0.

    Notes
    -----
    Linear in the number of models. Differences to the best model are taken in log space with their rounding error, so
    each weight is right to a few units in the last place of a float64 whatever the size of the log likelihoods.

    References
    ----------
    Hoeting, Madigan, Raftery and Volinsky (1999), Bayesian model averaging: a tutorial, doi:10.1214/ss/1009212519,
    equation 2.

    Examples
    --------
    >>> bma_weights([-1000.0, -1000.0, -1001.0], prior=[1, 1, 0])
    array([0.5, 0.5, 0. ])
    """
    log_likelihood = float_array(log_likelihood, "log_likelihood", 1)
    if len(log_likelihood) == 0:
        raise NoDataError("log_likelihood: there is no model")
    if prior is not None:
        prior = float_array(prior, "prior", 1)
        require_length(prior, "prior", len(log_likelihood), "log_likelihood")
        require_non_negative(prior, "prior")
        if not prior.any():
            raise NoDataError("prior: every model has the prior 0")
    return _core.bma_weights(log_likelihood, prior, positive_number(power, "power"))


def effective_models(weights: ArrayLike) -> tuple[float, float]:
    """Return the effective number of models, counted in two ways.

    ``(exp(-sum_d w_d log w_d), 1 / sum_d w_d^2)``: both are n for n equal weights and 1 for a single model.

    Parameters
    ----------
    weights : array_like of float, shape (n_models,)
        Weights on the simplex.

    Returns
    -------
    tuple of float
        The exponential of the entropy, and the inverse of the sum of squares (at most the former).

    Raises
    ------
    DtypeError
        If the weights are not numeric or are masked.
    ShapeError
        If they are not one-dimensional.
    NonFiniteError
        If a weight is NaN or infinite.
    DomainError
        If a weight is negative or their sum is further than 1e-6 from 1.

    References
    ----------
    Hill (1973), Diversity and evenness: a unifying notation and its consequences, doi:10.2307/1934352: numbers of
    order 1 and 2.

    Examples
    --------
    >>> effective_models([0.5, 0.5, 0.0])
    (2.0, 2.0)
    """
    return _core.effective_models(simplex_weights(weights))
