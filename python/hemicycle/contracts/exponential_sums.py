"""A curve as a sum of exponentials: what makes its expectation over a sum of independent draws a product."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from hemicycle.arrays import read_only
from hemicycle.errors import DomainError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Curve", "ExponentialSum", "fit_exponential_sum"]

N_POINTS = 1000  #: of the grid of the fit
N_CHECKS = 7919  #: of the grid on which its error is measured, none of which but the ends is one of the fit's
SAFETY = 2.0  #: between two points of the finer grid the error may be larger than at them
NUMBERS_OF_TERMS = (30, 45, 60, 90)
SPANS = ((0.01, 40.0), (0.05, 12.0))  #: exponents from the first over the highest point to the second over the lowest
RCOND = 1e-15
KEPT = 48  #: problems of least squares that are kept, of half a megabyte each
STRAIGHT = 0.9  #: share of its first slope down to which a curve from 0 is straight enough to need no faster exponents
NEARER = 100.0  #: how much nearer to 0 than that the grids of such a curve begin


class Curve(Protocol):
    """A function of an amount with its derivative."""

    def value(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return its values."""
        ...

    def derivative(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return its first derivative."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ExponentialSum:
    """``f(x) = sum_q coefficients_q * exp(-exponents_q * x)`` between `low` and `high`, up to an error.

    Attributes
    ----------
    exponents : ndarray of float64, shape (n_terms,)
        At least 0.
    coefficients : ndarray of float64, shape (n_terms,)
        Of either sign.
    low, high : float
        The interval.
    error : float
        Estimate of the largest error of the value on the interval: twice that on a grid finer than the fit's. The
        expectation of f over any distribution on the interval has at most this error, too.
    slope_error : float
        The same of ``x * f'(x)``, the derivative in the logarithm of x.
    derivative_error : float
        The same of ``f'(x)``.
    """

    exponents: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    low: float
    high: float
    error: float
    slope_error: float
    derivative_error: float

    def __post_init__(self) -> None:
        for name in ("exponents", "coefficients"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def value(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the sum at amounts of any shape."""
        values: NDArray[np.float64] = np.exp(-np.multiply.outer(amount, self.exponents)) @ self.coefficients
        return values

    def derivative(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the derivative of the sum."""
        terms = np.exp(-np.multiply.outer(amount, self.exponents))
        values: NDArray[np.float64] = -(terms @ (self.coefficients * self.exponents))
        return values


def fit_exponential_sum(curve: Curve, low: float, high: float, *, tol: float = 2e-13) -> ExponentialSum:
    """Fit a sum of exponentials to a curve on an interval, by least squares.

    Parameters
    ----------
    curve : Curve
        Smooth between `low` and `high`, such as an accuracy above its threshold.
    low, high : float
        The interval, ``0 <= low < high``; above it the fit holds up to the next power of 2 times its lower end.
    tol : float, default 2e-13
        Error at which no more terms are tried, relative to the largest value; that of the slope may be 100 times it.

    Returns
    -------
    ExponentialSum
        That of the least slope error among some numbers of terms, with exponents in geometric progression.

    Raises
    ------
    DomainError
        If the interval is empty or the curve not finite on it.

    Notes
    -----
    Time: some least-squares problems of 1000 points and at most 90 terms. Completely monotone curves, such as a power
    law, are approximated exponentially fast in the number of terms; others with a scale of their own more slowly.

    References
    ----------
    D. Braess and W. Hackbusch, On the efficient computation of high-dimensional integrals and the approximation by
    exponential sums, 2009, doi:10.1007/978-3-642-03413-8_3.

    Examples
    --------
    >>> from hemicycle.contracts.accuracy import PowerLaw
    >>> fitted = fit_exponential_sum(PowerLaw(), 10.0, 1e5)
    >>> fitted.error < 1e-8
    True
    """
    if not 0.0 <= low < high < np.inf:
        raise DomainError(f"the interval from {low} to {high} is empty; low must be at least 0 and below high")
    lowest = low if low > 0.0 else _bent(curve, high)
    octaves = max(1, math.ceil(math.log2(high / lowest)))
    high = lowest * 2.0**octaves  # few ratios, whose least squares are solved but once
    points, checks = (lowest * _grid(octaves, low == 0.0, n) for n in (N_POINTS, N_CHECKS))
    values, expected, slopes = curve.value(points), curve.value(checks), curve.derivative(checks)
    if not (np.isfinite(values).all() and np.isfinite(expected).all() and np.isfinite(slopes).all()):
        raise DomainError(f"the curve is not finite everywhere between {low:g} and {high:g}; it cannot be fitted")
    size = float(np.abs(expected).max())
    best: ExponentialSum | None = None
    for n_terms in NUMBERS_OF_TERMS:
        for slowest, fastest in SPANS:
            exponents, inverse, onto = _least_squares(octaves, low == 0.0, n_terms, slowest, fastest)
            coefficients = inverse @ (onto @ values)
            found = _measured(exponents / lowest, coefficients, low, high, checks, expected, slopes)
            if best is None or found.slope_error < best.slope_error:
                best = found
        if best is not None and best.error <= tol * size and best.slope_error <= 100.0 * tol * size:
            break
    assert best is not None
    return best


def _bent(curve: Curve, high: float) -> float:
    """Return the amount at which the slope of a curve from 0 has begun to fall."""
    amounts = np.geomspace(high * 1e-15, high, N_CHECKS)
    bent = curve.derivative(amounts) < STRAIGHT * curve.derivative(0.0)
    return float(amounts[np.argmax(bent)]) if bent.any() else high


def _grid(octaves: int, from_zero: bool, n: int) -> NDArray[np.float64]:
    """Return points of an interval whose lower end, or where a curve from 0 bends, is 1."""
    end = 2.0**octaves
    if from_zero:
        return np.append(0.0, np.geomspace(1.0 / NEARER, end, n - 1))
    points = np.geomspace(1.0, end, n)
    points[-1] = end
    return points


@lru_cache(maxsize=KEPT)
def _least_squares(
    octaves: int, from_zero: bool, n_terms: int, slowest: float, fastest: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return exponents and the two factors of the pseudo-inverse that takes values on the grid to coefficients."""
    exponents = np.append(0.0, np.geomspace(slowest / 2.0**octaves, fastest, n_terms))
    left, sizes, right = np.linalg.svd(
        np.exp(-np.outer(_grid(octaves, from_zero, N_POINTS), exponents)), full_matrices=False
    )
    kept = sizes > RCOND * sizes[0]
    return exponents, right[kept].T / sizes[kept], np.ascontiguousarray(left[:, kept].T)


def _measured(
    exponents: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    low: float,
    high: float,
    checks: NDArray[np.float64],
    expected: NDArray[np.float64],
    slopes: NDArray[np.float64],
) -> ExponentialSum:
    terms = np.exp(-np.outer(checks, exponents))
    error = float(np.abs(terms @ coefficients - expected).max())
    slope = -(terms @ (coefficients * exponents))
    apart = np.abs(slope - slopes)
    errors = error, float((checks * apart).max()), float(apart.max())
    return ExponentialSum(exponents, coefficients, low, high, *(SAFETY * e for e in errors))
