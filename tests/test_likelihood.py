"""Likelihood: examples, parity with a kernel density, threads, and every error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.neighbors import KernelDensity

from hemicycle import Judgments, Pool, _core, accuracy, log_likelihood, mean_squared_error
from hemicycle.errors import DomainError, DtypeError, NoDataError, NonFiniteError, OptionError, ShapeError
from hemicycle.likelihood import table_bytes, value_and_gradient
from instructions import log_likelihood_with

N_ITEMS = 5


@pytest.fixture
def jury() -> Judgments:
    """Pairs of one, two and three labels, with weights, one judgment of weight 0 and one ordinal."""
    a = [0, 1, 0, 2, 2, 4, 3, 0, 1]
    b = [1, 0, 2, 3, 3, 2, 2, 4, 3]
    y = [0.5, 0.7, -1.0, 2.0, 2.0, 0.1, 1.0, 9.0, np.nan]
    weight = [1, 2, 1, 1, 1, 0.5, 1, 0, 1]
    return Judgments.from_arrays(a, b, y, choice=[2, 1, 1, 2, 2, 2, 2, 2, 1], weight=weight, items=N_ITEMS)


@pytest.fixture
def logits() -> Any:
    return np.random.default_rng(7).normal(size=(70, N_ITEMS))


def naive(logits: Any, jury: Judgments, sigma: float) -> tuple[Any, Any]:
    """Log densities by label and by pair."""
    pairs = jury.pairs
    mu = (logits[:, pairs.b] - logits[:, pairs.a])[:, pairs.pair_of_label]
    labels = norm.logpdf(pairs.log_ratio, mu, sigma)
    rows = [
        logsumexp(labels[:, start:end], b=pairs.weight[start:end] / pairs.weight[start:end].sum(), axis=1)
        for start, end in zip(pairs.offsets[:-1], pairs.offsets[1:], strict=True)
    ]
    return labels, np.stack(rows, axis=1)


@pytest.mark.parametrize("sigma", [0.05, 0.5, 3.0])
def test_terms_and_totals(logits: Any, jury: Judgments, sigma: float) -> None:
    labels, rows = naive(logits, jury, sigma)
    pairs = jury.pairs
    np.testing.assert_allclose(log_likelihood(logits, jury, sigma=sigma, per="label"), labels, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(log_likelihood(logits, jury, sigma=sigma, per="pair"), rows, rtol=1e-12, atol=1e-12)
    given = np.arange(len(pairs)) / 2
    for word, weight in (("equal", np.ones(len(pairs))), ("total", pairs.total_weight), (given, given)):
        totals = log_likelihood(logits, jury, sigma=sigma, pair_weights=word)
        np.testing.assert_allclose(totals, rows @ weight, rtol=1e-12)
    gaussian = log_likelihood(logits, jury, sigma=sigma, likelihood="gaussian")
    np.testing.assert_allclose(gaussian, labels @ pairs.weight, rtol=1e-12)
    by_pair = log_likelihood(logits, jury, sigma=sigma, likelihood="gaussian", per="pair")
    np.testing.assert_allclose(by_pair.sum(axis=1), gaussian, rtol=1e-12)


def test_constants_are_whole() -> None:
    # one label at the prediction: 1 / (sigma sqrt(2 pi)); two labels there and far away: half of it
    one = Judgments.from_arrays([0], [1], [1.0], items=2)
    two = Judgments.from_arrays([0, 0], [1, 1], [1.0, 900.0], items=2)
    model = [[0.0, 1.0]]
    for sigma in (0.5, 2.0):
        peak = -np.log(sigma * np.sqrt(2 * np.pi))
        np.testing.assert_allclose(log_likelihood(model, one, sigma=sigma), peak, rtol=1e-15)
        np.testing.assert_allclose(log_likelihood(model, two, sigma=sigma), peak - np.log(2), rtol=1e-15)
    assert log_likelihood(model, one) == log_likelihood(model, one, sigma=0.5)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 4.0])
@pytest.mark.parametrize("n_labels", [1, 2, 3, 40])
def test_is_a_kernel_density(n_labels: int, sigma: float) -> None:
    rng = np.random.default_rng(n_labels)
    y, weight = rng.normal(size=n_labels), rng.uniform(0.5, 2, size=n_labels)
    mu = np.linspace(-4, 4, 101)
    logits = np.stack([np.zeros_like(mu), mu], axis=1)
    for weights in (np.ones(n_labels), weight):
        jury = Judgments.from_arrays([0] * n_labels, [1] * n_labels, y, weight=weights, items=2)
        density = KernelDensity(bandwidth=sigma, rtol=0, atol=0).fit(y[:, None], sample_weight=weights)
        expected = density.score_samples(mu[:, None])
        np.testing.assert_allclose(log_likelihood(logits, jury, sigma=sigma), expected, rtol=1e-10, atol=1e-10)


def test_ten_thousand_sigma_away() -> None:
    jury = Judgments.from_arrays([0, 0], [1, 1], [0.0, 1.0], items=2)
    expected = -0.5 * 1e8 - np.log(2) - np.log(0.5 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(log_likelihood([[0.0, 5001.0]], jury), expected, rtol=1e-14)


def test_many_pairs_keep_the_bound() -> None:
    rng = np.random.default_rng(3)
    n_pairs, n_items = 20_000, 250
    first, second = np.triu_indices(n_items, 1)
    chosen = rng.permutation(len(first))[:n_pairs]
    jury = Judgments.from_arrays(first[chosen], second[chosen], rng.normal(size=n_pairs), items=n_items)
    logits = rng.normal(size=(3, n_items))
    rows = log_likelihood(logits, jury, per="pair")
    exact = [float(sum(map(np.longdouble, row))) for row in rows]
    np.testing.assert_allclose(log_likelihood(logits, jury), exact, rtol=2e-14)


@pytest.mark.parametrize("per", ["model", "pair", "label"])
@pytest.mark.parametrize("n_models", [1, 31, 32, 33, 200])
def test_threads_and_place_change_no_bit(n_models: int, per: Any, jury: Judgments) -> None:
    logits = np.random.default_rng(1).normal(size=(n_models, N_ITEMS))
    one = log_likelihood(logits, jury, per=per, n_threads=1)
    for n_threads in (2, 3, None):
        np.testing.assert_array_equal(log_likelihood(logits, jury, per=per, n_threads=n_threads), one)
    for shift in (1, 5, 32):
        np.testing.assert_array_equal(log_likelihood(logits[shift:], jury, per=per), one[shift:])


@pytest.mark.parametrize("change", [np.asfortranarray, lambda x: x.astype(">f8"), lambda x: np.repeat(x, 2, 1)[:, ::2]])
def test_other_layouts(change: Any, logits: Any, jury: Judgments) -> None:
    np.testing.assert_array_equal(log_likelihood(change(logits), jury), log_likelihood(logits, jury))


def test_other_dtypes(logits: Any, jury: Judgments) -> None:
    single, half = logits.astype(np.float32), logits.astype(np.float16)
    np.testing.assert_array_equal(log_likelihood(single, jury), log_likelihood(single.astype(np.float64), jury))
    np.testing.assert_array_equal(log_likelihood(half, jury), log_likelihood(half.astype(np.float64), jury))
    whole = np.arange(10).reshape(2, 5)
    np.testing.assert_array_equal(log_likelihood(whole, jury), log_likelihood(whole.astype(np.float64), jury))
    read_only = logits.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(log_likelihood(read_only, jury), log_likelihood(logits, jury))
    unmasked = np.ma.masked_array(logits, mask=False)
    np.testing.assert_array_equal(log_likelihood(unmasked, jury), log_likelihood(logits, jury))


def test_pools(logits: Any, jury: Judgments) -> None:
    pool = Pool.from_array(logits)
    np.testing.assert_array_equal(log_likelihood(pool, jury.align(pool.items)), log_likelihood(logits, jury))
    with pytest.raises(OptionError, match=r"judgments\.align\(pool\.items\)"):
        log_likelihood(Pool.from_array(logits, items=list("abcde")), jury)


def test_no_models(jury: Judgments) -> None:
    empty = np.zeros((0, N_ITEMS))
    assert log_likelihood(empty, jury).shape == (0,)
    assert log_likelihood(empty, jury, per="pair").shape == (0, len(jury.pairs))
    assert log_likelihood(empty, jury, per="label").shape == (0, jury.pairs.n_labels)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite(value: float, logits: Any, jury: Judgments) -> None:
    logits[33, 4] = value
    logits[68, 0] = value
    with pytest.raises(NonFiniteError, match=r"^logits\[33, 4\] is (nan|NaN|inf|-inf); it must be finite$"):
        log_likelihood(logits, jury)
    with pytest.raises(NonFiniteError, match=r"^logits\[33, 4\]"):
        log_likelihood(logits.astype(np.float32), jury, per="label")


def test_logits_of_unjudged_items_count(logits: Any) -> None:
    # a model is in the domain or not, whatever the jury happens to compare
    jury = Judgments.from_arrays([0], [1], [1.0], items=N_ITEMS)
    logits[7, 4] = np.nan
    with pytest.raises(NonFiniteError, match=r"^logits\[7, 4\]"):
        log_likelihood(logits, jury)


@pytest.mark.parametrize("per", ["model", "pair", "label"])
def test_logits_outside_the_domain(per: Any, logits: Any, jury: Judgments) -> None:
    logits[3, 1] = -1.5e6
    with pytest.raises(DomainError, match=r"^logits\[3, 1\] is -1500000\.0; it must be at most 1e6 in absolute value$"):
        log_likelihood(logits, jury, per=per)
    logits[3, 1] = -1e6
    assert np.isfinite(log_likelihood(logits, jury, per=per)).all()


def test_a_pool_names_model_and_item(logits: Any, jury: Judgments) -> None:
    logits[3, 1] = -np.inf
    names = [f"team/{row}" for row in range(len(logits))]
    pool = Pool.from_array(logits, models=names)
    with pytest.raises(NonFiniteError, match=r"model 'team/3', item '1'\); score pool\.select\(pool\.scorable\)"):
        log_likelihood(pool, jury)
    assert len(log_likelihood(pool.select(pool.scorable), jury)) == len(logits) - 1
    logits[3, 1] = 2e6
    with pytest.raises(DomainError, match=r"model 'team/3', item '1'\)$"):
        log_likelihood(Pool.from_array(logits, models=names), jury)


@pytest.mark.parametrize("dtype", [object, str, complex, bool, "M8[s]"])
def test_dtypes_that_are_no_numbers(dtype: Any, jury: Judgments) -> None:
    with pytest.raises(DtypeError, match=r"^logits: expected integers or floats, got dtype"):
        log_likelihood(np.zeros((2, N_ITEMS)).astype(dtype), jury)


def test_masked_values(logits: Any, jury: Judgments) -> None:
    with pytest.raises(DtypeError, match="masked"):
        log_likelihood(np.ma.masked_greater(logits, 0.5), jury)


@pytest.mark.parametrize("shape", [(N_ITEMS,), (1, 2, N_ITEMS), (3, N_ITEMS - 1), (3, N_ITEMS + 1), ()])
def test_shapes(shape: tuple[int, ...], jury: Judgments) -> None:
    with pytest.raises(ShapeError, match=r"^logits: expected"):
        log_likelihood(np.zeros(shape), jury)


@pytest.mark.parametrize("sigma", [0, -1.0, np.nan, np.inf, 10**400, 0.9e-6, 1.1e6])
def test_sigma_outside_its_domain(sigma: float, logits: Any, jury: Judgments) -> None:
    with pytest.raises((DomainError, NonFiniteError), match=r"^sigma is"):
        log_likelihood(logits, jury, sigma=sigma)


@pytest.mark.parametrize("sigma", ["0.5", None, True, [0.5], 1j])
def test_sigma_of_another_type(sigma: Any, logits: Any, jury: Judgments) -> None:
    with pytest.raises(DtypeError, match=r"^sigma"):
        log_likelihood(logits, jury, sigma=sigma)


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("likelihood", "normal", OptionError),
        ("per", "row", OptionError),
        ("pair_weights", "half", OptionError),
        ("pair_weights", [1.0, 2.0], ShapeError),
        ("pair_weights", [1.0, 2.0, -1.0, 1.0], DomainError),
        ("pair_weights", [1.0, 2.0, np.nan, 1.0], NonFiniteError),
        ("pair_weights", [1.0, 2.0, 1e151, 1.0], DomainError),
        ("n_threads", 0, DomainError),
        ("n_threads", -1, DomainError),
        ("n_threads", 1.5, DtypeError),
    ],
)
def test_options(option: str, value: Any, error: type[Exception], logits: Any, jury: Judgments) -> None:
    with pytest.raises(error, match=option.removesuffix("s")):
        log_likelihood(logits, jury, **{option: value})


def test_no_pair_with_a_label(logits: Any) -> None:
    ordinal = Judgments.from_arrays([0, 1], [1, 2], choice=[1, 2], items=N_ITEMS)
    silent = Judgments.from_arrays([0, 1], [1, 2], [1.0, 2.0], weight=[0, 0], items=N_ITEMS)
    for jury in (ordinal, silent):
        with pytest.raises(NoDataError, match="none of the 2 has a log ratio and a weight above 0"):
            log_likelihood(logits, jury)


def test_pair_weights_too_large_to_add(logits: Any, jury: Judgments) -> None:
    weights = np.ones(len(jury.pairs))
    weights[1] = 1e151
    with pytest.raises(DomainError, match=r"^pair_weights\[1\] is 1e\+151; it must be at most 1e\+150"):
        log_likelihood(logits, jury, pair_weights=weights)


@pytest.mark.parametrize("function", [log_likelihood, value_and_gradient, mean_squared_error, accuracy])
def test_judgments_of_another_type(function: Any, logits: Any) -> None:
    with pytest.raises(DtypeError, match=r"^judgments: expected Judgments, got NoneType"):
        function(logits, None)
    with pytest.raises(DtypeError, match=r"^judgments: expected Judgments, got list"):
        table_bytes([1])  # type: ignore[arg-type]


def test_instruction_sets_are_named(logits: Any, jury: Judgments) -> None:
    assert _core.instruction_sets()[-1] == "portable"
    with pytest.raises(ShapeError, match="instructions: expected one that this CPU has, got mmx"):
        log_likelihood_with("mmx", logits, jury)


def repeated(n_each: int, weights: list[float]) -> Judgments:
    """Three labels of one pair, each so many times."""
    a = np.zeros(3 * n_each, dtype=np.int64)
    return Judgments.from_arrays(a, a + 1, np.repeat([-0.7, 0.1, 0.33], n_each), weight=np.repeat(weights, n_each))


@pytest.mark.parametrize("likelihood", ["sum_gaussian", "gaussian"])
@pytest.mark.parametrize("weights", [[0.1, 0.3, 0.7], [0.9, 1e-3, 1e-6], [0.7, 0.7, 0.7]])
def test_many_labels_add_no_error(likelihood: Any, weights: list[float]) -> None:
    logits = np.array([[0.0, mu] for mu in (-2.0, 0.1, 0.4, 7.0)])
    few = log_likelihood(logits, repeated(1, weights), likelihood=likelihood)
    many = log_likelihood(logits, repeated(5_000, weights), likelihood=likelihood, rtol=0)
    np.testing.assert_allclose(many, few * (5_000 if likelihood == "gaussian" else 1), rtol=1e-14)
    slopes = [value_and_gradient(logits, repeated(n, weights), likelihood=likelihood, rtol=0)[1] for n in (1, 5_000)]
    np.testing.assert_allclose(
        slopes[1], slopes[0] * (5_000 if likelihood == "gaussian" else 1), rtol=1e-13, atol=1e-13
    )


@pytest.mark.parametrize("pair_weight", [1.0, 1e150, 1e-160])
@pytest.mark.parametrize("unit", [2.0**-1000, 2.0**-500, 2.0**300])
def test_weights_of_any_size(unit: float, pair_weight: float) -> None:
    logits = np.array([[0.0, mu] for mu in (-1e6, 0.1, 1e6)])
    weights = np.array([1.0, 3.0, 2.0])
    one = log_likelihood(logits, repeated(1, list(weights)), likelihood="gaussian", sigma=1e-6)
    tiny = repeated(1, list(weights * unit))
    scaled = log_likelihood(logits, tiny, likelihood="gaussian", sigma=1e-6, pair_weights=[pair_weight])
    np.testing.assert_allclose(scaled, one * max(unit, pair_weight) * min(unit, pair_weight), rtol=1e-14, atol=1e-300)


def test_the_smallest_weight_of_a_pair() -> None:
    values = log_likelihood([[0.0, 1e6]], Judgments.from_arrays([0], [1], [0.25]), pair_weights=[5e-324], sigma=1e-6)
    np.testing.assert_allclose(values, -0.5e12 * (1e6 - 0.25) ** 2 * 5e-324, rtol=1e-6)
