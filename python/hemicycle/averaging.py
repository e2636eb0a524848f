"""Bayesian model averaging: weights in proportion to prior and likelihood."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle import _core
from hemicycle.arrays import float_array, numeric_array, require_length, require_non_negative, simplex_weights
from hemicycle.errors import NoDataError, NonFiniteError, OptionError, ShapeError
from hemicycle.options import positive_count, positive_number, random_generator, thread_count

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.types import Seed

__all__ = ["bma_weights", "effective_models"]

SCORE_CELLS = 20_000_000  #: scores held at a time, models times replicates: 160 MB of float64
MAX_REPLICATES = 1024  #: at a time


def bma_weights(
    log_likelihood: ArrayLike,
    *,
    prior: ArrayLike | None = None,
    power: float = 1.0,
    bootstrap: int | None = None,
    rng: Seed = None,
    n_threads: int | None = None,
) -> NDArray[np.float64]:
    r"""Return the posterior weights of models under Bayesian model averaging.

    ``w_d = prior_d exp(power * l_d) / sum_e prior_e exp(power * l_e)``. With `bootstrap`, the mean of these weights
    over juries that might have answered: replicate r gives pair n the weight :math:`N \alpha_{rn}` in place of 1,

    .. math:: w_d = \frac{1}{R} \sum_r \mathrm{softmax}_d\Big(\log \text{prior}_d
        + \text{power} \cdot N \sum_n \alpha_{rn} l_{dn}\Big), \qquad \alpha_r \sim \mathrm{Dirichlet}(1, \dots, 1).

    Parameters
    ----------
    log_likelihood : array_like of float, shape (n_models,), or (n_models, n_pairs) with `bootstrap`
        Natural log of the likelihood of each model; -inf gives the weight 0. A common constant changes nothing. With
        `bootstrap`, of each model and pair, as ``log_likelihood(..., per="pair")`` gives; C-contiguous float64 is
        borrowed, so do not write to it during the call, other layouts are copied once.
    prior : array_like of float, shape (n_models,), optional
        Prior mass of each model, non-negative; it need not sum to 1. Uniform by default.
    power : float, default 1.0
        1 is Bayes' rule; below 1 the power posterior trusts the data less. Must be > 0.
    bootstrap : int, optional
        Number of replicates of the Bayesian bootstrap, at least 1; 10,000 is usual. None does not resample.
    rng : None, int, numpy.random.SeedSequence or numpy.random.Generator, optional
        Where the replicates come from: a seed gives the same weights again, a generator is advanced, None is another
        seed each time. For `bootstrap` only.
    n_threads : int, optional
        Number of threads of the bootstrap; every core by default. The result is the same bits for any number.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        Non-negative, with ``abs(math.fsum(weights) - 1) <= 2**-52``. Models with equal log likelihood and prior have
        equal weights.

    Raises
    ------
    DtypeError
        If an array is not numeric or is masked, `power` is not a number, `bootstrap` no integer, or `rng` no seed.
    ShapeError
        If `log_likelihood` is not one-dimensional, with `bootstrap` two-dimensional, or `prior` has another length.
    NonFiniteError
        If a log likelihood is NaN or +inf, or a prior or `power` is not finite.
    DomainError
        If a prior is negative, `power` is not above 0, `bootstrap` below 1 or `n_threads` not in [1, 1024].
    OptionError
        If `rng` is given without `bootstrap`.
    NoDataError
        If there is no model with both a positive prior and a likelihood above 0, or no pair.

    Notes
    -----
    Without `bootstrap` linear in the number of models. Differences to the best model are taken in log space with their
    rounding error, so each weight is right to a few units in the last place of a float64 whatever the size of the log
    likelihoods.

    The bootstrap is a product of matrices, 2 n_models n_pairs operations a replicate, with the largest score of each
    replicate subtracted as it comes to be known. Beside the input it takes at most 160 MB, or 64 bytes a model where
    that is more, and the draws of some replicates. Every score is one chain of operations over the pairs, every weight
    one over the replicates: neither threads nor blocks change a bit. The standard error of a weight w from the finite
    number of replicates is at most ``sqrt(w (1 - w) / bootstrap)``. The predictions of submitted models are fixed
    before the jury is read, so that the pseudo-averaging of the references is averaging itself.

    References
    ----------
    Hoeting, Madigan, Raftery and Volinsky (1999), Bayesian model averaging: a tutorial, doi:10.1214/ss/1009212519,
    equation 2. Rubin (1981), The Bayesian bootstrap, doi:10.1214/aos/1176345338. Yao, Vehtari, Simpson and Gelman
    (2018), Using stacking to average Bayesian predictive distributions, doi:10.1214/17-BA1091, section 3.4.

    Examples
    --------
    >>> bma_weights([-1000.0, -1000.0, -1001.0], prior=[1, 1, 0])
    array([0.5, 0.5, 0. ])

    The first model is ahead by one nat, by winning one pair and losing another: hardly a reason to drop the second.

    >>> by_pair = [[0.0, -3.0], [-4.0, 0.0]]
    >>> bma_weights([-3.0, -4.0]).round(2), bma_weights(by_pair, bootstrap=10_000, rng=0).round(2)
    (array([0.73, 0.27]), array([0.57, 0.43]))
    """
    power, threads = positive_number(power, "power"), thread_count(n_threads)
    given = numeric_array(log_likelihood, "log_likelihood", "iuf", "integers or floats")
    if bootstrap is None:
        if rng is not None:
            raise OptionError("rng: only the replicates of bootstrap= are random")
        _refuse_pairs(given)
        values = float_array(given, "log_likelihood", 1)
        return _core.bma_weights(values, _prior(prior, len(values)), power)
    n_replicates, generator = positive_count(bootstrap, "bootstrap"), random_generator(rng)
    if given.ndim == 1:
        raise ShapeError(
            "log_likelihood: bootstrap needs the log likelihood of each pair, shape (n_models, n_pairs), as "
            "log_likelihood(..., per='pair') gives; got one number for each model"
        )
    by_pair = float_array(given, "log_likelihood", 2)
    return _bootstrap(by_pair, _prior(prior, len(by_pair)), power, n_replicates, generator, threads)


def _refuse_pairs(log_likelihood: NDArray[Any]) -> None:
    """Say what a matrix is for, before its shape is refused."""
    if log_likelihood.ndim == 2:
        raise ShapeError(
            "log_likelihood: expected one number for each model; the log likelihood of each pair is for bootstrap="
        )


def _prior(prior: ArrayLike | None, n_models: int) -> NDArray[np.float64] | None:
    """Return the prior, checked."""
    if n_models == 0:
        raise NoDataError("log_likelihood: there is no model")
    if prior is None:
        return None
    mass = float_array(prior, "prior", 1)
    require_length(mass, "prior", n_models, "log_likelihood")
    require_non_negative(mass, "prior")
    if not mass.any():
        raise NoDataError("prior: every model has the prior 0")
    return mass


def _bootstrap(
    by_pair: NDArray[np.float64],
    prior: NDArray[np.float64] | None,
    power: float,
    n_replicates: int,
    rng: np.random.Generator,
    n_threads: int | None,
) -> NDArray[np.float64]:
    """Return the mean of the weights over replicates."""
    n_models, n_pairs = by_pair.shape
    if n_pairs == 0:
        raise NoDataError("log_likelihood: there is no pair")
    top = by_pair.max(axis=0)  # (n_pairs,), nan where one is
    if not (top < np.inf).all():
        column = int(np.argmin(top < np.inf))
        row = int(np.argmin(by_pair[:, column] < np.inf))
        raise NonFiniteError(f"log_likelihood[{row}, {column}] is {by_pair[row, column]}; it must be finite or -inf")
    possible = by_pair.min(axis=1) > -np.inf  # (n_models,)
    models = np.flatnonzero(possible if prior is None else possible & (prior > 0)).astype(np.uintp)
    if not len(models):
        raise NoDataError("log_likelihood: no model has both a positive prior and a likelihood above 0 for every pair")
    log2_prior = np.zeros(len(models)) if prior is None else np.log2(prior[models])
    at_once = min(n_replicates, MAX_REPLICATES, max(8, SCORE_CELLS // len(models) // 8 * 8))
    scores, total = np.empty(_core.n_scores(len(models), at_once)), np.zeros(len(models))
    scale = power * n_pairs / math.log(2.0)
    for first in range(0, n_replicates, at_once):
        alpha = rng.standard_exponential((min(at_once, n_replicates - first), n_pairs))
        alpha *= scale / alpha.sum(axis=1, keepdims=True)
        _core.add_replicates(by_pair, models, top, log2_prior, alpha, scores, total, n_threads)
    weights = np.zeros(n_models)
    weights[models] = total / math.fsum(total)
    return weights


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
