"""Submissions as Arrow tables with one row a model: a name and a list of logits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle._core import kept_names
from hemicycle.errors import FormatError
from hemicycle.items import Items
from hemicycle.pool import Pool
from hemicycle.read_limits import ReadLimits
from hemicycle.rejects import Reject, counted, excerpt
from hemicycle.store.extra import arrow, arrow_compute
from hemicycle.store.fragments import LOGITS, METADATA
from hemicycle.submitted import utc_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from hemicycle.rejects import Rejects

__all__ = ["ArrowSubmissions"]

NO_NAME = "no model is named"


class ArrowSubmissions:
    """A stream of Arrow batches, checked row by row.

    Parameters
    ----------
    schema : pyarrow.Schema
        With the columns model and logits, perhaps author, submitted and file. Its metadata may hold the items, under
        the key ``hemicycle``: ``{"items": [[parent, name], ...]}``, one a logit.
    file : str
        Name for messages.
    items : Items, optional
        The items of the round; by default those of the metadata. Where both are there, columns are put in their order.
    limits : ReadLimits, optional
        How long names may be.

    Raises
    ------
    FormatError
        If a column is missing or of another type, or the items are not known or not those of the round.
    """

    def __init__(self, schema: Any, file: str, items: Items | None, limits: ReadLimits | None) -> None:
        pa = arrow()
        self.file, self.limits = file, limits or ReadLimits()
        for name in ("model", LOGITS):
            if schema.get_field_index(name) < 0:
                found = excerpt(", ".join(schema.names))
                raise FormatError(f"{file}: expected one column {name}, beside it author and submitted; found {found}")
        kind = schema.field(LOGITS).type
        listed = pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind)
        if not listed or not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
            raise FormatError(f"{file}: the column {LOGITS} holds {kind}; expected a list of numbers in each row")
        named = _items_of(schema, file)
        if items is None and named is None:
            raise FormatError(f"{file}: its metadata name no items; pass items= (--items), one a logit")
        self.items = items if items is not None else named or Items.of(0)
        self.width = len(self.items) if named is None else len(named)
        self.order = None if named is None or named == self.items else self._order(named)

    def _order(self, named: Items) -> NDArray[np.int64]:
        """Return which column holds each item of the round."""
        position = {key: column for column, key in enumerate(named.keys)}
        missing = [self.items.names[n] for n, key in enumerate(self.items.keys) if key not in position]
        if missing or len(named) != len(self.items):
            what = f"lacks {excerpt(missing[0])!r}" if missing else f"has {len(named)}, the round {len(self.items)}"
            raise FormatError(f"{self.file}: its items are not those of the round: it {what}")
        return np.array([position[key] for key in self.items.keys], dtype=np.int64)

    def pools(self, batches: Iterable[Any], n_rows: int) -> Iterator[tuple[Pool | None, Rejects]]:
        """Yield the models of some rows at a time, and what of them was turned away.

        Parameters
        ----------
        batches : iterable of pyarrow.RecordBatch
            Of any lengths.
        n_rows : int
            Rows at a time.
        """
        pa = arrow()
        first, waiting, n_waiting = 0, [], 0
        for batch in batches:
            waiting.append(batch)
            n_waiting += len(batch)
            while n_waiting >= n_rows:
                table = pa.Table.from_batches(waiting)
                yield self._pool(table.slice(0, n_rows), first)
                rest = table.slice(n_rows)
                first, waiting, n_waiting = first + n_rows, rest.to_batches(), len(rest)
        if n_waiting:
            yield self._pool(pa.Table.from_batches(waiting), first)

    def _pool(self, table: Any, first: int) -> tuple[Pool | None, Rejects]:
        """Return the sound rows of a table whose first row is row `first` of the whole."""
        names, wrong = self._names(table["model"])
        logits, misfits = self._logits(table[LOGITS])
        wrong = misfits | wrong
        authors: list[str | None] = [None] * len(names)
        if "author" in table.column_names:
            given, unkept = self._names(table["author"])
            authors = [author or None for author in given]
            wrong = {row: fault for row, fault in unkept.items() if fault[2] != NO_NAME} | wrong
        times: list[str | None] = [None] * len(names)
        if "submitted" in table.column_names:
            times = utc_times([text or "" for text in table["submitted"].cast("string").to_pylist()])[0]
        rejects = tuple(
            Reject("submission", f"{self.file} [{excerpt(names[row])}]", first + row, *wrong[row])
            for row in sorted(wrong)
        )
        rows = [row for row in range(len(names)) if row not in wrong]
        if not rows:
            return None, rejects
        kept = logits if len(rows) == len(names) else logits[rows]
        pool = Pool(
            kept,
            tuple(names[row] for row in rows),
            self.items,
            tuple(authors[row] for row in rows),
            files=tuple(f"{self.file} [{excerpt(names[row])}]" for row in rows),
            submitted=tuple(times[row] for row in rows),
        )
        return pool, rejects

    def _names(self, column: Any) -> tuple[list[str], dict[int, tuple[str, str, str]]]:
        """Return names as they are kept, and which rows have none that can be."""
        name = "model"
        pa = arrow()
        try:
            texts = column.cast(pa.string()).to_pylist()
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise FormatError(f"{self.file}: a name is no text: {error}") from None
        kept, faults = kept_names([text or "" for text in texts], self.limits.name_characters)
        wrong = {row: (name, excerpt(texts[row] or ""), reason) for row, reason in faults}
        return kept, {row: (name, "", NO_NAME) for row, text in enumerate(kept) if not text} | wrong

    def _logits(self, column: Any) -> tuple[NDArray[Any], dict[int, tuple[str, str, str]]]:
        """Return the logits in the order of the round, and which rows cannot be used."""
        pc = arrow_compute()
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
        fits = lengths == self.width
        wrong = {
            row: (LOGITS, "", f"has {counted(int(lengths[row]), 'logit')}, one for each of {self.width} items needed")
            for row in np.flatnonzero(~fits).tolist()
        }
        sound = column if fits.all() else column.filter(arrow().array(fits))
        values = sound.flatten().to_numpy(zero_copy_only=False).reshape(-1, self.width)
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
        if self.order is not None:
            values = values[:, self.order]
        rows = np.flatnonzero(fits)
        for place in np.flatnonzero(~(values < np.inf).all(axis=1)).tolist():
            item = int(np.argmin(values[place] < np.inf))
            cell, what = str(values[place, item]), excerpt(self.items.names[item])
            wrong[int(rows[place])] = (LOGITS, cell, f"of {what!r}: a logit is finite, or -inf for a weight of 0")
        highest = np.maximum.reduceat(
            values[:, np.argsort(self.items.parent_index, kind="stable")], self._parent_starts(), axis=1
        )
        for place in np.flatnonzero((highest == -np.inf).any(axis=1)).tolist():
            wrong[int(rows[place])] = (LOGITS, "-inf", "every weight of a parent is 0; at least one must be greater")
        if len(values) == len(lengths):
            return values, wrong
        whole = np.zeros((len(lengths), self.width), dtype=values.dtype)
        whole[rows] = values
        return whole, wrong

    def _parent_starts(self) -> NDArray[np.int64]:
        index = np.sort(self.items.parent_index, kind="stable")
        return np.searchsorted(index, np.arange(self.items.n_parents))


def _items_of(schema: Any, file: str) -> Items | None:
    """Return the items that the metadata of a schema name."""
    found = (schema.metadata or {}).get(METADATA)
    if found is None:
        return None
    try:
        listed = json.loads(found)["items"]
        return Items.of([(str(parent), str(name)) for parent, name in listed])
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(f"{file}: its metadata hold no item list under {METADATA.decode()!r}: {error}") from None
