"""Parquet files and Arrow tables, files and streams as one thing: a schema and batches."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemicycle.errors import FormatError
from hemicycle.rejects import excerpt
from hemicycle.store.arrow_submissions import COLUMNS
from hemicycle.store.extra import arrow, parquet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hemicycle.read_limits import ReadLimits

__all__ = ["ArrowSource", "batches_of", "is_arrow", "is_parquet", "opened", "parquet_files"]

PARQUET, ARROW = (".parquet", ".pq"), (".arrow", ".arrows", ".feather", ".ipc")
FILE_MARK = b"ARROW1"


class ArrowSource:
    """Batches of a schema that are read as they are asked for.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns and metadata.
    batches : callable
        Gives the batches, for so many rows at a time where that can be chosen.
    """

    def __init__(self, schema: Any, batches: Any) -> None:
        self.schema, self.batches = schema, batches

    def table(self, limits: ReadLimits, label: str) -> Any:
        """Read all of it.

        Parameters
        ----------
        limits : ReadLimits
            How many rows it may have.
        label : str
            Name for messages.

        Raises
        ------
        FormatError
            If it has more rows, or cannot be read.
        """
        found, n_rows = [], 0
        for batch in batches_of(self, 1 << 16, label):
            n_rows += len(batch)
            if n_rows > limits.rows:
                raise FormatError(f"{label}: {limits.broken('rows', 'more rows', 'rows')}")
            found.append(batch)
        return arrow().Table.from_batches(found, self.schema)


def is_parquet(path: Path) -> bool:
    """Return whether a file is Parquet by its name."""
    return path.suffix.lower() in PARQUET


def is_arrow(path: Path) -> bool:
    """Return whether a file is one of Arrow by its name."""
    return path.suffix.lower() in ARROW


def parquet_files(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder by name; none where there are csv files or folders beside them."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir() or entry.name.lower().endswith(".csv"):
                return []
            if entry.name.lower().endswith(PARQUET) and entry.is_file(follow_symlinks=False):
                found.append(Path(entry.path))
    return sorted(found)


def opened(source: Any, label: str, *, is_parquet_file: bool = False) -> ArrowSource:
    """Open an Arrow table, or an open binary file of Parquet, Arrow's file or stream format.

    Parameters
    ----------
    source : Arrow table, or open binary file
        What to read.
    label : str
        Name for messages.
    is_parquet_file : bool, default False
        Whether it is a Parquet file.

    Raises
    ------
    FormatError
        If it is none of them.
    """
    pa = arrow()
    with _said(label, "cannot be read as Parquet" if is_parquet_file else "cannot be read as Arrow"):
        if is_parquet_file:
            return _of_parquet(source)
        if hasattr(source, "__arrow_c_stream__"):
            reader = pa.RecordBatchReader.from_stream(source)
        elif _is_file_format(source):
            file = pa.ipc.open_file(source)
            return ArrowSource(file.schema, lambda _: map(file.get_batch, range(file.num_record_batches)))
        else:
            reader = pa.ipc.open_stream(source)
        return ArrowSource(reader.schema, lambda _: reader)


def _of_parquet(source: Any) -> ArrowSource:
    file = parquet().ParquetFile(source, pre_buffer=False)
    names = file.schema_arrow.names
    columns = [name for name in COLUMNS if name in names] if COLUMNS[1] in names else None
    return ArrowSource(file.schema_arrow, lambda n_rows: file.iter_batches(n_rows, columns=columns))


def _is_file_format(file: Any) -> bool:
    if not getattr(file, "seekable", lambda: False)():
        return False
    start = file.read(len(FILE_MARK))
    file.seek(-len(start), 1)
    return bool(start == FILE_MARK)


def batches_of(source: ArrowSource, n_rows: int, label: str) -> Iterator[Any]:
    """Yield batches.

    Parameters
    ----------
    source : ArrowSource
        Where from.
    n_rows : int
        Rows at a time, where that can be chosen.
    label : str
        Name for messages.

    Raises
    ------
    FormatError
        If it is damaged or cut short.
    """
    with _said(label, "cannot be read further"):
        batches = iter(source.batches(n_rows))
    while True:
        with _said(label, "cannot be read further"):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


@contextmanager
def _said(label: str, what: str) -> Iterator[None]:
    try:
        yield
    except (arrow().ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{label}: {what}: {excerpt(str(error))}") from error
