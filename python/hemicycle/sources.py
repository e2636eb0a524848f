"""Where rows come from: a csv file or a dataframe, as columns of text with the line of each row."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from narwhals.exceptions import NarwhalsError

from hemicycle._core import TextTable, kept_names, read_table
from hemicycle.errors import DtypeError, FormatError, NoDataError
from hemicycle.read_limits import ReadLimits
from hemicycle.rejects import excerpt

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["EMPTY", "NOT_A_NUMBER", "NOT_FINITE", "NUMBER", "Names", "Source"]

NUMBER, EMPTY, NOT_A_NUMBER, NOT_FINITE = range(4)
"""What a cell is when it is read as a number."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names in a column, as they are kept: Unicode's NFKC, nothing that cannot be seen.

    Attributes
    ----------
    codes : ndarray of int64, shape (n_rows,)
        Which name each row has.
    distinct : list of str
        The names; one that cannot be kept is as it was written.
    faults : dict of int to str
        Why a name cannot be kept, by its code.
    """

    codes: NDArray[np.int64]
    distinct: list[str]
    faults: dict[int, str]

    @property
    def faulty(self) -> NDArray[np.int64]:
        """Rows whose name cannot be kept."""
        return np.flatnonzero(np.isin(self.codes, list(self.faults)))

    def of_rows(self) -> list[str]:
        """Return the name of each row."""
        return [self.distinct[code] for code in self.codes.tolist()]


@dataclass(frozen=True, slots=True)
class Source:
    """Columns of text under normalised names: lower case, ``_`` for spaces and hyphens.

    Attributes
    ----------
    file : str
        Name for messages.
    table : TextTable
        The cells.
    limits : ReadLimits
        How long a name may be.
    place : dict of str to int
        Index of each named column.
    """

    file: str
    table: TextTable
    limits: ReadLimits = field(default_factory=ReadLimits)
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
        path, limits = Path(path), limits or ReadLimits()
        return cls(path.name, read_table(path, limits), limits)

    @classmethod
    def of_frame(cls, frame: Any, limits: ReadLimits | None = None) -> Source:
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
        return cls("frame", table, limits or ReadLimits())

    @property
    def lines(self) -> NDArray[np.int64]:
        """Line of each row, shape (n_rows,)."""
        return self.table.lines

    def find(self, *names: str) -> int | None:
        """Return the column of the first of these names that there is."""
        return next((self.place[name] for name in names if name in self.place), None)

    def names(self, column: int) -> Names:
        """Read a column as names; two spellings that are kept alike become one name."""
        codes, written = self.table.interned(column)
        kept, faults = kept_names(written, self.limits.name_characters)
        number: dict[str, int] = {}
        code = np.array([number.setdefault(name, len(number)) for name in kept], dtype=np.int64)
        reasons = {int(code[place]): reason for place, reason in faults}
        return Names(code[codes] if len(code) else codes.astype(np.int64), list(number), reasons)

    def sound_names(self, column: int) -> list[str]:
        """Return the name in each row of a column.

        Raises
        ------
        FormatError
            If one of them cannot be kept.
        """
        names = self.names(column)
        for row in names.faulty[:1].tolist():
            code = int(names.codes[row])
            name = excerpt(names.distinct[code])
            raise FormatError(f"{self.file}, line {self.lines[row]}: the name {name!r} {names.faults[code]}")
        return names.of_rows()

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
