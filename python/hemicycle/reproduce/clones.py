"""The clone-proof prior under attack: what its promises are worth, and where they end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce import clone_figures, clone_limits, clone_promises, clone_references
from hemicycle.reproduce.claims import Figure, Reproduction
from hemicycle.reproduce.consensus import crushed_neighbour, honest_tax
from hemicycle.reproduce.copies import BANDWIDTH, KINDS, SIGMA
from hemicycle.reproduce.copy_gains import copy_gains

if TYPE_CHECKING:
    from hemicycle.reproduce.claims import Progress

__all__ = ["SOURCE", "clones"]

SOURCE = "the clone-proof prior, under attack"
NOTE = (
    f"One author has the third best of {KINDS['decided']['models']:g} models (of {KINDS['open']['models']:g}, where "
    f"least squares has many optima) and sends up to 1,000 copies of it. Sigma is {SIGMA:g}, the bandwidth "
    f"{BANDWIDTH:g}. A gain is the mean weight of the model with its copies over its mean weight alone."
)


def clones(n_runs: int, seed: int, progress: Progress) -> Reproduction:
    """Attack rounds, and judge what the prior promises and what it cannot do.

    Parameters
    ----------
    n_runs : int
        Rounds of each kind, at least 1.
    seed : int
        Seed; each part has a stream of its own.
    progress : callable
        Told what is going on.

    Returns
    -------
    Reproduction
        The findings, and the tables and figures behind them.

    Raises
    ------
    MissingExtraError
        If a linear program must be solved and highspy is not installed.
    """
    gains = copy_gains(n_runs, np.random.default_rng([seed, 0]), progress)
    tax = honest_tax(n_runs, np.random.default_rng([seed, 1]))
    neighbour = crushed_neighbour(np.random.default_rng([seed, 2]))
    return Reproduction(
        name="clones",
        source=SOURCE,
        options={"runs": n_runs, "seed": seed},
        findings=(
            clone_promises.on_exact_copies(gains),
            clone_promises.on_near_copies(gains),
            clone_promises.on_copied_author(gains),
            clone_promises.on_plain_density(neighbour),
            clone_limits.on_far_copies(gains),
            clone_limits.on_guesses(gains),
            clone_limits.on_crowding(gains),
            clone_limits.on_sybils(gains),
            clone_references.on_one_optimum(gains),
            clone_references.on_many_optima(gains),
            clone_limits.on_tax(tax),
        ),
        tables={"gains": gains, "tax": tax, "neighbour": neighbour},
        note=NOTE,
        figures={
            "gains": Figure(8.4, 6.4, partial(clone_figures.draw_gains, gains)),
            "limits": Figure(8.4, 3.2, partial(clone_figures.draw_limits, gains, neighbour, tax)),
        },
    )
