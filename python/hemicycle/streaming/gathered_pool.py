"""All models of a store at once, in the order of their scores: in memory, or in a file that is mapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from hemicycle.pool import Pool
from hemicycle.scratch import new_matrix, release
from hemicycle.store.compaction import told_of_compaction
from hemicycle.store.fragments import read_rows

if TYPE_CHECKING:
    from hemicycle.streaming.store_scores import StoreScores

__all__ = ["gathered_pool"]


def gathered_pool(scores: StoreScores, memory: int) -> Pool:
    """Return the models that have scores as a pool, in the order of the scores.

    Parameters
    ----------
    scores : StoreScores
        Of at least one model.
    memory : int
        Bytes that the logits may take in memory; more lie in a file without a name.

    Raises
    ------
    StoreError
        If a fragment or its scores are gone or damaged.
    OSError
        If there is no space for the file.
    """
    manifest, path = scores.manifest, scores.store.path
    items = manifest.item_list
    logits = new_matrix((len(scores), len(items)), manifest.dtype, memory)
    models: list[str] = []
    authors: list[str | None] = []
    with told_of_compaction(path, manifest, "it was scored; call score_store again"):
        for fragment, (_, seated) in zip(manifest.fragments, scores.blocks(()), strict=True):
            if len(seated):
                table, rows = read_rows(path, structs.replace(fragment, replaced=()), items, manifest.dtype)
                logits[len(models) : len(models) + len(seated)] = scores.scoring.lifted(rows[seated])
                release(logits)
                models += table["model"].take(seated).to_pylist()
                authors += table["author"].take(seated).to_pylist()
    return Pool(logits, tuple(models), items, tuple(authors), items_source=manifest.items_source)
