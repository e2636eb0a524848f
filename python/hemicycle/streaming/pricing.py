"""Passes of least squares over the models of one fragment: what a worker does, in sums of a fixed order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.streaming.parts import Part, seated_rows
from hemicycle.streaming.priced import Priced, cheapest, joined
from hemicycle.streaming.scoring import Scoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.streaming.coordinates import Coordinates

__all__ = ["FaceBand", "FaceSearch", "LossPart", "Pricing", "face_of", "price"]

FLAT = 1e-9  #: prices are equal to this part of them


@dataclass(frozen=True, slots=True, eq=False)
class LossPart(Part):
    """A fragment to be read for least squares.

    Attributes
    ----------
    coordinates : Coordinates
        How logits become deviations from the judgments.
    """

    coordinates: Coordinates


@dataclass(frozen=True, slots=True, eq=False)
class Pricing:
    """A fragment to be priced.

    Attributes
    ----------
    part : LossPart
        The fragment.
    direction : ndarray of float64, shape (n_coordinates,)
        Half the gradient of the loss.
    n_least : int
        How many models to return.
    inside : ndarray of bool, shape (n_counted,), or None
        Which of the models that count to look at; None for all.
    added : ndarray of float64, shape (n_counted,), or None
        What is added to the slope of each, as half its price.
    """

    part: LossPart
    direction: NDArray[np.float64]
    n_least: int
    inside: NDArray[np.bool_] | None = None
    added: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FaceBand:
    """Which models may have weight in an optimum: those whose slope is that of the models with weight, to rounding.

    Attributes
    ----------
    direction : ndarray of float64, shape (n_coordinates,)
        Half the gradient of the loss.
    level : float
        The mean slope under the weights.
    objective : float
        The loss of the weights, without prices.
    known : float
        Slopes are equal if they differ by no more than this times the distance of the model from the fit.
    rounding : float
        The same, times the length of its deviation.
    constant : float
        The part of the loss that all models share.
    weighted : ndarray of float64, shape (n_support,)
        Slopes of the models with weight, which belong to it however they are rounded, as do their copies.
    """

    direction: NDArray[np.float64]
    level: float
    objective: float
    known: float
    rounding: float
    constant: float
    weighted: NDArray[np.float64]

    def contains(
        self, products: NDArray[np.float64], losses: NDArray[np.float64], added: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return which models belong to it.

        Parameters
        ----------
        products, losses, added : ndarray of float64, shape (n_models,)
            Product with the direction and sum of weighted squared errors of each, and what its slope has more.
        """
        slopes, lengths = products + added, np.maximum(losses - self.constant, 0.0)
        distance = np.sqrt(np.maximum(lengths - 2.0 * products + (self.objective - self.constant), 0.0))
        rounding = self.rounding * np.sqrt(lengths) + FLAT * added
        inside: NDArray[np.bool_] = slopes - self.level <= self.known * distance + rounding
        return inside | np.isin(slopes, self.weighted)


@dataclass(frozen=True, slots=True, eq=False)
class FaceSearch:
    """A fragment in which models are to be found.

    Attributes
    ----------
    part : LossPart
        The fragment.
    band : FaceBand
        Which.
    added : ndarray of float64, shape (n_counted,), or None
        As of `Pricing`.
    """

    part: LossPart
    band: FaceBand
    added: NDArray[np.float64] | None = None


def price(task: Pricing, stopped: Callable[[], bool] | None = None) -> Priced:
    """Return the models of a fragment with the least slopes.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    found: Priced | None = None
    n_models = 0
    for logits, _ in seated_rows(task.part, stopped):
        slopes, here = task.part.coordinates.products(logits, task.direction), slice(n_models, n_models + len(logits))
        if task.added is not None:
            slopes += task.added[here]
        every = Priced(slopes, np.arange(here.start, here.stop), logits)
        if task.inside is not None:
            every = every.where(task.inside[here])
        least = cheapest(every, task.n_least)
        found = least if found is None else cheapest(joined([found, least]), task.n_least)
        n_models += len(logits)
    if found is None:
        n_items = len(Scoring.read(Path(task.part.folder), task.part.key).judgments.items)
        found = Priced(np.zeros(0), np.zeros(0, np.int64), np.zeros((0, n_items), task.part.dtype))
    return found


def face_of(task: FaceSearch, stopped: Callable[[], bool] | None = None) -> tuple[NDArray[np.int64], float]:
    """Return where the models of a fragment stand that belong to `task.band`, and the least slope of the others.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    band, first, found, least = task.band, 0, [np.zeros(0, np.int64)], np.inf
    for logits, losses in seated_rows(task.part, stopped):
        products = task.part.coordinates.products(logits, band.direction)
        added = np.zeros(len(logits)) if task.added is None else task.added[first : first + len(logits)]
        inside = band.contains(products, losses, added)
        found.append(first + np.flatnonzero(inside))
        least = min(least, float((products + added)[~inside].min(initial=np.inf)))
        first += len(logits)
    return np.concatenate(found), least
