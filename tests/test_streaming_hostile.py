"""Scores of a store under what should not happen: wild judgments, foreign files, changes meanwhile."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, Round, Store
from hemicycle.errors import DomainError, DtypeError, NoDataError, OptionError, ShapeError, StoreError
from hemicycle.likelihood import log_likelihood
from hemicycle.store import models
from hemicycle.streaming import score_store

if TYPE_CHECKING:
    from pathlib import Path

    from hemicycle.streaming import StoreScores
    from hemicycle.types import PairWeights

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

N_ITEMS = 8


def jury(n: int, *last: tuple[int, int, float, float], seed: int = 0) -> Judgments:
    """Judgments, and some more: item, item, log ratio and weight."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, N_ITEMS, n)
    b = (a + rng.integers(1, N_ITEMS, n)) % N_ITEMS
    columns = np.array([*zip(a, b, rng.normal(size=n), rng.choice([0.1, 0.7, 1.0], n), strict=True), *last]).T
    first, second = columns[:2].astype(np.int64)
    return Judgments.from_arrays(first, second, columns[2], weight=columns[3], items=N_ITEMS)


LOGITS = np.random.default_rng(1).normal(size=(40, N_ITEMS))


def make(path: Path, logits: Any = LOGITS, dtype: str = "float64") -> Store:
    """Four fragments, in the order of the names."""
    store = Store.create(path, items=N_ITEMS, dtype=dtype)
    pool = Pool.from_array(np.asarray(logits), items=N_ITEMS)
    for rows in np.array_split(np.arange(len(pool)), 4):
        store.add(pool.select(rows))
    return store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make(tmp_path / "pool.store")


def assert_new(scores: StoreScores, judgments: Judgments, pair_weights: PairWeights = "equal") -> None:
    """Compare with scores of the pool, whose models stand in the same order."""
    pool = scores.store.pool()
    right = Round(judgments, pool).scores()
    whole = log_likelihood(pool, judgments, pair_weights=pair_weights)
    np.testing.assert_allclose(scores.log_likelihood, whole, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(scores.mse, right.mse, rtol=1e-11)
    np.testing.assert_allclose(scores.accuracy, right.accuracy, rtol=0, atol=1e-11)


@pytest.mark.parametrize("pair_weights", ["equal", "total"])
@pytest.mark.parametrize("wild", [(0, 1, 1e6, 1.0), (0, 1, 1.0, 1e100), (0, 1, -3e5, 2e6)])
def test_a_wild_judgment_that_is_withdrawn_leaves_nothing_behind(
    store: Store, tmp_path: Path, wild: tuple[int, int, float, float], pair_weights: PairWeights
) -> None:
    whole = jury(30, wild)
    for rows in (31, 30, 31, 29):
        judgments = whole.select(range(rows))
        scores = score_store(store, judgments, tmp_path / "scores", pair_weights=pair_weights)
    assert_new(scores, judgments, pair_weights)


@pytest.mark.parametrize("seed", range(6))
def test_juries_that_come_and_go_as_they_like(store: Store, tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = jury(60, seed=seed)
    rows = np.arange(40)
    for _ in range(12):
        rows = np.union1d(rng.permutation(rows)[rng.integers(0, 6) :], rng.integers(0, 60, rng.integers(0, 6)))
        judgments = whole.select(rng.permutation(rows))
        scores = score_store(store, judgments, tmp_path / "scores", pair_weights="total")
        assert_new(scores, judgments, "total")
        assert 0.0 <= scores.accuracy.min() <= scores.accuracy.max() <= 1.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_are_lifted_as_in_the_pool(tmp_path: Path, dtype: str) -> None:
    store = make(tmp_path / "s", 3 * LOGITS.astype(dtype), dtype)
    scores = score_store(store, jury(20), tmp_path / "scores", min_weight=0.2)
    right = Round(jury(20), store.pool(min_weight=0.2))
    np.testing.assert_array_equal(scores.log_likelihood, right.log_likelihood())
    shares = right.ensemble("bma").allocation()["share"]
    np.testing.assert_allclose(scores.bma().allocation()["share"], shares, rtol=1e-13)  # type: ignore[arg-type]


def test_stores_without_models_that_count(tmp_path: Path) -> None:
    with pytest.raises(NoDataError, match="holds no models"):
        score_store(Store.create(tmp_path / "empty", items=N_ITEMS), jury(5), tmp_path / "scores")
    assert not (tmp_path / "scores").exists()
    barren = LOGITS.copy()
    barren[:, 2] = -np.inf
    scores = score_store(make(tmp_path / "barren", barren), jury(5), tmp_path / "scores")
    assert (len(scores), scores.n_barred) == (0, 40)
    assert "0 models" in repr(scores)
    for ask in (scores.bma, scores.uniform, scores.best, scores.leaderboard):
        with pytest.raises(NoDataError, match="min_weight would lift"):
            ask()


def test_a_model_beyond_the_domain_counts_until_it_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MAX_LOG", np.inf)  # another program may write such a store
    wild = LOGITS.copy()
    wild[4, 0] = 1e200
    store = make(tmp_path / "s", wild)
    with pytest.raises(DomainError, match=r"model-04.*at most 1e6"):
        score_store(store, jury(20), tmp_path / "scores")
    store.add(Pool.from_array(LOGITS[4:5], models=[store.pool().models[4]], items=N_ITEMS), on_conflict="replace")
    scores = score_store(store, jury(20), tmp_path / "scores")
    assert (len(scores), scores.n_barred) == (40, 0)
    store.compact()
    assert len(score_store(store, jury(20), tmp_path / "scores")) == 40


def test_files_of_others_are_left_alone(store: Store, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "blocks").mkdir(parents=True)
    for name, content in (("scores.json", json.dumps({"mine": 1})), ("blocks/mine.parquet", "x")):
        (mine / name).write_text(content)
    with pytest.raises(OptionError, match="no scores"):
        score_store(store, jury(5), mine)
    assert json.loads((mine / "scores.json").read_text()) == {"mine": 1}
    assert (mine / "blocks/mine.parquet").exists()


def test_what_a_killed_run_left_is_swept(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "scores"
    score_store(store, jury(5), folder)
    for part in (folder, folder / "blocks", folder / "judgments"):
        (part / "0123.part").touch()
    score_store(store, jury(5), folder)
    assert not list(folder.rglob("*.part"))


@pytest.mark.parametrize("n_bytes", [0, 100, 700])
def test_a_damaged_jury_of_before_costs_only_time(store: Store, tmp_path: Path, n_bytes: int) -> None:
    folder = tmp_path / "scores"
    score_store(store, jury(30, seed=n_bytes), folder)
    held = next((folder / "judgments").iterdir())
    held.write_bytes(held.read_bytes()[:n_bytes])
    from hemicycle.streaming import scoring

    scoring._read.cache_clear()
    judgments = jury(30, seed=n_bytes).select(range(28))
    assert_new(score_store(store, judgments, folder), judgments)


def test_scores_that_another_store_or_jury_displaced_say_so(store: Store, tmp_path: Path) -> None:
    mine = score_store(store, jury(5), tmp_path / "scores")
    score_store(make(tmp_path / "other", LOGITS + 1), jury(5), tmp_path / "scores")
    with pytest.raises(StoreError, match="used to score another jury or store since: call score_store again"):
        mine.leaderboard()


def test_compaction_is_named_as_what_happened(store: Store, tmp_path: Path) -> None:
    scores = score_store(store, jury(5), tmp_path / "scores")
    weighted = scores.bma()

    def compact(done: int, of: int) -> None:
        if not done:
            store.compact()

    with pytest.raises(StoreError, match="was compacted since this began; call score_store again"):
        score_store(store, jury(5, seed=3), tmp_path / "again", progress=compact)
    with pytest.raises(StoreError, match="was compacted since it was scored; call score_store again"):
        weighted.allocation()
    for passes in (scores.least_squares, scores.stacking):
        with pytest.raises(StoreError, match="was compacted since it was scored; call score_store again"):
            passes()


@pytest.mark.parametrize("method", ["least_squares", "stacking"])
def test_an_executor_that_is_shut_down_meanwhile_is_named(store: Store, tmp_path: Path, method: str) -> None:
    scores, executor = score_store(store, jury(5), tmp_path / "scores"), ThreadPoolExecutor(1)

    def shut(number: int, done: int, of: int) -> None:
        executor.shutdown(wait=False, cancel_futures=True)

    with pytest.raises(OptionError, match=r"executor: (it was shut down before its work|cannot schedule new futures)"):
        getattr(scores, method)(executor=executor, progress=shut)


@pytest.mark.parametrize("method", ["least_squares", "stacking"])
def test_a_dask_client_that_is_closed_is_named(store: Store, tmp_path: Path, method: str) -> None:
    distributed = pytest.importorskip("distributed")
    scores = score_store(store, jury(5), tmp_path / "scores")
    with distributed.Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0") as client:
        assert len(getattr(scores, method)(executor=client).weights) == len(scores)

        def close(number: int, done: int, of: int) -> None:
            client.close()
            raise InterruptedError("mine")

        with pytest.raises(InterruptedError, match="mine"):
            getattr(scores, method)(executor=client, progress=close)
    with pytest.raises(OptionError, match="executor: the client of Dask is closed"):
        getattr(scores, method)(executor=client)


@pytest.mark.parametrize("sigma", [1e-7, 1e-320, 1e7])
def test_a_sigma_out_of_its_domain_is_blamed_on_no_model(store: Store, tmp_path: Path, sigma: float) -> None:
    with pytest.raises(DomainError, match=r"^sigma is .*; it must be from 1e-06 to 1e.06"):
        score_store(store, jury(5), tmp_path / "scores", sigma=sigma)
    assert not (tmp_path / "scores").exists()


def test_who_waited_scores_the_store_as_it_is_then(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = __import__("hemicycle.streaming.score_store", fromlist=["sole_writer"])
    plain = module.sole_writer

    def waited(*args: Any) -> Any:
        store.compact()
        return plain(*args)

    monkeypatch.setattr(module, "sole_writer", waited)
    assert_new(score_store(store, jury(9), tmp_path / "scores"), jury(9))


def test_arguments_that_cannot_be(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "scores"
    with pytest.raises(DtypeError, match="wait"):
        score_store(store, jury(5), folder, wait="long")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match="wait"):
        score_store(store, jury(5), folder, wait=-1)
    with pytest.raises(DtypeError, match="judgments"):
        score_store(store, "jury.csv", folder)  # type: ignore[arg-type]
    foreign = Judgments.from_arrays([0], [1], [1.0], items=["x", "y"])
    with pytest.raises(NoDataError, match="none is of items of the store, 1 turned away; the first: 'x' is not among"):
        score_store(store, foreign, folder)
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(OptionError, match="executor: cannot schedule new futures"):
        score_store(store, jury(5), folder, executor=executor)
    with pytest.raises(ShapeError, match="weights"):
        score_store(store, jury(5), folder).leaderboard(weights=np.ones(3))
