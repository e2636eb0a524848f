"""The models that matter, gathered on the client, and the exact optimum over them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import NotConvergedError, TieBreakWarning
from hemicycle.least_squares import pair_least_squares
from hemicycle.streaming.gathered import Gathered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.solution import SimplexSolution
    from hemicycle.streaming.coordinates import PairLoss

__all__ = ["Fit", "WorkingSet"]

LEAST_TOL = 1e-15  #: of the gathered models alone, whose median loss may be far above that of all


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A mixture of the models.

    Attributes
    ----------
    models : ndarray of int64, shape (n_support,)
        Models with weight, ascending.
    vertex : ndarray of int64, shape (n_vertex,)
        Models of an optimum with few of them.
    weights : ndarray of float64, shape (n_support,)
        Their weights.
    point : ndarray of float64, shape (n_coordinates,)
        Their mean coordinates.
    direction : ndarray of float64, shape (n_coordinates,)
        Half the gradient of the loss there.
    slopes : ndarray of float64, shape (n_support,)
        Of the models with weight.
    objective : float
        The loss.
    solution : SimplexSolution or None
        The exact optimum over the gathered models, None where rounding ended progress before its tolerance.
    doubt : str
        Why there is none.
    """

    models: NDArray[np.int64]
    vertex: NDArray[np.int64]
    weights: NDArray[np.float64]
    point: NDArray[np.float64]
    direction: NDArray[np.float64]
    slopes: NDArray[np.float64]
    objective: float
    solution: SimplexSolution | None
    doubt: str = ""

    def gap(self, least: float) -> float:
        """Return the certificate: the loss is at most this far above its minimum, if no slope is below `least`."""
        least = min(least, float(self.slopes.min()))
        return 2.0 * float(self.weights @ (self.slopes - least))

    @property
    def level(self) -> float:
        """The mean slope."""
        least = float(self.slopes.min())
        return least + float(self.weights @ (self.slopes - least))

    def spread(self, n_models: int) -> NDArray[np.float64]:
        """Return the weights of all models, shape (n_models,)."""
        weights = np.zeros(n_models)
        weights[self.models] = self.weights
        return weights


@dataclass(frozen=True, slots=True, eq=False)
class WorkingSet(Gathered):
    """Gathered models that are to fit judgments.

    Attributes
    ----------
    judgments : Judgments
        What they are to fit.
    loss : PairLoss
        How well they do.
    """

    judgments: Judgments
    loss: PairLoss

    def optimum(self, tolerance: float, start: NDArray[np.int64]) -> Fit:
        """Return the optimum over the set that is nearest to uniform.

        Parameters
        ----------
        tolerance : float
            Largest gap.
        start : ndarray of int64
            Models of the store that are likely to have weight.
        """
        coordinates = self.loss.coordinates.of_logits(self.logits)  # (n_coordinates, n_gathered)
        lengths = np.einsum("im,im->m", self.loss.form @ coordinates, coordinates)
        unit = float(np.median(lengths)) + self.loss.constant
        tol = max(tolerance / unit if unit > 0 else 0.0, LEAST_TOL)
        solution, doubt = None, ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TieBreakWarning)  # given where the solution is the last one
                solution = pair_least_squares(self.logits, self.judgments, tol=tol, start=self.positions(start))
            weights = solution.weights
        except NotConvergedError as error:
            weights, doubt = error.weights, str(error)
        return self._fit(weights, coordinates, solution, doubt)

    def _fit(
        self,
        weights: NDArray[np.float64],
        coordinates: NDArray[np.float64],
        solution: SimplexSolution | None,
        doubt: str,
    ) -> Fit:
        chosen = np.flatnonzero(weights)
        vertex = chosen if solution is None or solution.vertex is None else solution.vertex
        point = coordinates[:, chosen] @ weights[chosen]
        direction = self.loss.form @ point
        slopes = self.loss.coordinates.products(self.logits[chosen], direction)
        return Fit(
            self.models[chosen],
            self.models[vertex],
            weights[chosen],
            point,
            direction,
            slopes,
            self.loss.at(point),
            solution,
            doubt,
        )
