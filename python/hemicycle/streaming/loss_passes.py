"""Passes of least squares over the models of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.streaming.coordinates import PairLoss
from hemicycle.streaming.passes import Passes
from hemicycle.streaming.priced import Priced, cheapest, joined
from hemicycle.streaming.pricing import FaceSearch, LossPart, Pricing, face_of, price

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.streaming.pricing import FaceBand
    from hemicycle.streaming.store_scores import StoreScores

__all__ = ["LossPasses"]


class LossPasses(Passes):
    """What least squares asks of all models of a store.

    Parameters
    ----------
    scores, engine, progress
        As for `Passes`.

    Attributes
    ----------
    loss : PairLoss
        The loss.
    """

    def __init__(
        self, scores: StoreScores, engine: Any = None, progress: Callable[[int, int, int], None] | None = None
    ) -> None:
        super().__init__(scores, engine, progress)
        self.loss = PairLoss.of(scores.scoring.judgments)
        self._loss_parts = tuple(
            LossPart(part.store, part.folder, part.fragment, part.dtype, part.key, self.loss.coordinates)
            for part in super().parts
        )

    @property
    def parts(self) -> tuple[LossPart, ...]:
        """The fragments that have models."""
        return self._loss_parts

    def cheapest(self, direction: NDArray[np.float64], n: int, added: NDArray[np.float64] | None = None) -> Priced:
        """Return the n models of the least slopes.

        Parameters
        ----------
        direction : ndarray of float64, shape (n_coordinates,)
            Half the gradient of the loss by the coordinates.
        n : int
            How many, at least 1.
        added : ndarray of float64, shape (n_models,), optional
            What is added to each slope, as half the price of a model.
        """
        each_added = zip(self.parts, self.sliced(added), strict=True)
        found = self.run(price, [Pricing(part, direction, n, added=some) for part, some in each_added], self.sizes)
        placed = [
            Priced(each.slopes, each.models + first, each.logits)
            for each, first in zip(found, self.offsets[:-1].tolist(), strict=True)
        ]
        return cheapest(joined(placed), n)

    def face(self, band: FaceBand, added: NDArray[np.float64] | None = None) -> tuple[NDArray[np.int64], float]:
        """Return where the models stand that belong to a band, ascending, and the least slope of the others."""
        each_added = zip(self.parts, self.sliced(added), strict=True)
        found = self.run(face_of, [FaceSearch(part, band, some) for part, some in each_added], self.sizes)
        models = [each + first for (each, _), first in zip(found, self.offsets[:-1].tolist(), strict=True)]
        return np.concatenate(models), min(least for _, least in found)
