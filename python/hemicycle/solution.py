"""What every solver over the simplex returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SimplexSolution"]


@dataclass(frozen=True, slots=True, eq=False)
class SimplexSolution:
    """Weights on the simplex with the certificate of their optimality.

    Attributes
    ----------
    weights : ndarray of float64, shape (n_models,)
        Non-negative, with ``abs(math.fsum(weights) - 1) <= 2**-52``; read-only. Models without weight have exactly 0.
    objective : float
        The objective at the weights.
    gap : float
        The certificate: the objective is at most this far from its optimum.
    relative_gap : float
        The gap in the unit that the solver's `tol` refers to.
    passes : int
        Passes over all models that were made.
    reason : str
        Why these weights and no others that are as good.
    """

    weights: NDArray[np.float64]
    objective: float
    gap: float
    relative_gap: float
    passes: int
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", read_only(self.weights))

    @property
    def support(self) -> NDArray[np.int64]:
        """Models with positive weight, ascending, shape (n_support,)."""
        return read_only(np.flatnonzero(self.weights).astype(np.int64, copy=False))

    def __repr__(self) -> str:
        return (
            f"SimplexSolution({len(self.support)} of {len(self.weights)} models, objective={self.objective:.10g}, "
            f"gap={self.gap:.1e}, relative_gap={self.relative_gap:.1e}, passes={self.passes}, {self.reason})"
        )
