"""How good a contract can be: an upper bound by outer linearisation, a linear program that HiGHS solves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.contracts.extra import optimize_module
from hemicycle.contracts.sequential import solve_sequence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hemicycle.contracts.expectation import Expectations, SumExpectation
    from hemicycle.contracts.program import Program, State

__all__ = ["Bound", "only_bound", "outer_bound", "split_bound"]


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """An upper bound and what proves it.

    Attributes
    ----------
    value : float
        No contract has a larger objective.
    linear : ndarray of float64, shape (3 * n_types - 1,)
        Multipliers of the rows of `Program.linear_rows`.
    feasibility : ndarray of float64, shape (n_types,)
        Multipliers of feasibility, those of all planes added up.
    """

    value: float
    linear: NDArray[np.float64]
    feasibility: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """Linear functions above concave ones: ``offset + slope @ m``.

    Attributes
    ----------
    offset : ndarray of float64, shape (n_functions,)
        At m = 0.
    slope : ndarray of float64, shape (n_functions, n_types)
        By each contribution.
    """

    offset: NDArray[np.float64]
    slope: NDArray[np.float64]


def outer_bound(program: Program, states: Sequence[State], least: float = 0.0) -> Bound:
    r"""Return an upper bound of the objective over all contracts.

    Every concave function is replaced by its tangent planes at some points, raised by the error of its expectation, and
    the linear program over boxes that hold every contract is solved by HiGHS. The bound is then computed from its
    multipliers y alone, ``b @ y + sum_j max(0, reduced cost) * box``, which holds for any y >= 0 and so does not
    depend on the tolerances of the solver.

    Parameters
    ----------
    program : Program
        The constraints.
    states : sequence of State
        Expectations of the concave envelopes at some contributions.
    least : float, default 0.0
        Bound only the contracts that ask no less of anyone. Where no sum can then be below the threshold, expectations
        of the curves themselves serve, too: they are concave there.

    Returns
    -------
    Bound
        Upper bound of the objective.
    """
    n, costs = program.n_types, program.parties.costs
    rows, right = program.linear_rows()
    right[-1] = least
    a, b = [np.column_stack([-rows, np.zeros(len(rows))])], [-right]
    for state in states:
        reward = _conditional_planes(program.reward_envelope, state.m, state.reward)
        a.append(np.column_stack([np.diag(costs) - reward.slope, np.eye(n), np.zeros(n)]))
        b.append(reward.offset)
        objective = _plane(program.objective_envelope, state.m, state.objective)
        a.append(np.concatenate([-objective.slope[0], np.zeros(n), [1.0]])[None])
        b.append(objective.offset)
    top = float(program.worth.value(program.most.max() * program.parties.n_parties)) + 1.0
    top = max(top, 2.0 * float(program.reservation.max()))
    high = np.append(program.most, np.full(n + 1, top))
    value, y = _safe_bound(np.vstack(a), np.concatenate(b), high)
    feasibility = sum(y[len(rows) + k * (n + 1) :][:n] for k in range(len(states)))
    return Bound(value, y[: len(rows)], np.asarray(feasibility))


def split_bound(program: Program, state: State) -> Bound:
    """Return the bound for contributions with which every sum is above the threshold, if not above the tangent.

    Either every sum of a contract is above it, and then tangent planes of the curves themselves are above them, or the
    dearest type gives less than its share of it, and then the envelopes are solved again with this as its most.

    Parameters
    ----------
    program : Program
        The constraints.
    state : State
        Expectations of the curves at the best contributions that were found.

    Returns
    -------
    Bound
        The larger of the two, and the multipliers of the first.
    """
    share = program.worth.threshold / program.parties.n_parties
    inside = outer_bound(program, [state], share)
    most = program.most.copy()
    most[0] = min(most[0], share)
    rest = replace(program, most=most)
    start = np.minimum(state.m, most)
    solved = solve_sequence(rest, start, envelope=True)
    outside = outer_bound(rest, [solved.state, program.at(start, envelope=True)])
    return replace(inside, value=max(inside.value, outside.value))


def only_bound(program: Program, state: State) -> Bound:
    """Return the bound where only one contract is feasible: its own objective, and the error of that.

    The constraints have no interior there, so that they need have no prices: all multipliers are 0.

    Parameters
    ----------
    program : Program
        The constraints.
    state : State
        The expectations at the only contributions.

    Returns
    -------
    Bound
        Of the objective.
    """
    n = program.n_types
    return Bound(state.objective.value + state.objective.error, np.zeros(3 * n - 1), np.zeros(n))


def _safe_bound(
    a: NDArray[np.float64], b: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Return an upper bound of the last variable over ``a @ x <= b``, ``0 <= x <= high``, and its multipliers."""
    aims = np.zeros(len(high))
    aims[-1] = 1.0
    unit = np.maximum(np.abs(a * high).max(axis=1), 1e-300)
    scaled = a * high / unit[:, None]
    solved = optimize_module().linprog(
        -aims * high / high[-1], A_ub=scaled, b_ub=b / unit, bounds=(0.0, 1.0), method="highs"
    )
    if solved.status != 0:
        return float(high[-1]), np.zeros(len(b))
    y = np.maximum(-solved.ineqlin.marginals, 0.0) * high[-1] / unit
    return float(b @ y + np.maximum(aims - y @ a, 0.0) @ high), y


def _plane(expectation: SumExpectation, m: NDArray[np.float64], found: Expectations) -> _Plane:
    counts = expectation.n_parties * expectation.probabilities
    return _raised(
        expectation,
        m,
        np.array([found.value]),
        found.gradient[None],
        np.array([found.error]),
        counts[None],
        found.lowest,
    )


def _conditional_planes(expectation: SumExpectation, m: NDArray[np.float64], found: Expectations) -> _Plane:
    n, p = expectation.n_parties, expectation.probabilities
    counts = np.tile((n - 1) * p, (len(m), 1)) + np.eye(len(m))  # at least what is expected where one is of type i
    counts = np.maximum(counts, n * p)
    return _raised(expectation, m, found.conditional, found.jacobian, found.conditional_error, counts, found.lowest)


def _raised(
    expectation: SumExpectation,
    m: NDArray[np.float64],
    value: NDArray[np.float64],
    slope: NDArray[np.float64],
    error: NDArray[np.float64],
    counts: NDArray[np.float64],
    lowest: float,
) -> _Plane:
    """Return planes that stay above although values and slopes have errors.

    The slope by m_j is E[f'(S) n_j]. That of f is off by at most ``derivative_error``, and by ``slope_error / S``, so
    that of the expectation is by at most E[n_j] times the one, and the other with the least S.
    """
    fitted = expectation.fitted
    least = max(lowest, fitted.low)
    worst = min(fitted.derivative_error, fitted.slope_error / least) if least > 0.0 else fitted.derivative_error
    doubt = worst * counts
    return _Plane(value - slope @ m + error + doubt @ m, slope + doubt)
