"""The items of a round: what is judged and weighed, keyed by parent and name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, overload

import numpy as np

from hemicycle._core import item_keys
from hemicycle.errors import DomainError, DtypeError, FormatError, NoDataError, UnknownItemError
from hemicycle.names import Rename, Renames
from hemicycle.rejects import counted, excerpt, quoted
from hemicycle.sources import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.read_limits import ReadLimits

__all__ = ["Item", "Items", "ItemsArgument", "short_names"]

ItemsArgument: TypeAlias = "int | str | os.PathLike[str] | Sequence[str] | Sequence[tuple[str, str]] | Items"
"""What a reader accepts as ``items``: a number, names, (parent, name) pairs, Items, or the path of a file."""

MAX_NUMBERED = 1 << 24
"""Most items that are named by their numbers: an index far out of place must not fill the memory with names."""

NAME_COLUMNS = ("item", "repo", "project", "name", "repository", "repo_url", "item_name")
"""Columns that hold the names of items."""


class Item(NamedTuple):
    """One item in its original spelling; ``parent`` is empty where the source names none."""

    parent: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Items(Sequence[Item]):
    """The items of a round, in order, unique by key.

    Two spellings are one item when their keys agree: scheme, host, ``www.``, trailing slash, ``.git`` and surrounding
    space stripped, lower case. The original spelling is kept for output. Build one with `Items.of` or `Items.read`.

    Attributes
    ----------
    parents : tuple of str
        Parent of each item, as written; ``""`` where none was named.
    names : tuple of str
        Name of each item, as written.
    keys : tuple of (str, str)
        Normalised parent and name of each item.
    parent_index : ndarray of int64, shape (n_items,)
        Which of `parent_names` each item belongs to.
    parent_names : tuple of str
        The distinct parents in order of first appearance, shape (n_parents,).
    """

    parents: tuple[str, ...]
    names: tuple[str, ...]
    keys: tuple[tuple[str, str], ...] = field(init=False, repr=False)
    parent_index: NDArray[np.int64] = field(init=False, repr=False)
    parent_names: tuple[str, ...] = field(init=False, repr=False)
    _position: dict[tuple[str, str], int] = field(init=False, repr=False)
    _by_name: dict[str, list[int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parent_keys = item_keys(list(self.parents))
        keys = tuple(zip(parent_keys, item_keys(list(self.names)), strict=True))
        if not keys:
            raise NoDataError("there are no items")
        first_of_parent: dict[str, int] = {}
        parent_index = np.array([first_of_parent.setdefault(key, len(first_of_parent)) for key in parent_keys])
        parent_index.flags.writeable = False
        spelling = dict(zip(reversed(parent_keys), reversed(self.parents), strict=True))
        set_field = object.__setattr__
        set_field(self, "keys", keys)
        set_field(self, "parent_index", parent_index.astype(np.int64, copy=False))
        set_field(self, "parent_names", tuple(spelling[key] for key in first_of_parent))
        set_field(self, "_position", self._unique_positions(keys))
        by_name: dict[str, list[int]] = {}
        for position, (_, name) in enumerate(keys):
            by_name.setdefault(name, []).append(position)
        set_field(self, "_by_name", by_name)

    def _unique_positions(self, keys: tuple[tuple[str, str], ...]) -> dict[tuple[str, str], int]:
        positions: dict[tuple[str, str], int] = {}
        for position, key in enumerate(keys):
            if not key[1]:
                raise FormatError(f"items[{position}] has no name")
            first = positions.setdefault(key, position)
            if first != position:
                again, before = quoted(*self[position]), quoted(*self[first])
                raise FormatError(f"items[{position}] {again} is the same item as items[{first}] {before}")
        return positions

    @classmethod
    def of(cls, items: int | Sequence[str] | Sequence[tuple[str, str]] | Items) -> Items:
        """Make an item list.

        Parameters
        ----------
        items : int, sequence of str, sequence of (parent, name), or Items
            A number n makes items named ``"0"`` to ``"n-1"``; names alone belong to the parent ``""``.

        Raises
        ------
        FormatError
            If an item has no name or occurs twice.
        DtypeError
            If `items` is none of the above.
        DomainError
            If a number is beyond 2**24.
        NoDataError
            If there are none.
        """
        if isinstance(items, Items):
            return items
        if isinstance(items, int | np.integer) and not isinstance(items, bool):
            if items > MAX_NUMBERED:
                raise DomainError(f"items is {items}; at most {MAX_NUMBERED} can be numbered")
            return cls(("",) * int(items), tuple(str(position) for position in range(items)))
        if isinstance(items, str) or not isinstance(items, Sequence | np.ndarray):
            raise DtypeError(f"items: expected a number, names or (parent, name) pairs, got {type(items).__name__}")
        pairs = [_pair(position, item) for position, item in enumerate(items)]
        return cls(tuple(parent for parent, _ in pairs), tuple(name for _, name in pairs))

    @classmethod
    def read(cls, path: str | os.PathLike[str], rename: Rename = None, limits: ReadLimits | None = None) -> Items:
        """Read an item list: a csv file with a column repo, item, project or name, and perhaps parent.

        Columns ``dependency`` and ``repo`` together are an item and its parent. Other columns are ignored.

        Raises
        ------
        FormatError
            If the file has no such column, a row without a name or with one that cannot be kept, or an item twice (also
            after a rename).
        NoDataError
            If it lists nothing.
        """
        source = Source.of_file(path, limits)
        name, parent = source.find("dependency", "dep_url"), source.find("parent")
        if name is None:
            name = source.find(*NAME_COLUMNS)
        else:
            parent = source.find("repo", "repo_url") if parent is None else parent
        if name is None or source.table.ragged:
            what = "rows of other lengths" if name is not None else ",".join(source.table.header)
            raise FormatError(f"{source.file}: an item list needs a column repo or item; found {excerpt(what)}")
        names = source.sound_names(name)
        parents = [""] * len(names) if parent is None else source.sound_names(parent)
        renames = Renames.of(rename, limits)
        return cls(tuple(renames.apply(parents)), tuple(renames.apply(names)))

    @classmethod
    def given(cls, items: ItemsArgument, rename: Rename = None, limits: ReadLimits | None = None) -> Items:
        """Make an item list of whatever a reader accepts as ``items``: the path of a file, or what `of` takes."""
        if isinstance(items, str | os.PathLike):
            return cls.read(items, rename, limits)
        listed, renames = cls.of(items), Renames.of(rename, limits)
        if not renames.new_name:
            return listed
        return cls(tuple(renames.apply(listed.parents)), tuple(renames.apply(listed.names)))

    @property
    def hostless_names(self) -> list[str]:
        """Names as tables with a column of parents show them: without a host that all share."""
        return _without_host(self.names)

    @property
    def short_names(self) -> list[str]:
        """Names as tables show them: without a host that all share, with the parent where there are several."""
        return short_names(self.parents, self.names)

    def position(self, name: str, parent: str | None = None) -> int:
        """Return the index of an item.

        Parameters
        ----------
        name : str
            In any spelling.
        parent : str, optional
            Needed only where several parents have an item of this name.

        Raises
        ------
        UnknownItemError
            If there is no such item, or several and no parent is given.
        DtypeError
            If a name is no text.
        """
        for what, given in (("name", name), ("parent", parent)):
            if not isinstance(given, str | None) or (given is None and what == "name"):
                raise DtypeError(f"{what}: expected text, as items are named, got {given!r}")
        (name_key,) = item_keys([name])
        if parent is not None:
            (parent_key,) = item_keys([parent])
            if (parent_key, name_key) not in self._position:
                raise UnknownItemError(f"there is no item {quoted(parent, name)}")
            return self._position[parent_key, name_key]
        found = self._by_name.get(name_key, [])
        if not found:
            raise UnknownItemError(f"there is no item {name!r}")
        if len(found) > 1:
            parents = ", ".join(repr(self.parents[position]) for position in found[:5])
            raise UnknownItemError(f"{len(found)} items are named {name!r}: give its parent, one of {parents}")
        return found[0]

    def candidates(self, parent_key: str, name_key: str) -> list[int]:
        """Return the items that a normalised (parent, name) may mean.

        That is the item itself; else, if no parent is named, the items of that name; else the item of that name
        listed without a parent.
        """
        exact = self._position.get((parent_key, name_key))
        if exact is not None:
            return [exact]
        if not parent_key:
            return self._by_name.get(name_key, [])
        without_parent = self._position.get(("", name_key))
        return [] if without_parent is None else [without_parent]

    @property
    def n_parents(self) -> int:
        """Number of distinct parents."""
        return len(self.parent_names)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        if isinstance(index, slice):
            return tuple(map(Item, self.parents[index], self.names[index]))
        return Item(self.parents[index], self.names[index])

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"Items({counted(len(self), 'item')} of {counted(self.n_parents, 'parent')})"

    def __iter__(self) -> Iterator[Item]:
        return map(Item, self.parents, self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Items):
            return NotImplemented
        return self.keys == other.keys

    def __hash__(self) -> int:
        return hash(self.keys)


def short_names(parents: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return names of items as tables show them: without a host that all share, with the parent where several are.

    Parameters
    ----------
    parents, names : sequence of str
        Of each item.
    """
    short = _without_host(names)
    if len(set(parents)) < 2:
        return short
    return [f"{name} ({parent})" for name, parent in zip(short, _without_host(parents), strict=True)]


def _without_host(names: Sequence[str]) -> list[str]:
    host = re.match(r"https?://[^/]+/", names[0]) if names else None
    common = host[0] if host is not None and all(name.startswith(host[0]) for name in names) else ""
    return [name.removeprefix(common) for name in names]


def _pair(position: int, item: object) -> tuple[str, str]:
    if isinstance(item, str):
        return "", str(item)
    if isinstance(item, Sequence) and len(item) == 2 and all(isinstance(part, str) for part in item):
        return str(item[0]), str(item[1])
    raise DtypeError(f"items[{position}]: expected a name or a (parent, name) pair, got {item!r}")
