"""What changes when judgments arrive or are withdrawn: which rows go, what is left, which pairs are touched."""

from __future__ import annotations

from dataclasses import replace
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import distinct, row_indices
from hemicycle.errors import DomainError
from hemicycle.judgments import Judgments
from hemicycle.pairs import Pairs, group_pairs
from hemicycle.rejects import quoted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["changed_judgments", "rows_withdrawn", "touched_pairs"]


def rows_withdrawn(held: Judgments, removed: Judgments | ArrayLike) -> NDArray[np.int64]:
    """Return which of the judgments held are to go.

    Parameters
    ----------
    held : Judgments
        Those there are.
    removed : Judgments, or array_like of bool or int
        A mask, row numbers, or judgments of the same items: each takes the first row, among those not taken yet, that
        agrees with it in juror, pair, log ratio, choice and weight; from which side a pair is seen does not matter.

    Returns
    -------
    ndarray of int64
        Rows of `held`, ascending.

    Raises
    ------
    ShapeError, DtypeError, IndexOutOfRangeError
        If a mask has another length, or the indices are no rows.
    DomainError
        If a row is named twice, or a judgment is not there.

    Notes
    -----
    O(n) for all rows held, and O(k log k) for the k of them that are of a pair of `removed`.
    """
    if isinstance(removed, Judgments):
        return _rows_that_agree(held, removed)
    rows = np.sort(row_indices(removed, "removed", len(held), "judgments"))
    twice = rows[1:] == rows[:-1]
    if twice.any():
        raise DomainError(f"removed: row {rows[1:][twice][0]} is named twice")
    return rows


def changed_judgments(held: Judgments, leaving: NDArray[np.int64], arriving: Judgments) -> Judgments:
    """Return the judgments held without the rows that leave, followed by those that arrive.

    Parameters
    ----------
    held : Judgments
        Those there are.
    leaving : ndarray of int64
        Rows of them.
    arriving : Judgments
        Others of the same items.

    Returns
    -------
    Judgments
        With the rejects and notices of both, and the name of the file where both have one name.
    """
    kept = np.ones(len(held), dtype=bool)
    kept[leaving] = False
    stay = kept.tolist()

    columns: dict[str, Any] = {
        name: np.concatenate([getattr(held, name)[kept], getattr(arriving, name)])
        for name in ("a", "b", "log_ratio", "choice", "weight", "line")
    }
    return replace(
        held,
        **columns,
        juror=(*compress(held.juror, stay), *arriving.juror),
        split=(*compress(held.split, stay), *arriving.split),
        rejects=held.rejects + arriving.rejects,
        notices=tuple(dict.fromkeys(held.notices + arriving.notices)),
        file=held.file if held.file == arriving.file or not len(arriving) else "",
    )


def touched_pairs(
    held: Judgments, leaving: NDArray[np.int64], arriving: Judgments, judgments: Judgments
) -> tuple[Pairs, Pairs]:
    """Return the pairs of which a judgment leaves or arrives that counts: cardinal, of positive weight.

    Parameters
    ----------
    held : Judgments
        Those there were.
    leaving : ndarray of int64
        Rows of them.
    arriving : Judgments
        Others of the same items.
    judgments : Judgments
        What came of it.

    Returns
    -------
    before, after : Pairs
        These pairs as they were and as they are; a pair without a label is absent.
    """
    keys, counts = _pair_keys(held), _counting(held)
    gone = keys[leaving][counts[leaving]]
    touched = distinct(np.concatenate([gone, _pair_keys(arriving)[_counting(arriving)]]))
    return _pairs_among(held, keys, touched), _pairs_among(judgments, _pair_keys(judgments), touched)


def _pair_keys(judgments: Judgments) -> NDArray[np.int64]:
    """Return one number a row that tells its pair."""
    low, high = np.minimum(judgments.a, judgments.b), np.maximum(judgments.a, judgments.b)
    return low * len(judgments.items) + high


def _counting(judgments: Judgments) -> NDArray[np.bool_]:
    return judgments.is_cardinal & (judgments.weight > 0)


def _pairs_among(judgments: Judgments, keys: NDArray[np.int64], touched: NDArray[np.int64]) -> Pairs:
    rows = np.flatnonzero(np.isin(keys, touched))
    return group_pairs(judgments.a[rows], judgments.b[rows], judgments.log_ratio[rows], judgments.weight[rows])


def _rows_that_agree(held: Judgments, removed: Judgments) -> NDArray[np.int64]:
    candidates = np.flatnonzero(np.isin(_pair_keys(held), _pair_keys(removed)))
    n = len(candidates)
    columns = _comparable(held.select(candidates), removed)  # candidates, then those removed
    order = np.lexsort(columns)
    ordered = [column[order] for column in columns]
    differs = np.ones(len(order), dtype=bool)
    differs[1:] = np.any([column[1:] != column[:-1] for column in ordered], axis=0)
    group = np.cumsum(differs) - 1  # which rows are alike
    first = np.flatnonzero(differs)  # lexsort is stable: inside a group the candidates come first
    n_held = np.bincount(group, weights=order < n).astype(np.int64)
    rank = np.arange(len(order)) - first[group] - n_held[group]  # of those removed, among those alike
    missing = np.sort(order[(order >= n) & (rank >= n_held[group])])
    if len(missing):
        raise DomainError(
            f"removed: {_described(removed, int(missing[0]) - n)} is not, or no longer, among the judgments"
        )
    taken = (first[group] + rank)[order >= n]
    return np.sort(candidates[order[taken]])


def _comparable(first: Judgments, second: Judgments) -> list[NDArray[np.generic]]:
    """Return columns that agree where two judgments do, for the rows of both."""
    code: dict[str | None, int] = {}
    juror = np.array([code.setdefault(name, len(code)) for name in first.juror + second.juror], dtype=np.int64)
    a, b, log_ratio, choice, weight = (
        np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("a", "b", "log_ratio", "choice", "weight")
    )
    swapped = a > b
    ratio = np.where(np.isnan(log_ratio), np.inf, np.where(swapped, -log_ratio, log_ratio))  # no ratio is infinite
    chosen = np.where(swapped & (choice > 0), 3 - choice, choice)
    return [juror, weight, chosen, ratio, np.maximum(a, b), np.minimum(a, b)]


def _described(judgments: Judgments, row: int) -> str:
    names = [quoted(*judgments.items[int(side[row])]) for side in (judgments.a, judgments.b)]
    juror = judgments.juror[row]
    by = "" if juror is None else f" by {juror!r}"
    return (
        f"row {row}{by}, {names[0]} against {names[1]} with log ratio {judgments.log_ratio[row]} and weight "
        f"{judgments.weight[row]},"
    )
