"""What contracts are good for: beside free riding, beside fixed rewards, for whom, and knowing what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.claims import Claim, Finding

if TYPE_CHECKING:
    from hemicycle.contracts import Welfare
    from hemicycle.reproduce.contract_programs import Program
    from hemicycle.reproduce.contract_scenarios import Solved
    from hemicycle.table import Table

__all__ = ["on_fixed_rewards", "on_free_riding", "on_information_cost", "on_own_type", "on_rents"]

FREE_RIDING = Claim(
    "free_riding",
    "everyone gets the model",
    "If everyone gets the collective model whatever it gives, only the cheapest type gives, and as much as alone",
    "445.7, nothing, 5,507.6",
)
FIXED = Claim(
    "fixed_rewards",
    "models promised in advance",
    "Rewards must depend on what comes together: the same promises as fixed models could not always be kept",
    "insolvent at times",
)
OWN_TYPE = Claim(
    "own_type",
    "knowing one's own type",
    "A party that knows its own type, and not the others', expects no less than alone, and gains nothing by a lie",
    "always",
    by_source=False,
)
INFORMATION = Claim(
    "information_cost",
    "the coordinator's cost",
    "What private costs take from the collective model falls as more parties come",
    "falls",
    by_source=False,
)
RENTS = Claim(
    "rents",
    "the parties' rents",
    "Parties gain by their private costs, the cheaper the more",
    "rise with efficiency",
    by_source=False,
)
ROUNDING = 1e-7
ALONE = (445.71589, 0.0, 5507.628845)
NEAR = 2e-4


def on_free_riding(solved: tuple[Solved, ...]) -> Finding:
    """Judge what comes together without a contract.

    Parameters
    ----------
    solved : tuple of Solved
        The scenarios.

    Returns
    -------
    Finding
        It holds if the amounts are the published ones, no party has a better reply, and the contract is worth more.
    """
    totals = [float(s.free.total[-1]) for s in solved]
    near = all(abs(total - alone) <= NEAR * max(alone, 1.0) for total, alone in zip(totals, ALONE, strict=True))
    gain = max(s.free.largest_gain for s in solved)
    worth = [(s.free.expected_value, s.contract.expected_value) for s in solved]
    better = all(contract > free for free, contract in worth)
    return Finding(
        FREE_RIDING,
        "holds" if near and gain <= 1e-7 and better else "does not hold",
        ", ".join(f"{total:,.1f}" if total else "nothing" for total in totals),
        f"No party gains more than {gain:.0e} by any other amount. (Near 5,507 the utility is flat: the published "
        "amount is 0.01% off, where the slope is not 0.) The model is then worth "
        f"{', '.join(f'{free:.1f}' for free, _ in worth)} in expectation, under the contract "
        f"{', '.join(f'{contract:.1f}' for _, contract in worth)}",
        {f"total_{s.scenario.key}": total for s, total in zip(solved, totals, strict=True)} | {"gain": gain},
    )


def on_fixed_rewards(solved: tuple[Solved, ...]) -> Finding:
    """Judge promises of fixed models.

    Parameters
    ----------
    solved : tuple of Solved
        The scenarios.

    Returns
    -------
    Finding
        It holds if some promise cannot be kept in some outcome of each scenario; with a condition if of some.
    """
    broken = [s.fixed.any_insolvency for s in solved]
    unused = [s.fixed.unused_per_party for s in solved]
    some = sum(part > 0 for part in broken)
    return Finding(
        FIXED,
        "holds" if some == len(broken) else "holds with a condition" if some else "does not hold",
        ", ".join(f"{part:.0%}" for part in broken),
        "Probability that a promise is worth more than the collective model. Where all types contribute the same, "
        "every outcome has the same data and nothing can go wrong. Kept as fixed models, promises leave "
        f"{', '.join(f'{part:.2f}' for part in unused)} of worth unused for each party",
        {f"insolvency_{s.scenario.key}": part for s, part in zip(solved, broken, strict=True)},
    )


def on_own_type(programs: Table, example: Program) -> Finding:
    """Judge contracts by what a party expects that knows its type.

    Parameters
    ----------
    programs : Table
        Of `random_programs`.
    example : Program
        Of `example_program`.

    Returns
    -------
    Finding
        It holds if neither a shortfall nor a gain is more than 1e-7 of the value; with a condition if in most programs.
    """
    short, gain = (np.array(programs[name]) for name in ("interim_shortfall", "interim_gain"))
    alone, lie = int((short > ROUNDING).sum()), int((gain > ROUNDING).sum())
    much = int((short > 0.01).sum())
    broken = int(((short > ROUNDING) | (gain > ROUNDING)).sum())
    pays = float((example.contract.costs * example.contract.m)[0])
    expects = float(example.rewards.own_type_mean[0])
    return Finding(
        OWN_TYPE,
        "holds" if not broken else "holds with a condition" if broken < len(short) / 2 else "does not hold",
        f"broken in {broken:,} of {len(short):,} programs",
        "Taking part and telling the truth hold under the published expectation, over the outcomes with somebody of "
        "the type. Given its own type and N - 1 independent others, some type does better alone in "
        f"{alone:,} programs, by up to {short.max():.1%} of the value (by more than 1% in {much:,}), and some type "
        f"gains by a lie in {lie:,}, by up to {gain.max():.1%}. Of two parties with costs 0.5 and 0.006 and "
        f"probabilities 0.8 and 0.2 the dearer type pays {pays:.2f} and expects {expects:.2f}",
        {"shortfall": float(short.max()), "gain": float(gain.max()), "programs_alone": float(alone)}
        | {
            "programs_above_1_percent": float(much),
            "programs_lie": float(lie),
            "example_pays": pays,
            "example_expects": expects,
        },
    )


def on_information_cost(found: dict[str, Welfare]) -> Finding:
    """Judge how the information cost changes with the number of parties.

    Parameters
    ----------
    found : dict of str to Welfare
        Of `surfaces`.

    Returns
    -------
    Finding
        It holds if it falls from the fewest to the most parties at every share; with a condition if on average.
    """
    change = {name: grid.information_cost[-1] - grid.information_cost[0] for name, grid in found.items()}
    share = float(np.mean([(part < 0).mean() for part in change.values()]))
    first, last = ({name: float(grid.information_cost[row].mean()) for name, grid in found.items()} for row in (0, -1))
    sizes = next(iter(found.values())).n_parties
    said = "; ".join(f"{name}, {first[name]:.2f} to {last[name]:.2f}" for name in found)
    rising = " or ".join(name for name in found if last[name] > first[name])
    below = " or ".join(name for name in found if first[name] < 0)
    train = f". The mean rises where {rising.removesuffix(' train alone')} train alone" if rising else ""
    less = f", and is below 0 at {sizes[0]} parties where {below.removesuffix(' train alone')}" if below else ""
    return Finding(
        INFORMATION,
        "holds" if share == 1 else "holds with a condition" if share > 0.5 else "does not hold",
        f"at {share:.0%} of shares",
        f"Mean over shares of the cheaper type, from {sizes[0]} to {sizes[-1]} parties: {said}{train}{less}. Below 0 "
        "the contract is worth more than complete information, which holds outcome by outcome",
        {f"change_{name.replace(' ', '_')}": last[name] - first[name] for name in found},
    )


def on_rents(solved: tuple[Solved, ...], found: dict[str, Welfare]) -> Finding:
    """Judge what parties gain by their private costs.

    Parameters
    ----------
    solved : tuple of Solved
        The scenarios.
    found : dict of str to Welfare
        Of `surfaces`.

    Returns
    -------
    Finding
        It holds if rents rise with efficiency in every scenario; with a condition if only utilities do.
    """
    rising = [bool((np.diff(s.contract.rent) >= -1e-7).all()) for s in solved]
    utility = all(bool((np.diff(s.contract.utility) >= -1e-7).all()) for s in solved)
    most = max(float(grid.rent.max()) for grid in found.values())
    none = float(np.mean([(grid.rent[..., -1] <= 1e-6).mean() for grid in found.values()]))
    return Finding(
        RENTS,
        "holds" if all(rising) else "holds with a condition" if utility else "does not hold",
        f"in {sum(rising)} of {len(rising)} scenarios",
        "Utilities always do. A rent is utility above that of going alone, which rises, too: where a type would "
        "train alone for much, it has less rent than a dearer one, or none. Of two types the cheaper has up to "
        f"{most:.1f}, and none in {none:.0%} of the cells, where it is so frequent that the contract is made for it",
        {"scenarios_rising": float(sum(rising)), "largest_rent": most, "cells_without_rent": none},
    )
