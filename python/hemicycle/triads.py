"""Circular triads: three items of which each wins against the next, a contradiction within or between minds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments

__all__ = ["Triads", "circular_triads"]

BLOCK = 1 << 20  #: pairs of edges that are looked at together, some 50 MB
EVEN = 1e-12  #: of the weight of a pair: a smaller lead is rounding


class Triads(NamedTuple):
    """Triads of each group, arrays of shape (n_groups,).

    Attributes
    ----------
    complete : ndarray of int64
        Sets of three items all of whose pairs have a winner.
    circular : ndarray of int64
        Those among them in which each item wins once.
    """

    complete: NDArray[np.int64]
    circular: NDArray[np.int64]


class _Edges(NamedTuple):
    """Pairs with a winner, from the end that is in fewer of them to the other; sorted by the low end, then the high."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    low_wins: NDArray[np.bool_]
    group: NDArray[np.int64]


def circular_triads(judgments: Judgments, group: NDArray[np.int64], n_groups: int) -> Triads:
    """Count the complete triads of each group of judgments, and those that are circular.

    Parameters
    ----------
    judgments : Judgments
        What was chosen; ordinal judgments count, those without a choice or of weight 0 do not.
    group : ndarray of int64, shape (n_judgments,)
        Group of each judgment, from 0; -1 for those of none.
    n_groups : int
        Number of groups.

    Returns
    -------
    Triads
        Where a pair was judged several times in a group, the item chosen with more weight wins it; with equal weight
        neither does, and the pair is in no triad.

    Notes
    -----
    Each triad is found once, at the item that is in the fewest pairs, by looking for the pair that closes two of its
    pairs: O(m sqrt(m) log(m)) for m pairs, far less where most items are in few. Of the triads of one who answers by
    chance a quarter is circular.

    References
    ----------
    Kendall and Babington Smith (1940), On the method of paired comparisons, doi:10.1093/biomet/31.3-4.324: circular
    triads of complete comparisons.
    """
    edges = _edges(judgments, group)
    complete, circular = np.zeros(n_groups, dtype=np.int64), np.zeros(n_groups, dtype=np.int64)
    n_nodes = int(edges.high.max(initial=0)) + 1
    code = edges.low * n_nodes + edges.high  # ascending
    for first, second in _two_of_one_item(edges.low):
        wanted = edges.high[first] * n_nodes + edges.high[second]
        third = np.minimum(np.searchsorted(code, wanted), len(code) - 1)
        closed = code[third] == wanted
        wins = (edges.low_wins[side[closed]] for side in (first, second, third))
        one_to_two, one_to_three, two_to_three = wins
        of_group = edges.group[first[closed]]
        cycle = (one_to_two == two_to_three) & (one_to_two != one_to_three)
        complete += np.bincount(of_group, minlength=n_groups)
        circular += np.bincount(of_group[cycle], minlength=n_groups)
    return Triads(complete, circular)


def _edges(judgments: Judgments, group: NDArray[np.int64]) -> _Edges:
    """Return the pairs of each group that have a winner; an item is another node in each group."""
    rows = np.flatnonzero((judgments.choice > 0) & (judgments.weight > 0) & (group >= 0))
    n_items = len(judgments.items)
    ends = group[rows] * n_items + np.stack([judgments.a[rows], judgments.b[rows]])  # (2, n_rows)
    nodes, ends = np.unique(ends, return_inverse=True)
    ends = ends.reshape(2, len(rows))
    (first, second), swapped = np.sort(ends, axis=0), ends[0] > ends[1]
    weight = judgments.weight[rows]
    lead = np.where((judgments.choice[rows] == 1) != swapped, weight, -weight)  # of the first over the second
    code, pair = np.unique(first * len(nodes) + second, return_inverse=True)
    net, total = np.bincount(pair, lead), np.bincount(pair, weight)
    won = np.abs(net) > EVEN * total
    first, second = np.divmod(code[won], max(1, len(nodes)))
    degree = np.bincount(np.concatenate([first, second]), minlength=len(nodes))
    rank = np.empty(len(nodes), dtype=np.int64)
    rank[np.argsort(degree, kind="stable")] = np.arange(len(nodes))
    turned = rank[first] > rank[second]
    low, high = np.sort(np.stack([rank[first], rank[second]]), axis=0)
    order = np.lexsort((high, low))
    return _Edges(low[order], high[order], ((net[won] > 0) != turned)[order], (nodes[first] // n_items)[order])


def _two_of_one_item(low: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Give every two edges with one low end, some at a time."""
    edge = np.arange(len(low))
    later = np.searchsorted(low, low, side="right") - edge - 1  # (n_edges,)
    done = np.cumsum(later)
    start = 0
    while start < len(low):
        stop = max(start + 1, int(np.searchsorted(done, done[start] - later[start] + BLOCK, side="right")))
        some = later[start:stop]
        first = np.repeat(edge[start:stop], some)
        within = np.arange(len(first)) - np.repeat(np.cumsum(some) - some, some)
        yield first, first + 1 + within
        start = stop
