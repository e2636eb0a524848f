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
    """

    part: LossPart
    direction: NDArray[np.float64]
    n_least: int


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
        The loss of the weights.
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

    def contains(self, slopes: NDArray[np.float64], losses: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which models belong to it.

        Parameters
        ----------
        slopes, losses : ndarray of float64, shape (n_models,)
            Slope and sum of weighted squared errors of each.
        """
        lengths = np.maximum(losses - self.constant, 0.0)
        distance = np.sqrt(np.maximum(lengths - 2.0 * slopes + (self.objective - self.constant), 0.0))
        flat = slopes - self.level <= self.known * distance + self.rounding * np.sqrt(lengths)
        inside: NDArray[np.bool_] = flat | np.isin(slopes, self.weighted)
        return inside


@dataclass(frozen=True, slots=True, eq=False)
class FaceSearch:
    """A fragment in which models are to be found.

    Attributes
    ----------
    part : LossPart
        The fragment.
    band : FaceBand
        Which.
    """

    part: LossPart
    band: FaceBand


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
        slopes = task.part.coordinates.products(logits, task.direction)
        here = cheapest(Priced(slopes, np.arange(n_models, n_models + len(logits)), logits), task.n_least)
        found = here if found is None else cheapest(joined([found, here]), task.n_least)
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
        slopes = task.part.coordinates.products(logits, band.direction)
        inside = band.contains(slopes, losses)
        found.append(first + np.flatnonzero(inside))
        least = min(least, float(slopes[~inside].min(initial=np.inf)))
        first += len(logits)
    return np.concatenate(found), least
