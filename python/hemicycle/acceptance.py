"""Which submissions are accepted: the item list of the round, and whether each submission weighs exactly that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from hemicycle._core import item_keys
from hemicycle.arrays import distinct
from hemicycle.errors import DomainError, NoDataError
from hemicycle.items import Items
from hemicycle.look_alikes import alike_items
from hemicycle.rejects import Reject, Rejects, counted, excerpt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.names import Renames
    from hemicycle.submissions import SubmissionTable

__all__ = ["Accepted", "accept"]

NAMED = 3
"""How many items a reason names."""

_Spelling: TypeAlias = "tuple[int, str, str]"
"""Minus the number of submissions that write an item so, its parent and its name."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The submissions that weigh every item exactly once, as a matrix.

    Attributes
    ----------
    logits : ndarray of float64, shape (n_models, n_items)
        Natural log of each weight, -inf for 0.
    """

    logits: NDArray[np.float64]
    models: tuple[str, ...]
    files: tuple[str, ...]
    authors: tuple[str | None, ...]
    items: Items
    items_source: str
    rejects: Rejects
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Named:
    """The distinct items that the submissions name, by key.

    Of each there is the spelling of most submissions, so that nobody chooses for all, behind minus their number; of
    equally frequent ones it is the first in order.
    """

    keys: list[tuple[str, str]]
    spellings: list[_Spelling]
    of_row: NDArray[np.int64]
    model_of_row: NDArray[np.int64]
    n_models: int

    @classmethod
    def of(cls, table: SubmissionTable, renames: Renames) -> _Named:
        parents = renames.apply([parent for parent, _ in table.spellings])
        names = renames.apply([name for _, name in table.spellings])
        keys = list(zip(item_keys(parents), item_keys(names), strict=True))
        n_models = len(table.models)
        model_of_row = np.repeat(np.arange(n_models), np.diff(table.offsets))
        n_named = np.bincount(distinct(model_of_row * len(keys) + table.item) % max(1, len(keys)), minlength=len(keys))
        spelling: dict[tuple[str, str], _Spelling] = {}
        for key, written in zip(keys, zip((-n_named).tolist(), parents, names, strict=True), strict=True):
            spelling[key] = min(spelling.get(key, written), written)
        number = {key: position for position, key in enumerate(spelling)}
        code = np.array([number[key] for key in keys], dtype=np.int64)
        return cls(list(spelling), list(spelling.values()), code[table.item], model_of_row, n_models)


def accept(table: SubmissionTable, items: Items | None, renames: Renames, min_weight: float | None) -> Accepted:
    """Check every submission against the item list, given or found, and make a matrix of those that fit.

    Raises
    ------
    NoDataError
        If no submission is left, or none names an item that more than half of them name; its ``rejects`` say why.
    DomainError
        If `min_weight` is not a finite number > 0.
    """
    if min_weight is not None and not 0 < min_weight < np.inf:
        raise DomainError(f"min_weight is {min_weight}; it must be finite and greater than 0")
    readable = np.array([refusal is None for refusal in table.refusals], dtype=bool)
    refused = [
        Reject("submission", file, *refusal)
        for file, refusal in zip(table.files, table.refusals, strict=True)
        if refusal is not None
    ]
    if not readable.any():
        raise _none_left(len(readable), (*table.rejects, *refused))
    named = _Named.of(table, renames)
    source = "given"
    if items is None:
        items = _majority_items(named, int(readable.sum()))
        source = f"named by more than half of the {counted(int(readable.sum()), 'readable submission')}"
    column_of = np.array([_only(items.candidates(*key)) for key in named.keys], dtype=np.int64)
    column = column_of[named.of_row]  # (n_rows,), -1 where the item is unknown
    misfits = _misfits(table, named, column, items) if len(column) else {}
    fits = readable.copy()
    fits[list(misfits)] = False
    weights = _matrix(table.weight, named.model_of_row, column, fits, len(items))
    rows = np.flatnonzero(fits)
    barren = {} if min_weight is not None else _all_zero(weights, items, [table.files[row] for row in rows])
    keep = np.array([row not in barren for row in range(len(rows))], dtype=bool)
    rejects = (*table.rejects, *refused, *misfits.values(), *barren.values())
    rejects = tuple(sorted(rejects, key=lambda reject: (reject.file, reject.line or 0)))
    if not keep.any():
        raise _none_left(len(readable), rejects)
    weights, rows = weights[keep], rows[keep]
    notices = table.notices + renames.notices
    if min_weight is not None:
        notices += _floored(weights, min_weight)
        weights = np.maximum(weights, min_weight)
    with np.errstate(divide="ignore"):
        logits = np.log(weights)
    models = tuple(table.models[row] for row in rows)
    files = tuple(table.files[row] for row in rows)
    authors = tuple(table.authors[row] for row in rows)
    return Accepted(logits, models, files, authors, items, source, rejects, notices)


def _none_left(n_submissions: int, rejects: Rejects) -> NoDataError:
    first = rejects[0]
    place = first.file if first.line is None else f"{first.file}, line {first.line}"
    value = f" {first.value!r}" if first.value else ""
    none = f"no submission can be used, {n_submissions:,} turned away"
    return NoDataError(f"{none}; the first, {place}: {first.field}{value}: {first.reason}", rejects)


def _majority_items(named: _Named, n_readable: int) -> Items:
    """Items named by more than half of the readable submissions, sorted by key.

    Where most submissions name parents, one that names none counts for the item of that name if there is only one;
    where most name none, parents are left aside.
    """
    has_parent = np.array([bool(parent) for parent, _ in named.keys], dtype=bool)
    parented = np.bincount(named.model_of_row, weights=has_parent[named.of_row], minlength=named.n_models) > 0
    if 2 * np.count_nonzero(parented) <= n_readable:
        target = [("", name) for _, name in named.keys]
    else:
        counts = _count(named, np.arange(len(named.keys)), parented)
        common = [named.keys[code] for code in np.flatnonzero(2 * counts > np.count_nonzero(parented)).tolist()]
        by_name: dict[str, list[tuple[str, str]]] = {}
        for key in common:
            by_name.setdefault(key[1], []).append(key)
        alone = {name: keys[0] for name, keys in by_name.items() if len(keys) == 1}
        target = [key if key[0] else alone.get(key[1], key) for key in named.keys]
    number = {key: position for position, key in enumerate(dict.fromkeys(target))}
    keys = list(number)
    counts = _count(named, np.array([number[key] for key in target]), np.ones(named.n_models, dtype=bool))
    chosen = sorted(keys[code] for code in np.flatnonzero(2 * counts > n_readable).tolist())
    if not chosen:
        raise NoDataError(
            f"no item is named by more than half of {counted(n_readable, 'readable submission')}; "
            "give them (items, --items)"
        )
    written: dict[tuple[str, str], _Spelling] = {}
    for key, (minus_n, parent, name) in zip(target, named.spellings, strict=True):
        spelling = (minus_n, parent if key[0] else "", name)
        if parent or not key[0]:
            written[key] = min(written.get(key, spelling), spelling)
    return Items(tuple(written[key][1] for key in chosen), tuple(written[key][2] for key in chosen))


def _count(named: _Named, code_of: NDArray[np.int64], of_models: NDArray[np.bool_]) -> NDArray[np.int64]:
    """By how many of these submissions each code is named."""
    n_codes = int(code_of.max(initial=0)) + 1
    rows = of_models[named.model_of_row]
    pairs = distinct(named.model_of_row[rows] * n_codes + code_of[named.of_row[rows]])
    return np.bincount(pairs % n_codes, minlength=n_codes)


def _only(candidates: list[int]) -> int:
    return candidates[0] if len(candidates) == 1 else -1


def _misfits(table: SubmissionTable, named: _Named, column: NDArray[np.int64], items: Items) -> dict[int, Reject]:
    """Submissions that lack an item, name one twice, or name one that there is not."""
    n_models, n_items = named.n_models, len(items)
    known = column >= 0
    cells = distinct(named.model_of_row[known] * n_items + column[known])
    n_distinct = np.bincount(cells // n_items, minlength=n_models)
    n_known = np.bincount(named.model_of_row[known], minlength=n_models)
    n_rows = np.diff(table.offsets)
    readable = np.array([refusal is None for refusal in table.refusals], dtype=bool)
    bad = readable & ((n_distinct < n_items) | (n_known > n_distinct) | (n_known < n_rows))
    unknown = np.unique(table.item[~known & np.repeat(bad, n_rows)])
    alike = alike_items((table.spellings[code][1] for code in unknown.tolist()), items.names)
    misfits = {}
    for model in np.flatnonzero(bad).tolist():
        rows = slice(int(table.offsets[model]), int(table.offsets[model + 1]))
        spelled = [table.spellings[code] for code in table.item[rows].tolist()]
        line, value, reason = _misfit(column[rows], spelled, table.line[rows], items)
        said = [alike[name] for _, name in spelled if name in alike][:NAMED]
        reason = "; ".join([*said, reason])
        misfits[model] = Reject("submission", table.files[model], line, "item", value, reason)
    return misfits


def _misfit(
    column: NDArray[np.int64], spelled: list[tuple[str, str]], lines: NDArray[np.int64], items: Items
) -> tuple[int | None, str, str]:
    """Line, value and reason of one submission that does not fit."""
    seen: set[int] = set()
    twice, unknown = [], []
    for row, position in enumerate(column.tolist()):
        if position < 0:
            unknown.append(row)
        elif position in seen:
            twice.append(row)
        seen.add(position)
    missing = [position for position in range(len(items)) if position not in seen]
    reasons = []
    if twice:
        names = _names([spelled[row] for row in twice])
        reasons.append(f"names {counted(len(twice), 'item')} twice: {names}; keep one row of each")
    if missing:
        names = _names([(items.parents[position], items.names[position]) for position in missing])
        reasons.append(f"lacks {len(missing)} of {len(items)} items: {names}; add a row for each, or rename")
    if unknown:
        names = _names([spelled[row] for row in unknown])
        reasons.append(f"names {counted(len(unknown), 'item')} not of the round: {names}; leave out, or rename")
    at_fault = (twice or unknown)[:1]
    line = int(lines[at_fault[0]]) if at_fault else None
    value = spelled[at_fault[0]][1] if at_fault else items.names[missing[0]]
    return line, excerpt(value), "; ".join(reasons)


def _names(pairs: list[tuple[str, str]]) -> str:
    shown = [
        f"{excerpt(name)!r} of {excerpt(parent)!r}" if parent else repr(excerpt(name)) for parent, name in pairs[:NAMED]
    ]
    more = f" and {len(pairs) - NAMED} more" if len(pairs) > NAMED else ""
    return ", ".join(shown) + more


def _matrix(
    weight: NDArray[np.float64],
    model_of_row: NDArray[np.int64],
    column: NDArray[np.int64],
    fits: NDArray[np.bool_],
    n_items: int,
) -> NDArray[np.float64]:
    """Weights of the submissions that fit, (n_fitting, n_items)."""
    rank = np.cumsum(fits) - 1
    rows = fits[model_of_row]
    weights = np.zeros((int(fits.sum()), n_items))
    weights[rank[model_of_row[rows]], column[rows]] = weight[rows]
    return weights


def _all_zero(weights: NDArray[np.float64], items: Items, files: list[str]) -> dict[int, Reject]:
    """Submissions that weigh every item of some parent 0, which makes no shares."""
    order = np.argsort(items.parent_index, kind="stable")
    starts = np.searchsorted(items.parent_index[order], np.arange(items.n_parents))
    largest = np.maximum.reduceat(weights[:, order], starts, axis=1)  # (n_fitting, n_parents)
    found = {}
    for row in np.flatnonzero((largest == 0).any(axis=1)).tolist():
        parent = items.parent_names[int(np.argmax(largest[row] == 0))]
        reason = f"every weight{f' of parent {parent!r}' if parent else ''} is 0; at least one must be greater"
        found[row] = Reject("submission", files[row], None, "weight", "0", reason)
    return found


def _floored(weights: NDArray[np.float64], min_weight: float) -> tuple[str, ...]:
    below = weights < min_weight
    n_models = int(below.any(axis=1).sum())
    if not n_models:
        return ()
    return (f"min_weight {min_weight:g} raised {int(below.sum())} weights of {n_models} submissions",)
