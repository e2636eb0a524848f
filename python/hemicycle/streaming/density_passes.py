"""Passes of stacking over the models of a store: what one finds bounds later prices, so that most price few models."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hemicycle.streaming.density_pricing import (
    DensityPart,
    DensityPricing,
    FlatSearch,
    best_of,
    better,
    density_price,
    flat_of,
)
from hemicycle.streaming.passes import Passes
from hemicycle.streaming.priced import Priced, cheapest, joined, unequal

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.streaming.density_rates import FlatBand, Rates
    from hemicycle.streaming.executors import Work
    from hemicycle.streaming.store_scores import StoreScores

__all__ = ["DensityPasses"]

ROUNDING = 1e-10  #: of bounds, relative
MANY = 0.25  #: of the models: where more are asked for all are priced, and known better from then on
MULTIPLES = 16  #: of the last known prices that bounds are built on


TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


class DensityPasses(Passes):
    """What stacking asks of all models of a store.

    Parameters
    ----------
    scores, engine, progress
        As for `Passes`.
    by_pair : bool
        Whether densities are of pairs, else of labels.
    n_threads : int, optional
        Threads of the core.

    Attributes
    ----------
    by_pair : bool
        The same.
    n_threads : int or None
        The same.
    """

    def __init__(
        self,
        scores: StoreScores,
        engine: Any = None,
        progress: Callable[[int, int, int], None] | None = None,
        *,
        by_pair: bool = False,
        n_threads: int | None = None,
    ) -> None:
        super().__init__(scores, engine, progress)
        self.by_pair, self.n_threads = by_pair, n_threads
        self._density_parts = tuple(
            DensityPart(part.store, part.folder, part.fragment, part.dtype, part.key, by_pair, n_threads)
            for part in super().parts
        )
        self._known: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    @property
    def parts(self) -> tuple[DensityPart, ...]:
        """The fragments that have models."""
        return self._density_parts

    @property
    def n_models(self) -> int:
        """Models of the store."""
        return int(self.offsets[-1])

    def best(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the largest log density of each observation, and the first model that has it."""
        found = self.run(best_of, self.parts, self.sizes)
        firsts = self.offsets[:-1].tolist()
        return reduce(better, [(each, models + at) for (each, models), at in zip(found, firsts, strict=True)])

    def dearest(self, rates: Rates, above: float, n: int) -> tuple[float, Priced]:
        """Return the highest price, no less than 1, and the dearest models.

        Parameters
        ----------
        rates : Rates
            What is paid.
        above : float
            Models that are worth no more than this, which is 1 or more, are left out.
        n : int
            How many at most; of equal prices, as of copies, only the first counts.
        """
        candidates = self._candidates(rates, 1.0)
        found = self._ask(density_price, lambda part, models: DensityPricing(part, rates, models, above, n), candidates)
        if candidates is None:
            self._known = np.concatenate([prices for _, (prices, _) in found]), rates.ratio
        highest = max(float(prices.max(initial=1.0)) for _, (prices, _) in found)
        placed = [Priced(each.slopes, each.models + first, each.logits) for first, (_, each) in found]
        return highest, cheapest(unequal(joined(placed)), n)

    def flat(self, band: FlatBand, floor: float) -> tuple[NDArray[np.int64], float]:
        """Return where the models stand that belong to a band, ascending, and the highest price of the others.

        Parameters
        ----------
        band : FlatBand
            Which models.
        floor : float
            The price of a model that does not belong to it, or less.
        """
        floor = min(floor, band.least, float(band.weighted.min()))
        candidates = self._candidates(band.rates, floor)
        found = self._ask(flat_of, lambda part, models: FlatSearch(part, band, models), candidates)
        models = [each + first for first, (each, _) in found]
        return np.concatenate(models), max(highest for _, (_, highest) in found)

    def _candidates(self, rates: Rates, floor: float) -> NDArray[np.int64] | None:
        """Return the models that may be worth `floor` or more, ascending; None for all."""
        if self._known is None:
            return None
        prices, ratio = self._known
        models = np.flatnonzero(prices >= least_known(ratio, rates.ratio, floor))
        return None if len(models) > MANY * self.n_models else models

    def _ask(
        self,
        work: Work[TaskT, ResultT],
        task: Callable[[DensityPart, NDArray[np.int64] | None], TaskT],
        models: NDArray[np.int64] | None,
    ) -> list[tuple[int, ResultT]]:
        """Do a task for each part that holds some models, None for all; return where those begin, and what came."""
        ends = np.arange(len(self.parts) + 1) if models is None else np.searchsorted(models, self.offsets)
        chosen = np.flatnonzero(np.diff(ends)).tolist()
        firsts = self.offsets[chosen].tolist()
        asked = [
            None if models is None else models[ends[number] : ends[number + 1]] - first
            for number, first in zip(chosen, firsts, strict=True)
        ]
        tasks = [task(self.parts[number], here) for number, here in zip(chosen, asked, strict=True)]
        sizes = self.sizes
        found = self.run(work, tasks, [sizes[number] for number in chosen])
        return list(zip(firsts, found, strict=True))


def least_known(before: NDArray[np.float64], now: NDArray[np.float64], floor: float) -> float:
    """Return what a model's price at `before` is at least where it is `floor` or more at `now`.

    For any c the price now is at most c times that before, and the sum of what `now` has beyond c times `before`, since
    densities are at most 1.
    """
    counted = before > 0
    before, now = before[counted], now[counted]
    growth = float(np.max(now / before, initial=0.0))
    if not growth > 0:
        return -np.inf
    bounds: list[float] = []
    for k in range(MULTIPLES + 1):
        c = growth ** (k / MULTIPLES)
        beyond = 0.0 if k == MULTIPLES else float(np.maximum(now - c * before, 0.0).sum())
        bounds.append((floor - beyond) / c * (1.0 - ROUNDING))
    return max(bounds)
