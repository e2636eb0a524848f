"""What a store says of itself: its items, and what was committed, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from hemicycle.errors import FormatError, StoreError
from hemicycle.items import Items
from hemicycle.store.durable import write_durably

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FRAGMENTS", "MANIFEST", "REJECTS", "Commit", "DType", "Fragment", "Manifest", "Refused", "is_store"]

MANIFEST = "store.json"
FRAGMENTS = "fragments"
REJECTS = "rejects"
VERSION = 1

DType: TypeAlias = Literal["float64", "float32"]


class Fragment(msgspec.Struct, frozen=True):
    """Models that were written together: a Parquet file, named after its hash.

    Attributes
    ----------
    sha256 : str
        Of the file, in hex.
    n_bytes, n_models : int
        Length of the file, and rows in it.
    replaced : tuple of int
        Rows that a later submission of the same name stands for, ascending.
    """

    sha256: str
    n_bytes: int
    n_models: int
    replaced: tuple[int, ...] = ()

    @property
    def n_current(self) -> int:
        """Models that nothing has replaced."""
        return self.n_models - len(self.replaced)

    def path(self, folder: Path) -> Path:
        """Return where the file lies in a store."""
        return folder / FRAGMENTS / f"{self.sha256}.parquet"


class Refused(msgspec.Struct, frozen=True):
    """What was turned away together: a json file, named after its hash."""

    sha256: str
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

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a store.

        Raises
        ------
        StoreError
            If there is none, or it is damaged or of a later version.
        """
        path = folder / MANIFEST
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(f"{folder}: is no store; hemicycle store add makes one") from None
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror or error}") from error
        try:
            manifest = msgspec.json.decode(content, type=cls)
            manifest.check()
        except (msgspec.MsgspecError, FormatError, ValueError) as error:
            raise StoreError(f"{path}: is damaged: {error}; restore it from a copy") from error
        if manifest.version > VERSION:
            raise StoreError(f"{path}: was written by a later version of hemicycle; upgrade it")
        return manifest

    def check(self) -> None:
        """Refuse what no store says of itself.

        Raises
        ------
        ValueError, FormatError
            If a hash is none, a count is negative, a replaced row is none, or the items are no item list.
        """
        for fragment in self.fragments:
            rows, n_models = fragment.replaced, fragment.n_models
            ascending = all(a < b for a, b in zip((-1, *rows), (*rows, n_models), strict=True))
            if not (_is_hash(fragment.sha256) and fragment.n_bytes > 0 and n_models > 0 and ascending):
                raise ValueError(f"fragment {fragment.sha256[:80]!r} cannot be")
        for commit in self.commits:
            if commit.refused is not None and not _is_hash(commit.refused.sha256):
                raise ValueError(f"rejects {commit.refused.sha256[:80]!r} cannot be")
        if not len(self.item_list):
            raise ValueError("there are no items")

    def write(self, folder: Path) -> None:
        """Replace the manifest of a store.

        Raises
        ------
        OSError
            If the disk refuses; then the store is as it was.
        """
        write_durably(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def is_store(folder: Path) -> bool:
    """Return whether a path is that of a store."""
    return (folder / MANIFEST).is_file()


def _is_hash(text: str) -> bool:
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)
