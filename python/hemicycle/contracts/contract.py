"""The result: what to offer to each type, how good it is and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemicycle.arrays import by_construction, read_only
from hemicycle.rejects import counted
from hemicycle.table import Table

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Contract", "Multipliers", "Residuals"]


@dataclass(frozen=True, slots=True, eq=False)
class Multipliers:
    """What relaxing each constraint would add to the expected accuracy, per unit; arrays are read-only.

    The types are those of different cost, the dearest first.

    Attributes
    ----------
    rationality : ndarray of float64, shape (n_merged,)
        Of taking part.
    incentive_up : ndarray of float64, shape (n_merged - 1,)
        Of a type that must not report the next dearer one's cost, in units of data.
    incentive_down : ndarray of float64, shape (n_merged - 1,)
        Of a type that must not report the next cheaper one's cost, in units of data.
    feasibility : ndarray of float64, shape (n_merged,)
        Of promising no more than models are worth.
    """

    rationality: NDArray[np.float64]
    incentive_up: NDArray[np.float64]
    incentive_down: NDArray[np.float64]
    feasibility: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("rationality", "incentive_up", "incentive_down", "feasibility"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)


@dataclass(frozen=True, slots=True)
class Residuals:
    """By how much the worst constraint of each kind is broken, in the unit of the costs; 0 where none is.

    Attributes
    ----------
    rationality : float
        Utility missing to that of not taking part.
    incentive : float
        Utility that a party would gain with the report of another type, over all pairs of types.
    feasibility : float
        Reward promised above what models are worth.
    """

    rationality: float
    incentive: float
    feasibility: float

    @property
    def largest(self) -> float:
        """The largest of the three."""
        return max(self.rationality, self.incentive, self.feasibility)


@dataclass(frozen=True, slots=True, eq=False)
class Contract:
    """What the coordinator offers to each type: contribute m, be rewarded with a model worth t; arrays are read-only.

    Types stand in the order in which they were given.

    Attributes
    ----------
    costs : ndarray of float64, shape (n_types,)
        Cost of a unit of data.
    probabilities : ndarray of float64, shape (n_types,)
        Of a party to be of each type.
    n_parties : int
        How many parties there are.
    m : ndarray of float64, shape (n_types,)
        Data to contribute.
    t : ndarray of float64, shape (n_types,)
        Worth of the model that is the reward, in expectation.
    utility : ndarray of float64, shape (n_types,)
        ``t - costs * m``.
    rent : ndarray of float64, shape (n_types,)
        Utility above that of not taking part.
    reservation : ndarray of float64, shape (n_types,)
        Utility of not taking part.
    t_bar : ndarray of float64, shape (n_types,)
        Expected worth of the collective model given that a party of the type is there: t is at most this. Types of
        equal cost count as one.
    own_type : ndarray of float64, shape (n_types,)
        Expected worth of the collective model for a party that knows its type: one draw fixed, and N - 1 others.
    expected_accuracy : float
        Of the collective model: what is maximised.
    expected_value : float
        Expected worth of the collective model.
    upper_bound : float
        No contract has a larger expected accuracy.
    gap : float
        ``upper_bound - expected_accuracy``.
    relative_gap : float
        The gap over the upper bound.
    certified : bool
        Whether the relative gap is at most the tolerance and every outcome has enough data for an accuracy above 0.
    reason : str
        What the result needs to be said beside it: why it is not certified, or that nobody contributes.
    multipliers : Multipliers
        Prices of the constraints.
    residuals : Residuals
        How exactly the constraints hold.
    error : float
        Estimate of the largest error of `expected_value`, `t_bar` and `own_type`.
    lowest_sum : float
        The least data that may come together, by the types that have a probability.
    low_probability : float
        Probability that less comes together than the accuracy needs to be above 0.
    passes : int
        Quadratic programs that were solved.
    """

    costs: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    n_parties: int
    m: NDArray[np.float64]
    t: NDArray[np.float64]
    utility: NDArray[np.float64]
    rent: NDArray[np.float64]
    reservation: NDArray[np.float64]
    t_bar: NDArray[np.float64]
    own_type: NDArray[np.float64]
    expected_accuracy: float
    expected_value: float
    upper_bound: float
    gap: float
    relative_gap: float
    certified: bool
    reason: str
    multipliers: Multipliers
    residuals: Residuals
    error: float
    lowest_sum: float
    low_probability: float
    passes: int

    def __post_init__(self) -> None:
        arrays = "costs", "probabilities", "m", "t", "utility", "rent", "reservation", "t_bar", "own_type"
        for name in arrays:
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)

    def __repr__(self) -> str:
        return (
            f"Contract({counted(len(self.m), 'type')}, N = {self.n_parties}, "
            f"expected_accuracy={self.expected_accuracy:.6g}, relative_gap={self.relative_gap:.1e})"
        )

    def table(self) -> Table:
        """Return one row for each type.

        Returns
        -------
        Table
            Columns cost, probability, m, t, utility, rent, reservation, t_bar and own_type.
        """
        columns: dict[str, Any] = {"cost": self.costs, "probability": self.probabilities}
        names = "m", "t", "utility", "rent", "reservation", "t_bar", "own_type"
        return Table(columns | {name: getattr(self, name) for name in names})
