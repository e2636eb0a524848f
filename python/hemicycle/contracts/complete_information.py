"""The first best: what could be had if the coordinator knew every party's cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import by_construction, float_array, read_only, require_length, require_non_negative
from hemicycle.contracts.bisection import last_positive, upper_end
from hemicycle.contracts.outcomes import all_outcomes, n_outcomes
from hemicycle.contracts.parties import checked_parties
from hemicycle.contracts.reservation import stand_alone
from hemicycle.contracts.valuation import ModelValue, model_value
from hemicycle.options import positive_count, random_generator

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.contracts.accuracy import Accuracy
    from hemicycle.contracts.valuation import Valuation
    from hemicycle.types import Seed

__all__ = ["CompleteInformation", "complete_information", "known_parties"]

ROUNDING = 1e-12  #: of the value, by which rounding may hide that parties can just pay


@dataclass(frozen=True, slots=True, eq=False)
class CompleteInformation:
    """The first best over all outcomes, or a sample of them; arrays are read-only.

    Attributes
    ----------
    counts : ndarray of float64, shape (n_outcomes, n_types)
        How many parties are of each type; types in the order in which they were given.
    probability : ndarray of float64, shape (n_outcomes,)
        Of each outcome; the same for each in a sample.
    total : ndarray of float64, shape (n_outcomes,)
        Data that comes together.
    m : ndarray of float64, shape (n_outcomes, n_types)
        What a party of each type contributes where there is one, else 0.
    value : ndarray of float64, shape (n_outcomes,)
        Worth of the model that everyone gets.
    expected_accuracy, expected_value : float
        Of that model.
    accuracy_error, value_error : float
        Standard errors of the two, 0 where every outcome is counted.
    exact : bool
        Whether every outcome is counted.
    """

    counts: NDArray[np.float64]
    probability: NDArray[np.float64]
    total: NDArray[np.float64]
    m: NDArray[np.float64]
    value: NDArray[np.float64]
    expected_accuracy: float
    expected_value: float
    accuracy_error: float
    value_error: float
    exact: bool

    def __post_init__(self) -> None:
        for name in ("counts", "probability", "total", "m", "value"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)


def complete_information(
    costs: ArrayLike,
    probabilities: ArrayLike,
    n_parties: int,
    *,
    accuracy: Accuracy | None = None,
    valuation: Valuation | None = None,
    max_outcomes: int = 200_000,
    samples: int = 100_000,
    rng: Seed = 0,
) -> CompleteInformation:
    r"""Return the best collective models that parties of known costs can be brought to build, outcome by outcome.

    Nothing is kept from anyone: every party gets the collective model, and contributes so much that it is as well off
    as alone, :math:`m_i = (v(a(M)) - f_i) / c_i`, at the largest fixed point of :math:`M = \sum_i n_i m_i`.

    Parameters
    ----------
    costs, probabilities, n_parties, accuracy, valuation
        As for `hemicycle.contracts.optimal_contract`.
    max_outcomes : int, default 200000
        Of more outcomes a sample is drawn.
    samples : int, default 100000
        How many.
    rng : Generator, SeedSequence, int or None, default 0
        Where the sample comes from.

    Returns
    -------
    CompleteInformation
        Each outcome and the expectations.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError
        If an argument is not what it must be.

    Notes
    -----
    One bisection for all outcomes at once: O(n_outcomes n_types) time.

    References
    ----------
    B. Wang et al., Paid with Models: Optimal Contract Design for Collaborative Machine Learning, AAAI 2025,
    proposition 2.

    Examples
    --------
    >>> best = complete_information([0.2, 0.04], [0.5, 0.5], 2)
    >>> best.counts.tolist(), best.exact
    ([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]], True)
    """
    parties = checked_parties(costs, probabilities, n_parties)
    prices: NDArray[np.float64] = float_array(costs, "costs", 1)
    chances: NDArray[np.float64] = float_array(probabilities, "probabilities", 1)
    most, n_drawn = positive_count(max_outcomes, "max_outcomes"), positive_count(samples, "samples")
    generator = random_generator(rng)
    worth = model_value(accuracy, valuation)
    exact = n_outcomes(len(prices), parties.n_parties) <= most
    if exact:
        counts, probability = all_outcomes(chances / chances.sum(), parties.n_parties)
    else:
        counts = generator.multinomial(parties.n_parties, chances / chances.sum(), n_drawn).astype(np.float64)
        probability = np.full(n_drawn, 1.0 / n_drawn)
    total, m = _first_best(counts, prices, worth)
    values, accuracies = worth.value(total), worth.accuracy.value(total)
    error = [0.0 if exact else float(x.std() / np.sqrt(n_drawn)) for x in (accuracies, values)]
    return CompleteInformation(
        counts,
        probability,
        total,
        m,
        values,
        float(probability @ accuracies),
        float(probability @ values),
        error[0],
        error[1],
        exact,
    )


def known_parties(
    counts: ArrayLike,
    costs: ArrayLike,
    *,
    accuracy: Accuracy | None = None,
    valuation: Valuation | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first best of given parties.

    Parameters
    ----------
    counts : array_like of float, shape (n_outcomes, n_types)
        How many parties are of each type, at least 0.
    costs : array_like of float, shape (n_types,)
        Cost of a unit of data, above 0.
    accuracy, valuation
        As for `hemicycle.contracts.optimal_contract`.

    Returns
    -------
    total : ndarray of float64, shape (n_outcomes,)
        Data that comes together.
    m : ndarray of float64, shape (n_outcomes, n_types)
        What a party of each type contributes where there is one, else 0.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError
        If an argument is not what it must be.
    """
    parties: NDArray[np.float64] = float_array(counts, "counts", 2)
    prices: NDArray[np.float64] = float_array(costs, "costs", 1)
    require_length(parties.T, "columns of counts", len(prices), "costs")
    require_non_negative(parties, "counts")
    worth = model_value(accuracy, valuation)
    return _first_best(parties, prices, worth)


def _first_best(
    counts: NDArray[np.float64], costs: NDArray[np.float64], worth: ModelValue
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    alone = stand_alone(costs, worth).utility
    capacity, owed = counts @ (1.0 / costs), counts @ (alone / costs)  # (n_outcomes,)

    def surplus(total: NDArray[np.float64]) -> NDArray[np.float64]:
        return capacity * worth.value(total) - owed - total

    peak = stand_alone(1.0 / np.maximum(capacity, 1e-300), worth).m  # of the surplus
    start = np.maximum(peak, 1e-300)
    rounding = ROUNDING * (capacity * worth.value(peak) + owed)
    pays = (peak > 0) & (surplus(peak) >= -rounding) & (capacity > 0)
    end = upper_end(surplus, float(start.max()), len(counts))
    total = np.where(pays, last_positive(surplus, start, np.maximum(end, start)), 0.0)
    m = np.where(counts > 0, np.maximum(worth.value(total)[:, None] - alone, 0.0) / costs, 0.0)
    return total, np.where(total[:, None] > 0, m, 0.0)
