"""How good a contract can be: an upper bound by outer linearisation, a linear program that HiGHS solves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.contracts.extra import optimize_module, sparse_module
from hemicycle.contracts.low_rank import LowRank
from hemicycle.contracts.quadratic_program import Lifted, lifted
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
class _Rows:
    """Constraints ``matrix @ x <= right`` of contributions, utilities and the objective.

    Attributes
    ----------
    matrix : ndarray of float64, shape (n_rows, 2 * n_types + 1)
        What proves the bound.
    parts : Lifted
        The same but for rounding, of variables in units of their boxes: what is solved.
    right : ndarray of float64, shape (n_rows,)
        Right sides.
    """

    matrix: NDArray[np.float64]
    parts: Lifted
    right: NDArray[np.float64]


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
    n = program.n_types
    top = float(program.worth.value(program.most.max() * program.parties.n_parties)) + 1.0
    top = max(top, 2.0 * float(program.reservation.max()))
    high = np.append(program.most, np.full(n + 1, top))
    linear = _linear_rows(program, least, high)
    rows = [linear]
    for state in states:
        rows += [_feasible_rows(program, state, high), _objective_row(program, state, high)]
    value, y = _safe_bound(rows, high)
    n_linear = len(linear.right)
    feasibility = sum(y[n_linear + k * (n + 1) :][:n] for k in range(len(states)))
    return Bound(value, y[:n_linear], np.asarray(feasibility))


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


def _safe_bound(rows: Sequence[_Rows], high: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return an upper bound of the last variable over all rows and ``0 <= x <= high``, and multipliers of the rows."""
    sparse, n = sparse_module(), len(high)
    a, b = np.vstack([each.matrix for each in rows]), np.concatenate([each.right for each in rows])
    unit = np.maximum(np.abs(a * high).max(axis=1), 1e-300)
    own = sparse.vstack([each.parts.own for each in rows])
    factor = sparse.block_diag([each.parts.factor for each in rows])
    basis = sparse.csr_array(np.vstack([each.parts.basis for each in rows]))
    aims, n_new = np.zeros(n), basis.shape[0]
    aims[-1] = 1.0
    solved = optimize_module().linprog(
        np.append(-aims, np.zeros(n_new)),
        A_ub=sparse.diags_array(1.0 / unit) @ sparse.hstack([own, factor]),
        b_ub=b / unit,
        A_eq=sparse.hstack([basis, -sparse.eye_array(n_new)]) if n_new else None,
        b_eq=np.zeros(n_new) if n_new else None,
        bounds=[(0.0, 1.0)] * n + [(None, None)] * n_new,
        method="highs",
    )
    if solved.status != 0:
        return float(high[-1]), np.zeros(len(b))
    y = np.maximum(-solved.ineqlin.marginals, 0.0) * high[-1] / unit
    return float(b @ y + np.maximum(aims - y @ a, 0.0) @ high), y


def _whole(matrix: NDArray[np.float64], right: NDArray[np.float64], high: NDArray[np.float64]) -> _Rows:
    """Return rows that are not taken apart."""
    nothing = np.zeros((0, len(high)))
    return _Rows(matrix, Lifted(sparse_module().csr_array(matrix * high), np.zeros((len(right), 0)), nothing), right)


def _linear_rows(program: Program, least: float, high: NDArray[np.float64]) -> _Rows:
    rows, right = program.linear_rows()
    right[-1] = least
    return _whole(np.column_stack([-rows, np.zeros(len(right))]), -right, high)


def _objective_row(program: Program, state: State, high: NDArray[np.float64]) -> _Rows:
    """Return the tangent plane above the objective."""
    expectation, m, found = program.objective_envelope, state.m, state.objective
    doubt = _doubt(expectation, found) * expectation.n_parties * expectation.probabilities
    row = np.concatenate([-found.gradient - doubt, np.zeros(len(m)), [1.0]])
    offset = found.value - found.gradient @ m + found.error + doubt @ m
    return _whole(row[None], np.array([offset]), high)


def _feasible_rows(program: Program, state: State, high: NDArray[np.float64]) -> _Rows:
    """Return the tangent planes above what models are worth to each type, which its reward may not exceed."""
    expectation, m, found, costs = program.reward_envelope, state.m, state.reward, program.parties.costs
    sparse, n, n_parties, p = sparse_module(), len(m), expectation.n_parties, expectation.probabilities
    doubt = _doubt(expectation, found)
    counts = np.tile(n_parties * p, (n, 1))
    own = np.maximum((n_parties - 1) * p + 1.0, n_parties * p)  # at least what is expected where one is of type i
    np.fill_diagonal(counts, own)
    offset = found.conditional - found.jacobian @ m + found.conditional_error + doubt * (counts @ m)
    matrix = np.column_stack([np.diag(costs) - found.jacobian - doubt * counts, np.eye(n), np.zeros(n)])
    doubts = LowRank(doubt * (own - n_parties * p), np.full((n, 1), doubt), n_parties * p[None])
    slope = found.fitted_jacobian.plus(doubts)
    columns = sparse.diags_array(high[:n], format="csr")
    parts = lifted(LowRank(costs - slope.diagonal, -slope.left, slope.right), columns)
    low = found.low
    of_m = parts.own if low is None or not low.n_outcomes else parts.own - sparse.csr_array(low.parts[3]) @ columns
    whole = sparse.hstack([of_m, sparse.diags_array(high[n : 2 * n]), sparse.csr_array((n, 1))])
    return _Rows(matrix, Lifted(whole, parts.factor, np.pad(parts.basis, ((0, 0), (0, n + 1)))), offset)


def _doubt(expectation: SumExpectation, found: Expectations) -> float:
    """Return the most by which a slope may be off, for each party that is expected.

    The slope by m_j is E[f'(S) n_j]. That of f is off by at most ``derivative_error``, and by ``slope_error / S``, so
    that of the expectation is by at most E[n_j] times the one, and the other with the least S.
    """
    fitted = expectation.fitted
    least = max(found.lowest, fitted.low)
    return min(fitted.derivative_error, fitted.slope_error / least) if least > 0.0 else fitted.derivative_error
