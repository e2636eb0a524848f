"""The three scenarios of "Paid with Models", solved again beside the published answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.contracts import (
    CompleteInformation,
    Contract,
    FixedRewards,
    FreeRiding,
    RealisedRewards,
    complete_information,
    fixed_rewards,
    free_riding,
    optimal_contract,
    realised_rewards,
)
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.reproduce.claims import Progress

__all__ = ["N_PARTIES", "SCENARIOS", "Scenario", "Solved", "beside_published", "by_arrangement", "solved_scenarios"]

N_PARTIES = 10
PROBABILITIES = (0.2, 0.2, 0.2, 0.2, 0.2)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Types of parties, and what the published solver (scipy's trust-constr) answers for them.

    Attributes
    ----------
    key, title : str
        Its name in files, and what it stands for.
    costs : tuple of float
        Cost of a unit of data of each type.
    m, t : tuple of float
        The published contract.
    expected_value : float
        Its published objective.
    """

    key: str
    title: str
    costs: tuple[float, ...]
    m: tuple[float, ...]
    t: tuple[float, ...]
    expected_value: float


SCENARIOS = (
    Scenario(
        "big_firms",
        "big-firm cooperation: every type would train alone",
        (0.2, 0.16, 0.12, 0.08, 0.04),
        (391.017693, 391.784193, 392.384733, 393.148302, 424.686938),
        (84.973635, 85.096275, 85.16834, 85.229426, 86.490971),
        86.478273,
    ),
    Scenario(
        "small_parties",
        "small-party teamwork: no type would train alone",
        (1.0, 0.85, 0.7, 0.55, 0.4),
        (69.033775, 69.041726, 69.042908, 69.056428, 69.063962),
        (69.033775, 69.040533, 69.041361, 69.048797, 69.05181),
        69.052095,
    ),
    Scenario(
        "big_and_small",
        "big-and-small collaboration: some would",
        (0.5, 0.4, 0.03, 0.02, 0.001),
        (104.364004, 104.39742, 1166.446026, 1166.658283, 11740.426809),
        (52.182002, 52.195369, 84.056827, 84.061072, 94.63484),
        94.01341,
    ),
)


@dataclass(frozen=True, slots=True)
class Solved:
    """A scenario and all that is found for it."""

    scenario: Scenario
    contract: Contract
    rewards: RealisedRewards
    fixed: FixedRewards
    first_best: CompleteInformation
    free: FreeRiding


def solved_scenarios(progress: Progress) -> tuple[Solved, ...]:
    """Solve the scenarios.

    Parameters
    ----------
    progress : callable
        Told what is going on.

    Returns
    -------
    tuple of Solved
        One a scenario.

    Raises
    ------
    MissingExtraError
        If clarabel or scipy is not installed.
    """
    found = []
    for done, scenario in enumerate(SCENARIOS):
        progress("scenarios", done, len(SCENARIOS))
        given = scenario.costs, PROBABILITIES, N_PARTIES
        contract = optimal_contract(*given, tol=1e-9)
        found.append(
            Solved(
                scenario,
                contract,
                realised_rewards(contract),
                fixed_rewards(contract),
                complete_information(*given),
                free_riding(*given),
            )
        )
    progress("scenarios", len(SCENARIOS), len(SCENARIOS))
    return tuple(found)


def beside_published(solved: tuple[Solved, ...]) -> Table:
    """Return our contracts beside the published ones.

    Parameters
    ----------
    solved : tuple of Solved
        The scenarios.

    Returns
    -------
    Table
        One row a type: scenario, cost, reservation, m, published_m, t, published_t, t_bar, utility, published_utility
        and rent.
    """
    columns: dict[str, Any] = {"scenario": [s.scenario.key for s in solved for _ in s.scenario.costs]}

    def of_types(values: Any) -> NDArray[np.float64]:
        return np.concatenate([np.asarray(values(s), dtype=np.float64) for s in solved])

    columns["cost"] = of_types(lambda s: s.scenario.costs)
    columns["reservation"] = of_types(lambda s: s.contract.reservation)
    for name in ("m", "t"):
        columns[name] = of_types(lambda s, name=name: getattr(s.contract, name))
        columns[f"published_{name}"] = of_types(lambda s, name=name: getattr(s.scenario, name))
    columns["t_bar"] = of_types(lambda s: s.contract.t_bar)
    columns["utility"] = of_types(lambda s: s.contract.utility)
    columns["published_utility"] = of_types(
        lambda s: np.array(s.scenario.t) - np.array(s.scenario.costs) * np.array(s.scenario.m)
    )
    columns["rent"] = of_types(lambda s: s.contract.rent)
    return Table(columns)


def by_arrangement(solved: tuple[Solved, ...]) -> Table:
    """Return what the collective model is worth under each arrangement.

    Parameters
    ----------
    solved : tuple of Solved
        The scenarios.

    Returns
    -------
    Table
        One row a scenario: free_riding, free_riding_total (given by the cheapest type where it is there), contract,
        published, complete_information, information_cost, expected_rent, insolvency and unused of fixed rewards.
    """
    rows = [
        {
            "scenario": s.scenario.key,
            "free_riding": s.free.expected_value,
            "free_riding_total": float(s.free.total[-1]),
            "contract": s.contract.expected_value,
            "upper_bound": 100 * s.contract.upper_bound,
            "published": s.scenario.expected_value,
            "published_shortfall": 1 - s.scenario.expected_value / s.contract.expected_value,
            "complete_information": s.first_best.expected_value,
            "information_cost": s.first_best.expected_value - s.contract.expected_value,
            "expected_rent": float(s.contract.probabilities @ s.contract.rent),
            "insolvency": s.fixed.any_insolvency,
            "unused": s.fixed.unused_per_party,
        }
        for s in solved
    ]
    return Table({name: [row[name] for row in rows] for name in rows[0]})
