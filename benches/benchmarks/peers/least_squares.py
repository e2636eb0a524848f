"""Least squares over the simplex: solvers that return weights, which may be off the simplex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def hemicycle(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    from hemicycle import simplex_least_squares

    return simplex_least_squares(x, y).weights


def scipy_slsqp(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Run the mechanism in use today: SLSQP, with analytic gradients, which is kind to it."""
    from scipy.optimize import minimize

    def loss(w: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        residual = w @ x - y
        return residual @ residual, 2 * x @ residual

    total = {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like}
    start, bounds, options = np.full(len(x), 1 / len(x)), [(0, 1)] * len(x), {"maxiter": 1000, "ftol": 1e-15}
    return minimize(loss, start, jac=True, bounds=bounds, constraints=total, options=options).x


def scipy_nnls(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Solve non-negative least squares with the sum as one heavy row."""
    from scipy.optimize import nnls

    return nnls(np.vstack([x.T, np.full(len(x), 1e4)]), np.append(y, 1e4))[0]


def clarabel(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Run an interior point method in the weights and the residual."""
    import clarabel as solver
    import scipy.sparse as sp

    n_models, n_observations = x.shape
    quadratic = sp.block_diag([sp.csc_matrix((n_models, n_models)), 2 * sp.eye(n_observations)], format="csc")
    constraints = [
        [sp.csc_matrix(x.T), -sp.eye(n_observations)],
        [sp.csc_matrix(np.ones((1, n_models))), None],
        [-sp.eye(n_models), None],
    ]
    bounds = np.concatenate([y, [1.0], np.zeros(n_models)])
    cones = [solver.ZeroConeT(n_observations + 1), solver.NonnegativeConeT(n_models)]
    settings = solver.DefaultSettings()
    settings.verbose = False
    linear = np.zeros(n_models + n_observations)
    problem = solver.DefaultSolver(quadratic, linear, sp.bmat(constraints, format="csc"), bounds, cones, settings)
    return np.asarray(problem.solve().x)[:n_models]


def piqp(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Run a proximal interior point method in the weights and the residual."""
    import piqp as solver
    import scipy.sparse as sp

    n_models, n_observations = x.shape
    quadratic = sp.block_diag([sp.csc_matrix((n_models, n_models)), 2 * sp.eye(n_observations)], format="csc")
    constraints = [[sp.csc_matrix(x.T), -sp.eye(n_observations)], [sp.csc_matrix(np.ones((1, n_models))), None]]
    lower = np.append(np.zeros(n_models), np.full(n_observations, -np.inf))
    problem = solver.SparseSolver()
    problem.setup(
        quadratic,
        np.zeros(n_models + n_observations),
        sp.bmat(constraints, format="csc"),
        np.append(y, 1.0),
        x_l=lower,
        x_u=np.full(n_models + n_observations, np.inf),
    )
    problem.solve()
    return np.asarray(problem.result.x)[:n_models]


def clarabel_nearest(x: NDArray[Any], fitted: NDArray[Any]) -> NDArray[Any]:
    """Return the weights nearest to uniform that give these fitted values, by an interior point method."""
    import clarabel as solver
    import scipy.sparse as sp

    n_models, n_observations = x.shape
    constraints = sp.vstack(
        [sp.csc_matrix(x.T), sp.csc_matrix(np.ones((1, n_models))), -sp.eye(n_models)], format="csc"
    )
    bounds = np.concatenate([fitted, [1.0], np.zeros(n_models)])
    cones = [solver.ZeroConeT(n_observations + 1), solver.NonnegativeConeT(n_models)]
    settings = solver.DefaultSettings()
    settings.verbose = False
    identity, uniform = sp.eye(n_models, format="csc"), np.full(n_models, 1 / n_models)
    problem = solver.DefaultSolver(identity, -uniform, constraints, bounds, cones, settings)
    return np.asarray(problem.solve().x)


PEERS: dict[str, Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]] = {
    "hemicycle": hemicycle,
    "scipy_slsqp": scipy_slsqp,
    "scipy_nnls": scipy_nnls,
    "clarabel": clarabel,
    "piqp": piqp,
}
NEEDS = {
    "hemicycle": "hemicycle",
    "scipy_slsqp": "scipy",
    "scipy_nnls": "scipy",
    "clarabel": "clarabel",
    "piqp": "piqp",
}
