r"""How far targets that are moved against the ensemble's error stand for its joint training: alpha, beta and gamma.

A member that is trained by squares to :math:`y - \alpha (\bar f - y)` instead of y makes up for the others. Summed over
members that is :math:`(1 + \alpha)^2 L_\beta`; with the average of the M - 1 others in place of :math:`\bar f` it is
:math:`(1 + \alpha)^2 L_\gamma`. Where the targets are held fixed while a member is trained ("detached"), the same
points are stationary as for the beta, or gamma, of ``detach=True``.
"""

from __future__ import annotations

import math

from hemicycle.errors import DomainError
from hemicycle.options import finite_number, non_negative_number, number_within, positive_count, truth

__all__ = ["alpha_of_beta", "alpha_of_gamma", "beta_of_alpha", "gamma_of_alpha"]

MOST_LEARNERS = 2**53


def beta_of_alpha(alpha: float, *, detach: bool = False) -> float:
    r"""Return the beta of targets that are adjusted by the error of the whole ensemble.

    :math:`\beta = 1 - 1/(1 + \alpha)^2`; of detached targets :math:`\beta = \alpha / (1 + \alpha)`.

    Parameters
    ----------
    alpha : float
        Step against the error, at least 0.
    detach : bool, default False
        Whether no gradient flows through the targets.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    DtypeError, NonFiniteError, DomainError
        If `alpha` is not a finite number >= 0, or `detach` no truth value.

    Examples
    --------
    >>> beta_of_alpha(1.0), beta_of_alpha(1.0, detach=True)
    (0.75, 0.5)
    """
    step = non_negative_number(alpha, "alpha")
    part = step / (1 + step)
    return part if truth(detach, "detach") else part * (1 + 1 / (1 + step))


def alpha_of_beta(beta: float, *, detach: bool = False) -> float:
    """Return the step that `beta_of_alpha` takes to a beta.

    Parameters
    ----------
    beta : float
        At least 0 and below 1, which no finite step reaches.
    detach : bool, default False
        As in `beta_of_alpha`.

    Returns
    -------
    float
        At least 0.

    Raises
    ------
    DtypeError, NonFiniteError, DomainError
        If `beta` is not a number in [0, 1), or `detach` no truth value.

    Examples
    --------
    >>> alpha_of_beta(0.75), alpha_of_beta(0.5, detach=True)
    (1.0, 1.0)
    """
    share = finite_number(beta, "beta")
    if not 0 <= share < 1:
        raise DomainError(f"beta is {share}; it must be at least 0 and below 1, which no step reaches")
    if truth(detach, "detach"):
        return share / (1 - share)
    root = math.sqrt(1 - share)
    return share / ((1 + root) * root)


def gamma_of_alpha(alpha: float, n_learners: int, *, detach: bool = False) -> float:
    r"""Return the gamma of targets that are adjusted by the error of the other members, of equal weight.

    :math:`\gamma = \frac{\alpha}{(\alpha + 1)^2} \cdot \frac{M ((\alpha + 2) M - 2 (\alpha + 1))}{(M - 1)^2}`; of
    detached targets :math:`\gamma = \frac{\alpha}{\alpha + 1} \cdot \frac{M}{M - 1}`.

    Parameters
    ----------
    alpha : float
        Step against the error, from 0 to M - 1, where gamma is 1. Further it would fall again, or, detached, exceed 1.
    n_learners : int
        Number of members M, at least 2.
    detach : bool, default False
        As in `beta_of_alpha`.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    DtypeError, NonFiniteError, DomainError
        If `alpha` is not a number from 0 to M - 1, `n_learners` not an integer from 2 to 2**53, or `detach` no truth
        value.

    Examples
    --------
    >>> gamma_of_alpha(1.0, 2), gamma_of_alpha(1.0, 3), gamma_of_alpha(1.0, 3, detach=True)
    (1.0, 0.9375, 0.75)
    """
    others = _n_others(n_learners)
    step = number_within(alpha, "alpha", 0, others)
    part = min(1.0, step / (1 + step) * ((others + 1) / others)) if step < others else 1.0
    return part if truth(detach, "detach") else part * (2 - part)


def alpha_of_gamma(gamma: float, n_learners: int, *, detach: bool = False) -> float:
    """Return the step from 0 to M - 1 that `gamma_of_alpha` takes to a gamma.

    Parameters
    ----------
    gamma : float
        From 0 to 1.
    n_learners : int
        As in `gamma_of_alpha`.
    detach : bool, default False
        As in `beta_of_alpha`.

    Returns
    -------
    float
        From 0 to M - 1.

    Raises
    ------
    DtypeError, NonFiniteError, DomainError
        If `gamma` is not a number from 0 to 1, `n_learners` not an integer from 2 to 2**53, or `detach` no truth value.

    Examples
    --------
    >>> alpha_of_gamma(1.0, 3), alpha_of_gamma(0.9375, 3), alpha_of_gamma(0.75, 3, detach=True)
    (2.0, 1.0, 1.0)
    """
    others = _n_others(n_learners)
    share = number_within(gamma, "gamma", 0, 1)
    held = truth(detach, "detach")
    rest = 1 - share if held else math.sqrt(1 - share)  # 1 less part, of which cancellation would leave nothing
    part = share if held else share / (1 + rest)
    return others * part / (1 + others * rest)


def _n_others(n_learners: int) -> int:
    number = positive_count(n_learners, "n_learners")
    if number < 2:
        raise DomainError(f"n_learners is {number}; it must be at least 2: a single learner has no others")
    if number > MOST_LEARNERS:
        raise DomainError("n_learners is beyond 2**53, the last of the integers that a float64 counts one by one")
    return number - 1
