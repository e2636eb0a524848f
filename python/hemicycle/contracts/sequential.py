"""The contract program by sequential quadratic programs with exact derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.contracts.step import best_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.contracts.program import Program, State

__all__ = ["Iterate", "solve_sequence"]

MAX_PASSES = 60
STILL = 1e-12  #: relative change of the objective at which the sequence ends, if rewards are feasible as nearly
STALLED = 1e-9  #: relative change of the objective in each of the last passes that is no progress
PATIENCE = 6
NOTHING = 1e-9  #: of the mean contribution: less is none


@dataclass(frozen=True, slots=True, eq=False)
class Iterate:
    """Where the sequence is.

    Attributes
    ----------
    state : State
        The contributions and the expectations there.
    utility : ndarray of float64, shape (n_types,)
        Utilities, those of the quadratic program.
    multipliers : ndarray of float64, shape (n_types,)
        Of feasibility.
    passes : int
        Quadratic programs that were solved.
    converged : bool
        Whether the last step was as good as none.
    """

    state: State
    utility: NDArray[np.float64]
    multipliers: NDArray[np.float64]
    passes: int
    converged: bool


def solve_sequence(
    program: Program,
    m: NDArray[np.float64],
    *,
    envelope: bool,
    margin: float = 0.0,
    bunches: NDArray[np.int64] | None = None,
    multipliers: NDArray[np.float64] | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Iterate:
    """Improve contributions until a step changes nothing.

    Parameters
    ----------
    program : Program
        What to solve.
    m : ndarray of float64, shape (n_types,)
        Where to start, not decreasing.
    envelope : bool
        Solve it for the concave envelopes of the curves.
    margin : float, default 0.0
        How far rewards must stay below what models are worth.
    bunches : ndarray of int64, shape (n_types,), optional
        Neighbours with one number, which count up from 0, contribute the same. By default each its own.
    multipliers : ndarray of float64, shape (n_types,), optional
        Those of feasibility at the start.
    progress : callable, optional
        Told the number of passes and the objective after each.

    Returns
    -------
    Iterate
        The last one.
    """
    bunch = np.arange(program.n_types) if bunches is None else bunches
    state = program.at(_together(m, bunch), envelope=envelope)
    found = np.zeros(program.n_types) if multipliers is None else multipliers
    idle, utility = 0, np.zeros(program.n_types)
    for passes in range(1, MAX_PASSES + 1):
        step = best_step(program, state, found, margin, bunch)
        utility, found = step.utility, step.multipliers
        before, moved = state.objective.value, np.clip(state.m + step.m, 0.0, program.most)
        state = program.at(_together(np.maximum.accumulate(moved), bunch), envelope=envelope)
        if progress is not None:
            progress(passes, state.objective.value)
        size = max(abs(before), float(program.reservation.max()), 1e-300)
        excess = float((utility + program.parties.costs * state.m - state.reward.conditional).max()) + margin
        change = abs(state.objective.value - before)
        if change <= STILL * size and excess <= STILL * 10 * size:
            return Iterate(state, utility, found, passes, True)
        idle = idle + 1 if change <= STALLED * size else 0
        if idle == PATIENCE:
            return Iterate(state, utility, found, passes, False)
    return Iterate(state, utility, found, MAX_PASSES, False)


def _together(m: NDArray[np.float64], bunch: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return contributions that are the same within each bunch, the mean of what they are, and 0 for next to none."""
    mean = np.bincount(bunch, m) / np.bincount(bunch)
    return np.where(mean > NOTHING * m.mean(), mean, 0.0)[bunch]
