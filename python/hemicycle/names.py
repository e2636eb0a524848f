"""Renames: what an item was called elsewhere, and what it is called here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from hemicycle._core import item_keys
from hemicycle.errors import DtypeError, FormatError
from hemicycle.rejects import excerpt
from hemicycle.sources import Source

if TYPE_CHECKING:
    from hemicycle.read_limits import ReadLimits

__all__ = ["Rename", "Renames"]

Rename: TypeAlias = "Mapping[str, str] | str | os.PathLike[str] | Renames | None"
"""A mapping of old name to new name, or the path of a csv file with these two columns."""


@dataclass(frozen=True, slots=True)
class Renames:
    """New names by the key of the old one; applied once, so that a new name is not renamed again.

    Attributes
    ----------
    new_name : dict of str to str
        New name, as written, by the normalised old name.
    notices : tuple of str
        Renames that were left out because they have no new name.
    """

    new_name: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @classmethod
    def of(cls, rename: Rename, limits: ReadLimits | None = None) -> Renames:
        """Make renames of a mapping or of a csv file of two columns, old and new, under any header.

        Raises
        ------
        FormatError
            If the file has not two columns, a name cannot be kept, or an old name has two new ones.
        DtypeError
            If `rename` is neither a mapping of text to text nor a path.
        """
        if rename is None:
            return cls()
        if isinstance(rename, Renames):
            return rename
        if isinstance(rename, str | os.PathLike):
            return cls._of_source(Source.of_file(rename, limits))
        if not isinstance(rename, Mapping):
            raise DtypeError(f"rename: expected a mapping or a path, got {type(rename).__name__}")
        old, new = list(rename.keys()), list(rename.values())
        if not all(isinstance(name, str) for name in (*old, *new)):
            raise DtypeError("rename: expected a mapping of text to text")
        return cls._of_columns("rename", old, new)

    @classmethod
    def _of_source(cls, source: Source) -> Renames:
        if len(source.table.header) != 2 or source.table.ragged:
            found = excerpt(",".join(source.table.header))
            raise FormatError(f"{source.file}: a rename table has two columns, old and new name; found {found}")
        return cls._of_columns(source.file, source.sound_names(0), source.sound_names(1))

    @classmethod
    def _of_columns(cls, file: str, old: Sequence[str], new: Sequence[str]) -> Renames:
        new_name: dict[str, str] = {}
        without = [name for name, target in zip(old, new, strict=True) if not target.strip()]
        targets = zip(old, item_keys(list(old)), new, item_keys(list(new)), strict=True)
        for name, key, target, target_key in targets:
            if not target_key:
                continue
            before = new_name.setdefault(key, target)
            if item_keys([before]) != [target_key]:
                raise FormatError(f"{file}: {name!r} is renamed both to {before!r} and to {target!r}")
        notices = (f"{file}: names that have no new one and stay ({len(without)}): {excerpt(', '.join(without[:5]))}",)
        return cls(new_name, notices if without else ())

    def apply(self, names: Sequence[str]) -> list[str]:
        """Return the names, those that have a new one replaced by it."""
        if not self.new_name:
            return list(names)
        return [self.new_name.get(key, name) for name, key in zip(names, item_keys(list(names)), strict=True)]
