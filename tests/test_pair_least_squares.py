"""Least squares on pairs of items: the same as on one row a judgment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, simplex_least_squares
from hemicycle.errors import DomainError, NoDataError, NonFiniteError, ShapeError
from hemicycle.least_squares import pair_least_squares

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pair_round(dtype: Any = np.float64) -> tuple[NDArray[Any], Judgments]:
    rng = np.random.default_rng(12)
    logits = rng.normal(size=(40, 9)).astype(dtype)
    # Items 0-4 and 5-7 are two components, item 8 is never judged; pairs repeat, in both orders.
    a = np.array([0, 1, 2, 3, 0, 1, 1, 5, 6, 7, 6])
    b = np.array([1, 0, 3, 4, 2, 3, 3, 6, 7, 5, 5])
    log_ratio = rng.normal(size=len(a))
    return logits, Judgments.from_arrays(a, b, log_ratio, weight=rng.uniform(0.5, 3, size=len(a)), items=9)


def rows_of(logits: NDArray[Any], judgments: Judgments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One row a judgment, as in the reference implementation."""
    root = np.sqrt(judgments.weight)
    wide = logits.astype(np.float64)
    return (wide[:, judgments.b] - wide[:, judgments.a]) * root, judgments.log_ratio * root


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("options", [{}, {"l2": 0.3}, {"cost": np.linspace(-1, 1, 40)}, {"reference": np.arange(40.0)}])
def test_pairs_equal_one_row_a_judgment(dtype: Any, options: dict[str, Any]) -> None:
    logits, judgments = pair_round(dtype)
    ours = pair_least_squares(logits, judgments, **options)
    x, y = rows_of(logits, judgments)
    dense = simplex_least_squares(x, y, **options)
    assert ours.objective == pytest.approx(dense.objective, rel=1e-12)
    assert ours.relative_gap <= 1e-12
    np.testing.assert_allclose(ours.weights, dense.weights, atol=1e-9)


def test_pairs_inside_the_hull_take_the_nearest_optimum() -> None:
    logits, judgments = pair_round()
    share = np.random.default_rng(1).dirichlet(np.ones(40))
    mixed = share @ logits
    fitted = Judgments.from_arrays(judgments.a, judgments.b, mixed[judgments.b] - mixed[judgments.a], items=9)
    ours = pair_least_squares(logits, fitted)
    x, y = rows_of(logits, fitted)
    np.testing.assert_allclose(ours.weights, simplex_least_squares(x, y).weights, atol=1e-12)
    assert ours.objective <= 1e-24


def test_constants_of_a_model_do_not_matter() -> None:
    logits, judgments = pair_round()
    shifted = logits.copy()
    shifted[:, :5] += 1e6 * np.arange(40)[:, None]
    shifted[:, 5:8] -= 77.0
    ours = pair_least_squares(shifted, judgments)
    plain = pair_least_squares(logits, judgments)
    assert ours.objective == pytest.approx(plain.objective, rel=1e-8)
    np.testing.assert_allclose(ours.weights, plain.weights, atol=1e-7)


def test_the_whole_jury_twice_is_the_same_problem_at_twice_the_weight() -> None:
    logits, judgments = pair_round()
    once = pair_least_squares(logits, judgments)
    twice = pair_least_squares(logits, judgments.select(np.r_[np.arange(11), np.arange(11)]))
    assert twice.objective == pytest.approx(2 * once.objective, rel=1e-13)
    np.testing.assert_allclose(twice.weights, once.weights, atol=1e-12)


def test_pairs_take_a_pool_and_ignore_what_no_one_judged() -> None:
    logits, judgments = pair_round()
    logits[3, 8] = -np.inf
    expected = pair_least_squares(np.nan_to_num(logits, neginf=0.0), judgments).weights
    assert (pair_least_squares(Pool.from_array(logits), judgments).weights == expected).all()
    logits[3, 7] = -np.inf
    with pytest.raises(NonFiniteError, match=r"logits\[3, 7\] is -inf"):
        pair_least_squares(Pool.from_array(logits), judgments)


def test_pairs_refuse_other_items_and_no_labels() -> None:
    logits, judgments = pair_round()
    with pytest.raises(ShapeError, match=r"expected 9 columns.*; its rows look like items: pass logits\.T"):
        pair_least_squares(logits.T, judgments)
    with pytest.raises(ShapeError, match=r"expected 9 columns.*name its columns: Judgments\.read\(\.\.\., items="):
        pair_least_squares(logits[:, :8], judgments)
    with pytest.raises(ShapeError, match="at least one model"):
        pair_least_squares(logits[:0], judgments)
    with pytest.raises(ShapeError, match="2 dimensions"):
        pair_least_squares(logits[0], judgments)
    ordinal = Judgments.from_arrays([0], [1], [np.nan], choice=[1], items=9)
    with pytest.raises(NoDataError, match="cardinal"):
        pair_least_squares(logits, ordinal)


def test_logits_whose_squares_overflow_are_refused_by_place() -> None:
    logits = np.random.default_rng(1).normal(size=(6, 4))
    judgments = Judgments.from_arrays([0, 1], [1, 2], [0.5, 0.2], items=4)
    expected = pair_least_squares(logits, judgments, l2=1.0).weights.tolist()
    logits[2, 3] = 1e160  # never judged
    assert pair_least_squares(logits, judgments, l2=1.0).weights.tolist() == expected
    logits[2, 1] = 1e160
    with pytest.raises(DomainError, match=r"logits\[2, 1\] is .*1e140"):
        pair_least_squares(logits, judgments, l2=1.0)
    heavy = Judgments.from_arrays([0, 1], [1, 2], [0.5, 0.2], weight=[1.0, 1e100], items=4)
    logits[2, 1] = 1e91
    with pytest.raises(DomainError, match=r"logits\[2, 1\] is .*root of the largest weight"):
        pair_least_squares(logits, heavy)
