"""Least squares reads memory maps and read-only arrays as they are, to the same bits, and no more than it needs."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, project_simplex, simplex_least_squares
from hemicycle.allocation_range import allocation_range, log_ratio_range
from hemicycle.influence import leave_one_juror_out, leave_one_model_out
from hemicycle.least_squares import pair_least_squares

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

N_ITEMS = 6
JUDGMENTS = Judgments.from_arrays(
    [0, 1, 2, 0, 3], [1, 2, 0, 2, 4], [0.3, -0.2, 0.1, 0.6, 0.4], juror=["k", "k", "l", "l", "m"], items=N_ITEMS
)
TARGET = np.linspace(-0.3, 0.4, N_ITEMS)


def range_of(logits: Any, mean: Any) -> NDArray[np.float64]:
    found = allocation_range(logits, JUDGMENTS, pair_least_squares(logits, JUDGMENTS), mean=mean)
    return np.array([found.low, found.high])


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "project_simplex": project_simplex,
    "dense": lambda x: simplex_least_squares(x, TARGET).weights,
    "dense, individual loss": lambda x: simplex_least_squares(x, TARGET, tie_break="least_individual_loss").weights,
    "dense, ridge": lambda x: simplex_least_squares(x, TARGET, l2=0.1).weights,
    "dense, projected gradient": lambda x: simplex_least_squares(x, TARGET, solver="projected_gradient").weights,
    "pairs": lambda x: pair_least_squares(x, JUDGMENTS).weights,
    "pairs, individual loss": lambda x: pair_least_squares(x, JUDGMENTS, tie_break="least_individual_loss").weights,
    "arithmetic range": lambda x: range_of(x, "arithmetic"),
    "geometric range": lambda x: range_of(x, "geometric"),
    "log ratio range": lambda x: log_ratio_range(x, JUDGMENTS, pair_least_squares(x, JUDGMENTS), 0, 3)[0].value,
    "without a juror": lambda x: leave_one_juror_out(x, JUDGMENTS).allocation,
    "without a model": lambda x: leave_one_model_out(x, JUDGMENTS).allocation,
}


def forms(x: NDArray[np.float64], folder: Path) -> dict[str, NDArray[Any]]:
    """Return the same numbers in every form that an array may come in."""
    frozen = x.copy()
    frozen.flags.writeable = False
    odd = np.ndarray(x.shape, buffer=bytearray(x.nbytes + 1), offset=1)
    odd[:] = x
    np.save(folder / "x.npy", x)
    mapped = np.load(folder / "x.npy", mmap_mode="r")
    np.save(folder / "swapped.npy", x.astype(">f8"))
    np.save(folder / "fortran.npy", np.asfortranarray(x))
    wide = np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)
    return {
        "read-only": frozen,
        "odd address": odd,
        "mapped": mapped,
        "mapped, other byte order": np.load(folder / "swapped.npy", mmap_mode="r"),
        "mapped, columns first": np.load(folder / "fortran.npy", mmap_mode="r"),
        "strided": wide[::2, ::3],
        "backwards": x[::-1, ::-1].copy()[::-1, ::-1],
        "a view of records": x.view([("first", float)] + [(f"f{k}", float) for k in range(N_ITEMS - 1)]).view(float),
    }


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_any_form_gives_the_same_bits_and_is_not_written_to(name: str, dtype: Any, tmp_path: Path) -> None:
    x = np.random.default_rng(2).normal(size=(40, N_ITEMS)).astype(dtype).astype(float)
    expected = FUNCTIONS[name](x)
    for form, given in forms(x, tmp_path).items():
        before = np.array(given)
        np.testing.assert_array_equal(FUNCTIONS[name](given), expected, err_msg=form)
        np.testing.assert_array_equal(given, before, err_msg=form)


def test_single_precision_that_is_mapped_is_read_as_it_is(tmp_path: Path) -> None:
    x = np.random.default_rng(3).normal(size=(40, N_ITEMS)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for name in sorted(FUNCTIONS):
        np.testing.assert_array_equal(FUNCTIONS[name](mapped), FUNCTIONS[name](x), err_msg=name)


def test_the_individual_loss_reads_the_models_of_the_face_only(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    pool = rng.normal(size=(200_000, 20)).astype(np.float32)
    pool[1] = pool[0]
    np.save(tmp_path / "pool.npy", pool)
    mapped, y = np.load(tmp_path / "pool.npy", mmap_mode="r"), 4 * pool[0].astype(float)
    tracemalloc.start()
    solution = simplex_least_squares(mapped, y, tie_break="least_individual_loss")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert solution.face_dimension == 1
    assert (solution.weights[0], solution.weights[1]) == (solution.weights[0], 0.0)
    assert peak < pool.nbytes / 2
