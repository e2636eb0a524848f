"""Stacking over a store: the weights and the certificate of the pool in memory, whoever reads the fragments."""

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
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from dask_workers import dask_workers
from hemicycle import Judgments, Pool, Round, _core
from hemicycle.errors import (
    DomainError,
    DtypeError,
    NoDataError,
    NotConvergedError,
    OptionError,
    StoreError,
    TieBreakWarning,
)
from hemicycle.streaming import StoreEnsemble, density_face, density_passes, score_store, stacking
from hemicycle.streaming.density_passes import DensityPasses, least_known
from hemicycle.streaming.density_pricing import DensityPart, DensityPricing, best_of, density_price
from reference.stacking import certificate, densities, optima, score
from streaming_cases import jury, models, outside, scored, stored

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.stacking import StackingBy

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

BY: tuple[StackingBy, ...] = ("label", "pair")


def log_density(logits: NDArray[np.float64], judgments: Judgments, sigma: float, by: str) -> NDArray[np.float64]:
    """Return the log density of each label or pair under each model, by its formula."""
    pairs = judgments.pairs
    pair = pairs.pair_of_label
    mu = (logits[:, pairs.b] - logits[:, pairs.a])[:, pair]
    labels = -0.5 * ((mu - pairs.log_ratio) / sigma) ** 2 - math.log(sigma * math.sqrt(2 * math.pi))
    if by == "label":
        return labels
    share = pairs.weight / pairs.total_weight[pair]
    return np.stack([logsumexp(labels[:, pair == n], axis=1, b=share[pair == n]) for n in range(len(pairs))], axis=1)


def observation_weight(judgments: Judgments, by: str, pair_weights: str) -> NDArray[np.float64]:
    pairs = judgments.pairs
    return pairs.pair_weight(pair_weights) if by == "pair" else pairs.label_weight(pair_weights)


def assert_in_memory(
    ensemble: StoreEnsemble, judgments: Judgments, by: StackingBy = "label", tol: float = 1e-9, **options: Any
) -> None:
    """Compare with a round in memory, whose models stand in the order of their names."""
    scores = ensemble.scores
    names = scores.names(np.arange(len(scores)))
    order = sorted(range(len(names)), key=names.__getitem__)
    scoring = scores.scoring
    round_ = Round(judgments, scores.store.pool(**options), pair_weights=scoring.pair_weights)
    right = round_.ensemble("stacking", by=by, sigma=scoring.sigma)
    solution, known = ensemble.solution, right.solution
    assert solution is not None
    assert known is not None
    np.testing.assert_allclose(ensemble.weights[order], right.weights, rtol=0, atol=tol)
    assert abs(math.fsum(ensemble.weights) - 1) <= 2**-52
    assert ensemble.weights.min() >= 0
    assert solution.objective == pytest.approx(known.objective, rel=1e-12, abs=1e-12)
    assert 0 <= solution.gap <= 1e-10
    assert solution.relative_gap == solution.gap
    assert solution.tie_broken == known.tie_broken
    assert solution.reason == known.reason
    assert solution.face_dimension == known.face_dimension
    assert solution.face is not None
    np.testing.assert_array_equal(np.sort(np.argsort(order)[solution.face]), known.face)
    assert solution.reduced_cost == pytest.approx(known.reduced_cost, rel=1e-6, abs=1e-10)


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("spread", [0.05, 1.0, 5.0])
def test_the_weights_are_those_of_the_pool_in_memory(tmp_path: Path, by: StackingBy, spread: float) -> None:
    logits, judgments = models(5), jury(5, 60, spread)
    ensemble = scored(tmp_path, logits, judgments).stacking(by=by)
    assert_in_memory(ensemble, judgments, by)
    assert ensemble.method == "stacking"
    assert ensemble.solution is not None
    assert ensemble.solution.passes <= 15
    right = Round(judgments, ensemble.scores.store.pool()).ensemble("stacking", by=by)
    shares = np.array(ensemble.allocation()["share"])  # type: ignore[arg-type]
    np.testing.assert_allclose(shares, right.allocation()["share"], rtol=1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize("by", BY)
def test_the_certificate_holds_with_50_digits(tmp_path: Path, by: StackingBy) -> None:
    logits, judgments = models(4, 200, 6), jury(4, 30, 2.0, 6)
    scores = scored(tmp_path, logits, judgments, 45, pair_weights="total")
    solution = scores.stacking(by=by).solution
    assert solution is not None
    values, weight = (
        log_density(logits, judgments, 0.5, by),
        observation_weight(judgments, by, scores.scoring.pair_weights),
    )
    assert certificate(values, weight, solution.weights.tolist()) <= 1e-10
    assert solution.objective == pytest.approx(score(values, weight, solution.weights.tolist()), rel=1e-12)
    prices = np.exp(values - logsumexp(values, axis=0, b=solution.weights[:, None])) @ (weight / weight.sum())
    assert prices.max() - 1 <= 1e-10
    others = np.setdiff1d(np.arange(200), solution.face)
    assert solution.reduced_cost == pytest.approx(1 - prices[others].max(), rel=1e-6)


@pytest.mark.parametrize("by", BY)
def test_small_stores_have_the_optima_of_every_support(tmp_path: Path, by: StackingBy) -> None:
    for seed in range(3):
        logits = models(seed, 4, 3)
        logits = np.vstack([logits, logits[1]])
        judgments = jury(seed, 8, 1.0, 3)
        scores = scored(tmp_path / str(seed), logits, judgments, 2)
        solution = scores.stacking(by=by).solution
        assert solution is not None
        values = log_density(logits, judgments, 0.5, by)
        shift = values.max(axis=0)
        weight = observation_weight(judgments, by, scores.scoring.pair_weights)
        known = optima(densities(values - shift), weight.tolist())
        assert solution.face is not None
        assert solution.face.tolist() == known.models
        assert solution.face_dimension == known.dimension
        best = float(known.score) + float(shift @ weight / weight.sum())
        assert solution.objective == pytest.approx(best, rel=1e-12)
        assert solution.weights[1] == solution.weights[4]


@pytest.mark.parametrize("by", BY)
def test_copies_share_across_fragments(tmp_path: Path, by: StackingBy) -> None:
    few, judgments = models(7, 60), jury(7)
    ensemble = scored(tmp_path, np.tile(few, (12, 1)), judgments).stacking(by=by)
    assert_in_memory(ensemble, judgments, by)
    np.testing.assert_array_equal(ensemble.weights.reshape(12, 60), np.tile(ensemble.weights[:60], (12, 1)))


@pytest.mark.parametrize("by", BY)
def test_many_copies_share_without_their_densities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: StackingBy
) -> None:
    few, judgments = outside(7)
    few[:, 3] = np.where(np.arange(600) % 2, 0.0, few[:, 3])
    logits = np.tile(few[:300], (3, 1))
    logits[300:, 3] = np.where(logits[300:, 3] == 0, -0.0, logits[300:, 3])
    scores = scored(tmp_path, logits, judgments)
    right = scores.stacking(by=by)
    assert right.solution is not None
    n_observations = len(judgments.pairs) if by == "pair" else judgments.pairs.n_labels
    monkeypatch.setattr(density_face, "DENSITY_BYTES", 8 * n_observations * len(right.solution.face) // 2)  # type: ignore[arg-type]
    found = scores.stacking(by=by)
    assert_in_memory(found, judgments, by)
    np.testing.assert_allclose(found.weights, right.weights, rtol=0, atol=1e-13)
    copied = np.tile(found.weights[:300], (3, 1))
    np.testing.assert_allclose(found.weights.reshape(3, 300), copied, rtol=0, atol=1e-15)


@pytest.mark.parametrize("limit", ["DENSITY_BYTES", "GATHERED_BYTES"])
def test_a_face_that_is_too_large_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    logits, judgments = np.tile(models(7, 60), (12, 1)), jury(7)
    monkeypatch.setattr(density_face, limit, 0)
    with pytest.raises(NotConvergedError, match=r"stacking\.pool_stacking\(scores\.pool\(\)") as caught:
        scored(tmp_path, logits, judgments).stacking()
    values, weight = log_density(logits, judgments, 0.5, "label"), judgments.pairs.label_weight()
    assert caught.value.gap <= 1e-10
    assert certificate(values, weight, caught.value.weights.tolist()) <= 1e-10


@pytest.mark.parametrize("n_held", [5, 100])
def test_a_face_with_more_optima_than_its_copies_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_held: int
) -> None:
    few = models(3, 40, 4)
    few[::2, 1] = few[::2, 0]
    judgments = Judgments.from_arrays([0], [1], [0.0], items=4)  # twenty models are right, and their twelve copies
    scores = scored(tmp_path, np.tile(few, (12, 1)), judgments)
    assert_in_memory(scores.stacking(), judgments)
    monkeypatch.setattr(density_face, "DENSITY_BYTES", 8 * n_held)
    with pytest.raises(NotConvergedError, match="240 models"):
        scores.stacking()


def test_copies_of_a_good_model_do_not_hide_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, judgments = outside(4)
    alone = scored(tmp_path / "alone", logits, judgments).stacking().solution
    assert alone is not None
    monkeypatch.setattr(stacking, "BATCH", 40)
    copies = np.repeat(logits[alone.support], 50, axis=0)
    found = scored(tmp_path / "copied", np.vstack([copies, logits]), judgments, 700).stacking()
    assert found.solution is not None
    assert found.solution.passes <= alone.passes + 6
    assert_in_memory(found, judgments)


def test_an_optimum_that_cannot_be_certified_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few, judgments = models(7, 60), jury(7)
    scores = scored(tmp_path, np.tile(few, (5, 1)), judgments)
    right = scores.stacking()
    certify = DensityPasses.dearest

    def refuse(self: DensityPasses, rates: Any, above: float, n: int) -> Any:
        highest, priced = certify(self, rates, above, n)
        return (1.5 if above == math.inf else highest), priced

    monkeypatch.setattr(DensityPasses, "dearest", refuse)
    with pytest.warns(TieBreakWarning, match="as far as rounding"):
        found = scores.stacking()
    assert found.solution is not None
    assert right.solution is not None
    assert found.solution.tie_broken is False
    assert found.solution.objective == pytest.approx(right.solution.objective, rel=1e-12)
    assert found.solution.face is not None
    assert set(found.solution.support) <= set(found.solution.face)


def test_fragments_do_not_change_a_bit(tmp_path: Path) -> None:
    for by in BY:
        for logits, judgments in ((models(5), jury(5)), outside(1), (np.tile(models(3, 150), (4, 1)), jury(3))):
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            found = [scored(folder, logits, judgments, size).stacking(by=by) for size in (600, 599, 170, 41)]
            for other in found[1:]:
                np.testing.assert_array_equal(other.weights, found[0].weights)
                assert repr(other.solution) == repr(found[0].solution)


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_gives_the_same_bits(tmp_path: Path, kind: Any) -> None:
    fresh = {"mp_context": get_context("spawn")} if kind is ProcessPoolExecutor else {}
    with kind(2, **fresh) as executor:
        for number, (logits, judgments) in enumerate(((models(5), jury(5)), outside(1))):
            scores = scored(tmp_path / str(number), logits, judgments)
            local, other = scores.stacking(), scores.stacking(executor=executor, n_threads=1)
            np.testing.assert_array_equal(local.weights, other.weights)
            assert repr(local.solution) == repr(other.solution)


def test_dask_workers_give_the_same_bits_though_one_is_killed(tmp_path: Path) -> None:
    scores = scored(tmp_path, models(5), jury(5))
    with dask_workers(tmp_path) as client:
        victims = [min(client.run(os.getpid).values())]

        def kill(n_pass: int, done: int, of: int) -> None:
            if n_pass == 3 and victims:
                os.kill(victims.pop(), signal.SIGKILL)

        other = scores.stacking(executor=client, progress=kill)
    assert not victims
    right = scores.stacking()
    np.testing.assert_array_equal(other.weights, right.weights)
    assert repr(other.solution) == repr(right.solution)


def test_a_broken_executor_costs_nothing(tmp_path: Path) -> None:
    scores = scored(tmp_path, *outside(2))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        os.kill(executor.submit(os.getpid).result(), signal.SIGKILL)
        other = scores.stacking(executor=executor)
    np.testing.assert_array_equal(other.weights, scores.stacking().weights)


def test_models_with_zero_weights_are_left_out_unless_lifted(tmp_path: Path) -> None:
    logits, judgments = outside(3)
    logits[::5, 2] = -np.inf
    logits[:150, 1] = -np.inf  # a whole fragment
    kept = np.isfinite(logits).all(axis=1)
    ensemble = scored(tmp_path, logits, judgments).stacking()
    assert len(ensemble.weights) == kept.sum()
    assert_in_memory(ensemble, judgments)
    lifted = score_store(ensemble.scores.store, judgments, tmp_path / "lifted", min_weight=1e-3).stacking()
    assert len(lifted.weights) == 600
    assert_in_memory(lifted, judgments, min_weight=1e-3)


def test_replaced_models_do_not_count(tmp_path: Path) -> None:
    logits, judgments = outside(4)
    store = stored(tmp_path, logits)
    best = np.argsort(scored(tmp_path / "other", logits, judgments).mse)[:30]
    names = [f"model-{k:06d}" for k in best]
    store.add(Pool.from_array(-logits[best], models=names, items=15), on_conflict="replace")
    store.add(
        Pool.from_array(logits[:150] + 1.0, models=[f"model-{k:06d}" for k in range(150)], items=15),
        on_conflict="replace",
    )  # a whole fragment
    scores = score_store(store, judgments, tmp_path / "scores")
    assert len(scores) == 600
    assert_in_memory(scores.stacking(), judgments)


def test_single_precision_is_read_as_it_is(tmp_path: Path) -> None:
    logits, judgments = outside(5)
    store = stored(tmp_path, logits, dtype="float32")
    ensemble = score_store(store, judgments, tmp_path / "scores").stacking()
    assert store.pool().logits.dtype == np.float32
    assert_in_memory(ensemble, judgments)


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("pair_weights", ["equal", "total"])
def test_pairs_and_labels_count_as_in_a_round(tmp_path: Path, by: StackingBy, pair_weights: str) -> None:
    logits, judgments = models(6), jury(6, 80)
    assert_in_memory(scored(tmp_path, logits, judgments, pair_weights=pair_weights).stacking(by=by), judgments, by)


@pytest.mark.parametrize("sigma", [1e-6, 1e-3, 30.0, 1000.0])
def test_wide_and_narrow_labels(tmp_path: Path, sigma: float) -> None:
    logits, judgments = models(8, 300), jury(8, 25)
    scores = scored(tmp_path, logits, judgments, 70, sigma=sigma)
    assert_in_memory(scores.stacking(), judgments)


def test_labels_so_wide_that_rounding_tells_models_apart(tmp_path: Path) -> None:
    logits, judgments = models(8, 300), jury(8, 25)
    ensemble = scored(tmp_path, logits, judgments, 70, sigma=1e6).stacking()
    assert ensemble.solution is not None
    right = Round(judgments, ensemble.scores.store.pool()).ensemble("stacking", sigma=1e6)
    assert right.solution is not None
    assert ensemble.solution.objective == pytest.approx(right.solution.objective, rel=1e-13)
    values, weight = log_density(logits, judgments, 1e6, "label"), judgments.pairs.label_weight()
    assert certificate(values, weight, ensemble.weights.tolist()) <= 1e-10


def test_labels_that_every_model_finds_impossible(tmp_path: Path) -> None:
    logits = models(9)
    held = jury(9)
    ratio = held.log_ratio.copy()
    ratio[::4] += np.where(np.arange(len(ratio[::4])) % 2, 300.0, -450.0)  # densities of e^-180,000 and e^-405,000
    judgments = Judgments.from_arrays(held.a, held.b, ratio, weight=held.weight, items=held.items)
    ensemble = scored(tmp_path, logits, judgments).stacking()
    assert ensemble.solution is not None
    assert ensemble.solution.objective < -1e4
    assert_in_memory(ensemble, judgments)


@pytest.mark.parametrize("n", [1, 2])
def test_one_model_and_two_that_are_the_same(tmp_path: Path, n: int) -> None:
    judgments = jury(1)
    ensemble = scored(tmp_path, np.tile(models(1, 1), (n, 1)), judgments, 1).stacking()
    assert ensemble.weights.tolist() == [1 / n] * n
    assert ensemble.solution is not None
    assert ensemble.solution.face_dimension == n - 1
    assert ensemble.solution.reduced_cost == math.inf
    assert_in_memory(ensemble, judgments)


def test_damage_is_named(tmp_path: Path) -> None:
    scores = scored(tmp_path, *outside(6))
    path = scores.store.manifest.fragments[2].path(scores.store.path)
    content = path.read_bytes()
    path.write_bytes(content[:-7] + b"garbage")
    with pytest.raises(StoreError, match=path.stem):
        scores.stacking()
    path.write_bytes(content)
    scores.stacking()
    shutil.rmtree(scores.folder / "judgments")
    shutil.rmtree(scores.folder / "blocks")
    with pytest.raises(StoreError):
        scores.stacking()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("stop", [1, 3])
def test_it_ends_on_ctrl_c_and_leaves_nothing(tmp_path: Path, stop: int) -> None:
    logits, judgments = outside(7)
    scores = scored(tmp_path, logits, judgments)
    before, threads = sorted(tmp_path.rglob("*")), threading.active_count()

    def interrupt(n_pass: int, done: int, of: int) -> None:
        if n_pass == stop:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        scores.stacking(progress=interrupt)
    assert sorted(tmp_path.rglob("*")) == before
    assert threading.active_count() <= threads + 2
    assert_in_memory(scores.stacking(), judgments)


def test_a_worker_that_is_to_give_up_does(tmp_path: Path) -> None:
    scores = scored(tmp_path, *outside(7))
    fragment, key = scores.manifest.fragments[0], scores.scoring.key
    part = DensityPart(str(scores.store.path), str(scores.folder), fragment, "float64", key, False, 1)
    with pytest.raises(InterruptedError):
        best_of(part, lambda: True)


def test_progress_tells_of_every_pass(tmp_path: Path) -> None:
    told: list[tuple[int, int, int]] = []
    solution = scored(tmp_path, *outside(8)).stacking(progress=lambda *at: told.append(at)).solution
    assert solution is not None
    assert {n_pass for n_pass, _, _ in told} == set(range(1, solution.passes + 1))
    assert all(0 < done <= of <= 600 for _, done, of in told)


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    scores = scored(tmp_path, *outside(9))
    with pytest.raises(DomainError, match="tol"):
        scores.stacking(tol=0.0)
    with pytest.raises(DtypeError, match="tol"):
        scores.stacking(tol="small")  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="executor"):
        scores.stacking(executor="dask")
    with pytest.raises(OptionError, match="by"):
        scores.stacking(by="juror")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match="n_threads"):
        scores.stacking(n_threads=0)
    with pytest.raises(NotConvergedError, match="gap") as caught:
        scores.stacking(tol=1e-30)
    assert caught.value.weights.shape == (600,)
    assert math.fsum(caught.value.weights) == pytest.approx(1)


def test_a_store_of_barred_models_has_nothing_to_weigh(tmp_path: Path) -> None:
    logits = models(1, 5)
    logits[:, 0] = -np.inf
    with pytest.raises(NoDataError, match="min_weight"):
        scored(tmp_path, logits, jury(1)).stacking()


def test_most_passes_price_few_models_and_that_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, judgments = models(5, 3000), jury(5, 60)
    scores = scored(tmp_path, logits, judgments, 500)
    monkeypatch.setattr(stacking, "BATCH", 15)  # many passes
    priced: list[int] = []

    def count(task: DensityPricing, stopped: Any = None) -> Any:
        found = density_price(task, stopped)
        priced.append(len(found[0]))
        return found

    monkeypatch.setattr(density_passes, "density_price", count)
    bounded = scores.stacking()
    n_bounded = sum(priced)
    priced.clear()
    monkeypatch.setattr(density_passes, "MANY", -1.0)
    whole = scores.stacking()
    assert bounded.solution is not None
    assert n_bounded < 2.5 * 3000 < 4 * 3000 < sum(priced)
    np.testing.assert_array_equal(bounded.weights, whole.weights)
    assert repr(bounded.solution) == repr(whole.solution)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 20),
    steepness=st.sampled_from([0.0, 0.1, 3.0, 40.0]),
    drift=st.sampled_from([1e-9, 1e-2, 3.0]),
    floor=st.sampled_from([0.2, 1.0, 1.5]),
)
def test_no_bound_hides_a_model(seed: int, n: int, steepness: float, drift: float, floor: float) -> None:
    rng = np.random.default_rng(seed)
    density = np.exp(-steepness * rng.exponential(size=(200, n)))
    before = rng.exponential(size=n) + 1e-3
    now = before * np.exp(drift * rng.normal(size=n))
    least = least_known(before, now, floor)
    assert (density @ before)[density @ now >= floor].min(initial=np.inf) >= least


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_models=st.integers(1, 90),
    n_items=st.integers(2, 9),
    n_judgments=st.integers(1, 30),
    spread=st.sampled_from([0.01, 0.5, 3.0]),
    n_copies=st.integers(1, 3),
    size=st.integers(5, 60),
    by=st.sampled_from(BY),
)
def test_any_small_store_has_the_weights_of_its_pool(
    seed: int, n_models: int, n_items: int, n_judgments: int, spread: float, n_copies: int, size: int, by: StackingBy
) -> None:
    logits = np.tile(models(seed, n_models, n_items), (n_copies, 1))
    judgments = jury(seed, n_judgments, spread, n_items)
    with tempfile.TemporaryDirectory() as folder:
        assert_in_memory(scored(Path(folder), logits, judgments, size).stacking(by=by), judgments, by)


@pytest.mark.filterwarnings("ignore::hemicycle.errors.TieBreakWarning")
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("by", BY)
def test_labels_of_hardly_any_weight_leave_the_optimum_certified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, by: StackingBy
) -> None:
    rng = np.random.default_rng(seed)
    logits = np.tile(np.round(2 * models(seed, 40)) / 2, (3, 1))
    held = jury(seed, 50)
    weight = held.weight * rng.choice([1.0, 1e-9, 1e-13], len(held))
    judgments = Judgments.from_arrays(held.a, held.b, np.round(2 * held.log_ratio) / 2, weight=weight, items=held.items)
    monkeypatch.setattr(stacking, "BATCH", 3)
    solution = scored(tmp_path, logits, judgments, 40, sigma=0.1, pair_weights="total").stacking(by=by).solution
    assert solution is not None
    assert solution.gap <= 1e-10
    values, weight = log_density(logits, judgments, 0.1, by), observation_weight(judgments, by, "total")
    prices = np.exp(values - logsumexp(values, axis=0, b=solution.weights[:, None])) @ (weight / weight.sum())
    assert prices.max() - 1 <= 1.1e-10


def test_another_start_is_tried_where_rounding_spoils_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = scored(tmp_path, *outside(3))
    right, solve, refused = scores.stacking(), _core.pool_stacking, []

    def refuse(densities: Any, options: Any) -> Any:
        if len(options.start):
            refused.append(len(options.start))
            raise NotConvergedError("stacking_weights did not converge", np.ones(1), 1.0, 3)
        return solve(densities, options)

    monkeypatch.setattr(_core, "pool_stacking", refuse)
    found = scores.stacking()
    assert refused
    np.testing.assert_allclose(found.weights, right.weights, rtol=0, atol=1e-12)
