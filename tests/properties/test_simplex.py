"""Projection onto the simplex: what defines it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import project_simplex

if TYPE_CHECKING:
    from numpy.typing import NDArray

vectors = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6) | st.floats(-2, 2))
any_vectors = arrays(np.float64, st.integers(1, 40), elements=st.floats(allow_nan=False, allow_infinity=False))


@given(any_vectors)
def test_the_result_is_a_point_of_the_simplex(v: NDArray[np.float64]) -> None:
    w = project_simplex(v)
    assert (w >= 0).all()
    assert abs(math.fsum(w) - 1) <= 2**-52


@given(vectors)
def test_optimality_conditions_hold(v: NDArray[np.float64]) -> None:
    # residual v - w equals the threshold where w > 0 and is at most the threshold elsewhere
    w = project_simplex(v)
    residual = v - w
    threshold = residual[w > 0].max()
    tolerance = 4 * np.spacing(max(1.0, np.abs(v).max()))
    assert np.ptp(residual[w > 0]) <= tolerance
    assert (residual[w == 0] <= threshold + tolerance).all()


@given(vectors)
def test_projecting_twice_changes_nothing(v: NDArray[np.float64]) -> None:
    w = project_simplex(v)
    np.testing.assert_allclose(project_simplex(w), w, rtol=0, atol=2**-52)


@given(vectors, st.integers(0, 2**32 - 1))
def test_distances_do_not_grow(v: NDArray[np.float64], seed: int) -> None:
    other = v + np.random.default_rng(seed).normal(size=len(v))
    distance = np.linalg.norm(project_simplex(v) - project_simplex(other))
    assert distance <= np.linalg.norm(v - other) + 1e-9 * max(1.0, np.abs(v).max() * 1e-6)


@given(vectors, st.randoms())
def test_permuting_the_vector_permutes_the_point(v: NDArray[np.float64], random) -> None:
    order = np.array(random.sample(range(len(v)), len(v)))
    np.testing.assert_allclose(project_simplex(v[order]), project_simplex(v)[order], rtol=0, atol=1e-15)
