"""What a party can do alone: the contribution and the utility that any contract must better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import read_only
from hemicycle.contracts.bisection import last_positive, upper_end
from hemicycle.contracts.parties import checked_costs
from hemicycle.contracts.valuation import ModelValue, model_value
from hemicycle.errors import DomainError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.contracts.accuracy import Accuracy
    from hemicycle.contracts.valuation import Valuation

__all__ = ["Reservation", "reservation"]

LEAST = 1e-12  #: amounts of data below this, in units of the scale of the curve, are none


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """What each type does alone; arrays are read-only.

    Attributes
    ----------
    m : ndarray of float64, shape (n_types,)
        The amount of data with which it would train alone, 0 where it would not.
    utility : ndarray of float64, shape (n_types,)
        Worth of that model less the cost of the data, at least 0.
    """

    m: NDArray[np.float64]
    utility: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("m", "utility"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


def reservation(
    costs: ArrayLike, *, accuracy: Accuracy | None = None, valuation: Valuation | None = None
) -> Reservation:
    r"""Return what each type does alone, :math:`\max_{m \ge 0} v(a(m)) - c_i m` and where it is attained.

    Parameters
    ----------
    costs : array_like of float, shape (n_types,)
        Cost of a unit of data, above 0.
    accuracy : Accuracy, optional
        From data to accuracy, by default `GeneralizationBound`.
    valuation : Valuation, optional
        From accuracy to worth, by default ``LinearValuation(100)``.

    Returns
    -------
    Reservation
        The global maximum: nothing is gained up to the threshold, and the curve is concave above it.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError
        If `costs` is not a one-dimensional array of finite numbers.
    DomainError
        If a cost is not above 0, or data is worth more than it costs without end.

    Notes
    -----
    Bisection of the derivative for all types at once: O(n_types) time, exact to rounding.

    Examples
    --------
    >>> alone = reservation([0.2, 0.04, 1.0])
    >>> alone.utility.round(4).tolist(), alone.m.round(2).tolist()
    ([6.7701, 44.1605, 0.0], [148.06, 445.71, 0.0])
    """
    prices = checked_costs(costs)
    worth = model_value(accuracy, valuation)
    return stand_alone(prices, worth)


def stand_alone(costs: NDArray[np.float64], worth: ModelValue) -> Reservation:
    """Return what `reservation` does, of checked arguments."""

    def gains(amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return worth.derivative(amount) - costs

    start = worth.threshold or LEAST * flattening(worth)
    end = upper_end(gains, start, len(costs))
    if np.isinf(end).any():
        position = int(np.argmax(np.isinf(end)))
        raise DomainError(
            f"costs[{position}] is {costs[position]}: data is worth more than that without end; raise it, or give an "
            "accuracy that saturates"
        )
    amount = last_positive(gains, np.full(len(costs), start), np.maximum(end, start))
    utility = worth.value(amount) - costs * amount
    taken = (utility > 0) & (end > start)
    return Reservation(np.where(taken, amount, 0.0), np.where(taken, utility, 0.0))


def flattening(worth: ModelValue) -> float:
    """Return the amount of data at which the slope of a curve without a kink has fallen to half."""
    first = float(worth.derivative(0.0))

    def steep(amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return worth.derivative(amount) - first / 2.0

    end = upper_end(steep, 1e-12, 1)
    return float(last_positive(steep, np.array([1e-12]), end)[0]) if np.isfinite(end[0]) else 1.0
