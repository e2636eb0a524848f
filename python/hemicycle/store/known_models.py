"""Which models a store holds already, found by name without reading more of it than needed."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from hemicycle.store.extra import arrow, arrow_compute
from hemicycle.store.fragments import read_fragment, read_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from hemicycle.items import Items
    from hemicycle.pool import Pool
    from hemicycle.store.manifest import Fragment

__all__ = ["KnownModels"]


class KnownModels:
    """The models of a store, for one writer.

    The names of all are kept in memory. The logits of a fragment are read when one of its models comes again, and again
    the next time; then a hash of each model is kept, so that no order of what comes makes it read more often.

    Parameters
    ----------
    folder : Path
        The store.
    items : Items
        Its columns.
    dtype : str
        Of its logits.
    """

    def __init__(self, folder: Path, items: Items, dtype: str) -> None:
        self.folder, self.items, self.dtype = folder, items, dtype
        self._names: dict[str, tuple[Any, str, str]] = {}
        self._n_reads: dict[str, int] = {}
        self._hashes: dict[str, list[bytes]] = {}
        self._key = secrets.token_bytes(16)  # nobody can prepare two models of one hash

    def find(self, fragments: Sequence[Fragment], pool: Pool) -> tuple[NDArray[np.bool_], dict[int, tuple[str, int]]]:
        """Find models by their names.

        Parameters
        ----------
        fragments : sequence of Fragment
            Of the store.
        pool : Pool
            Models of different names.

        Returns
        -------
        same : ndarray of bool, shape (n_models,)
            Those that the store holds with the same logits.
        others : dict of int to (str, int)
            Those of whose name it holds another model: in which fragment, and in which row.
        """
        same = np.zeros(len(pool), dtype=bool)
        others: dict[int, tuple[str, int]] = {}
        names = arrow().array(pool.models, arrow().string())
        span = min(pool.models), max(pool.models)
        for fragment in fragments:
            theirs, ours = self._named_alike(fragment, names, span)
            if len(theirs):
                equal = self._equal(fragment, theirs, pool.logits[ours].astype(self.dtype, copy=False))
                same[ours[equal]] = True
                differ = ours[~equal].tolist(), theirs[~equal].tolist()
                others.update({row: (fragment.sha256, place) for row, place in zip(*differ, strict=True)})
        return same, others

    def _named_alike(
        self, fragment: Fragment, names: Any, span: tuple[str, str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return current rows of a fragment and the models of the same names."""
        if fragment.sha256 not in self._names:
            read = read_names(self.folder, fragment)
            bounds = arrow_compute().min_max(read).as_py()
            self._names[fragment.sha256] = read, bounds["min"], bounds["max"]
        stored, lowest, highest = self._names[fragment.sha256]
        nothing = np.zeros(0, dtype=np.int64)
        if span[1] < lowest or highest < span[0]:  # names of one source often come in order
            return nothing, nothing
        found = arrow_compute().index_in(stored, value_set=names)
        ours = arrow_compute().fill_null(found, -1).to_numpy().astype(np.int64)
        ours[list(fragment.replaced)] = -1
        theirs = np.flatnonzero(ours >= 0)
        return theirs, ours[theirs]

    def _equal(self, fragment: Fragment, rows: NDArray[np.int64], logits: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which models of a fragment have these logits."""
        key = fragment.sha256
        if key not in self._hashes:
            whole = msgspec.structs.replace(fragment, replaced=())
            stored = read_fragment(self.folder, whole, self.items, self.dtype).logits
            self._n_reads[key] = self._n_reads.get(key, 0) + 1
            if self._n_reads[key] == 1:
                return np.asarray((stored[rows] == logits).all(axis=1))
            self._hashes[key] = self._hashed(stored)
        stored_hashes = self._hashes[key]
        return np.array(
            [stored_hashes[row] == each for row, each in zip(rows.tolist(), self._hashed(logits), strict=True)]
        )

    def _hashed(self, logits: NDArray[Any]) -> list[bytes]:
        """Return a hash of each row, the same for 0.0 and -0.0."""
        text, width = (logits + 0.0).tobytes(), logits.shape[1] * logits.itemsize
        return [
            hashlib.blake2b(text[first : first + width], digest_size=16, key=self._key).digest()
            for first in range(0, len(text), width)
        ]
