"""The cases that ensembles are trained in, and what is kept of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.reproduce.collusion_protocol import Condition
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BETAS", "CONDITIONS", "DROPOUTS", "MOMENTS", "NAMES", "PARTS", "Measured"]

BETAS = tuple(step / 10 for step in range(11))
DROPOUTS = (0.2, 0.4, 0.6)
CONDITIONS = (*(Condition(beta) for beta in BETAS), *(Condition(1.0, p) for p in DROPOUTS))
MOMENTS = ("stopped", "end")
PARTS = ("err", "err_bar", "div")
NAMES = (
    "err_train",
    *PARTS,
    "bias_share",
    "codependence_20",
    "codependence_40",
    "codependence_60",
    "best_member",
    "worst_member",
    "accuracy",
    "member_accuracy",
)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was measured, by case: a regression set, or digits with an averaging and a number of members.

    Attributes
    ----------
    values : dict
        Case and moment, then the name of a measure, to ndarray of shape (n_runs, n_conditions); one of `NAMES`, nan
        where it has no meaning.
    courses : dict
        Case, then "train" or "test", to ndarray of shape (n_runs, n_checkpoints, 3, n_conditions): ERR, ERR_bar, DIV.
    steps : dict
        Case to ndarray of shape (n_checkpoints,).
    """

    values: dict[tuple[str, str], dict[str, NDArray[np.float64]]]
    courses: dict[str, dict[str, NDArray[np.float64]]]
    steps: dict[str, NDArray[np.int64]]

    @property
    def cases(self) -> tuple[str, ...]:
        """Names of the cases, in order."""
        return tuple(self.courses)

    @property
    def n_runs(self) -> int:
        """Number of runs."""
        return len(next(iter(self.courses.values()))["train"])

    def table(self) -> Table:
        """Return one row for each case, moment, run, beta and dropout."""
        rows = [
            (case, moment, run, condition.beta, condition.dropout, *(float(found[name][run, c]) for name in NAMES))
            for (case, moment), found in self.values.items()
            for run in range(self.n_runs)
            for c, condition in enumerate(CONDITIONS)
        ]
        columns = ("case", "moment", "run", "beta", "dropout", *NAMES)
        return _table(columns, [tuple(None if cell != cell else cell for cell in row) for row in rows])

    def training_table(self) -> Table:
        """Return one row for each case, beta, dropout and checkpoint: means over the runs."""
        rows = []
        for case, course in self.courses.items():
            means = {where: values.mean(axis=0) for where, values in course.items()}
            for c, condition in enumerate(CONDITIONS):
                for k, step in enumerate(self.steps[case].tolist()):
                    seen = [float(means[where][k, part, c]) for where in ("train", "test") for part in range(3)]
                    rows.append((case, condition.beta, condition.dropout, step, *seen))
        names = tuple(f"{part}_{where}" for where in ("train", "test") for part in PARTS)
        return _table(("case", "beta", "dropout", "step", *names), rows)


def _table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Table:
    """Return a table, with arrays where all cells are numbers."""
    cells = zip(*rows, strict=True)
    return Table(
        {
            name: np.array(column) if all(isinstance(cell, int | float) for cell in column) else column
            for name, column in zip(columns, cells, strict=True)
        }
    )
