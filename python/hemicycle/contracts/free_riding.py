"""Why a contract: what parties give when everyone gets the collective model, whatever it gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import by_construction, read_only
from hemicycle.contracts.best_replies import largest_gains, standing_totals
from hemicycle.contracts.parties import checked_parties
from hemicycle.contracts.reservation import stand_alone
from hemicycle.contracts.valuation import model_value
from hemicycle.rejects import counted
from hemicycle.table import Table

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.contracts.accuracy import Accuracy
    from hemicycle.contracts.complete_information import CompleteInformation
    from hemicycle.contracts.contract import Contract
    from hemicycle.contracts.parties import Parties
    from hemicycle.contracts.valuation import Valuation

__all__ = ["FreeRiding", "free_riding"]


@dataclass(frozen=True, slots=True, eq=False)
class FreeRiding:
    """What comes together by the cheapest type that is there; arrays are read-only.

    Types stand in the order in which they were given; those of equal cost count as one, and each has its numbers.

    Attributes
    ----------
    costs : ndarray of float64, shape (n_types,)
        Cost of a unit of data.
    cheapest : ndarray of float64, shape (n_types,)
        Probability that the type is the cheapest that is there.
    total : ndarray of float64, shape (n_types,)
        Data that the parties of the type give together if it is the cheapest: its stand-alone amount. All others give
        nothing.
    value : ndarray of float64, shape (n_types,)
        Worth of the model that everyone gets then.
    gain : ndarray of float64, shape (n_types, n_types)
        The most that a party of the type of the column gains by any other amount if the type of the row is the
        cheapest, at most rounding; 0 for types that cannot be there then.
    expected_total : float
        Data that comes together.
    expected_accuracy, expected_value : float
        Of the model that everyone gets.
    team_size : ndarray of int64, shape (n_types,)
        How many parties of the type must be there, and no cheaper one, for another equilibrium in which they give
        `team_total` by equal parts; 1 where the type trains alone, 0 where no number does it.
    team_total : ndarray of float64, shape (n_types,)
        What they give together then.
    team_expected_value : float
        Of the model that everyone gets, if every such team finds together.
    """

    costs: NDArray[np.float64]
    cheapest: NDArray[np.float64]
    total: NDArray[np.float64]
    value: NDArray[np.float64]
    gain: NDArray[np.float64]
    expected_total: float
    expected_accuracy: float
    expected_value: float
    team_size: NDArray[np.int64]
    team_total: NDArray[np.float64]
    team_expected_value: float

    def __post_init__(self) -> None:
        for name in ("costs", "cheapest", "total", "value", "gain", "team_size", "team_total"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)

    def __repr__(self) -> str:
        return f"FreeRiding({counted(len(self.costs), 'type')}, expected_value={self.expected_value:.6g})"

    @property
    def largest_gain(self) -> float:
        """The most that any party gains by any other amount, in any outcome: at most rounding."""
        return float(self.gain.max())

    def table(self) -> Table:
        """Return one row for each type.

        Returns
        -------
        Table
            Columns cost, cheapest, total, value, largest_gain, team_size and team_total.
        """
        columns: dict[str, Any] = {"cost": self.costs}
        columns |= {name: getattr(self, name) for name in ("cheapest", "total", "value")}
        columns["largest_gain"] = self.gain.max(axis=1)
        return Table(columns | {"team_size": self.team_size, "team_total": self.team_total})

    def beside(self, contract: Contract, first_best: CompleteInformation) -> Table:
        """Return what is had by free riding, under a contract and if costs were known.

        Parameters
        ----------
        contract : Contract
            For the same types.
        first_best : CompleteInformation
            For the same types.

        Returns
        -------
        Table
            One row each, with columns arrangement, expected_accuracy, expected_value and expected_total.
        """
        contracted = contract.n_parties * float(contract.probabilities @ contract.m)
        known = float(first_best.probability @ first_best.total)
        return Table(
            {
                "arrangement": ("free riding", "contract", "complete information"),
                "expected_accuracy": np.array([each.expected_accuracy for each in (self, contract, first_best)]),
                "expected_value": np.array([each.expected_value for each in (self, contract, first_best)]),
                "expected_total": np.array([self.expected_total, contracted, known]),
            }
        )


def free_riding(
    costs: ArrayLike,
    probabilities: ArrayLike,
    n_parties: int,
    *,
    accuracy: Accuracy | None = None,
    valuation: Valuation | None = None,
) -> FreeRiding:
    r"""Return what parties give if all of them get the collective model, whatever each gave.

    Everyone sees who is there and then chooses an amount :math:`x_k \ge 0` to give, for
    :math:`v(a(\sum_l x_l)) - c_k x_k`. In a Nash equilibrium in which something is given, what the last unit is worth
    equals the cost of each giver and is at most that of everyone else: only the cheapest type that is there gives.

    Parameters
    ----------
    costs, probabilities, n_parties, accuracy, valuation
        As for `hemicycle.contracts.optimal_contract`.

    Returns
    -------
    FreeRiding
        For each type that may be the cheapest, and in expectation, with the check of all best replies.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError
        If an argument is not what it must be.

    Notes
    -----
    Where the cheapest type trains alone, every equilibrium has its stand-alone amount; who of several gives how much of
    it is open. Where it does not, to give nothing is an equilibrium, and the one that best replies reach from nothing:
    `total` is 0. With an accuracy that has a kink there may be others: above the threshold a unit may be worth more
    than it costs, so several parties of the type can hold each other to a total that none would give alone, as long as
    the part of each costs it no more than the model is worth. That takes `team_size` parties and an agreement among
    them. It is shown beside the equilibrium without one, and never counted in it.

    Parties that know their own type alone play another game, in which others than the cheapest may give, too.

    Time: O(n_types**2 + n_types n_parties), whatever the number of outcomes.

    References
    ----------
    T. Bergstrom, L. Blume and H. Varian, On the private provision of public goods, 1986,
    doi:10.1016/0047-2727(86)90024-1.

    Examples
    --------
    >>> found = free_riding([0.2, 0.16, 0.12, 0.08, 0.04], [0.2] * 5, 10)
    >>> found.total.round(1).tolist()
    [148.1, 172.5, 210.2, 277.4, 445.7]
    >>> found.cheapest.round(4).tolist(), found.largest_gain < 1e-9
    ([0.0, 0.0001, 0.0059, 0.1013, 0.8926], True)
    """
    parties = checked_parties(costs, probabilities, n_parties)
    worth = model_value(accuracy, valuation)
    alone = stand_alone(parties.costs, worth).m
    values, cheapest = worth.value(alone), _cheapest(parties, 1)
    held, size = standing_totals(parties.costs, worth)
    teams = np.where((size > 0) & (size <= parties.n_parties), size, 0)
    together = np.array([_cheapest(parties, k)[i] if k else 0.0 for i, k in enumerate(teams.tolist())])
    place, prices = parties.place, parties.costs
    gain = largest_gains(prices, alone, parties.n_parties, worth)
    return FreeRiding(
        costs=prices[place],
        cheapest=cheapest[place],
        total=alone[place],
        value=values[place],
        gain=gain[np.ix_(place, place)],
        expected_total=float(cheapest @ alone),
        expected_accuracy=float(cheapest @ worth.accuracy.value(alone)),
        expected_value=float(cheapest @ values),
        team_size=size[place],
        team_total=held[place],
        team_expected_value=float(together @ worth.value(held)),
    )


def _cheapest(parties: Parties, least: int) -> NDArray[np.float64]:
    """Return the probability that each type is the cheapest that is there, with at least so many parties."""
    p, n = parties.probabilities, parties.n_parties
    dearer = np.append(0.0, np.cumsum(p)[:-1])
    if least == 1:
        first: NDArray[np.float64] = np.maximum((dearer + p) ** n - dearer**n, 0.0)
        return first
    counts = np.arange(least, n + 1)
    log_factorial = np.append(0.0, np.cumsum(np.log(np.arange(1, n + 1))))
    ways = log_factorial[n] - log_factorial[counts] - log_factorial[n - counts]
    with np.errstate(divide="ignore"):
        logs = ways + counts * np.log(p)[:, None]
        rest = np.where(n - counts > 0, np.log(dearer)[:, None] * np.maximum(n - counts, 1), 0.0)
    enough: NDArray[np.float64] = np.exp(logs + rest).sum(axis=1)
    return enough
