"""The rows of a jury: what each of them says, and which of them cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle._core import item_keys
from hemicycle.errors import OptionError
from hemicycle.formats import JuryLayout
from hemicycle.labels import MAX_LABEL_WEIGHT, MAX_LOG_RATIO
from hemicycle.rejects import Reject, Rejects, counted, excerpt
from hemicycle.sources import EMPTY, NOT_A_NUMBER, NOT_FINITE, NUMBER, Names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.names import Renames
    from hemicycle.sources import Source

__all__ = ["JuryRows", "jury_rows", "nothing_left"]

KNOWN = ("timestamp", "reasoning", "competition_id", "comparison_")
"""How the names of columns begin that accompany comparisons and are left unread without a word."""

OWN, DEPENDENCIES = 1, 2
"""Codes of the two items of an originality, after that of the empty name."""

REASONS = {
    EMPTY: "empty; a number is needed",
    NOT_A_NUMBER: "not a number",
    NOT_FINITE: "not finite",
}


@dataclass(frozen=True, slots=True)
class JuryRows:
    """The rows of a jury that can be used, and those that cannot.

    Attributes
    ----------
    a, b : ndarray of int64, shape (n,)
        Indices into `spellings`.
    parent : ndarray of int64, shape (n,)
        Index into `spellings`.
    spellings : list of str
        Names as written, after renames; several may be one item.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    parent: NDArray[np.int64]
    spellings: list[str]
    log_ratio: NDArray[np.float64]
    choice: NDArray[np.int8]
    weight: NDArray[np.float64]
    juror: tuple[str | None, ...]
    split: tuple[str | None, ...]
    line: NDArray[np.int64]
    rejects: Rejects
    notices: tuple[str, ...]


class _Rows:
    """Rows under examination; the first complaint about a row turns it away."""

    def __init__(self, source: Source, layout: JuryLayout, renames: Renames, split: str | None) -> None:
        self.source = source
        self.layout = layout
        self.n = len(source.lines)
        self.wanted = _rows_of_split(source, layout, split)
        self.complaints: dict[int, tuple[int, str]] = {}
        self.names = ["", "own", "dependencies"]
        self.a = self._names(layout.a, renames)
        self.b = self._names(layout.b, renames)
        self.parent = self._names(layout.parent, renames)
        self.winner = self._names(layout.winner, renames)
        self.juror, self.split = (self._optional_names(column) for column in (layout.juror, layout.split))
        keys = item_keys(self.names)
        number = {key: position for position, key in reversed(list(enumerate(keys)))}
        self.key = np.array([number[key] for key in keys])

    def _names(self, column: int | None, renames: Renames) -> NDArray[np.int64]:
        """Codes of a column's names in `names`; 0, the empty name, without a column."""
        if column is None:
            return np.zeros(self.n, dtype=np.int64)
        names = self._kept_names(column)
        start = len(self.names)
        self.names += renames.apply(names.distinct)
        return names.codes + start

    def _optional_names(self, column: int | None) -> Names:
        return Names(np.zeros(self.n, dtype=np.int64), [""], {}) if column is None else self._kept_names(column)

    def _kept_names(self, column: int) -> Names:
        """Read the names of a column; rows whose name cannot be kept are refused."""
        names = self.source.names(column)
        for row in names.faulty.tolist():
            if self.wanted[row]:
                self.complaints.setdefault(row, (column, names.faults[int(names.codes[row])]))
        return names

    def refuse(self, bad: NDArray[np.bool_], column: int, reason: str) -> None:
        for row in np.flatnonzero(bad & self.wanted).tolist():
            self.complaints.setdefault(row, (column, reason))

    def numbers(self, column: int, *, may_be_empty: bool = False) -> NDArray[np.float64]:
        values, status = self.source.table.numbers(column)
        for kind, reason in REASONS.items():
            if kind != EMPTY or not may_be_empty:
                self.refuse(status == kind, column, reason)
        return np.where(status == NUMBER, values, np.nan)

    def kept(self) -> NDArray[np.int64]:
        usable = self.wanted.copy()
        usable[list(self.complaints)] = False
        return np.flatnonzero(usable)

    def rejects(self) -> Rejects:
        found = []
        for row, (column, reason) in sorted(self.complaints.items()):
            cell = excerpt(self.source.table.cell(column, row))
            line = int(self.source.lines[row])
            field = self.source.table.header[column]
            found.append(Reject("judgment", self.source.file, line, field, cell, reason))
        ragged = [
            Reject("judgment", self.source.file, line, "row", "", _wrong_length(n_fields, self.source))
            for line, n_fields in self.source.table.ragged
        ]
        return tuple(sorted(found + ragged, key=lambda reject: reject.line or 0))


def _wrong_length(n_fields: int, source: Source) -> str:
    return f"{counted(n_fields, 'field')} in this row, {len(source.table.header)} in the header"


def jury_rows(source: Source, renames: Renames, split: str | None) -> JuryRows:
    """Read every row of a jury in any of the formats; bad rows become rejects.

    Raises
    ------
    FormatError
        If the columns make no jury.
    OptionError
        If a split is asked for that the rows do not have.
    """
    layout = JuryLayout.of(source)
    rows = _Rows(source, layout, renames, split)
    if layout.originality is not None and layout.b is None:
        log_ratio, choice = _originality(rows, layout.originality)
    else:
        _refuse_bad_pairs(rows)
        log_ratio, choice = _comparison(rows)
        value = layout.log_ratio if layout.log_ratio is not None else layout.multiplier
        rows.refuse(np.abs(log_ratio) > MAX_LOG_RATIO, value or 0, f"beyond +-{MAX_LOG_RATIO:g}")
    weight = np.ones(rows.n)
    if layout.weight is not None:
        weight = rows.numbers(layout.weight)
        rows.refuse(weight < 0, layout.weight, "negative")
        rows.refuse(weight > MAX_LABEL_WEIGHT, layout.weight, f"above {MAX_LABEL_WEIGHT:g}")
    kept = rows.kept()
    return JuryRows(
        a=rows.a[kept],
        b=rows.b[kept],
        parent=rows.parent[kept],
        spellings=rows.names,
        log_ratio=log_ratio[kept],
        choice=choice[kept].astype(np.int8),
        weight=weight[kept],
        juror=_optional_texts(rows.juror, kept),
        split=_optional_texts(rows.split, kept),
        line=source.lines[kept],
        rejects=rows.rejects(),
        notices=_notices(rows, kept, log_ratio),
    )


def _rows_of_split(source: Source, layout: JuryLayout, split: str | None) -> NDArray[np.bool_]:
    if split is None:
        return np.ones(len(source.lines), dtype=bool)
    if layout.split is None:
        raise OptionError(f"split {split!r}: {source.file} has no column split")
    codes, distinct = source.table.interned(layout.split)
    asked = split.strip().lower()
    matches = np.array([name.lower() == asked or name.lower().startswith(asked + "_") for name in distinct], dtype=bool)
    if not matches.any():
        raise OptionError(f"split {split!r}: {source.file} has {excerpt(', '.join(map(repr, sorted(distinct))))}")
    return matches[codes]


def _refuse_bad_pairs(rows: _Rows) -> None:
    a, b = rows.key[rows.a], rows.key[rows.b]
    column_b = rows.layout.b or 0
    rows.refuse(a == 0, rows.layout.a, "no item is named")
    rows.refuse(b == 0, column_b, "no item is named")
    rows.refuse(a == b, column_b, "the item is compared with itself")


def _originality(rows: _Rows, column: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """One judgment a repository: its own work (a) against its dependencies (b)."""
    originality = rows.numbers(column)
    rows.refuse((originality < 0) | (originality > 1), column, "an originality lies between 0 and 1")
    rows.refuse((originality == 0) | (originality == 1), column, "an originality of 0 or 1 is an infinite ratio")
    rows.refuse(rows.key[rows.a] == 0, rows.layout.a, "no item is named")
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.log1p(-originality) - np.log(originality)
    rows.parent = rows.a
    rows.a, rows.b = np.full(rows.n, OWN), np.full(rows.n, DEPENDENCIES)
    return log_ratio, _larger(log_ratio)


def _comparison(rows: _Rows) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Log ratio and choice of each row, from whichever columns there are."""
    layout = rows.layout
    choice = _choice(rows)
    if layout.log_ratio is not None:
        log_ratio = rows.numbers(layout.log_ratio, may_be_empty=choice is not None)
    elif layout.weight_a is not None and layout.weight_b is not None:
        log_ratio = _ratio_of_shares(rows, layout.weight_a, layout.weight_b)
    else:
        chosen = np.zeros(rows.n, dtype=np.int64) if choice is None else choice
        return _signed_multiplier(rows, chosen), chosen
    derived = _larger(log_ratio)
    if choice is None:
        return log_ratio, derived
    if layout.log_ratio is not None:
        rows.refuse(np.isnan(log_ratio) & (choice == 0), layout.log_ratio, "neither a log ratio nor a choice")
    return log_ratio, np.where(choice == 0, derived, choice)


def _choice(rows: _Rows) -> NDArray[np.int64] | None:
    """1 where a was chosen, 2 where b was; None without such a column."""
    layout = rows.layout
    if layout.choice is not None:
        values = rows.numbers(layout.choice, may_be_empty=layout.log_ratio is not None)
        valid = (values == 1) | (values == 2)
        rows.refuse(~valid & ~np.isnan(values), layout.choice, "a choice is 1 (the first) or 2 (the second)")
        return np.where(valid, values, 0).astype(np.int64)
    if layout.winner is None:
        return None
    winner = rows.key[rows.winner]
    values, _ = rows.source.table.numbers(layout.winner)
    by_name = np.where(winner == rows.key[rows.a], 1, np.where(winner == rows.key[rows.b], 2, 0))
    chosen = np.where(by_name > 0, by_name, np.where((values == 1) | (values == 2), values, 0)).astype(np.int64)
    rows.refuse(chosen == 0, layout.winner, "the winner is neither of the two items")
    return chosen


def _signed_multiplier(rows: _Rows, choice: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log of the multiplier, positive where b was chosen; nan where there is none."""
    column = rows.layout.multiplier
    if column is None:
        return np.full(rows.n, np.nan)
    multiplier = rows.numbers(column, may_be_empty=True)
    rows.refuse(multiplier <= 0, column, "a multiplier is greater than 0")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(choice == 2, 1.0, -1.0) * np.log(multiplier) + 0.0


def _ratio_of_shares(rows: _Rows, column_a: int, column_b: int) -> NDArray[np.float64]:
    shares = []
    for column in (column_a, column_b):
        share = rows.numbers(column)
        rows.refuse(share <= 0, column, "a share that is compared is greater than 0")
        shares.append(share)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(shares[1]) - np.log(shares[0])


def _larger(log_ratio: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.where(log_ratio > 0, 2, np.where(log_ratio < 0, 1, 0))


def _optional_texts(names: Names, kept: NDArray[np.int64]) -> tuple[str | None, ...]:
    texts = [name or None for name in names.distinct]
    return tuple(texts[code] for code in names.codes[kept].tolist())


def _notices(rows: _Rows, kept: NDArray[np.int64], log_ratio: NDArray[np.float64]) -> tuple[str, ...]:
    """Say what is unusual about the rows that are kept."""
    layout, file, found = rows.layout, rows.source.file, []
    known = {index for name, index in rows.source.place.items() if name.startswith(KNOWN)}
    ignored = rows.source.others(layout.used() | known)
    if ignored:
        found.append(f"{file}: columns ignored: {excerpt(', '.join(ignored))}")
    n_ordinal = int(np.count_nonzero(np.isnan(log_ratio[kept])))
    if n_ordinal:
        found.append(f"{file}: ordinal judgments (a winner, no multiplier), which count for accuracy only: {n_ordinal}")
    if layout.multiplier is not None and layout.log_ratio is None:
        multiplier, _ = rows.source.table.numbers(layout.multiplier)
        n_below = int(np.count_nonzero(multiplier[kept] < 1))
        if n_below:
            found.append(f"{file}: multipliers below 1, so that the item not chosen is worth more: {n_below}")
    n_repeats = _count_repeats(rows, kept)
    if n_repeats:
        found.append(f"{file}: judgments that repeat a pair of the same juror, all kept: {n_repeats}")
    return tuple(found)


def _count_repeats(rows: _Rows, kept: NDArray[np.int64]) -> int:
    if rows.layout.juror is None:
        return 0
    named = kept[np.array([bool(name) for name in rows.juror.distinct], dtype=bool)[rows.juror.codes[kept]]]
    a, b = rows.key[rows.a[named]], rows.key[rows.b[named]]
    code = rows.juror.codes[named]  # (n_named,), of the juror, then of juror and parent, and so on
    for column in (rows.key[rows.parent[named]], np.minimum(a, b), np.maximum(a, b)):
        code = np.unique(code * len(rows.names) + column, return_inverse=True)[1]
    return len(named) - int(code.max(initial=-1)) - 1


def nothing_left(source: Source, rejects: Rejects) -> str:
    """Say that no judgment of a source can be used, and why the first cannot."""
    if not rejects:
        return f"{source.file} holds no judgments"
    first = rejects[0]
    return (
        f"{source.file}: no judgment can be used, {len(rejects):,} turned away; the first, line {first.line}: "
        f"{first.field} {first.value!r} is refused: {first.reason}"
    )
