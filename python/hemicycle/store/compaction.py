"""Writing small fragments together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from hemicycle.errors import OptionError
from hemicycle.rejects import Reject, counted, excerpt
from hemicycle.store.adding import read_refused, write_refused
from hemicycle.store.durable import PART
from hemicycle.store.fragments import read_fragment, rows_at_once, write_fragment
from hemicycle.store.manifest import FRAGMENTS, REJECTS, Commit, Fragment, Manifest
from hemicycle.store.writing import now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from hemicycle.pool import Pool

__all__ = ["Compacted", "compact", "leave_out", "leftovers", "sweep"]

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
    n_models = sum(fragment.n_current for fragment in manifest.fragments)
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
            progress(n_done, n_models)
    refused: dict[Reject, None] = {}
    for commit in manifest.commits:
        if commit.refused is not None:
            refused.update(dict.fromkeys(read_refused(folder, commit.refused)))
    if refused:
        last = manifest.commits[-1]
        commits.append(Commit(last.time, _sources(manifest.commits), None, write_refused(folder, tuple(refused))))
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


def _sources(commits: list[Commit] | tuple[Commit, ...]) -> str:
    """Return what was added by some commits, each source once."""
    sources = list(dict.fromkeys(commit.source for commit in commits))
    return sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more"


def leave_out(folder: Path, manifest: Manifest, damaged: Sequence[str]) -> int:
    """Take fragments out of a store and put their files aside; return how many models are left out.

    Parameters
    ----------
    folder : Path
        The store, which the caller has for itself.
    manifest : Manifest
        What it says of itself.
    damaged : sequence of str
        Hashes of fragments.
    """
    by_hash = {fragment.sha256: fragment for fragment in manifest.fragments}
    unknown = [sha256 for sha256 in damaged if sha256 not in by_hash]
    if unknown:
        raise OptionError(f"damaged: the store has no fragment {excerpt(unknown[0])!r}")
    gone = {sha256: by_hash[sha256] for sha256 in damaged}
    rejects = tuple(
        Reject(
            "submission",
            fragment.path(folder).name,
            None,
            "fragment",
            "",
            f"a damaged fragment was left out with {counted(fragment.n_current, 'model')}; add these again",
        )
        for fragment in gone.values()
    )
    commits = [
        msgspec.structs.replace(commit, fragment=None) if commit.fragment in gone.values() else commit
        for commit in manifest.commits
    ]
    kept = tuple(commit for commit in commits if commit.fragment is not None or commit.refused is not None)
    refused = write_refused(folder, rejects)
    msgspec.structs.replace(manifest, commits=(*kept, Commit(now(), "check", None, refused))).write(folder)
    (folder / DAMAGED).mkdir(exist_ok=True)
    for fragment in gone.values():
        path = fragment.path(folder)
        if path.exists():
            path.replace(folder / DAMAGED / path.name)
    return sum(fragment.n_current for fragment in gone.values())


def sweep(folder: Path, manifest: Manifest) -> None:
    """Remove files that the manifest does not name: leftovers of a writer that was stopped, or of before compaction.

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
    """Return the files of a store that its manifest does not name."""
    named = {fragment.path(folder) for fragment in manifest.fragments}
    named |= {commit.refused.path(folder) for commit in manifest.commits if commit.refused is not None}
    found = [path for part in (FRAGMENTS, REJECTS) for path in (folder / part).iterdir() if path not in named]
    return sorted(found + list(folder.glob(f"*{PART}")))
