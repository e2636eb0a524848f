"""Whether a store holds what was written to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import StoreError
from hemicycle.escaping import printable
from hemicycle.rejects import counted, excerpt
from hemicycle.store.compaction import leftovers
from hemicycle.store.fragments import current_names, read_fragment
from hemicycle.store.refusals import read_refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from hemicycle.store.manifest import Fragment, Manifest

__all__ = ["StoreCheck", "check_store"]


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What was found in a store.

    Attributes
    ----------
    n_models, n_fragments : int
        Models in fragments that are sound, and these.
    damaged : tuple of str
        Hashes of files that are not sound.
    faults : tuple of str
        What is wrong, by file.
    notices : tuple of str
        What is unusual and harms nothing.
    """

    n_models: int
    n_fragments: int
    damaged: tuple[str, ...]
    faults: tuple[str, ...]
    notices: tuple[str, ...]


def check_store(folder: Path, manifest: Manifest, progress: Callable[[int, int], None] | None) -> StoreCheck:
    """Read every byte of a store again.

    Parameters
    ----------
    folder : Path
        The store.
    manifest : Manifest
        What it says of itself.
    progress : callable, optional
        Told how many fragments are done, and of how many.
    """
    items, fragments = manifest.item_list, manifest.fragments
    faults: list[str] = []
    damaged: list[str] = []
    sound: list[Fragment] = []
    hashes: list[NDArray[np.int64]] = []
    for number, fragment in enumerate(fragments):
        try:
            pool = read_fragment(folder, fragment, items, manifest.dtype)
            current_names(folder, fragment)
        except StoreError as error:
            faults.append(str(error))
            damaged.append(fragment.sha256)
        else:
            sound.append(fragment)
            hashes.append(np.fromiter(map(hash, pool.models), np.int64, len(pool)))
        if progress is not None:
            progress(number + 1, len(fragments))
    faults += [f"{folder}: holds {printable(excerpt(name))!r} twice" for name in _twice(folder, sound, hashes)]
    for refused in manifest.refusals:
        try:
            read_refused(folder, refused)
        except StoreError as error:
            faults.append(str(error))
            damaged.append(refused.sha256)
    n_models = sum(fragment.n_current for fragment in sound)
    return StoreCheck(n_models, len(sound), tuple(damaged), tuple(faults), _notices(folder, manifest))


def _twice(folder: Path, fragments: list[Fragment], hashes: list[NDArray[np.int64]]) -> list[str]:
    """Return names that current models share; only those of one hash are compared, so that few are in memory."""
    found, counts = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *hashes]), return_counts=True)
    doubtful = set(found[counts > 1].tolist())
    if not doubtful:
        return []
    names = (name for fragment in fragments for name in current_names(folder, fragment) if hash(name) in doubtful)
    return sorted(name for name, n in Counter(names).items() if n > 1)


def _notices(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    notices = []
    times = [commit.time for commit in manifest.commits]
    n_back = sum(later < earlier for earlier, later in pairwise(times))
    if n_back:
        notices.append(
            f"the clock went back before {counted(n_back, 'commit')}: their times are as it said, their order is right"
        )
    left = leftovers(folder, manifest)
    if left:
        n_bytes = sum(path.lstat().st_size for path in left)
        notices.append(
            f"{counted(len(left), 'file')} of a writer that was stopped, {n_bytes:,} bytes: the next one removes"
        )
    return tuple(notices)
