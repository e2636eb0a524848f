"""What is added to a store, whatever it comes in: some models at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hemicycle.errors import FormatError, NoDataError, OptionError
from hemicycle.escaping import storable
from hemicycle.npy import map_matrix
from hemicycle.pool import Pool
from hemicycle.store.arrow_submissions import ArrowSubmissions
from hemicycle.store.extra import arrow, parquet
from hemicycle.store.fragments import LOGITS, rows_at_once
from hemicycle.store.manifest import is_store
from hemicycle.submissions import submissions_in_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hemicycle.items import Items
    from hemicycle.names import Renames
    from hemicycle.read_limits import ReadLimits
    from hemicycle.rejects import Rejects
    from hemicycle.submitted import SubmissionTimes

__all__ = ["Arrival", "Arrivals"]

FILES_AT_ONCE = 10_000  #: of a folder: what is parsed before it is written
PARQUET, STREAMS = (".parquet", ".pq"), (".arrow", ".arrows", ".feather", ".ipc")


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
    """

    items: Items | None
    renames: Renames
    min_weight: float | None
    limits: ReadLimits | None
    times: SubmissionTimes
    n_threads: int | None

    def of(self, source: Any) -> Iterator[Arrival]:
        """Yield what a source holds.

        Parameters
        ----------
        source : path, Pool, or Arrow table or stream
            What to read: whatever `Pool.read` reads, another store, a Parquet file, a file or a stream of Arrow.

        Raises
        ------
        FormatError
            If it cannot be read as submissions.
        OptionError
            If an option does not go with it.
        """
        if isinstance(source, Pool):
            yield from self._of_pool(source)
        elif isinstance(source, str | os.PathLike):
            yield from self._of_path(Path(source))
        elif hasattr(source, "__arrow_c_stream__"):
            yield from self._of_stream(arrow().RecordBatchReader.from_stream(source), "table")
        elif hasattr(source, "read"):
            yield from self._of_stream(_opened(source, "stream"), "stream")
        else:
            kinds = "a path, a Pool, or an Arrow table or stream"
            raise FormatError(f"source: expected {kinds}, got {type(source).__name__}")

    def _of_path(self, path: Path) -> Iterator[Arrival]:
        ending, label = path.suffix.lower(), storable(path.name)
        if is_store(path):
            from hemicycle.store.store import Store

            yield from (each for block in Store.open(path).blocks() for each in self._of_pool(block))
        elif ending == ".npy":
            yield from self._of_matrix(path)
        elif ending in PARQUET:
            yield from self._of_parquet(path, label)
        elif ending in STREAMS:
            try:
                with path.open("rb") as file:
                    yield from self._of_stream(_opened(file, label), label)
            except OSError as error:
                raise FormatError(f"{label}: {error.strerror or error}") from error
        else:
            yield from self._of_files(path)

    def _of_files(self, path: Path) -> Iterator[Arrival]:
        """Read submissions of a folder, an archive or a csv file."""
        found = self.items
        for table in submissions_in_parts(path, self.limits, self.n_threads, FILES_AT_ONCE):
            try:
                pool = Pool.of_submissions(table, found, self.renames, self.min_weight, self._no_times())
            except NoDataError as error:
                if found is None:
                    raise
                yield Arrival(None, error.rejects, table.notices)
                continue
            found = pool.items
            yield Arrival(self._timed(replace(pool, rejects=(), notices=())), pool.rejects, pool.notices)

    def _of_parquet(self, path: Path, label: str) -> Iterator[Arrival]:
        pa = arrow()
        try:
            file = parquet().ParquetFile(path)
            schema = file.schema_arrow
        except (OSError, pa.ArrowException) as error:
            raise FormatError(f"{label}: cannot be read as Parquet: {error}") from error
        with file:
            if schema.get_field_index(LOGITS) < 0:
                yield self._of_long_table(file.read())
                return
            submissions = ArrowSubmissions(schema, label, self.items, self.limits)
            n_rows = rows_at_once(len(submissions.items), "float64")
            columns = [name for name in ("model", "author", "submitted", LOGITS) if name in schema.names]
            yield from self._checked(submissions, file.iter_batches(n_rows, columns=columns), label)

    def _of_stream(self, reader: Any, label: str) -> Iterator[Arrival]:
        if reader.schema.get_field_index(LOGITS) < 0:
            yield self._of_long_table(reader.read_all())
            return
        yield from self._checked(ArrowSubmissions(reader.schema, label, self.items, self.limits), reader, label)

    def _checked(self, submissions: ArrowSubmissions, batches: Iterable[Any], label: str) -> Iterator[Arrival]:
        pa = arrow()
        if self.min_weight is not None or self.renames.new_name:
            raise OptionError(f"{label}: min_weight and rename are for csv files and long tables; these are logits")
        try:
            for pool, rejects in submissions.pools(batches, rows_at_once(len(submissions.items), "float64")):
                yield Arrival(None if pool is None else self._timed(pool), rejects)
        except (OSError, pa.ArrowException) as error:
            raise FormatError(f"{label}: cannot be read further: {error}") from error

    def _of_long_table(self, table: Any) -> Arrival:
        try:
            pool = Pool.from_frame(
                table, items=self.items, rename=self.renames, min_weight=self.min_weight, limits=self.limits
            )
        except NoDataError as error:
            if self.items is None:
                raise
            return Arrival(None, error.rejects)
        return Arrival(self._timed(replace(pool, rejects=(), notices=())), pool.rejects, pool.notices)

    def _of_matrix(self, path: Path) -> Iterator[Arrival]:
        """Read a matrix of logits: its models are named after the file and the row."""
        if self.items is None:
            raise OptionError(f"{path.name}: a matrix names no items; pass items= (--items)")
        matrix = map_matrix(path)
        width, rows = len(str(len(matrix) - 1)), rows_at_once(matrix.shape[1], "float64")
        stem = storable(path.stem)
        for first in range(0, len(matrix), rows):
            block = matrix[first : first + rows]
            names = [f"{stem}-{row:0{width}d}" for row in range(first, first + len(block))]
            pool = Pool.from_array(block, models=names, items=self.items)
            yield Arrival(self._timed(replace(pool, files=tuple(f"{stem}.npy [{name}]" for name in names))))

    def _of_pool(self, pool: Pool) -> Iterator[Arrival]:
        """Take models of a pool; its columns are put in the order of the store."""
        if self.items is not None and pool.items != self.items:
            position = {key: column for column, key in enumerate(pool.items.keys)}
            if set(position) != set(self.items.keys):
                raise OptionError("source: the items of this pool are not those of the store")
            columns = [position[key] for key in self.items.keys]
            pool = replace(pool, logits=pool.logits[:, columns], items=self.items)
        rows = rows_at_once(len(pool.items), "float64")
        rejects, notices = pool.rejects, pool.notices
        plain = replace(pool, rejects=(), notices=())
        for first in range(0, len(plain), rows):
            part = plain if len(plain) <= rows else plain.select(range(first, min(first + rows, len(plain))))
            yield Arrival(self._timed(part), rejects, notices)
            rejects, notices = (), ()

    def _timed(self, pool: Pool) -> Pool:
        """Return models with the times that were given, which go before those that they came with."""
        if not self.times.of_model:
            return pool
        given = self.times.times(pool.models)
        return replace(pool, submitted=tuple(a or b for a, b in zip(given, pool.submitted, strict=True)))

    @staticmethod
    def _no_times() -> SubmissionTimes:
        from hemicycle.submitted import SubmissionTimes

        return SubmissionTimes()


def _opened(file: Any, label: str) -> Any:
    """Return a reader of the batches of an Arrow file or stream."""
    pa = arrow()
    try:
        if getattr(file, "seekable", lambda: False)():
            start = file.read(len(b"ARROW1"))
            file.seek(0)
            if start == b"ARROW1":
                opened = pa.ipc.open_file(file)
                batches = (opened.get_batch(number) for number in range(opened.num_record_batches))
                return pa.RecordBatchReader.from_batches(opened.schema, batches)
        return pa.ipc.open_stream(file)
    except (pa.ArrowException, OSError) as error:
        raise FormatError(f"{label}: cannot be read as Arrow: {error}") from error
