"""Log-score stacking: solvers that return weights on the simplex."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Peer = Callable[[NDArray[np.float64]], NDArray[np.float64]]

EM_STEPS = 2000  #: about the number after which the score stops to change in the sixth digit


def hemicycle(log_density: NDArray[np.float64]) -> NDArray[np.float64]:
    from hemicycle import stacking_weights

    return stacking_weights(log_density).weights


def scipy_slsqp(log_density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minimise over all weights but the last with SLSQP and the exact gradient, as packages for model comparison do."""
    from scipy.optimize import minimize

    density = np.exp(log_density - log_density.max(axis=0))

    def complete(free: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.append(free, 1 - free.sum())

    def loss(free: NDArray[np.float64]) -> float:
        return -float(np.log(complete(free) @ density).mean())

    def gradient(free: NDArray[np.float64]) -> NDArray[np.float64]:
        full = (density / (complete(free) @ density)).mean(axis=1)
        return full[-1] - full[:-1]

    n_models = len(density)
    room = {"type": "ineq", "fun": lambda free: 1 - free.sum(), "jac": lambda free: -np.ones_like(free)}
    start = np.full(n_models - 1, 1 / n_models)
    result = minimize(loss, start, jac=gradient, method="SLSQP", bounds=[(0, 1)] * (n_models - 1), constraints=room)
    weights = np.maximum(complete(result.x), 0)
    return weights / weights.sum()


def arviz_compare(log_density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of arviz's ``compare(method="stacking")``; the log densities stand for its pointwise elpd."""
    import warnings

    import xarray
    from arviz_stats import compare
    from arviz_stats.utils import ELPDData

    n_observations = log_density.shape[1]
    models = {
        str(d): ELPDData(
            kind="loo",
            elpd=float(row.sum()),
            se=float(np.sqrt(n_observations * row.var())),
            p=0.0,
            n_samples=1,
            n_data_points=n_observations,
            scale="log",
            warning=False,
            good_k=0.7,
            elpd_i=xarray.DataArray(row, dims="observation"),
        )
        for d, row in enumerate(log_density)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of differences that may be due to chance
        table = compare(models, method="stacking")
    weights = np.zeros(len(log_density))
    weights[table.index.astype(int)] = table["weight"]
    return weights


def numpy_em(log_density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply every weight by its gradient, a fixed number of times."""
    density = np.exp(log_density - log_density.max(axis=0))
    weights = np.full(len(density), 1 / len(density))
    for _ in range(EM_STEPS):
        weights *= (density / (weights @ density)).mean(axis=1)
    return weights


def clarabel_cones(log_density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve the exponential-cone programme ``max mean(t)``, ``(t_n, 1, (P w)_n)`` in the cone."""
    import clarabel
    from scipy import sparse

    density = np.exp(log_density - log_density.max(axis=0))
    n_models, n_observations = density.shape
    rows = np.zeros((3 * n_observations, n_models))
    rows[2::3] = -density.T
    cone = sparse.hstack([sparse.csc_matrix(rows), sparse.kron(-sparse.eye(n_observations), [[1.0], [0.0], [0.0]])])
    simplex = np.hstack([np.ones((1, n_models)), np.zeros((1, n_observations))])
    positive = sparse.hstack([-sparse.eye(n_models), sparse.csc_matrix((n_models, n_observations))])
    constraints = sparse.vstack([sparse.csc_matrix(simplex), positive, cone], format="csc")
    bounds = np.concatenate([[1.0], np.zeros(n_models), np.tile([0.0, 1.0, 0.0], n_observations)])
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(n_models)]
    cones += [clarabel.ExponentialConeT()] * n_observations
    linear = np.concatenate([np.zeros(n_models), np.full(n_observations, -1 / n_observations)])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    quadratic = sparse.csc_matrix((len(linear), len(linear)))
    solution = clarabel.DefaultSolver(quadratic, linear, constraints, bounds, cones, settings).solve()
    weights = np.maximum(np.array(solution.x)[:n_models], 0)
    return weights / weights.sum()


PEERS: dict[str, Peer] = {
    "hemicycle": hemicycle,
    "arviz": arviz_compare,
    "scipy SLSQP": scipy_slsqp,
    "numpy EM": numpy_em,
    "clarabel": clarabel_cones,
}
NEEDS = {
    "hemicycle": "hemicycle",
    "arviz": "arviz_stats",
    "scipy SLSQP": "scipy",
    "numpy EM": "numpy",
    "clarabel": "clarabel",
}
