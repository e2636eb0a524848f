"""Submissions as they come: a folder or an archive of small csv files, one file, or one long table of many models."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from hemicycle._core import read_archive, read_submissions, submission_layout
from hemicycle.errors import FormatError, NoDataError
from hemicycle.escaping import storable
from hemicycle.listing import list_archive, list_files, list_folder
from hemicycle.read_limits import ReadLimits
from hemicycle.rejects import Reject, Rejects, counted, excerpt
from hemicycle.sources import EMPTY, NOT_A_NUMBER, NOT_FINITE, NUMBER, Source
from hemicycle.submitted import utc_times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from hemicycle._core import SubmissionRows
    from hemicycle.listing import Entry
    from hemicycle.sources import Names

__all__ = ["ARCHIVES", "SubmissionTable", "submissions_at", "submissions_in_parts", "submissions_of_table"]

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
"""How the names of archives of submissions end."""

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


def submissions_at(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], limits: ReadLimits | None, n_threads: int | None
) -> SubmissionTable:
    """Read whatever submissions stand at a path, or at several: a folder, an archive, a csv file of one or of many.

    Raises
    ------
    FormatError
        If the path is neither, cannot be read, breaks a limit of the whole, or a long table lacks a column.
    NoDataError
        If there is no submission.
    """
    limits = limits or ReadLimits()
    if not isinstance(path, str | os.PathLike):
        return _submissions_of_files([Path(each) for each in path], limits, n_threads)
    path = Path(path)
    if path.suffix.lower() in {".parquet", ".arrow", ".feather"}:
        ways = f"hemicycle store add pool.store {path.name} makes a store of it, Pool.from_frame a pool of a frame"
        raise FormatError(f"{path.name}: a pool is read of csv files or a store; {ways}")
    if path.is_dir():
        return _submissions_of_folder(path, limits, n_threads)
    if not path.exists():
        raise FormatError(f"{path}: there is no such file or folder")
    if path.name.lower().endswith(ARCHIVES):
        return _submissions_of_archive(path, limits, n_threads)
    return _long_table(path, limits) or _submissions_of_files([path], limits, n_threads)


def _long_table(path: Path, limits: ReadLimits) -> SubmissionTable | None:
    """Return the submissions of a csv file with a column ``model``; None of any other file."""
    try:
        source = Source.of_file(path, limits)
    except NoDataError:
        return None
    except FormatError:
        if path.stat().st_size > limits.submission_bytes:
            raise
        return None
    return submissions_of_table(source) if source.find("model") is not None else None


def submissions_in_parts(
    path: str | os.PathLike[str], limits: ReadLimits | None, n_threads: int | None, n_files: int
) -> Iterator[SubmissionTable]:
    """Read what `submissions_at` reads, a folder so many files at a time.

    Parameters
    ----------
    path : path
        A folder, an archive or a csv file.
    limits : ReadLimits, optional
        How much is read at a time.
    n_threads : int, optional
        Threads that parse.
    n_files : int
        Files of a folder at a time.

    Raises
    ------
    FormatError, NoDataError
        As `submissions_at`.
    """
    if Path(path).is_dir():
        yield from _parts_of_folder(Path(path), limits or ReadLimits(), n_threads, n_files)
    else:
        yield submissions_at(path, limits, n_threads)


def _submissions_of_folder(folder: Path, limits: ReadLimits, n_threads: int | None) -> SubmissionTable:
    """Read the csv files of a folder and of its sub-folders, which are named after authors."""
    return next(_parts_of_folder(folder, limits, n_threads, sys.maxsize))


def _parts_of_folder(
    folder: Path, limits: ReadLimits, n_threads: int | None, n_files: int
) -> Iterator[SubmissionTable]:
    """Read the files of a folder in the order of the models' names; the first part has what concerns the whole."""
    try:
        listing = list_folder(folder, limits)
    except OSError as error:
        raise FormatError(f"{folder.name}: {error.strerror or error}") from error
    listing.require_some(folder.name)
    entries = listing.entries(limits)
    rejects, notices = tuple(listing.rejects), listing.notices(folder.name)
    for first in range(0, max(1, len(entries)), n_files):
        part = entries[first : first + n_files]
        rows = read_submissions(folder, [Path(*listing.paths[entry.place]) for entry in part], limits, n_threads)
        yield _table(part, rows, rejects, notices)
        rejects, notices = (), ()


def _submissions_of_files(paths: Sequence[Path], limits: ReadLimits, n_threads: int | None) -> SubmissionTable:
    """Read one submission a file, named after the file."""
    listing = list_files(paths)
    entries = listing.entries(limits)
    rows = read_submissions(None, [paths[entry.place] for entry in entries], limits, n_threads)
    return _table(entries, rows, tuple(listing.rejects), ())


def _submissions_of_archive(path: Path, limits: ReadLimits, n_threads: int | None) -> SubmissionTable:
    """Read the csv members of an archive as if they lay in a folder."""
    members, rows, refused, n_ignored, ended = read_archive(path, limits, n_threads)
    listing = list_archive(members, [(name, reason) for name, (_, _, _, reason) in refused], n_ignored)
    listing.require_some(path.name)
    rejects: Rejects = ()
    notices = listing.notices(path.name)
    if ended is not None:
        said = f"read only up to its member {len(members)}: {ended}"
        rejects = (Reject("submission", storable(path.name), None, "archive", "", said),)
        notices += (f"{path.name}: {said}; what came before is used",)
    entries = listing.entries(limits)
    places = np.array([entry.place for entry in entries], dtype=np.int64)
    counts = np.diff(rows.offsets)[places]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    index = np.repeat(rows.offsets[places] - offsets[:-1], counts) + np.arange(offsets[-1])
    return SubmissionTable(
        models=[entry.model for entry in entries],
        authors=[entry.author or rows.authors[entry.place] for entry in entries],
        files=[entry.label for entry in entries],
        spellings=rows.spellings,
        offsets=offsets,
        item=rows.item[index],
        weight=rows.weight[index],
        line=rows.line[index],
        refusals=[rows.refusals[entry.place] for entry in entries],
        rejects=(*rejects, *listing.rejects),
        notices=notices,
    )


def _table(
    entries: Sequence[Entry], rows: SubmissionRows, rejects: Rejects, notices: tuple[str, ...]
) -> SubmissionTable:
    return SubmissionTable(
        models=[entry.model for entry in entries],
        authors=[entry.author or author for entry, author in zip(entries, rows.authors, strict=True)],
        files=[entry.label for entry in entries],
        spellings=rows.spellings,
        offsets=rows.offsets,
        item=rows.item,
        weight=rows.weight,
        line=rows.line,
        refusals=rows.refusals,
        rejects=rejects,
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
    named_columns = {column: source.names(column) for column in (model, item, parent, author) if column is not None}
    model_codes, model_names = named_columns[model].codes, named_columns[model].distinct
    item_codes, item_names = named_columns[item].codes, named_columns[item].distinct
    parent_codes, parent_names = np.zeros_like(item_codes), [""]
    if parent is not None:
        parent_codes, parent_names = named_columns[parent].codes, named_columns[parent].distinct
    unnamed = np.array([not name for name in item_names], dtype=bool)[item_codes]
    bad = _bad_names(source, named_columns) | _bad_cells(source, item, unnamed, weight, is_originality)
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
    pair = parent_codes[rows] * len(item_names) + item_codes[rows]
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
        authors=_authors(None if author is None else named_columns[author], model_of_row, len(names)),
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


def _bad_names(source: Source, named_columns: dict[int, Names]) -> dict[int, Refusal]:
    """Rows with a name that cannot be kept, and why."""
    bad: dict[int, Refusal] = {}
    for column, names in named_columns.items():
        for row in names.faulty.tolist():
            code = int(names.codes[row])
            cell, reason = excerpt(names.distinct[code]), names.faults[code]
            bad.setdefault(row, (int(source.lines[row]), source.table.header[column], cell, reason))
    return bad


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


def _authors(names: Names | None, model_of_row: NDArray[np.int64], n_models: int) -> list[str | None]:
    """Return the author in the first row of each model."""
    if names is None:
        return [None] * n_models
    _, first_row = np.unique(model_of_row, return_index=True)
    return [names.distinct[code] or None for code in names.codes[first_row].tolist()]


def _submitted(
    source: Source, model_of_row: NDArray[np.int64], models: list[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return when models came, and what could not be read of it: that costs a model its time, never its place."""
    column = source.find("submitted")
    if column is None:
        return {}, ()
    codes, texts = source.table.interned(column)
    _, first_row = np.unique(model_of_row, return_index=True)
    cells = [texts[code] for code in codes[first_row].tolist()]
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
