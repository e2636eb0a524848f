"""What needs all models of a store at once, beside a round in memory whose models stand in the order of their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, Round, Store
from hemicycle.clones import clone_proof_prior
from hemicycle.errors import DomainError, NoDataError, OptionError, StoreError
from hemicycle.streaming import StoreScores, score_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from hemicycle.streaming.store_ensemble import StoreEnsemble

N_ITEMS = 6


def jury() -> Judgments:
    rng = np.random.default_rng(7)
    a = rng.integers(0, N_ITEMS, 30)
    b = (a + rng.integers(1, N_ITEMS, 30)) % N_ITEMS
    return Judgments.from_arrays(a, b, rng.normal(size=30), items=N_ITEMS)


def scored(tmp_path: Path, dtype: str = "float64", **options: Any) -> StoreScores:
    """Score four fragments: copies across fragments, near copies, a replaced model, one with a zero weight."""
    rng = np.random.default_rng(8)
    logits = rng.normal(size=(40, N_ITEMS)).astype(dtype).astype(np.float64)
    logits[30:35] = logits[3] + 0.25
    logits[35:38] = (logits[5] + 1e-3 * rng.normal(size=(3, N_ITEMS))).astype(dtype)
    logits[39, 2] = -np.inf
    names = [f"m{(17 * k) % 40:02d}" for k in range(40)]
    authors = [None if k % 7 == 0 else f"author{k % 4}" for k in range(40)]
    pool = Pool.from_array(logits, models=names, items=N_ITEMS, authors=authors)
    store = Store.create(tmp_path / "store", items=N_ITEMS, dtype=dtype)
    for part in (range(15), range(15, 16), range(16, 40)):
        store.add(pool.select(part))
    again = Pool.from_array(logits[:1] + 0.5 * rng.normal(size=N_ITEMS), models=names[:1], items=N_ITEMS)
    store.add(again, on_conflict="replace")
    return score_store(store, jury(), tmp_path / "scores", **options)


def by_name(scores: StoreScores, values: NDArray[Any]) -> NDArray[Any]:
    return values[np.argsort(scores.names(np.arange(len(scores))))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("memory", [0, None])
def test_the_pool_stands_in_the_order_of_the_scores(tmp_path: Path, dtype: str, memory: int | None) -> None:
    scores = scored(tmp_path, dtype)
    pool, sorted_pool = scores.pool(memory=memory), scores.store.pool()
    seated = sorted_pool.select(sorted_pool.scorable)
    assert isinstance(pool.logits, np.memmap) == (memory == 0)
    assert pool.logits.dtype == dtype
    assert list(pool.models) == scores.names(np.arange(len(scores)))
    order = np.argsort(pool.models)
    np.testing.assert_array_equal(pool.logits[order], seated.logits)
    assert tuple(pool.authors[row] for row in order) == seated.authors
    assert len(pool) == 39 == len(scores)


def test_zero_weights_are_lifted_as_when_they_were_scored(tmp_path: Path) -> None:
    scores = scored(tmp_path, min_weight=1e-3)
    pool = scores.pool()
    assert len(pool) == 40
    np.testing.assert_array_equal(pool.logits[np.argsort(pool.models)], scores.store.pool(min_weight=1e-3).logits)


ASKED: list[tuple[str, dict[str, Any]]] = [
    ("bma", {"prior": "clone_proof"}),
    ("bma", {"prior": "clone_proof", "bandwidth": 0.5, "power": 0.2}),
    ("greedy", {}),
    ("greedy", {"loss": "log_score", "rounds": 17}),
    ("greedy", {"loss": "log_likelihood", "rounds": 9}),
]


@pytest.mark.parametrize(("method", "options"), ASKED)
@pytest.mark.parametrize("pair_weights", ["equal", "total"])
def test_mechanisms_are_those_of_a_round(
    tmp_path: Path, method: str, options: dict[str, Any], pair_weights: Any
) -> None:
    scores = scored(tmp_path, pair_weights=pair_weights)
    form: Callable[..., StoreEnsemble] = getattr(scores, method)
    found, mapped = form(**options), form(**options, memory=0)
    np.testing.assert_array_equal(found.weights, mapped.weights)
    right = Round(jury(), scores.store.pool(), pair_weights=pair_weights).ensemble(method, **options)  # type: ignore[arg-type]
    np.testing.assert_allclose(by_name(scores, found.weights), right.weights, rtol=1e-13, atol=1e-15)
    assert (found.solution is None) == (right.solution is None)
    if found.solution is not None and right.solution is not None:
        assert found.solution.objective == pytest.approx(right.solution.objective, rel=1e-13)
        np.testing.assert_allclose(found.solution.gap, right.solution.gap, rtol=1e-9, atol=1e-13)


def test_copies_in_other_fragments_are_found(tmp_path: Path) -> None:
    scores = scored(tmp_path)
    names = scores.names(np.arange(len(scores)))
    clones = scores.clones()
    right = clone_proof_prior(scores.pool(), jury(), bandwidth=0.1)
    np.testing.assert_array_equal(clones.prior, right.prior)
    assert clones.bandwidth == pytest.approx(0.1)
    copies = {f"m{(17 * k) % 40:02d}" for k in (3, *range(30, 35))}
    assert {names[model] for model in clones.groups()[0]} == copies
    found = clones.class_of[[names.index(name) for name in copies]]
    assert len(set(found.tolist())) == 1


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    scores = scored(tmp_path)
    with pytest.raises(OptionError, match="bandwidth: only a prior"):
        scores.bma(bandwidth=0.1)
    with pytest.raises(DomainError, match="bandwidth"):
        scores.clones(-1.0)
    with pytest.raises(DomainError, match="memory"):
        scores.greedy(memory="much")
    with pytest.raises(OptionError, match="loss"):
        scores.greedy(loss="mse")
    with pytest.raises(DomainError, match="rounds"):
        scores.greedy(rounds=0)
    scores.store.compact()
    with pytest.raises(StoreError, match="call score_store again"):
        scores.pool()


def test_a_store_of_barred_models_has_no_pool(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "store", items=N_ITEMS)
    store.add(Pool.from_array(np.where(np.eye(2, N_ITEMS), -np.inf, 0.0), items=N_ITEMS))
    scores = score_store(store, jury(), tmp_path / "scores")
    with pytest.raises(NoDataError, match="min_weight"):
        scores.pool()
