"""Adding models to a store: what is new is written, what is known is left, what contradicts is refused or replaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
import numpy as np

from hemicycle.rejects import Reject, Rejects, excerpt
from hemicycle.store.extra import arrow, arrow_compute
from hemicycle.store.fragments import rows_at_once, write_fragment
from hemicycle.store.known_models import KnownModels
from hemicycle.store.manifest import Commit, Fragment, Manifest
from hemicycle.store.refusals import all_refused, write_refused
from hemicycle.store.writing import now

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from hemicycle.pool import Pool
    from hemicycle.store.arrivals import Arrival

__all__ = ["CONFLICT", "TWICE", "Added", "Adding", "OnConflict"]

OnConflict: TypeAlias = Literal["reject", "replace"]

CONFLICT = "the store has another model of this name; rename it, or let it replace that one (on_conflict, --replace)"
TWICE = "what is added has another model of this name before this one; rename one of them"


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
        self.rows = rows_at_once(len(manifest.items), manifest.dtype)
        self.known = KnownModels(folder, manifest.item_list, manifest.dtype)
        self._refused: dict[Reject, None] | None = None
        self._came: list[Any] = []

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
        if arrival.pool is None:
            self._commit(None, arrival.rejects, source, {})
            return total
        refused = arrival.rejects
        for pool in self._parts(arrival.pool):
            total = total.with_(self._add(pool, source, refused))
            refused = ()
        return total

    def _parts(self, pool: Pool) -> Iterator[Pool]:
        """Yield as many models at a time as a fragment holds at most, no name twice among them."""
        for first in range(0, len(pool), self.rows):
            part = pool if len(pool) <= self.rows else pool.select(range(first, min(first + self.rows, len(pool))))
            while len(set(part.models)) < len(part):
                _, once = np.unique(np.array(part.models, dtype=object), return_index=True)
                yield part.select(np.sort(once))
                part = part.select(np.setdiff1d(np.arange(len(part)), once))
            yield part

    def _add(self, pool: Pool, source: str, refused: Rejects) -> Added:
        """Add models of different names, as many as a fragment holds at most, and what was refused beside them."""
        same, others = self.known.find(self.manifest.fragments, pool)
        twice = self._twice(pool, np.array(sorted(others), dtype=np.int64))
        turned_away = set(others) if self.on_conflict == "reject" else twice
        reason = CONFLICT if self.on_conflict == "reject" else TWICE
        rejects = _conflicts(pool, sorted(turned_away), reason)
        new = ~same
        new[list(turned_away)] = False
        replaced: dict[str, list[int]] = {}
        for ours, (sha256, theirs) in others.items():
            if ours not in turned_away:
                replaced.setdefault(sha256, []).append(theirs)
        written = None
        if new.any():
            taken = {fragment.sha256 for fragment in self.manifest.fragments}
            chosen = pool if new.all() else pool.select(new)
            written = write_fragment(self.folder, chosen, self.manifest.dtype, taken)
        self._commit(written, refused + rejects, source, replaced)
        n_replaced = sum(map(len, replaced.values()))
        return Added(int(new.sum()), n_replaced, int(same.sum()), rejects)

    def _twice(self, pool: Pool, others: NDArray[np.int64]) -> set[int]:
        """Return those that may not replace a model, as one of their name came before in what is added."""
        if self.on_conflict == "reject":
            return set()
        pa = arrow()
        names = pa.array(pool.models, pa.string())
        wanted = names.take(pa.array(others))
        found: set[int] = set()
        for came in self._came if len(others) else ():
            place = arrow_compute().index_in(wanted, value_set=came)
            found.update(others[np.flatnonzero(place.is_valid().to_numpy(zero_copy_only=False))].tolist())
        self._came.append(names)
        return found

    def _commit(self, fragment: Fragment | None, rejects: Rejects, source: str, replaced: dict[str, list[int]]) -> None:
        """Make it part of the store, all of it at once, unless there is nothing new."""
        fresh = self._unheard(rejects) if rejects else ()
        if fragment is None and not fresh:
            return
        refused = write_refused(self.folder, fresh) if fresh else None
        before = tuple(_without(commit, replaced) for commit in self.manifest.commits)
        commit = Commit(now(), source, fragment, refused)
        manifest = msgspec.structs.replace(self.manifest, commits=(*before, commit))
        manifest.write(self.folder)
        self.manifest = manifest

    def _unheard(self, rejects: Rejects) -> Rejects:
        """Return those that the store has not listed yet."""
        if self._refused is None:
            self._refused = all_refused(self.folder, self.manifest)
        fresh = {reject: None for reject in rejects if reject not in self._refused}
        self._refused.update(fresh)
        return tuple(fresh)


def _conflicts(pool: Pool, rows: list[int], reason: str) -> Rejects:
    return tuple(
        Reject(
            "submission",
            pool.files[row] if pool.files else pool.models[row],
            None,
            "model",
            excerpt(pool.models[row]),
            reason,
        )
        for row in rows
    )


def _without(commit: Commit, replaced: dict[str, list[int]]) -> Commit:
    """Return a commit some of whose rows are replaced."""
    fragment = commit.fragment
    if fragment is None or fragment.sha256 not in replaced:
        return commit
    rows = sorted({*fragment.replaced, *replaced[fragment.sha256]})
    return msgspec.structs.replace(commit, fragment=msgspec.structs.replace(fragment, replaced=tuple(rows)))
