"""Judgments grouped by pair: what the likelihoods and the solvers work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle import _core
from hemicycle.arrays import (
    by_construction,
    float_array,
    read_only,
    require_at_most,
    require_length,
    require_non_negative,
)
from hemicycle.errors import OptionError
from hemicycle.rejects import counted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Pairs", "group_pairs"]

MAX_PAIR_WEIGHT = 1e150
"""Largest weight of a pair: room for the sum of any number of judgments' weights."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Labels of each unordered pair, in compressed rows.

    Pairs are sorted by ``(a, b)`` and the labels of a pair by ``(log_ratio, weight, row)``, so that the order of the
    jury file changes no bit of any sum over them.

    Attributes
    ----------
    a, b : ndarray of uint32, shape (n_pairs,)
        The items of each pair, ``a < b``.
    offsets : ndarray of int64, shape (n_pairs + 1,)
        The labels of pair n are ``offsets[n]:offsets[n + 1]``.
    log_ratio : ndarray of float64, shape (n_labels,)
        Natural log of how much more ``b`` is worth than ``a``.
    weight : ndarray of float64, shape (n_labels,)
        Weight of each label, u_i > 0: judgment weight times juror weight.
    row : ndarray of int64, shape (n_labels,)
        The judgment that each label came from.
    n_zero_weight : int
        Pairs that are absent because all their labels have weight 0.
    """

    a: NDArray[np.uint32]
    b: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    log_ratio: NDArray[np.float64]
    weight: NDArray[np.float64]
    row: NDArray[np.int64]
    n_zero_weight: int

    def __post_init__(self) -> None:
        for name in ("a", "b", "offsets", "log_ratio", "weight", "row"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)

    def __len__(self) -> int:
        return len(self.a)

    def __repr__(self) -> str:
        return f"Pairs({counted(len(self), 'pair')}, {counted(len(self.log_ratio), 'label')})"

    @property
    def n_labels(self) -> int:
        """Number of labels of all pairs."""
        return len(self.row)

    @property
    def pair_of_label(self) -> NDArray[np.int64]:
        """The pair of each label, shape (n_labels,)."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.offsets))

    @property
    def total_weight(self) -> NDArray[np.float64]:
        """Sum of the weights of each pair's labels, shape (n_pairs,)."""
        if not len(self):
            return np.zeros(0)
        return np.add.reduceat(self.weight, self.offsets[:-1])

    @property
    def mean_log_ratio(self) -> NDArray[np.float64]:
        """Weighted mean label of each pair, shape (n_pairs,)."""
        if not len(self):
            return np.zeros(0)
        share = self.weight / np.repeat(self.total_weight, np.diff(self.offsets))  # (n_labels,)
        return np.add.reduceat(share * self.log_ratio, self.offsets[:-1])

    def components(self, n_items: int) -> NDArray[np.int64]:
        """Return the connected component of the comparison graph that each item belongs to.

        Parameters
        ----------
        n_items : int
            Number of items; those that no pair compares are components of their own.

        Returns
        -------
        ndarray of int64, shape (n_items,)
            Components are numbered from 0 in the order of their first items.
        """
        first = np.arange(n_items)  # the least item that each is known to be connected with
        while True:
            least = np.minimum(first[self.a], first[self.b])
            lowered = first.copy()
            for ends in (self.a, self.b):
                np.minimum.at(lowered, ends, least)
                np.minimum.at(lowered, first[ends], least)
            lowered = lowered[lowered]
            if (lowered == first).all():
                return np.unique(first, return_inverse=True)[1].astype(np.int64, copy=False)
            first = lowered

    def pair_weight(self, pair_weights: str | ArrayLike = "equal") -> NDArray[np.float64]:
        """Return the weight c_n of each pair.

        Parameters
        ----------
        pair_weights : {"equal", "total"} or array_like, shape (n_pairs,), default "equal"
            1 however many labels a pair has; the sum of its labels' weights; or the weights themselves, >= 0.

        Returns
        -------
        ndarray of float64, shape (n_pairs,)

        Raises
        ------
        OptionError
            If a word is neither ``"equal"`` nor ``"total"``.
        ShapeError, DtypeError, NonFiniteError, DomainError
            If an array is not one weight from 0 to 1e150 a pair.
        """
        if isinstance(pair_weights, str):
            if pair_weights == "equal":
                return np.ones(len(self))
            if pair_weights == "total":
                return self.total_weight
            raise OptionError(f"pair_weights: expected 'equal', 'total' or an array, got {pair_weights!r}")
        given = float_array(pair_weights, "pair_weights", 1)
        require_length(given, "pair_weights", len(self), "judgments.pairs")
        require_non_negative(given, "pair_weights")
        require_at_most(given, MAX_PAIR_WEIGHT, "pair_weights")
        return given

    def label_weight(self, pair_weights: str | ArrayLike = "equal") -> NDArray[np.float64]:
        """Return the weight c_n v_i of each label: its part of the weight of its pair.

        Parameters
        ----------
        pair_weights : {"equal", "total"} or array_like, shape (n_pairs,), default "equal"
            As of `pair_weight`, and with its errors.

        Returns
        -------
        ndarray of float64, shape (n_labels,)
        """
        part = self.weight / self.total_weight[self.pair_of_label]
        return self.pair_weight(pair_weights)[self.pair_of_label] * part


def group_pairs(
    a: NDArray[np.int64], b: NDArray[np.int64], log_ratio: NDArray[np.float64], weight: NDArray[np.float64]
) -> Pairs:
    """Group the cardinal judgments of positive weight by unordered pair, in O(n log n); Ctrl-C is heard."""
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    log_ratio, weight = np.ascontiguousarray(log_ratio), np.ascontiguousarray(weight)
    return Pairs(*_core.group_pairs(a, b, log_ratio, weight))
