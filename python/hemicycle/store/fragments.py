"""Fragments: Parquet files with one row a model, written once and never changed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.errors import StoreError
from hemicycle.pool import Pool
from hemicycle.store.durable import aside, put
from hemicycle.store.extra import arrow, parquet
from hemicycle.store.manifest import FRAGMENTS, Fragment

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

    from hemicycle.items import Items

__all__ = ["LOGITS", "METADATA", "current_names", "read_fragment", "read_names", "rows_at_once", "write_fragment"]

LOGITS = "logits"
METADATA = b"hemicycle"  #: key of the item list in the metadata of the schema
FRAGMENT_BYTES = 64 << 20  #: of logits: what is read, checked and scored at a time
GROUP_BYTES = 16 << 20  #: of logits in a row group


def rows_at_once(n_items: int, dtype: DTypeLike) -> int:
    """Return how many models a fragment holds at most."""
    return max(1, FRAGMENT_BYTES // (n_items * np.dtype(dtype).itemsize))


def fragment_schema(items: Items, dtype: DTypeLike) -> Any:
    """Return the Arrow schema of a fragment; its metadata name the items."""
    pa = arrow()
    listed = [list(pair) for pair in zip(items.parents, items.names, strict=True)]
    element = pa.field("element", pa.from_numpy_dtype(np.dtype(dtype)), nullable=False)
    fields = [
        pa.field("model", pa.string(), nullable=False),
        pa.field("author", pa.string()),
        pa.field("submitted", pa.string()),
        pa.field("file", pa.string()),
        pa.field(LOGITS, pa.list_(element, len(items)), nullable=False),
    ]
    return pa.schema(fields, metadata={METADATA: json.dumps({"items": listed}).encode()})


def write_fragment(folder: Path, pool: Pool, dtype: DTypeLike) -> Fragment:
    """Write models to a fragment of a store; nothing refers to it yet.

    Parameters
    ----------
    folder : Path
        The store.
    pool : Pool
        The models, with the items of the store.
    dtype : dtype
        Of the logits on disk.

    Returns
    -------
    Fragment
        Its file lies in its place, also after a loss of power.

    Raises
    ------
    OSError
        If it cannot be written; then nothing of it is left.
    """
    pa, pq = arrow(), parquet()
    schema = fragment_schema(pool.items, dtype)
    values = pa.array(np.ascontiguousarray(pool.logits, dtype=dtype).ravel())
    logits = pa.FixedSizeListArray.from_arrays(values, type=schema.field(LOGITS).type)
    text = [pa.array(column, pa.string()) for column in (pool.models, pool.authors, pool.submitted)]
    files = pa.array(pool.files or [None] * len(pool), pa.string())
    table = pa.Table.from_arrays([*text, files, logits], schema=schema)
    rows = max(1, GROUP_BYTES // (len(pool.items) * np.dtype(dtype).itemsize))
    with aside(folder / FRAGMENTS) as part:
        pq.write_table(
            table,
            part,
            row_group_size=rows,
            compression="none",  # logits do not shrink
            use_dictionary=["author"],
            write_statistics=False,
            write_page_checksum=True,
        )
        with part.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        part.chmod(0o644)
        fragment = Fragment(sha256, part.stat().st_size, len(pool))
        put(part, fragment.path(folder))
    return fragment


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
    content = _content(folder, fragment)
    pa = arrow()
    try:
        table = parquet().read_table(pa.BufferReader(content), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{fragment.path(folder)}: {error}") from error
    if not table.schema.equals(fragment_schema(items, dtype), check_metadata=False) or len(table) != fragment.n_models:
        raise StoreError(f"{fragment.path(folder)}: is no fragment of this store")
    if fragment.replaced:
        kept = np.ones(len(table), dtype=bool)
        kept[list(fragment.replaced)] = False
        table = table.filter(pa.array(kept))
    text = {name: tuple(table[name].to_pylist()) for name in ("model", "author", "submitted", "file")}
    files = () if None in text["file"] else text["file"]
    return Pool(
        _matrix(table[LOGITS], len(items), dtype),
        text["model"],
        items,
        text["author"],
        files=files,
        submitted=text["submitted"],
    )


def _content(folder: Path, fragment: Fragment) -> bytes:
    """Return the bytes of a fragment, which are those that were written."""
    path = fragment.path(folder)
    remedy = "restore it from a copy, or leave it out: hemicycle store check"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StoreError(f"{path}: is gone; {remedy}") from None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}; {remedy}") from error
    if len(content) != fragment.n_bytes:
        raise StoreError(f"{path}: has {len(content)} bytes, {fragment.n_bytes} were written; {remedy}")
    if hashlib.sha256(content).hexdigest() != fragment.sha256:
        raise StoreError(f"{path}: its content is not what was written; {remedy}")
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
    pyarrow.ChunkedArray of string, length n_models
        Checked page by page.

    Raises
    ------
    StoreError
        If the file is gone or damaged.
    """
    path = fragment.path(folder)
    pa = arrow()
    try:
        if path.stat().st_size != fragment.n_bytes:
            raise StoreError(f"{path}: has {path.stat().st_size} bytes, {fragment.n_bytes} were written")
        names = parquet().read_table(path, columns=["model"], page_checksum_verification=True)["model"]
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{path}: {error}") from error
    if len(names) != fragment.n_models:
        raise StoreError(f"{path}: is no fragment of this store")
    return names


def current_names(folder: Path, fragment: Fragment) -> list[str]:
    """Return the names of the models of a fragment that nothing has replaced; see `read_names`."""
    names: list[str] = read_names(folder, fragment).to_pylist()
    if not fragment.replaced:
        return names
    gone = set(fragment.replaced)
    return [name for row, name in enumerate(names) if row not in gone]
