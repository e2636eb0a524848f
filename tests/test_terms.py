"""Terms by pair and by label: rows of any width, and arrays given to write to."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, _core, log_likelihood
from hemicycle.errors import DtypeError, NonFiniteError, OptionError, ShapeError
from instructions import log_likelihood_with

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

N_ITEMS = 30


def jury_of(n_pairs: int) -> Judgments:
    """Distinct pairs: most of one label, every third of two or three, one far away."""
    rng = np.random.default_rng(n_pairs)
    first, second = np.triu_indices(N_ITEMS, 1)
    chosen = np.repeat(np.arange(n_pairs), np.where(np.arange(n_pairs) % 3 == 2, 1 + np.arange(n_pairs) % 4, 1))
    log_ratio = rng.normal(size=len(chosen))
    log_ratio[len(chosen) // 2] = 40.0
    return Judgments.from_arrays(first[chosen], second[chosen], log_ratio, items=N_ITEMS)


def logits_of(n_models: int) -> NDArray[np.float64]:
    return np.random.default_rng(n_models).normal(size=(n_models, N_ITEMS))


def naive(logits: NDArray[np.float64], jury: Judgments, per: str, sigma: float = 0.5) -> NDArray[np.float64]:
    """Evaluate the definition in NumPy."""
    pairs = jury.pairs
    mu = (logits[:, pairs.b] - logits[:, pairs.a])[:, pairs.pair_of_label]
    labels = -0.5 * ((mu - pairs.log_ratio) / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi))
    if per == "label":
        return labels
    sums = np.logaddexp.reduceat(labels, pairs.offsets[:-1], axis=1)
    return sums - np.log(np.diff(pairs.offsets))


@pytest.fixture
def jury() -> Judgments:
    return jury_of(19)


@pytest.fixture
def logits() -> NDArray[np.float64]:
    return logits_of(37)


@pytest.mark.parametrize("instructions", _core.instruction_sets())
@pytest.mark.parametrize("n_pairs", [1, 2, 7, 8, 9, 16, 67, 129])
@pytest.mark.parametrize("n_models", [1, 7, 8, 9, 31, 32, 33, 40, 100])
def test_rows_of_any_number_and_width(n_models: int, n_pairs: int, instructions: str) -> None:
    logits, jury = logits_of(n_models), jury_of(n_pairs)
    for per in ("pair", "label"):
        rows = log_likelihood_with(instructions, logits, jury, per=per)
        np.testing.assert_allclose(rows, naive(logits, jury, per), rtol=1e-13, atol=1e-13)


def test_pairs_add_up_to_totals() -> None:
    logits, jury = logits_of(200), jury_of(300)
    rows = log_likelihood(logits, jury, per="pair")
    sizes = np.maximum(1, np.abs(rows)).sum(axis=1)
    assert (np.abs(rows.sum(axis=1) - log_likelihood(logits, jury)) <= 1e-13 * sizes).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
@pytest.mark.parametrize("per", ["model", "pair", "label"])
def test_out_is_filled_and_returned(per: Any, dtype: Any, logits: NDArray[np.float64], jury: Judgments) -> None:
    matrix = (8 * logits).astype(dtype)
    fresh = log_likelihood(matrix, jury, per=per)
    for n_threads in (1, 3):
        out = np.full_like(fresh, np.nan)
        assert log_likelihood(matrix, jury, per=per, n_threads=n_threads, out=out) is out
        np.testing.assert_array_equal(out, fresh)


def test_out_may_be_part_of_an_array(logits: NDArray[np.float64], jury: Judgments) -> None:
    fresh = log_likelihood(logits, jury, per="pair")
    whole = np.zeros((3, *fresh.shape))
    log_likelihood(logits, jury, per="pair", out=whole[1])
    np.testing.assert_array_equal(whole, [0 * fresh, fresh, 0 * fresh])


def test_out_may_be_a_memory_map(tmp_path: Path, logits: NDArray[np.float64], jury: Judgments) -> None:
    fresh = log_likelihood(logits, jury, per="label")
    path = tmp_path / "labels.npy"
    mapped = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=fresh.shape)
    assert log_likelihood(logits, jury, per="label", out=mapped) is mapped
    mapped.flush()
    np.testing.assert_array_equal(np.load(path), fresh)


def test_out_of_no_models(jury: Judgments) -> None:
    out = np.zeros((0, len(jury.pairs)))
    assert log_likelihood(np.zeros((0, N_ITEMS)), jury, per="pair", out=out) is out


def read_only(shape: tuple[int, ...]) -> NDArray[np.float64]:
    array = np.zeros(shape)
    array.flags.writeable = False
    return array


def unaligned(shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.zeros(8 * int(np.prod(shape)) + 1, dtype=np.uint8)[1:].view(np.float64).reshape(shape)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda shape: np.zeros(shape).tolist(), DtypeError, "expected an ndarray of float64, got list"),
        (lambda shape: np.ma.zeros(shape), DtypeError, "expected an ndarray of float64, got MaskedArray"),
        (lambda shape: np.zeros(shape, dtype=np.float32), DtypeError, "expected dtype float64, got float32"),
        (lambda shape: np.zeros(shape, dtype=">f8"), DtypeError, "expected dtype float64, got >f8"),
        (lambda shape: np.zeros(shape[::-1]), ShapeError, r"expected shape \(37, 19\), got \(19, 37\)"),
        (lambda shape: np.zeros(shape[0] * shape[1]), ShapeError, r"expected shape \(37, 19\), got \(703,\)"),
        (lambda shape: np.zeros(shape, order="F"), ShapeError, "expected a C-contiguous array, got strides"),
        (lambda shape: np.zeros((shape[0], 40))[:, :19], ShapeError, "expected a C-contiguous array, got strides"),
        (unaligned, ShapeError, "expected an aligned array"),
        (read_only, OptionError, "expected an array that can be written to, got a read-only one"),
    ],
)
def test_out_that_is_refused(make: Any, error: type[Exception], message: str, jury: Judgments) -> None:
    with pytest.raises(error, match=f"^out: {message}"):
        log_likelihood(logits_of(37), jury, per="pair", out=make((37, 19)))


def test_out_that_is_read_meanwhile(jury: Judgments) -> None:
    memory = np.zeros(37 * N_ITEMS + 37)
    logits, apart = memory[: 37 * N_ITEMS].reshape(37, N_ITEMS), memory[37 * N_ITEMS :]
    log_likelihood(logits, jury, out=apart)
    with pytest.raises(OptionError, match=r"^out: shares memory with logits"):
        log_likelihood(logits, jury, out=memory[1:38])
    with pytest.raises(OptionError, match=r"^out: shares memory with logits"):
        log_likelihood(Pool.from_array(logits), jury.align(Pool.from_array(logits).items), out=memory[:37])
    weights = np.ones(len(jury.pairs) + 18)
    with pytest.raises(OptionError, match=r"^out: shares memory with pair_weights"):
        log_likelihood(logits, jury, pair_weights=weights[:19], out=weights[-37:])
    labels = jury.pairs.log_ratio.base
    assert isinstance(labels, np.ndarray)
    with pytest.raises(OptionError, match=r"^out: shares memory with judgments"):
        log_likelihood(logits[: len(labels)], jury, out=labels)
    between = np.zeros((37, N_ITEMS + 1))  # the last column is no logit
    log_likelihood(between[:1, :N_ITEMS], jury, out=between[0, N_ITEMS:])


def test_out_of_another_call() -> None:
    labels = Judgments.from_arrays([0] * 20_000, [1] * 20_000, np.linspace(-0.01, 0.01, 20_000))
    small = Judgments.from_arrays([0], [1], [0.0])
    logits, out = np.zeros((20_000, 2)), np.zeros(20_000)

    def score() -> None:
        while True:
            with suppress(OptionError):  # a call of the other thread has the array
                log_likelihood(logits, labels, sigma=0.05, rtol=0, out=out)
                return

    refusals: set[str] = set()
    calls: list[dict[str, Any]] = [
        {"logits": out.reshape(-1, 2)},
        {"logits": logits[:1], "out": out[:1]},
        {"logits": logits[:1], "pair_weights": out[:1]},
    ]
    for _ in range(20):  # on a busy machine this thread may sleep through all of a call
        thread = threading.Thread(target=score)
        thread.start()
        while thread.is_alive():
            for call in calls:
                try:
                    log_likelihood(judgments=small, sigma=0.05, **call)
                except OptionError as error:
                    refusals.add(str(error))
        if len(refusals) == len(calls):
            break
    assert refusals == {
        "logits: another call writes to it",
        "out: another call reads it or writes to it",
        "pair_weights: another call writes to it",
    }


def test_errors_come_before_and_after_writing(logits: NDArray[np.float64], jury: Judgments) -> None:
    out = np.zeros((37, 19))
    logits[36, 3] = np.nan
    with pytest.raises(NonFiniteError, match=r"^logits\[36, 3\]"):
        log_likelihood(logits, jury, per="pair", out=out)
    logits[36, 3] = 0.0
    np.testing.assert_array_equal(
        log_likelihood(logits, jury, per="pair", out=out), log_likelihood(logits, jury, per="pair")
    )


def test_the_core_checks_the_length(logits: NDArray[np.float64], jury: Judgments) -> None:
    pairs = jury.pairs
    arguments = (logits, pairs, np.ones(len(pairs)), N_ITEMS, False, 0.5)
    for per, length in (("model", 37), ("pair", 37 * 19), ("label", 37 * pairs.n_labels)):
        with pytest.raises(ShapeError, match=rf"^out: expected length {length}, got length 5"):
            _core.log_likelihood(*arguments, per, np.zeros(5))
    with pytest.raises(ShapeError, match=r"^out: expected a C-contiguous array"):
        _core.log_likelihood(*arguments, "pair", np.zeros((37, 19), order="F"))
