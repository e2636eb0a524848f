"""The compiled sum-Gaussian loss: values and derivatives by their definition, promises of bits, errors."""

from __future__ import annotations

import threading
import time
from typing import Any

import mpmath
import numpy as np
import pytest

from hemicycle import _core
from hemicycle.errors import DomainError, NoDataError, NonFiniteError, ShapeError
from reference import losses as reference

INSTRUCTIONS = _core.instruction_sets()
FUSED = [name for name in INSTRUCTIONS if name != "portable"]
DTYPES = [np.float32, np.float64]
SIGMA = 0.5

# errors of the arithmetic in units of the last place; that of the prediction is part of the size they are measured by
UNITS = {np.float32: 8, np.float64: 45}


def losses(pred: Any, labels: Any, offsets: Any = None, weights: Any = None, sigma: float = SIGMA, **how: Any) -> Any:
    """Return loss, slope and curvature."""
    results = [np.full_like(pred, np.nan) for _ in range(3)]
    _core.sum_gaussian_loss(pred, labels, offsets, weights, sigma, *results, **how)
    return np.array(results)


def case(n_models: int, n_labels: int, n_pairs: int, dtype: Any, scale: float = 1, *, weighted: bool = False) -> Any:
    """Return predictions, labels and weights, a third of these 0."""
    rng = np.random.default_rng(n_labels * n_pairs)
    pred = (scale * rng.normal(size=(n_models, n_pairs))).astype(dtype)
    labels = (scale * rng.normal(size=(n_labels, n_pairs))).astype(dtype)
    weights = rng.exponential(size=labels.shape).astype(dtype)
    weights[1:][rng.random(labels[1:].shape) < 1 / 3] = 0
    return pred, labels, weights if weighted else None


def flat(labels: Any, weights: Any) -> Any:
    """Return a matrix of labels as ragged arguments."""
    offsets = np.arange(labels.shape[1] + 1) * len(labels)
    return labels.T.ravel(), offsets, None if weights is None else weights.T.ravel()


def check(results: Any, pred: Any, labels: Any, weights: Any, sigma: float, units: float) -> None:
    """Compare with the definition; each is allowed what some units of the prediction and of itself change it by."""
    loss, slope, curvature = reference.dense(pred, labels, sigma, weights)
    distance = np.abs(pred[:, None].astype(float) - labels[None]).max(axis=1)
    size = 1 + np.abs(loss) + np.log(len(labels))
    eps = units * np.finfo(pred.dtype).eps
    assert (np.abs(results[0] - loss) <= eps * size).all()
    by_distance = distance * np.abs(1 / sigma**2 - curvature)
    assert (np.abs(results[1] - slope) <= eps * (1 / sigma + distance / sigma**2 + by_distance)).all()


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_labels", [1, 2, 5, 16, 17, 40])
def test_it_is_the_definition(n_labels: int, weighted: bool, dtype: Any, instructions: str) -> None:
    for n_pairs, scale in [(1, 1.0), (15, 30.0), (16, 1.0), (1025, 1.0), (300, 1e4)]:
        pred, labels, weights = case(2, n_labels, n_pairs, dtype, scale, weighted=weighted)
        results = losses(pred, labels, weights=weights, instructions=instructions)
        check(results, pred, labels, weights, SIGMA, UNITS[dtype])
        values, offsets, flat_weights = flat(labels, weights)
        again = losses(pred, values, offsets, flat_weights, instructions=instructions)
        np.testing.assert_array_equal(again, results)


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_the_definition_with_50_digits(dtype: Any) -> None:
    pred, labels, weights = case(1, 7, 20, dtype, weighted=True)
    results = losses(pred, labels, weights=weights)
    for pair in range(pred.shape[1]):
        own = pred[0, pair], labels[:, pair], SIGMA, weights[:, pair]
        for result, expected in zip(results, (reference.loss, reference.slope, reference.curvature), strict=True):
            error = abs(mpmath.mpf(float(result[0, pair])) - expected(*own))
            assert error <= UNITS[dtype] * np.finfo(dtype).eps * (10 + abs(expected(*own)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_labels", [1000, 10_000])
def test_many_labels(n_labels: int, dtype: Any) -> None:
    pred, labels, _ = case(1, n_labels, 33, dtype)
    check(losses(pred, labels), pred, labels, None, SIGMA, 2 * UNITS[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_ragged_labels(dtype: Any) -> None:
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 17, size=2500)
    counts[[0, 1000, 2499]] = [1, 700, 90]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    labels, pred = rng.normal(size=offsets[-1]).astype(dtype), rng.normal(size=(2, len(counts))).astype(dtype)
    expected = reference.ragged(pred, labels, offsets, SIGMA)
    results = losses(pred, labels, offsets)
    for result, definition in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, definition, rtol=0, atol=300 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(losses(pred, labels, offsets, np.ones_like(labels)), results)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_depend_on_nothing_else(dtype: Any) -> None:
    for pred, labels, weights in (case(19, 6, 2100, dtype), case(19, 18, 1500, dtype, weighted=True)):
        values, offsets, flat_weights = flat(labels, weights)
        results = losses(pred, values, offsets, flat_weights, n_threads=1)
        for n_threads in (2, 3):
            np.testing.assert_array_equal(losses(pred, labels, None, weights, n_threads=n_threads), results)
        for instructions in FUSED:
            again = losses(pred, values, offsets, flat_weights, instructions=instructions)
            np.testing.assert_array_equal(again, results)
        one = losses(pred[7:8, 33:50].copy(), labels[:, 33:50].copy(), None, _columns(weights, 33, 50))
        np.testing.assert_array_equal(one, results[:, 7:8, 33:50])


def _columns(weights: Any, first: int, last: int) -> Any:
    return None if weights is None else weights[:, first:last].copy()


def test_minima_lie_at_both_camps() -> None:
    labels = np.repeat([1.0, -1.0], 5)[:, None] * np.ones(3)
    loss, slope, curvature = losses(np.array([[-1.0, 0.0, 1.0]]), labels)[:, 0]
    assert loss[1] > loss[0] + 1
    assert loss[2] == pytest.approx(loss[0], rel=1e-15)
    assert slope[1] == pytest.approx(0, abs=1e-14)
    assert curvature[1] < 0 < curvature[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_slope_and_curvature_may_be_left_out(dtype: Any) -> None:
    pred, labels, _ = case(2, 5, 50, dtype)
    whole = losses(pred, labels)
    loss, slope = np.empty_like(pred), np.empty_like(pred)
    _core.sum_gaussian_loss(pred, labels, None, None, SIGMA, loss, None, None)
    np.testing.assert_array_equal(loss, whole[0])
    _core.sum_gaussian_loss(pred, labels, None, None, SIGMA, loss, slope, None)
    np.testing.assert_array_equal(slope, whole[1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_models", [1, 17])
def test_totals_are_sums_times_a_number(n_models: int, weighted: bool, dtype: Any) -> None:
    pred, labels, weights = case(n_models, 3, 2100, dtype, weighted=weighted)
    loss, slope, _ = losses(pred, labels, None, weights)
    sums, scaled = np.full(n_models, np.nan), np.empty_like(pred)
    for labels_of in ((labels, None, weights), flat(labels, weights)):
        _core.sum_gaussian_loss(pred, *labels_of, SIGMA, sums, scaled, None, scale=0.25)
        np.testing.assert_allclose(sums, 0.25 * loss.astype(float).sum(1), rtol=1e-13)
        np.testing.assert_array_equal(scaled, dtype(0.25) * slope)


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_far_labels_and_predictions_without_a_value(instructions: str) -> None:
    labels = np.zeros((2, 5), np.float32)
    labels[1] = 1
    pred = np.array([[5e14, -5e14, np.inf, -np.inf, np.nan]], np.float32)
    loss, slope, curvature = losses(pred, labels, instructions=instructions)[:, 0]
    np.testing.assert_allclose(loss[:2], 0.5e30, rtol=1e-6)
    np.testing.assert_allclose(slope[:2], [2e15, -2e15], rtol=1e-6)
    np.testing.assert_allclose(curvature[:2], 4)
    np.testing.assert_array_equal(loss[2:], [np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(slope[2:], [np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("shape", [(0, 7), (3, 0)])
def test_no_predictions(shape: tuple[int, int]) -> None:
    n_pairs = shape[1]
    assert losses(np.empty(shape), np.zeros((2, n_pairs))).shape == (3, *shape)
    assert losses(np.empty(shape), np.zeros(2 * n_pairs), np.arange(n_pairs + 1) * 2).shape == (3, *shape)


def test_errors_name_the_place() -> None:
    pred, labels, weights = case(1, 3, 40, np.float64, weighted=True)

    def broken(array: Any, place: Any, value: float) -> Any:
        array = array.copy()
        array[place] = value
        return array

    with pytest.raises(NonFiniteError, match=r"labels\[2, 17\] is nan"):
        losses(pred, broken(labels, (2, 17), np.nan))
    with pytest.raises(NonFiniteError, match=r"labels\[0, 3\] is -inf"):
        losses(pred, broken(broken(labels, (0, 3), -np.inf), (1, 39), np.nan), None, weights)
    with pytest.raises(DomainError, match=r"label_weights\[1, 5\] is -1.0; it must be 0 or more"):
        losses(pred, labels, None, broken(weights, (1, 5), -1))
    with pytest.raises(NonFiniteError, match=r"label_weights\[1, 5\] is inf"):
        losses(pred, labels, None, broken(weights, (1, 5), np.inf))
    with pytest.raises(NoDataError, match=r"label_weights: those of pair 8 are all 0"):
        losses(pred, labels, None, broken(weights, (slice(None), 8), 0))
    with pytest.raises(DomainError, match=r"sigma is 0\.0; it must be above 0"):
        losses(pred, labels, sigma=0)
    values, offsets, _ = flat(labels, None)
    with pytest.raises(NonFiniteError, match=r"labels\[77\] is nan"):
        losses(pred, broken(values, 77, np.nan), offsets)
    with pytest.raises(NoDataError, match="offsets: pair 3 has no label"):
        losses(pred, values, broken(offsets, 4, offsets[3]))
    with pytest.raises(DomainError, match=r"offsets\[5\] is 2.0"):
        losses(pred, values, broken(offsets, 5, 2))
    with pytest.raises(DomainError, match=r"offsets\[0\] is 1.0"):
        losses(pred, values, broken(offsets, 0, 1))
    with pytest.raises(DomainError, match=r"offsets\[40\] is 119.0"):
        losses(pred, values, broken(offsets, 40, 119))


def test_shapes_that_disagree() -> None:
    pred, labels, weights = case(1, 3, 40, np.float64, weighted=True)
    with pytest.raises(ShapeError, match=r"labels: expected \(n_labels, 40\)"):
        losses(pred, labels[:, :39].copy())
    with pytest.raises(ShapeError, match="label_weights"):
        losses(pred, labels, None, weights[:2].copy())
    with pytest.raises(ShapeError, match=r"offsets: expected \(41,\)"):
        losses(pred, labels.ravel(), np.arange(40))
    with pytest.raises(ShapeError, match="labels: expected a row or more"):
        losses(pred, labels[:0])
    with pytest.raises(ShapeError, match="slope"):
        _core.sum_gaussian_loss(pred, labels, None, None, SIGMA, pred.copy(), pred[:, :3].copy(), None)
    with pytest.raises(ShapeError, match=r"loss: expected shape \[1\]"):
        _core.sum_gaussian_loss(pred, labels, None, None, SIGMA, np.empty(3), None, None, scale=1.0)


def test_other_threads_run_meanwhile() -> None:
    pred, labels, _ = case(40, 50, 20_000, np.float32)
    work = threading.Thread(target=losses, args=(pred, labels))
    work.start()
    n_turns = 0
    while work.is_alive():
        time.sleep(0.001)
        n_turns += 1
    assert n_turns > 2
