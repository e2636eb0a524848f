"""The likelihood with its gradient: examples, autograd, layouts, threads, and every error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, _core, log_likelihood
from hemicycle.errors import DomainError, DtypeError, NoDataError, NonFiniteError, OptionError, ShapeError
from hemicycle.likelihood import table_bytes, value_and_gradient

N_ITEMS = 19


@pytest.fixture
def jury() -> Judgments:
    """Pairs of one to six labels with weights, some far, one with a table, and items that no pair names."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 8, size=60), rng.integers(8, N_ITEMS - 2, size=60)
    a, b = np.append(a, np.full(30, 3)), np.append(b, np.full(30, 12))
    y = rng.normal(scale=2, size=90)
    y[:5] = 40.0
    return Judgments.from_arrays(a, b, y, weight=rng.choice([1.0, 1.0, 0.3], size=90), items=N_ITEMS)


@pytest.fixture
def logits() -> Any:
    return np.random.default_rng(1).normal(size=(70, N_ITEMS))


@pytest.mark.parametrize("likelihood", ["sum_gaussian", "gaussian"])
@pytest.mark.parametrize("sigma", [0.05, 0.5, 3.0])
def test_values_are_those_of_the_likelihood(logits: Any, jury: Judgments, sigma: float, likelihood: Any) -> None:
    for pair_weights in ("equal", "total", np.arange(len(jury.pairs)) / 2):
        options: Any = {"likelihood": likelihood, "sigma": sigma, "pair_weights": pair_weights}
        values, gradient = value_and_gradient(logits, jury, **options)
        np.testing.assert_array_equal(values, log_likelihood(logits, jury, **options))
        assert gradient.shape == logits.shape
        assert gradient.flags.c_contiguous
        np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-12 * np.abs(gradient).max())


def test_by_hand() -> None:
    # one label: (y - mu) / sigma^2; items without a pair: 0, not -0
    one = Judgments.from_arrays([0], [2], [1.0], items=4)
    _, gradient = value_and_gradient([[0.0, 7.0, 0.5, 7.0]], one, sigma=0.5)
    np.testing.assert_allclose(gradient, [[-2.0, 0.0, 2.0, 0.0]], rtol=1e-15, atol=0)
    assert not np.signbit(gradient[0, [1, 3]]).any()
    # two camps of 3 to 1 labels, half way between: the mean of the slopes of both
    two = Judgments.from_arrays([0] * 4, [1] * 4, [1.0, 1.0, 1.0, -1.0], items=2)
    _, gradient = value_and_gradient([[0.0, 0.0]], two, sigma=0.5)
    np.testing.assert_allclose(gradient, [[-2.0, 2.0]], rtol=1e-15)
    # under the product of Gaussians labels and weights add up
    weighted = Judgments.from_arrays([0, 0], [1, 1], [1.0, -1.0], weight=[3.0, 1.0], items=2)
    _, gradient = value_and_gradient([[0.0, 0.25]], weighted, likelihood="gaussian", sigma=0.5, pair_weights=[0.5])
    np.testing.assert_allclose(gradient, [[-2.0, 2.0]], rtol=1e-15)


@pytest.mark.parametrize("likelihood", ["sum_gaussian", "gaussian"])
def test_autograd_agrees(logits: Any, jury: Judgments, likelihood: Any) -> None:
    torch = pytest.importorskip("torch")
    sigma, pairs = 0.5, jury.pairs
    x = torch.tensor(logits, requires_grad=True)
    a, b, n = (torch.as_tensor(np.asarray(index, dtype=np.int64)) for index in (pairs.a, pairs.b, pairs.pair_of_label))
    y, u = torch.as_tensor(pairs.log_ratio.copy()), torch.as_tensor(pairs.weight.copy())
    mu = (x[:, b] - x[:, a])[:, n]
    log_density = -0.5 * ((mu - y) / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi))
    if likelihood == "gaussian":
        total = (u * log_density).sum(dim=1)
    else:
        share = torch.log(u) - torch.log(torch.as_tensor(pairs.total_weight.copy())[n])
        shape = (len(logits), len(pairs))
        terms = log_density + share
        index = n.expand(len(logits), -1)
        largest = torch.full(shape, -np.inf, dtype=torch.float64).scatter_reduce(1, index, terms.detach(), "amax")
        sums = torch.zeros(shape, dtype=torch.float64).scatter_add(1, index, torch.exp(terms - largest[:, n]))
        total = (torch.log(sums) + largest).sum(dim=1)
    total.sum().backward()
    values, gradient = value_and_gradient(logits, jury, likelihood=likelihood, sigma=sigma, rtol=0)
    np.testing.assert_allclose(values, total.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_pairs_with_tables(logits: Any, jury: Judgments) -> None:
    assert (table_bytes(jury) > 0).sum() == 1
    values, gradient = value_and_gradient(logits, jury)
    np.testing.assert_array_equal(values, log_likelihood(logits, jury))
    exact, direct = value_and_gradient(logits, jury, rtol=0)
    np.testing.assert_allclose(values, exact, rtol=1e-10)
    np.testing.assert_allclose(gradient, direct, rtol=1e-7, atol=1e-7)
    assert (gradient != direct).any()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_tables_and_other_pairs_for_many_models(jury: Judgments, n_threads: int) -> None:
    # more models than are scored at once, some so far that labels are summed one by one
    logits = np.random.default_rng(4).normal(size=(3_000, N_ITEMS))
    logits[::7] *= 100
    values, gradient = value_and_gradient(logits, jury, n_threads=n_threads)
    np.testing.assert_array_equal(values, log_likelihood(logits, jury))
    direct = value_and_gradient(logits, jury, rtol=0)[1]
    np.testing.assert_allclose(gradient, direct, rtol=1e-7, atol=1e-7)
    for model in (0, 7, 31, 32, 1_999, 2_999):
        alone = value_and_gradient(logits[model : model + 1], jury)
        np.testing.assert_array_equal(alone[0][0], values[model])
        np.testing.assert_array_equal(alone[1][0], gradient[model])


def test_gradient_ascent_finds_a_camp() -> None:
    jury = Judgments.from_arrays([0] * 5, [1] * 5, [2.0] * 4 + [-2.0], items=2)
    logits = np.array([[0.0, 0.5], [0.0, -1.5]])
    for _ in range(200):
        logits += 0.05 * value_and_gradient(logits, jury)[1]
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], [2.0, -2.0], atol=1e-4)


@pytest.mark.parametrize("n_models", [1, 7, 8, 31, 33, 200])
def test_threads_and_place_change_no_bit(n_models: int, jury: Judgments) -> None:
    logits = np.random.default_rng(2).normal(size=(n_models, N_ITEMS))
    _, one = value_and_gradient(logits, jury, n_threads=1)
    for n_threads in (2, 3, None):
        np.testing.assert_array_equal(value_and_gradient(logits, jury, n_threads=n_threads)[1], one)
    np.testing.assert_array_equal(value_and_gradient(logits[n_models // 2 :], jury)[1], one[n_models // 2 :])


@pytest.mark.parametrize("n_items", [2, 7, 8, 9, 16, 23])
def test_any_number_of_items(n_items: int) -> None:
    jury = Judgments.from_arrays([0], [n_items - 1], [1.0], items=n_items)
    logits = np.random.default_rng(3).normal(size=(11, n_items))
    _, gradient = value_and_gradient(logits, jury)
    slope = (1.0 - (logits[:, -1] - logits[:, 0])) / 0.25
    expected = np.zeros_like(logits)
    expected[:, 0], expected[:, -1] = -slope, slope
    np.testing.assert_allclose(gradient, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("change", [np.asfortranarray, lambda x: x.astype(">f8"), lambda x: np.repeat(x, 2, 1)[:, ::2]])
def test_other_layouts(change: Any, logits: Any, jury: Judgments) -> None:
    for result, expected in zip(
        value_and_gradient(change(logits), jury), value_and_gradient(logits, jury), strict=True
    ):
        np.testing.assert_array_equal(result, expected)


def test_blocks_of_converted_logits(logits: Any, jury: Judgments, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hemicycle.logits.BLOCK_BYTES", 33 * 8 * N_ITEMS)
    backwards = logits[::-1]
    expected = value_and_gradient(backwards.copy(), jury)
    for result, whole in zip(value_and_gradient(backwards, jury), expected, strict=True):
        np.testing.assert_array_equal(result, whole)
    logits[3, 2] = np.nan
    with pytest.raises(NonFiniteError, match=r"^logits\[66, 2\] is nan"):
        value_and_gradient(backwards, jury)


def test_float32_has_a_gradient_in_float64(logits: Any, jury: Judgments) -> None:
    single = logits.astype(np.float32)
    values, gradient = value_and_gradient(single, jury)
    assert gradient.dtype == np.float64
    for result, expected in zip((values, gradient), value_and_gradient(single.astype(float), jury), strict=True):
        np.testing.assert_array_equal(result, expected)


def test_pools_and_no_models(logits: Any, jury: Judgments) -> None:
    pool = Pool.from_array(logits)
    aligned = jury.align(pool.items)
    np.testing.assert_array_equal(value_and_gradient(pool, aligned)[1], value_and_gradient(logits, jury)[1])
    values, gradient = value_and_gradient(logits[:0], jury)
    assert (values.shape, gradient.shape) == ((0,), (0, N_ITEMS))
    logits[3, 1] = -np.inf
    with pytest.raises(NonFiniteError, match=r"^logits\[3, 1\] is -inf.*\(model '3', item '1'\)"):
        value_and_gradient(Pool.from_array(logits, models=[str(row) for row in range(len(logits))]), aligned)


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("likelihood", "normal", OptionError),
        ("sigma", 0.0, DomainError),
        ("sigma", "1", DtypeError),
        ("rtol", -1.0, DomainError),
        ("pair_weights", "half", OptionError),
        ("pair_weights", [1.0, 2.0], ShapeError),
        ("n_threads", 0, DomainError),
    ],
)
def test_options(option: str, value: Any, error: type[Exception], logits: Any, jury: Judgments) -> None:
    with pytest.raises(error, match=option.removesuffix("s")):
        value_and_gradient(logits, jury, **{option: value})


def test_errors_are_those_of_the_likelihood(logits: Any, jury: Judgments) -> None:
    with pytest.raises(ShapeError, match=r"^logits: expected 19 columns"):
        value_and_gradient(logits[:, 1:], jury)
    with pytest.raises(DtypeError, match="masked"):
        value_and_gradient(np.ma.masked_greater(logits, 0.5), jury)
    ordinal = Judgments.from_arrays([0, 1], [1, 2], choice=[1, 2], items=N_ITEMS)
    with pytest.raises(NoDataError, match="none of the 2 has a log ratio and a weight above 0"):
        value_and_gradient(logits, ordinal)
    logits[33, 4] = 2e6
    with pytest.raises(DomainError, match=r"^logits\[33, 4\] is 2000000\.0"):
        value_and_gradient(logits, jury)


def test_results_must_fit(logits: Any, jury: Judgments) -> None:
    pairs, weights = jury.pairs, np.ones(len(jury.pairs))
    for values, gradient, message in (
        (np.empty(3), np.empty(logits.shape), "values: expected length 70, got length 3"),
        (np.empty(70), np.empty((70, 3)), "gradient: expected length 1330, got length 210"),
        (np.empty(70), np.empty(logits.shape, order="F"), "gradient: expected a C-contiguous array"),
        (np.empty(140)[::2], np.empty(logits.shape), "values: expected a C-contiguous array"),
    ):
        with pytest.raises(ShapeError, match=message):
            _core.value_and_gradient(logits, pairs, weights, N_ITEMS, False, 0.5, values, gradient)
