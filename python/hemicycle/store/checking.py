"""Whether a store holds what was written to it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import StoreError
from hemicycle.rejects import counted
from hemicycle.store.adding import read_refused
from hemicycle.store.compaction import leftovers
from hemicycle.store.fragments import read_fragment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hemicycle.store.manifest import Manifest

__all__ = ["StoreCheck", "check_store"]


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What was found in a store.

    Attributes
    ----------
    n_models, n_fragments : int
        Models in fragments that are sound, and these.
    damaged : tuple of str
        Hashes of fragments that are not sound.
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
    seen: set[str] = set()
    for number, fragment in enumerate(fragments):
        try:
            pool = read_fragment(folder, fragment, items, manifest.dtype)
            if not (pool.logits < np.inf).all():
                raise StoreError(f"{fragment.path(folder)}: holds a logit that is no number")
        except StoreError as error:
            faults.append(str(error))
            damaged.append(fragment.sha256)
        else:
            n_before = len(seen)
            seen.update(pool.models)
            if len(seen) < n_before + len(pool):
                faults.append(f"{fragment.path(folder)}: holds a model twice, or one of another fragment")
        if progress is not None:
            progress(number + 1, len(fragments))
    for commit in manifest.commits:
        if commit.refused is not None:
            try:
                read_refused(folder, commit.refused)
            except StoreError as error:
                faults.append(str(error))
    return StoreCheck(
        sum(fragment.n_current for fragment in fragments if fragment.sha256 not in damaged),
        len(fragments) - len(damaged),
        tuple(damaged),
        tuple(faults),
        _notices(folder, manifest),
    )


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
        n_bytes = sum(path.stat().st_size for path in left)
        notices.append(
            f"{counted(len(left), 'file')} of a writer that was stopped, {n_bytes:,} bytes: the next one removes"
        )
    return tuple(notices)
