"""A spanning forest of the pairs that a jury compared, of the largest weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Forest", "heaviest_forest"]


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees of items.

    Attributes
    ----------
    items, references : ndarray of int64, shape (n_steps,)
        The items that are no roots, ascending, and the next one on the way of each to its root.
    step_of, depth : ndarray of int64, shape (n_items,)
        Where an item stands among them, -1 for a root, and how many steps it is from its root.
    """

    items: NDArray[np.int64]
    references: NDArray[np.int64]
    step_of: NDArray[np.int64]
    depth: NDArray[np.int64]

    def way(self, a: int, b: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the steps between two items of a tree, and signs: their signed sum is what b has more than a."""
        steps: list[int] = []
        signs: list[float] = []
        ends = {-1.0: a, 1.0: b}
        while ends[-1.0] != ends[1.0]:
            sign = -1.0 if self.depth[ends[-1.0]] > self.depth[ends[1.0]] else 1.0
            steps.append(int(self.step_of[ends[sign]]))
            signs.append(sign)
            ends[sign] = int(self.references[steps[-1]])
        return np.array(steps, dtype=np.int64), np.array(signs)


def heaviest_forest(a: Sequence[int], b: Sequence[int], weight: NDArray[np.float64], n_items: int) -> Forest:
    """Return the spanning forest of the largest weights; of equal ones the first pairs.

    Parameters
    ----------
    a, b : sequence of int, length n_pairs
        The items of each pair.
    weight : ndarray of float64, shape (n_pairs,)
        Its weight.
    n_items : int
        How many items there are; those of no pair are trees of their own.

    Notes
    -----
    The algorithm of Kruskal. The first item of a tree is its root.
    """
    tree = np.arange(n_items)  # the first item that each is known to be connected with
    beside: list[list[int]] = [[] for _ in range(n_items)]
    for pair in np.argsort(-weight, kind="stable").tolist():
        one, other = a[pair], b[pair]
        first, second = sorted((int(tree[one]), int(tree[other])))
        if first != second:
            tree[tree == second] = first
            beside[one].append(other)
            beside[other].append(one)
    reference, depth = np.full(n_items, -1), np.zeros(n_items, dtype=np.int64)
    ahead = np.flatnonzero(tree == np.arange(n_items)).tolist()
    while ahead:
        item = ahead.pop()
        for other in beside[item]:
            if other != reference[item]:
                reference[other], depth[other] = item, depth[item] + 1
                ahead.append(other)
    items = np.flatnonzero(reference >= 0)
    step_of = np.full(n_items, -1)
    step_of[items] = np.arange(len(items))
    return Forest(items, reference[items], step_of, depth)
