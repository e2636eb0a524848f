"""Scores of a store: those of the pool in memory, whatever was done before, and whoever does it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dask_workers import dask_workers
from hemicycle import Judgments, Pool, Round, Store, allocate
from hemicycle.errors import DomainError, DtypeError, NoDataError, OptionError, StoreError
from hemicycle.streaming import StoreScores, score_store

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

HERE = Path(__file__).parent
N_ITEMS, N_MODELS = 9, 500


def jury(seed: int, n: int = 40) -> Judgments:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, N_ITEMS, n)
    b = (a + rng.integers(1, N_ITEMS, n)) % N_ITEMS
    ratio = np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))
    choice = np.where(np.isnan(ratio), 1, np.where(ratio > 0, 2, 1))
    return Judgments.from_arrays(a, b, ratio, choice=choice, weight=rng.choice([0.0, 1.0, 2.5], n), items=N_ITEMS)


def models(seed: int, n: int = N_MODELS, first: int = 0) -> Pool:
    logits = np.random.default_rng(seed).normal(size=(n, N_ITEMS))
    names = [f"model-{(7919 * k) % 100_003:06d}" for k in range(first, first + n)]
    return Pool.from_array(logits, models=names, items=N_ITEMS, authors=[f"author-{k % 7}" for k in range(n)])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Five fragments."""
    made = Store.create(tmp_path / "pool.store", items=N_ITEMS)
    pool = models(0)
    for first in range(0, N_MODELS, 100):
        made.add(pool.select(range(first, first + 100)))
    return made


def by_name(scores: StoreScores, values: NDArray[np.float64]) -> NDArray[np.float64]:
    names = scores.names(np.arange(len(scores)))
    return values[sorted(range(len(names)), key=names.__getitem__)]


def assert_scores(scores: StoreScores, judgments: Judgments, atol: float = 0.0) -> None:
    """Compare with a round in memory, whose models stand in the order of their names."""
    in_memory = Round(judgments, scores.store.pool()).scores()
    for name in ("log_likelihood", "mse", "accuracy"):
        np.testing.assert_allclose(
            by_name(scores, getattr(scores, name)), getattr(in_memory, name), rtol=2e-15, atol=atol
        )


def files(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / "blocks").iterdir()}


def test_scores_and_ensembles_are_those_of_a_round_in_memory(store: Store, tmp_path: Path) -> None:
    judgments = jury(1)
    scores = score_store(store, judgments, tmp_path / "scores")
    assert_scores(scores, judgments)
    in_memory = Round(judgments, store.pool())
    np.testing.assert_array_equal(by_name(scores, scores.log_likelihood), in_memory.log_likelihood())
    for method, options in (("bma", {}), ("bma", {"prior": "per_author", "power": 0.3}), ("uniform", {}), ("best", {})):
        right, found = in_memory.ensemble(method, **options), getattr(scores, method)(**options)  # type: ignore[arg-type]
        np.testing.assert_array_equal(by_name(scores, found.weights), right.weights)
        assert found.effective_models == pytest.approx(right.effective_models, rel=1e-14)
        for mean in ("geometric", "arithmetic"):
            shares = np.array(found.allocation(mean)["share"])  # type: ignore[arg-type]
            np.testing.assert_allclose(shares, right.allocation(mean)["share"], rtol=1e-13)  # type: ignore[arg-type]
            pool = store.pool()
            np.testing.assert_allclose(shares, allocate(pool, right.weights, mean=mean), rtol=1e-13)  # type: ignore[arg-type]
    board, right = scores.bma().leaderboard(20), in_memory.ensemble("bma").leaderboard()
    for name in ("rank", "model", "weight", "log_likelihood"):
        assert list(board[name]) == list(right[name])[:20]


def test_the_leaderboard_orders_ties_by_name(tmp_path: Path) -> None:
    logits = np.repeat(np.random.default_rng(3).normal(size=(4, N_ITEMS)), 5, axis=0)
    names = [f"m{(7 * k) % 20:02d}" for k in range(20)]
    pool = Pool.from_array(logits, models=names, items=N_ITEMS)
    store = Store.create(tmp_path / "s", items=N_ITEMS)
    for part in (range(7), range(7, 20)):
        store.add(pool.select(part))
    scores = score_store(store, jury(2), tmp_path / "scores")
    whole = Round(jury(2), pool).ensemble("best").leaderboard()
    for top in (1, 3, 5, 7, 20, 50):
        board = scores.leaderboard(top)
        assert list(board["model"]) == list(whole["model"])[:top]
        assert list(board["rank"]) == list(whole["rank"])[:top]
    best = scores.best()
    assert scores.names(np.flatnonzero(best.weights)) == [whole["model"][0]]


def test_what_is_there_is_not_done_again(store: Store, tmp_path: Path) -> None:
    folder, told = tmp_path / "scores", []
    score_store(store, jury(1), folder)
    before = files(folder)
    score_store(store, jury(1), folder, progress=lambda done, of: told.append((done, of)))
    assert files(folder) == before
    assert told == [(N_MODELS, N_MODELS)]
    store.add(models(5, 60, first=N_MODELS))
    scores = score_store(store, jury(1), folder)
    assert {name: time for name, time in files(folder).items() if name in before} == before
    assert len(files(folder)) == 6
    assert_scores(scores, jury(1))


def test_judgments_that_arrive_and_go_touch_their_pairs_only(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hemicycle.streaming.scoring import Scoring

    folder, whole = tmp_path / "scores", jury(1, 60)
    score_store(store, whole.select(range(50)), folder)
    seen: list[int] = []
    plain = Scoring.sums

    def counting(scoring: Scoring, *args: Any) -> NDArray[np.float64]:
        seen.append(len(scoring.judgments))
        return plain(scoring, *args)

    monkeypatch.setattr(Scoring, "sums", counting)
    for judgments in (whole.select(range(53)), whole.select(range(2, 53)), whole):
        seen.clear()
        scores = score_store(store, judgments, folder)
        assert_scores(scores, judgments, atol=1e-11)
        assert len(files(folder)) == 5
        assert len(list((folder / "judgments").iterdir())) == 1
        assert 0 < max(seen) < 20
    seen.clear()
    shuffled = whole.select(np.random.default_rng(0).permutation(len(whole)))
    score_store(store, shuffled, folder)
    assert not seen  # the same judgments in another order
    score_store(store, jury(77), folder)
    assert seen == [np.count_nonzero(jury(77).weight)] * 5  # others altogether


def test_after_many_changes_a_fragment_is_scored_anew(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hemicycle.streaming import block_scores

    monkeypatch.setattr(block_scores, "MAX_UPDATES", 2)
    whole, updates = jury(1, 60), []
    whole = whole.select(whole.weight > 0)
    for n in range(30, 38):
        scores = score_store(store, whole.select(range(n)), tmp_path / "scores")
        updates.append(
            block_scores.read_block(scores.folder, store.manifest.fragments[0], scores.scoring.key).n_updates
        )
    assert updates == [0, 1, 2, 0, 1, 2, 0, 1]
    assert_scores(scores, whole.select(range(37)), atol=1e-11)


def test_models_with_a_zero_weight_are_left_out_unless_lifted(tmp_path: Path) -> None:
    logits = np.random.default_rng(0).normal(size=(6, N_ITEMS))
    logits[[1, 4], 3] = -np.inf
    store = Store.create(tmp_path / "s", items=N_ITEMS)
    store.add(Pool.from_array(logits, models=list("abcdef"), items=N_ITEMS))
    scores = score_store(store, jury(1), tmp_path / "scores")
    assert scores.names(np.arange(4)) == list("acdf")
    assert scores.n_barred == 2
    assert np.isfinite(scores.log_likelihood).all()
    lifted = score_store(store, jury(1), tmp_path / "lifted", min_weight=1e-3)
    right = Round(jury(1), store.pool(min_weight=1e-3))
    np.testing.assert_array_equal(lifted.log_likelihood, right.log_likelihood())
    np.testing.assert_allclose(
        lifted.bma().allocation()["share"], right.ensemble("bma").allocation()["share"], rtol=1e-13
    )


def test_replaced_models_do_not_count(store: Store, tmp_path: Path) -> None:
    pool = models(0)
    other = Pool.from_array(-pool.logits[:30], models=pool.models[:30], items=N_ITEMS)
    score_store(store, jury(1), tmp_path / "scores")
    store.add(other, on_conflict="replace")
    scores = score_store(store, jury(1), tmp_path / "scores")
    assert len(scores) == N_MODELS
    assert_scores(scores, jury(1))
    store.compact()
    assert_scores(score_store(store, jury(1), tmp_path / "scores"), jury(1))


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_gives_the_same_bytes(store: Store, tmp_path: Path, kind: Any) -> None:
    score_store(store, jury(1), tmp_path / "local")
    fresh = {"mp_context": get_context("spawn")} if kind is ProcessPoolExecutor else {}
    with kind(2, **fresh) as executor:
        score_store(store, jury(1), tmp_path / "other", executor=executor, n_threads=1)
    local, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name / "blocks").iterdir()} for name in ("local", "other")
    )
    assert local == other
    assert len(local) == 5


class Killer:
    """Kills a process as soon as something is done."""

    def __init__(self, pid: int) -> None:
        self.pid: int | None = pid

    def __call__(self, done: int, of: int) -> None:
        if self.pid is not None and 0 < done < of:
            os.kill(self.pid, signal.SIGKILL)
            self.pid = None


def test_a_killed_worker_costs_nothing(store: Store, tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        killer = Killer(executor.submit(os.getpid).result())
        scores = score_store(store, jury(1), tmp_path / "scores", executor=executor, n_threads=1, progress=killer)
        assert killer.pid is None
        again = score_store(store, jury(2), tmp_path / "again", executor=executor)  # which is broken now
    assert "scored by this process" in scores.notices[-1]
    assert_scores(scores, jury(1))
    assert_scores(again, jury(2))


def test_two_dask_workers_one_of_which_is_killed(store: Store, tmp_path: Path) -> None:
    with dask_workers(tmp_path) as client:
        scores = score_store(store, jury(1), tmp_path / "scores", executor=client, n_threads=1)
        assert_scores(scores, jury(1))
        killer = Killer(min(client.run(os.getpid).values()))
        again = score_store(store, jury(2), tmp_path / "again", executor=client, n_threads=1, progress=killer)
        assert killer.pid is None
    assert_scores(again, jury(2))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_hundred_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", str(HERE / "scoring_killing.py"), str(tmp_path), "100"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_damage_is_named_and_ends_nothing_else(store: Store, tmp_path: Path) -> None:
    path = store.manifest.fragments[2].path(store.path)
    content = path.read_bytes()
    path.write_bytes(content[:-7] + b"garbage")
    with pytest.raises(StoreError, match=path.stem):
        score_store(store, jury(1), tmp_path / "scores")
    path.write_bytes(content)
    scores = score_store(store, jury(1), tmp_path / "scores")
    assert_scores(scores, jury(1))
    block = next((tmp_path / "scores" / "blocks").iterdir())
    block.write_bytes(block.read_bytes()[:100])
    with pytest.raises(StoreError, match="cannot be read as scores"):
        score_store(store, jury(1), tmp_path / "scores").leaderboard()


def test_what_cannot_be_asked_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(OptionError, match="no scores"):
        score_store(store, jury(1), tmp_path / "mine")
    with pytest.raises(StoreError, match="no store"):
        score_store(tmp_path / "absent", jury(1), tmp_path / "scores")
    with pytest.raises(DtypeError, match="store: expected a path, got Pool"):
        score_store(store.pool(), jury(1), tmp_path / "scores")  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="folder: expected a path"):
        score_store(store, jury(1), None)  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="executor"):
        score_store(store, jury(1), tmp_path / "scores", executor="dask")
    with pytest.raises(OptionError, match="pair_weights"):
        score_store(store, jury(1), tmp_path / "scores", pair_weights="half")  # type: ignore[arg-type]
    scores = score_store(store, jury(1), tmp_path / "scores")
    with pytest.raises(OptionError, match="prior"):
        scores.bma(prior="other")  # type: ignore[arg-type]
    for top in (0, -1):
        with pytest.raises(DomainError, match="top"):
            scores.leaderboard(top)
    ordinal = Judgments.from_arrays([0], [1], choice=[1], items=N_ITEMS)
    with pytest.raises(NoDataError, match="log ratio"):
        score_store(store, ordinal, tmp_path / "scores")
    for fragment in store.manifest.fragments:
        fragment.path(store.path).unlink()
    with pytest.raises(StoreError, match="is gone"):
        score_store(store, jury(1), tmp_path / "other")


def test_ctrl_c_ends_it_soon_and_it_goes_on_later(store: Store, tmp_path: Path) -> None:
    def interrupt(done: int, of: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_store(store, jury(1), tmp_path / "scores", progress=interrupt)
    assert_scores(score_store(store, jury(1), tmp_path / "scores"), jury(1))
