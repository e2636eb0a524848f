"""The models that matter, gathered on the client, and the exact optimum over them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

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
    loss : float
        The loss, without prices.
    objective : float
        The loss, with prices.
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
    loss: float
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
    prices : ndarray of float64, shape (n_models,), or None
        Of all models of the store, counted from the lowest.
    """

    judgments: Judgments
    loss: PairLoss
    prices: NDArray[np.float64] | None = None

    def among(self, inside: NDArray[np.bool_]) -> WorkingSet:
        """Return the set of those that belong to some models of the store, shape (n_models,)."""
        mine = inside[self.models]
        return replace(self, models=self.models[mine], logits=self.logits[mine])

    def optimum(
        self,
        tolerance: float,
        start: NDArray[np.int64],
        *,
        tie_break: str = "nearest",
        reference: NDArray[np.float64] | None = None,
        l2: float = 0.0,
    ) -> Fit:
        """Return the optimum over the set that the tie-break names.

        Parameters
        ----------
        tolerance : float
            Largest gap.
        start : ndarray of int64
            Models of the store that are likely to have weight.
        tie_break : str, default "nearest"
            As of `pair_least_squares`.
        reference : ndarray of float64, shape (n_models,), optional
            Weights of all models of the store, of sum 1; by default uniform.
        l2 : float, default 0.0
            Ridge on the weights.
        """
        coordinates = self.loss.coordinates.of_logits(self.logits)  # (n_coordinates, n_gathered)
        alone = np.einsum("im,im->m", self.loss.form @ coordinates, coordinates)
        options: dict[str, Any] = {"tie_break": tie_break, "start": self.positions(start), "l2": l2}
        if self.prices is not None:
            options["cost"] = self.prices[self.models]
            alone = alone + options["cost"] - options["cost"].min()
        if reference is not None:  # what they lack is given to all alike, which moves no nearest point
            known = reference[self.models]
            options["reference"] = known + max(0.0, 1.0 - float(known.sum())) / len(known)
        unit = float(np.median(alone)) + self.loss.constant + l2
        tol = max(tolerance / unit if unit > 0 else 0.0, LEAST_TOL)
        solution, doubt = None, ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TieBreakWarning)  # given where the solution is the last one
                solution = pair_least_squares(self.logits, self.judgments, tol=tol, **options)
            weights = solution.weights
        except NotConvergedError as error:
            weights, doubt = error.weights, str(error)
            if not np.isfinite(weights).all():  # squares beyond doubles in the unit of models that fit to rounding
                weights = (np.arange(len(alone)) == alone.argmin()).astype(np.float64)
        return self._fit(weights, coordinates, solution, doubt)

    def alone(self, model: int) -> Fit:
        """Return the fit of a model that is gathered, alone."""
        weights = (self.models == model).astype(np.float64)
        return self._fit(weights, self.loss.coordinates.of_logits(self.logits), None, "")

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
        prices = np.zeros(len(chosen)) if self.prices is None else self.prices[self.models[chosen]]
        loss = self.loss.at(point)
        return Fit(
            self.models[chosen],
            self.models[vertex],
            weights[chosen],
            point,
            direction,
            slopes + 0.5 * prices,
            loss,
            loss + float(weights[chosen] @ prices),
            solution,
            doubt,
        )
