"""Contracts made for other parties than those who come: what they are worth, and what they break."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import by_construction, read_only
from hemicycle.contracts.concave_envelope import ConcaveEnvelope
from hemicycle.contracts.expectation import SumExpectation
from hemicycle.contracts.exponential_sums import fit_exponential_sum
from hemicycle.contracts.fixed_rewards import fixed_rewards
from hemicycle.contracts.optimal import optimal_contract
from hemicycle.contracts.parties import checked_parties
from hemicycle.contracts.program import HEADROOM, NARROWEST
from hemicycle.contracts.valuation import model_value
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.contracts.accuracy import Accuracy
    from hemicycle.contracts.contract import Contract
    from hemicycle.contracts.exponential_sums import Curve
    from hemicycle.contracts.fixed_rewards import FixedRewards
    from hemicycle.contracts.parties import Parties
    from hemicycle.contracts.valuation import Valuation
    from hemicycle.types import Seed

__all__ = ["MistakenBeliefs", "mistaken_beliefs"]


@dataclass(frozen=True, slots=True, eq=False)
class MistakenBeliefs:
    """A contract under other probabilities, or another number of parties, than it was made for; arrays are read-only.

    Types stand in the order in which they were given; those of equal cost count as one.

    Attributes
    ----------
    contract : Contract
        As it was made.
    optimum : Contract
        What would have been offered.
    expected_accuracy, expected_value : float
        Of the collective model, if all contribute what the contract asks.
    t_bar : ndarray of float64, shape (n_types,)
        Expected worth of the collective model given that a party of the type is there.
    reward : ndarray of float64, shape (n_types,)
        What a party gets on average of its share ``t / t_bar`` of the collective model, both as the contract has them.
    utility : ndarray of float64, shape (n_types,)
        Of that, less the cost.
    rent : ndarray of float64, shape (n_types,)
        Of that, above the utility of not taking part: below 0 where a party that knew better would not sign.
    gain : ndarray of float64, shape (n_types, n_types)
        What a party of the type of the row gains if it reports the type of the column, above 0 where one that knew
        better would lie.
    excess : ndarray of float64, shape (n_types,)
        Promise above `t_bar`: above 0 where it cannot be kept on average.
    fixed : FixedRewards
        What becomes of promises of fixed models.
    error : float
        Estimate of the largest error of the expectations.
    """

    contract: Contract
    optimum: Contract
    expected_accuracy: float
    expected_value: float
    t_bar: NDArray[np.float64]
    reward: NDArray[np.float64]
    utility: NDArray[np.float64]
    rent: NDArray[np.float64]
    gain: NDArray[np.float64]
    excess: NDArray[np.float64]
    fixed: FixedRewards
    error: float

    def __post_init__(self) -> None:
        for name in ("t_bar", "reward", "utility", "rent", "gain", "excess"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)

    def __repr__(self) -> str:
        return f"MistakenBeliefs(expected_value={self.expected_value:.6g}, value_lost={self.value_lost:.6g})"

    @property
    def value_lost(self) -> float:
        """Expected value of the optimum less that of the contract: below 0 only where promises are above `t_bar`."""
        return self.optimum.expected_value - self.expected_value

    @property
    def accuracy_lost(self) -> float:
        """The same of the expected accuracy."""
        return self.optimum.expected_accuracy - self.expected_accuracy

    def table(self) -> Table:
        """Return one row for each type.

        Returns
        -------
        Table
            Columns cost, probability (the true one), m, t, t_bar, excess, reward, rent, largest_gain, insolvency,
            optimal_m and optimal_t.
        """
        columns: dict[str, Any] = {"cost": self.contract.costs, "probability": self.optimum.probabilities}
        columns |= {"m": self.contract.m, "t": self.contract.t, "t_bar": self.t_bar, "excess": self.excess}
        columns |= {"reward": self.reward, "rent": self.rent, "largest_gain": self.gain.max(axis=1)}
        columns |= {"insolvency": self.fixed.insolvency, "optimal_m": self.optimum.m, "optimal_t": self.optimum.t}
        return Table(columns)


def mistaken_beliefs(
    contract: Contract,
    *,
    probabilities: ArrayLike | None = None,
    n_parties: int | None = None,
    accuracy: Accuracy | None = None,
    valuation: Valuation | None = None,
    tol: float = 1e-6,
    max_outcomes: int = 200_000,
    samples: int = 20_000,
    rng: Seed = 0,
    progress: Callable[[int, float], None] | None = None,
) -> MistakenBeliefs:
    """Return what a contract is worth where parties are of other types, or more or fewer, than it was made for.

    The parties sign and contribute what the contract asks of them. Rewards in proportion to the collective model can
    always be handed out, as no share is above 1, but are worth less or more than promised; fixed models may not be
    there.

    Parameters
    ----------
    contract : Contract
        As from `hemicycle.contracts.optimal_contract`.
    probabilities : array_like of float, shape (n_types,), optional
        The true ones, of the types of the contract; by default those that it was made for.
    n_parties : int, optional
        The true N, by default that of the contract.
    accuracy, valuation
        Those that the contract was made with.
    tol : float, default 1e-6
        Of the optimum, as for `hemicycle.contracts.optimal_contract`.
    max_outcomes, samples, rng
        For promises of fixed models, as for `hemicycle.contracts.fixed_rewards`.
    progress : callable, optional
        As for `hemicycle.contracts.optimal_contract`.

    Returns
    -------
    MistakenBeliefs
        Beside the optimum under the truth.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError, MissingExtraError, NotConvergedError
        As `hemicycle.contracts.optimal_contract` and `hemicycle.contracts.fixed_rewards`.

    Notes
    -----
    The utility of not taking part is that of the contract. Expectations need no enumeration; the time is that of the
    optimum.

    Examples
    --------
    >>> contract = optimal_contract([0.2, 0.04], [0.5, 0.5], 10)
    >>> found = mistaken_beliefs(contract, probabilities=[0.8, 0.2])
    >>> found.value_lost > 0, bool((found.excess > 0).any()), bool((found.rent < 0).any())
    (True, True, True)
    """
    true = contract.probabilities if probabilities is None else probabilities
    n = contract.n_parties if n_parties is None else n_parties
    worth = model_value(accuracy, valuation)
    parties = checked_parties(contract.costs, true, n)
    optimum = optimal_contract(
        contract.costs,
        true,
        n,
        accuracy=accuracy,
        valuation=valuation,
        reservation_utility=contract.reservation,
        tol=tol,
        progress=progress,
    )
    m = contract.m[np.unique(parties.place, return_index=True)[1]]
    t_bar, own, expected_value, error = _expected(worth, parties, m)
    expected_accuracy = _expected(worth.accuracy, parties, m)[2]
    t_bar, own = t_bar[parties.place], own[parties.place]
    promised = np.where(contract.t_bar > 0, contract.t_bar, 1.0)
    reward = np.where(contract.t_bar > 0, contract.t / promised, 0.0) * t_bar
    utility = reward - contract.costs * contract.m
    gain = (reward[None, :] - contract.costs[:, None] * contract.m[None, :]) - utility[:, None]
    stands = replace(
        contract,
        probabilities=optimum.probabilities,
        n_parties=parties.n_parties,
        t_bar=t_bar,
        own_type=own,
        expected_accuracy=expected_accuracy,
        expected_value=expected_value,
        error=error,
    )
    options: dict[str, Any] = {"max_outcomes": max_outcomes, "samples": samples, "rng": rng}
    return MistakenBeliefs(
        contract=contract,
        optimum=optimum,
        expected_accuracy=expected_accuracy,
        expected_value=expected_value,
        t_bar=t_bar,
        reward=reward,
        utility=utility,
        rent=utility - contract.reservation,
        gain=gain,
        excess=contract.t - t_bar,
        fixed=fixed_rewards(stands, accuracy=accuracy, valuation=valuation, **options),
        error=error,
    )


def _expected(
    curve: Curve, parties: Parties, m: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Return E[f | n_i >= 1], the same of a party that knows its type, E f and the largest error, for merged types."""
    if not m.any():
        return np.zeros(len(m)), np.zeros(len(m)), 0.0, 0.0
    envelope = ConcaveEnvelope(curve)  # type: ignore[arg-type]
    end = HEADROOM * max(parties.n_parties * float(m.max()), NARROWEST * envelope.tangent)
    fitted = fit_exponential_sum(envelope, envelope.tangent, end)
    found = SumExpectation(curve, fitted, parties.probabilities, parties.n_parties).at(m)
    error = max(found.error, float(found.conditional_error.max()))
    return found.conditional, found.own_type, found.value, error
