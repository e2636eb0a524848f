"""Expectations over who the parties are: of a curve of the sum of their contributions, without enumeration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import read_only
from hemicycle.contracts.low_expectation import LowExpectation, low_expectation
from hemicycle.contracts.low_rank import LowRank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.contracts.exponential_sums import Curve, ExponentialSum

__all__ = ["Expectations", "SumExpectation"]

EPSILON = float(np.finfo(np.float64).eps)
ROUNDINGS = 20  #: in the computation of a term, beside those of a power


@dataclass(frozen=True, slots=True, eq=False)
class Expectations:
    """Expectations of a curve f of the sum S of all contributions, at some contributions; arrays are read-only.

    Attributes
    ----------
    value : float
        E f(S).
    gradient : ndarray of float64, shape (n_types,)
        Its derivative by the contribution of each type.
    conditional : ndarray of float64, shape (n_types,)
        E[f(S) | n_i >= 1]: at least one party is of type i. Where the probability of a type is 0, the limit, which is
        that of `own_type`.
    jacobian : ndarray of float64, shape (n_types, n_types)
        Derivatives of `conditional`, one row a type.
    own_type : ndarray of float64, shape (n_types,)
        What a party of type i expects that knows its own type: one draw fixed, and N - 1 others.
    error : float
        Estimate of the largest error of `value`: that of the fit, of rounding and of outcomes left out.
    conditional_error : ndarray of float64, shape (n_types,)
        The same of `conditional`; of `own_type` it is at most N times as large.
    fitted_jacobian : LowRank
        `jacobian` without what the outcomes below the fitted interval added, as few factors describe it.
    lowest : float
        The least sum that has a probability above 0, or would if a type without had one.
    low : LowExpectation or None
        What the outcomes below the fitted interval added, where there are any.
    """

    value: float
    gradient: NDArray[np.float64]
    conditional: NDArray[np.float64]
    jacobian: NDArray[np.float64]
    own_type: NDArray[np.float64]
    error: float
    conditional_error: NDArray[np.float64]
    fitted_jacobian: LowRank
    lowest: float
    low: LowExpectation | None = None

    def __post_init__(self) -> None:
        for name in ("gradient", "conditional", "jacobian", "own_type", "conditional_error"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


class SumExpectation:
    r"""Expectations of f(n_1 m_1 + ... + n_I m_I), with the counts n from N independent draws of a type.

    With :math:`f(x) = \sum_q \alpha_q e^{-s_q x}` and :math:`A_q = \sum_j p_j e^{-s_q m_j}`,

    .. math:: E f = \sum_q \alpha_q A_q^N, \qquad
        E[f | n_i \ge 1] = \sum_q \alpha_q \frac{A_q^N - (A_q - p_i e^{-s_q m_i})^N}{1 - (1 - p_i)^N}

    Parameters
    ----------
    curve : Curve
        The function itself, for sums below the fitted interval.
    fitted : ExponentialSum
        The function on sums from ``fitted.low`` to ``fitted.high``; no sum may be larger.
    probabilities : ndarray of float64, shape (n_types,)
        At least 0, with sum 1.
    n_parties : int
        N, at least 1.

    Notes
    -----
    Time: O(n_terms n_types**2) for everything, whatever the number of parties. Powers are taken by expm1 and log1p: no
    digit is lost for a type that is rare, or certain.

    Examples
    --------
    >>> from hemicycle.contracts.accuracy import PowerLaw
    >>> from hemicycle.contracts.exponential_sums import fit_exponential_sum
    >>> fitted = fit_exponential_sum(PowerLaw(), 2.0, 100.0)
    >>> found = SumExpectation(PowerLaw(), fitted, np.array([0.5, 0.5]), 2).at(np.array([2.0, 3.0]))
    >>> expected = PowerLaw().value([4.0, 5.0, 6.0]) @ [0.25, 0.5, 0.25]
    >>> bool(abs(found.value - expected) < 1e-10)
    True
    """

    def __init__(
        self, curve: Curve, fitted: ExponentialSum, probabilities: NDArray[np.float64], n_parties: int
    ) -> None:
        self.curve = curve
        self.fitted = fitted
        self.probabilities = probabilities
        self.n_parties = n_parties
        self._absent = probabilities == 0.0
        self._any_absent = bool(self._absent.any())
        with np.errstate(divide="ignore"):
            self.present = -np.expm1(n_parties * np.log1p(-probabilities))  # P(n_i >= 1)
        shares = np.where(self._absent, 1.0, probabilities)
        self._rate = np.where(self._absent, n_parties, self.present / shares)
        self._inverse = 1.0 / np.where(self._absent, 1.0, self.present)
        self._rounding = EPSILON * (n_parties + ROUNDINGS) * float(np.abs(fitted.coefficients).sum())

    def at(self, m: NDArray[np.float64]) -> Expectations:
        """Return all expectations at some contributions.

        Parameters
        ----------
        m : ndarray of float64, shape (n_types,)
            What a party of each type contributes, at least 0.

        Returns
        -------
        Expectations
            With an estimate of their error.
        """
        fitted, n = self.fitted, self.n_parties
        power, share, own = self._products(m)
        weight = fitted.coefficients * power  # (n_terms,)
        steep = n * weight * fitted.exponents
        with np.errstate(divide="ignore"):
            without = np.log1p(-share)  # (n_terms, n_types), log of the rest
        some = -np.expm1(n * without) * self._inverse
        more = self._powered(n - 1, without)
        conditional, left = weight @ some, -(steep[:, None] * more).T
        diagonal = -(n * fitted.coefficients * fitted.exponents) @ own / self._rate
        own_type = fitted.coefficients @ own
        if self._any_absent:
            absent = self._absent
            conditional[absent] = own_type[absent]
            away = (n - 1) * fitted.coefficients * fitted.exponents
            left[absent] = -(away[:, None] * own[:, absent]).T
        fitted_jacobian = LowRank(diagonal - np.einsum("iq,qi->i", left, share), left, share)
        jacobian = left @ share
        np.fill_diagonal(jacobian, diagonal)
        lowest = float((n - 1) * m[~self._absent].min() + m.min())
        error = fitted.error + self._rounding
        errors = np.full(len(m), error)
        found = (float(weight.sum()), -(steep @ share), conditional, jacobian, own_type)
        if lowest >= fitted.low:
            return Expectations(*found, error, errors, fitted_jacobian, lowest)
        low = low_expectation(self.curve, fitted, self.probabilities, n, m)
        add = low.parts
        return Expectations(
            found[0] + add[0],
            found[1] + add[1],
            found[2] + add[2],
            found[3] + add[3],
            found[4] + add[4],
            error + low.error,
            errors + low.conditional_error,
            fitted_jacobian,
            lowest,
            low,
        )

    def hessian(self, m: NDArray[np.float64], weight: float, weights: NDArray[np.float64]) -> LowRank:
        """Return the second derivatives of ``weight * E f(S) + sum_i weights_i * E[f(S) | n_i >= 1]``.

        Parameters
        ----------
        m : ndarray of float64, shape (n_types,)
            What a party of each type contributes.
        weight : float
            Of the expectation.
        weights : ndarray of float64, shape (n_types,)
            Of the conditional expectations.

        Returns
        -------
        LowRank
            Of the fitted function, for sums below its interval too.
        """
        fitted, n = self.fitted, self.n_parties
        power, share, own = self._products(m)
        with np.errstate(divide="ignore", invalid="ignore"):
            without = np.log1p(-share)
            rest = own * np.exp(max(n - 2, 0) * without) / self._rate  # exp(0 * -inf) is nan, of no weight below
        rest = np.where(np.isnan(rest), 0.0 if n > 2 else own / self._rate, rest)
        once, twice = (self._scaled(k, without, power, own) for k in (n - 1, max(n - 2, 0)))
        bend = n * fitted.coefficients * fitted.exponents**2
        cross = (n - 1) * bend
        inner = cross * (weight * power + twice @ weights)
        mixed = rest * weights
        left = np.hstack([(inner[:, None] * share + cross[:, None] * mixed).T, (cross[:, None] * share).T])
        single = (bend * (weight * power + once @ weights)) @ share
        own_part = np.einsum("q,qi,qi->i", bend, once, share) - bend @ own / self._rate
        twofold = np.einsum("q,qi,qi->i", cross, mixed, share)
        return LowRank(single - weights * own_part - twofold, left, np.vstack([share, mixed]))

    def _products(self, m: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return A^N, the share of each type in A, and exp(-s m_i) A^(N-1); all without underflow on the way."""
        s, n = self.fitted.exponents, self.n_parties
        least = m[~self._absent].min() if self._any_absent else m.min()
        apart = np.exp(-np.multiply.outer(s, np.maximum(m - least, 0.0) if self._any_absent else m - least))
        relative = apart @ self.probabilities  # A exp(s least)
        log_sum = np.log(relative) - s * least
        power = np.exp(n * log_sum)
        apart /= relative[:, None]
        share = np.minimum(apart * self.probabilities, 1.0)  # rounding may add a bit
        own = apart * power[:, None]
        if self._any_absent:
            absent = self._absent
            own[:, absent] = np.exp((n - 1) * log_sum[:, None] - np.multiply.outer(s, m[absent]))
        return power, share, own

    def _powered(self, k: int, without: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (1 - (1 - share)^k) / P(n_i >= 1); 0 where the probability is 0."""
        return -np.expm1(k * without) * self._inverse if k else np.zeros_like(without)

    def _scaled(
        self, k: int, without: NDArray[np.float64], power: NDArray[np.float64], own: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return A^N times that, with its limit where the probability is 0."""
        scaled = self._powered(k, without) * power[:, None]
        if self._any_absent:
            scaled[:, self._absent] = own[:, self._absent] * (k / self.n_parties)
        return scaled
