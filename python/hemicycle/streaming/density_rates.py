"""What models are paid for the densities that they give to observations, and which of them may deserve weight."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle import _core
from hemicycle.stacking import JuryDensities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments

__all__ = ["FlatBand", "Rates", "jury_densities"]


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """What models are paid for the density of each observation.

    Attributes
    ----------
    shift : ndarray of float64, shape (n_observations,)
        The largest log density of each, of all models.
    ratio : ndarray of float64, shape (n_observations,)
        Its weight over the density of the mixture, that relative to the largest; 0 where it does not count.
    """

    shift: NDArray[np.float64]
    ratio: NDArray[np.float64]

    def prices(
        self, densities: JuryDensities, n_threads: int | None = None, *, powers: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return the price of every model: the same bits whatever models are beside it.

        Parameters
        ----------
        densities : JuryDensities
            The models.
        n_threads : int, optional
            Threads of the core.
        powers : ndarray of float64, shape (n_observations,), optional
            Pay this for the squares of densities instead.
        """
        columns = (self.shift, self.ratio if powers is None else powers)
        shift, ratio = (
            np.require(column, requirements=["C", "A"]) for column in columns
        )  # messages may arrive unaligned
        return _core.density_prices(densities, shift, ratio, squared=powers is not None, n_threads=n_threads)


@dataclass(frozen=True, slots=True, eq=False)
class FlatBand:
    """Which models may have weight in an optimum: those whose price is 1, to rounding.

    Attributes
    ----------
    rates : Rates
        What is paid at the optimum.
    curvature : ndarray of float64, shape (n_observations,)
        The ratio over the density of the mixture: what squares are paid for the length of a model.
    known : float
        Prices are equal to 1 if they differ by no more than this times the distance of the model from the mixture.
    rounding : float
        And this.
    longest : float
        No model is farther from the mixture.
    weighted : ndarray of float64, shape (n_support,)
        Prices of the models with weight, which belong to it however they are rounded, as do their copies.
    """

    rates: Rates
    curvature: NDArray[np.float64]
    known: float
    rounding: float
    longest: float
    weighted: NDArray[np.float64]

    @property
    def least(self) -> float:
        """No price of a model that belongs to it is below this, but for those of models with weight."""
        return 1.0 - (self.known * self.longest + self.rounding)

    def contains(
        self, densities: JuryDensities, prices: NDArray[np.float64], n_threads: int | None = None
    ) -> NDArray[np.bool_]:
        """Return which models belong to it, given their prices."""
        inside: NDArray[np.bool_] = np.isin(prices, self.weighted)
        near = np.flatnonzero(~inside & (prices >= self.least))
        if len(near):
            some = replace(densities, logits=densities.logits[near])
            squares = self.rates.prices(some, n_threads, powers=self.curvature)
            distance = np.sqrt(np.maximum(squares - 2.0 * prices[near] + 1.0, 0.0))
            inside[near] = 1.0 - prices[near] <= self.known * distance + self.rounding
        return inside


def jury_densities(logits: NDArray[Any], judgments: Judgments, sigma: float, by_pair: bool) -> JuryDensities:
    """Return the log densities of models, made as they are in memory."""
    return JuryDensities(np.ascontiguousarray(logits), judgments.pairs, len(judgments.items), sigma, by_pair)
