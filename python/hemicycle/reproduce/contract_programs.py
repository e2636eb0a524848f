"""Contracts for parties at random: whether the properties hold that are proved of optimal ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.contracts import (
    CompleteInformation,
    Contract,
    GeneralizationBound,
    LinearValuation,
    RealisedRewards,
    complete_information,
    optimal_contract,
    realised_rewards,
)
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.reproduce.claims import Progress

__all__ = ["Program", "example_program", "random_programs", "solved_program"]

MOST_TYPES = 6
MOST_PARTIES = 12
MORE = 1.0 + np.geomspace(1e-6, 999.0, 61)  #: times what comes together, where nobody can pay for more


@dataclass(frozen=True, slots=True)
class Program:
    """A contract, what it hands out, and what could be had if every cost were known."""

    contract: Contract
    rewards: RealisedRewards
    first_best: CompleteInformation

    @property
    def own_type_utility(self) -> NDArray[np.float64]:
        """Utility of a party that knows its type, shape (n_types,)."""
        found: NDArray[np.float64] = self.rewards.own_type_mean - self.contract.costs * self.contract.m
        return found


def solved_program(costs: ArrayLike, probabilities: ArrayLike, n_parties: int) -> Program:
    """Solve one program.

    Parameters
    ----------
    costs, probabilities : array_like of float, shape (n_types,)
        Of the types.
    n_parties : int
        How many parties there are.

    Returns
    -------
    Program
        Solved for the default accuracy and valuation.

    Raises
    ------
    MissingExtraError
        If clarabel or scipy is not installed.
    """
    given = costs, probabilities, n_parties
    contract = optimal_contract(*given)
    return Program(contract, realised_rewards(contract), complete_information(*given))


def example_program() -> Program:
    """Solve a program whose contract beats complete information, and promises more than a party may expect.

    Returns
    -------
    Program
        Of two parties: costs 0.5 and 0.006, probabilities 0.8 and 0.2.

    Raises
    ------
    MissingExtraError
        If clarabel or scipy is not installed.
    """
    return solved_program([0.5, 0.006], [0.8, 0.2], 2)


def random_programs(n_runs: int, rng: np.random.Generator, progress: Progress) -> Table:
    """Solve random programs and measure what is proved of their solutions.

    Parameters
    ----------
    n_runs : int
        How many.
    rng : Generator
        Source of randomness: 2 to 6 types, costs from 0.001 to 1 on a logarithmic scale, Dirichlet probabilities, 2 to
        12 parties.
    progress : callable
        Told what is going on.

    Returns
    -------
    Table
        One row a program: n_types, n_parties, certified, nobody (nobody contributes), relative_gap, expected_value,
        complete_information, falling (the most by which data or reward fall with the efficiency of the type),
        efficient_gap (of the most efficient type's reward to the collective model, relative), dearest_rent, least_rent,
        gain (by a lie), excess (of a reward over the collective model), interim_shortfall (the most by which the
        utility of a party that knows its type is below that of going alone), interim_gain (the most that such a party
        gains by a lie), all of these from dearest_rent on in units of the value; and of complete information, over all
        outcomes in which something comes together, unbalanced (the most by which what all give differs from the total,
        relatively) and surplus (the most by which what all can give for a larger total is above it, relatively; below 0
        none is possible; -1 without any such outcome).

    Raises
    ------
    MissingExtraError
        If clarabel or scipy is not installed.
    """
    rows = []
    for run in range(n_runs):
        progress("random programs", run, n_runs)
        n_types, n_parties = int(rng.integers(2, MOST_TYPES + 1)), int(rng.integers(2, MOST_PARTIES + 1))
        costs = np.sort(10.0 ** rng.uniform(-3, 0, size=n_types))[::-1]
        given = costs, rng.dirichlet(np.ones(n_types)), n_parties
        rows.append({"n_types": n_types, "n_parties": n_parties} | _measured(solved_program(*given)))
    progress("random programs", n_runs, n_runs)
    return Table({name: [row[name] for row in rows] for name in rows[0]})


def _measured(program: Program) -> dict[str, float | bool]:
    contract, rewards = program.contract, program.rewards
    size = max(contract.expected_value, 1.0)
    unbalanced, surplus = _larger_totals(program.first_best, contract)
    return {
        "certified": contract.certified,
        "nobody": not contract.m.any(),
        "relative_gap": contract.relative_gap,
        "expected_value": contract.expected_value,
        "complete_information": program.first_best.expected_value,
        "falling": _falling(contract.m) + _falling(contract.t),
        "efficient_gap": float((contract.t_bar[-1] - contract.t[-1]) / size),
        "dearest_rent": float(contract.rent[0] / size),
        "least_rent": float(contract.rent.min() / size),
        "gain": max(rewards.largest_gain, 0.0) / size,
        "excess": max(rewards.largest_excess, 0.0) / size,
        "interim_shortfall": max(float((contract.reservation - program.own_type_utility).max()), 0.0) / size,
        "interim_gain": max(float(rewards.own_type_gain.max()), 0.0) / size,
        "unbalanced": unbalanced,
        "surplus": surplus,
    }


def _falling(offered: NDArray[np.float64]) -> float:
    """Return the most by which an offer falls from a type to the next cheaper one, relatively."""
    return max(0.0, float(-np.diff(offered).min())) / max(float(offered.max()), 1.0)


def _larger_totals(best: CompleteInformation, contract: Contract) -> tuple[float, float]:
    """Return how far the totals are from what is given, and the largest surplus of what can be given at larger ones."""
    built = best.total > 0
    if not built.any():
        return 0.0, -1.0
    counts, total = best.counts[built], best.total[built]
    unbalanced = np.abs((counts * best.m[built]).sum(axis=1) - total) / total
    larger = total[:, None] * MORE
    worth = LinearValuation(100.0).value(GeneralizationBound().value(larger.ravel())).reshape(larger.shape)
    each = counts / contract.costs  # a party gives at most what the best model is worth to it beyond going alone
    most = each.sum(axis=1)[:, None] * worth - (each @ contract.reservation)[:, None]
    return float(unbalanced.max()), float((most / larger - 1.0).max())
