"""The restricted linear program of column generation, held by HiGHS from one set of costs to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.errors import NotConvergedError
from hemicycle.extras import extra_module

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LinearProgram"]

OPTIONS: dict[str, Any] = {
    "output_flag": False,
    "solver": "simplex",
    "simplex_strategy": 4,  # primal: a basis stays feasible when costs change and columns come
    "presolve": "off",
    "parallel": "off",
    "primal_feasibility_tolerance": 1e-10,
    "dual_feasibility_tolerance": 1e-10,
}
KEPT = 4  #: Columns a row above which those outside the basis are dropped before the next program.


class LinearProgram:
    """Minimise ``costs @ w`` over ``w >= 0, sum w = 1, rows.T @ w = 0`` with few of the rows, from the last basis.

    Parameters
    ----------
    rows : ndarray of float64, shape (n_models, n_coordinates)
        A column of the program is a row of this array and a 1; it is borrowed.

    Attributes
    ----------
    contains : ndarray of bool, shape (n_models,)
        Whether a model has a column.
    """

    def __init__(self, rows: NDArray[np.float64]) -> None:
        self._rows = rows
        self._columns = np.zeros(0, dtype=np.int64)
        self._costs = np.zeros(len(rows))
        self.contains = np.zeros(len(rows), dtype=bool)
        self._package = _highspy()
        self._highs = self._package.Highs()
        for name, value in OPTIONS.items():
            self._highs.setOptionValue(name, value)
        n_rows = rows.shape[1] + 1
        right = np.zeros(n_rows)
        right[-1] = 1.0
        empty = np.zeros(0)
        self._highs.addRows(n_rows, right, right, 0, np.zeros(n_rows, np.int32), empty.astype(np.int32), empty)

    def begin(self, costs: NDArray[np.float64]) -> None:
        """Take other costs, shape (n_models,)."""
        self._costs = costs
        if len(self._columns) > KEPT * (self._rows.shape[1] + 1):
            self._drop()
        positions = np.arange(len(self._columns), dtype=np.int32)
        self._highs.changeColsCost(len(positions), positions, costs[self._columns])

    def add(self, models: NDArray[np.int64]) -> None:
        """Add the columns of models that have none."""
        models = models[~self.contains[models]]
        n_rows = self._rows.shape[1] + 1
        values = np.ones((len(models), n_rows))
        values[:, :-1] = self._rows[models]
        starts = np.arange(len(models), dtype=np.int32) * np.int32(n_rows)
        places = np.tile(np.arange(n_rows, dtype=np.int32), len(models))
        low, high = np.zeros(len(models)), np.full(len(models), self._package.kHighsInf)
        cost = self._costs[models]
        self._highs.addCols(len(models), cost, low, high, values.size, starts, places, values.ravel())
        self._columns = np.append(self._columns, models)
        self.contains[models] = True

    def solve(self) -> tuple[float, NDArray[np.float64]]:
        """Return the value and the duals of the rows, shape (n_coordinates + 1,).

        Raises
        ------
        NotConvergedError
            If HiGHS finds no optimum, from the last basis or from none.
        """
        for strategy in (OPTIONS["simplex_strategy"], 1):
            self._highs.setOptionValue("simplex_strategy", strategy)
            self._highs.run()
            status = self._highs.getModelStatus()
            if status == self._package.HighsModelStatus.kOptimal:
                return self._highs.getInfo().objective_function_value, np.array(self._highs.getSolution().row_dual)
            self._highs.clearSolver()
        how = self._highs.modelStatusToString(status).lower()
        message = f"a linear program over the optimal weights ended as {how}"
        raise NotConvergedError(message, np.zeros(len(self._rows)), np.inf, 0)

    def solution(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the models with weight, ascending, and their weights."""
        values = np.array(self._highs.getSolution().col_value)
        used = np.flatnonzero(values > 0)
        order = np.argsort(self._columns[used])
        return self._columns[used][order], values[used][order]

    def _drop(self) -> None:
        """Drop the columns outside the basis, which stays as it is."""
        statuses = self._package.HighsBasisStatus
        basis = self._highs.getBasis()
        outside = np.array([status != statuses.kBasic for status in basis.col_status])
        if not basis.valid:
            return
        dropped = np.flatnonzero(outside).astype(np.int32)
        rows = list(basis.row_status)
        self._highs.deleteCols(len(dropped), dropped)
        self.contains[self._columns[outside]] = False
        self._columns = self._columns[~outside]
        kept = self._package.HighsBasis()
        kept.col_status = [statuses.kBasic] * len(self._columns)
        kept.row_status = rows
        kept.valid = True
        self._highs.setBasis(kept)


def _highspy() -> Any:
    needs = "ranges (--ranges) and the tie-break 'least_individual_loss' (--tie-break) need"
    return extra_module("highspy", needs, "solve")
