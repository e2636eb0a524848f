"""The program whose solution is a contract: its variables, linear constraints and concave expectations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.contracts.bisection import last_positive, upper_end
from hemicycle.contracts.concave_envelope import ConcaveEnvelope
from hemicycle.contracts.expectation import SumExpectation
from hemicycle.contracts.exponential_sums import fit_exponential_sum
from hemicycle.contracts.reservation import flattening, stand_alone
from hemicycle.contracts.valuation import LinearValuation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.contracts.accuracy import Accuracy
    from hemicycle.contracts.expectation import Expectations
    from hemicycle.contracts.low_rank import LowRank
    from hemicycle.contracts.parties import Parties
    from hemicycle.contracts.reservation import Reservation
    from hemicycle.contracts.valuation import ModelValue

__all__ = ["Program", "State", "contract_program", "least_utilities"]

HEADROOM = 1.01  #: of the fitted interval over the largest sum that any contract can have
NARROWEST = 4.0  #: ratio of the ends of a fitted interval, at least


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The expectations at some contributions.

    Attributes
    ----------
    m : ndarray of float64, shape (n_types,)
        Contributions.
    objective : Expectations
        Of the accuracy.
    reward : Expectations
        Of what models are worth.
    """

    m: NDArray[np.float64]
    objective: Expectations
    reward: Expectations


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    r"""``max E a(n @ m)`` over contributions m and utilities u, with types sorted by strictly falling cost.

    A party of type i is rewarded with ``t_i = u_i + c_i m_i``. Individual rationality is ``u_i >= f_i``; of the
    incentive constraints those of neighbours imply all others:
    :math:`(c_i - c_{i+1}) m_i \le u_{i+1} - u_i \le (c_i - c_{i+1}) m_{i+1}`. They make m increase. What is left is
    feasibility, ``u_i + c_i m_i <= E[v(a(n @ m)) | n_i >= 1]``, whose right side is concave where no outcome lies below
    the tangent point of the envelope.

    Attributes
    ----------
    parties : Parties
        The types.
    reservation : ndarray of float64, shape (n_types,)
        f, what each type has without a contract.
    alone : Reservation
        What each type does alone.
    worth : ModelValue
        v(a(.)).
    objective, reward : SumExpectation
        Of the curves themselves.
    objective_envelope, reward_envelope : SumExpectation
        Of their concave envelopes, the same where no outcome is low.
    most : ndarray of float64, shape (n_types,)
        More than this no contract can ask of a type.
    typical : float
        The data with which an amount is worth most per unit, or with which its worth has begun to flatten.
    """

    parties: Parties
    reservation: NDArray[np.float64]
    alone: Reservation
    worth: ModelValue
    objective: SumExpectation
    reward: SumExpectation
    objective_envelope: SumExpectation
    reward_envelope: SumExpectation
    most: NDArray[np.float64]
    typical: float

    @property
    def n_types(self) -> int:
        """How many types there are."""
        return len(self.parties.costs)

    @property
    def nothing(self) -> float:
        """An objective that is as good as 0."""
        return 1e-9 * self.unit * float(self.worth.accuracy.value(self.reward.fitted.high))

    @property
    def scale(self) -> float:
        """An amount below which a contribution is small: 1e-3 of an equal share in what makes a model worthwhile."""
        return 1e-3 * self.typical / self.parties.n_parties

    @property
    def steps(self) -> NDArray[np.float64]:
        """How much dearer each type is than the next, shape (n_types - 1,)."""
        return -np.diff(self.parties.costs)

    def at(self, m: NDArray[np.float64], *, envelope: bool) -> State:
        """Return the expectations at contributions, of the curves or of their envelopes."""
        objective, reward = self._pair(envelope)
        found = reward.at(m)
        return State(m, found if objective.curve is reward.curve else objective.at(m), found)

    def hessian(self, m: NDArray[np.float64], multipliers: NDArray[np.float64]) -> LowRank:
        """Return the second derivatives of the Lagrangian by m, for multipliers of feasibility."""
        if self.objective.curve is self.reward.curve:
            return self.reward.hessian(m, 1.0, multipliers)
        nothing = np.zeros(self.n_types)
        return self.objective.hessian(m, 1.0, nothing).plus(self.reward.hessian(m, 0.0, multipliers))

    @property
    def unit(self) -> float:
        """The objective of an accuracy of 1: where the valuation is linear, accuracies are counted by their worth."""
        valuation = self.worth.valuation
        return valuation.slope if isinstance(valuation, LinearValuation) else 1.0

    def low(self, m: NDArray[np.float64]) -> bool:
        """Tell whether an outcome lies where a curve is below its envelope."""
        n = self.parties.n_parties
        present = self.parties.probabilities > 0
        least = (n - 1) * float(m[present].min()) + float(m.min())
        return least < max(self.objective.fitted.low, self.reward.fitted.low)

    def with_probabilities(self, probabilities: NDArray[np.float64]) -> Program:
        """Return the same program for other probabilities."""

        def other(e: SumExpectation) -> SumExpectation:
            return SumExpectation(e.curve, e.fitted, probabilities, e.n_parties)

        return replace(
            self,
            parties=replace(self.parties, probabilities=probabilities),
            objective=other(self.objective),
            reward=other(self.reward),
            objective_envelope=other(self.objective_envelope),
            reward_envelope=other(self.reward_envelope),
        )

    def _pair(self, envelope: bool) -> tuple[SumExpectation, SumExpectation]:
        return (self.objective_envelope, self.reward_envelope) if envelope else (self.objective, self.reward)

    def linear_rows(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the linear constraints, ``rows @ (m, u) >= right``: rationality, both incentives, and m_1 >= 0.

        Those of incentives are divided by the difference of the costs.
        """
        n = self.n_types
        eye, before = np.eye(n), np.arange(n - 1)
        rows = np.zeros((3 * n - 1, 2 * n))
        rows[:n, n:] = eye
        slope = (eye[1:] - eye[:-1]) / self.steps[:, None]
        rows[n : 2 * n - 1, n:], rows[n + before, before] = slope, -1.0
        rows[2 * n - 1 : 3 * n - 2, n:], rows[2 * n - 1 + before, before + 1] = -slope, 1.0
        rows[-1, 0] = 1.0
        return rows, np.concatenate([self.reservation, np.zeros(2 * n - 1)])


def contract_program(
    parties: Parties, utility: NDArray[np.float64] | None, worth: ModelValue, end: float | None = None
) -> Program:
    """Set up the program: bound the contributions and fit the curves on all sums that are possible.

    Parameters
    ----------
    parties : Parties
        The types.
    utility : ndarray of float64, shape (n_types,), or None
        What each type has without a contract; None is its best alone.
    worth : ModelValue
        What models are worth.
    end : float, optional
        Largest sum of which expectations are needed, by default the largest that any contract can have. The fits on
        a shorter interval are better.

    Returns
    -------
    Program
        With all expectations ready.
    """
    n, alone = parties.n_parties, stand_alone(parties.costs, worth)
    utility = alone.utility if utility is None else utility
    high = _largest_sum(worth, float(parties.costs[-1]), n)
    value = float(worth.value(high))
    most = np.minimum(value / parties.costs, high / n)

    def expectations(curve: Accuracy) -> tuple[SumExpectation, SumExpectation]:
        envelope = ConcaveEnvelope(curve)
        last = HEADROOM * max(high if end is None else end, NARROWEST * envelope.tangent)
        fitted = fit_exponential_sum(envelope, envelope.tangent, last)
        chances = parties.probabilities
        return SumExpectation(curve, fitted, chances, n), SumExpectation(envelope, fitted, chances, n)

    reward = expectations(worth)
    objective = reward if isinstance(worth.valuation, LinearValuation) else expectations(worth.accuracy)
    typical = min(reward[0].fitted.low or flattening(worth), high)
    return Program(parties, utility, alone, worth, objective[0], reward[0], objective[1], reward[1], most, typical)


def least_utilities(program: Program, m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least utilities with which parties take part and tell their type, for contributions that increase.

    Parameters
    ----------
    program : Program
        The constraints.
    m : ndarray of float64, shape (n_types,)
        Contributions, not decreasing.

    Returns
    -------
    ndarray of float64, shape (n_types,)
        The least of each type at once.
    """
    utility, steps = program.reservation.copy(), program.steps
    for i in range(1, len(m)):
        utility[i] = max(utility[i], utility[i - 1] + steps[i - 1] * m[i - 1])
    for i in range(len(m) - 2, -1, -1):
        utility[i] = max(utility[i], utility[i + 1] - steps[i] * m[i + 1])
    return utility


def _largest_sum(worth: ModelValue, cost: float, n_parties: int) -> float:
    """Return the sum beyond which N parties of the cheapest type, who give the most, would pay more than they get."""

    def pays(total: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(worth.value(total), float(worth.value(envelope.tangent))) - cost / n_parties * total

    envelope = ConcaveEnvelope(worth)
    start = np.array([max(envelope.tangent, 1e-12)])
    end = upper_end(pays, float(start[0]), 1)
    most = float(max(last_positive(pays, start, np.maximum(end, start))[0], start[0]))
    return most if envelope.tangent > 0 else max(most, flattening(worth))  # of a scale where something happens
