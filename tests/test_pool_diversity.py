"""Diversity of submitted models on the judged pairs, and its place in the result of a round."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, Round, mean_squared_error
from hemicycle.cli.diversity_view import diversity_view
from hemicycle.diversity import decompose, pool_diversity, submitted
from hemicycle.errors import DomainError, NoDataError, NonFiniteError, OptionError, ShapeError
from reference import diversity as reference


def case(seed: int = 0, n_models: int = 30, n_labels: int = 25) -> tuple[np.ndarray, dict[str, Any], np.ndarray]:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 6, n_labels)
    rows = {
        "a": a,
        "b": (a + rng.integers(1, 6, n_labels)) % 6,
        "log_ratio": rng.normal(size=n_labels),
        "weight": rng.exponential(size=n_labels),
    }
    return rng.normal(size=(n_models, 6)), rows, rng.dirichlet(np.ones(n_models))


def test_it_is_that_of_the_definition() -> None:
    for seed in range(3):
        logits, rows, w = case(seed)
        found = pool_diversity(logits, Judgments.from_arrays(**rows, items=6), w)
        err, err_bar, div, share = reference.pool_decompose(logits, **rows, weights=w)
        parts = found.parts
        np.testing.assert_allclose([parts.err, parts.err_bar, parts.div], [err, err_bar, div], rtol=1e-12)
        assert found.bias_share == pytest.approx(share, abs=1e-12)
        assert abs(parts.residual) <= 1e-13 * parts.err_bar


def test_it_is_the_decomposition_of_arrays_label_by_label() -> None:
    logits, rows, w = case(4)
    predicted = logits[:, rows["b"]] - logits[:, rows["a"]]
    plain = decompose(predicted, rows["log_ratio"], weights=w, example_weights=rows["weight"])
    found = pool_diversity(logits, Judgments.from_arrays(**rows, items=6), w).parts
    for name in ("err", "err_bar", "div"):
        assert getattr(found, name) == pytest.approx(getattr(plain, name), rel=1e-12)


def test_blocks_change_nothing_but_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, rows, w = case(1)
    w[3:9] = 0
    w /= w.sum()
    judgments = Judgments.from_arrays(**rows, items=6)
    whole = pool_diversity(logits, judgments, w)
    monkeypatch.setattr(submitted, "BLOCK_CELLS", 1)
    one_by_one = pool_diversity(logits, judgments, w)
    assert one_by_one.parts.div == pytest.approx(whole.parts.div, rel=1e-14)
    assert one_by_one.bias_share == pytest.approx(whole.bias_share, rel=1e-12)


def test_an_offset_of_a_model_changes_nothing() -> None:
    logits, rows, w = case(2)
    judgments = Judgments.from_arrays(**rows, items=6)
    plain = pool_diversity(logits, judgments, w)
    logits = np.round(logits, 3)
    plain = pool_diversity(logits, judgments, w)
    moved = pool_diversity(logits + 4096.0 * np.arange(len(logits))[:, None], judgments, w)
    assert moved.parts.div == pytest.approx(plain.parts.div, rel=1e-9)


def test_asking_the_other_way_round_changes_nothing() -> None:
    logits, rows, w = case(3)
    flip = np.arange(25) % 2 == 0
    other = rows | {
        "a": np.where(flip, rows["b"], rows["a"]),
        "b": np.where(flip, rows["a"], rows["b"]),
        "log_ratio": np.where(flip, -rows["log_ratio"], rows["log_ratio"]),
    }
    order = np.array([5, 3, 1, 0, 2, 4])  # and which item is listed first
    renamed = np.argsort(order)
    listed = rows | {"a": renamed[rows["a"]], "b": renamed[rows["b"]]}
    plain = pool_diversity(logits, Judgments.from_arrays(**rows, items=6), w)
    for logits_, rows_ in ((logits, other), (logits[:, order], listed)):
        found = pool_diversity(logits_, Judgments.from_arrays(**rows_, items=6), w)
        assert found.parts.div == pytest.approx(plain.parts.div, rel=1e-13)
        assert found.bias_share == pytest.approx(plain.bias_share, rel=1e-11)


def test_bolder_and_more_timid_models_are_bias() -> None:
    """Models that see every pair right but for one constant towards its winner."""
    judgments = Judgments.from_arrays([0, 2, 4], [1, 3, 5], [1.0, 2.0, -1.5], items=6)
    truth = np.array([0, 1.0, 0, 2.0, 1.5, 0])
    bolder = np.array([0, 1.0, 0, 1.0, 1.0, 0])
    logits = truth + np.array([[-0.5], [0.0], [0.5]]) * bolder
    found = pool_diversity(logits, judgments, [0.25, 0.5, 0.25])
    assert found.bias_share == pytest.approx(1.0, abs=1e-14)
    assert found.parts.err == pytest.approx(0.0, abs=1e-30)
    one = pool_diversity(logits, judgments, [0, 1, 0])
    assert (one.parts.div, one.bias_share) == (0.0, 0.0)
    tie = Judgments.from_arrays([0], [1], [0.0], items=6)
    assert pool_diversity(logits, tie, [0.5, 0, 0.5]).bias_share == 0.0


class TestBadInput:
    def test_logits(self):
        logits, rows, w = case()
        judgments = Judgments.from_arrays(**rows, items=6)
        logits[7, 2] = np.nan
        with pytest.raises(NonFiniteError, match=r"logits\[7, 2\] is nan; it must be finite"):
            pool_diversity(logits, judgments, w)
        w[7] = 0
        assert pool_diversity(logits, judgments, w / w.sum()).parts.div > 0
        with pytest.raises(ShapeError, match="logits"):
            pool_diversity(logits[:, :5], judgments, w)
        with pytest.raises(NonFiniteError, match="beyond the largest float64"):
            pool_diversity(np.array([[0, 1e200, 0, 0, 0, 0], [0] * 6]), judgments, [0.5, 0.5])

    def test_a_pool_names_model_and_item(self):
        judgments = Judgments.from_arrays([0], [1], [1.0])
        pool = Pool.from_array(np.array([[0.0, -np.inf], [0.0, 1.0]]))
        with pytest.raises(NonFiniteError, match=r"logits\[0, 1\] is -inf.*\(model "):
            pool_diversity(pool, judgments.align(pool.items), [0.5, 0.5])
        other = Pool.from_array(np.zeros((1, 3)))
        with pytest.raises(OptionError, match="align"):
            pool_diversity(other, judgments, [1.0])

    def test_weights_and_judgments(self):
        logits, rows, _ = case(n_models=2)
        judgments = Judgments.from_arrays(**rows, items=6)
        with pytest.raises(DomainError, match="weights sum to"):
            pool_diversity(logits, judgments, [0.5, 0.6])
        with pytest.raises(ShapeError, match="weights: expected length 2"):
            pool_diversity(logits, judgments, [1.0])
        ordinal = Judgments.from_arrays([0], [1], [np.nan], choice=[1], items=6)
        with pytest.raises(NoDataError, match="none of the 1"):
            pool_diversity(logits, ordinal, [0.5, 0.5])


def test_it_is_part_of_the_result_of_a_round() -> None:
    logits, rows, _ = case(5)
    round_ = Round(Judgments.from_arrays(**rows, items=6), Pool.from_array(logits))
    mse = mean_squared_error(round_.pool, round_.judgments)
    for ensemble in round_.mechanisms():
        parts = ensemble.diversity.parts
        assert parts.err == pytest.approx(ensemble.mse, rel=1e-12)
        assert parts.err_bar == pytest.approx(float(ensemble.weights @ mse), rel=1e-12)
        assert ensemble.diversity.bias_share <= 1
        assert set(ensemble.diversity.summary()) == {"err", "err_bar", "div", "ratio", "bias_share"}
    assert round_.ensemble("best").diversity.parts.div == 0.0


def sentence(logits: np.ndarray, rows: dict[str, Any], method: str) -> str:
    """Return what the terminal says of the diversity of the mechanism that pays."""
    round_ = Round(Judgments.from_arrays(**rows, items=logits.shape[1]), Pool.from_array(logits))
    paid = round_.ensemble(method)
    found = {"method": method, "models_with_weight": int(np.count_nonzero(paid.weights))}
    mechanisms = [found | {"diversity": paid.diversity.summary()}]
    return diversity_view(SimpleNamespace(mechanisms=mechanisms, paid=paid, round=round_))  # type: ignore[arg-type]


def test_the_terminal_says_it_in_a_sentence() -> None:
    logits, rows, _ = case(5, n_labels=60)
    said = sentence(logits, rows, "uniform")
    assert re.fullmatch(
        r"diversity of uniform: its models have an mse of \d\.\d{3} on average, their average one of \d\.\d{3}; their "
        r"disagreement earns the \d\.\d{3} between, (\d+%|less than 1%) of it by models that are bolder or more timid "
        r"throughout\.",
        said,
    )
    few = {name: column[:3] for name, column in rows.items()}
    assert sentence(logits, few, "uniform").endswith(" between.")  # of three pairs a third is bias by chance
    alone = sentence(logits, rows, "best")
    assert re.fullmatch(
        r"diversity of best single: none, as one model has all the weight; its mse is \d\.\d{3}\.", alone
    )
    agreed = sentence(np.tile(logits[:1], (4, 1)), rows, "uniform")
    assert agreed.startswith("diversity of uniform: hardly any; its models and their average have an mse of ")


def test_the_bias_of_few_pairs_is_chance() -> None:
    rng = np.random.default_rng(9)
    shares = []
    for _ in range(300):
        rows = {"a": [0, 2, 4], "b": [1, 3, 5], "log_ratio": rng.normal(size=3)}
        judgments = Judgments.from_arrays(**rows, items=6)
        shares.append(pool_diversity(rng.normal(size=(8, 6)), judgments, np.full(8, 1 / 8)).bias_share)
    assert np.mean(shares) == pytest.approx(1 / 3, abs=0.03)
