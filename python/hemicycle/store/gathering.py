"""All models of a store as one pool in memory."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import StoreError
from hemicycle.look_alikes import alike_models
from hemicycle.pool import Pool
from hemicycle.rejects import excerpt
from hemicycle.store.adding import CONFLICT, TWICE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from hemicycle.rejects import Reject, Rejects
    from hemicycle.store.manifest import Manifest

__all__ = ["gathered"]


def gathered(
    blocks: Iterable[Pool], names: Sequence[str], manifest: Manifest, rejects: Rejects, min_weight: float | None
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

    Raises
    ------
    StoreError
        If a name comes twice.
    """
    order = sorted(range(len(names)), key=names.__getitem__)
    models = tuple(names[row] for row in order)
    for one, other in pairwise(models):
        if one == other:
            raise StoreError(f"the store holds {excerpt(one)!r} twice; hemicycle store check says where")
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    logits = np.empty((len(names), len(manifest.items)), dtype=manifest.dtype)
    authors: list[str | None] = []
    files: list[str | None] = []
    times: list[str | None] = []
    for block in blocks:
        first = len(authors)
        logits[place[first : first + len(block)]] = block.logits
        authors.extend(block.authors)
        files.extend(block.files or block.models)
        times.extend(block.submitted)
    notices = () if min_weight is None else _raise_to(np.log(min_weight), logits, min_weight)
    sources = tuple(files[row] or names[row] for row in order)
    accepted = set(sources)
    kept = [each for each in rejects if each.file not in accepted or each.reason in (CONFLICT, TWICE)]
    return Pool(
        logits,
        models,
        manifest.item_list,
        tuple(authors[row] for row in order),
        files=sources,
        rejects=tuple(sorted(kept, key=_place)),
        items_source=manifest.items_source,
        notices=notices + alike_models(models),
        submitted=tuple(times[row] for row in order),
    )


def _raise_to(floor: float, logits: NDArray[Any], min_weight: float) -> tuple[str, ...]:
    """Raise logits to a floor, in place, and say of how many."""
    below = logits < floor
    n_models = int(below.any(axis=1).sum())
    if not n_models:
        return ()
    logits[below] = floor
    return (f"min_weight {min_weight:g} raised {int(below.sum())} weights of {n_models} submissions",)


def _place(reject: Reject) -> tuple[str, int, str, str, str]:
    return reject.file, reject.line or 0, reject.field, reject.value, reject.reason
