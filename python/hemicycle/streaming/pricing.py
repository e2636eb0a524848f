"""Passes of least squares over the models of one fragment: what a worker does, in sums of a fixed order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import structs

from hemicycle.store.fragments import read_rows
from hemicycle.streaming.block_scores import read_block
from hemicycle.streaming.scoring import SUMS, Scoring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from hemicycle.store.manifest import Fragment
    from hemicycle.streaming.coordinates import Coordinates

__all__ = [
    "FaceBand",
    "Gathering",
    "Part",
    "Priced",
    "Pricing",
    "cheapest",
    "face_of",
    "price",
    "rows_at",
    "seated_rows",
]

AT_ONCE = 4096  #: models between two looks at whether to stop


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A fragment to be read for least squares, in words that reach a worker on any machine.

    Attributes
    ----------
    store, folder : str
        Paths of the store and of the scores.
    fragment : Fragment
        Which.
    dtype : str
        Of the logits of the store.
    key : str
        The jury, see `Scoring.key`.
    coordinates : Coordinates
        How logits become deviations from the judgments.
    """

    store: str
    folder: str
    fragment: Fragment
    dtype: str
    key: str
    coordinates: Coordinates


@dataclass(frozen=True, slots=True, eq=False)
class Pricing:
    """A fragment to be priced.

    Attributes
    ----------
    part : Part
        The fragment.
    direction : ndarray of float64, shape (n_coordinates,)
        Half the gradient of the loss.
    n_least : int
        How many models to return.
    """

    part: Part
    direction: NDArray[np.float64]
    n_least: int


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """The models of a fragment, or of a store, with the least slopes.

    Attributes
    ----------
    slopes : ndarray of float64, shape (n_chosen,)
        Half the gradient of the loss by the weight of each, ascending, up to what all models share.
    models : ndarray of int64, shape (n_chosen,)
        Where they stand among the models that count; equal slopes are in this order.
    logits : ndarray, shape (n_chosen, n_items)
        What they are.
    """

    slopes: NDArray[np.float64]
    models: NDArray[np.int64]
    logits: NDArray[Any]


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
class Gathering:
    """A fragment of which some models are wanted.

    Attributes
    ----------
    part : Part
        The fragment.
    models : ndarray of int64, or None
        Where they stand among its models that count, ascending; None for those of `band`.
    band : FaceBand or None
        Which models to find.
    """

    part: Part
    models: NDArray[np.int64] | None = None
    band: FaceBand | None = None


def seated_rows(part: Part, stopped: Callable[[], bool] | None) -> Iterator[tuple[NDArray[Any], NDArray[np.float64]]]:
    """Yield logits and losses of the models of a fragment that count, at most `AT_ONCE` at a time.

    Raises
    ------
    StoreError
        If the fragment or its scores are damaged.
    InterruptedError
        If it was to give up.
    """
    fragment, scoring = part.fragment, Scoring.read(Path(part.folder), part.key)
    losses = read_block(Path(part.folder), fragment, part.key, ("squared_error",)).sums[SUMS.index("squared_error")]
    counts = ~np.isnan(losses)
    counts[list(fragment.replaced)] = False
    seated = np.flatnonzero(counts)
    whole = structs.replace(fragment, replaced=())
    logits = read_rows(Path(part.store), whole, scoring.judgments.items, part.dtype)[1]
    for first in range(0, len(seated), AT_ONCE):
        if stopped is not None and stopped():
            raise InterruptedError
        chosen = seated[first : first + AT_ONCE]
        yield scoring.lifted(logits[chosen]), losses[chosen]


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


def joined(parts: list[Priced]) -> Priced:
    """Return models of several parts, in their order."""
    columns = ([getattr(part, name) for part in parts] for name in ("slopes", "models", "logits"))
    return Priced(*(np.concatenate(column) for column in columns))


def cheapest(priced: Priced, n: int) -> Priced:
    """Return the models of the n least slopes, ascending; of equal ones the first."""
    slopes, kept = priced.slopes, np.arange(len(priced.slopes))
    if n < len(slopes):
        kept = np.flatnonzero(slopes <= np.partition(slopes, n)[n])  # with all that tie for the last places
    order = kept[np.lexsort((priced.models[kept], slopes[kept]))][:n]
    return Priced(slopes[order], priced.models[order], priced.logits[order])


def face_of(task: Gathering, stopped: Callable[[], bool] | None = None) -> tuple[NDArray[np.int64], float]:
    """Return where the models of a fragment stand that belong to `task.band`, and the least slope of the others.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    band, first, found, least = task.band, 0, [np.zeros(0, np.int64)], np.inf
    assert band is not None
    for logits, losses in seated_rows(task.part, stopped):
        slopes = task.part.coordinates.products(logits, band.direction)
        inside = band.contains(slopes, losses)
        found.append(first + np.flatnonzero(inside))
        least = min(least, float(slopes[~inside].min(initial=np.inf)))
        first += len(logits)
    return np.concatenate(found), least


def rows_at(task: Gathering, stopped: Callable[[], bool] | None = None) -> NDArray[Any]:
    """Return the logits of some models of a fragment.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    wanted, first, found = task.models, 0, []
    assert wanted is not None
    for logits, _ in seated_rows(task.part, stopped):
        here = wanted[(wanted >= first) & (wanted < first + len(logits))]
        found.append(logits[here - first])
        first += len(logits)
    rows: NDArray[Any] = np.concatenate(found)
    return rows
