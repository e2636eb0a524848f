"""What a store says of itself: its items, and what was committed, in order."""

from __future__ import annotations

import hashlib
import os
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from hemicycle.errors import HemicycleError, StoreError
from hemicycle.items import Items
from hemicycle.store.durable import read_regular, require_regular, write_durably

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "FRAGMENTS",
    "MANIFEST",
    "REJECTS",
    "RESTORE",
    "Commit",
    "DType",
    "Fragment",
    "Manifest",
    "Refused",
    "is_hash",
    "is_store",
    "lost",
]

MANIFEST = "store.json"
FRAGMENTS = "fragments"
REJECTS = "rejects"
VERSION = 1
RESTORE = "restore it from a copy"
MANIFEST_BYTES = 1 << 30  #: most that is read
FILE_BYTES = 1 << 34  #: most that another file of a store may say that it has

DType: TypeAlias = Literal["float64", "float32"]


class Fragment(msgspec.Struct, frozen=True):
    """Models that were written together: a Parquet file, named after its hash.

    Attributes
    ----------
    sha256 : str
        Of the file, in hex.
    n_bytes, n_models : int
        Length of the file, and rows in it.
    names_sha256 : str
        Hash of the models' names, so that these can be read without the logits and be trusted.
    replaced : tuple of int
        Rows that a later submission of the same name stands for, ascending.
    """

    sha256: str
    n_bytes: int
    n_models: int
    names_sha256: str
    replaced: tuple[int, ...] = ()

    @property
    def n_current(self) -> int:
        """Models that nothing has replaced."""
        return self.n_models - len(self.replaced)

    def path(self, folder: Path) -> Path:
        """Return where the file lies in a store."""
        return folder / FRAGMENTS / f"{self.sha256}.parquet"


class Refused(msgspec.Struct, frozen=True):
    """What was turned away together: a json file, named after its hash, its length, and how much it lists."""

    sha256: str
    n_bytes: int
    n_rejects: int

    def path(self, folder: Path) -> Path:
        """Return where the file lies in a store."""
        return folder / REJECTS / f"{self.sha256}.json"


class Commit(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was added at once.

    Attributes
    ----------
    time : str
        By the clock of the machine that added it, UTC. Commits are in the order in which they were made, whatever the
        clock said.
    source : str
        What was added.
    fragment : Fragment, optional
        The models.
    refused : Refused, optional
        What was turned away.
    """

    time: str
    source: str
    fragment: Fragment | None = None
    refused: Refused | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A whole store at one moment: it is replaced at once, so that a reader sees all of a commit or nothing.

    Attributes
    ----------
    items : tuple of (str, str)
        Parent and name of each column.
    items_source : str
        Where the list of items comes from.
    dtype : str
        Of the logits: "float64" or "float32".
    commits : tuple of Commit
        In the order in which they were made.
    """

    format: Literal["hemicycle store"] = "hemicycle store"
    version: int = VERSION
    dtype: DType = "float64"
    items_source: str
    items: tuple[tuple[str, str], ...]
    commits: tuple[Commit, ...] = ()

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """The fragments, in the order of their commits."""
        return tuple(commit.fragment for commit in self.commits if commit.fragment is not None)

    @property
    def item_list(self) -> Items:
        """The columns."""
        return Items(tuple(parent for parent, _ in self.items), tuple(name for _, name in self.items))

    @property
    def refusals(self) -> tuple[Refused, ...]:
        """The lists of what was turned away, in the order of their commits."""
        return tuple(commit.refused for commit in self.commits if commit.refused is not None)

    @property
    def n_models(self) -> int:
        """Models that nothing has replaced."""
        return sum(fragment.n_current for fragment in self.fragments)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a store.

        Raises
        ------
        StoreError
            If there is none, or it is damaged or of a later version.
        """
        path = folder / MANIFEST
        if not os.path.lexists(path):
            raise StoreError(f"{folder}: {lost(folder) or 'is no store; hemicycle store add makes one'}")
        size = require_regular(path, RESTORE)
        if size > MANIFEST_BYTES:
            raise StoreError(f"{path}: has {size:,} bytes, which no manifest has; {RESTORE}")
        content = read_regular(path, size, RESTORE)
        try:
            if msgspec.json.decode(content, type=_Head).version > VERSION:
                raise StoreError(f"{path}: was written by a later version of hemicycle; upgrade it")
            manifest = msgspec.json.decode(content, type=cls)
            manifest.check()
        except StoreError:
            raise
        except (msgspec.MsgspecError, HemicycleError, ValueError, RecursionError) as error:
            raise StoreError(f"{path}: is damaged: {error}; {RESTORE}") from error
        return manifest

    def check(self) -> None:
        """Refuse what no store says of itself.

        Raises
        ------
        ValueError, HemicycleError
            If a hash is none or comes twice, a count cannot be, a replaced row is none, or the items are no item list.
        """
        if self.version < 1:
            raise ValueError(f"there is no version {self.version}")
        for fragment in self.fragments:
            rows, n_models = fragment.replaced, fragment.n_models
            ascending = all(a < b for a, b in pairwise((-1, *rows, n_models)))
            hashes = is_hash(fragment.sha256) and is_hash(fragment.names_sha256)
            if not (hashes and 0 < fragment.n_bytes <= FILE_BYTES and 0 < n_models <= fragment.n_bytes and ascending):
                raise ValueError(f"fragment {fragment.sha256[:80]!r} cannot be")
        for refused in self.refusals:
            if not (is_hash(refused.sha256) and 0 < refused.n_bytes <= FILE_BYTES and refused.n_rejects > 0):
                raise ValueError(f"rejects {refused.sha256[:80]!r} cannot be")
        for files in (self.fragments, self.refusals):
            if len({file.sha256 for file in files}) < len(files):
                raise ValueError("a file is named twice")
        _ = self.item_list

    def write(self, folder: Path) -> None:
        """Replace the manifest of a store.

        Raises
        ------
        OSError
            If the disk refuses; then the store is as it was.
        """
        write_durably(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    @property
    def logits_bytes(self) -> int:
        """What the logits of all models take in memory."""
        return self.n_models * len(self.items) * (4 if self.dtype == "float32" else 8)

    def digest(self) -> str:
        """Hash what the store holds: items, fragments, replaced rows and rejects, not when they came or from where.

        Returns
        -------
        str
            SHA-256 in hex. Every file is in it by its own hash, and in any order of the commits it is the same.
        """
        files = sorted([f"{each.sha256} {list(each.replaced)}" for each in self.fragments])
        refused = sorted(each.sha256 for each in self.refusals)
        return hashlib.sha256(
            msgspec.json.encode((self.dtype, self.items_source, self.items, files, refused))
        ).hexdigest()


class _Head(msgspec.Struct, frozen=True):
    """What every version of a manifest begins with."""

    format: Literal["hemicycle store"]
    version: int


def lost(folder: Path) -> str:
    """Return what to do about a folder with the fragments of a store and no manifest; "" of any other folder."""
    if os.path.lexists(folder / MANIFEST) or not any((folder / FRAGMENTS).glob("*.parquet")):
        return ""
    return f"its {MANIFEST} is gone; {RESTORE}, or make a new store of what is left, from {folder / FRAGMENTS}"


def is_store(folder: Path) -> bool:
    """Return whether a path is that of a store: it has a manifest and a folder of fragments."""
    return (folder / MANIFEST).is_file() and (folder / FRAGMENTS).is_dir()


def is_hash(text: str) -> bool:
    """Return whether a text is a SHA-256 in hex, and so no path."""
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)
