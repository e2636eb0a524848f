"""Where a function changes its sign: bisection in the logarithm, for many functions at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["last_positive", "upper_end"]

MAX_HALVINGS = 200
LARGEST = 1e150  #: An amount of data that is beyond any; its square is still finite.


def last_positive(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return where functions that are positive at `low` and not at `high` change their sign, to the last digit.

    Parameters
    ----------
    function : callable
        Gives one value for each of its points, shape (n,).
    low, high : ndarray of float64, shape (n,)
        Ends of the intervals, ``0 < low <= high``.

    Returns
    -------
    ndarray of float64, shape (n,)
        A point at which the function is positive, next to one at which it is not.
    """
    low, high = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    for _ in range(MAX_HALVINGS):
        middle = np.where(high > 2 * low, np.sqrt(low) * np.sqrt(high), low + (high - low) / 2)
        open_ = (middle > low) & (middle < high)
        if not open_.any():
            break
        positive = function(middle) > 0
        low = np.where(open_ & positive, middle, low)
        high = np.where(open_ & ~positive, middle, high)
    return low


def upper_end(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]], start: float, n: int
) -> NDArray[np.float64]:
    """Return points above `start` at which functions are no longer positive; infinity where there is none to 1e150.

    Parameters
    ----------
    function : callable
        Gives one value for each of its points, shape (n,).
    start : float
        Where to begin, above 0.
    n : int
        Number of functions.

    Returns
    -------
    ndarray of float64, shape (n,)
        Within a factor of 16 of the last sign change, for functions that change their sign once.
    """
    end = np.full(n, start)
    while True:
        positive = function(end) > 0
        if not (positive & (end < LARGEST)).any():
            return np.where(positive, np.inf, end)
        end = np.where(positive, end * 16, end)
