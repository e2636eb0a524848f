"""Small stores: items, tables and pools to put into them, and what is compared afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from hemicycle import Pool
from hemicycle.items import Items

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ITEMS = [("p", "x"), ("p", "y"), ("q", "z"), ("q", "w")]
KEY = b"hemicycle"


def arrow_table(
    names: Sequence[str | None], logits: Any, *, kind: str = "fixed", items: Any = ITEMS, **columns: Any
) -> pa.Table:
    """Return a table with a row a model."""
    element = pa.float64() if isinstance(logits, list) else pa.from_numpy_dtype(logits.dtype)
    width = len(ITEMS) if isinstance(logits, list) else logits.shape[1]
    rows = logits if isinstance(logits, list) else list(logits)
    listed = {"list": pa.list_(element), "large_list": pa.large_list(element), "fixed": pa.list_(element, width)}
    parts = {"model": pa.array(list(names), pa.string()), "logits": pa.array(rows, listed[kind])} | columns
    table = pa.table(parts)
    return table if items is None else table.replace_schema_metadata({KEY: json.dumps({"items": items}).encode()})


def pool_of(names: Sequence[str], logits: Any, *, items: Any = ITEMS, unchecked: bool = False) -> Pool:
    """Return a pool in memory; unchecked, a name may come twice."""
    matrix = np.array(logits, dtype=np.float64)
    if unchecked:
        return Pool(matrix, tuple(names), Items.of(items), (None,) * len(matrix))
    return Pool.from_array(matrix, models=list(names), items=items)


def same_pool(found: Pool, expected: Pool, rtol: float = 0.0) -> None:
    """Compare what models are: bit for bit, unless their logits went through weights."""
    assert found.models == expected.models
    assert found.items == expected.items
    assert found.authors == expected.authors
    assert found.submitted == expected.submitted
    if rtol:
        np.testing.assert_allclose(found.logits, expected.logits, rtol=rtol, atol=1e-15)
    else:
        assert found.logits.tobytes() == expected.logits.tobytes()


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the files of a store by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
