"""The parties of a contract: their types, checked, sorted and merged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import float_array, require_finite, require_length, require_non_negative
from hemicycle.errors import DomainError, ShapeError
from hemicycle.options import positive_count

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Parties", "checked_costs", "checked_parties", "checked_probabilities"]

ABSENT = 1e-13  #: a type that is there with less probability than this counts as one without, in the limit
MOST_PARTIES = 10**12
SUM_TOL = 1e-9  #: how far from 1 probabilities may sum: those that were rounded to ten digits


@dataclass(frozen=True, slots=True, eq=False)
class Parties:
    """Types with different costs, the dearest first.

    Attributes
    ----------
    costs : ndarray of float64, shape (n_merged,)
        Strictly decreasing.
    probabilities : ndarray of float64, shape (n_merged,)
        They sum to 1; types of equal cost have their sum.
    n_parties : int
        How many independent draws of a type there are.
    place : ndarray of int64, shape (n_types,)
        Which of the merged types each of the given ones is.
    """

    costs: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    n_parties: int
    place: NDArray[np.int64]


def checked_costs(costs: ArrayLike) -> NDArray[np.float64]:
    """Return costs as a float64 array.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError
        If they are not a one-dimensional array of finite numbers, at least one.
    DomainError
        If one is not above 0.
    """
    prices: NDArray[np.float64] = float_array(costs, "costs", 1)
    if len(prices) == 0:
        raise ShapeError("costs: expected at least one type, got none")
    require_finite(prices, "costs")
    if (prices <= 0).any():
        position = int(np.argmax(prices <= 0))
        raise DomainError(f"costs[{position}] is {prices[position]}; a unit of data must cost more than 0")
    return prices


def checked_probabilities(probabilities: ArrayLike, n_types: int) -> NDArray[np.float64]:
    """Return probabilities as a float64 array that sums to 1 up to rounding.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError
        If they are not a one-dimensional array of finite numbers, one for each type.
    DomainError
        If one is negative, or their sum is further than 1e-9 from 1.
    """
    chances: NDArray[np.float64] = float_array(probabilities, "probabilities", 1)
    require_length(chances, "probabilities", n_types, "costs")
    require_non_negative(chances, "probabilities")
    total = math.fsum(chances)
    if abs(total - 1.0) > SUM_TOL:
        raise DomainError(f"probabilities sum to {total}; they must sum to 1: divide them by their sum")
    return chances / total


def checked_parties(costs: ArrayLike, probabilities: ArrayLike, n_parties: int) -> Parties:
    """Return the types sorted by falling cost, those of equal cost merged.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError
        As `checked_costs` and `checked_probabilities`, and if `n_parties` is not an integer of at least 1.
    """
    prices = checked_costs(costs)
    chances = checked_probabilities(probabilities, len(prices))
    different, place = np.unique(-prices, return_inverse=True)
    summed = np.bincount(place, chances, len(different)).astype(np.float64)
    number = positive_count(n_parties, "n_parties")
    if number > MOST_PARTIES:
        raise DomainError(f"n_parties is {number}; it must be at most 10**12, more than anybody will ever count")
    summed = np.where(summed * number < ABSENT, 0.0, summed)
    return Parties(-different, summed / math.fsum(summed), number, place)
