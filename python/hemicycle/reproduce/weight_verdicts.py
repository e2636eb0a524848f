"""Claims about weights over random models, and the rules by which a measurement becomes a verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.claims import Claim, Finding

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from hemicycle.reproduce.claims import Verdict
    from hemicycle.reproduce.weight_order import WeightOrder
    from hemicycle.table import Table

__all__ = ["on_pool_growth", "on_weight_order"]

SPEARMAN = Claim(
    "spearman",
    "squared error against weight",
    "Least squares over 5 random models and 10 random labels: mean rank correlation of a model's error and its weight",
    "-0.70",
)
INVERSIONS = Claim(
    "inversions",
    "pairs that weights invert",
    "In the same runs, pairs of models of which the worse one has more weight",
    "about 0.20",
)
SORTED = Claim(
    "sorted", "runs sorted by weight", "In the same runs, those whose weights sort all five models", "about 0.01"
)
DOUBLED = Claim(
    "doubled",
    "twice the weight, and worse",
    "In some of the same runs a worse model has more than twice the weight of a better one",
    "occurs",
)
RATIO_BMA = Claim(
    "ratio_bma",
    "averaging: ratio of two weights",
    "Under averaging the ratio of two models' weights does not depend on who else is in the pool",
    "constant",
    by_source=False,
)
RATIO_LEAST_SQUARES = Claim(
    "ratio_least_squares",
    "least squares: what weight follows",
    "Under least squares it does: the weight of a model goes by what it adds to the others",
    "what a model adds",
    by_source=False,
)

SPEARMAN_CLAIMED, INVERSIONS_CLAIMED, SORTED_CLAIMED = -0.70, 0.20, 0.01


def on_weight_order(order: WeightOrder) -> tuple[Finding, ...]:
    """Judge the claims about random pools.

    Parameters
    ----------
    order : WeightOrder
        What was measured.

    Returns
    -------
    tuple of Finding
        Four of them. A number holds if it is within 0.02 of the one claimed (0.01 for sorted runs, a factor of two at
        most), widened by two standard errors; where these are more than that, there are too few runs to say.
    """
    n_runs = len(order.spearman)
    mean, error = _mean(order.spearman)
    spearman = Finding(
        SPEARMAN,
        _verdict([abs(mean - SPEARMAN_CLAIMED)], 0.02, error),
        f"{mean:.3f}",
        f"{n_runs:,} runs, standard error {error:.4f}; models and labels are standard normal",
        {"spearman": mean, "standard_error": error},
    )
    return spearman, _on_inversions(order), _on_sorted(order), _on_doubled(order)


def _on_inversions(order: WeightOrder) -> Finding:
    strict, error = _mean(order.inversions / order.n_pairs)
    counted, _ = _mean((order.inversions + order.ties) / order.n_pairs)
    noisy, _ = _mean(order.slsqp_inversions / order.n_pairs)
    halved = (strict + counted) / 2
    return Finding(
        INVERSIONS,
        _verdict([abs(share - INVERSIONS_CLAIMED) for share in (strict, halved)], 0.02, error),
        f"{strict:.3f}, with ties {counted:.3f}",
        f"Two models of weight zero tie: {strict:.3f} if ties do not count, {counted:.3f} if they do, {halved:.3f} if "
        f"chance breaks them; SLSQP leaves noise of 1e-16 in place of half the zeros: {noisy:.3f} in "
        f"{len(order.slsqp_inversions):,} runs",
        {"strict": strict, "ties_counted": counted, "ties_halved": halved, "slsqp": noisy, "standard_error": error},
    )


def _on_sorted(order: WeightOrder) -> Finding:
    allowed, _ = _mean(order.inversions == 0)
    strict, error = _mean(order.inversions + order.ties == 0)
    noisy, _ = _mean(order.slsqp_inversions == 0)
    return Finding(
        SORTED,
        _verdict([abs(strict - SORTED_CLAIMED)], 0.01, error),
        f"{strict:.3f}, with ties {allowed:.3f}",
        f"{strict:.3f} if a tie of two zeros is no sort, {allowed:.3f} if it is one, {noisy:.3f} by SLSQP's weights, "
        f"with noise in place of half the zeros; a random order is sorted in 1 run of {math.factorial(order.n_models)}",
        {"strict": strict, "ties_allowed": allowed, "slsqp": noisy, "standard_error": error},
    )


def _on_doubled(order: WeightOrder) -> Finding:
    any_, above = _mean(order.doubled)[0], _mean(order.doubled_above_zero)[0]
    return Finding(
        DOUBLED,
        "holds" if any_ > 0 else "does not hold",
        f"{any_:.3f} of runs",
        f"In {above:.3f} of the runs the better model has some weight, too",
        {"runs": any_, "runs_above_zero": above},
    )


def on_pool_growth(table: Table, order: WeightOrder) -> tuple[Finding, Finding]:
    """Judge whether the ratio of two models' weights depends on the pool.

    Parameters
    ----------
    table : Table
        Of `pool_growth`.
    order : WeightOrder
        For how weights go with marginal contributions.

    Returns
    -------
    tuple of Finding
        Of averaging, and of least squares. A ratio is constant if it changes by less than one part in a million;
        weights go by what models add if their mean rank correlation is above 0.9.
    """
    change = float(table["bma_ratio_change"].max())
    both, reversed_ = float(table["both_seated"][3]), float(table["order_reversed"].max())
    contribution, loss = _mean(order.weight_by_contribution)[0], _mean(order.contribution_by_loss)[0]
    size, most = int(table["models"][3]), int(table["models"][-1])
    averaging = Finding(
        RATIO_BMA,
        "holds" if change < 1e-6 else "does not hold",
        f"changes by {change:.0e} at most",
        f"Relative change while pools grow from 2 to {most} models",
        {"change": change},
    )
    depends = both < 1 or reversed_ > 0
    least_squares = Finding(
        RATIO_LEAST_SQUARES,
        "holds" if depends and contribution > 0.9 else "does not hold",
        f"rank correlation {contribution:.2f}",
        f"Rank correlation of weight and marginal contribution; that of contribution and squared error is {loss:.2f}. "
        f"In pools of {size} both of two given models have weight in {both:.2f} of the cases, and in up to "
        f"{reversed_:.2f} their order is reversed",
        {"weight_by_contribution": contribution, "contribution_by_loss": loss, "both_seated": both,
         "order_reversed": reversed_},
    )  # fmt: skip
    return averaging, least_squares


def _verdict(distances: list[float], tolerance: float, error: float) -> Verdict:
    """Judge a number by its distance from the claim, counted in one way or in several."""
    if 2 * error > tolerance:
        return "too few runs"
    near = [distance <= tolerance + 2 * error for distance in distances]
    return "holds" if all(near) else "holds with a condition" if any(near) else "does not hold"


def _mean(values: NDArray[Any]) -> tuple[float, float]:
    """Return the mean and its standard error, which is at least what one run more or less changes."""
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return float(np.mean(values)), max(error, 1 / len(values))
