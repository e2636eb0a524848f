"""Least squares over the models of a store: when it is solved, and the certificate of any weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import NotConvergedError
from hemicycle.options import non_negative_number, positive_number
from hemicycle.solver_arguments import per_model, reference_weights
from hemicycle.solver_options import is_broken_after
from hemicycle.streaming.facial_reduction import typical_length

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.streaming.loss_passes import LossPasses
    from hemicycle.streaming.working_set import Fit

__all__ = ["Certified", "StoreProblem", "Weighing"]

MAX_HALVINGS = 40  #: steps from an optimum towards the nearest one that are tried where that one cannot be certified
DUST = 4 * float(np.finfo(np.float64).eps)  #: weights up to this are rounding, unless their models lie far out


@dataclass(frozen=True, slots=True, eq=False)
class Weighing:
    """Weights, and what they give.

    Attributes
    ----------
    weights : ndarray of float64, shape (n_models,)
        Of sum 1.
    point : ndarray of float64, shape (n_coordinates,)
        The mean coordinates of the models.
    """

    weights: NDArray[np.float64]
    point: NDArray[np.float64]

    def towards(self, other: Weighing, share: float) -> Weighing:
        """Return weights on the way to others."""
        return Weighing(
            (1.0 - share) * self.weights + share * other.weights, (1.0 - share) * self.point + share * other.point
        )


@dataclass(frozen=True, slots=True, eq=False)
class Certified:
    """Weights and their certificate.

    Attributes
    ----------
    weights : ndarray of float64, shape (n_models,)
        Of sum 1 to the last bit.
    objective : float
        The objective.
    gap : float
        It is at most this far above its minimum.
    whole : bool
        Whether they are those that were asked for, not only on the way there.
    """

    weights: NDArray[np.float64]
    objective: float
    gap: float
    whole: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class StoreProblem:
    """Models of a store, what is asked of their weights, and when they are solved.

    Attributes
    ----------
    passes : LossPasses
        The models.
    judgments : Judgments
        What they are to fit.
    losses : ndarray of float64, shape (n_models,)
        Sum of weighted squared errors of each.
    tol : float
        Largest relative gap.
    prices : ndarray of float64, shape (n_models,), or None
        Of the models, counted from the lowest; None if all are the same.
    lowest : float
        The lowest price, which every mixture pays.
    l2 : float
        Ridge on the weights.
    tie_break : str
        Which of several optimal weights.
    reference : ndarray of float64, shape (n_models,), or None
        Weights to be near to, of sum 1; None for uniform.
    """

    passes: LossPasses
    judgments: Judgments
    losses: NDArray[np.float64]
    tol: float
    prices: NDArray[np.float64] | None = None
    lowest: float = 0.0
    l2: float = 0.0
    tie_break: str = "nearest"
    reference: NDArray[np.float64] | None = None

    @classmethod
    def asked(
        cls,
        passes: LossPasses,
        judgments: Judgments,
        losses: NDArray[np.float64],
        tie_break: str,
        reference: ArrayLike | None,
        l2: float,
        cost: ArrayLike | None,
        tol: float,
    ) -> StoreProblem:
        """Return the problem that a caller asks for, documented at `StoreScores.least_squares`."""
        is_broken_after(tie_break, reference)
        prices = None if cost is None else per_model(cost, "cost", len(losses))
        lowest = 0.0 if prices is None else float(prices.min())
        return cls(
            passes,
            judgments,
            losses,
            positive_number(tol, "tol"),
            None if prices is None or np.ptp(prices) == 0 else prices - lowest,
            lowest,
            non_negative_number(l2, "l2"),
            tie_break,
            None if reference is None else reference_weights(reference, len(losses)),
        )

    @property
    def alone(self) -> NDArray[np.float64]:
        """Loss and price of each model alone, shape (n_models,)."""
        return self.losses if self.prices is None else self.losses + self.prices

    @property
    def unit(self) -> float:
        """The unit of the relative gap: the median over models of the objective of one alone.

        Where that is 0 a ridge is no unit for the loss, whose rounding may be far above it: the longest deviation is.
        """
        median = float(np.median(self.alone))
        if self.l2 > 0 and median == 0:
            median = float(self.squared_lengths.max())
        return median + self.l2

    @property
    def tolerance(self) -> float:
        """The largest gap of a solution."""
        return self.tol * self.unit

    def relative(self, gap: float) -> float:
        """Return a gap in that unit; 0 if it is 0, whatever the unit."""
        return gap / self.unit if gap else 0.0

    def objective(self, given: Weighing) -> float:
        """Return loss, ridge and price of weights."""
        price = self.lowest if self.prices is None else float(given.weights @ self.prices) + self.lowest
        return self.passes.loss.at(given.point) + price + self.l2 * float(given.weights @ given.weights)

    def added(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64] | None:
        """Return what prices and ridge add to the slope of each model, shape (n_models,); None for nothing."""
        added = None if self.prices is None else 0.5 * self.prices
        if self.l2 > 0 and weights is not None:
            return self.l2 * weights if added is None else added + self.l2 * weights
        return added

    @property
    def squared_lengths(self) -> NDArray[np.float64]:
        """Of the models' deviations, less what no mixture can reach, shape (n_models,)."""
        return np.maximum(self.losses - self.passes.loss.constant, 0.0)

    @property
    def typical_length(self) -> float:
        """A length to compare deviations with."""
        return typical_length(self.squared_lengths)

    def gap(self, given: Weighing) -> float:
        """Return the certificate of weights, in one pass."""
        direction, added = self.passes.loss.form @ given.point, self.added(given.weights)
        if added is None and not direction.any():
            return 0.0
        level = float(direction @ given.point) + (0.0 if added is None else float(added @ given.weights))
        return max(0.0, 2.0 * (level - float(self.passes.cheapest(direction, 1, added).slopes[0])))

    def certified(self, asked: Weighing, optimum: Weighing | None = None) -> Certified | None:
        """Return weights with their certificate, or weights on the way to them from an optimum; None if there are none.

        It halves the way until the gap is small enough: the optimal weights are so thin a set that rounding keeps what
        should be in it from fitting.
        """
        asked = Weighing(self._swept(asked.weights), asked.point)
        for halvings in range(1 if optimum is None else MAX_HALVINGS):
            given = asked if optimum is None else optimum.towards(asked, 0.5**halvings)
            gap = self.gap(given)
            if gap <= self.tolerance:
                return Certified(_whole(given.weights), self.objective(given), gap, halvings == 0)
        return None

    def _swept(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return weights without those that are rounding: they move the fit less than its rounding does."""
        lengths = np.sqrt(self.squared_lengths)
        dust = (weights <= DUST) & (weights * lengths <= DUST * self.typical_length)
        swept: NDArray[np.float64] = np.where(dust, 0.0, weights)
        return swept

    def not_converged(self, fit: Fit, gap: float, why: str) -> NotConvergedError:
        """Return the error of an optimum that is none."""
        what = f"least squares: the gap is {gap:.3g}, above {self.tolerance:.3g} ({why})"
        return NotConvergedError(what, fit.spread(len(self.losses)), gap, self.passes.count)


def _whole(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights with a sum of 1 to the last bit."""
    whole: NDArray[np.float64] = weights / weights.sum()
    for _ in range(3):
        whole[whole.argmax()] += 1.0 - math.fsum(whole)
    return whole
