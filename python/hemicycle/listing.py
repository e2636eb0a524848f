"""Which submissions a folder or an archive holds: their names, and what is turned away before it is read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hemicycle._core import kept_names
from hemicycle.errors import FormatError, NoDataError
from hemicycle.escaping import storable
from hemicycle.rejects import Reject, excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hemicycle.read_limits import ReadLimits

__all__ = ["PACKED", "Entry", "Listing", "list_archive", "list_files", "list_folder"]

PACKED = frozenset(
    ("zip", "tar", "gz", "tgz", "bz2", "tbz2", "xz", "txz", "zst", "7z", "rar", "lz4", "lzma", "br", "jar")
)  #: endings of files that hold other files

LINK = "is a symbolic link; links are not followed"
INSIDE = "an archive inside; send the csv file itself"
DEEP = "deeper than AUTHOR/MODEL.csv; folders are read one deep"
ONE_DEEP = 2  #: parts of the path of a submission in the folder of an author


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A submission that is there to be read.

    Attributes
    ----------
    model : str
        Name of the model: that of the file without its ending, behind that of the author.
    label : str
        Name for messages.
    place : int
        Where it stands among those that were found.
    author : str or None
        Whose folder it is in.
    """

    model: str
    label: str
    place: int
    author: str | None


@dataclass(slots=True)
class Listing:
    """What a folder or an archive holds.

    Attributes
    ----------
    paths : list of tuple of str
        Path of each csv file, in parts.
    rejects : list of Reject
        What was turned away.
    n_ignored : int
        Files that are hidden, or of other kinds.
    """

    paths: list[tuple[str, ...]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    n_ignored: int = 0

    def refuse(self, path: Sequence[str], reason: str, value: str = "") -> None:
        """Turn a path away."""
        self.rejects.append(Reject("submission", _label(path), None, "file", value, reason))

    def entries(self, limits: ReadLimits) -> list[Entry]:
        """Return the submissions in the order of their names; of two of one name the first stays.

        Parameters
        ----------
        limits : ReadLimits
            How long a name may be.
        """
        kept: dict[str, Entry] = {}
        for entry in sorted(self._named(limits)):
            first = kept.setdefault(entry.model, entry)
            if first is not entry:
                reason = f"a second file of this model; {first.label} is the first in name order and stays: rename one"
                self.rejects.append(Reject("submission", entry.label, None, "model", excerpt(entry.model), reason))
        return list(kept.values())

    def _named(self, limits: ReadLimits) -> Iterator[Entry]:
        """Make names of paths; a name that cannot be kept turns its file away."""
        stems = [path[-1].rpartition(".")[0] for path in self.paths]
        authors = [path[0] if len(path) == ONE_DEEP else "" for path in self.paths]
        models, why_not_model = _kept(stems, limits)
        owners, why_not_owner = _kept(authors, limits)
        for place, path in enumerate(self.paths):
            if len(path) > ONE_DEEP:
                self.refuse(path, DEEP)
                continue
            reason = why_not_owner.get(place) or why_not_model.get(place)
            if reason is not None:
                wrong = authors[place] if place in why_not_owner else stems[place]
                self.refuse(path, f"its name {reason}", storable(excerpt(wrong)))
                continue
            author = owners[place] or None
            under = f"{author}/" if author else ""
            yield Entry(under + models[place], _label(path), place, author)

    def require_some(self, name: str) -> None:
        """Raise NoDataError unless there is a csv file."""
        if not self.paths:
            turned_away = f"; {len(self.rejects)} turned away" if self.rejects else ""
            raise NoDataError(
                f"{name} holds no csv file ({self.n_ignored} others are ignored{turned_away})", tuple(self.rejects)
            )

    def notices(self, name: str) -> tuple[str, ...]:
        """Say what was ignored."""
        if not self.n_ignored:
            return ()
        return (f"{name}: {self.n_ignored} hidden or other than csv files and folders ignored",)


def list_files(paths: Sequence[Path]) -> Listing:
    """List files that the caller vouches for, links among them.

    Raises
    ------
    NoDataError
        If there are none.
    """
    if not paths:
        raise NoDataError("no files were given")
    return Listing([(path.name,) for path in paths])


def list_archive(members: Sequence[Sequence[str]], refused: Sequence[tuple[str, str]], n_ignored: int) -> Listing:
    """List the members of an archive as if it were a folder; one folder around all of them is that folder.

    Parameters
    ----------
    members : sequence of sequence of str
        Path of each csv member, in parts.
    refused : sequence of (path, reason)
        Members that were not read.
    n_ignored : int
        Members that are hidden, or of other kinds.
    """
    top = {parts[0] for parts in members}
    inside = 1 if len(top) == 1 and all(len(parts) > 1 for parts in members) else 0
    listing = Listing([tuple(parts[inside:]) for parts in members], n_ignored=n_ignored)
    for path, reason in refused:
        listing.refuse((path,), reason)
    return listing


def list_folder(folder: Path, limits: ReadLimits) -> Listing:
    """List the csv files of a folder and of its sub-folders, which are named after authors; no link is followed.

    Raises
    ------
    FormatError
        If the folder cannot be listed, or holds more files than the limit.
    """
    listing, entries = Listing(), _entries(folder, limits.files, limits)
    left = limits.files - len(entries)
    for entry in entries:
        if not _is_author(entry):
            _list_file(listing, (entry.name,), entry)
            continue
        try:
            inside = _entries(Path(entry.path), left, limits)
        except OSError as error:
            listing.refuse((entry.name,), f"{entry.name}: {error.strerror or error}")
            continue
        left -= len(inside)
        for file in inside:
            path = (entry.name, file.name)
            if not file.is_symlink() and _is_author(file):
                listing.refuse(path, DEEP)
            else:
                _list_file(listing, path, file)
    return listing


def _list_file(listing: Listing, path: tuple[str, ...], entry: os.DirEntry[str]) -> None:
    ending = entry.name.rpartition(".")[2].lower()
    if entry.name.startswith("."):
        listing.n_ignored += 1
    elif entry.is_symlink():
        listing.refuse(path, LINK)
    elif ending in PACKED:
        listing.refuse(path, INSIDE)
    elif ending != "csv" or "." not in entry.name:
        listing.n_ignored += 1
    else:
        listing.paths.append(path)


def _entries(folder: Path, left: int, limits: ReadLimits) -> list[os.DirEntry[str]]:
    """Return what is in a folder by name, unless there is too much of it."""
    found: list[os.DirEntry[str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if len(found) >= left:
                raise FormatError(f"{folder.name}: {limits.broken('files', 'more', 'files')}")
            found.append(entry)
    return sorted(found, key=lambda entry: entry.name)


def _is_author(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder of an author: no link, not hidden, not named like a csv file."""
    return (
        entry.is_dir(follow_symlinks=False)
        and not entry.name.startswith(".")
        and not entry.name.lower().endswith(".csv")
    )


def _kept(names: list[str], limits: ReadLimits) -> tuple[list[str], dict[int, str]]:
    """Return the names as they are kept, and why those that cannot be kept cannot, by place."""
    bytes_in = {place: fault for place, name in enumerate(names) if (fault := _byte_fault(name)) is not None}
    kept, faults = kept_names(
        ["" if place in bytes_in else name for place, name in enumerate(names)], limits.name_characters
    )
    return kept, bytes_in | dict(faults)


def _byte_fault(name: str) -> str | None:
    """Say which byte of the name of a file is no UTF-8; None for text."""
    if name.isascii():
        return None
    lone = next((c for c in name if "\ud800" <= c <= "\udfff"), None)
    return None if lone is None else f"holds U+{ord(lone):04X}, a byte that is no UTF-8"


def _label(path: Sequence[str]) -> str:
    return storable("/".join(path))
