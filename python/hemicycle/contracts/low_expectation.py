"""What the outcomes below a fitted interval add to expectations: the curve itself instead of its fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.contracts.low_outcomes import LowOutcomes, low_outcomes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.contracts.exponential_sums import Curve, ExponentialSum

__all__ = ["LowExpectation", "low_expectation"]

N_CHECKS = 1000  #: points at which the difference to the fit is looked at


@dataclass(frozen=True, slots=True, eq=False)
class LowExpectation:
    """The share of the low outcomes in expectations, relative to the fit.

    Attributes
    ----------
    parts : tuple
        What to add to the value, its gradient, the conditional expectations, their Jacobian and the expectations of
        parties that know their type.
    probability : float
        Of an outcome below the interval.
    n_outcomes : int
        How many there are.
    n_pruned : int
        Branches of outcomes that were left out because they are improbable.
    error : float
        The most that these can change the value.
    conditional_error : ndarray of float64, shape (n_types,)
        The most that they can change the conditional expectations.
    """

    parts: tuple[float, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    probability: float
    n_outcomes: int
    n_pruned: int
    error: float
    conditional_error: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Sums over outcomes, for types that are members of groups with the same contribution."""

    value: float
    gradient: NDArray[np.float64]
    conditional: NDArray[np.float64]
    jacobian: NDArray[np.float64]
    own_type: NDArray[np.float64]
    outcomes: LowOutcomes


def low_expectation(
    curve: Curve, fitted: ExponentialSum, probabilities: NDArray[np.float64], n_parties: int, m: NDArray[np.float64]
) -> LowExpectation:
    """Return what outcomes with a sum below ``fitted.low`` add, counted with the curve instead of the fit.

    Parameters
    ----------
    curve : Curve
        The function itself.
    fitted : ExponentialSum
        What was used for every outcome.
    probabilities : ndarray of float64, shape (n_types,)
        Of the types.
    n_parties : int
        How many draws there are.
    m : ndarray of float64, shape (n_types,)
        Contributions.

    Returns
    -------
    LowExpectation
        Differences to what the fit alone gives.
    """
    present = probabilities > 0
    sums = _sums(curve, fitted, probabilities[present], n_parties, m[present], 0.0)
    n_types, grid = len(m), np.linspace(0.0, fitted.low, N_CHECKS)
    most = float(np.abs(curve.value(grid) - fitted.value(grid)).max())
    gradient, conditional, own_type = np.zeros(n_types), np.zeros(n_types), np.zeros(n_types)
    gradient[present], conditional[present], own_type[present] = sums.gradient, sums.conditional, sums.own_type
    jacobian, pruned = np.zeros((n_types, n_types)), np.zeros(n_types)
    jacobian[np.ix_(present, present)] = sums.jacobian
    pruned[present] = sums.outcomes.pruned / _present(probabilities[present], n_parties)
    for absent in np.flatnonzero(~present):  # one draw is of this type, and the others are of those that exist
        others = _sums(curve, fitted, probabilities[present], n_parties - 1, m[present], m[absent])
        conditional[absent] = own_type[absent] = others.value
        jacobian[absent, present] = others.gradient
        jacobian[absent, absent] = _slope(curve, fitted, others, m[absent])
        pruned[absent] = others.outcomes.pruned
    found = sums.outcomes
    parts = (sums.value, gradient, conditional, jacobian, own_type)
    probability = float(found.probability.sum())
    return LowExpectation(parts, probability, len(found.total), found.n_pruned, most * found.pruned, most * pruned)


def _present(probabilities: NDArray[np.float64], n_parties: int) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        present: NDArray[np.float64] = -np.expm1(n_parties * np.log1p(-probabilities))
    return present


def _slope(curve: Curve, fitted: ExponentialSum, others: _Sums, own: float) -> float:
    total = others.outcomes.total + own
    return float(others.outcomes.probability @ (curve.derivative(total) - fitted.derivative(total)))


def _sums(
    curve: Curve,
    fitted: ExponentialSum,
    probabilities: NDArray[np.float64],
    n_draws: int,
    m: NDArray[np.float64],
    offset: float,
) -> _Sums:
    amounts, group = np.unique(m, return_inverse=True)
    together = np.bincount(group, probabilities).astype(np.float64)
    rarest = float(_present(probabilities, n_draws).min()) if n_draws else 1.0
    outcomes = low_outcomes(amounts, together, n_draws, fitted.low - offset, rarest)
    total = outcomes.total + offset
    weight = outcomes.probability * (curve.value(total) - fitted.value(total))  # (n_outcomes,)
    slope = outcomes.probability * (curve.derivative(total) - fitted.derivative(total))
    member = probabilities / together[group]  # of a type in its group
    counts = outcomes.counts[:, group]  # (n_outcomes, n_types), of the group of each type
    gradient = (slope @ counts) * member
    if n_draws == 0 or not len(total):
        zero = np.zeros(len(m))
        return _Sums(float(weight.sum()), gradient, zero, np.zeros((len(m), len(m))), zero, outcomes)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.log1p(-member)
        some = np.where(counts > 0, -np.expm1(counts * rest), 0.0)  # that one of them is of type i
        more = np.where(counts > 1, -np.expm1((counts - 1) * rest), 0.0)
    present = _present(probabilities, n_draws)
    jacobian = (slope[:, None] * some).T @ (counts * member)
    same = group[:, None] == group[None, :]
    within = np.einsum("o,oi,oi->i", slope, more, counts)[:, None] * member
    jacobian = np.where(same, within, jacobian)
    np.fill_diagonal(jacobian, gradient)
    own_type = (weight @ counts) / (n_draws * together[group])
    return _Sums(
        float(weight.sum()), gradient, (weight @ some) / present, jacobian / present[:, None], own_type, outcomes
    )
