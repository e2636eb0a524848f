"""Stacking: the mixture of models that explains the observations best."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from hemicycle import _core
from hemicycle.arrays import float_array, read_only, require_length, require_non_negative
from hemicycle.errors import NoDataError, ObservationsDroppedWarning
from hemicycle.options import positive_number, thread_count
from hemicycle.solution import SimplexSolution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

__all__ = ["stacking_weights"]


def stacking_weights(
    log_density: ArrayLike,
    *,
    observation_weights: ArrayLike | None = None,
    tol: float = 1e-10,
    n_threads: int | None = None,
) -> SimplexSolution:
    """Return the weights of the mixture of models with the best log score.

    ``max_w sum_n v_n log sum_d w_d p_dn`` over ``w >= 0``, ``sum w = 1``, with v the observation weights divided by
    their sum.

    Parameters
    ----------
    log_density : array_like of float, shape (n_models, n_observations)
        Natural log of the density that each model gave to each observation: any finite value or -inf. A constant
        added to all values of one observation changes no weight. C-contiguous float64 is borrowed, so do not write to
        it during the call; other layouts are copied once.
    observation_weights : array_like of float, shape (n_observations,), optional
        Non-negative weight of each observation; equal by default. An observation of weight 0 is as if absent.
    tol : float, default 1e-10
        Largest gap to accept, in nats per observation. Must be > 0.
    n_threads : int, optional
        Number of threads; every core by default. The result is the same, bit for bit, for any number.

    Returns
    -------
    SimplexSolution
        `objective` is the score, and `gap`, ``max_d sum_n v_n p_dn / (P w)_n - 1``, bounds how far it is below the best
        one; `relative_gap` is the same number, which depends neither on shift nor on scale. `reason` counts
        the observations dropped.

    Raises
    ------
    DtypeError
        If an array is not numeric or is masked, or an option is not a number.
    ShapeError
        If `log_density` is not two-dimensional or `observation_weights` has another length.
    NonFiniteError
        If a log density is NaN or +inf, or a weight or `tol` is not finite.
    DomainError
        If a weight is negative, `tol` not above 0 or `n_threads` below 1.
    NoDataError
        If there is no model, or no observation with a positive weight that some model explains.
    NotConvergedError
        If the gap stays above `tol`; it holds the best weights found.

    Warns
    -----
    ObservationsDroppedWarning
        If no model explains an observation (its log densities are all -inf). No weights could, so it is left out.

    Notes
    -----
    Column generation. The first working set is the best model of each observation; the problem over it is solved by
    Newton steps, each a quadratic programme solved by active sets; a pass over all models gives the certificate and
    the models to add. Some passes over `log_density` and one array of its size (float64) in memory: the densities,
    scaled by the largest of each observation, are all that is ever exponentiated.

    The mixture density of each observation is unique at the optimum; the weights need not be. Models with equal
    densities share their weight equally; among other optimal weights the choice is deterministic, and permuting the
    models may change it within the gap.

    References
    ----------
    Yao, Vehtari, Simpson and Gelman (2018), Using stacking to average Bayesian predictive distributions,
    doi:10.1214/17-BA1091, section 2.2. Kim, Carbonetto, Stephens and Anitescu (2020), A fast algorithm for maximum
    likelihood estimation of mixture proportions using sequential quadratic programming,
    doi:10.1080/10618600.2019.1689985. Wang (2007), On fast computation of the non-parametric maximum likelihood
    estimate of a mixing distribution, doi:10.1111/j.1467-9868.2007.00583.x.

    Examples
    --------
    Two camps share 100 observations 70 to 30; a third model stands between them.

    >>> import numpy as np
    >>> labels = np.array([+1.0] * 70 + [-1.0] * 30)
    >>> log_density = -0.5 * ((np.array([[+1.0], [-1.0], [0.0]]) - labels) / 0.1) ** 2
    >>> stacking_weights(log_density).weights.round(6)
    array([0.7, 0.3, 0. ])
    """
    log_density = float_array(log_density, "log_density", 2)
    n_models, n_observations = log_density.shape
    if n_models == 0 or n_observations == 0:
        raise NoDataError(f"log_density: there are {n_models} models and {n_observations} observations")
    if observation_weights is None:
        observation_weights = np.ones(n_observations)
    else:
        observation_weights = float_array(observation_weights, "observation_weights", 1)
        require_length(observation_weights, "observation_weights", n_observations, "each row of log_density")
        require_non_negative(observation_weights, "observation_weights")
    weights, objective, gap, passes, dropped = _core.stacking_weights(
        log_density, observation_weights, positive_number(tol, "tol"), thread_count(n_threads)
    )
    reason = "models with equal densities share their weight equally"
    if dropped:
        left_out = _describe(dropped, n_observations)
        warnings.warn(f"log_density: {left_out}", ObservationsDroppedWarning, stacklevel=2)
        reason = f"{reason}; {left_out}"
    return SimplexSolution(read_only(weights), objective, gap, gap, passes, reason)


def _describe(dropped: Sequence[int], n_observations: int) -> str:
    """Say how many observations were dropped, and which came first."""
    first = ", ".join(map(str, dropped[:5])) + (", ..." if len(dropped) > 5 else "")
    return f"{len(dropped)} of {n_observations} observations dropped, as no model explains them (columns {first})"
