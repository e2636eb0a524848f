"""Models as deviations from the judgments: the loss of least squares is a quadratic function of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import read_only
from hemicycle.streaming.spanning_forest import heaviest_forest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments

__all__ = ["Coordinates", "PairLoss"]


@dataclass(frozen=True, slots=True, eq=False)
class Coordinates:
    """Log ratios of judged items, less those that fit the judgments best, each in a unit of its own.

    Attributes
    ----------
    items, references : ndarray of int64, shape (n_coordinates,)
        The item of each coordinate, and the one that its logit is counted from.
    centre : ndarray of float64, shape (n_coordinates,)
        The least squares log ratios.
    scale : ndarray of float64, shape (n_coordinates,)
        What they are multiplied with, powers of 2.
    """

    items: NDArray[np.int64]
    references: NDArray[np.int64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("items", "references", "centre", "scale"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.items)

    def of_logits(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """Return the coordinates of models, shape (n_coordinates, n_models).

        Parameters
        ----------
        logits : ndarray, shape (n_models, n_items)
            The models.
        """
        columns = logits.T.astype(np.float64, order="C")  # (n_items, n_models)
        found: NDArray[np.float64] = columns[self.items]
        found -= columns[self.references]
        found -= self.centre[:, None]
        found *= self.scale[:, None]
        return found

    def products(self, logits: NDArray[Any], direction: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the product of each model's coordinates with a vector, shape (n_models,).

        A model's is one chain of operations: the same bits whatever models are beside it.

        Parameters
        ----------
        logits : ndarray, shape (n_models, n_items)
            The models.
        direction : ndarray of float64, shape (n_coordinates,)
            The vector.
        """
        total = np.zeros(len(logits))
        for row, factor in zip(self.of_logits(logits), direction.tolist(), strict=True):
            row *= factor
            total += row
        return total


@dataclass(frozen=True, slots=True, eq=False)
class PairLoss:
    """The sum of weighted squared errors, ``x @ form @ x + constant`` for coordinates x.

    Attributes
    ----------
    coordinates : Coordinates
        What x stands for: log ratios of the pairs of a spanning forest, of the largest weights that there is.
    form : ndarray of float64, shape (n_coordinates, n_coordinates)
        The quadratic form; what it has on the diagonal is near to 1.
    constant : float
        The loss of the least squares log ratios.

    Notes
    -----
    No pair weighs more than those of the forest on the way between its items. So weights of any size beside each other
    leave the form well conditioned, where a graph Laplacian would lose the small ones in its rounding; and lengths in
    these coordinates are of the size of the root of the loss.
    """

    coordinates: Coordinates
    form: NDArray[np.float64]
    constant: float

    @classmethod
    def of(cls, judgments: Judgments) -> PairLoss:
        """Return that of judgments with at least one pair."""
        pairs = judgments.pairs
        a, b = pairs.a.tolist(), pairs.b.tolist()
        weight = np.bincount(pairs.pair_of_label, pairs.weight, len(pairs)).astype(np.float64)
        labels = np.bincount(pairs.pair_of_label, pairs.weight * pairs.log_ratio, len(pairs))
        forest = heaviest_forest(a, b, weight, len(judgments.items))
        n = len(forest.items)
        ways = [forest.way(*ends) for ends in zip(a, b, strict=True)]
        diagonal = np.zeros(n)
        for (steps, _), heavy in zip(ways, weight.tolist(), strict=True):
            diagonal[steps] += heavy
        scale = np.exp2(np.rint(0.5 * np.log2(diagonal)))
        form, right = np.zeros((n, n)), np.zeros(n)
        for (steps, signs), heavy, label in zip(ways, weight.tolist(), labels.tolist(), strict=True):
            along = signs / scale[steps]
            form[np.ix_(steps, steps)] += (heavy * along)[:, None] * along
            right[steps] += along * label
        centre = np.linalg.solve(form, right)
        centre += np.linalg.solve(form, right - form @ centre)
        fit = np.array([signs @ (centre / scale)[steps] for steps, signs in ways])
        constant = float(pairs.weight @ np.square(fit[pairs.pair_of_label] - pairs.log_ratio))
        return cls(Coordinates(forest.items, forest.references, centre / scale, scale), form, constant)

    def at(self, point: NDArray[np.float64]) -> float:
        """Return the loss of coordinates."""
        return float(point @ self.form @ point) + self.constant
