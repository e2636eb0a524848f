"""Item lists: that of the rows of a jury, and one laid over another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle._core import item_keys
from hemicycle.items import Items
from hemicycle.rejects import excerpt, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["items_judged", "place_pairs"]


def items_judged(
    spellings: Sequence[str], parent: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64]
) -> tuple[Items, NDArray[np.int64], NDArray[np.int64]]:
    """Return the items of rows, sorted by key whatever the order of the rows, and the indices of both sides.

    Parameters
    ----------
    spellings : sequence of str
        Names as written; several may be one item, which is shown under the first of them in alphabetical order.
    parent, a, b : ndarray of int64, shape (n,)
        Indices into `spellings`.

    Returns
    -------
    items : Items
        The items that occur.
    a, b : ndarray of int64, shape (n,)
        Indices into `items`.
    """
    keys = item_keys(list(spellings))
    spelling: dict[str, str] = {}
    for key, name in zip(keys, spellings, strict=True):
        spelling[key] = min(spelling.get(key, name), name)
    number = {key: position for position, key in enumerate(sorted(spelling))}
    rank = np.array([number[key] for key in keys], dtype=np.int64)
    sides = np.concatenate([rank[a], rank[b]])
    codes, index = np.unique(np.tile(rank[parent], 2) * len(number) + sides, return_inverse=True)
    ordered = [spelling[key] for key in sorted(spelling)]
    parents = tuple(ordered[code // len(number)] for code in codes.tolist())
    names = tuple(ordered[code % len(number)] for code in codes.tolist())
    return Items(parents, names), index[: len(a)], index[len(a) :]


def place_pairs(
    source: Items, target: Items, a: NDArray[np.int64], b: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[int, str]]:
    """Find the items of judgments in another list; items without a parent are found where both are of one parent.

    Parameters
    ----------
    source : Items
        What `a` and `b` index.
    target : Items
        What the results index.
    a, b : ndarray of int64, shape (n,)
        The two items of each judgment.

    Returns
    -------
    a, b : ndarray of int64, shape (n,)
        Indices into `target`; -1 where the pair is not to be found there.
    reasons : dict of int to str
        Why not, by row.
    """
    candidates = [target.candidates(*key) for key in source.keys]
    only = np.array([found[0] if len(found) == 1 else -1 for found in candidates], dtype=np.int64)
    placed_a, placed_b = only[a], only[b]
    apart = target.parent_index[placed_a] != target.parent_index[placed_b]
    open_rows = np.flatnonzero((placed_a < 0) | (placed_b < 0) | apart)
    place: dict[tuple[int, int], tuple[int, int] | str] = {}
    reasons: dict[int, str] = {}
    for row, *pair in zip(open_rows.tolist(), a[open_rows].tolist(), b[open_rows].tolist(), strict=True):
        first, second = pair
        if (first, second) not in place:
            place[first, second] = _place_pair(source, target, first, second)
        found = place[first, second]
        placed_a[row], placed_b[row] = (-1, -1) if isinstance(found, str) else found
        if isinstance(found, str):
            reasons[row] = found
    return placed_a, placed_b, reasons


def _place_pair(source: Items, target: Items, first: int, second: int) -> tuple[int, int] | str:
    """Return where a pair of items of `source` stands in `target`, or why it does not."""
    candidates = [
        {int(target.parent_index[index]): index for index in target.candidates(*source.keys[position])}
        for position in (first, second)
    ]
    for position, found in zip((first, second), candidates, strict=True):
        if not found:
            parent, name = source[position]
            return f"{quoted(parent, name)} is not among the items of the round; rename it, or give the items"
    common = candidates[0].keys() & candidates[1].keys()
    if len(common) != 1:
        names = f"{excerpt(source.names[first])!r} and {excerpt(source.names[second])!r}"
        why = "have no parent in common" if not common else f"have {len(common)} parents in common; name the parent"
        return f"{names} {why}"
    (parent_index,) = common
    return candidates[0][parent_index], candidates[1][parent_index]
