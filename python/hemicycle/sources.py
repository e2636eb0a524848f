"""Where rows come from: a csv file or a dataframe, as columns of text with the line of each row."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
from narwhals.exceptions import NarwhalsError

from hemicycle._core import TextTable, read_table
from hemicycle.errors import DtypeError, FormatError, NoDataError
from hemicycle.rejects import excerpt

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EMPTY", "NOT_A_NUMBER", "NOT_FINITE", "NUMBER", "ReadLimits", "Source"]

NUMBER, EMPTY, NOT_A_NUMBER, NOT_FINITE = range(4)
"""What a cell is when it is read as a number."""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much one file may hold; a file beyond a limit is refused before it is read whole.

    Attributes
    ----------
    max_bytes : int, default 256 MiB
        Bytes of the file.
    max_line_bytes : int, default 1 MiB
        Bytes of one physical line.
    max_records : int, default 5,000,000
        Records below the header.
    max_columns : int, default 1,024
        Columns of the header.
    """

    max_bytes: int = 256 << 20
    max_line_bytes: int = 1 << 20
    max_records: int = 5_000_000
    max_columns: int = 1_024

    def as_tuple(self) -> tuple[int, int, int, int]:
        """Return the limits in the order of the core."""
        return self.max_bytes, self.max_line_bytes, self.max_records, self.max_columns


@dataclass(frozen=True, slots=True)
class Source:
    """Columns of text under normalised names: lower case, ``_`` for spaces and hyphens.

    Attributes
    ----------
    file : str
        Name for messages.
    table : TextTable
        The cells.
    place : dict of str to int
        Index of each named column.
    """

    file: str
    table: TextTable
    place: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        if not self.table.header:
            raise NoDataError(f"{self.file} is empty")
        place: dict[str, int] = {}
        for index, name in enumerate(self.table.header):
            key = name.strip().lower().replace(" ", "_").replace("-", "_")
            if key in place:
                raise FormatError(f"{self.file}: the column {excerpt(name)!r} occurs twice")
            if key:
                place[key] = index
        object.__setattr__(self, "place", place)

    @classmethod
    def of_file(cls, path: str | os.PathLike[str], limits: ReadLimits | None = None) -> Source:
        """Read a csv file.

        Raises
        ------
        FormatError
            If it cannot be read as one, breaks a limit, or has two columns of one name.
        NoDataError
            If it is empty.
        """
        path = Path(path)
        return cls(path.name, read_table(path, (limits or ReadLimits()).as_tuple()))

    @classmethod
    def of_frame(cls, frame: Any) -> Source:
        """Take the columns of a pandas, polars or Arrow table; null and NaN become empty cells.

        Raises
        ------
        DtypeError
            If it is no dataframe that narwhals knows, or not an eager one.
        FormatError
            If two columns have one name.
        """
        try:
            eager = nw.from_native(frame, eager_only=True)
            header = [str(name) for name in eager.columns]
            table = TextTable(header, [_texts(column) for column in eager.iter_columns()])
        except TypeError as error:
            raise DtypeError(f"frame: expected a pandas, polars or Arrow table, got {type(frame).__name__}") from error
        except (NarwhalsError, ValueError) as error:
            raise FormatError(f"frame: {error}") from error
        return cls("frame", table)

    @property
    def lines(self) -> NDArray[np.int64]:
        """Line of each row, shape (n_rows,)."""
        return self.table.lines

    def find(self, *names: str) -> int | None:
        """Return the column of the first of these names that there is."""
        return next((self.place[name] for name in names if name in self.place), None)

    def others(self, used: set[int]) -> list[str]:
        """Return the names of the columns that are not in `used`, as written."""
        return [self.table.header[index] for index in self.place.values() if index not in used]


def _texts(series: nw.Series[Any]) -> list[str]:
    values = series.to_list()
    kinds = set(map(type, values))
    if kinds == {str}:
        return values
    if kinds == {int}:
        return list(map(str, values))
    missing = series.is_null().to_list()
    return ["" if null else _text(value) for value, null in zip(values, missing, strict=True)]


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return str(value)
