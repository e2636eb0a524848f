"""The claims of "On diversity and many-model ensembling", each beside what we find."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.extras import extra_module
from hemicycle.reproduce import figures, label_verdicts, tie_break_verdicts, weight_verdicts
from hemicycle.reproduce.camps import majority_mass, simulated_camps
from hemicycle.reproduce.claims import Figure, Reproduction
from hemicycle.reproduce.divergence import divergences
from hemicycle.reproduce.label_modes import agreeing_labels, mode_shares, two_modes
from hemicycle.reproduce.pool_growth import pool_growth
from hemicycle.reproduce.share_ranges import share_ranges
from hemicycle.reproduce.tie_breaks import freedom_by_pool_size, slsqp_distances
from hemicycle.reproduce.weight_order import weight_order

if TYPE_CHECKING:
    from hemicycle.reproduce.claims import Progress

__all__ = ["SOURCE", "many_model"]

SOURCE = 'the proposal "On diversity and many-model ensembling"'


def many_model(n_runs: int, seed: int, progress: Progress) -> Reproduction:
    """Test every claim.

    Parameters
    ----------
    n_runs : int
        Number of random pools, at least 1.
    seed : int
        Seed; each part has a stream of its own, so `n_runs` changes no other part.
    progress : callable
        Told what is going on.

    Returns
    -------
    Reproduction
        The findings, and the tables and figures behind them.

    Raises
    ------
    MissingExtraError
        If scipy or highspy is not installed.
    """
    _require_solvers()
    order = weight_order(n_runs, np.random.default_rng([seed, 0]), progress)
    growth = pool_growth(np.random.default_rng([seed, 1]), progress)
    freedom = freedom_by_pool_size(np.random.default_rng([seed, 2]), progress)
    distances = slsqp_distances(np.random.default_rng([seed, 3]), progress)
    ranges = share_ranges(np.random.default_rng([seed, 4]), progress)
    nearness = divergences(np.random.default_rng([seed, 5]), progress)
    seats = simulated_camps(np.random.default_rng([seed, 6]), progress)
    bimodal, agreeing, shares, camps = two_modes(), agreeing_labels(), mode_shares(), majority_mass()
    return Reproduction(
        name="many-model",
        source=SOURCE,
        options={"runs": n_runs, "seed": seed},
        findings=(
            *weight_verdicts.on_weight_order(order),
            label_verdicts.on_two_modes(bimodal),
            label_verdicts.on_mode_shares(shares),
            label_verdicts.on_agreeing_labels(agreeing),
            label_verdicts.on_proportionality(camps),
            tie_break_verdicts.on_slsqp(distances),
            label_verdicts.on_divergence(nearness),
            label_verdicts.on_seats(seats),
            *weight_verdicts.on_pool_growth(growth, order),
            tie_break_verdicts.on_freedom(freedom),
            tie_break_verdicts.on_share_ranges(ranges, distances),
        ),
        tables={
            "spearman": order.spearman_table(),
            "inversions": order.inversions_table(),
            "pool_growth": growth,
            "freedom": freedom,
            "share_ranges": ranges,
            "slsqp": distances,
            "two_modes": bimodal,
            "agreeing_labels": agreeing,
            "mode_shares": shares,
            "camps": camps,
            "seats": seats,
            "divergences": nearness,
        },
        figures={
            "weight_order": Figure(7.0, 3.2, partial(figures.draw_weight_order, order)),
            "pool_growth": Figure(7.0, 3.2, partial(figures.draw_pool_growth, growth)),
            "freedom": Figure(7.0, 3.2, partial(figures.draw_freedom, freedom, ranges)),
            "slsqp": Figure(7.0, 3.2, partial(figures.draw_slsqp, distances)),
            "labels": Figure(7.0, 3.2, partial(figures.draw_labels, bimodal, agreeing)),
            "divergences": Figure(7.0, 3.2, partial(figures.draw_divergences, nearness)),
            "seats": Figure(7.0, 3.2, partial(figures.draw_seats, seats)),
            "proportions": Figure(7.0, 3.2, partial(figures.draw_proportions, shares, camps)),
        },
    )


def _require_solvers() -> None:
    """Miss a package now, and not after the minute of work that would be lost."""
    for package in ("scipy", "highspy"):
        extra_module(package, "the comparison needs", "solve")
