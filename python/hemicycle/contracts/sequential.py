"""The contract program by sequential quadratic programs with exact derivatives, each solved by Clarabel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.contracts.extra import clarabel_module, sparse_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.contracts.program import Program, State

__all__ = ["Iterate", "solve_sequence"]

MAX_PASSES = 60
REACH = 4.0  #: factor by which a contribution may change in one step
STILL = 1e-12  #: relative change of the objective at which the sequence ends, if rewards are feasible as nearly
STALLED = 1e-9  #: relative change of the objective in each of the last passes that is no progress
PATIENCE = 6
NOTHING = 1e-9  #: of the mean contribution: less is none
SOLVER_TOL = 1e-12
PENALTY = 1e4  #: of rewards above what models are worth, in multiples of the slope of the objective
LEAST = 0.01  #: of the mean contribution: as much as this a step may always add, or take, down to 0
HELD = 1e-6  #: curvature for the contribution of a type without probability, relative to that of all others


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
        step, utility, found = _step(program, state, found, margin, bunch)
        before, moved = state.objective.value, np.clip(state.m + step, 0.0, program.most)
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


def _step(
    program: Program, state: State, multipliers: NDArray[np.float64], margin: float, bunch: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the step of the contributions, the utilities after it and the multipliers of feasibility.

    The variables are the steps of the bunches in units of `scale`, the utilities of their first types in units of
    `worth`, and the excess of rewards.
    """
    n, costs, m, reward = program.n_types, program.parties.costs, state.m, state.reward
    first = np.unique(bunch, return_index=True)[1]
    n_bunches = len(first)
    mean = max(float(program.parties.probabilities @ m), program.scale)
    scale = np.maximum(m, LEAST * mean)[first]
    worth = max(float(np.abs(reward.conditional).max()), float(program.reservation.max()), 1e-12)
    member = (bunch[:, None] == np.arange(n_bunches)).astype(np.float64)  # (n_types, n_bunches)
    moves, cheaper = member * scale, (costs[first][bunch] - costs)[:, None] * member
    curvature = -moves.T @ program.hessian(m, multipliers) @ moves
    absent = program.parties.probabilities[first] == 0.0  # nothing moves them, but for what must hold
    curvature[np.diag_indices(n_bunches)] += np.where(absent, HELD * max(float(np.trace(curvature)), 1e-12), 0.0)
    curvature += (1e-13 * max(float(np.trace(curvature)), 1e-12)) * np.eye(n_bunches)
    gradient = state.objective.gradient @ moves
    size = max(float(np.abs(gradient).sum()), 1e-12 * worth)
    rows, right = program.linear_rows()
    same = np.append(np.append(np.zeros(n, dtype=bool), np.tile(bunch[1:] == bunch[:-1], 2)), False)
    rows, right = rows[~same], right[~same]
    utilities = np.hstack([cheaper * scale, worth * member])  # (n_types, 2 * n_bunches), of steps
    linear = rows[:, n:] @ utilities
    linear[:, :n_bunches] += rows[:, :n] @ moves
    base = cheaper @ m[first]  # what cheaper types of a bunch have more than its first
    present = rows[:, :n] @ m + rows[:, n:] @ base
    unit = np.maximum(np.abs(linear).max(axis=1), 1e-300)
    feasible = -utilities
    feasible[:, :n_bunches] += reward.jacobian @ moves - costs[:, None] * moves
    limit = reward.conditional - margin - costs * m - base
    eye = np.eye(2 * n_bunches + 1)[np.append(np.arange(n_bunches), 2 * n_bunches)]
    low = np.minimum(m[first] / scale, np.where(m[first] > LEAST * mean, 1 - 1 / REACH, 1.0))
    high = np.minimum(REACH - 1, (program.most - m)[first] / scale)
    a = np.vstack([_widened(-linear / unit[:, None], 0.0), _widened(-feasible / worth, -1.0), -eye, eye[:-1]])
    b = np.concatenate([(present - right) / unit, limit / worth, low, [0.0], np.maximum(high, 0.0)])
    p = np.zeros((2 * n_bunches + 1, 2 * n_bunches + 1))
    p[:n_bunches, :n_bunches] = curvature / size
    q = np.concatenate([-gradient / size, np.zeros(n_bunches), [PENALTY]])
    x, z = _quadratic_program(p, q, a, b)
    found = utilities @ x[:-1] + base
    return moves @ x[:n_bunches], found, np.maximum(z[len(rows) : len(rows) + n], 0.0) * size / worth


def _widened(rows: NDArray[np.float64], last: float) -> NDArray[np.float64]:
    return np.column_stack([rows, np.full(len(rows), last)])


def _quadratic_program(
    p: NDArray[np.float64], q: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Minimise ``x @ p @ x / 2 + q @ x`` subject to ``a @ x <= b``; return x and the multipliers."""
    clarabel, sparse = clarabel_module(), sparse_module()
    settings: Any = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_iter = 100
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = SOLVER_TOL
    upper = sparse.csc_matrix(np.triu(p))
    solver = clarabel.DefaultSolver(upper, q, sparse.csc_matrix(a), b, [clarabel.NonnegativeConeT(len(b))], settings)
    solution = solver.solve()
    return np.array(solution.x), np.array(solution.z)
