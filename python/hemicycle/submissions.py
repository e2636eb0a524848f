"""Submissions as they come: a folder of small csv files, one file, or one long table with a column for the model."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from hemicycle._core import read_submissions, submission_layout
from hemicycle.errors import FormatError, NoDataError
from hemicycle.rejects import Reject, Rejects, counted, excerpt
from hemicycle.sources import EMPTY, NOT_A_NUMBER, NOT_FINITE, NUMBER, ReadLimits, Source
from hemicycle.submitted import utc_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "SUBMISSION_LIMITS",
    "SubmissionTable",
    "submissions_at",
    "submissions_of_files",
    "submissions_of_folder",
    "submissions_of_table",
]

SUBMISSION_LIMITS = ReadLimits(max_bytes=8 << 20, max_records=100_000)
"""Limits of one submission, unless others are given."""

Refusal: TypeAlias = "tuple[int | None, str, str, str]"
"""Line, field, value and reason."""


@dataclass(frozen=True, slots=True)
class SubmissionTable:
    """Rows of all submissions, end to end, in the order of the models' names.

    Attributes
    ----------
    models, authors, files : list, length n_models
        Name, author and source of each.
    spellings : list of (str, str)
        Parent and name as written.
    offsets : ndarray of int64, shape (n_models + 1,)
        The rows of submission m are ``offsets[m]:offsets[m + 1]``.
    item : ndarray of int64, shape (n_rows,)
        Index into `spellings`.
    weight : ndarray of float64, shape (n_rows,)
        Finite and >= 0.
    line : ndarray of int64, shape (n_rows,)
        Line of the source.
    refusals : list, length n_models
        Why a submission could not be read, or None.
    rejects : tuple of Reject
        What was turned away before it was a submission.
    notices : tuple of str
        What was left out.
    submitted : dict of str to str
        When models came, UTC, where a table of many says so.
    """

    models: list[str]
    authors: list[str | None]
    files: list[str]
    spellings: list[tuple[str, str]]
    offsets: NDArray[np.int64]
    item: NDArray[np.int64]
    weight: NDArray[np.float64]
    line: NDArray[np.int64]
    refusals: list[Refusal | None]
    rejects: Rejects = ()
    notices: tuple[str, ...] = ()
    submitted: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class _File:
    model: str
    label: str
    author: str | None
    path: Path


def submissions_at(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], limits: ReadLimits | None, n_threads: int | None
) -> SubmissionTable:
    """Read whatever submissions stand at a path: a folder, a csv file of one or of many; or at several paths.

    Raises
    ------
    FormatError
        If the path is neither, or a long table lacks a column.
    NoDataError
        If there is no submission.
    """
    file_limits = limits or SUBMISSION_LIMITS
    if not isinstance(path, str | os.PathLike):
        return submissions_of_files(path, file_limits, n_threads)
    path = Path(path)
    if path.suffix.lower() in {".parquet", ".arrow", ".feather"}:
        raise FormatError(f"{path.name}: write it as csv, or read it as a frame and pass that to Pool.from_frame")
    if path.is_dir():
        return submissions_of_folder(path, file_limits, n_threads)
    if not path.exists():
        raise FormatError(f"{path}: there is no such file or folder")
    return _long_table(path, limits) or submissions_of_files([path], file_limits, n_threads)


def _long_table(path: Path, limits: ReadLimits | None) -> SubmissionTable | None:
    """Return the submissions of a csv file with a column ``model``; None of any other file."""
    try:
        source = Source.of_file(path, limits)
    except (FormatError, NoDataError):
        return None
    return submissions_of_table(source) if source.find("model") is not None else None


def submissions_of_folder(folder: Path, limits: ReadLimits, n_threads: int | None) -> SubmissionTable:
    """Read the csv files of a folder and of its sub-folders, which are named after authors.

    Raises
    ------
    NoDataError
        If there is no csv file.
    """
    files: list[_File] = []
    rejects: list[Reject] = []
    n_ignored = 0
    for entry in _entries(folder):
        author = _author(entry)
        try:
            inside = _entries(entry) if author else [entry]
        except FormatError as error:
            rejects.append(Reject("submission", _printable(entry.name), None, "file", "", str(error)))
            continue
        under = f"{author}/" if author else ""
        for file in inside:
            stem, _, suffix = file.name.rpartition(".")
            if file.name.startswith(".") or suffix.lower() != "csv":
                n_ignored += 1
                continue
            files.append(_File(under + _printable(stem), under + _printable(file.name), author, Path(file.path)))
    if not files:
        raise NoDataError(f"{folder.name} holds no csv file ({n_ignored} others are ignored)")
    notices = (f"{folder.name}: {n_ignored} hidden or other than csv files and folders ignored",) if n_ignored else ()
    return _read(files, limits, n_threads, tuple(rejects), notices)


def submissions_of_files(
    paths: Iterable[str | os.PathLike[str]], limits: ReadLimits, n_threads: int | None
) -> SubmissionTable:
    """Read one submission a file, named after the file."""
    listed = [Path(path) for path in paths]
    if not listed:
        raise NoDataError("no files were given")
    files = [_File(_printable(path.stem), _printable(path.name), None, path) for path in listed]
    return _read(files, limits, n_threads, (), ())


def _entries(folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise FormatError(f"{folder.name}: {error.strerror or error}") from error


def _author(entry: os.DirEntry[str]) -> str | None:
    """Return the author whose files a folder holds; None of anything else, also of a folder named like a csv file."""
    try:
        is_author = entry.is_dir() and not entry.name.startswith(".") and not entry.name.lower().endswith(".csv")
    except OSError:
        return None
    return _printable(entry.name) if is_author else None


def _printable(name: str) -> str:
    """Return the name without the surrogates that stand for bytes which are no UTF-8."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _read(
    files: Sequence[_File], limits: ReadLimits, n_threads: int | None, rejects: Rejects, notices: tuple[str, ...]
) -> SubmissionTable:
    first: dict[str, _File] = {}
    again = []
    for file in sorted(files, key=lambda file: (file.model, file.label, file.path)):
        kept = first.setdefault(file.model, file)
        if kept is not file:
            reason = f"a second file of this model; {kept.label} is the first in name order and stays: rename one"
            again.append(Reject("submission", file.label, None, "model", excerpt(file.model), reason))
    distinct = list(first.values())
    rows = read_submissions([file.path for file in distinct], limits.as_tuple(), n_threads)
    return SubmissionTable(
        models=[file.model for file in distinct],
        authors=[file.author or author for file, author in zip(distinct, rows.authors, strict=True)],
        files=[file.label for file in distinct],
        spellings=rows.spellings,
        offsets=rows.offsets,
        item=rows.item,
        weight=rows.weight,
        line=rows.line,
        refusals=rows.refusals,
        rejects=(*rejects, *again),
        notices=notices,
    )


def submissions_of_table(source: Source) -> SubmissionTable:
    """Take submissions from a long table: model, item, weight, perhaps parent, author, submitted; one row an item.

    Raises
    ------
    FormatError
        If a column is missing or there twice.
    NoDataError
        If there are no rows.
    """
    table = source.table
    item, parent, weight, author, model, is_originality = submission_layout(source.file, table.header)
    if model is None:
        raise FormatError(f"{source.file}: a table of many submissions needs a column model")
    if not len(source.lines):
        raise NoDataError(f"{source.file} holds no rows")
    model_codes, model_names = table.interned(model)
    item_codes, item_names = table.interned(item)
    parent_codes, parent_names = table.interned(parent) if parent is not None else (np.zeros_like(item_codes), [""])
    unnamed = np.array([not name for name in item_names], dtype=bool)[item_codes]
    bad = _bad_cells(source, item, unnamed, weight, is_originality)
    rank = np.empty(len(model_names), dtype=np.int64)
    rank[np.argsort(np.array(model_names, dtype=object), kind="stable")] = np.arange(len(model_names))
    model_of_row = rank[model_codes]
    refusals: list[Refusal | None] = [None] * len(model_names)
    for row, refusal in sorted(bad.items(), reverse=True):
        refusals[model_of_row[row]] = refusal
    refused = np.array([refusal is not None for refusal in refusals])
    rows = np.argsort(model_of_row, kind="stable")
    rows = rows[~refused[model_of_row[rows]]]
    counts = np.bincount(model_of_row[rows], minlength=len(model_names))
    pair = parent_codes[rows].astype(np.int64) * len(item_names) + item_codes[rows]
    codes, item_index = np.unique(pair, return_inverse=True)
    named = [(parent_names[code // len(item_names)], item_names[code % len(item_names)]) for code in codes.tolist()]
    weights, line = table.numbers(weight)[0][rows], source.lines[rows]
    if is_originality:
        named = [(repo, part) for _, repo in named for part in ("own", "dependencies")]
        item_index = np.stack([2 * item_index, 2 * item_index + 1], axis=1).ravel()
        weights, line = np.stack([weights, 1 - weights], axis=1).ravel(), np.repeat(line, 2)
        counts = 2 * counts
    names = sorted(model_names)
    if not names[0]:
        refusals[0] = (None, "model", "", "no model is named")
    submitted, notices = _submitted(source, model_of_row, names)
    return SubmissionTable(
        models=names,
        authors=[name or None for name in _first_cells(source, author, model_of_row, len(names))],
        files=[f"{source.file} [{excerpt(name)}]" for name in names],
        spellings=named,
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        item=item_index,
        weight=weights,
        line=line,
        refusals=[
            (None, "model", "", "no model is named") if not name else refusals[m] for m, name in enumerate(names)
        ],
        rejects=_ragged(source),
        notices=notices,
        submitted=submitted,
    )


def _bad_cells(
    source: Source, item: int, unnamed: NDArray[np.bool_], weight: int, is_originality: bool
) -> dict[int, Refusal]:
    """Rows that cannot be used, and why."""
    values, status = source.table.numbers(weight)
    complaints = [
        (item, unnamed, "no item is named"),
        (weight, status == EMPTY, "empty; a number is needed"),
        (weight, status == NOT_A_NUMBER, "not a number"),
        (weight, status == NOT_FINITE, "not finite"),
        (weight, (status == NUMBER) & (values < 0), "negative"),
    ]
    if is_originality:
        complaints.append((weight, values > 1, "an originality lies between 0 and 1"))
    bad: dict[int, Refusal] = {}
    for column, rows, reason in complaints:
        for row in np.flatnonzero(rows).tolist():
            cell = excerpt(source.table.cell(column, row))
            bad.setdefault(row, (int(source.lines[row]), source.table.header[column], cell, reason))
    return bad


def _first_cells(source: Source, column: int | None, model_of_row: NDArray[np.int64], n_models: int) -> list[str]:
    """Return what a column says in the first row of each model; nothing where there is no such column."""
    if column is None:
        return [""] * n_models
    codes, names = source.table.interned(column)
    _, first_row = np.unique(model_of_row, return_index=True)
    return [names[code] for code in codes[first_row].tolist()]


def _submitted(
    source: Source, model_of_row: NDArray[np.int64], models: list[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return when models came, and what could not be read of it: that costs a model its time, never its place."""
    cells = _first_cells(source, source.find("submitted"), model_of_row, len(models))
    times, wrong = utc_times(cells)
    submitted = {model: time for model, time in zip(models, times, strict=True) if time is not None}
    if not wrong:
        return submitted, ()
    row = min(wrong)
    first = f"{excerpt(models[row])!r} has {excerpt(cells[row])!r}, {wrong[row]}"
    counted_times = counted(len(wrong), "time")
    return submitted, (f"{source.file}: {counted_times} of submission left aside; the first: {first}",)


def _ragged(source: Source) -> Rejects:
    header = f"{len(source.table.header)} in the header"
    return tuple(
        Reject("submission", source.file, line, "row", "", f"{counted(n_fields, 'field')} in this row, {header}")
        for line, n_fields in source.table.ragged
    )
