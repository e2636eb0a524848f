"""One step of the sequence: the second-order model of the program around some contributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.contracts.extra import sparse_module
from hemicycle.contracts.low_rank import LowRank
from hemicycle.contracts.quadratic_program import FEW, Lifted, lifted, lifted_symmetric, quadratic_program

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.contracts.program import Program, State

__all__ = ["Step", "best_step"]

REACH = 4.0  #: factor by which a contribution may change in one step
PENALTY = 1e4  #: of rewards above what models are worth, in multiples of the slope of the objective
LEAST = 0.01  #: of the mean contribution: as much as this a step may always add, or take, down to 0
HELD = 1e-6  #: curvature for the contribution of a type without probability, relative to that of all others


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What the quadratic program finds.

    Attributes
    ----------
    m : ndarray of float64, shape (n_types,)
        By how much contributions change.
    utility : ndarray of float64, shape (n_types,)
        The utilities after it.
    multipliers : ndarray of float64, shape (n_types,)
        Of feasibility.
    """

    m: NDArray[np.float64]
    utility: NDArray[np.float64]
    multipliers: NDArray[np.float64]


def best_step(
    program: Program,
    state: State,
    multipliers: NDArray[np.float64],
    margin: float,
    bunch: NDArray[np.int64],
    few: float = FEW,
) -> Step:
    """Return the best step for the quadratic model of the objective and the linear one of the constraints.

    Parameters
    ----------
    program : Program
        What to solve.
    state : State
        Where contributions are.
    multipliers : ndarray of float64, shape (n_types,)
        Of feasibility, for the curvature.
    margin : float
        How far rewards must stay below what models are worth.
    bunch : ndarray of int64, shape (n_types,)
        Neighbours with one number, which count up from 0, contribute the same.
    few : float, default 4.0
        A matrix is taken apart if its rank is smaller than its size by this factor.

    Returns
    -------
    Step
        Of contributions, and what goes with it.

    Notes
    -----
    The variables are the steps of the bunches in units of `scale`, the utilities of their first types in units of
    `worth`, how much more each bunch could contribute without being envied, and the excess of rewards. Jacobian and
    Hessian are a diagonal and a product of few terms, and all else has few numbers in a row, so that an iteration of
    the solver takes O(n_types n_terms**2) time.
    """
    sparse = sparse_module()
    n, costs, m, reward = program.n_types, program.parties.costs, state.m, state.reward
    first = np.unique(bunch, return_index=True)[1]
    n_bunches = len(first)
    mean = max(float(program.parties.probabilities @ m), program.scale)
    scale = np.maximum(m, LEAST * mean)[first]
    worth = max(float(np.abs(reward.conditional).max()), float(program.reservation.max()), 1e-12)
    moves, member, cheaper = (
        sparse.csr_array((values, (np.arange(n), bunch)), shape=(n, n_bunches))
        for values in (scale[bunch], np.ones(n), costs[first][bunch] - costs)
    )
    gradient = state.objective.gradient @ moves
    size = max(float(np.abs(gradient).sum()), 1e-12 * worth)
    base = cheaper @ m[first] / worth  # what cheaper types of a bunch have more than its first
    utilities = sparse.hstack([cheaper * (scale / worth), member], format="csr")  # of the first variables
    rest, right = _linear(program, m, scale, first, utilities, base, worth)
    models = _feasible(state, costs, moves, few)
    n_variables = rest.shape[1]
    own = sparse.hstack([models.own / -worth, sparse.csr_array((n, n_variables - n_bunches))], format="csr")
    own += sparse.hstack([utilities, sparse.csr_array((n, n_bunches - 1)), -np.ones((n, 1))])
    low = np.minimum(m[first] / scale, np.where(m[first] > LEAST * mean, 1 - 1 / REACH, 1.0))
    high = np.maximum(np.minimum(REACH - 1, (program.most - m)[first] / scale), 0.0)
    eye = sparse.eye_array(n_variables, format="csr")
    limit = (reward.conditional - margin - costs * m) / worth - base
    x, z = quadratic_program(
        _curvature(program, m, multipliers, moves, size, few),
        np.concatenate([-gradient / size, np.zeros(2 * n_bunches - 1), [PENALTY]]),
        Lifted(own, models.factor / -worth, models.basis),
        sparse.vstack([rest, -eye[:n_bunches], eye[:n_bunches], -eye[-1:]], format="csr"),
        np.concatenate([right, low, high, [0.0], limit]),
        n_bunches - 1,
    )
    utility = worth * (utilities @ x[: 2 * n_bunches] + base)
    return Step(moves @ x[:n_bunches], utility, np.maximum(z, 0.0) * size / worth)


def _linear(
    program: Program,
    m: NDArray[np.float64],
    scale: NDArray[np.float64],
    first: NDArray[np.int64],
    utilities: Any,
    base: NDArray[np.float64],
    worth: float,
) -> tuple[Any, NDArray[np.float64]]:
    """Return equations, then rationality and both incentives: rows of all variables and right sides.

    Beyond what it contributes, a bunch could contribute something before the next one envies it. With that as a
    variable the constraints of contributions are in units of contributions, however near two costs are.
    """
    sparse, n_bunches = sparse_module(), len(first)
    last = first[1:] - 1  # of all bunches but the last
    steps = program.steps[last] / worth
    eye, envied = sparse.eye_array(n_bunches, format="csr"), sparse.eye_array(n_bunches - 1, format="csr")
    none = sparse.csr_array((n_bunches - 1, n_bunches))
    rows = sparse.block_array(
        [
            [utilities[last + 1] - utilities[last], envied * (-steps * scale[:-1]), sparse.csr_array((len(last), 1))],
            [-utilities, None, None],
            [sparse.hstack([eye[:-1], none]), -envied, None],
            [sparse.hstack([-eye[1:], none]), envied * (scale[:-1] / scale[1:]), None],
        ],
        format="csr",
    )
    ties = steps * m[last] - base[last + 1] + base[last]
    apart = (m[last + 1] - m[last]) / scale[1:]
    return rows, np.concatenate([ties, base - program.reservation / worth, np.zeros(n_bunches - 1), apart])


def _feasible(state: State, costs: NDArray[np.float64], moves: Any, few: float) -> Lifted:
    """Return the derivatives of what models are worth to a type beyond what it contributes, by the variables."""
    reward = state.reward
    fitted = reward.fitted_jacobian
    slopes = lifted(LowRank(fitted.diagonal - costs, fitted.left, fitted.right), moves, few)
    if reward.low is None or not reward.low.n_outcomes:
        return slopes
    return Lifted(slopes.own + sparse_module().csr_array(reward.low.parts[3] @ moves), slopes.factor, slopes.basis)


def _curvature(
    program: Program, m: NDArray[np.float64], multipliers: NDArray[np.float64], moves: Any, size: float, few: float
) -> Lifted:
    """Return what is subtracted from the objective, with enough of it for every variable to have one solution."""
    sparse = sparse_module()
    hessian = program.hessian(m, multipliers)
    found = lifted_symmetric(LowRank(-hessian.diagonal, -hessian.left, hessian.right), moves, few)
    total = max(float(found.own.trace() + (found.basis**2).sum()), 1e-12)
    absent = moves.T @ program.parties.probabilities == 0.0  # nothing moves them, but for what must hold
    held = sparse.diags_array((np.where(absent, HELD, 0.0) + 1e-13) * total)
    return Lifted((found.own + held) / size, found.factor / np.sqrt(size), found.basis / np.sqrt(size))
