"""The tie-break by the least individual loss, on ties, copies and exact fits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import simplex_least_squares
from reference import least_squares as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytest.importorskip("highspy")

pytestmark = pytest.mark.filterwarnings("ignore::hemicycle.errors.TieBreakWarning")
lattice = st.integers(-3, 3).map(float)
values = lattice | st.floats(-10, 10, width=16)


@st.composite
def problems(
    draw: Any, elements: st.SearchStrategy[float], max_models: int, max_observations: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predictions and a target, mostly one of their mixtures."""
    shape = draw(st.integers(1, max_models)), draw(st.integers(1, max_observations))
    x = draw(arrays(np.float64, shape, elements=elements))
    y = draw(
        st.sampled_from([x.mean(axis=0), x[0], 0.25 * x[0] + 0.75 * x[-1]])
        | arrays(np.float64, shape[1], elements=elements)
    )
    lengths = np.square(x - y).sum(axis=1)
    assume(lengths.max() <= 1e4 * np.median(lengths) or np.median(lengths) == 0)
    return x, y


@given(problems(values, 12, 5))
def test_weights_are_certified_and_no_optimum_has_a_smaller_loss(problem: tuple[NDArray[Any], NDArray[Any]]) -> None:
    x, y = problem
    solution = simplex_least_squares(x, y, tie_break="least_individual_loss")
    assert (solution.weights >= 0).all()
    assert abs(math.fsum(solution.weights) - 1) <= 2**-52
    assert solution.relative_gap <= 1e-12
    loss = np.square(x - y).sum(axis=1)
    nearest = simplex_least_squares(x, y).weights
    assert solution.weights @ loss <= nearest @ loss + 1e-6 * loss.max()


@given(problems(lattice, 6, 3))
def test_lattices_agree_with_enumeration(problem: tuple[NDArray[Any], NDArray[Any]]) -> None:
    x, y = problem
    expected = [float(weight) for weight in reference.least_individual_loss(x, y, None)]
    ours = simplex_least_squares(x, y, tie_break="least_individual_loss").weights
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)
