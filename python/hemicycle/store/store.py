"""An append-only folder of submissions that may be larger than memory."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np

from hemicycle.errors import DomainError, NoDataError, OptionError
from hemicycle.escaping import storable
from hemicycle.items import Items, ItemsArgument
from hemicycle.names import Rename, Renames
from hemicycle.options import known_word, non_negative_number, thread_count
from hemicycle.pool import Pool
from hemicycle.rejects import counted
from hemicycle.scratch import byte_count
from hemicycle.store.adding import Added, Adding, OnConflict
from hemicycle.store.arrivals import Arrival, Arrivals
from hemicycle.store.checking import StoreCheck, check_store
from hemicycle.store.compaction import Compacted, compact, leave_out, sweep, told_of_compaction
from hemicycle.store.durable import sync_folder
from hemicycle.store.extra import parquet
from hemicycle.store.fragments import current_names, read_fragment
from hemicycle.store.gathering import gathered
from hemicycle.store.manifest import DType, Manifest
from hemicycle.store.models import require_keepable
from hemicycle.store.refusals import all_refused
from hemicycle.store.writing import require_new, writing
from hemicycle.submitted import SubmissionTimes, Submitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hemicycle.read_limits import ReadLimits
    from hemicycle.rejects import Rejects

__all__ = ["Store"]


@dataclass(frozen=True, slots=True)
class Store:
    """Submissions on disk: fragments of models in Parquet, and a manifest that says which of them count.

    Make one with `Store.create`, open one with `Store.open`. It is a folder: ``store.json``, the manifest;
    ``fragments/``, Parquet files with one row a model; ``rejects/``, what was turned away. Files are named after the
    SHA-256 of their content and never changed; a commit replaces the manifest at once. So a program that is killed or
    a disk that is full leaves the store as it was after its last commit, and adding the same again completes it.

    Attributes
    ----------
    path : Path
        The folder.

    Examples
    --------
    >>> import tempfile
    >>> from hemicycle import Pool, Store
    >>> pool = Pool.from_array([[0.0, 1.0], [0.5, 0.0]], models=["mine", "yours"], items=["x", "y"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store.create(f"{folder}/pool.store", items=pool.items)
    ...     store.add(pool).n_new, store.add(pool).n_known, len(store), store.pool().models
    (2, 2, 2, ('mine', 'yours'))
    """

    path: Path

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Store:
        """Open a store that exists.

        Parameters
        ----------
        path : path
            Its folder.

        Raises
        ------
        StoreError
            If there is none, or its manifest is damaged or of a later version.
        MissingExtraError
            If pyarrow is not installed.
        """
        parquet()
        Manifest.read(Path(path))
        return cls(Path(path))

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        items: ItemsArgument | None = None,
        source: Any = None,
        dtype: str = "float64",
        rename: Rename = None,
        limits: ReadLimits | None = None,
        n_threads: int | None = None,
    ) -> Store:
        """Make a store without models.

        Parameters
        ----------
        path : path
            Its folder, which does not exist yet or is empty.
        items : number, names, (parent, name) pairs, Items or path, optional
            The items that every submission weighs, for good.
        source : path, Pool, or Arrow table or stream, optional
            Where to take the items from if they are not given: of a pool, a Parquet file or Arrow its own; of csv files
            those that more than half of the first 10,000 submissions name. Nothing is added.
        dtype : {"float64", "float32"}, default "float64"
            Of the logits on disk: float32 takes half the space and rounds logits to 7 digits.
        rename : mapping or path, optional
            New names of items: a mapping, or a csv file with the columns old and new.
        limits : ReadLimits, optional
            How much is read.
        n_threads : int, optional
            Threads that parse; by default every core.

        Raises
        ------
        OptionError
            If the folder holds anything, `dtype` is neither, or neither `items` nor `source` is given.
        FormatError, NoDataError
            If there is no item list in what was given.
        MissingExtraError
            If pyarrow is not installed.
        """
        parquet()
        folder = Path(path)
        known_word(dtype, "dtype", get_args(DType))
        require_new(folder)
        renames = Renames.of(rename, limits)
        if items is not None:
            listed, said = Items.given(items, renames, limits), "given"
        elif source is not None:
            listed, said = _first_items(
                Arrivals(None, renames, None, limits, n_threads=thread_count(n_threads)), source
            )
        else:
            raise OptionError("items: a store needs an item list; give items= (--items) or a source to take it from")
        require_keepable(listed, limits)
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
        with writing(folder, 0.0):
            require_new(folder)
            named = tuple(zip(listed.parents, listed.names, strict=True))
            Manifest(dtype=cast("DType", dtype), items_source=said, items=named).write(folder)
        return cls(folder)

    @property
    def manifest(self) -> Manifest:
        """What the store says of itself at this moment."""
        return Manifest.read(self.path)

    @property
    def items(self) -> Items:
        """The items that every submission weighs."""
        return self.manifest.item_list

    @property
    def rejects(self) -> Rejects:
        """What was turned away when it was added, in the order in which it came, each once."""
        return tuple(all_refused(self.path, self.manifest))

    def __len__(self) -> int:
        return self.manifest.n_models

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}, {counted(len(self), 'model')}, {counted(len(self.items), 'item')})"

    def add(
        self,
        source: Any,
        *,
        on_conflict: OnConflict = "reject",
        rename: Rename = None,
        min_weight: float | None = None,
        submitted: Submitted = None,
        limits: ReadLimits | None = None,
        wait: float = 0.0,
        n_threads: int | None = None,
        progress: Callable[[Added], None] | None = None,
    ) -> Added:
        """Add submissions; those that the store holds already are left, so that adding twice changes nothing.

        Parameters
        ----------
        source : path, Pool, Store, or Arrow table or stream
            Whatever `Pool.read` reads; a Parquet or Arrow file, a folder of Parquet files or an Arrow stream, with a
            row a model (columns ``model`` and ``logits``, a list with a number for each item, perhaps ``author`` and
            ``submitted``) or a row an item of a model (``model``, ``item``, ``weight``); or an open binary file of an
            Arrow stream. A path is also that of another store.
        on_conflict : {"reject", "replace"}, default "reject"
            What becomes of a model whose name the store has with other logits: it is turned away, or stands from now
            on in place of the other, which stays in its fragment until the store is compacted.
        rename, min_weight, submitted
            As in `Pool.read`.
        limits : ReadLimits, optional
            How much is read: of a folder at a time.
        wait : float, default 0.0
            Seconds to wait for another writer.
        n_threads : int, optional
            Threads that parse; by default every core.
        progress : callable, optional
            Told what was added so far after each commit.

        Returns
        -------
        Added
            Counts, rejects and notices.

        Raises
        ------
        StoreError
            If another writer holds the store, or what it holds is damaged.
        FormatError, OptionError
            If the source cannot be read as submissions for these items.
        OSError
            If the disk refuses; what was committed before stays.

        Notes
        -----
        Commits are fragments of at most 64 MiB of logits, so memory is bounded by a few of them, of a folder by what
        10,000 files hold, and of one csv file or archive by its size. Time is that of reading, writing and one hash of
        what is written, and of looking up the names of all models in the store.
        """
        known_word(on_conflict, "on_conflict", get_args(OnConflict))
        patience = non_negative_number(wait, "wait")
        renames, times = Renames.of(rename, limits), SubmissionTimes.of(submitted, limits)
        total = Added()
        with writing(self.path, patience):
            manifest = self.manifest
            sweep(self.path, manifest)
            arrivals = Arrivals(
                manifest.item_list, renames, min_weight, limits, times, thread_count(n_threads), manifest.dtype
            )
            adding, label = Adding(self.path, manifest, on_conflict), _label(source)
            for arrival in _ahead(arrivals.of(source)):
                total = total.with_(adding.add(arrival, label))
                if progress is not None:
                    progress(total)
        return total

    def blocks(self) -> Iterator[Pool]:
        """Read all models, a fragment at a time, in the order in which they were added.

        Returns
        -------
        iterator of Pool
            At most 64 MiB of logits each, whose bytes are those that were written. The next is read meanwhile.

        Raises
        ------
        StoreError
            If a fragment is gone or damaged.
        """
        return self._blocks(self.manifest)

    def _blocks(self, manifest: Manifest) -> Iterator[Pool]:
        items, dtype = manifest.item_list, manifest.dtype
        current = [fragment for fragment in manifest.fragments if fragment.n_current]
        with told_of_compaction(self.path, manifest), ThreadPoolExecutor(1) as ahead:
            reading = [ahead.submit(read_fragment, self.path, each, items, dtype) for each in current[:1]]
            for later in [*current[1:], None]:
                if not reading:
                    return
                block = reading.pop().result()
                if later is not None:
                    reading.append(ahead.submit(read_fragment, self.path, later, items, dtype))
                yield block

    def pool(self, *, min_weight: float | None = None, memory: int | str | None = None) -> Pool:
        """Return all models as one pool, sorted by name: the same whatever they came in, and in which order.

        What was turned away is told as `rejects` has it, but for files of which something was accepted since.

        Parameters
        ----------
        min_weight : float, optional
            Raise smaller weights to this one, so that a zero does not bar a submission from log ratios.
        memory : int or str, optional
            Bytes that the logits may take in memory, such as "4GiB"; by default a quarter of the machine's. More lie in
            a file without a name where temporary files do (``TMPDIR``), mapped: the system keeps in memory what fits.

        Returns
        -------
        Pool
            Rows in the order of the models' names.

        Raises
        ------
        StoreError
            If a fragment is gone or damaged.
        NoDataError
            If there are no models; its ``rejects`` say which were turned away.
        DomainError, DtypeError
            If `min_weight` is not a finite number > 0, or `memory` no number of bytes.
        OSError
            If there is no space for the file.
        """
        most = byte_count(memory, "memory")
        if min_weight is not None and not 0 < min_weight < np.inf:
            raise DomainError(f"min_weight is {min_weight}; it must be finite and greater than 0")
        manifest = self.manifest
        with told_of_compaction(self.path, manifest):
            rejects = tuple(all_refused(self.path, manifest))
            if not manifest.n_models:
                turned_away = f", {len(rejects):,} turned away" if rejects else ""
                raise NoDataError(f"{self.path}: the store holds no models{turned_away}", rejects)
            names = [name for each in manifest.fragments for name in current_names(self.path, each)]
            return gathered(self._blocks(manifest), names, manifest, rejects, min_weight, most)

    def check(self, progress: Callable[[int, int], None] | None = None) -> StoreCheck:
        """Read every byte again and say what is wrong.

        Parameters
        ----------
        progress : callable, optional
            Told how many fragments are done, and of how many.

        Returns
        -------
        StoreCheck
            Faults by file, and what is unusual without being wrong.
        """
        return check_store(self.path, self.manifest, progress)

    def leave_out(self, damaged: Sequence[str], *, wait: float = 0.0) -> int:
        """Take fragments out of the store; their files are kept, in the folder ``damaged``.

        Parameters
        ----------
        damaged : sequence of str
            Hashes of fragments, such as `check` finds.
        wait : float, default 0.0
            Seconds to wait for another writer.

        Returns
        -------
        int
            Models that are left out; `rejects` say with which fragment, not which they are.

        Raises
        ------
        OptionError
            If the store has no such fragment.
        StoreError
            If another writer holds the store.
        OSError
            If the disk refuses.
        """
        with writing(self.path, non_negative_number(wait, "wait")):
            return leave_out(self.path, self.manifest, damaged)

    def compact(self, *, wait: float = 0.0, progress: Callable[[int, int], None] | None = None) -> Compacted:
        """Write small fragments together, and leave out models that were replaced.

        Parameters
        ----------
        wait : float, default 0.0
            Seconds to wait for another writer.
        progress : callable, optional
            Told how many models are done, and of how many.

        Returns
        -------
        Compacted
            Fragments before and after, and bytes.

        Raises
        ------
        StoreError
            If another writer holds the store, or a fragment is damaged.
        OSError
            If the disk refuses; then the store is as it was.

        Notes
        -----
        Models keep their order. Who reads the store meanwhile is told that a fragment is gone, and reads again.
        """
        with writing(self.path, non_negative_number(wait, "wait")):
            return compact(self.path, self.manifest, progress)


def _ahead(arrivals: Iterator[Arrival]) -> Iterator[Arrival]:
    """Yield what another one does, of which the next is read while one is written."""
    with ThreadPoolExecutor(1) as reading:
        coming = reading.submit(next, arrivals, None)
        while (arrival := coming.result()) is not None:
            coming = reading.submit(next, arrivals, None)
            yield arrival


def _first_items(arrivals: Arrivals, source: Any) -> tuple[Items, str]:
    """Return the items of what comes first from a source, and where they are from."""
    for arrival in arrivals.of(source):
        if arrival.pool is not None:
            pool = arrival.pool
            return pool.items, pool.items_source if pool.items_source != "given" else f"those of {_label(source)}"
    raise NoDataError(f"{_label(source)}: holds no submission to take the items from")


def _label(source: Any) -> str:
    """Return what a source is called in the record: nothing of where it lies."""
    if isinstance(source, str | os.PathLike):
        return storable(Path(source).name)
    return "pool" if isinstance(source, Pool) else "stream"
