"""The types of the parties and the points of a learning curve, from files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import by_construction, read_only
from hemicycle.errors import FormatError, NoDataError
from hemicycle.rejects import excerpt
from hemicycle.sources import EMPTY, NUMBER, Source

if TYPE_CHECKING:
    import os
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["TypeList", "read_curve", "read_types"]

LEAST = 1e-300  #: costs and qualities are far above it
SUM_TOL = 1e-9  #: how far from 1 probabilities may sum


@dataclass(frozen=True, slots=True, eq=False)
class TypeList:
    """The types that parties may be of; arrays are read-only.

    Attributes
    ----------
    names : tuple of str
        What they are called; by default their numbers, from 1.
    costs : ndarray of float64, shape (n_types,)
        Cost of a unit of data.
    probabilities : ndarray of float64, shape (n_types,)
        Of a party to be of each type; equal unless told.
    quality : ndarray of float64, shape (n_types,), or None
        What a unit of each counts, if it was told.
    """

    names: tuple[str, ...]
    costs: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    quality: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("costs", "probabilities"):
            object.__setattr__(self, name, read_only(getattr(self, name)))
        if self.quality is not None:
            object.__setattr__(self, "quality", read_only(self.quality))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)


def read_types(path: str | os.PathLike[str]) -> TypeList:
    """Read types from a csv file with a column ``cost``, and if wanted ``type``, ``probability`` and ``quality``.

    Parameters
    ----------
    path : path
        One row a type.

    Returns
    -------
    TypeList
        In the order of the file.

    Raises
    ------
    FormatError
        If the column ``cost`` is missing, there is a column that is not known, a row is longer or shorter than the
        header, a cell is no number, or a type has no name or the name of another.
    NoDataError
        If there is no row.
    OSError
        If the file cannot be read.
    """
    source = _source(path, ("cost",), ("type", "probability", "quality"))
    costs = _numbers(source, "cost", LEAST)
    names = tuple(str(number) for number in range(1, len(costs) + 1))
    column = source.find("type")
    if column is not None:
        names = tuple(source.sound_names(column))
        for row, name in enumerate(names):
            if not name or name in names[:row]:
                what = f"{excerpt(name)!r} occurs twice" if name else "it has no name"
                raise FormatError(f"{source.file}, line {source.lines[row]}: type: {what}; name each type once")
    chances = _numbers(source, "probability", 0.0) if source.find("probability") is not None else None
    if chances is not None and abs(math.fsum(chances) - 1.0) > SUM_TOL:
        raise FormatError(
            f"{source.file}: the column probability sums to {math.fsum(chances):g}; it must sum to 1, or be left out "
            "where all types are equally likely"
        )
    return TypeList(
        names,
        costs,
        np.full(len(costs), 1 / len(costs)) if chances is None else chances,
        _numbers(source, "quality", LEAST) if source.find("quality") is not None else None,
    )


def read_curve(path: str | os.PathLike[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read points of a learning curve from a csv file with the columns ``amount`` and ``accuracy``.

    Parameters
    ----------
    path : path
        One row a model that was trained.

    Returns
    -------
    amounts : ndarray of float64, shape (n_points,)
        Data that it was trained on.
    accuracies : ndarray of float64, shape (n_points,)
        What it reached.

    Raises
    ------
    FormatError, NoDataError, OSError
        As `read_types`.
    """
    source = _source(path, ("amount", "accuracy"), ())
    return _numbers(source, "amount"), _numbers(source, "accuracy")


def _source(path: str | os.PathLike[str], needed: tuple[str, ...], known: tuple[str, ...]) -> Source:
    source = Source.of_file(path)
    for name in needed:
        if source.find(name) is None:
            told = ", ".join(excerpt(column) for column in source.table.header)
            raise FormatError(
                f"{source.file}: there is no column {name!r}, but {told}; known are {', '.join(needed + known)}"
            )
    if source.table.ragged:
        line, n_cells = source.table.ragged[0]
        raise FormatError(f"{source.file}, line {line}: {n_cells} cells, but the header has {len(source.table.header)}")
    others = source.others({index for name in needed + known if (index := source.find(name)) is not None})
    if others:
        raise FormatError(
            f"{source.file}: the column {excerpt(others[0])!r} is not known; known are {', '.join(needed + known)}"
        )
    if len(source.lines) == 0:
        raise NoDataError(f"{source.file}: there is no row below the header")
    return source


def _numbers(source: Source, name: str, least: float = -math.inf) -> NDArray[np.float64]:
    column = source.place[name]
    values, status = source.table.numbers(column)
    for row in np.flatnonzero(status != NUMBER)[:1].tolist():
        cell = "is empty" if status[row] == EMPTY else f"is {excerpt(source.table.cell(column, row))!r}"
        raise FormatError(f"{source.file}, line {source.lines[row]}: {name} {cell}; give a finite number")
    for row in np.flatnonzero(values < least)[:1].tolist():
        rule = "it must be 0 or more" if least == 0 else f"it must be above 0, at least {least:g}"
        raise FormatError(f"{source.file}, line {source.lines[row]}: {name} is {values[row]:g}; {rule}")
    return values
