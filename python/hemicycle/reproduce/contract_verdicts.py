"""What is claimed of contracts that pay with models, and the rules by which a measurement becomes a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.claims import Claim, Finding

if TYPE_CHECKING:
    from hemicycle.reproduce.contract_programs import Program
    from hemicycle.reproduce.contract_scenarios import Solved
    from hemicycle.table import Table

__all__ = ["on_convexity", "on_optima", "on_properties", "on_proposition_2", "on_truth", "on_upper_bound"]

OPTIMA = Claim(
    "optima",
    "the published contracts",
    "The published solver finds the optimal contracts of the three scenarios",
    "86.4783, 69.0521, 94.0134",
)
PROPOSITION_2 = Claim(
    "proposition_2",
    "complete information",
    "If every cost is known, all parties get the same best model and none has more than alone (proposition 2)",
    "one model for all",
)
PROPERTIES = Claim(
    "properties",
    "who gets what",
    "Cheaper types contribute no less and get no less, the cheapest gets the collective model, the dearest no rent",
    "always",
)
TRUTH = Claim(
    "truth",
    "no reason to lie",
    "Nobody gains by reporting another cost, and no reward is better than the collective model of any outcome",
    "never",
)
CONVEXITY = Claim(
    "convexity",
    "a convex program",
    "The contracting problem can be transformed into a convex one",
    "always",
)
UPPER_BOUND = Claim(
    "upper_bound",
    "what private costs cost",
    "A contract can do no better than if every cost were known",
    "never better",
    by_source=False,
)
ROUNDING = 1e-7
CERTIFIED = 1e-7


def on_optima(solved: tuple[Solved, ...]) -> Finding:
    """Judge the published contracts by certified upper bounds.

    Parameters
    ----------
    solved : tuple of Solved
        The scenarios.

    Returns
    -------
    Finding
        It holds if they are within 1e-7 of the optima, and with a condition if within 1e-4.
    """
    ours = [s.contract.expected_value for s in solved]
    short = [1 - s.scenario.expected_value / s.contract.expected_value for s in solved]
    gap = max(s.contract.relative_gap for s in solved)
    bunched = [len(np.unique(s.contract.m.round(3))) for s in solved]
    worst = max(short)
    return Finding(
        OPTIMA,
        "holds" if worst <= CERTIFIED else "holds with a condition" if worst <= 1e-4 else "does not hold",
        ", ".join(f"{value:.5f}" for value in ours),
        f"An interior-point method stops inside: it is low by {', '.join(f'{part:.1e}' for part in short)}, where "
        f"ours are within {gap:.0e} of an upper bound. In each scenario its five types get five different contracts; "
        f"the optima have {', '.join(map(str, bunched[:-1]))} and {bunched[-1]} different ones, since types bunch",
        {f"shortfall_{s.scenario.key}": part for s, part in zip(solved, short, strict=True)} | {"relative_gap": gap},
    )


def on_proposition_2(programs: Table) -> Finding:
    """Judge the first best.

    Parameters
    ----------
    programs : Table
        Of `random_programs`.

    Returns
    -------
    Finding
        It holds if in every outcome in which something comes together the parties give just that, up to rounding, and
        could not give any larger total.
    """
    unbalanced, surplus = (float(np.max(programs[name])) for name in ("unbalanced", "surplus"))
    return Finding(
        PROPOSITION_2,
        "holds" if unbalanced <= ROUNDING and surplus < 0 else "does not hold",
        f"{unbalanced:.0e} off at most, no larger total possible" if surplus < 0 else "a larger total is possible",
        "A party with the best model gives at most what that is worth to it beyond going alone, over its cost; with a "
        f"worse model it gives less. In every outcome of {len(programs):,} random programs in which something comes "
        f"together, the contributions add up to the total within {unbalanced:.0e} of it, and on a grid of larger "
        "totals, from 1.000001 to 1,000 times as much, what all can give at most falls short of what is needed: by "
        f"{-surplus:.0e} of it at least",
        {"unbalanced": unbalanced, "largest_surplus": surplus},
    )


def on_properties(programs: Table) -> Finding:
    """Judge the order of offers, and who gets all or nothing.

    Parameters
    ----------
    programs : Table
        Of `random_programs`.

    Returns
    -------
    Finding
        It holds if nothing differs by more than 1e-7 of the value where somebody contributes and the optimum is
        certified; with a condition if it is so for all but the rent of the dearest type.
    """
    rows = np.array(programs["certified"]) & ~np.array(programs["nobody"])
    worst = {
        name: float(np.abs(np.array(programs[name])[rows]).max(initial=0.0)) for name in ("falling", "efficient_gap")
    }
    rent = np.array(programs["dearest_rent"])[rows]
    paid = int((rent > ROUNDING).sum())
    holds = max(worst.values()) <= ROUNDING
    return Finding(
        PROPERTIES,
        "does not hold" if not holds else "holds with a condition" if paid else "holds",
        f"{rows.sum():,} of {rows.sum():,} programs" if holds else f"off by {max(worst.values()):.0e}",
        f"Of {rows.sum():,} certified random programs: offers fall by at most {worst['falling']:.0e}, the cheapest "
        f"type misses {worst['efficient_gap']:.0e} of the collective model, and the dearest has a rent in {paid:,}"
        + (": there a cheaper type that would rather train alone binds first" if paid else ""),
        worst | {"programs": float(rows.sum()), "dearest_with_rent": float(paid)},
    )


def on_truth(programs: Table) -> Finding:
    """Judge all reports against all types, and all rewards against all outcomes.

    Parameters
    ----------
    programs : Table
        Of `random_programs`.

    Returns
    -------
    Finding
        It holds if neither a gain nor an excess is more than 1e-7 of the value.
    """
    gain, excess = (float(np.max(programs[name])) for name in ("gain", "excess"))
    return Finding(
        TRUTH,
        "holds" if max(gain, excess) <= ROUNDING else "does not hold",
        f"{max(gain, excess):.0e} at most",
        f"In {len(programs):,} random programs the best lie gains {gain:.0e} of the value in expectation, and in no "
        f"outcome is a reward above the collective model by more than {excess:.0e}",
        {"gain": gain, "excess": excess},
    )


def on_convexity(programs: Table) -> Finding:
    """Judge how often the convex program is the problem itself.

    Parameters
    ----------
    programs : Table
        Of `random_programs`.

    Returns
    -------
    Finding
        It holds where every outcome has enough data for an accuracy above 0.
    """
    certified, nobody = np.array(programs["certified"]), np.array(programs["nobody"])
    open_ = int((~certified & ~nobody).sum())
    gaps = np.array(programs["relative_gap"])[~certified]
    worst = f", and {gaps.max():.0e} at most from an upper bound" if len(gaps) else ""
    return Finding(
        CONVEXITY,
        "holds" if not open_ else "holds with a condition",
        f"in {int(certified.sum()):,} of {len(certified):,} programs",
        "The accuracy is 0 up to a threshold, where it has a kink: the program is convex as long as every outcome "
        f"has more data than that. In {open_:,} of the random programs the best contract found lets an outcome fall "
        f"below it; it is said not to be certified{worst}",
        {"certified": float(certified.mean()), "largest_gap_else": float(gaps.max()) if len(gaps) else 0.0},
    )


def on_upper_bound(programs: Table, example: Program) -> Finding:
    """Judge whether complete information bounds what a contract can do.

    Parameters
    ----------
    programs : Table
        Of `random_programs`.
    example : Program
        Of `example_program`.

    Returns
    -------
    Finding
        It holds if no contract has a larger expected value.
    """
    over = np.array(programs["expected_value"]) - np.array(programs["complete_information"])
    better = int((over > ROUNDING * np.array(programs["expected_value"])).sum())
    cost = float(np.mean(-over / np.maximum(programs["complete_information"], 1e-300)))
    known, own = example.first_best.expected_value, example.contract.expected_value
    return Finding(
        UPPER_BOUND,
        "holds" if not better else "holds with a condition",
        f"better in {better:,} of {len(over):,} programs",
        f"On average private costs take {cost:.1%} of the value. A contract holds in expectation: it may ask a party "
        "to give more in one outcome than it is worth there, and repay it in others. Complete information as it is "
        "defined holds outcome by outcome, and is no bound for that. Of two parties with costs 0.5 and 0.006 and "
        f"probabilities 0.8 and 0.2 the contract is worth {own:.2f}, complete information {known:.2f}",
        {"better": float(better), "mean_information_cost": cost, "most": float(over.max())}
        | {"example": own, "example_known": known},
    )
