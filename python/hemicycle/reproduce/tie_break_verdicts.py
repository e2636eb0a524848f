"""Claims about what optimal weights leave open, and the rules by which a measurement becomes a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.claims import Claim, Finding

if TYPE_CHECKING:
    from hemicycle.reproduce.claims import Verdict
    from hemicycle.table import Table

__all__ = ["on_freedom", "on_share_ranges", "on_slsqp"]

NEAREST = Claim(
    "slsqp_nearest", "optimum of SLSQP", "scipy's SLSQP returns the optimum that is nearest to its start", "the nearest"
)
FREEDOM = Claim(
    "freedom",
    "least squares: more models than labels",
    "Where models outnumber labels the weights of least squares are not determined",
    "undetermined",
    by_source=False,
)
SHARES = Claim(
    "share_ranges",
    "least squares: shares left open",
    "Where the weights are not determined, neither is the allocation",
    "undetermined",
    by_source=False,
)


def on_slsqp(table: Table) -> Finding:
    """Judge whether SLSQP stops at the optimum nearest to its start.

    Parameters
    ----------
    table : Table
        Of `slsqp_distances`.

    Returns
    -------
    Finding
        It holds if the weights at the tightest tolerance are within 0.01, in L1, of the nearest optimum's in every
        instance.
    """
    tight = table["ftol"] == table["ftol"].min()
    apart, farther = table["weights_l1"][tight], table["farther"][tight]
    paid = [table[f"allocation_l1_{mean}"][tight] for mean in ("geometric", "arithmetic")]
    by_tolerance = {f"{ftol:g}": float(np.median(table["weights_l1"][table["ftol"] == ftol]))
                    for ftol in np.unique(table["ftol"])}  # fmt: skip
    medians = ", ".join(f"{value:.3f} at {ftol}" for ftol, value in reversed(by_tolerance.items()))
    return Finding(
        NEAREST,
        "holds" if apart.max() <= 0.01 else "does not hold",
        f"{apart.min():.2f} to {apart.max():.2f} away (L1)",
        f"It stops {farther.min():.2f} to {farther.max():.2f} times as far from uniform weights, its start, as the "
        f"nearest optimum. The allocation moves by {paid[0].min():.3f} to {paid[0].max():.3f} (geometric mean) and "
        f"{paid[1].min():.3f} to {paid[1].max():.3f} (arithmetic). Median distance by tolerance: {medians}",
        {"l1_least": float(apart.min()), "l1_median": float(np.median(apart)), "l1_most": float(apart.max()),
         "farther_least": float(farther.min()), "farther_most": float(farther.max()),
         "allocation_geometric_most": float(paid[0].max()), "allocation_arithmetic_most": float(paid[1].max())},
    )  # fmt: skip


def on_freedom(table: Table) -> Finding:
    """Judge whether weights are undetermined as soon as models outnumber labels.

    Parameters
    ----------
    table : Table
        Of `freedom_by_pool_size`.

    Returns
    -------
    Finding
        It holds if no pool of 12 models or more has one optimum only, and with a condition if some have.
    """
    kind = np.array(table["kind"])
    more = table["models"] >= 12
    unique, exact = table["unique"][more], table["fits_exactly"][more]
    verdict: Verdict = "holds with a condition" if unique.min() < 1 else "does not hold"
    if not unique.any():
        verdict = "holds"
    free = {
        (k, int(n)): float(d) for k, n, d in zip(kind, table["models"], table["free_dimensions"], strict=True)
    }  # fmt: skip
    return Finding(
        FREEDOM,
        verdict,
        f"{free['unbiased', 40]:.0f} free dimensions of 40",
        "Only where a blend matches every label, and then models less labels less one dimensions are free. 10 labels: "
        f"of 40 models spread evenly around them {free['unbiased', 40]:.1f}, of 40 random ones "
        f"{free['random', 40]:.1f}, of 400 random ones {free['random', 400]:.1f}",
        {f"{k}_{n}": value for (k, n), value in free.items()}
        | {"unique_or_exact_least": float((unique + exact).min())},
    )


def on_share_ranges(table: Table, distances: Table) -> Finding:
    """Judge whether the allocation is left open where the weights are.

    Parameters
    ----------
    table : Table
        Of `share_ranges`.
    distances : Table
        Of `slsqp_distances`: two optima of each instance.

    Returns
    -------
    Finding
        It does not hold if no share moves by 0.01, and holds with a condition if the geometric mean pays two optima the
        same among items that comparisons connect.
    """
    ranges = {name: table[name] for name in table.columns if name != "models"}
    widest = {name: float(values[-1]) for name, values in ranges.items()}
    tight = distances["ftol"] == distances["ftol"].min()
    connected = float(distances["judged_l1_geometric"][tight].max())
    verdict: Verdict = "holds with a condition" if connected < 1e-4 else "holds"
    if max(widest.values()) < 0.01:
        verdict = "does not hold"
    row = int(np.flatnonzero(table["models"] == 40)[0])
    forty = {name: float(values[row]) for name, values in ranges.items()}
    return Finding(
        SHARES,
        verdict,
        f"up to {max(forty['arithmetic_judged'], forty['arithmetic_unjudged']):.2f} of the budget",
        f"40 models and 10 labels: the share of some judged item moves by {forty['arithmetic_judged']:.2f} under the "
        f"arithmetic mean and {forty['geometric_judged']:.2f} under the geometric, of one that nobody judged by "
        f"{forty['arithmetic_unjudged']:.2f} and {forty['geometric_unjudged']:.2f}, and by more in larger pools. Among "
        f"items that comparisons connect nothing moves under the geometric mean: {connected:.0e} between two optima",
        {f"{name}_{int(table['models'][-1])}": value for name, value in widest.items()}
        | {f"{name}_40": value for name, value in forty.items()}
        | {"connected_l1": connected},
    )
