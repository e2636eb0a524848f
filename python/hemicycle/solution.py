"""What a solver over the simplex returns: the weights and how good they are, certified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SimplexSolution"]


@dataclass(frozen=True, slots=True, eq=False)
class SimplexSolution:
    """Weights on the simplex, with a certificate of how far they are from the optimum.

    Attributes
    ----------
    weights : ndarray of float64, shape (n_models,)
        Non-negative, with ``abs(math.fsum(weights) - 1) <= 2**-52``; read-only.
    objective : float
        Value of the objective at the weights.
    gap : float
        The objective is at most this far from the optimum.
    relative_gap : float
        The gap in a unit that depends neither on scale nor on shift of the input.
    passes : int
        Passes over all models.
    reason : str
        Why the solver stopped, and what it left out.
    """

    weights: NDArray[np.float64]
    objective: float
    gap: float
    relative_gap: float
    passes: int
    reason: str

    @property
    def support(self) -> NDArray[np.int64]:
        """Indices of the models with a positive weight, ascending."""
        return np.flatnonzero(self.weights)
