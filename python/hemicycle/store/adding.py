"""Adding models to a store: what is new is written, what is known is left, what contradicts is refused or replaces."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
import numpy as np

from hemicycle.errors import StoreError
from hemicycle.rejects import Reject, Rejects, excerpt
from hemicycle.store.durable import write_durably
from hemicycle.store.extra import arrow, arrow_compute
from hemicycle.store.fragments import read_fragment, read_names, rows_at_once, write_fragment
from hemicycle.store.manifest import Commit, Fragment, Manifest, Refused
from hemicycle.store.writing import now

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hemicycle.pool import Pool
    from hemicycle.store.arrivals import Arrival

__all__ = ["CONFLICT", "Added", "Adding", "OnConflict", "read_refused", "write_refused"]

OnConflict: TypeAlias = Literal["reject", "replace"]

CONFLICT = "the store has another model of this name; rename it, or let it replace that one (on_conflict, --replace)"


@dataclass(frozen=True, slots=True)
class Added:
    """What became of what was added.

    Attributes
    ----------
    n_new : int
        Models that were written, those that replaced others among them.
    n_replaced : int
        Models of the store that a new one of the same name now stands for.
    n_known : int
        Models that the store held already, with the same logits.
    rejects : tuple of Reject
        What was turned away, and why.
    notices : tuple of str
        What a reader should know.
    """

    n_new: int = 0
    n_replaced: int = 0
    n_known: int = 0
    rejects: Rejects = ()
    notices: tuple[str, ...] = ()

    def with_(self, other: Added) -> Added:
        """Return both together."""
        return Added(
            self.n_new + other.n_new,
            self.n_replaced + other.n_replaced,
            self.n_known + other.n_known,
            self.rejects + other.rejects,
            self.notices + other.notices,
        )


class Adding:
    """One writer's work on a store, which it has for itself.

    Parameters
    ----------
    folder : Path
        The store.
    manifest : Manifest
        What it says of itself now.
    on_conflict : {"reject", "replace"}
        What becomes of a model whose name is that of another one.
    """

    def __init__(self, folder: Path, manifest: Manifest, on_conflict: OnConflict) -> None:
        self.folder, self.manifest, self.on_conflict = folder, manifest, on_conflict
        self.items = manifest.item_list
        self.rows = rows_at_once(len(self.items), manifest.dtype)
        self._names: dict[str, Any] = {}

    def add(self, arrival: Arrival, source: str) -> Added:
        """Add what came together; all of it is committed when this returns, some of it when it is stopped.

        Parameters
        ----------
        arrival : Arrival
            Models and rejects.
        source : str
            What it came from, for the record.
        """
        total = Added(rejects=arrival.rejects, notices=arrival.notices)
        refused = arrival.rejects
        if arrival.pool is None:
            self._commit(None, refused, source, {})
        waiting = [] if arrival.pool is None else [arrival.pool]
        while waiting:
            pool = waiting.pop(0)
            if len(pool) > self.rows:
                waiting = [pool.select(range(self.rows)), pool.select(range(self.rows, len(pool))), *waiting]
                continue
            first = np.unique(np.array(pool.models, dtype=object), return_index=True)[1]
            if len(first) < len(pool):
                again = np.setdiff1d(np.arange(len(pool)), first)
                waiting = [pool.select(np.sort(first)), pool.select(again), *waiting]
                continue
            total = total.with_(self._add(pool, source, refused))
            refused = ()
        return total

    def _add(self, pool: Pool, source: str, refused: Rejects) -> Added:
        """Add models of different names, as many as a fragment holds at most, and what was refused beside them."""
        known = np.zeros(len(pool), dtype=bool)
        other = np.zeros(len(pool), dtype=bool)
        replaced: dict[str, NDArray[np.int64]] = {}
        names = arrow().array(pool.models, arrow().string())
        for fragment in self.manifest.fragments:
            theirs, ours = self._same_names(fragment, names)
            if not len(theirs):
                continue
            stored = read_fragment(
                self.folder, msgspec.structs.replace(fragment, replaced=()), self.items, self.manifest.dtype
            ).logits[theirs]
            same = (stored == pool.logits[ours].astype(self.manifest.dtype)).all(axis=1)
            known[ours[same]] = True
            other[ours[~same]] = True
            if not same.all():
                replaced[fragment.sha256] = theirs[~same]
        rejects: Rejects = ()
        if self.on_conflict == "reject":
            rejects, replaced = self._conflicts(pool, np.flatnonzero(other)), {}
            new = ~known & ~other
        else:
            new = ~known
        written = None
        if new.any():
            written = write_fragment(self.folder, pool if new.all() else pool.select(new), self.manifest.dtype)
        self._commit(written, refused + rejects, source, replaced)
        n_replaced = sum(map(len, replaced.values()))
        return Added(int(new.sum()), n_replaced, int(known.sum()), rejects)

    def _same_names(self, fragment: Fragment, names: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return current rows of a fragment and the models of the same names."""
        if fragment.sha256 not in self._names:
            self._names[fragment.sha256] = read_names(self.folder, fragment)
        found = arrow_compute().index_in(self._names[fragment.sha256], value_set=names)
        ours = arrow_compute().fill_null(found, -1).to_numpy().astype(np.int64)
        ours[list(fragment.replaced)] = -1
        theirs = np.flatnonzero(ours >= 0)
        return theirs, ours[theirs]

    def _conflicts(self, pool: Pool, rows: NDArray[np.int64]) -> Rejects:
        return tuple(
            Reject(
                "submission",
                pool.files[row] if pool.files else pool.models[row],
                None,
                "model",
                excerpt(pool.models[row]),
                CONFLICT,
            )
            for row in rows.tolist()
        )

    def _commit(
        self, fragment: Fragment | None, rejects: Rejects, source: str, replaced: dict[str, NDArray[np.int64]]
    ) -> None:
        """Make it part of the store, all of it at once, unless there is nothing new."""
        refused = write_refused(self.folder, rejects) if rejects else None
        if refused in {commit.refused for commit in self.manifest.commits}:
            refused = None
        if fragment is None and refused is None:
            return
        before = tuple(_without(commit, replaced) for commit in self.manifest.commits)
        commit = Commit(now(), source, fragment, refused)
        manifest = msgspec.structs.replace(self.manifest, commits=(*before, commit))
        manifest.write(self.folder)
        self.manifest = manifest


def _without(commit: Commit, replaced: dict[str, NDArray[np.int64]]) -> Commit:
    """Return a commit some of whose rows are replaced."""
    fragment = commit.fragment
    if fragment is None or fragment.sha256 not in replaced:
        return commit
    rows = sorted({*fragment.replaced, *replaced[fragment.sha256].tolist()})
    return msgspec.structs.replace(commit, fragment=msgspec.structs.replace(fragment, replaced=tuple(rows)))


def write_refused(folder: Path, rejects: Rejects) -> Refused:
    """Write what was turned away to a store; nothing refers to it yet."""
    content = msgspec.json.encode(rejects)
    refused = Refused(hashlib.sha256(content).hexdigest(), len(rejects))
    write_durably(refused.path(folder), content)
    return refused


def read_refused(folder: Path, refused: Refused) -> Rejects:
    """Read what was turned away together.

    Raises
    ------
    StoreError
        If the file is gone or damaged.
    """
    path = refused.path(folder)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
    if hashlib.sha256(content).hexdigest() != refused.sha256:
        raise StoreError(f"{path}: its content is not what was written; restore it from a copy")
    return msgspec.json.decode(content, type=tuple[Reject, ...])
