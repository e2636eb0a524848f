"""Writing small fragments together."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from hemicycle.errors import OptionError, StoreError
from hemicycle.rejects import Reject, counted, excerpt
from hemicycle.store.durable import PART
from hemicycle.store.fragments import read_fragment, rows_at_once, write_fragment
from hemicycle.store.manifest import FRAGMENTS, REJECTS, Commit, Fragment, Manifest, is_hash
from hemicycle.store.refusals import all_refused, write_refused
from hemicycle.store.writing import now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from hemicycle.pool import Pool

__all__ = ["Compacted", "compact", "leave_out", "leftovers", "sweep", "told_of_compaction"]

DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Compacted:
    """What compaction did.

    Attributes
    ----------
    n_before, n_after : int
        Fragments.
    bytes_before, bytes_after : int
        Length of their files.
    n_dropped : int
        Models that were replaced before, and are gone now.
    """

    n_before: int
    n_after: int
    bytes_before: int
    bytes_after: int
    n_dropped: int


@contextmanager
def told_of_compaction(
    folder: Path, manifest: Manifest, since: str = "this began to read it; read it again"
) -> Iterator[None]:
    """Say so where what is gone was compacted, or left out, by another process meanwhile.

    Parameters
    ----------
    folder : Path
        The store.
    manifest : Manifest
        What it said of itself when reading began.
    since : str
        When that was, and what to do now.

    Raises
    ------
    StoreError
        In place of one that says that a fragment is gone.
    """
    try:
        yield
    except StoreError:
        named = {fragment.sha256 for fragment in Manifest.read(folder).fragments}
        if named.issuperset(fragment.sha256 for fragment in manifest.fragments):
            raise
        raise StoreError(f"{folder}: was compacted since {since}") from None


def compact(folder: Path, manifest: Manifest, progress: Callable[[int, int], None] | None) -> Compacted:
    """Write the models of a store to as few fragments as hold them, in the order in which they were added.

    Parameters
    ----------
    folder : Path
        The store, which the caller has for itself.
    manifest : Manifest
        What it says of itself.
    progress : callable, optional
        Told how many models are done, and of how many.
    """
    commits: list[Commit] = []
    n_done = 0
    for run in _runs(manifest):
        last = run[-1]
        if len(run) == 1 and last.fragment is not None and not last.fragment.replaced:
            commits.append(msgspec.structs.replace(last, refused=None))
            n_done += last.fragment.n_models
        else:
            for pool in _together(folder, manifest, run):
                commits.append(Commit(last.time, _sources(run), write_fragment(folder, pool, manifest.dtype)))
                n_done += len(pool)
        if progress is not None:
            progress(n_done, manifest.n_models)
    commits += _refusals_together(folder, manifest)
    compacted = msgspec.structs.replace(manifest, commits=tuple(commits))
    if compacted != manifest:
        compacted.write(folder)
    sweep(folder, compacted)
    before, after = manifest.fragments, compacted.fragments
    return Compacted(
        len(before),
        len(after),
        sum(fragment.n_bytes for fragment in before),
        sum(fragment.n_bytes for fragment in after),
        sum(len(fragment.replaced) for fragment in before),
    )


def _refusals_together(folder: Path, manifest: Manifest) -> list[Commit]:
    """Return one commit of all that was turned away; none where nothing was."""
    refused = [commit for commit in manifest.commits if commit.refused is not None]
    if len(refused) == 1 and refused[0].fragment is None:
        return refused
    if not refused:
        return []
    rejects = tuple(all_refused(folder, manifest))
    return [Commit(refused[-1].time, _sources(refused), None, write_refused(folder, rejects))]


def _runs(manifest: Manifest) -> Iterator[list[Commit]]:
    """Yield neighbours that are written together; a full fragment stands by itself."""
    rows = rows_at_once(len(manifest.items), manifest.dtype)
    run: list[Commit] = []
    for commit in manifest.commits:
        fragment = commit.fragment
        if fragment is None:
            continue
        if fragment.n_models >= rows and not fragment.replaced:
            if run:
                yield run
            yield [commit]
            run = []
        else:
            run.append(commit)
    if run:
        yield run


def _together(folder: Path, manifest: Manifest, run: list[Commit]) -> Iterator[Pool]:
    """Yield the current models of some fragments, as many as one holds."""
    items = manifest.item_list
    rows = rows_at_once(len(items), manifest.dtype)
    waiting: list[Pool] = []
    fragments: list[Fragment] = [commit.fragment for commit in run if commit.fragment is not None]
    for fragment in fragments:
        if fragment.n_current:
            waiting.append(read_fragment(folder, fragment, items, manifest.dtype))
        while sum(map(len, waiting)) >= rows:
            pool = _joined(waiting)
            yield pool.select(range(rows))
            waiting = [pool.select(range(rows, len(pool)))] if len(pool) > rows else []
    if waiting:
        yield _joined(waiting)


def _joined(pools: list[Pool]) -> Pool:
    """Return the models of all of them."""
    files = tuple(file for pool in pools for file in pool.files or pool.models)
    return replace(
        pools[0],
        logits=np.concatenate([pool.logits for pool in pools]),
        models=tuple(name for pool in pools for name in pool.models),
        authors=tuple(author for pool in pools for author in pool.authors),
        files=files,
        submitted=tuple(time for pool in pools for time in pool.submitted),
    )


def _sources(commits: list[Commit]) -> str:
    """Return what was added by some commits, each source once."""
    sources = list(dict.fromkeys(commit.source for commit in commits))
    return sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more"


def leave_out(folder: Path, manifest: Manifest, damaged: Sequence[str]) -> int:
    """Take files out of a store and put them aside; return how many models are left out.

    Parameters
    ----------
    folder : Path
        The store, which the caller has for itself.
    manifest : Manifest
        What it says of itself.
    damaged : sequence of str
        Hashes of fragments, and of lists of what was turned away.
    """
    gone = set(damaged)
    fragments = [fragment for fragment in manifest.fragments if fragment.sha256 in gone]
    refusals = [refused for refused in manifest.refusals if refused.sha256 in gone]
    unknown = sorted(gone - {each.sha256 for each in fragments} - {each.sha256 for each in refusals})
    if unknown:
        raise OptionError(f"damaged: the store has no file {excerpt(unknown[0])!r}")
    if not gone:
        return 0
    said = [
        (each.path(folder), f"a damaged fragment was left out with {counted(each.n_current, 'model')}; add these again")
        for each in fragments
    ] + [
        (each.path(folder), f"a damaged list of what was turned away, {each.n_rejects:,} in number, was left out")
        for each in refusals
    ]
    (folder / DAMAGED).mkdir(exist_ok=True)
    for path, _ in said:
        if os.path.lexists(path):
            path.replace(folder / DAMAGED / path.name)
    rejects = tuple(Reject("submission", path.name, None, "file", "", reason) for path, reason in said)
    commits = [_without(commit, gone) for commit in manifest.commits]
    kept = tuple(commit for commit in commits if commit.fragment is not None or commit.refused is not None)
    commit = Commit(now(), "check", None, write_refused(folder, rejects))
    msgspec.structs.replace(manifest, commits=(*kept, commit)).write(folder)
    return sum(fragment.n_current for fragment in fragments)


def _without(commit: Commit, gone: set[str]) -> Commit:
    """Return a commit without files of these hashes."""
    fragment, refused = commit.fragment, commit.refused
    return msgspec.structs.replace(
        commit,
        fragment=None if fragment is not None and fragment.sha256 in gone else fragment,
        refused=None if refused is not None and refused.sha256 in gone else refused,
    )


def sweep(folder: Path, manifest: Manifest) -> None:
    """Remove leftovers of a writer that was stopped, or of before compaction.

    Parameters
    ----------
    folder : Path
        The store, which the caller has for itself.
    manifest : Manifest
        What it says of itself.
    """
    for path in leftovers(folder, manifest):
        path.unlink(missing_ok=True)


def leftovers(folder: Path, manifest: Manifest) -> list[Path]:
    """Return files of a store that its manifest does not name: those that a writer names so, and no others."""
    named = {fragment.path(folder) for fragment in manifest.fragments}
    named |= {refused.path(folder) for refused in manifest.refusals}
    files = {path for part in (FRAGMENTS, REJECTS) for path in (folder / part).glob("*") if _is_ours(path)}
    return sorted((files - named) | set(folder.glob(f"*{PART}")))


def _is_ours(path: Path) -> bool:
    return path.suffix == PART or (is_hash(path.stem) and path.suffix in (".parquet", ".json"))
