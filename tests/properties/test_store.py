"""Invariants of stores: neither the order nor the parts in which models come, nor what happens between, matters."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemicycle import Store
from hemicycle.store import fragments
from store_cases import ITEMS, arrow_table, pool_of, same_pool

N_MODELS = 12
NAMES = [f"m{n:02d}" for n in range(N_MODELS)]
VALUES = np.random.default_rng(0).normal(size=(N_MODELS, 4))


@pytest.fixture(autouse=True, scope="module")
def small_fragments() -> Any:
    """Three models a fragment."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fragments, "FRAGMENT_BYTES", 3 * 32)
        yield


def made(folder: str, dtype: str = "float64") -> Store:
    return Store.create(Path(folder) / "pool.store", items=ITEMS, dtype=dtype)


def part_of(rows: list[int], kind: str, bad: bool) -> Any:
    if kind == "pool":
        return pool_of([NAMES[row] for row in rows], VALUES[rows])
    if kind == "turned":
        return arrow_table([NAMES[row] for row in rows], VALUES[rows][:, ::-1], items=ITEMS[::-1])
    names, logits = [NAMES[row] for row in rows], VALUES[rows].tolist()
    return arrow_table([*names, *(["bad"] if bad else [])], [*logits, *([[np.nan] * 4] if bad else [])], kind="list")


parts = st.lists(
    st.tuples(
        st.lists(st.integers(0, N_MODELS - 1), min_size=1, max_size=N_MODELS, unique=True),
        st.sampled_from(["pool", "turned", "list"]),
        st.booleans(),
    ),
    max_size=6,
)


@given(parts, st.permutations(range(N_MODELS)), st.booleans())
def test_any_order_and_split_gives_the_same_pool(came: list[Any], rest: list[int], compacting: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = made(folder)
        for part in came:
            added = store.add(part_of(*part))
            assert added.n_new + added.n_known == len(part[0])
            if compacting:
                store.compact()
        store.add(part_of(rest, "list", bad=True))
        same_pool(store.pool(), pool_of(NAMES, VALUES))
        assert N_MODELS in [reject.line for reject in store.pool().rejects]
        assert len(store) == N_MODELS
        assert not store.check().faults
        before = (store.path / "store.json").read_bytes()
        for part in came:
            store.add(part_of(*part))
        assert (store.path / "store.json").read_bytes() == before


steps = st.lists(
    st.tuples(
        st.sampled_from(["reject", "replace", "compact"]),
        st.lists(st.integers(0, N_MODELS - 1), min_size=1, max_size=6, unique=True),
        st.integers(0, 2),
    ),
    max_size=10,
)


@given(steps, st.sampled_from(["float64", "float32"]))
def test_a_store_is_what_a_dictionary_would_be(done: list[Any], dtype: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, held = made(folder, dtype), {}
        order: list[str] = []
        for what, rows, shift in done:
            if what == "compact":
                store.compact()
                continue
            values = (VALUES[rows] + shift).astype(dtype)
            added = store.add(pool_of([NAMES[row] for row in rows], values), on_conflict=what)
            counts = {"new": 0, "known": 0, "refused": 0}
            for row, logits in zip(rows, values, strict=True):
                name = NAMES[row]
                same = name in held and np.array_equal(held[name], logits)
                takes = name not in held or (what == "replace" and not same)
                counts["known" if same else "new" if takes else "refused"] += 1
                if takes:
                    held[name] = logits
                    order = [each for each in order if each != name] + [name]
            assert counts == {"new": added.n_new, "known": added.n_known, "refused": len(added.rejects)}
        assert len(store) == len(held)
        assert [name for block in store.blocks() for name in block.models] == order
        for block in store.blocks():
            for name, logits in zip(block.models, block.logits, strict=True):
                np.testing.assert_array_equal(logits, held[name])
        assert not store.check().faults
