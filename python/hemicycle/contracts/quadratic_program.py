"""Convex quadratic programs whose matrices are a sparse part and a product of thin ones, solved by Clarabel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.contracts.extra import clarabel_module, sparse_module
from hemicycle.contracts.low_rank import few_factors, spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.contracts.low_rank import LowRank

__all__ = ["FEW", "Lifted", "lifted", "lifted_symmetric", "quadratic_program"]

SOLVER_TOL = 1e-12
FEW = 4.0  #: a matrix is taken apart if its rank is smaller than its size by this factor


@dataclass(frozen=True, slots=True, eq=False)
class Lifted:
    """A matrix ``own + factor @ basis``, to be applied to x as ``own @ x + factor @ y`` where ``y = basis @ x``.

    Attributes
    ----------
    own : sparse array, shape (n_rows, n)
        The sparse part, or all of the matrix where its rank is not small.
    factor : ndarray of float64, shape (n_rows, rank)
        What y is multiplied by.
    basis : ndarray of float64, shape (rank, n)
        What y is.
    """

    own: Any
    factor: NDArray[np.float64]
    basis: NDArray[np.float64]


def lifted(matrix: LowRank, columns: Any, few: float = FEW) -> Lifted:
    """Return ``matrix @ columns`` in parts.

    Parameters
    ----------
    matrix : LowRank
        Of shape (n, n).
    columns : sparse array, shape (n, n_columns)
        What it is multiplied by, with one number a row.
    few : float, default 4.0
        It stays whole unless its rank is smaller than its size by this factor.

    Returns
    -------
    Lifted
        Of shape (n, n_columns).
    """
    sparse = sparse_module()
    own = sparse.diags_array(matrix.diagonal) @ columns
    factor, basis = few_factors(matrix.left, (columns.T @ matrix.right.T).T)
    if few * len(basis) < columns.shape[1]:
        return Lifted(own, factor, basis)
    return Lifted(own + sparse.csr_array(factor @ basis), factor[:, :0], basis[:0])


def lifted_symmetric(matrix: LowRank, columns: Any, few: float = FEW) -> Lifted:
    """Return ``columns.T @ matrix @ columns`` in parts whose product is convex by itself: ``basis.T @ basis``.

    Parameters
    ----------
    matrix : LowRank
        Symmetric, of shape (n, n).
    columns : sparse array, shape (n, n_columns)
        What it is multiplied by, with one number a row.
    few : float, default 4.0
        It stays whole unless its rank is smaller than its size by this factor.

    Returns
    -------
    Lifted
        Of shape (n_columns, n_columns). Where it is not whole, what is not convex in one of its parts is left out.
    """
    sparse = sparse_module()
    own = (columns.T @ sparse.diags_array(matrix.diagonal) @ columns).diagonal()
    left, right = columns.T @ matrix.left, (columns.T @ matrix.right.T).T
    values, vectors = spectrum(left, right)
    if few * len(values) < columns.shape[1]:
        convex = values > 0.0
        basis = np.sqrt(values[convex])[:, None] * vectors[:, convex].T
        return Lifted(sparse.diags_array(np.maximum(own, 0.0)), basis.T, basis)
    whole = np.diag(own) + left @ right
    return Lifted(sparse.csr_array((whole + whole.T) / 2.0), vectors[:, :0], vectors[:, :0].T)


def quadratic_program(
    p: Lifted, q: NDArray[np.float64], a: Lifted, rest: Any, b: NDArray[np.float64], n_equal: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Minimise ``x @ p @ x / 2 + q @ x`` where the first rows of `rest` and then `a` are equal to `b`, others at most.

    Parameters
    ----------
    p : Lifted
        Symmetric, with a factor that is its basis transposed, for the leading variables.
    q : ndarray of float64, shape (n_variables,)
        The linear part of the objective.
    a : Lifted
        Rows that come after those of `rest`; its basis is for the leading variables.
    rest : sparse array, shape (n_rest, n_variables)
        Rows that are sparse.
    b : ndarray of float64, shape (n_rest + n_rows,)
        Right sides.
    n_equal : int
        How many rows of `rest` are equations.

    Returns
    -------
    x : ndarray of float64, shape (n_variables,)
        The minimum.
    z : ndarray of float64, shape (n_rows,)
        Multipliers of the rows of `a`.
    """
    clarabel, sparse = clarabel_module(), sparse_module()
    bases = np.vstack([a.basis, p.basis])
    n_new, n_lead = bases.shape
    linear = sparse.csr_array((len(q) - n_lead + len(a.basis),) * 2)
    rows = sparse.block_array(
        [
            [sparse.csr_array(bases), sparse.csr_array((n_new, len(q) - n_lead)), -sparse.eye_array(n_new)],
            [rest[:, :n_lead], rest[:, n_lead:], None],
            [a.own[:, :n_lead], a.own[:, n_lead:], np.pad(a.factor, ((0, 0), (0, len(p.basis))))],
        ],
        format="csc",
    )
    settings: Any = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_iter = 100
    settings.equilibrate_enable = False  # rows and variables are scaled already, and it ends more accurately
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = SOLVER_TOL
    cones = [clarabel.ZeroConeT(n_new + n_equal), clarabel.NonnegativeConeT(len(b) - n_equal)]
    quadratic = sparse.block_diag([p.own, linear, sparse.eye_array(len(p.basis))])
    solver = clarabel.DefaultSolver(
        sparse.triu(quadratic, format="csc"),
        np.append(q, np.zeros(n_new)),
        rows,
        np.append(np.zeros(n_new), b),
        cones,
        settings,
    )
    solution = solver.solve()
    return np.array(solution.x)[: len(q)], np.array(solution.z)[len(b) - a.own.shape[0] + n_new :]
