"""Ranges over all optimal weights: what holds whatever the models and comparisons are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import Judgments, allocate
from hemicycle.allocation_range import allocation_range
from hemicycle.least_squares import pair_least_squares

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray

    from hemicycle.allocation import Mean

pytest.importorskip("highspy")

pytestmark = pytest.mark.filterwarnings("ignore::hemicycle.errors.TieBreakWarning")
N_ITEMS = 5
MEANS: st.SearchStrategy[Mean] = st.sampled_from(["geometric", "arithmetic"])
TOLERANCE = 1e-7  #: of shares: programs are solved to 1e-9, and rounding of the fit moves vertices that are nearly flat

values = st.integers(-3, 3).map(float) | st.floats(-4, 4, width=16)


def is_certifiable(logits: NDArray[np.float64], judgments: Judgments) -> bool:
    """Models a hundred times further away than the median may leave too few digits for the solver's tie-break."""
    loss = np.square(logits[:, judgments.b] - logits[:, judgments.a] - judgments.log_ratio).sum(axis=1)
    return bool(loss.max() <= 1e4 * np.median(loss) or np.median(loss) == 0)


@st.composite
def problems(draw: Any, max_models: int = 10) -> tuple[NDArray[np.float64], Judgments]:
    """Models, and comparisons whose labels are those of a mixture of the models, or any."""
    logits = draw(arrays(np.float64, (draw(st.integers(1, max_models)), N_ITEMS), elements=values))
    pairs = st.permutations(range(N_ITEMS)).map(lambda items: items[:2])
    a, b = np.array(draw(st.lists(pairs, min_size=1, max_size=4))).T
    mixed = logits.mean(axis=0) if draw(st.booleans()) else draw(arrays(np.float64, N_ITEMS, elements=values))
    judgments = Judgments.from_arrays(a, b, mixed[b] - mixed[a], items=N_ITEMS)
    assume(is_certifiable(logits, judgments))
    return logits, judgments


def bounds(logits: NDArray[np.float64], judgments: Judgments, mean: Mean) -> NDArray[np.float64]:
    found = allocation_range(logits, judgments, pair_least_squares(logits, judgments), mean=mean)
    return np.array([found.low_bound, found.low, found.high, found.high_bound])


@given(problems(), MEANS)
def test_ranges_hold_the_allocation_of_every_tie_break(problem: tuple[NDArray[Any], Judgments], mean: Mean) -> None:
    logits, judgments = problem
    low_bound, low, high, high_bound = bounds(logits, judgments, mean)
    assert (low_bound <= low).all()
    assert (low <= high + TOLERANCE).all()
    assert (high <= high_bound).all()
    for tie_break in ("nearest", "least_individual_loss"):
        shares = allocate(logits, pair_least_squares(logits, judgments, tie_break=tie_break).weights, mean=mean)
        assert (low_bound - TOLERANCE <= shares).all()
        assert (shares <= high_bound + TOLERANCE).all()


@given(problems(), MEANS, st.randoms())
def test_order_and_copies_of_models_change_no_range(
    problem: tuple[NDArray[Any], Judgments], mean: Mean, random: Random
) -> None:
    logits, judgments = problem
    other = np.vstack([logits, logits[: len(logits) // 2]])
    assume(is_certifiable(other, judgments))
    other = other[random.sample(range(len(other)), len(other))]
    plain, changed = bounds(logits, judgments, mean), bounds(other, judgments, mean)
    exact = [1, 2] if mean == "arithmetic" else [0, 3]  # a lowest geometric share is only the best found
    np.testing.assert_allclose(changed[exact], plain[exact], rtol=0, atol=3e-6)


@given(problems(), MEANS, st.floats(-5, 5))
def test_a_shift_of_a_model_changes_no_range(problem: tuple[NDArray[Any], Judgments], mean: Mean, shift: float) -> None:
    logits, judgments = problem
    moved = logits + shift * np.arange(len(logits))[:, None]
    exact = [1, 2] if mean == "arithmetic" else [0, 3]
    plain, changed = bounds(logits, judgments, mean), bounds(moved, judgments, mean)
    np.testing.assert_allclose(changed[exact], plain[exact], rtol=0, atol=3e-6)


@given(problems())
def test_geometric_log_ratios_inside_a_component_do_not_move(problem: tuple[NDArray[Any], Judgments]) -> None:
    logits, judgments = problem
    found = allocation_range(logits, judgments, pair_least_squares(logits, judgments))
    for a, b in zip(judgments.a, judgments.b, strict=True):
        assert found.component[a] == found.component[b]
        ratios = found.low[b] / found.low[a], found.high[b] / found.high[a]
        assert ratios[0] == pytest.approx(ratios[1], rel=1e-9)
