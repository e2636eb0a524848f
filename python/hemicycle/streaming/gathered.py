"""Models of a store that were gathered on the client."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Gathered"]


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Some models; the order in which they came does not matter.

    Attributes
    ----------
    models : ndarray of int64, shape (n_gathered,)
        Where they stand in the store, ascending.
    logits : ndarray, shape (n_gathered, n_items)
        What they are.
    """

    models: NDArray[np.int64]
    logits: NDArray[Any]

    def with_models(self, models: NDArray[np.int64], logits: NDArray[Any]) -> Self:
        """Return the set with further models; those that it has are not gathered again."""
        new = np.flatnonzero(~np.isin(models, self.models))
        every = np.concatenate([self.models, models[new]])
        order = np.argsort(every, kind="stable")
        rows = np.concatenate([self.logits, logits[new]])[order]
        return replace(self, models=every[order], logits=rows)

    def positions(self, models: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where models of the store stand in the set."""
        return np.searchsorted(self.models, models)
