"""Models as deviations from the judgments: the loss of least squares is a quadratic function of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import read_only

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments

__all__ = ["Coordinates", "PairLoss"]


@dataclass(frozen=True, slots=True, eq=False)
class Coordinates:
    """Logits of judged items, less that of the first item of their component, less those that fit the judgments best.

    Attributes
    ----------
    items, references : ndarray of int64, shape (n_coordinates,)
        The item of each coordinate, and the one that its logit is counted from.
    centre : ndarray of float64, shape (n_coordinates,)
        The least squares logits.
    """

    items: NDArray[np.int64]
    references: NDArray[np.int64]
    centre: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("items", "references", "centre"):
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
        What x stands for.
    form : ndarray of float64, shape (n_coordinates, n_coordinates)
        The graph Laplacian of the pairs, by weight, without the reference items.
    constant : float
        The loss of the least squares logits.
    """

    coordinates: Coordinates
    form: NDArray[np.float64]
    constant: float

    @classmethod
    def of(cls, judgments: Judgments) -> PairLoss:
        """Return that of judgments with at least one pair."""
        pairs, n_items = judgments.pairs, len(judgments.items)
        component = pairs.components(n_items)
        first = np.unique(component, return_index=True)[1][component]  # (n_items,)
        items = np.flatnonzero(first != np.arange(n_items))
        pair = pairs.pair_of_label
        weight = np.bincount(pair, pairs.weight, len(pairs))
        labels = np.bincount(pair, pairs.weight * pairs.log_ratio, len(pairs))
        laplacian, right = np.zeros((n_items, n_items)), np.zeros(n_items)
        for end, other, sign in ((pairs.a, pairs.b, -1.0), (pairs.b, pairs.a, 1.0)):
            np.add.at(laplacian, (end, end), weight)
            np.add.at(laplacian, (end, other), -weight)
            np.add.at(right, end, sign * labels)
        form, right = laplacian[np.ix_(items, items)], right[items]
        centre = np.asarray(np.linalg.solve(form, right), dtype=np.float64)
        centre += np.linalg.solve(form, right - form @ centre)
        whole = np.zeros(n_items)
        whole[items] = centre
        missed = (whole[pairs.b] - whole[pairs.a])[pair] - pairs.log_ratio
        constant = float(pairs.weight @ np.square(missed))
        return cls(Coordinates(items, first[items], centre), form, constant)

    def at(self, point: NDArray[np.float64]) -> float:
        """Return the loss of coordinates."""
        return float(point @ self.form @ point) + self.constant
