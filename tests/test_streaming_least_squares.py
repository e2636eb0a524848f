"""Least squares over a store: the weights and the certificate of the pool in memory, whoever reads the fragments."""

from __future__ import annotations

import math
import os
import shutil
import signal
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_workers import dask_workers
from fit_cases import agreeing, assert_in_memory
from hemicycle import Pool, Round
from hemicycle.errors import DomainError, DtypeError, NotConvergedError, StoreError, TieBreakWarning
from hemicycle.least_squares import pair_least_squares
from hemicycle.streaming import score_store
from reference.least_squares import gap as exact_gap
from streaming_cases import N_ITEMS, jury, models, outside, scored, stored

pytest.importorskip("pyarrow", reason="pyarrow is not installed")


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no face be small enough to be gathered."""
    from hemicycle.streaming import least_squares

    monkeypatch.setattr(least_squares, "GATHERED_BYTES", 0)


def test_out_of_reach_the_weights_are_unique(tmp_path: Path) -> None:
    for seed in range(3):
        logits, judgments = outside(seed)
        ensemble = scored(tmp_path / str(seed), logits, judgments).least_squares()
        assert ensemble.solution is not None
        assert ensemble.solution.unique
        assert ensemble.solution.passes <= 15
        assert_in_memory(ensemble, judgments)
        right = Round(judgments, ensemble.scores.store.pool()).ensemble("least_squares")
        shares = np.array(ensemble.allocation()["share"])  # type: ignore[arg-type]
        np.testing.assert_allclose(shares, right.allocation()["share"], rtol=1e-9)  # type: ignore[arg-type]


def test_the_certificate_holds_in_exact_arithmetic(tmp_path: Path) -> None:
    logits, judgments = models(4, 60, 6), jury(4, 12, 4.0, 6)
    ensemble = scored(tmp_path, logits, judgments, 25).least_squares()
    pairs = judgments.pairs
    pair, root = pairs.pair_of_label, np.sqrt(pairs.weight)
    x = (logits[:, pairs.b[pair]] - logits[:, pairs.a[pair]]) * root
    y = pairs.log_ratio * root
    unit = float(np.median(np.square(x - y).sum(axis=1)))
    assert float(exact_gap(x, y, ensemble.weights.tolist())) <= 1e-12 * unit
    assert ensemble.solution is not None
    fit = float(np.square(ensemble.weights @ x - y).sum())
    assert ensemble.solution.objective == pytest.approx(fit, rel=1e-12)


@pytest.mark.parametrize("spread", [0.05, 1.0])
def test_within_reach_the_weights_are_those_nearest_to_uniform(tmp_path: Path, spread: float) -> None:
    logits, judgments = models(5), jury(5, spread=spread)
    assert_in_memory(scored(tmp_path, logits, judgments).least_squares(), judgments)


@pytest.mark.parametrize("spread", [0.05, 1.0])
@pytest.mark.usefixtures("on_disk")
def test_faces_that_stay_on_disk_have_the_same_weights(tmp_path: Path, spread: float) -> None:
    logits, judgments = models(5), jury(5, spread=spread)
    ensemble = scored(tmp_path, logits, judgments).least_squares()
    assert ensemble.solution is not None
    assert ensemble.solution.passes <= 45
    assert_in_memory(ensemble, judgments, 1e-7)


@pytest.mark.usefixtures("on_disk")
def test_judgments_that_a_mixture_fits_exactly(tmp_path: Path) -> None:
    logits = models(6)
    for number, n_mixed in enumerate((600, 40)):
        judgments = agreeing(logits[:n_mixed].mean(axis=0))
        ensemble = scored(tmp_path / str(number), logits, judgments).least_squares()
        assert_in_memory(ensemble, judgments, 1e-7)


@pytest.mark.usefixtures("on_disk")
def test_copies_on_disk_share_a_face_that_is_not_the_whole_pool(tmp_path: Path) -> None:
    few, judgments = outside(7)
    logits = np.tile(few[:60], (12, 1))
    ensemble = scored(tmp_path, logits, judgments).least_squares()
    assert ensemble.solution is not None
    assert ensemble.solution.face is not None
    assert len(few) < 720
    assert 60 < len(ensemble.solution.face) < 720
    assert_in_memory(ensemble, judgments, 1e-7)


@pytest.mark.usefixtures("on_disk")
def test_models_that_do_not_span_all_directions(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    logits = rng.normal(size=(600, 3)) @ rng.normal(size=(3, N_ITEMS))
    assert_in_memory(scored(tmp_path / "a", logits, jury(8)).least_squares(), jury(8), 1e-7)
    judgments = agreeing(logits.mean(axis=0))
    assert_in_memory(scored(tmp_path / "b", logits, judgments).least_squares(), judgments, 1e-7)


@pytest.mark.usefixtures("on_disk")
def test_a_tie_that_is_not_broken_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hemicycle.streaming import nearest

    for name in ("QUICK_STEPS", "STAGE_STEPS", "MAX_STEPS"):
        monkeypatch.setattr(nearest, name, 0)
    scores = scored(tmp_path, models(5), jury(5))
    with pytest.warns(TieBreakWarning, match="as far as rounding lets weights fit"):
        ensemble = scores.least_squares()
    solution = ensemble.solution
    assert solution is not None
    assert solution.tie_broken is False
    assert solution.relative_gap <= 1e-12
    pairs = scores.scoring.judgments.pairs
    pair = pairs.pair_of_label
    x = models(5)[:, pairs.b[pair]] - models(5)[:, pairs.a[pair]]
    fit = float(pairs.weight @ np.square(ensemble.weights @ x - pairs.log_ratio))
    assert solution.objective == pytest.approx(fit, rel=1e-9)
    assert fit == pytest.approx(pair_least_squares(models(5), scores.scoring.judgments).objective, rel=1e-9)


def test_fragments_do_not_change_a_bit(tmp_path: Path) -> None:
    for logits, judgments in ((models(5), jury(5)), outside(1)):
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        found = [scored(folder, logits, judgments, size).least_squares() for size in (600, 599, 170, 41)]
        for other in found[1:]:
            np.testing.assert_array_equal(other.weights, found[0].weights)
            assert repr(other.solution) == repr(found[0].solution)


@pytest.mark.parametrize("spread", [0.05, 1.0])
@pytest.mark.usefixtures("on_disk")
def test_fragments_change_no_more_than_rounding_on_disk(tmp_path: Path, spread: float) -> None:
    logits, judgments = models(5), jury(5, spread=spread)
    found = [scored(tmp_path, logits, judgments, size).least_squares() for size in (600, 170, 41)]
    for other in found[1:]:
        np.testing.assert_allclose(other.weights, found[0].weights, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
@pytest.mark.usefixtures("on_disk")
def test_any_executor_gives_the_same_bits(tmp_path: Path, kind: Any) -> None:
    fresh = {"mp_context": get_context("spawn")} if kind is ProcessPoolExecutor else {}
    with kind(2, **fresh) as executor:
        for number, (logits, judgments) in enumerate(((models(5), jury(5)), outside(1))):
            scores = scored(tmp_path / str(number), logits, judgments)
            local, other = scores.least_squares(), scores.least_squares(executor=executor)
            np.testing.assert_array_equal(local.weights, other.weights)
            assert repr(local.solution) == repr(other.solution)


@pytest.mark.usefixtures("on_disk")
def test_dask_workers_give_the_same_bits_though_one_is_killed(tmp_path: Path) -> None:
    scores = scored(tmp_path, models(5), jury(5))
    with dask_workers(tmp_path) as client:
        victims = [min(client.run(os.getpid).values())]

        def kill(n_pass: int, done: int, of: int) -> None:
            if n_pass == 4 and victims:
                os.kill(victims.pop(), signal.SIGKILL)

        other = scores.least_squares(executor=client, progress=kill)
    assert not victims
    right = scores.least_squares()
    np.testing.assert_array_equal(other.weights, right.weights)
    assert repr(other.solution) == repr(right.solution)


def test_a_broken_executor_costs_nothing(tmp_path: Path) -> None:
    logits, judgments = outside(2)
    scores = scored(tmp_path, logits, judgments)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        os.kill(executor.submit(os.getpid).result(), signal.SIGKILL)
        other = scores.least_squares(executor=executor)
    np.testing.assert_array_equal(other.weights, scores.least_squares().weights)


def test_models_with_zero_weights_are_left_out_unless_lifted(tmp_path: Path) -> None:
    logits, judgments = outside(3)
    logits[::5, 2] = -np.inf
    logits[:150, 1] = -np.inf  # a whole fragment
    kept = np.isfinite(logits).all(axis=1)
    ensemble = scored(tmp_path, logits, judgments).least_squares()
    right = pair_least_squares(logits[kept], judgments)
    np.testing.assert_allclose(ensemble.weights, right.weights, atol=1e-9)
    assert len(ensemble.weights) == kept.sum()
    lifted = score_store(ensemble.scores.store, judgments, tmp_path / "lifted", min_weight=1e-3).least_squares()
    assert_in_memory(lifted, judgments, min_weight=1e-3)


def test_replaced_models_do_not_count(tmp_path: Path) -> None:
    logits, judgments = outside(4)
    store = stored(tmp_path, logits)
    best = np.argsort(scored(tmp_path / "other", logits, judgments).mse)[:30]
    names = [f"model-{k:06d}" for k in best]
    store.add(Pool.from_array(-logits[best], models=names, items=15), on_conflict="replace")
    scores = score_store(store, judgments, tmp_path / "scores")
    assert len(scores) == 600
    assert_in_memory(scores.least_squares(), judgments)


def test_single_precision_is_read_as_it_is(tmp_path: Path) -> None:
    logits, judgments = outside(5)
    store = stored(tmp_path, logits, dtype="float32")
    ensemble = score_store(store, judgments, tmp_path / "scores").least_squares()
    assert store.pool().logits.dtype == np.float32
    assert_in_memory(ensemble, judgments)


def test_damage_is_named(tmp_path: Path) -> None:
    logits, judgments = outside(6)
    scores = scored(tmp_path, logits, judgments)
    path = scores.store.manifest.fragments[2].path(scores.store.path)
    content = path.read_bytes()
    path.write_bytes(content[:-7] + b"garbage")
    with pytest.raises(StoreError, match=path.stem):
        scores.least_squares()
    path.write_bytes(content)
    assert_in_memory(scores.least_squares(), judgments)
    shutil.rmtree(scores.folder / "judgments")
    shutil.rmtree(scores.folder / "blocks")
    with pytest.raises(StoreError):
        scores.least_squares()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_it_ends_on_ctrl_c_and_leaves_nothing(tmp_path: Path) -> None:
    logits, judgments = outside(7)
    scores = scored(tmp_path, logits, judgments)
    before, threads = sorted(tmp_path.rglob("*")), threading.active_count()

    def interrupt(n_pass: int, done: int, of: int) -> None:
        if n_pass == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        scores.least_squares(progress=interrupt)
    assert sorted(tmp_path.rglob("*")) == before
    assert threading.active_count() == threads
    assert_in_memory(scores.least_squares(), judgments)


def test_progress_tells_of_every_pass(tmp_path: Path) -> None:
    logits, judgments = outside(8)
    told: list[tuple[int, int, int]] = []
    solution = scored(tmp_path, logits, judgments).least_squares(progress=lambda *at: told.append(at)).solution
    assert solution is not None
    assert {n_pass for n_pass, _, _ in told} == set(range(1, solution.passes + 1))
    assert all(0 < done <= of <= 600 for _, done, of in told)


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    scores = scored(tmp_path, *outside(9))
    with pytest.raises(DomainError, match="tol"):
        scores.least_squares(tol=0.0)
    with pytest.raises(DtypeError, match="tol"):
        scores.least_squares(tol="small")  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="executor"):
        scores.least_squares(executor="dask")
    with pytest.raises(NotConvergedError, match="gap") as caught:
        scores.least_squares(tol=1e-30)
    assert caught.value.weights.shape == (600,)
    assert math.fsum(caught.value.weights) == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_models=st.integers(1, 90),
    n_items=st.integers(2, 9),
    n_judgments=st.integers(1, 30),
    spread=st.sampled_from([0.01, 0.5, 3.0]),
    n_copies=st.integers(1, 3),
    size=st.integers(5, 60),
    whole=st.booleans(),
)
def test_any_small_store_has_the_weights_of_its_pool(
    seed: int, n_models: int, n_items: int, n_judgments: int, spread: float, n_copies: int, size: int, whole: bool
) -> None:
    from hemicycle.streaming import least_squares

    logits = np.tile(models(seed, n_models, n_items), (n_copies, 1))
    judgments = jury(seed, n_judgments, spread, n_items)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        if not whole:
            patched.setattr(least_squares, "GATHERED_BYTES", 0)
        scores = scored(Path(folder), logits, judgments, size)
        ensemble = scores.least_squares()
        assert_in_memory(ensemble, judgments, 1e-9 if whole else 1e-7)
