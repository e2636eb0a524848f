"""Passes of stacking over the models of one fragment: what a worker does, the same bits whoever it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hemicycle import _core
from hemicycle.streaming.density_rates import FlatBand, Rates, jury_densities
from hemicycle.streaming.parts import Part, seated_rows
from hemicycle.streaming.priced import Priced, cheapest, joined, unequal
from hemicycle.streaming.scoring import Scoring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from hemicycle.stacking import JuryDensities

__all__ = ["DensityPart", "DensityPricing", "FlatSearch", "best_of", "better", "density_price", "flat_of"]

CELLS_AT_ONCE = 1 << 26  #: log densities between two looks at whether to stop
MODELS_AT_ONCE = 1 << 15


@dataclass(frozen=True, slots=True, eq=False)
class DensityPart(Part):
    """A fragment to be read for stacking.

    Attributes
    ----------
    by_pair : bool
        Whether densities are of pairs, else of labels.
    n_threads : int or None
        Threads of the core.
    """

    by_pair: bool
    n_threads: int | None


@dataclass(frozen=True, slots=True, eq=False)
class DensityPricing:
    """A fragment to be priced.

    Attributes
    ----------
    part : DensityPart
        The fragment.
    rates : Rates
        What is paid.
    models : ndarray of int64, or None
        Which of its models to price, ascending; None for all.
    above : float
        Logits of models that are worth more than this are wanted.
    n_most : int
        Of so many of them, the dearest; of equal prices, as of copies, only the first counts.
    """

    part: DensityPart
    rates: Rates
    models: NDArray[np.int64] | None
    above: float
    n_most: int


@dataclass(frozen=True, slots=True, eq=False)
class FlatSearch:
    """A fragment in which models are to be found.

    Attributes
    ----------
    part : DensityPart
        The fragment.
    band : FlatBand
        Which.
    models : ndarray of int64, or None
        Among which to look, ascending; None for all.
    """

    part: DensityPart
    band: FlatBand
    models: NDArray[np.int64] | None


def _densities(
    part: DensityPart, models: NDArray[np.int64] | None, stopped: Callable[[], bool] | None
) -> Iterator[tuple[NDArray[np.int64], JuryDensities]]:
    """Yield where some models stand, and their densities."""
    scoring, first = Scoring.read(Path(part.folder), part.key), 0
    judgments = scoring.judgments
    n_observations = len(judgments.pairs) if part.by_pair else judgments.pairs.n_labels
    at_once = min(MODELS_AT_ONCE, max(1, CELLS_AT_ONCE // n_observations))
    for logits, _ in seated_rows(part, stopped, at_once):
        here = np.arange(first, first + len(logits))
        if models is not None:
            here = models[(models >= first) & (models < first + len(logits))]
        if len(here):
            rows = logits if len(here) == len(logits) else logits[here - first]
            yield here, jury_densities(rows, judgments, scoring.sigma, part.by_pair)
        first += len(logits)


def best_of(
    part: DensityPart, stopped: Callable[[], bool] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the largest log density of each observation, and where the first model of a fragment stands that has it.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    found: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None
    for models, densities in _densities(part, None, stopped):
        largest, best = _core.best_densities(densities, part.n_threads)
        here = largest, models[best]
        found = here if found is None else better(found, here)
    assert found is not None  # a part has models
    return found


def better(
    one: tuple[NDArray[np.float64], NDArray[np.int64]], other: tuple[NDArray[np.float64], NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the larger log density of each observation with its model; of equal ones that of `one`."""
    larger = other[0] > one[0]
    return np.where(larger, other[0], one[0]), np.where(larger, other[1], one[1])


def density_price(
    task: DensityPricing, stopped: Callable[[], bool] | None = None
) -> tuple[NDArray[np.float64], Priced]:
    """Return the prices of models of a fragment, and the dearest; their slopes are their prices with a minus.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    n_items = len(Scoring.read(Path(task.part.folder), task.part.key).judgments.items)
    prices, dearest = [np.zeros(0)], Priced(np.zeros(0), np.zeros(0, np.int64), np.zeros((0, n_items), task.part.dtype))
    for models, densities in _densities(task.part, task.models, stopped):
        here = task.rates.prices(densities, task.part.n_threads)
        dear = np.flatnonzero(here > task.above)
        some = Priced(-here[dear], models[dear], densities.logits[dear])
        dearest = cheapest(unequal(joined([dearest, some])), task.n_most)
        prices.append(here)
    return np.concatenate(prices), dearest


def flat_of(task: FlatSearch, stopped: Callable[[], bool] | None = None) -> tuple[NDArray[np.int64], float]:
    """Return where the models of a fragment stand that belong to `task.band`, and the highest price of the others.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    found, highest, n_threads = [np.zeros(0, np.int64)], -np.inf, task.part.n_threads
    for models, densities in _densities(task.part, task.models, stopped):
        prices = task.band.rates.prices(densities, n_threads)
        inside = task.band.contains(densities, prices, n_threads)
        found.append(models[inside])
        highest = max(highest, float(prices[~inside].max(initial=-np.inf)))
    return np.concatenate(found), highest
