"""The largest of a linear function of the optimal weights: solvers that return its value and a bound of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle import Judgments, SimplexSolution

    Peer = Callable[[NDArray[Any], Judgments, SimplexSolution, NDArray[Any]], tuple[float, float]]


def hemicycle(
    logits: NDArray[Any], judgments: Judgments, solution: SimplexSolution, function: NDArray[Any]
) -> tuple[float, float]:
    from hemicycle.optimal_face import OptimalFace

    end = OptimalFace.of_pairs(logits, judgments, solution).maximise(function[solution.face])
    return end.value, end.bound


def scipy_linprog(
    logits: NDArray[Any], judgments: Judgments, solution: SimplexSolution, function: NDArray[Any]
) -> tuple[float, float]:
    """Give HiGHS every model as a column, with one row a judgment."""
    from scipy.optimize import linprog

    differences = logits[:, judgments.b] - logits[:, judgments.a]
    rows = np.vstack([(differences - solution.weights @ differences).T, np.ones(len(logits))])
    found = linprog(-function, A_eq=rows, b_eq=np.append(np.zeros(len(rows) - 1), 1.0), method="highs")
    duals = found.eqlin.marginals[:-1]
    return -found.fun, float((function + duals @ rows[:-1]).max())


PEERS: dict[str, Peer] = {"hemicycle": hemicycle, "scipy_linprog": scipy_linprog}
NEEDS = {"hemicycle": "highspy", "scipy_linprog": "scipy"}
