"""The out folder: what a run leaves behind, complete or not at all."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hemicycle.config import HEADER
from hemicycle.errors import FormatError, OptionError
from hemicycle.escaping import spreadsheet_cell
from hemicycle.picture import svg
from hemicycle.read_limits import ReadLimits
from hemicycle.report import report_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hemicycle.outcome import Outcome
    from hemicycle.rejects import Rejects
    from hemicycle.table import Table

__all__ = [
    "ALLOCATIONS",
    "CLONES",
    "EVALUATION",
    "INTERVALS",
    "MOVEMENT",
    "RANGES",
    "REPORT",
    "ROUND",
    "STORE",
    "WEIGHTS",
    "Mark",
    "allocation_csv",
    "bundle_files",
    "csv_bytes",
    "rejects_csv",
    "require_ours",
    "sha256_of",
    "table_csv",
    "write_bundle",
]

_CHUNK = 1 << 20
STORE = "store.json"  #: the manifest of a store


class Mark(NamedTuple):
    """How an earlier result is told from the files of others: a file of it, and how that begins."""

    file: str
    begins: str


ROUND = Mark("round.toml", HEADER)
REPORT = "report.html"  #: the page to open
RANGES = "allocation_range.csv"  #: only where it was asked for
EVALUATION = "evaluation.csv"  #: likewise
INTERVALS = "intervals.csv"  #: unless there are none
CLONES = "clones.csv"  #: where there are copies
WEIGHTS = "weights.csv"
ALLOCATIONS = "allocations.csv"  #: of a streamed run: every mechanism's
MOVEMENT = "movement.csv"  #: where something was dropped, or the run was held against another


def bundle_files(outcome: Outcome, folder: Path) -> dict[str, bytes]:
    """Write the files of the out folder as bytes; they hold nothing of time or place, so a repeated run gives the same.

    Parameters
    ----------
    outcome : Outcome
        The run.
    folder : Path
        Where the files will lie: round.toml names its inputs relative to it.

    Returns
    -------
    dict of str to bytes
        File name to content.
    """
    from msgspec import json

    paid = outcome.paid
    picture = svg(
        outcome.parliament,
        method=paid.method,
        effective_models=paid.effective_models[0],
        n_models=len(paid.models),
    )
    asked = {
        RANGES: outcome.ranges,
        EVALUATION: outcome.evaluation,
        INTERVALS: None if outcome.intervals is None else outcome.intervals.table(),
        MOVEMENT: outcome.movement_table(),
        CLONES: outcome.clone_groups,
    }
    return {name: table_csv(table) for name, table in asked.items() if table is not None} | {
        "leaderboard.csv": table_csv(outcome.leaderboard),
        "allocation.csv": allocation_csv(outcome),
        WEIGHTS: _weights_csv(outcome),
        "flags.csv": table_csv(outcome.flags.table()),
        "rejects.csv": rejects_csv(outcome.rejects),
        "summary.json": json.format(json.encode(outcome.summary()), indent=2) + b"\n",
        ROUND.file: outcome.config.toml(folder, outcome.sha256).encode("utf-8"),
        "hemicycle.svg": picture.encode("utf-8"),
        REPORT: report_html(outcome).encode("utf-8"),
    }


def allocation_csv(outcome: Outcome) -> bytes:
    """Write the allocation of the method that pays: ``parent,item,share``."""
    return table_csv(outcome.allocation)


def table_csv(table: Table) -> bytes:
    """Write a table as csv, see `csv_bytes`."""
    return csv_bytes(table.columns, (row.values() for row in table))


def _weights_csv(outcome: Outcome) -> bytes:
    rows = (
        (ensemble.method, model, weight)
        for ensemble in outcome.ensembles
        for model, weight in zip(ensemble.models, ensemble.weights.tolist(), strict=True)
    )
    return csv_bytes(("method", "model", "weight"), rows)


def rejects_csv(rejects: Rejects) -> bytes:
    """Write what was turned away as csv: ``kind,file,line,field,value,reason``."""
    rows = ((r.kind, r.file, r.line, r.field, r.value, r.reason) for r in rejects)
    return csv_bytes(("kind", "file", "line", "field", "value", "reason"), rows)


def csv_bytes(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> bytes:
    r"""Write a table as csv: UTF-8, ``\n``, every float with all its digits, text that no spreadsheet runs.

    Parameters
    ----------
    columns : sequence of str
        Heads.
    rows : iterable of iterable
        Cells: text, numbers, or None for an empty cell.

    Returns
    -------
    bytes
        The file.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([spreadsheet_cell(c) if isinstance(c, str) else c for c in row] for row in rows)
    return text.getvalue().encode("utf-8")


def require_ours(folder: Path, mark: Mark = ROUND) -> None:
    """Refuse a folder that holds anything but an earlier result of the same kind.

    Parameters
    ----------
    folder : Path
        The out folder; it may be absent or empty.
    mark : Mark, default that of a round
        What tells such a result.

    Raises
    ------
    OptionError
        If it is a file, or a folder with content that hemicycle did not write.
    """
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise OptionError(f"{folder} is not a folder; give another one with --out")
    if not any(folder.iterdir()):
        return
    try:
        with (folder / mark.file).open("rb") as file:
            if file.read(len(mark.begins)) == mark.begins.encode("utf-8"):
                return
    except OSError:
        pass
    raise OptionError(f"{folder} holds files that are no earlier result of hemicycle; give another folder with --out")


def write_bundle(folder: Path, files: Mapping[str, bytes], mark: Mark = ROUND) -> None:
    """Put files into a folder: written aside first, then renamed, so that none is ever half there.

    Parameters
    ----------
    folder : Path
        The out folder; made where it does not exist, and what an earlier run wrote is replaced.
    files : mapping of str to bytes
        File name to content.
    mark : Mark, default that of a round
        What tells an earlier result; its file is one of `files`.

    Raises
    ------
    OptionError
        If the folder is not one of ours.
    OSError
        If something cannot be written; the files that were there are as they were.
    """
    require_ours(folder, mark)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in files.items():
            (aside / name).write_bytes(content)
        folder.mkdir(exist_ok=True)
        for name in sorted(files, key=lambda name: name != mark.file):  # the mark first: then the folder is ours
            (aside / name).replace(folder / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def sha256_of(path: str | os.PathLike[str], limits: ReadLimits | None = None) -> str:
    """Hash an input.

    Parameters
    ----------
    path : path
        A file, or a folder of files.
    limits : ReadLimits, optional
        How large a submission may be that is read.

    Returns
    -------
    str
        SHA-256 in hex: of the content of a file; for a folder, of the lines ``sha256  name`` of the files in it and in
        its sub-folders, sorted by name, hidden ones left out: where there are no sub-folders, what
        ``LC_ALL=C sha256sum * | sha256sum`` prints. Of files that no reader opens, those above the limit of a
        submission, the size stands in place of the hash, ``link`` of links, which are not followed, and ``unreadable``
        of files that cannot be read. Of a store: of its items, the hashes of its files and its replaced rows, so that
        its large files are read once, by who reads the store and compares their hashes.

    Raises
    ------
    FormatError
        If the path is neither a file nor a folder: a pipe or a device might never end.
    StoreError
        If it is a store whose manifest is damaged.
    OSError
        If the file cannot be read, or the folder listed.
    """
    source = Path(path)
    if (source / STORE).is_file() and (found := _digest_of_store(source)) is not None:
        return found
    if not source.is_dir():
        if source.exists() and not source.is_file():
            raise FormatError(f"{path} is not a regular file")
        return _digest(source)
    most = (limits or ReadLimits()).submission_bytes
    listing = hashlib.sha256()
    for name, file in sorted(_files(source).items()):
        listing.update(f"{_entry(file, most)}  ".encode() + name + b"\n")
    return listing.hexdigest()


def _digest_of_store(folder: Path) -> str | None:
    """Hash what a store says that it holds: readers compare every file of it with its hash there."""
    from hemicycle.store.manifest import Manifest, is_store

    return Manifest.read(folder).digest() if is_store(folder) else None


def _files(folder: Path) -> dict[bytes, os.DirEntry[str]]:
    """Files and links of a folder and of its sub-folders by relative name, without hidden ones."""
    found: list[os.DirEntry[str]] = []
    for entry in _visible(folder):
        with suppress(OSError):  # a folder that may not be listed
            found += _visible(entry) if entry.is_dir(follow_symlinks=False) else [entry]
    files = [entry for entry in found if entry.is_file(follow_symlinks=False) or entry.is_symlink()]
    return {os.fsencode(Path(entry.path).relative_to(folder).as_posix()): entry for entry in files}


def _visible(folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _entry(file: os.DirEntry[str], most: int) -> str:
    """Return what stands for the content of a file in a folder; nobody has vetted any of them."""
    try:
        if file.is_symlink():
            return "link"
        size = file.stat(follow_symlinks=False).st_size
        return _digest(Path(file.path)) if size <= most else f"{size} bytes"
    except OSError:
        return "unreadable"


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
