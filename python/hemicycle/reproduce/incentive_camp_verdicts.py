"""Verdicts on where the sum-Gaussian score places modellers, and on the weight that the smaller camp gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hemicycle.reproduce.claims import Claim, Finding
from hemicycle.reproduce.incentive_fits import STARTS
from hemicycle.reproduce.incentive_pools import MECHANISMS
from hemicycle.reproduce.paired_runs import verdict_over_cases

if TYPE_CHECKING:
    from hemicycle.reproduce.incentive_pools import Pools

__all__ = ["on_both_camps", "on_minority"]

CAMPS = Claim(
    "both_camps",
    "modellers on both sides",
    "Under the sum-Gaussian modellers who begin between the camps join both, whatever the shares",
    "both",
    by_source=False,
)
MINORITY = Claim(
    "minority_mass",
    "the minority's weight",
    "Where modellers stand in both camps stacking on labels gives the smaller one the weight of its labels",
    "proportional",
    by_source=False,
)
NEAR = 1 / 3  #: how far the weight of a camp may be from its part of the labels, as a part of that
BOTH = 0.1  #: part of the modellers that stand in a camp, at least, for it to have any


def on_both_camps(pools: Pools) -> Finding:
    """Judge whether modellers without a side join both camps.

    Parameters
    ----------
    pools : Pools
        What was measured.

    Returns
    -------
    Finding
        It holds if a tenth stands in either camp at the largest distance and number of pairs, at every share.
    """
    both = {
        f"{share:.0%}": tuple(
            float(pools.of(camp, start, "sum_gaussian")[s, -1, -1].mean())
            for start in STARTS
            for camp in ("majority", "minority")
        )
        for s, share in enumerate(pools.grid.shares)
    }
    held = {share: 1 if min(parts[:2]) >= BOTH else -1 for share, parts in both.items()}
    return Finding(
        CAMPS,
        verdict_over_cases(held, pools.values.shape[-1]),
        "at " + (", ".join(share for share, value in held.items() if value == 1) or "no share"),
        f"Part of the modellers in the larger and in the smaller camp at distance {pools.grid.distances[-1]:g} and "
        f"{pools.grid.pairs[-1]} pairs: "
        + ", ".join(
            f"{share} {p[0]:.2f} and {p[1]:.2f} (partisans {p[2]:.2f} and {p[3]:.2f})" for share, p in both.items()
        ),
        {f"{share} {k}": value for share, parts in both.items() for k, value in enumerate(parts)},
    )


def on_minority(pools: Pools) -> Finding:
    """Judge the weight of the smaller camp under stacking, where partisans stand in both.

    Parameters
    ----------
    pools : Pools
        What was measured.

    Returns
    -------
    Finding
        It holds if it is within a third of the part of the labels at the largest distance and number of pairs.
    """
    mass = {
        f"{share:.0%}": {
            mechanism: float(pools.of(f"{mechanism}_minority", "partisan", "sum_gaussian")[s, -1, -1].mean())
            for mechanism in MECHANISMS
        }
        for s, share in enumerate(pools.grid.shares)
    }
    held = {
        f"{share:.0%}": 1 if abs(mass[f"{share:.0%}"]["stacking"] / (1 - share) - 1) <= NEAR else -1
        for share in pools.grid.shares
    }
    return Finding(
        MINORITY,
        verdict_over_cases(held, pools.values.shape[-1]),
        ", ".join(f"{of['stacking']:.2f}" for of in mass.values()) + " at shares " + ", ".join(mass),
        "Weight of the smaller camp under averaging, power posterior, least squares and stacking: "
        + "; ".join(f"{share} " + ", ".join(f"{value:.2f}" for value in of.values()) for share, of in mass.items()),
        {f"{share} {mechanism}": value for share, of in mass.items() for mechanism, value in of.items()},
    )
