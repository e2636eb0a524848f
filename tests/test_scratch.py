"""Pools in files without a name: the same pools, and nothing left behind."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from command_line import files_of
from hemicycle import Judgments, Pool, Round, Store, scratch
from hemicycle.cli import main
from hemicycle.errors import DomainError, DtypeError
from hemicycle.scratch import byte_count, new_matrix, release, rows_of
from hemicycle.store import gathering

if TYPE_CHECKING:
    from pathlib import Path

    from hemicycle.mechanism import Method

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

N_ITEMS = 7


@pytest.fixture
def store(tmp_path: Path) -> Store:
    rng = np.random.default_rng(0)
    names = [f"m{k:04d}" for k in rng.permutation(700)]
    logits = rng.normal(size=(700, N_ITEMS))
    logits[::50, 2] = -np.inf
    made = Store.create(tmp_path / "pool.store", items=N_ITEMS)
    pool = Pool.from_array(logits, models=names, items=N_ITEMS, authors=[name[:2] for name in names])
    for first in range(0, 700, 90):
        made.add(pool.select(range(first, min(700, first + 90))))
    return made


@pytest.mark.parametrize("rows", [1, 64, 100, 4096])
@pytest.mark.parametrize("min_weight", [None, 0.2])
def test_a_mapped_pool_is_that_in_memory(
    store: Store, rows: int, min_weight: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "ROWS_AT_ONCE", rows)
    whole, mapped = (store.pool(min_weight=min_weight, memory=memory) for memory in ("1 GiB", 0))
    assert isinstance(mapped.logits, np.memmap)
    assert not isinstance(whole.logits, np.memmap)
    np.testing.assert_array_equal(mapped.logits, whole.logits)
    for name in ("models", "authors", "files", "submitted", "notices", "rejects"):
        assert getattr(mapped, name) == getattr(whole, name)


def test_models_in_the_order_of_their_names_go_straight_to_their_place(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "s", items=N_ITEMS, dtype="float32")
    logits = np.random.default_rng(0).normal(size=(50, N_ITEMS)).astype(np.float32)
    store.add(Pool.from_array(logits, items=N_ITEMS))
    mapped = Pool.read(store.path, memory=0)
    np.testing.assert_array_equal(mapped.logits, logits)
    assert mapped.logits.dtype == np.float32


def test_every_mechanism_gives_the_same_bits_from_a_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "ROW_BYTES", 8 * N_ITEMS)
    rng = np.random.default_rng(1)
    judgments = Judgments.from_arrays(
        rng.integers(0, 3, 40), rng.integers(3, N_ITEMS, 40), rng.normal(size=40), items=N_ITEMS
    )
    whole, mapped = (Round(judgments, store.pool(memory=memory)) for memory in ("1 GiB", 0))
    assert len(mapped.pool) == 686  # those with a zero weight are barred
    assert isinstance(mapped.pool.logits, np.memmap)
    asked: list[tuple[Method, dict[str, Any]]] = [
        ("stacking", {}),
        ("least_squares", {}),
        ("least_squares", {"reference": "clone_proof"}),
        ("bma", {}),
        ("bma", {"prior": "clone_proof"}),
        ("bma", {"bootstrap": 50, "rng": 0}),
        ("greedy", {}),
        ("greedy", {"loss": "log_score"}),
        ("best", {}),
    ]
    for method, options in asked:
        one, other = (round_.ensemble(method, **options) for round_ in (whole, mapped))
        np.testing.assert_array_equal(one.weights, other.weights)
        assert list(one.allocation()["share"]) == list(other.allocation()["share"])
    np.testing.assert_array_equal(whole.clones(0.1).prior, mapped.clones(0.1).prior)


def test_rows_of_a_mapped_matrix_are_mapped_where_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    from hemicycle import scratch

    matrix = new_matrix((1000, 5), np.float64, 0)
    matrix[:] = np.arange(5000).reshape(1000, 5)
    index = np.random.default_rng(0).permutation(1000)[:600]
    plain = np.arange(5000.0).reshape(1000, 5)[index]
    np.testing.assert_array_equal(rows_of(matrix, index), plain)
    monkeypatch.setattr(scratch, "ROW_BYTES", 1000)
    chosen = rows_of(matrix, index)
    assert isinstance(chosen, np.memmap)
    np.testing.assert_array_equal(chosen, plain)


def test_the_file_has_no_name_and_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    matrix = new_matrix((300, 10), np.float32, 100)
    matrix[:] = 1.5
    release(matrix)
    assert list(tmp_path.iterdir()) == []
    assert (matrix == 1.5).all()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="space"):
        new_matrix((300, 10), np.float32, 100)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [(0, 0), (10, 10), ("10", 10), ("4GiB", 4 << 30), ("500 mb", 500_000_000), ("1.5k", 1500), ("2 TiB", 2 << 40)],
)
def test_sizes_in_words(given: int | str, expected: int) -> None:
    assert byte_count(given, "memory") == expected


def test_a_quarter_of_the_machine_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hemicycle import scratch

    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(scratch, "LIMIT", limit)
    assert byte_count(None, "memory") == pages // 4
    limit.write_text("max\n")
    assert byte_count(None, "memory") == pages // 4
    limit.write_text("1073741824\n")
    assert byte_count(None, "memory") == 1 << 28


@pytest.mark.parametrize(
    ("given", "error"),
    [(-1, DomainError), ("much", DomainError), ("4 XB", DomainError), (1.5, DtypeError), (True, DtypeError)],
)
def test_what_is_no_size_is_refused(given: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="memory"):
        byte_count(given, "memory")  # type: ignore[arg-type]


def test_the_command_gives_the_same_files(here: Path) -> None:
    assert main(["store", "add", "pool.store", "submissions", "--quiet"]) == 0
    for memory, out in (("1GiB", "whole"), ("0", "mapped")):
        assert main(["ensemble", "jury.csv", "pool.store", "--memory", memory, "--out", out, "--quiet"]) == 0
    assert files_of("whole") == files_of("mapped")
    assert main(["ensemble", "jury.csv", "pool.store", "--memory", "much", "--out", "other"]) == 2
