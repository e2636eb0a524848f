"""All models of a store as one pool in memory."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import StoreError
from hemicycle.look_alikes import alike_models
from hemicycle.pool import Pool
from hemicycle.rejects import excerpt
from hemicycle.scratch import new_matrix, release
from hemicycle.store.adding import CONFLICT, TWICE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from hemicycle.rejects import Reject, Rejects
    from hemicycle.store.manifest import Manifest

__all__ = ["gathered", "lasting_rejects"]

ROWS_AT_ONCE = 1 << 16  #: of a file, that are put in order in memory


def gathered(
    blocks: Iterable[Pool],
    names: Sequence[str],
    manifest: Manifest,
    rejects: Rejects,
    min_weight: float | None,
    memory: int,
) -> Pool:
    """Return models in the order of their names, whatever they came in.

    Parameters
    ----------
    blocks : iterable of Pool
        All models.
    names : sequence of str
        Theirs, in the order of the blocks.
    manifest : Manifest
        What the store says of itself.
    rejects : tuple of Reject
        What was turned away.
    min_weight : float or None
        Floor of smaller weights.
    memory : int
        Bytes that the logits may take in memory; more lie in a file without a name.

    Raises
    ------
    StoreError
        If a name comes twice.
    OSError
        If there is no space for such a file.
    """
    order = sorted(range(len(names)), key=names.__getitem__)
    models = tuple(names[row] for row in order)
    for one, other in pairwise(models):
        if one == other:
            raise StoreError(f"the store holds {excerpt(one)!r} twice; hemicycle store check says where")
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    logits = new_matrix((len(names), len(manifest.items)), manifest.dtype, memory)
    rows = _Rows(logits, place)
    authors: list[str | None] = []
    files: list[str | None] = []
    times: list[str | None] = []
    for block in blocks:
        rows.take(block.logits)
        authors.extend(block.authors)
        files.extend(block.files or (None,) * len(block))
        times.extend(block.submitted)
    rows.put()
    notices = () if min_weight is None else _raise_to(np.log(min_weight), logits, min_weight)
    sources = tuple(files[row] or names[row] for row in order)
    return Pool(
        logits,
        models,
        manifest.item_list,
        tuple(authors[row] for row in order),
        files=sources,
        rejects=lasting_rejects(rejects, sources),
        items_source=manifest.items_source,
        notices=notices + alike_models(models),
        submitted=tuple(times[row] for row in order),
    )


class _Rows:
    """Rows on their way into a matrix, each to a place of its own.

    In memory they go there at once. In a file that would touch pages all over it, again and again: they go to the
    stretch that holds their place, one after another, and change places there when all have come.
    """

    def __init__(self, matrix: NDArray[Any], place: NDArray[np.int64]) -> None:
        self.matrix, self.place, self.n_taken = matrix, place, 0
        self.scattered = isinstance(matrix, np.memmap) and bool((np.diff(place) != 1).any())
        self.came = np.empty(len(place) if self.scattered else 0, dtype=np.int64)
        self.n_there = np.zeros(-(-len(place) // ROWS_AT_ONCE), dtype=np.int64)  # of each stretch

    def take(self, block: NDArray[Any]) -> None:
        """Take the rows that come next."""
        place = self.place[self.n_taken : self.n_taken + len(block)]
        self.n_taken += len(block)
        if not self.scattered:
            run = len(place) > 0 and bool((np.diff(place) == 1).all())
            self.matrix[slice(place[0], place[0] + len(place)) if run else place] = block
        else:
            stretch = place // ROWS_AT_ONCE
            for which in np.unique(stretch).tolist():
                here = stretch == which
                first = which * ROWS_AT_ONCE + int(self.n_there[which])
                to = slice(first, first + int(here.sum()))
                self.matrix[to], self.came[to] = block[here], place[here]
                self.n_there[which] += to.stop - to.start
        release(self.matrix)

    def put(self) -> None:
        """Put every row in its place."""
        for first in range(0, len(self.came), ROWS_AT_ONCE):
            part = slice(first, first + ROWS_AT_ONCE)
            self.matrix[self.came[part]] = self.matrix[part].copy()
            release(self.matrix)


def _raise_to(floor: float, logits: NDArray[Any], min_weight: float) -> tuple[str, ...]:
    """Raise logits to a floor, in place, and say of how many."""
    n_models, n_weights = 0, 0
    for first in range(0, len(logits), ROWS_AT_ONCE):
        part = logits[first : first + ROWS_AT_ONCE]
        below = part < floor
        if below.any():
            part[below] = floor
            n_models, n_weights = n_models + int(below.any(axis=1).sum()), n_weights + int(below.sum())
        release(logits)
    if not n_models:
        return ()
    return (f"min_weight {min_weight:g} raised {n_weights} weights of {n_models} submissions",)


def lasting_rejects(rejects: Rejects, sources: Iterable[str]) -> Rejects:
    """Return what was turned away, but for files of which something was accepted since, in the order of the files.

    Parameters
    ----------
    rejects : tuple of Reject
        What was turned away.
    sources : iterable of str
        The file of each model that a store holds, or its name where it has none.
    """
    accepted = set(sources) if rejects else set()
    kept = (each for each in rejects if each.file not in accepted or each.reason in (CONFLICT, TWICE))
    return tuple(sorted(kept, key=_place))


def _place(reject: Reject) -> tuple[str, int, str, str, str]:
    return reject.file, reject.line or 0, reject.field, reject.value, reject.reason
