"""Submissions as Arrow tables with one row a model: a name and a list of logits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.errors import FormatError
from hemicycle.items import Items
from hemicycle.rejects import Rejects, counted, excerpt
from hemicycle.store.extra import arrow, arrow_compute
from hemicycle.store.fragments import LOGITS, METADATA
from hemicycle.store.models import Models
from hemicycle.submitted import utc_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from hemicycle.pool import Pool
    from hemicycle.read_limits import ReadLimits
    from hemicycle.store.models import Fault

__all__ = ["COLUMNS", "ArrowSubmissions"]

COLUMNS = ("model", LOGITS, "author", "submitted")  #: the first two are needed


class ArrowSubmissions:
    """A stream of Arrow batches, checked row by row.

    Parameters
    ----------
    schema : pyarrow.Schema
        With the columns model and logits, perhaps author and submitted. Its metadata may hold the items, under the key
        ``hemicycle``: ``{"items": [[parent, name], ...]}``, one a logit.
    file : str
        Name for messages.
    items : Items, optional
        The items of the round; by default those of the metadata. Where both are there, columns are put in their order.
    limits : ReadLimits, optional
        How long names may be.
    dtype : str, optional
        Of the logits of the store.

    Raises
    ------
    FormatError
        If a column is missing, there twice or of another type, or the items are not known or not those of the round.
    """

    def __init__(
        self, schema: Any, file: str, items: Items | None, limits: ReadLimits | None, dtype: str | None = None
    ) -> None:
        self.file, self.limits, self.dtype = file, limits, dtype
        _require_columns(schema, file)
        named = _items_of(schema, file)
        if items is None and named is None:
            raise FormatError(f"{file}: its metadata name no items; pass items= (--items), one a logit")
        self.items: Items = items if items is not None else named  # type: ignore[assignment]
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

    def pools(self, batches: Iterable[Any], n_rows: int) -> Iterator[tuple[Pool | None, Rejects, tuple[str, ...]]]:
        """Yield the models of some rows at a time, what of them was turned away, and what a reader should know.

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

    def _pool(self, table: Any, first: int) -> tuple[Pool | None, Rejects, tuple[str, ...]]:
        """Return the sound rows of a table whose first row is row `first` of the whole."""
        names = self._texts(table, "model")
        logits, misfits = self._logits(table[LOGITS])
        texts = self._texts(table, "submitted")
        times, wrong = utc_times([text or "" for text in texts]) if any(texts) else (texts, {})
        files = [f"{self.file} [{excerpt(name or '')}]" for name in names]
        models = Models(names, logits, self._texts(table, "author"), times, files, first, misfits)
        notices: tuple[str, ...] = ()
        if wrong:
            row = min(wrong)
            worst = f"row {first + row} has {excerpt(texts[row] or '')!r}, {wrong[row]}"
            notices = (f"{self.file}: {counted(len(wrong), 'time')} of submission left aside; the first: {worst}",)
        return *models.sound(self.items, self.limits, self.dtype), notices

    def _texts(self, table: Any, column: str) -> list[str | None]:
        """Return a column as text, whatever it holds; all of it unknown where there is none."""
        if column not in table.column_names:
            return [None] * len(table)
        pa = arrow()
        try:
            found: list[str | None] = table[column].cast(pa.string()).to_pylist()
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise FormatError(f"{self.file}: the column {column} is no text: {excerpt(str(error))}") from None
        return found

    def _logits(self, column: Any) -> tuple[NDArray[Any], dict[int, Fault]]:
        """Return the logits in the order of the round, zeros in rows that have not as many as there are items."""
        pc = arrow_compute()
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        fits = (lengths == self.width) & column.is_valid().to_numpy(zero_copy_only=False)
        wrong: dict[int, Fault] = {
            row: (LOGITS, "", f"has {counted(int(lengths[row]), 'logit')}, one for each of {self.width} items needed")
            for row in np.flatnonzero(~fits).tolist()
        }
        sound = column.filter(arrow().array(fits)) if wrong else column
        values = sound.flatten().to_numpy(zero_copy_only=False).reshape(-1, self.width)
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
        if self.order is not None:
            values = values[:, self.order]
        if not wrong:
            return values, wrong
        whole = np.zeros((len(lengths), self.width), dtype=values.dtype)
        whole[fits] = values
        return whole, wrong


def _require_columns(schema: Any, file: str) -> None:
    types = arrow().types
    for name in COLUMNS:
        n_found = len(schema.get_all_field_indices(name))
        if n_found > 1 or (not n_found and name in COLUMNS[:2]):
            found = excerpt(", ".join(schema.names))
            raise FormatError(f"{file}: expected one column {name}, beside it author and submitted; found {found}")
    kind = schema.field(LOGITS).type
    listed = types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind)
    if not listed or not (types.is_floating(kind.value_type) or types.is_integer(kind.value_type)):
        raise FormatError(f"{file}: the column {LOGITS} holds {kind}; expected a list of numbers in each row")


def _items_of(schema: Any, file: str) -> Items | None:
    """Return the items that the metadata of a schema name."""
    found = (schema.metadata or {}).get(METADATA)
    if found is None:
        return None
    try:
        listed = json.loads(found)["items"]
        return Items.of([(str(parent), str(name)) for parent, name in listed])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError(f"{file}: its metadata hold no item list under {METADATA.decode()!r}: {error}") from None
