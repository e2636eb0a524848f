"""One quadratic program of a contract: taken apart as whole, and beside HiGHS; how much the solver is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("clarabel")
pytest.importorskip("scipy")

from hemicycle.contracts import GeneralizationBound, LinearValuation, optimal_contract
from hemicycle.contracts.low_rank import LowRank
from hemicycle.contracts.parties import checked_parties
from hemicycle.contracts.program import contract_program
from hemicycle.contracts.quadratic_program import lifted, lifted_symmetric
from hemicycle.contracts.sequential import solve_sequence
from hemicycle.contracts.step import PENALTY, best_step
from hemicycle.contracts.valuation import model_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.contracts.program import Program, State


def made(n_types: int, n_parties: int, dearest: float = 0.3) -> tuple[Program, NDArray[np.float64]]:
    """Return a program and contributions on the way to its solution."""
    parties = checked_parties(np.geomspace(dearest, 0.01, n_types), np.full(n_types, 1 / n_types), n_parties)
    program = contract_program(parties, None, model_value(GeneralizationBound(), LinearValuation(100.0)))
    return program, np.minimum(np.linspace(150.0, 400.0, n_types), program.most)


def by_highs(program: Program, state: State, multipliers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the step of contributions by a dense program in contributions and utilities, in the units of the data."""
    highspy: Any = pytest.importorskip("highspy")
    n, m, costs, reward = program.n_types, state.m, program.parties.costs, state.reward
    scale, worth = m, float(np.abs(reward.conditional).max())
    hessian = -program.hessian(m, multipliers).dense() * np.outer(scale, scale)
    gradient = state.objective.gradient * scale
    size = float(np.abs(gradient).sum())
    rows, right = program.linear_rows()
    slopes = np.hstack([(reward.jacobian - np.diag(costs)) * scale, -worth * np.eye(n)]) / worth
    unit = np.abs(rows * np.append(scale, np.full(n, worth))).max(axis=1)
    linear = rows * np.append(scale, np.full(n, worth)) / unit[:, None]
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    high = np.minimum(3.0, (program.most - m) / scale)
    x = [highs.addVariable(lb=-0.75, ub=float(high[i]), obj=-float(gradient[i] / size)) for i in range(n)]
    x += [highs.addVariable(lb=-highspy.kHighsInf, ub=highspy.kHighsInf) for _ in range(n)]
    excess = highs.addVariable(lb=0.0, ub=1e3, obj=PENALTY)
    for row, least in zip(linear, (right - rows[:, :n] @ m) / unit, strict=True):
        highs.addConstr(sum(float(row[j]) * x[j] for j in np.flatnonzero(row)) >= float(least))
    for row, least in zip(slopes, (costs * m - reward.conditional) / worth, strict=True):
        highs.addConstr(sum(float(row[j]) * x[j] for j in np.flatnonzero(row)) + excess >= float(least))
    lower = np.tril(hessian / size)
    starts = np.cumsum([0, *(n - i for i in range(n)), *(0 for _ in range(n + 1))])
    index = np.concatenate([np.arange(i, n) for i in range(n)])
    values = np.concatenate([lower[i:, i] for i in range(n)])
    highs.passHessian(2 * n + 1, len(values), 1, starts[:-1].astype(np.int32), index.astype(np.int32), values)
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return scale * np.array(highs.getSolution().col_value)[:n]


@pytest.mark.parametrize(("n_types", "n_parties"), [(3, 4), (8, 30), (12, 100)])
def test_a_step_is_that_of_a_dense_program(n_types: int, n_parties: int) -> None:
    program, m = made(n_types, n_parties)
    state = program.at(m, envelope=True)
    for multipliers in (np.zeros(n_types), np.full(n_types, 0.2 / n_types)):
        for few in (0.0, np.inf):
            step = best_step(program, state, multipliers, 0.0, np.arange(n_types), few)
            np.testing.assert_allclose(step.m, by_highs(program, state, multipliers), atol=1e-4 * m.max())


@pytest.mark.parametrize(("n_types", "n_parties"), [(12, 100), (40, 5), (60, 100)])
@pytest.mark.parametrize("size", [1, 2])
def test_taken_apart_or_whole_it_is_the_same_step(n_types: int, n_parties: int, size: int) -> None:
    program, m = made(n_types, n_parties)
    state, bunch = program.at(m, envelope=True), np.arange(n_types) // size
    for multipliers in (np.zeros(n_types), np.full(n_types, 0.2 / n_types)):
        apart, whole = (best_step(program, state, multipliers, 0.0, bunch, few) for few in (0.0, np.inf))
        np.testing.assert_allclose(apart.m, whole.m, atol=1e-11 * m.max())
        np.testing.assert_allclose(apart.utility, whole.utility, atol=1e-10)
        np.testing.assert_allclose(apart.multipliers, whole.multipliers, atol=1e-12)


def test_curvature_that_is_not_convex_in_parts_moves_a_step_little() -> None:
    program, m = made(60, 100)
    solved = solve_sequence(program, m, envelope=True)
    state = program.at(m, envelope=True)
    apart, whole = (best_step(program, state, solved.multipliers, 0.0, np.arange(60), few) for few in (0.0, np.inf))
    np.testing.assert_allclose(apart.m, whole.m, atol=1e-5 * m.max())


def test_the_sequence_ends_at_once_near_the_solution() -> None:
    program, m = made(100, 100)
    solved = solve_sequence(program, m, envelope=True)
    assert solved.converged
    again = solve_sequence(program, solved.state.m, envelope=True, multipliers=solved.multipliers)
    assert again.converged
    assert again.passes <= 2
    assert again.state.objective.value == pytest.approx(solved.state.objective.value, rel=1e-12)


@pytest.mark.parametrize("n_types", [100, 400])
def test_what_the_solver_is_given_has_few_numbers_a_type(n_types: int) -> None:
    sparse: Any = pytest.importorskip("scipy.sparse")
    program, m = made(n_types, 100)
    columns = sparse.diags_array(m, format="csr")
    reward = program.at(m, envelope=True).reward
    jacobian = lifted(reward.fitted_jacobian, columns)
    hessian = program.hessian(m, np.full(n_types, 0.2 / n_types))
    curvature = lifted_symmetric(LowRank(-hessian.diagonal, -hessian.left, hessian.right), columns)
    for parts in (jacobian, curvature):
        assert parts.own.nnz + parts.factor.size + parts.basis.size <= 20 * n_types
    whole = jacobian.own.toarray() + jacobian.factor @ jacobian.basis
    np.testing.assert_allclose(
        whole, program.at(m, envelope=True).reward.jacobian * m, atol=1e-13 * np.abs(whole).max()
    )


def test_four_hundred_types() -> None:
    contract = optimal_contract(np.geomspace(1.0, 0.01, 400), np.full(400, 1 / 400), 100)
    assert contract.relative_gap < 1e-9
    residuals = contract.residuals
    assert max(residuals.rationality, residuals.incentive, residuals.feasibility) <= 1e-12
    assert contract.passes <= 20


def test_costs_that_nearly_agree_lose_no_digit() -> None:
    costs = np.repeat(np.geomspace(0.3, 0.01, 15), 2) * np.tile([1.0, 1.0 - 1e-7], 15)
    contract = optimal_contract(costs, np.full(30, 1 / 30), 20)
    assert contract.relative_gap < 1e-9
    assert contract.passes <= 20


def test_low_outcomes_belong_to_the_step() -> None:
    program, _ = made(20, 5)
    state = program.at(np.linspace(5.0, 200.0, 20), envelope=False)
    low = state.reward.low
    assert low is not None
    assert low.probability > 1e-5
    apart, whole = (best_step(program, state, np.zeros(20), 0.0, np.arange(20), few) for few in (0.0, np.inf))
    np.testing.assert_allclose(apart.m, whole.m, atol=1e-9 * state.m.max())
    np.testing.assert_allclose(whole.m, by_highs(program, state, np.zeros(20)), atol=1e-4 * state.m.max())
