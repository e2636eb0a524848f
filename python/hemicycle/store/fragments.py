"""Fragments: Parquet files with one row a model, written once and never changed."""

from __future__ import annotations

import hashlib
import json
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.errors import StoreError
from hemicycle.pool import Pool
from hemicycle.store.durable import aside, put, read_regular, require_regular
from hemicycle.store.extra import arrow, parquet
from hemicycle.store.manifest import FRAGMENTS, Fragment

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import DTypeLike, NDArray

    from hemicycle.items import Items

__all__ = [
    "LOGITS",
    "METADATA",
    "current_names",
    "current_sources",
    "read_fragment",
    "read_names",
    "read_rows",
    "rows_at_once",
    "write_fragment",
]

LOGITS = "logits"
METADATA = b"hemicycle"  #: key of the item list in the metadata of the schema
FRAGMENT_BYTES = 64 << 20  #: of logits: what is read, checked and scored at a time
PAGE_BYTES = 8 << 20  #: of logits in a page
REMEDY = "restore it from a copy, or go on without it: hemicycle store check DIR --leave-out"


def rows_at_once(n_items: int, dtype: DTypeLike) -> int:
    """Return how many models a fragment holds at most."""
    return max(1, FRAGMENT_BYTES // (n_items * np.dtype(dtype).itemsize))


def fragment_schema(items: Items, dtype: DTypeLike, edition: int = 0) -> Any:
    """Return the Arrow schema of a fragment; its metadata name the items."""
    pa = arrow()
    listed = [list(pair) for pair in zip(items.parents, items.names, strict=True)]
    told = {"items": listed} if not edition else {"items": listed, "edition": edition}
    element = pa.field("element", pa.from_numpy_dtype(np.dtype(dtype)), nullable=False)
    fields = [
        pa.field("model", pa.string(), nullable=False),
        pa.field("author", pa.string()),
        pa.field("submitted", pa.string()),
        pa.field("file", pa.string()),
        pa.field(LOGITS, pa.list_(element, len(items)), nullable=False),
    ]
    return pa.schema(fields, metadata={METADATA: json.dumps(told).encode()})


def write_fragment(folder: Path, pool: Pool, dtype: DTypeLike, taken: Collection[str] = ()) -> Fragment:
    """Write models to a fragment of a store; nothing refers to it yet.

    Parameters
    ----------
    folder : Path
        The store.
    pool : Pool
        The models, with the items of the store.
    dtype : dtype
        Of the logits on disk.
    taken : collection of str
        Hashes of other fragments. One of the same models, which were replaced since, would have the same hash: then
        another edition is written.

    Returns
    -------
    Fragment
        Its file lies in its place, also after a loss of power.

    Raises
    ------
    OSError
        If it cannot be written; then nothing of it is left.
    """
    table = _table(pool, dtype)
    names_sha256 = hash_of_names(_one_chunk(table["model"]))
    for edition in count():
        with aside(folder / FRAGMENTS) as part:
            sha256 = _write(table.replace_schema_metadata(fragment_schema(pool.items, dtype, edition).metadata), part)
            if sha256 in taken:
                continue
            fragment = Fragment(sha256, part.stat().st_size, len(pool), names_sha256)
            put(part, fragment.path(folder))
            return fragment
    raise AssertionError("unreachable")


def _table(pool: Pool, dtype: DTypeLike) -> Any:
    """Return models as an Arrow table that borrows their logits where they are of this type."""
    pa = arrow()
    schema = fragment_schema(pool.items, dtype)
    values = pa.array(np.ascontiguousarray(pool.logits, dtype=dtype).ravel())
    logits = pa.FixedSizeListArray.from_arrays(values, type=schema.field(LOGITS).type)
    text = [pa.array(column, pa.string()) for column in (pool.models, pool.authors, pool.submitted)]
    files = pa.array(pool.files or [None] * len(pool), pa.string())
    return pa.Table.from_arrays([*text, files, logits], schema=schema)


def _write(table: Any, path: Path) -> str:
    """Write a table to a file and return the hash of its bytes."""
    with path.open("wb") as file:
        sink = _Hashed(file)
        parquet().write_table(
            table,
            sink,
            row_group_size=len(table),
            data_page_size=PAGE_BYTES,
            compression="none",  # logits do not shrink
            use_dictionary=["author"],
            write_statistics=False,
            write_page_checksum=True,
        )
    return sink.sha256.hexdigest()


class _Hashed:
    """A file that hashes what is written to it, so that no byte is read again."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.sha256, self.closed = file, hashlib.sha256(), False

    def write(self, content: bytes) -> int:
        self.sha256.update(content)
        return self.file.write(content)

    def tell(self) -> int:
        return self.file.tell()

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.closed = True


def hash_of_names(names: Any) -> str:
    """Hash the names of models, in their order.

    Parameters
    ----------
    names : pyarrow.Array of string
        None of them null.
    """
    digest = hashlib.sha256()
    _, starts, text = names.buffers()
    offsets = np.frombuffer(starts, dtype=np.int32)[names.offset : names.offset + len(names) + 1]
    digest.update((offsets - offsets[0]).astype("<i4").tobytes())
    digest.update(memoryview(text or b"")[offsets[0] : offsets[-1]])
    return digest.hexdigest()


def _one_chunk(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def read_fragment(folder: Path, fragment: Fragment, items: Items, dtype: DTypeLike) -> Pool:
    """Read the models of a fragment that nothing has replaced.

    Parameters
    ----------
    folder : Path
        The store.
    fragment : Fragment
        Which.
    items : Items
        Those of the store.
    dtype : dtype
        Of the logits of the store.

    Returns
    -------
    Pool
        In the order of the file.

    Raises
    ------
    StoreError
        If the file is gone, cut short, changed by a single bit, or does not hold what a fragment of this store does.
    """
    table, logits = read_rows(folder, fragment, items, dtype)
    text = {name: tuple(table[name].to_pylist()) for name in ("model", "author", "submitted", "file")}
    files = () if None in text["file"] else text["file"]
    return Pool(logits, text["model"], items, text["author"], files=files, submitted=text["submitted"])


def read_rows(folder: Path, fragment: Fragment, items: Items, dtype: DTypeLike) -> tuple[Any, NDArray[Any]]:
    """Read what `read_fragment` reads, without making names text.

    Returns
    -------
    table : pyarrow.Table
        With the columns model, author, submitted and file.
    logits : ndarray, shape (n_models, n_items)
        Of the same models.

    Raises
    ------
    StoreError
        As `read_fragment`.
    """
    content, path, pa = _content(folder, fragment), fragment.path(folder), arrow()
    try:
        with parquet().ParquetFile(pa.BufferReader(content)) as file:
            table = file.read(use_threads=False)
        schema = fragment_schema(items, dtype)
        if not table.schema.equals(schema, check_metadata=False) or len(table) != fragment.n_models:
            raise StoreError(f"{path}: is no fragment of this store")
        if fragment.replaced:
            kept = np.ones(len(table), dtype=bool)
            kept[list(fragment.replaced)] = False
            table = table.filter(pa.array(kept))
        logits = _matrix(table[LOGITS], len(items), dtype)
        table = table.drop_columns([LOGITS])
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StoreError(f"{path}: {error}; {REMEDY}") from error
    if not logits.max(initial=-np.inf) < np.inf:
        raise StoreError(f"{path}: holds a logit that is no number; {REMEDY}")
    return table, logits


def _content(folder: Path, fragment: Fragment) -> bytes:
    """Return the bytes of a fragment, which are those that were written."""
    path = fragment.path(folder)
    content = read_regular(path, fragment.n_bytes, REMEDY)
    if hashlib.sha256(content).hexdigest() != fragment.sha256:
        raise StoreError(f"{path}: its content is not what was written; {REMEDY}")
    return content


def _matrix(column: Any, n_items: int, dtype: DTypeLike) -> NDArray[Any]:
    """Return a column of lists as a matrix, borrowed where it lies in one piece."""
    chunks = [chunk.flatten().to_numpy().reshape(-1, n_items) for chunk in column.chunks]
    if len(chunks) == 1:
        return chunks[0]  # type: ignore[no-any-return]
    return np.concatenate(chunks) if chunks else np.empty((0, n_items), dtype=dtype)


def read_names(folder: Path, fragment: Fragment) -> Any:
    """Return the names of all models of a fragment, those that were replaced too, without reading their logits.

    Returns
    -------
    pyarrow.Array of string, length n_models
        Those that were written, by their hash.

    Raises
    ------
    StoreError
        If the file is gone, cut short, or its names are not those that were written.
    """
    path, pa = fragment.path(folder), arrow()
    size = require_regular(path, REMEDY)
    if size != fragment.n_bytes:
        raise StoreError(f"{path}: has {size:,} bytes, {fragment.n_bytes:,} were written; {REMEDY}")
    try:
        with parquet().ParquetFile(path, page_checksum_verification=True) as file:
            names = _one_chunk(file.read(columns=["model"], use_threads=False)["model"])
            names.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:  # a damaged footer says anything
        raise StoreError(f"{path}: {error}; {REMEDY}") from error
    sound = names.type == pa.string() and len(names) == fragment.n_models and not names.null_count
    if not sound or hash_of_names(names) != fragment.names_sha256:
        raise StoreError(f"{path}: its content is not what was written; {REMEDY}")
    return names


def current_names(folder: Path, fragment: Fragment) -> list[str]:
    """Return the names of the models of a fragment that nothing has replaced; see `read_names`."""
    names: list[str] = read_names(folder, fragment).to_pylist()
    if not fragment.replaced:
        return names
    gone = set(fragment.replaced)
    return [name for row, name in enumerate(names) if row not in gone]


def current_sources(folder: Path, fragment: Fragment) -> list[str]:
    """Return the file of each model of a fragment that nothing has replaced, or its name where it has none.

    Raises
    ------
    StoreError
        If the file is gone or damaged.
    """
    path = fragment.path(folder)
    require_regular(path, REMEDY)
    try:
        with parquet().ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=["model", "file"], use_threads=False)
    except (arrow().ArrowException, OSError, ValueError, KeyError) as error:
        raise StoreError(f"{path}: {error}; {REMEDY}") from error
    names, files = table["model"].to_pylist(), table["file"].to_pylist()
    gone = set(fragment.replaced)
    sources = names if None in files else files
    return [source or name for row, (name, source) in enumerate(zip(names, sources, strict=True)) if row not in gone]
