"""Contracts for parties at random: whether the properties hold that are proved of optimal ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.contracts import complete_information, optimal_contract, realised_rewards
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.contracts import CompleteInformation
    from hemicycle.reproduce.claims import Progress

__all__ = ["random_programs"]

MOST_TYPES = 6
MOST_PARTIES = 12


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
        gain (by a lie), excess (of a reward over the collective model) and different_models (of parties under complete
        information), all in units of the value.

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
        contract = optimal_contract(*given)
        rewards, best = realised_rewards(contract), complete_information(*given)
        size = max(contract.expected_value, 1.0)
        rows.append(
            {
                "n_types": n_types,
                "n_parties": n_parties,
                "certified": contract.certified,
                "nobody": not contract.m.any(),
                "relative_gap": contract.relative_gap,
                "expected_value": contract.expected_value,
                "complete_information": best.expected_value,
                "falling": _falling(contract.m) + _falling(contract.t),
                "efficient_gap": float((contract.t_bar[-1] - contract.t[-1]) / size),
                "dearest_rent": float(contract.rent[0] / size),
                "least_rent": float(contract.rent.min() / size),
                "gain": max(rewards.largest_gain, 0.0) / size,
                "excess": max(rewards.largest_excess, 0.0) / size,
                "different_models": _worse_off(best, contract.reservation, costs) / size,
            }
        )
    progress("random programs", n_runs, n_runs)
    return Table({name: [row[name] for row in rows] for name in rows[0]})


def _falling(offered: NDArray[np.float64]) -> float:
    """Return the most by which an offer falls from a type to the next cheaper one, relatively."""
    return max(0.0, float(-np.diff(offered).min())) / max(float(offered.max()), 1.0)


def _worse_off(best: CompleteInformation, alone: NDArray[np.float64], costs: NDArray[np.float64]) -> float:
    """Return by how much a party of the first best, with the collective model, differs from one that is alone."""
    built = best.total > 0
    utility = best.value[:, None] - best.m * costs
    there = (best.counts > 0) & built[:, None]
    return float(np.abs(np.where(there, utility - alone, 0.0)).max(initial=0.0))
