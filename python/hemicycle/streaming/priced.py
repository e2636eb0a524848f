"""The models that pay most, of a fragment or of a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Priced", "cheapest", "joined", "unequal"]


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """The models of a fragment, or of a store, with the least slopes.

    Attributes
    ----------
    slopes : ndarray of float64, shape (n_chosen,)
        What the objective grows by a unit of weight on each, ascending, up to a factor and what all models share.
    models : ndarray of int64, shape (n_chosen,)
        Where they stand among the models that count; equal slopes are in this order.
    logits : ndarray, shape (n_chosen, n_items)
        What they are.
    """

    slopes: NDArray[np.float64]
    models: NDArray[np.int64]
    logits: NDArray[Any]

    def where(self, chosen: NDArray[np.bool_]) -> Priced:
        """Return those that are chosen."""
        return Priced(self.slopes[chosen], self.models[chosen], self.logits[chosen])


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


def unequal(priced: Priced) -> Priced:
    """Return the first model of every slope: copies pay the same to the last bit."""
    order = np.lexsort((priced.models, priced.slopes))
    slopes = priced.slopes[order]
    first = order[np.flatnonzero(np.diff(slopes, prepend=np.inf))] if len(order) else order
    return Priced(priced.slopes[first], priced.models[first], priced.logits[first])
