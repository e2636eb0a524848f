"""What is added to a store, whatever it comes in: some models at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hemicycle.errors import FormatError, NoDataError, OptionError, ShapeError
from hemicycle.escaping import storable
from hemicycle.npy import map_matrix
from hemicycle.pool import Pool
from hemicycle.read_limits import ReadLimits
from hemicycle.rejects import excerpt
from hemicycle.store.arrow_sources import batches_of, is_arrow, is_parquet, opened, parquet_files
from hemicycle.store.arrow_submissions import ArrowSubmissions
from hemicycle.store.fragments import LOGITS, rows_at_once
from hemicycle.store.manifest import is_store
from hemicycle.store.models import Models
from hemicycle.submissions import submissions_in_parts
from hemicycle.submitted import SubmissionTimes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hemicycle.items import Items
    from hemicycle.names import Renames
    from hemicycle.rejects import Rejects

__all__ = ["Arrival", "Arrivals"]

FILES_AT_ONCE = 10_000  #: of a folder: what is parsed before it is written
DIGITS = 6  #: of the number of a row of a matrix, so that a longer matrix names its first rows alike


class Arrival(NamedTuple):
    """Models that came together, None where none can be used, and what of them was turned away."""

    pool: Pool | None
    rejects: Rejects = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How submissions are read on their way into a store.

    Attributes
    ----------
    items : Items or None
        Those of the store; None finds them: those that more than half of the first submissions name.
    renames : Renames
        New names of items.
    min_weight : float or None
        Floor of smaller weights.
    limits : ReadLimits or None
        How much is read at a time.
    times : SubmissionTimes
        When models came.
    n_threads : int or None
        Threads that parse.
    dtype : str or None
        Of the logits of the store.
    """

    items: Items | None
    renames: Renames
    min_weight: float | None
    limits: ReadLimits | None
    times: SubmissionTimes = field(default_factory=SubmissionTimes)
    n_threads: int | None = None
    dtype: str | None = None

    def of(self, source: Any) -> Iterator[Arrival]:
        """Yield what a source holds.

        Parameters
        ----------
        source : path, Pool, Store, or Arrow table or stream
            What to read: whatever `Pool.read` reads, another store, a Parquet file, a file or a stream of Arrow.

        Raises
        ------
        FormatError
            If it cannot be read as submissions.
        OptionError
            If an option does not go with it.
        """
        from hemicycle.store.store import Store

        if isinstance(source, Pool):
            yield from self._of_pool(source)
        elif isinstance(source, Store):
            yield from self._of_store(source)
        elif isinstance(source, str | os.PathLike):
            yield from self._of_path(Path(source))
        elif hasattr(source, "__arrow_c_stream__") or hasattr(source, "read"):
            label = "table" if hasattr(source, "__arrow_c_stream__") else "stream"
            yield from self._of_stream(opened(source, label), label)
        else:
            kinds = "a path, a Pool, a Store, or an Arrow table or stream"
            raise FormatError(f"source: expected {kinds}, got {type(source).__name__}")

    def _of_path(self, path: Path) -> Iterator[Arrival]:
        from hemicycle.store.store import Store

        label = storable(path.name)
        if is_store(path):
            yield from self._of_store(Store.open(path))
        elif path.is_dir():
            files = parquet_files(path)
            for file in files:
                yield from self._of_path(file)
            if not files:
                yield from self._of_files(path)
        elif path.suffix.lower() == ".npy":
            yield from self._of_matrix(path)
        elif is_parquet(path) or is_arrow(path):
            try:
                with path.open("rb") as content:
                    yield from self._of_stream(opened(content, label, is_parquet_file=is_parquet(path)), label)
            except OSError as error:
                raise FormatError(f"{label}: {error.strerror or error}") from error
        else:
            yield from self._of_files(path)

    def _of_files(self, path: Path) -> Iterator[Arrival]:
        """Read submissions of a folder, an archive or a csv file."""
        found = self.items
        for table in submissions_in_parts(path, self.limits, self.n_threads, FILES_AT_ONCE):
            try:
                pool = Pool.of_submissions(table, found, self.renames, self.min_weight, SubmissionTimes())
            except NoDataError as error:
                if found is None:
                    raise
                yield Arrival(None, error.rejects, table.notices)
                continue
            found = pool.items
            yield self._timed(pool, pool.rejects, pool.notices)

    def _of_stream(self, stream: Any, label: str) -> Iterator[Arrival]:
        """Read Arrow batches: a row a model, or a row an item of a model."""
        if not stream.schema.get_all_field_indices(LOGITS):
            yield self._of_long_table(stream, label)
            return
        self._require_no_options(label)
        submissions = ArrowSubmissions(stream.schema, label, self.items, self.limits, self.dtype)
        n_rows = self._rows(len(submissions.items))
        for pool, rejects, notices in submissions.pools(batches_of(stream, n_rows, label), n_rows):
            yield self._timed(pool, rejects, notices)

    def _of_long_table(self, stream: Any, label: str) -> Arrival:
        table = stream.table(self.limits or ReadLimits(), label)
        try:
            pool = Pool.from_frame(
                table, items=self.items, rename=self.renames, min_weight=self.min_weight, limits=self.limits
            )
        except NoDataError as error:
            if self.items is None:
                raise
            return Arrival(None, error.rejects)
        return self._timed(pool, pool.rejects, pool.notices)

    def _of_matrix(self, path: Path) -> Iterator[Arrival]:
        """Read a matrix of logits: its models are named after the file and the row."""
        self._require_no_options(path.name)
        if self.items is None:
            raise OptionError(f"{path.name}: a matrix names no items; pass items= (--items)")
        matrix, stem = map_matrix(path), storable(path.stem)
        n_models, n_items = matrix.shape
        if n_items != len(self.items):
            raise ShapeError(f"{path.name}: has {n_items} columns, one for each of {len(self.items)} items needed")
        width, rows = max(DIGITS, len(str(n_models - 1))), self._rows(n_items)
        for first in range(0, n_models, rows):
            block = matrix[first : first + rows]
            logits = np.array(block, dtype=np.float32 if block.dtype == np.float32 else np.float64)
            names = [f"{stem}-{row:0{width}d}" for row in range(first, first + len(block))]
            unknown = (None,) * len(block)
            models = Models(names, logits, unknown, unknown, [f"{stem}.npy [{name}]" for name in names], first, {})
            yield self._timed(*models.sound(self.items, self.limits, self.dtype))

    def _of_store(self, store: Any) -> Iterator[Arrival]:
        self._require_no_options("source")
        self._columns(store.items)  # before its rejects are taken over: a refused source leaves nothing
        if store.rejects:
            yield Arrival(None, store.rejects)
        for block in store.blocks():
            yield from self._of_pool(block)

    def _of_pool(self, pool: Pool) -> Iterator[Arrival]:
        """Take models of a pool; its columns are put in the order of the store."""
        self._require_no_options("source")
        columns = self._columns(pool.items)
        items = pool.items if self.items is None else self.items
        rows = self._rows(len(items))
        rejects, notices = pool.rejects, pool.notices
        for first in range(0, len(pool), rows):
            part = slice(first, first + rows)
            logits = pool.logits[part] if columns is None else pool.logits[part, columns]
            files = pool.files[part] if pool.files else pool.models[part]
            models = Models(pool.models[part], logits, pool.authors[part], pool.submitted[part], files, None, {})
            sound, refused = models.sound(items, self.limits, self.dtype)
            yield self._timed(sound, rejects + refused, notices)
            rejects, notices = (), ()

    def _columns(self, items: Items) -> list[int] | None:
        """Return which column of a pool holds each item of the store, None where they are in its order."""
        if self.items is None or items == self.items:
            return None
        position = {key: column for column, key in enumerate(items.keys)}
        missing = [name for name, key in zip(self.items.names, self.items.keys, strict=True) if key not in position]
        if missing or len(items) != len(self.items):
            what = f"lacks {excerpt(missing[0])!r}" if missing else f"has {len(items)}, the store {len(self.items)}"
            raise OptionError(f"source: its items are not those of the store: it {what}")
        return [position[key] for key in self.items.keys]

    def _rows(self, n_items: int) -> int:
        return rows_at_once(n_items, self.dtype or "float64")

    def _require_no_options(self, label: str) -> None:
        if self.min_weight is not None or self.renames.new_name:
            raise OptionError(f"{label}: min_weight and rename are for csv files and long tables; these are logits")

    def _timed(self, pool: Pool | None, rejects: Rejects = (), notices: tuple[str, ...] = ()) -> Arrival:
        """Return models with the times that were given, which go before those that they came with."""
        if pool is None:
            return Arrival(None, rejects, notices)
        times = pool.submitted
        if self.times.of_model:
            times = tuple(a or b for a, b in zip(self.times.times(pool.models), times, strict=True))
        return Arrival(replace(pool, rejects=(), notices=(), submitted=times), rejects, notices)
