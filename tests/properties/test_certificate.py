"""The gap of simplex least squares really bounds the error: against 30 digits, on data that is badly conditioned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import simplex_least_squares
from hemicycle.errors import NotConvergedError
from reference import certificate as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

Problem = tuple["NDArray[np.float64]", "NDArray[np.float64]"]

pytestmark = pytest.mark.filterwarnings("ignore::hemicycle.errors.TieBreakWarning")

MAX_MODELS, MAX_OBSERVATIONS = 6, 3


def hilbert(n_models: int, n_observations: int) -> NDArray[np.float64]:
    """Columns that nearly depend on one another."""
    return 1 / (np.arange(n_models)[:, None] + np.arange(n_observations) + 1.0)


@st.composite
def matrices(draw: Any) -> NDArray[np.float64]:
    """Predictions: any, Hilbert-like, in near copies, or with rows and columns of very different size."""
    n_models, n_observations = draw(st.integers(1, MAX_MODELS)), draw(st.integers(1, MAX_OBSERVATIONS))
    x = draw(arrays(np.float64, (n_models, n_observations), elements=st.floats(-3, 3, width=32)))
    apart = draw(arrays(np.float64, x.shape, elements=st.sampled_from([0.0, 1.0, -1.0])))
    powers = st.integers(-6, 6).map(lambda power: 10.0**power)
    rows = draw(arrays(np.float64, (n_models, 1), elements=powers))
    columns = draw(arrays(np.float64, (1, n_observations), elements=powers))
    kinds = {
        "any": x,
        "Hilbert": hilbert(*x.shape) + 1e-8 * apart,
        "near copies": x[:1] + 1e-8 * apart,
        "near pairs": x[np.arange(n_models) // 2] + 1e-8 * apart,
        "columns": x * columns,
        "rows": x * np.minimum(rows, 1e3),
    }
    return draw(powers) * kinds[draw(st.sampled_from(sorted(kinds)))]


@st.composite
def problems(draw: Any) -> Problem:
    """Predictions and a target: a blend of them, one of them, next to one, or far away."""
    x = draw(matrices())
    share = draw(arrays(np.float64, len(x), elements=st.sampled_from([0.0, 1.0, 3.0])))
    blend = (share + 1e-3) / (share + 1e-3).sum() @ x
    size = float(np.abs(x).max())
    aside = draw(arrays(np.float64, x.shape[1], elements=st.sampled_from([0.0, 1e-12, -1e-6, 1.0, -3.0])))
    return x, draw(st.sampled_from([blend, x[0], x.mean(axis=0)])) + size * aside


def solved(x: NDArray[np.float64], y: NDArray[np.float64], **options: Any) -> tuple[NDArray[np.float64], float]:
    """Return weights and gap of a solution, or those that an error carries."""
    try:
        solution = simplex_least_squares(x, y, **options)
    except NotConvergedError as error:
        return error.weights, error.gap
    return solution.weights, solution.gap


@given(
    problems(),
    st.sampled_from([{}, {"tol": 0.1}, {"solver": "projected_gradient", "tol": 1e-2}, {"reference": "last"}]),
)
def test_the_gap_bounds_the_error(problem: Problem, options: dict[str, Any]) -> None:
    x, y = problem
    if "reference" in options:
        options = {"reference": np.eye(len(x))[-1]}
    weights, gap = solved(x, y, **options)
    exact_gap = reference.gap(x, y, weights.tolist())
    error = reference.objective(x, y, weights.tolist()) - reference.least_objective(x, y)
    rounding = 1e-14 * float(np.square(x - y).sum(axis=1).max())
    assert -rounding <= error <= exact_gap + rounding
    assert abs(float(exact_gap) - gap) <= rounding
    assert error <= gap + rounding


@given(problems(), st.lists(st.integers(1, 9), min_size=MAX_MODELS, max_size=MAX_MODELS))
def test_the_gap_of_any_weights_bounds_their_error(problem: Problem, parts: list[int]) -> None:
    x, y = problem
    weights = (np.array(parts[: len(x)]) / sum(parts[: len(x)])).tolist()
    error = reference.objective(x, y, weights) - reference.least_objective(x, y)
    assert error <= reference.gap(x, y, weights) + 1e-15 * float(np.square(x - y).sum(axis=1).max())
