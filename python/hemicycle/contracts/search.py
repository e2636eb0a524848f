"""From the program to a feasible contract: the concave relaxation first, then the program from several starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.contracts.program import least_utilities
from hemicycle.contracts.sequential import solve_sequence
from hemicycle.contracts.upper_bound import outer_bound
from hemicycle.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.contracts.program import Program, State
    from hemicycle.contracts.sequential import Iterate

__all__ = ["Found", "best_contributions"]

BUNCHED = (1e-4, 1e-5, 1e-6, 1e-8)  #: relative differences of contributions that may be rounding of equal ones
LOSS = 1e-11  #: of the objective that making them equal may cost
EXCESS = 1e-10  #: of rewards over what models are worth that is left to rounding, relative to the largest reward
NEAR = 1e-9  #: relative distance to the relaxation at which no other start is tried
REPAIRS = 4
BLENDS = 40
FILLED = 1e-12  #: relative excess that is rounding where a reward should be all that models are worth
LAG = 1e-7  #: relative contribution that a type could add without being envied that is more than rounding
SINGLES = 10  #: types that are tried one by one where raising all at once breaks a constraint
ROOM = 1e-9  #: of a reward below what models are worth, relative, that is more than rounding
INFEASIBLE = 1e-7  #: relative excess of the relaxation from which on there is no contract
TINY = 1e-6  #: probability that stands in for 0 until the contract of such a type is near its limit


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Contributions with which every constraint holds.

    Attributes
    ----------
    m : ndarray of float64, shape (n_types,)
        Contributions, not decreasing.
    state : State
        The expectations there, of the curves themselves.
    relaxed : State
        The solution of the concave relaxation and its expectations.
    passes : int
        Quadratic programs that were solved.
    only : bool
        Whether no other contributions are feasible: one party can be given what it has alone, and nothing else.
    """

    m: NDArray[np.float64]
    state: State
    relaxed: State
    passes: int
    only: bool = False


def best_contributions(program: Program, progress: Callable[[int, float], None] | None = None) -> Found:
    """Return the best feasible contributions that are found.

    Parameters
    ----------
    program : Program
        What to solve.
    progress : callable, optional
        Told the number of quadratic programs so far and the objective after each.

    Returns
    -------
    Found
        The global optimum where no outcome of the relaxation is low, as relaxation and program are then the same.

    Raises
    ------
    DomainError
        If even the relaxation has no solution.
    """
    alone = program.alone.m  # with it every constraint holds if the types have nothing better than that
    nothing = program.at(np.zeros(program.n_types), envelope=True)
    if not program.reservation.any() and outer_bound(program, [nothing]).value <= program.nothing:
        return Found(nothing.m, program.at(nothing.m, envelope=False), nothing, 0)
    if program.parties.n_parties == 1 and np.array_equal(program.reservation, program.alone.utility):
        state = program.at(alone, envelope=False)
        return Found(state.m, state, state, 0, only=True)
    floor = np.maximum.accumulate(np.maximum(alone, program.typical / program.parties.n_parties))
    start = np.minimum(floor, program.most)
    relaxed = _bunched(program, _limit(program, start), True, progress)
    passes = relaxed.passes
    excess = _excess(program, relaxed.state)
    more = (program.reservation > program.alone.utility).any()
    if more and excess > INFEASIBLE * _size(program, relaxed.state):
        raise DomainError(
            f"reservation_utility: there is no contract, rewards would exceed what models are worth by {excess:.6g}; "
            "lower it, or leave it out, and every type can be given what it has alone"
        )
    starts = [relaxed.state.m]
    if program.low(relaxed.state.m):
        starts += [start, np.minimum(np.maximum.accumulate(alone), program.most)]
    best: State | None = None
    for m in starts:
        if best is not None and best.objective.value >= relaxed.state.objective.value * (1.0 - NEAR):
            break
        found = _feasible(program, m, alone, progress)
        passes += found.passes
        if best is None or found.state.objective.value > best.objective.value:
            best = found.state
    assert best is not None
    best = _raised(program, best)
    return Found(best.m, best, relaxed.state, passes)


def _limit(program: Program, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a better start where types have no probability: the optimum where they have a tiny one."""
    chances = program.parties.probabilities
    absent = chances == 0.0
    if not absent.any():
        return start
    near = np.where(absent, TINY, chances * (1.0 - TINY * absent.sum()))
    return solve_sequence(program.with_probabilities(near), start, envelope=True).state.m


def _feasible(
    program: Program,
    m: NDArray[np.float64],
    alone: NDArray[np.float64],
    progress: Callable[[int, float], None] | None,
) -> Iterate:
    """Improve contributions for the curves themselves, and return some with which every constraint holds."""
    found = _bunched(program, m, False, progress)
    margin = 0.0
    for _ in range(REPAIRS):
        excess = _excess(program, found.state)
        size = _size(program, found.state)
        if excess <= EXCESS * size:
            return found
        if excess > 1e-4 * size:
            break
        margin += 2.0 * excess
        bunches = _bunches(found.state.m, 1e-12)
        again = solve_sequence(program, found.state.m, envelope=False, margin=margin, bunches=bunches)
        found = replace(again, passes=found.passes + again.passes)
    return replace(found, state=_blended(program, found.state, alone))


def _blended(program: Program, state: State, alone: NDArray[np.float64]) -> State:
    """Go back towards what each type gives alone until every constraint holds."""
    back = np.maximum.accumulate(alone)
    for share in np.geomspace(1e-9, 0.9, BLENDS):
        blend = program.at((1.0 - share) * state.m + share * back, envelope=False)
        if _excess(program, blend) <= EXCESS * _size(program, blend):
            return blend
    return program.at(back, envelope=False)


def _bunched(
    program: Program, m: NDArray[np.float64], envelope: bool, progress: Callable[[int, float], None] | None
) -> Iterate:
    """Solve the sequence, then again with contributions that are equal but for rounding held equal."""
    found = solve_sequence(program, m, envelope=envelope, progress=progress)
    passes, size = found.passes, _size(program, found.state)
    tried = -1
    for tolerance in BUNCHED:
        bunches = _bunches(found.state.m, tolerance)
        if bunches[-1] in (len(m) - 1, tried):
            continue
        tried = int(bunches[-1])
        again = solve_sequence(
            program, found.state.m, envelope=envelope, bunches=bunches, multipliers=found.multipliers
        )
        passes += again.passes
        kept = again.state.objective.value >= found.state.objective.value - LOSS * size
        excess = _excess(program, again.state)
        if kept and excess <= max(EXCESS * size, _excess(program, found.state)):
            return replace(again, passes=passes)
    return replace(found, passes=passes)


def _bunches(m: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Return the number of the bunch of each type: neighbours whose contributions differ by little."""
    least = max(float(m[-1]) * 1e-9, 1e-300)
    return np.append(0, np.cumsum(np.diff(m) > np.maximum(tolerance * m[1:], least))).astype(np.int64)


def _excess(program: Program, state: State) -> float:
    """Return by how much rewards are above what models are worth, with the least utilities that there can be."""
    t = least_utilities(program, state.m) + program.parties.costs * state.m
    return float((t - state.reward.conditional).max())


def _size(program: Program, state: State) -> float:
    return max(float(np.abs(state.reward.conditional).max()), float(program.reservation.max()), 1e-300)


def _raised(program: Program, state: State) -> State:
    """Raise what the cheapest types contribute until their reward is all that models are worth.

    It costs no other constraint anything: their utilities stay the same, and others profit. It matters where the
    cheapest type is so rare that its contribution is below the digits of the objective: it may then leave its bunch.
    """
    if program.n_types > 1:
        state = _lifted(program, state)
    cheapest = np.arange(program.n_types) == program.n_types - 1
    if _room(program, state, cheapest)[0] > ROOM * _size(program, state):
        state = _filled(program, state, cheapest)
    bunches = _bunches(state.m, 1e-12)
    return _filled(program, state, bunches == bunches[-1])


def _lifted(program: Program, state: State) -> State:
    """Raise what others contribute as far as the next cheaper type still does not envy them.

    Utilities stay the same. It matters, too, for types that are so rare that the objective does not feel them.
    """
    m, utility = state.m, least_utilities(program, state.m)
    most = np.minimum(np.diff(utility) / program.steps, m[1:])
    lagging = most > m[:-1] * (1.0 + LAG) + program.scale * LAG
    for raised in (lagging, *(np.arange(len(most)) == i for i in np.flatnonzero(lagging)[::-1][:SINGLES])):
        moved = np.append(np.where(raised, np.maximum(most, state.m[:-1]), state.m[:-1]), state.m[-1])
        trial = program.at(np.maximum.accumulate(moved), envelope=False)
        worse = trial.objective.value < state.objective.value - LOSS * _size(program, state)
        if raised.any() and not worse and _excess(program, trial) <= max(EXCESS * _size(program, trial), 0.0):
            state = trial
            if raised is lagging:
                break
    return state


def _filled(program: Program, state: State, top: NDArray[np.bool_]) -> State:
    """Raise the contributions of the cheapest types together until one of them is rewarded with the whole model."""
    best = state
    for _ in range(20):
        room, slope = _room(program, state, top)
        if not slope < 0.0:
            return best
        amount = np.clip(state.m[-1] - room / slope, state.m[~top].max(initial=0.0), program.most[-1])
        moved = program.at(np.where(top, amount, state.m), envelope=False)
        if abs(amount - state.m[-1]) <= 1e-15 * amount:
            return best
        better = moved.objective.value >= best.objective.value - LOSS * _size(program, best)
        if better and _excess(program, moved) <= max(FILLED * _size(program, moved), _excess(program, best)):
            best = moved
        state = moved
    return best


def _room(program: Program, state: State, top: NDArray[np.bool_]) -> tuple[float, float]:
    """Return how much more the models of the cheapest types are worth than they are promised, and its derivative."""
    costs, m = program.parties.costs, state.m
    room = state.reward.conditional - least_utilities(program, m) - costs * m
    worst = int(np.argmin(np.where(top, room, np.inf)))
    step = 1e-6 * max(float(m[-1]), program.scale)
    ahead = np.where(top, m + step, m)
    utilities = (least_utilities(program, ahead) - least_utilities(program, m))[worst] / step
    return float(room[worst]), float(state.reward.jacobian[worst, top].sum() - utilities - costs[worst])
