"""Small result tables: ordered, named columns that become a frame, rows or a csv file."""

from __future__ import annotations

import importlib
import os
import re
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

import numpy as np

from hemicycle.errors import MissingExtraError, OptionError, ShapeError
from hemicycle.escaping import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import ModuleType

    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Table"]

Cell: TypeAlias = "str | int | float | bool | None"
Column: TypeAlias = "NDArray[Any] | tuple[Cell, ...]"

NEEDS_QUOTES = re.compile('[,"\r\n]')
ROWS_SHOWN = 20  #: rows that `str(table)` prints


class Table:
    """A result with named columns of equal length.

    Parameters
    ----------
    columns : mapping of str to ndarray or sequence
        Name and values of each column, in the order in which they are shown. One-dimensional arrays are kept as they
        are and set read-only; everything else becomes a tuple. A cell is a string, a number, a truth value or None.
    printed : mapping of str to sequence, optional
        Shorter cells for `str(table)` to show in place of a column; everything else has the column itself.

    Raises
    ------
    ShapeError
        If an array has not one dimension, or two columns differ in length.

    Examples
    --------
    >>> table = Table({"model": ("elo", "market"), "weight": np.array([0.25, 0.75])})
    >>> table.columns
    ('model', 'weight')
    >>> table["weight"].sum()
    np.float64(1.0)
    >>> next(iter(table))
    {'model': 'elo', 'weight': 0.25}
    >>> print(table)
    model   weight
    elo       0.25
    market    0.75
    """

    __slots__ = ("_columns", "_length", "_printed")

    def __init__(self, columns: Mapping[str, Any], printed: Mapping[str, Any] | None = None) -> None:
        kept = {name: _column(name, values) for name, values in columns.items()}
        lengths = {name: len(values) for name, values in kept.items()}
        if len(set(lengths.values())) > 1:
            raise ShapeError(f"columns differ in length: {lengths}")
        self._columns: dict[str, Column] = kept
        self._printed = kept | {name: _column(name, values) for name, values in (printed or {}).items()}
        self._length = next(iter(lengths.values()), 0)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._columns)

    def __getitem__(self, name: str) -> Any:
        try:
            return self._columns[name]
        except KeyError:
            raise OptionError(f"no column {name!r}; the columns are {', '.join(self._columns)}") from None

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Rows as dictionaries of plain Python values."""
        for cells in self._rows():
            yield dict(zip(self._columns, cells, strict=True))

    def __repr__(self) -> str:
        return f"Table({self._length} rows: {', '.join(self._columns)})"

    def __str__(self) -> str:
        """First rows, aligned: text to the left, numbers to the right."""
        head = {name: values[:ROWS_SHOWN] for name, values in self._printed.items()}
        lines = ["  ".join(line).rstrip() for line in zip(*(_aligned(n, v) for n, v in head.items()), strict=True)]
        if self._length > ROWS_SHOWN:
            lines.append(f"... {self._length - ROWS_SHOWN} more rows")
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        return zip(*(_plain(values) for values in self._columns.values()), strict=True)

    def _owned(self) -> dict[str, NDArray[Any] | list[Cell]]:
        """Copy the columns: a frame must not share memory that the result still reads."""
        return {name: v.copy() if isinstance(v, np.ndarray) else list(v) for name, v in self._columns.items()}

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame
            One column for each of this table, in order.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        pandas = _import("pandas", "pip install pandas")
        frame: pd.DataFrame = pandas.DataFrame(self._owned())
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Return a polars DataFrame.

        Returns
        -------
        polars.DataFrame
            One column for each of this table, in order.

        Raises
        ------
        MissingExtraError
            If polars is not installed.
        """
        polars = _import("polars", "pip install polars")
        frame: pl.DataFrame = polars.DataFrame(self._owned())
        return frame

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table.

        Returns
        -------
        pyarrow.Table
            One column for each of this table, in order.

        Raises
        ------
        MissingExtraError
            If pyarrow is not installed.
        """
        pyarrow = _import("pyarrow", "pip install 'hemicycle[io]'")
        table: pa.Table = pyarrow.table(self._owned())
        return table

    def write_csv(self, target: str | os.PathLike[str] | TextIO) -> None:
        r"""Write the table as csv: comma, ``\n``, quotes only where needed, UTF-8.

        Parameters
        ----------
        target : path or text stream
            A file to create or replace, or an open stream.

        Notes
        -----
        Floats are written with the fewest digits that read back as the same float: nothing is rounded. None is an
        empty cell. A character that UTF-8 cannot hold (a file name of other bytes) is written as a backslash escape.
        Text that a spreadsheet would run as a formula gets a single quote in front, which the readers of this package
        take off.
        """
        with _opened(target) as stream:
            stream.write(_line(self._columns))
            stream.writelines(_line(cells) for cells in self._rows())


def _column(name: str, values: Any) -> Column:
    if not isinstance(values, np.ndarray):
        return tuple(values)
    if values.ndim != 1:
        raise ShapeError(f"column {name}: expected one dimension, got shape {values.shape}")
    view = values.view()
    view.flags.writeable = False
    return view


def _plain(values: Column) -> tuple[Any, ...] | list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _aligned(name: str, values: Column) -> list[str]:
    numeric = isinstance(values, np.ndarray) and values.dtype.kind in "iuf"
    cells = [name, *(_shown(value) for value in _plain(values))]
    width = max(map(len, cells))
    return [cell.rjust(width) if numeric else cell.ljust(width) for cell in cells]


def _shown(value: Cell) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _line(cells: Iterable[Cell]) -> str:
    """Join one csv line; the standard library's writer leaves a bare carriage return unquoted, a row to readers."""
    return (",".join(map(_quoted, cells)) or '""') + "\n"


def _quoted(cell: Cell) -> str:
    text = guarded(cell) if isinstance(cell, str) else "" if cell is None else str(cell)
    return '"' + text.replace('"', '""') + '"' if NEEDS_QUOTES.search(text) else text


def _opened(target: str | os.PathLike[str] | TextIO) -> Any:
    if isinstance(target, str | os.PathLike):
        return Path(target).open("w", encoding="utf-8", errors="backslashreplace", newline="")
    return nullcontext(target)


def _import(package: str, remedy: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingExtraError(f"this needs {package}, which is not installed: {remedy}") from error
