"""Leaving out: the same answers as solving what is left, on hostile input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import Judgments
from hemicycle.errors import NotConvergedError
from hemicycle.influence import leave_one_juror_out, leave_one_model_out, leave_one_pair_out
from hemicycle.least_squares import pair_least_squares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.solution import SimplexSolution

# Where a face is so thin that rounding keeps its nearest point from being certified, that is told, and right.
pytestmark = pytest.mark.filterwarnings("ignore::hemicycle.errors.TieBreakWarning")

N_ITEMS = 5
values = st.integers(-3, 3).map(float) | st.floats(-8, 8, width=16)
weights = st.sampled_from([1.0, 1.0, 2.0, 0.5, 100.0]) | st.floats(0.1, 10)


@st.composite
def rounds(draw: Any) -> tuple[NDArray[np.float64], Judgments]:
    """Pools with ties and copies, and a jury of three who compare some pairs many times and others once."""
    n_models, n_rows = draw(st.integers(2, 12)), draw(st.integers(3, 14))
    logits = draw(arrays(np.float64, (n_models, N_ITEMS), elements=values))
    if draw(st.booleans()):
        logits = np.vstack([logits, logits[: draw(st.integers(1, n_models))]])
    pair = st.permutations(range(N_ITEMS)).map(lambda items: items[:2])
    rows = draw(st.lists(st.tuples(pair, values, weights), min_size=n_rows, max_size=n_rows))
    (a, b), y, u = zip(*(pair for pair, *_ in rows), strict=True), [row[1] for row in rows], [row[2] for row in rows]
    jurors = draw(st.lists(st.sampled_from("xyz"), min_size=n_rows, max_size=n_rows))
    judgments = Judgments.from_arrays(a, b, y, weight=u, juror=jurors, items=N_ITEMS)
    assume(len(judgments.pairs) > 1 and len(set(jurors)) > 1)
    return logits, judgments


def solved(logits: NDArray[np.float64], judgments: Judgments) -> SimplexSolution:
    """Solve from nothing; what doubles cannot certify is not drawn."""
    try:
        return pair_least_squares(logits, judgments)
    except NotConvergedError:
        assume(False)
        raise


def assert_equal_answers(
    logits: NDArray[np.float64], found: NDArray[np.float64], dimension: int, cold: SimplexSolution, judgments: Judgments
) -> None:
    """Compare fitted values always, and weights, as the tie-break makes them one point where rounding lets it."""
    ours, theirs = found @ logits, cold.weights @ logits
    difference = (ours[judgments.b] - ours[judgments.a]) - (theirs[judgments.b] - theirs[judgments.a])
    spread = np.ptp(logits) + 1.0
    assert (judgments.weight * difference**2).sum() <= 1e-11 * (cold.objective + judgments.weight.sum() * spread**2)
    if dimension == cold.face_dimension and cold.tie_broken:
        assert np.square(found - 1 / len(found)).sum() <= np.square(cold.weights - 1 / len(found)).sum() + 1e-6


@given(rounds())
def test_jurors_and_pairs(drawn: tuple[NDArray[np.float64], Judgments]) -> None:
    logits, judgments = drawn
    solved(logits, judgments)
    names = sorted(set(judgments.juror))
    absent = [np.array([juror == name for juror in judgments.juror]) for name in names]
    compare(logits, judgments, leave_one_juror_out, absent)
    low, high = np.minimum(judgments.a, judgments.b), np.maximum(judgments.a, judgments.b)
    pairs = zip(judgments.pairs.a, judgments.pairs.b, strict=True)
    compare(logits, judgments, leave_one_pair_out, [(low == a) & (high == b) for a, b in pairs])


def compare(logits: NDArray[np.float64], judgments: Judgments, leave_out: Any, absent: list[NDArray[np.bool_]]) -> None:
    left = [judgments.select(~rows) for rows in absent]
    cold = [solved(logits, judgments) for judgments in left]
    found = leave_out(logits, judgments, keep_weights=True)
    for k, (rest, alone) in enumerate(zip(left, cold, strict=True)):
        assert_equal_answers(logits, found.weights[k], found.face_dimension[k], alone, rest)


@given(rounds())
def test_models(drawn: tuple[NDArray[np.float64], Judgments]) -> None:
    logits, judgments = drawn
    solved(logits, judgments)
    cold = [solved(np.delete(logits, model, axis=0), judgments) for model in range(len(logits))]
    found = leave_one_model_out(logits, judgments, models=range(len(logits)), keep_weights=True)
    for model, alone in enumerate(cold):
        others = np.delete(found.weights[model], model)
        assert found.weights[model, model] == 0
        rest = np.delete(logits, model, axis=0)
        assert_equal_answers(rest, others, found.face_dimension[model], alone, judgments)
    matters = found.solution.weights > 0
    assert (found.weight_change[~matters] <= 1e-6).all()
