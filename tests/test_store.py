"""Stores: what goes in comes out, whatever it came in, in which order and how often."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hemicycle import Judgments, Pool, Round, Store
from hemicycle.bundle import sha256_of
from hemicycle.errors import (
    DomainError,
    FormatError,
    MissingExtraError,
    NoDataError,
    OptionError,
    ShapeError,
    StoreError,
)
from hemicycle.read_limits import ReadLimits
from hemicycle.store import fragments
from hemicycle.store.adding import CONFLICT, TWICE
from store_cases import ITEMS, KEY, arrow_table, files_in, pool_of, same_pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def submissions(tmp_path: Path) -> Path:
    """Give a folder of three sound submissions, one of them in the folder of an author, and two that are not."""
    folder = tmp_path / "submissions"
    (folder / "ann").mkdir(parents=True)
    for name, weights in {"one": (1, 2, 3, 4), "ann/two": (0.5, 0, 1, 7), "three": (3, 1, 2, 2)}.items():
        write_csv(folder / f"{name}.csv", weights)
    (folder / "bad.csv").write_text("repo,parent,weight\nx,p,1\n", encoding="utf-8")
    (folder / "empty.csv").write_text("", encoding="utf-8")
    return folder


def write_csv(path: Path, weights: Any) -> None:
    rows = "".join(f"{name},{parent},{w!r}\n" for (parent, name), w in zip(ITEMS, weights, strict=True))
    path.write_text(f"repo,parent,weight\n{rows}", encoding="utf-8")


def store_at(path: Path, **options: Any) -> Store:
    return Store.create(path / "pool.store", items=ITEMS, **options)


def test_a_store_of_a_folder_is_the_pool_of_the_folder(tmp_path: Path, submissions: Path) -> None:
    store = Store.create(tmp_path / "pool.store", source=submissions)
    added = store.add(submissions)
    assert (added.n_new, added.n_known, len(added.rejects)) == (3, 0, 2)
    pool = Pool.read(submissions)
    same_pool(store.pool(), pool)
    assert store.pool().rejects == pool.rejects
    assert store.pool().authors == ("ann", None, None)
    assert store.pool().files == pool.files
    assert store.pool().items_source == pool.items_source
    assert (len(store), store.items) == (3, pool.items)
    assert repr(store).endswith("3 models, 4 items)")
    assert sum(len(block) for block in store.blocks()) == 3


def archive(submissions: Path, tmp_path: Path) -> Path:
    with tarfile.open(tmp_path / "s.tar.gz", "w:gz") as file:
        file.add(submissions, "s")
    return tmp_path / "s.tar.gz"


def long_csv(submissions: Path, tmp_path: Path) -> Path:
    pool = Pool.read(submissions)
    rows = [
        f"{model},{parent},{name},{weight!r},{author or ''}"
        for model, author, weights in zip(pool.models, pool.authors, np.exp(pool.logits).tolist(), strict=True)
        for (parent, name), weight in zip(pool.items, weights, strict=True)
    ]
    (tmp_path / "long.csv").write_text("\n".join(["model,parent,item,weight,author", *rows]), encoding="utf-8")
    return tmp_path / "long.csv"


def long_parquet(submissions: Path, tmp_path: Path) -> Path:
    import pyarrow.csv as pcsv

    pq.write_table(pcsv.read_csv(long_csv(submissions, tmp_path)), tmp_path / "long.parquet")
    return tmp_path / "long.parquet"


def wide(submissions: Path, tmp_path: Path) -> pa.Table:
    pool = Pool.read(submissions, items=ITEMS)
    return arrow_table(pool.models, pool.logits, author=pa.array(pool.authors, pa.string()))


def wide_parquet(submissions: Path, tmp_path: Path) -> Path:
    pq.write_table(wide(submissions, tmp_path), tmp_path / "wide.parquet")
    return tmp_path / "wide.parquet"


def folder_of_parquet(submissions: Path, tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    table = wide(submissions, tmp_path)
    pq.write_table(table.slice(0, 1), tmp_path / "parts" / "a.parquet")
    pq.write_table(table.slice(1), tmp_path / "parts" / "b.parquet")
    return tmp_path / "parts"


def arrow_stream(submissions: Path, tmp_path: Path) -> Path:
    table = wide(submissions, tmp_path)
    with pa.OSFile(str(tmp_path / "w.arrows"), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    return tmp_path / "w.arrows"


def arrow_file(submissions: Path, tmp_path: Path) -> Path:
    table = wide(submissions, tmp_path)
    with pa.OSFile(str(tmp_path / "w.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return tmp_path / "w.arrow"


def open_stream(submissions: Path, tmp_path: Path) -> Any:
    return io.BytesIO(arrow_stream(submissions, tmp_path).read_bytes())


def open_pipe(submissions: Path, tmp_path: Path) -> Any:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    return Pipe(arrow_stream(submissions, tmp_path).read_bytes())


def another_store(submissions: Path, tmp_path: Path) -> Path:
    other = Store.create(tmp_path / "other.store", items=ITEMS[::-1])
    other.add(submissions)
    return other.path


SOURCES: list[Callable[[Path, Path], Any]] = [
    archive, long_csv, long_parquet, wide, wide_parquet, folder_of_parquet, arrow_stream, arrow_file, open_stream,
    open_pipe, another_store, lambda s, t: Store.open(another_store(s, t)), lambda s, _: Pool.read(s),
    lambda s, t: long_parquet(s, t) and pq.read_table(t / "long.parquet"),
]  # fmt: skip


@pytest.mark.parametrize("made", SOURCES, ids=lambda made: getattr(made, "__name__", "made"))
def test_every_kind_of_source_gives_the_same_pool(tmp_path: Path, submissions: Path, made: Any) -> None:
    store = store_at(tmp_path)
    source = made(submissions, tmp_path)
    assert store.add(source).n_new == 3
    same_pool(store.pool(), Pool.read(submissions, items=ITEMS), rtol=1e-15)
    if not hasattr(source, "read"):
        before = files_in(store.path)
        again = store.add(source)
        assert (again.n_new, again.n_known) == (0, 3)
        assert files_in(store.path) == before


def test_adding_twice_changes_nothing_also_after_compaction(tmp_path: Path, submissions: Path) -> None:
    store = store_at(tmp_path)
    for _ in range(2):
        store.add(submissions)
        store.add(submissions / "three.csv")
    before, digest = files_in(store.path), sha256_of(store.path)
    store.add(submissions)
    assert files_in(store.path) == before
    write_csv(submissions / "four.csv", (1, 1, 1, 2))
    assert (store.add(submissions).n_new, store.add(submissions).n_known) == (1, 4)
    assert sha256_of(store.path) != digest
    store.compact()
    compacted = files_in(store.path)
    store.add(submissions)
    assert files_in(store.path) == compacted
    assert store.compact().n_after == 1
    assert files_in(store.path) == compacted


def test_a_matrix_is_named_after_the_file_and_the_row(tmp_path: Path) -> None:
    logits = np.array([[0.0, 1, 2, 3], [1, 1, 1, np.nan], [2, -np.inf, 0, 0]])
    np.save(tmp_path / "guess.npy", logits)
    store = store_at(tmp_path)
    added = store.add(tmp_path / "guess.npy")
    assert [reject.file for reject in added.rejects] == ["guess.npy [guess-000001]"]
    assert store.pool().models == ("guess-000000", "guess-000002")
    np.testing.assert_array_equal(store.pool().logits, logits[[0, 2]])
    np.save(tmp_path / "guess.npy", np.vstack([logits] * 7))
    assert (store.add(tmp_path / "guess.npy").n_known, len(store)) == (2, 14)
    np.save(tmp_path / "f2.npy", logits[:1].astype(">f2"))
    np.save(tmp_path / "i4.npy", logits[:1].astype("i4"))
    assert store.add(tmp_path / "f2.npy").n_new + store.add(tmp_path / "i4.npy").n_new == 2
    np.save(tmp_path / "narrow.npy", logits[:, :3])
    with pytest.raises(ShapeError, match="3 columns, one for each of 4"):
        store.add(tmp_path / "narrow.npy")
    with pytest.raises(OptionError, match="names no items"):
        Store.create(tmp_path / "new.store", source=tmp_path / "guess.npy")


@pytest.mark.parametrize("kind", ["list", "large_list", "fixed"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint16"])
def test_lists_of_every_kind_of_number(tmp_path: Path, kind: str, dtype: str) -> None:
    values = np.arange(8).reshape(2, 4).astype(dtype)
    store = store_at(tmp_path)
    table = arrow_table(["a", "b"], values, kind=kind)
    assert store.add(table.slice(1)).n_new == 1  # an offset inside its buffers
    assert store.add(table).n_new == 1
    np.testing.assert_array_equal(store.pool().logits, values.astype(np.float64))


def test_columns_are_put_in_the_order_of_the_store(tmp_path: Path) -> None:
    values = np.arange(8.0).reshape(2, 4)
    store = store_at(tmp_path)
    turned = arrow_table(["a", "b"], values[:, ::-1], items=ITEMS[::-1])
    plain = arrow_table(["a", "b"], values, items=None)
    assert store.add(turned).n_new == 2
    assert store.add(plain).n_known == 2
    assert store.add(pool_of(["a", "b"], values[:, ::-1], items=ITEMS[::-1])).n_known == 2
    spelled = [(parent, f"https://github.com/{name.upper()}/") for parent, name in ITEMS]
    assert store.add(arrow_table(["a", "b"], values, items=spelled)).n_known == 2


@pytest.mark.parametrize("kind", ["list", "large_list", "fixed"])
def test_bad_rows_are_turned_away_each_with_a_reason(tmp_path: Path, kind: str) -> None:
    inf = float("inf")
    rows: list[Any] = [
        [0.0, 1.0, 2.0, 3.0],
        None,
        [0.0, None, 0.0, 0.0],
        [float("nan"), 0.0, 0.0, 0.0],
        [0.0, 0.0, inf, 0.0],
        [-inf, -inf, 0.0, 0.0],
        [-inf, 0.0, -inf, 0.0],
    ]
    if kind != "fixed":
        rows += [[0.0] * 3, [], [0.0] * 5]
    names = ["sound", "null", "hole", "nan", "inf", "barren", "zeros", "short", "none", "long"][: len(rows)]
    store = store_at(tmp_path)
    added = store.add(arrow_table(names, rows, kind=kind))
    reasons = {reject.file.partition("[")[2][:-1]: reject.reason for reject in added.rejects}
    assert store.pool().models == ("sound", "zeros")
    assert set(reasons) == set(names) - {"sound", "zeros"}
    for name in ("hole", "nan", "inf"):
        assert "a logit is finite, or -inf for a weight of 0" in reasons[name]
    assert "every weight of a parent is 0" in reasons["barren"]
    assert "has 0 logits, one for each of 4 items needed" in reasons["null"]
    assert [reject.line for reject in added.rejects][:2] == [1, 2]
    assert store.rejects == added.rejects


NAMES = [None, "", "  ", "a\nb", "\u202eb", "x" * 201, "nul\0"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_cannot_be_kept_are_turned_away(tmp_path: Path, name: str | None) -> None:
    logits = np.arange(8.0).reshape(2, 4)
    store = store_at(tmp_path)
    assert len(store.add(arrow_table([name, "b"], logits)).rejects) == 1
    by_author = arrow_table(["c", "d"], logits, author=pa.array(["ann", name], pa.string()))
    assert len(store.add(by_author).rejects) == int(bool(name and name.strip()))
    if name is not None:
        assert len(store.add(pool_of([name, "e"], logits)).rejects) == 1
    assert {"b", "c", "e"} >= set(store.pool().models) - {"d"}
    assert not store.check().faults


def test_names_that_no_file_can_hold_are_turned_away(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    added = store.add(pool_of(["half \ud800", "ﬁne"], np.arange(8.0).reshape(2, 4)))
    assert "half of a character" in added.rejects[0].reason
    assert store.pool().models == ("fine",)
    with pytest.raises(FormatError, match="direction override"):
        Store.create(tmp_path / "s", items=[("p\u202e", "x")])


@pytest.mark.parametrize("together", [True, False])
def test_a_name_twice(tmp_path: Path, together: bool) -> None:
    values = np.array([[0.0, 1, 2, 3], [0, 1, 2, 3], [9, 1, 2, 3]])
    names = ["a", "a", "a"]
    parts = [(names, values)] if together else [([name], values[n : n + 1]) for n, name in enumerate(names)]
    store = store_at(tmp_path)
    added = [store.add(arrow_table(*part)) for part in parts]
    assert sum(part.n_new for part in added) == 1
    assert sum(part.n_known for part in added) == 1
    assert [reject.reason for part in added for reject in part.rejects] == [CONFLICT]
    assert [reject.reason for reject in store.pool().rejects] == [CONFLICT]
    np.testing.assert_array_equal(store.pool().logits, values[:1])


def test_replacing(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    values = np.arange(12.0).reshape(3, 4)
    store.add(pool_of("abc", values))
    added = store.add(pool_of("bcd", np.add(values, [[1], [0], [0]])), on_conflict="replace")
    assert (added.n_new, added.n_replaced, added.n_known) == (3, 2, 0)
    store.add(pool_of("b", values[1:2]), on_conflict="replace")
    store.add(pool_of("b", values[2:3]), on_conflict="replace")
    store.add(pool_of("b", values[1:2]), on_conflict="replace")  # bytes that were written before
    pool = store.pool()
    assert pool.models == ("a", "b", "c", "d")
    np.testing.assert_array_equal(pool.logits[1], values[1])
    assert len({each.sha256 for each in store.manifest.fragments}) == len(store.manifest.fragments)
    assert len(store) == 4
    assert not store.check().faults
    done = store.compact()
    assert done.n_after == 1
    assert done.n_dropped > 0
    same_pool(store.pool(), pool)
    assert not store.check().faults


def test_a_source_that_contradicts_itself_does_not_replace_what_it_brought(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    values = np.arange(8.0).reshape(2, 4)
    for _ in range(2):
        added = store.add(pool_of("aa", values, unchecked=True), on_conflict="replace")
        assert [reject.reason for reject in added.rejects] == [TWICE]
        assert [reject.reason for reject in store.pool().rejects] == [TWICE]
        assert len(store.manifest.commits) == 2
    np.testing.assert_array_equal(store.pool().logits, values[:1])


def test_compaction_keeps_the_pool_and_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragments, "FRAGMENT_BYTES", 5 * 32)  # five models
    rng, store = np.random.default_rng(0), store_at(tmp_path)
    values = rng.normal(size=(40, 4))
    names = [f"m{n:02d}" for n in rng.permutation(40)]
    for first, n in ((0, 3), (3, 7), (10, 1), (11, 5), (16, 5), (21, 2), (23, 17)):
        rows = slice(first, first + n)
        store.add(arrow_table([*names[rows], "bad"], [*values[rows].tolist(), [np.nan] * 4], kind="list"))
    store.add(pool_of(names[4:12], values[4:12] + 1), on_conflict="replace")
    before, order = store.pool(), [name for block in store.blocks() for name in block.models]
    told: list[tuple[int, int]] = []
    done = store.compact(progress=lambda n, of: told.append((n, of)))
    assert done.n_after == len(store.manifest.fragments) < done.n_before
    assert done.n_dropped == 8
    assert told[-1] == (40, 40)
    same_pool(store.pool(), before)
    assert store.pool().rejects == before.rejects
    assert [name for block in store.blocks() for name in block.models] == order
    assert max(len(block) for block in store.blocks()) == 5
    assert not store.check().faults
    manifest = (store.path / "store.json").read_bytes()
    store.compact()
    assert (store.path / "store.json").read_bytes() == manifest


def test_min_weight_on_reading_is_that_of_reading_files(tmp_path: Path, submissions: Path) -> None:
    store = store_at(tmp_path)
    store.add(submissions)
    plain = Pool.read(submissions, items=ITEMS, min_weight=0.75)
    same_pool(store.pool(min_weight=0.75), plain)
    assert store.pool(min_weight=0.75).notices == plain.notices
    same_pool(Pool.read(store.path, min_weight=0.75), plain)
    floored = Store.create(tmp_path / "floored", items=ITEMS)
    floored.add(submissions, min_weight=0.75)
    same_pool(floored.pool(), plain)
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(DomainError, match="min_weight"):
            store.pool(min_weight=wrong)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_models_that_no_likelihood_would_score_are_turned_away(tmp_path: Path, dtype: str) -> None:
    store = store_at(tmp_path, dtype=dtype)
    values = np.array([[1e6, -1e6, -np.inf, 0], [0, 1e39, 0, 0], [0, 0, -1e300, -np.inf], [np.nan, 2e6, 0, 0]])
    added = store.add(arrow_table("abcd", values))
    assert added.n_new == 1
    assert [(reject.value, reject.reason.split(": ")[1][:20]) for reject in added.rejects] == [
        ("1e+39", "a logit is at most 1"),
        ("-1e+300", "a logit is at most 1"),
        ("nan", "a logit is finite, o"),
    ]
    judgments = Judgments.from_arrays([0], [1], [0.5], items=store.items)
    Round(judgments, store.pool(min_weight=1e-3))


def test_float32_rounds(tmp_path: Path) -> None:
    store = store_at(tmp_path, dtype="float32")
    values = np.array([[0.1, 1 / 3, -np.inf, 1e-50]])
    store.add(pool_of("a", values))
    np.testing.assert_array_equal(store.pool().logits, values[:1].astype(np.float32))
    assert store.pool().logits.dtype == np.float32
    assert store.add(pool_of("a", values[:1])).n_known == 1
    assert store.add(pool_of("a", np.add(values[:1], [[1e-12, 0, 0, 0]]))).n_known == 1
    assert store.add(pool_of("z", [[-0.0, 0, 0, 0]])).n_new == 1
    assert store.add(pool_of("z", [[0.0, -0.0, 0, 0]])).n_known == 1


def test_a_model_is_read_at_most_twice_whatever_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hemicycle.store import known_models

    monkeypatch.setattr(fragments, "FRAGMENT_BYTES", 10 * 32)
    values, names = np.random.default_rng(1).normal(size=(100, 4)), [f"m{n:03d}" for n in range(100)]
    store = store_at(tmp_path)
    store.add(pool_of(names, values))
    reads: list[str] = []
    read = known_models.read_fragment
    monkeypatch.setattr(
        known_models, "read_fragment", lambda f, fragment, *a: reads.append(fragment.sha256) or read(f, fragment, *a)
    )
    order = np.random.default_rng(2).permutation(100)
    changed = values[order].copy()
    changed[0, 0] += 1
    added = store.add(pool_of([names[n] for n in order], changed))
    assert (added.n_known, len(added.rejects)) == (99, 1)
    assert max(map(reads.count, reads)) == 2


def test_items_of_another_round_are_refused(tmp_path: Path) -> None:
    store, values = store_at(tmp_path), np.arange(8.0).reshape(2, 4)
    other = [("p", "x"), ("p", "y"), ("q", "z"), ("q", "other")]
    for source in (arrow_table("ab", values, items=other), arrow_table("ab", values[:, :3], items=ITEMS[:3])):
        with pytest.raises(FormatError, match="its items are not those of the round"):
            store.add(source)
    with pytest.raises(OptionError, match="not those of the store"):
        store.add(pool_of("ab", values, items=other))
    assert len(store) == 0
    with pytest.raises(NoDataError, match="holds no models"):
        store.pool()


def test_times_come_with_models_or_are_given(tmp_path: Path) -> None:
    store, values = store_at(tmp_path), np.arange(12.0).reshape(3, 4)
    times = pa.array(["2025-01-01T10:00:00+02:00", None, "yesterday"])
    added = store.add(arrow_table("abc", values, submitted=times), submitted={"b": "2025-01-02T00:00:00Z"})
    assert added.notices == (
        "table: 1 time of submission left aside; the first: row 2 has 'yesterday', not a time of ISO 8601, such as "
        "2025-10-06T16:17:34Z",
    )
    assert store.pool().submitted == ("2025-01-01T08:00:00+00:00", "2025-01-02T00:00:00+00:00", None)
    stamps = pa.array([0, 1, None], pa.timestamp("us", "UTC"))
    assert store.add(arrow_table("def", values, submitted=stamps)).notices == ()
    assert store.pool().submitted[3] == "1970-01-01T00:00:00+00:00"
    given = Pool.read(store.path, submitted={"c": "2025-03-03T00:00:00Z", "nobody": "2025-03-03T00:00:00Z"})
    assert given.submitted[1:3] == ("2025-01-02T00:00:00+00:00", "2025-03-03T00:00:00+00:00")
    assert "nobody" in given.notices[-1]


def test_reading_a_store_as_a_pool(tmp_path: Path, submissions: Path) -> None:
    store = store_at(tmp_path)
    store.add(submissions)
    same_pool(Pool.read(store.path, items=ITEMS), store.pool())
    with pytest.raises(OptionError, match="leave items= out"):
        Pool.read(store.path, items=ITEMS[:2])
    with pytest.raises(OptionError, match="rename is for submissions on their way"):
        Pool.read(store.path, rename={"x": "y"})
    (submissions / "store.json").write_text("a stranger's", encoding="utf-8")
    assert len(Pool.read(submissions)) == 3  # which is no store for it


@pytest.mark.parametrize(
    ("options", "said"),
    [({"rename": {"x": "y"}}, "min_weight and rename are for csv"), ({"min_weight": 0.1}, "these are logits")],
)
def test_options_for_csv_are_refused_for_logits(tmp_path: Path, options: Any, said: str) -> None:
    store, values = store_at(tmp_path), np.zeros((1, 4))
    np.save(tmp_path / "m.npy", values)
    for source in (arrow_table("a", values), pool_of("a", values), tmp_path / "m.npy"):
        with pytest.raises(OptionError, match=said):
            store.add(source, **options)


def test_renaming_items_of_csv_and_long_tables(tmp_path: Path, submissions: Path) -> None:
    items = [("p", "x"), ("p", "new"), ("q", "z"), ("q", "w")]
    store = Store.create(tmp_path / "pool.store", items=items)
    assert store.add(submissions, rename={"y": "new"}).n_new == 3
    assert store.add(pq.read_table(long_parquet(submissions, tmp_path)), rename={"y": "new"}).n_known >= 1


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (b"{", "hold no item list"),
        (b"{}", "hold no item list"),
        (b'{"items": 3}', "hold no item list"),
        (b'{"items": []}', "hold no item list"),
        (b'{"items": [["p", "x"], ["p", "x"]]}', "same item"),
        (b'{"items": ' + b"[" * 100_000 + b"}", "hold no item list"),
        (b"\xff", "hold no item list"),
        (b'{"items": [["p", "\\ud800"]]}', "hold no item list"),
    ],
)
def test_metadata_that_name_no_items(tmp_path: Path, metadata: bytes, said: str) -> None:
    table = arrow_table("a", np.zeros((1, 4)), items=None).replace_schema_metadata({KEY: metadata})
    with pytest.raises(FormatError, match=said):
        store_at(tmp_path).add(table)


def test_sources_that_are_none(tmp_path: Path) -> None:
    store, sound = store_at(tmp_path), arrow_table("ab", np.zeros((2, 4)))
    logits = sound["logits"]
    cases: list[tuple[Any, str]] = [
        (3, "expected a path, a Pool"),
        (tmp_path / "absent.parquet", "absent.parquet: No such file"),
        (tmp_path / "absent.csv", "no such file"),
        (pa.table({"name": ["a"], "logits": logits.slice(0, 1)}), "expected one column model"),
        (pa.table([sound["model"], sound["model"], logits], names=["model", "model", "logits"]), "one column model"),
        (
            pa.table([sound["model"]] * 3 + [logits], names=["model", "author", "author", "logits"]),
            "one column author",
        ),
        (pa.table({"model": ["a"], "logits": [[["x"]]]}), "expected a list of numbers"),
        (pa.table({"model": ["a"], "logits": ["x"]}), "expected a list of numbers"),
        (pa.table({"model": [[1]], "logits": logits.slice(0, 1)}), "the column model is no text"),
        (pa.table({"model": pa.array([b"\xff"]), "logits": logits.slice(0, 1)}), "the column model is no text"),
        (io.BytesIO(b"ARROW1 and no more"), "cannot be read as Arrow"),
        (io.BytesIO(b""), "cannot be read as Arrow"),
        (io.BytesIO(b"garbage" * 9), "cannot be read as Arrow"),
    ]  # fmt: skip
    for number, (source, said) in enumerate(cases):
        with pytest.raises(FormatError, match=said):
            store.add(source)
        assert len(store) == 0, number
    for name in ("x.parquet", "x.arrow"):
        (tmp_path / name).write_bytes(b"PAR1garbagePAR1")
        with pytest.raises(FormatError, match=f"{name}: cannot be read as"):
            store.add(tmp_path / name)
    for name in ("y.parquet", "y.arrow"):
        (tmp_path / name).mkdir()
        with pytest.raises(NoDataError, match="holds no csv file"):
            store.add(tmp_path / name)


def test_a_stream_cut_short_leaves_what_came_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fragments, "FRAGMENT_BYTES", 10 * 32)
    sink = io.BytesIO()
    table = arrow_table([f"m{n:02d}" for n in range(40)], np.random.default_rng(0).normal(size=(40, 4)))
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    store = store_at(tmp_path)
    with pytest.raises(FormatError, match="stream: cannot be read further"):
        store.add(io.BytesIO(sink.getvalue()[:-400]))
    assert 0 < len(store) < 40
    assert not store.check().faults
    store.add(io.BytesIO(sink.getvalue()))
    assert len(store) == 40


def test_long_tables_are_bounded(tmp_path: Path, submissions: Path) -> None:
    path = long_parquet(submissions, tmp_path)
    with pytest.raises(FormatError, match="limit of 5 rows"):
        store_at(tmp_path).add(path, limits=ReadLimits(rows=5))


def test_making_a_store(tmp_path: Path, submissions: Path) -> None:
    with pytest.raises(OptionError, match="dtype"):
        store_at(tmp_path, dtype="float16")
    with pytest.raises(OptionError, match="needs an item list"):
        Store.create(tmp_path / "new.store")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for path in (tmp_path / "full", tmp_path / "file"):
        with pytest.raises(OptionError, match="no empty folder"):
            Store.create(path, items=ITEMS)
    store = store_at(tmp_path)
    with pytest.raises(OptionError, match="is a store already"):
        store_at(tmp_path)
    with pytest.raises(StoreError, match="is no store; hemicycle store add makes one"):
        Store.open(tmp_path / "absent")
    with pytest.raises(StoreError, match="is no store"):
        Store.open(tmp_path / "file")
    wide = arrow_table("a", np.zeros((1, 4)))
    pq.write_table(wide, tmp_path / "wide.parquet")
    of = Store.create(tmp_path / "of.store", source=tmp_path / "wide.parquet")
    assert of.items == store.items
    assert of.manifest.items_source == "those of wide.parquet"
    with pytest.raises(NoDataError, match="holds no submission"):
        Store.create(tmp_path / "none.store", source=arrow_table([None], np.zeros((1, 4))))


def test_a_store_in_the_making_can_be_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "pool.store"
    for part in ("fragments", "rejects"):
        (folder / part).mkdir(parents=True)
    (folder / ".lock").touch()
    (folder / "0123.part").touch()
    assert len(store_at(tmp_path)) == 0


def test_a_store_of_other_items_is_refused_and_leaves_nothing(tmp_path: Path, submissions: Path) -> None:
    other = another_store(submissions, tmp_path)
    store = Store.create(tmp_path / "fewer.store", items=ITEMS[:3])
    with pytest.raises(OptionError, match="source: its items are not those of the store: it has 4, the store 3"):
        store.add(other)
    more = Store.create(tmp_path / "more.store", items=[*ITEMS, ("p", "more")])
    with pytest.raises(OptionError, match="it lacks 'more'"):
        more.add(Pool.read(other))
    same = store_at(tmp_path)
    with pytest.raises(OptionError, match="min_weight"):
        same.add(other, min_weight=0.1)
    assert [len(each.manifest.commits) for each in (store, more, same)] == [0, 0, 0]


def test_rejects_of_another_store_come_with_it_and_what_was_mended_is_told_no_more(
    tmp_path: Path, submissions: Path
) -> None:
    store = store_at(tmp_path)
    store.add(another_store(submissions, tmp_path))
    assert [reject.file for reject in store.pool().rejects] == ["bad.csv", "empty.csv"]
    write_csv(submissions / "bad.csv", (1, 2, 1, 2))
    store.add(submissions)
    assert [reject.file for reject in store.rejects] == ["bad.csv", "empty.csv"]
    assert [reject.file for reject in store.pool().rejects] == ["empty.csv"]


def test_a_folder_is_read_some_files_at_a_time(
    tmp_path: Path, submissions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hemicycle.store import arrivals

    monkeypatch.setattr(arrivals, "FILES_AT_ONCE", 1)
    store = store_at(tmp_path)
    told: list[int] = []
    added = store.add(submissions, progress=lambda so_far: told.append(so_far.n_new))
    assert told == sorted(told)
    assert len(told) == 5
    assert added.n_new == 3
    plain = Pool.read(submissions, items=ITEMS)
    same_pool(store.pool(), plain)
    assert store.pool().rejects == plain.rejects


def test_it_says_which_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hemicycle import extras

    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(extras, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"pip install 'hemicycle\[io\]'"):
        store_at(tmp_path)


def test_the_hash_of_a_store_is_that_of_what_it_holds(tmp_path: Path) -> None:
    store, values = store_at(tmp_path), np.arange(8.0).reshape(2, 4)
    seen = {sha256_of(store.path)}
    store.add(pool_of("ab", values))
    seen.add(sha256_of(store.path))
    store.add(pool_of("b", values[:1]), on_conflict="replace")
    seen.add(sha256_of(store.path))
    store.add(arrow_table("c", [[np.nan] * 4], kind="list"))
    digest = sha256_of(store.path)
    assert len(seen | {digest}) == 4
    path = store.path / "store.json"
    told = json.loads(path.read_bytes())
    for commit in told["commits"]:
        commit["time"], commit["source"] = "another", "elsewhere"
    told["commits"].reverse()
    path.write_text(json.dumps(told), encoding="utf-8")
    assert sha256_of(store.path) == digest
    told["commits"][1]["fragment"]["sha256"] = "0" * 64
    path.write_text(json.dumps(told), encoding="utf-8")
    assert sha256_of(store.path) != digest


def test_frames_with_a_row_a_model(tmp_path: Path) -> None:
    import pandas as pd
    import polars as pl

    values, store = np.arange(8.0).reshape(2, 4), store_at(tmp_path)
    columns: dict[str, Any] = {"model": ["a", "b"], "logits": values.tolist(), "author": ["ann", None]}
    assert store.add(pl.DataFrame(columns)).n_new == 2
    assert store.add(pd.DataFrame(columns)).n_known == 2
    assert store.add(pl.DataFrame(columns | {"logits": pl.Series(values, dtype=pl.Array(pl.Float64, 4))})).n_known == 2
    assert store.pool().authors == ("ann", None)
