"""Optimal contracts of "Paid with Models": what is proved of them, and what they are good for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce import contract_benefits, contract_figures, contract_verdicts
from hemicycle.reproduce.claims import Figure, Reproduction
from hemicycle.reproduce.contract_programs import example_program, random_programs
from hemicycle.reproduce.contract_scenarios import N_PARTIES, beside_published, by_arrangement, solved_scenarios
from hemicycle.reproduce.contract_surfaces import surface_table, surfaces
from hemicycle.table import Table

if TYPE_CHECKING:
    from hemicycle.reproduce.claims import Progress
    from hemicycle.reproduce.contract_scenarios import Solved

__all__ = ["SOURCE", "contracts"]

SOURCE = "Paid with Models: Optimal Contract Design for Collaborative Machine Learning (AAAI 2025)"
NOTE = (
    f"Three scenarios of five equally likely types and {N_PARTIES} parties, with the accuracy of a generalisation "
    "bound and 100 for a perfect model; published are the answers of its authors' code. Properties are judged on "
    "random programs of 2 to 6 types and 2 to 12 parties. A contract is certified by an upper bound from another "
    "program, where every outcome has enough data for an accuracy above 0."
)


def contracts(n_runs: int, seed: int, progress: Progress) -> Reproduction:
    """Solve the published scenarios, random programs and grids of two types, and judge what is claimed.

    Parameters
    ----------
    n_runs : int
        Random programs, at least 1.
    seed : int
        Seed of them.
    progress : callable
        Told what is going on.

    Returns
    -------
    Reproduction
        The findings, and the tables and figures behind them.

    Raises
    ------
    MissingExtraError
        If clarabel or scipy is not installed.
    """
    solved = solved_scenarios(progress)
    programs = random_programs(n_runs, np.random.default_rng(seed), progress)
    example = example_program()
    grids = surfaces(progress)
    return Reproduction(
        name="contracts",
        source=SOURCE,
        options={"runs": n_runs, "seed": seed},
        findings=(
            contract_verdicts.on_optima(solved),
            contract_verdicts.on_proposition_2(programs),
            contract_verdicts.on_properties(programs),
            contract_verdicts.on_truth(programs),
            contract_verdicts.on_convexity(programs),
            contract_benefits.on_free_riding(solved),
            contract_benefits.on_fixed_rewards(solved),
            contract_benefits.on_own_type(programs, example),
            contract_verdicts.on_upper_bound(programs, example),
            contract_benefits.on_information_cost(grids),
            contract_benefits.on_rents(solved, grids),
        ),
        tables={
            "contracts": beside_published(solved),
            "arrangements": by_arrangement(solved),
            "rewards": _rewards(solved),
            "programs": programs,
            "surfaces": surface_table(grids),
        },
        note=NOTE,
        figures={
            "offers": Figure(8.4, 4.2, partial(contract_figures.draw_offers, solved)),
            "rewards": Figure(8.4, 3.0, partial(contract_figures.draw_rewards, solved)),
            "arrangements": Figure(6.0, 3.0, partial(contract_figures.draw_arrangements, solved)),
            "surfaces": Figure(8.4, 4.4, partial(contract_figures.draw_surfaces, grids)),
        },
    )


def _rewards(solved: tuple[Solved, ...]) -> Table:
    rows = [{"scenario": s.scenario.key} | row for s in solved for row in s.rewards.table()]
    return Table({name: [row[name] for row in rows] for name in rows[0]})
