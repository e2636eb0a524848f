"""Pairs with many labels: which kernel scores them, and what that must not change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hemicycle import Judgments, _core, log_likelihood
from hemicycle.errors import DomainError, DtypeError, NonFiniteError, OptionError
from hemicycle.likelihood import table_bytes
from instructions import log_likelihood_with

N_ITEMS = 6


@pytest.fixture
def jury() -> Judgments:
    """One pair of 100 labels with weights, one of 9, and some of a few."""
    rng = np.random.default_rng(0)
    a = np.concatenate([np.zeros(100), np.ones(9), [2, 3, 3]]).astype(int)
    b = np.concatenate([np.full(100, 5), np.full(9, 2), [3, 4, 4]]).astype(int)
    return Judgments.from_arrays(a, b, rng.normal(size=112), weight=rng.uniform(0.5, 2, size=112), items=N_ITEMS)


@pytest.fixture
def logits() -> Any:
    return np.random.default_rng(1).normal(size=(300, N_ITEMS))


def test_the_number_of_labels_chooses_the_kernel(jury: Judgments) -> None:
    assert len(jury.pairs) == 4
    bytes_of_tables = table_bytes(jury)
    assert bytes_of_tables.dtype == np.int64
    assert [size > 0 for size in bytes_of_tables] == [True, False, False, False]
    assert 1_000 < bytes_of_tables[0] < 20_000
    for options in ({"rtol": 0}, {"rtol": 9e-14}, {"likelihood": "gaussian"}, {"sigma": 1e-5}):
        assert not table_bytes(jury, **options).any()


def test_default_tolerance(jury: Judgments, logits: Any) -> None:
    default = log_likelihood(logits, jury)
    np.testing.assert_array_equal(default, log_likelihood(logits, jury, rtol=1e-10))
    direct = log_likelihood(logits, jury, rtol=0)
    assert 0 < np.abs(default - direct).max() < 1e-10 * 4 * np.abs(direct).max()


@pytest.mark.parametrize("per", ["model", "pair"])
def test_company_threads_and_instructions_change_no_bit(jury: Judgments, logits: Any, per: Any) -> None:
    together = log_likelihood(logits, jury, per=per, n_threads=1)
    for n_threads in (2, 3):
        np.testing.assert_array_equal(log_likelihood(logits, jury, per=per, n_threads=n_threads), together)
    for model in (0, 31, 32, 299):
        np.testing.assert_array_equal(log_likelihood(logits[model : model + 1], jury, per=per)[0], together[model])
    far = logits.copy()
    far[::2] *= 1e4  # half of the models are outside the table
    np.testing.assert_array_equal(log_likelihood(far, jury, per=per)[1::2], together[1::2])
    for instructions in set(_core.instruction_sets()) - {"portable"}:
        values = log_likelihood_with(instructions, logits, jury, per=per, n_threads=2)
        np.testing.assert_array_equal(values, together.reshape(len(logits), -1))


def test_portable_instructions_keep_the_tolerance(jury: Judgments, logits: Any) -> None:
    values = log_likelihood_with("portable", logits, jury, n_threads=2)
    direct = log_likelihood(logits, jury, per="pair", rtol=0)
    assert (np.abs(values - direct) <= 1e-10 * np.maximum(1, np.abs(direct))).all()


def test_weights_of_pairs(jury: Judgments, logits: Any) -> None:
    rows = log_likelihood(logits, jury, per="pair")
    for word, weight in (("equal", np.ones(4)), ("total", jury.pairs.total_weight), ([0.0, 1, 2, 3], np.arange(4))):
        np.testing.assert_allclose(log_likelihood(logits, jury, pair_weights=word), rows @ weight, rtol=1e-12)


def test_the_order_of_a_jury_and_duplicates_change_little(jury: Judgments, logits: Any) -> None:
    order = np.random.default_rng(2).permutation(len(jury))
    shuffled = Judgments.from_arrays(
        jury.a[order], jury.b[order], jury.log_ratio[order], weight=jury.weight[order], items=N_ITEMS
    )
    np.testing.assert_array_equal(log_likelihood(logits, shuffled), log_likelihood(logits, jury))
    twice = np.repeat(np.arange(100), 2)  # the pair with a table
    doubled = Judgments.from_arrays(
        jury.a[twice], jury.b[twice], jury.log_ratio[twice], weight=jury.weight[twice], items=N_ITEMS
    )
    once = log_likelihood(logits, jury, per="pair")[:, 0]
    np.testing.assert_allclose(log_likelihood(logits, doubled), once, rtol=1e-13, atol=1e-13)


def test_copies_of_labels_and_their_number_refuse_no_table() -> None:
    def one_pair(y: Any) -> Judgments:
        return Judgments.from_arrays(np.zeros(len(y), int), np.ones(len(y), int), y, items=2)

    logits = np.array([[0.0, -0.3], [0.0, 2.0]])
    values = np.round(np.random.default_rng(3).normal(size=50), 1)
    once, often = one_pair(values), one_pair(np.repeat(values, 6_000))
    assert 0 < table_bytes(often)[0] == table_bytes(once)[0]
    np.testing.assert_allclose(log_likelihood(logits, often), log_likelihood(logits, once), rtol=1e-13)
    distinct = one_pair(np.random.default_rng(4).normal(size=3_000_000))
    assert 0 < table_bytes(distinct)[0] < 20_000


def test_models_far_from_all_labels_are_read_from_tables(jury: Judgments) -> None:
    far = np.zeros((64, N_ITEMS))
    far[:, 5] = np.geomspace(1, 1e6, 64)
    far[::2] *= -1
    far[-2:, 0] = -far[-2:, 5]  # differences of 2e6, as large as they may be
    for sigma in (0.3, 0.5, 30.0):
        tabulated = log_likelihood(far, jury, sigma=sigma, per="pair")[:, 0]
        direct = log_likelihood(far, jury, sigma=sigma, per="pair", rtol=0)[:, 0]
        np.testing.assert_allclose(tabulated, direct, rtol=1e-10, atol=1e-10)


def test_float32(jury: Judgments, logits: Any) -> None:
    single = logits.astype(np.float32)
    np.testing.assert_array_equal(log_likelihood(single, jury), log_likelihood(single.astype(np.float64), jury))


@pytest.mark.parametrize(
    ("rtol", "error"),
    [(-1e-10, DomainError), (1.0, DomainError), (np.nan, NonFiniteError), (np.inf, NonFiniteError), ("1", DtypeError)],
)
def test_tolerances_that_are_none(jury: Judgments, logits: Any, rtol: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="rtol"):
        log_likelihood(logits, jury, rtol=rtol)
    with pytest.raises(error, match="rtol"):
        table_bytes(jury, rtol=rtol)


def test_table_bytes_checks_its_options(jury: Judgments) -> None:
    with pytest.raises(OptionError, match="likelihood"):
        table_bytes(jury, likelihood="logistic")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match="sigma"):
        table_bytes(jury, sigma=1e-7)
