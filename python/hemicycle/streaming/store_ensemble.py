"""An ensemble of models that stay on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from hemicycle.allocation import allocate_blocks, in_domain, mean_logits, shares_of_logits
from hemicycle.arrays import read_only
from hemicycle.averaging import effective_models
from hemicycle.scores import mean_squared_error
from hemicycle.store.compaction import told_of_compaction
from hemicycle.store.fragments import read_rows
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from hemicycle.allocation import Mean
    from hemicycle.solution import SimplexSolution
    from hemicycle.streaming.store_scores import StoreScores

__all__ = ["StoreEnsemble"]


@dataclass(frozen=True, slots=True, eq=False)
class StoreEnsemble:
    """Weights of the models of a store under one method.

    Attributes
    ----------
    scores : StoreScores
        The models, by what they scored.
    method : str
        "bma", "least_squares", "stacking", "greedy", "uniform" or "best".
    weights : ndarray of float64, shape (n_models,)
        Non-negative, of sum 1; in the order of `scores`.
    solution : SimplexSolution or None
        The certificate, of least squares, stacking and greedy selection.
    """

    scores: StoreScores
    method: str
    weights: NDArray[np.float64]
    solution: SimplexSolution | None = None
    _pooled: list[NDArray[np.float64]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", read_only(self.weights))

    def __repr__(self) -> str:
        n_effective = self.effective_models[0]
        return f"StoreEnsemble({self.method}, {n_effective:.1f} effective of {len(self.weights):,} models)"

    @property
    def effective_models(self) -> tuple[float, float]:
        """Effective number of models: exponential of the entropy of the weights, and one over their sum of squares."""
        return effective_models(self.weights)

    def leaderboard(self, top: int = 100) -> Table:
        """Return the best models with their weights, see `StoreScores.leaderboard`."""
        return self.scores.leaderboard(top, self.weights)

    def allocation(self, mean: Mean = "geometric") -> Table:
        """Return the share of each item in the budget of its parent.

        Parameters
        ----------
        mean : {"geometric", "arithmetic"}, default "geometric"
            The log pool or the linear pool of the models' shares.

        Returns
        -------
        Table
            Columns parent, item, share.

        Raises
        ------
        OptionError
            If `mean` is neither of the two.
        StoreError
            If a fragment is gone or damaged.

        Notes
        -----
        One pass over the fragments whose models have weight, summed in their order; what the geometric mean needs of it
        is kept.
        """
        items = self.scores.manifest.item_list
        if mean == "geometric":
            shares = shares_of_logits(self._mean_logits(), items.parent_index)
        else:
            shares = allocate_blocks(self._weighted(), items.parent_index, mean=mean)
        columns = {"parent": items.parents, "item": items.names, "share": shares}
        return Table(columns, printed={"item": items.hostless_names})

    @property
    def mse(self) -> float:
        """Mean squared error of the pooled log ratio; takes the pass of the geometric allocation, once for both."""
        pooled = in_domain(self._mean_logits())
        return float(mean_squared_error(pooled[None], self.scores.scoring.judgments)[0])

    def _mean_logits(self) -> NDArray[np.float64]:
        if not self._pooled:
            self._pooled.append(mean_logits(self._weighted(), self.scores.manifest.item_list.parent_index))
        return self._pooled[0]

    def _weighted(self) -> Iterator[tuple[NDArray[Any], NDArray[np.float64]]]:
        """Yield logits and weights of models with weight, a fragment at a time."""
        first, path, manifest = 0, self.scores.store.path, self.scores.manifest
        for fragment, (_, seated) in zip(manifest.fragments, self.scores.blocks(()), strict=True):
            weights = self.weights[first : first + len(seated)]
            first += len(seated)
            rows = seated[weights > 0]
            if len(rows):
                whole = msgspec.structs.replace(fragment, replaced=())
                with told_of_compaction(path, manifest, "it was scored; call score_store again"):
                    logits = read_rows(path, whole, manifest.item_list, manifest.dtype)[1][rows]
                yield self.scores.scoring.lifted(logits), weights[weights > 0]
