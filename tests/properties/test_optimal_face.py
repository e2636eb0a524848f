"""The optimal face and the tie-breaks on it: against every support, on lattices full of ties, copies and exact fits."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import simplex_least_squares
from reference import least_squares as reference

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray

Problem = tuple["NDArray[np.float64]", "NDArray[np.float64]"]

lattice = st.integers(-3, 3).map(lambda value: 60.0 * value)  # the mean of up to six is exact
NEAR = 1e-10  #: of weights
ON_AN_EDGE = (  # rounding left a weight of 9e-16 on model 3
    np.array([[0.0, -3.0], [0.0, 2.0], [1.0, 0.0], [3.0, 2.0], [0.0, 2.0], [2.0, 0.0]]),
    np.array([1.5, -0.75]),
)
THREE_ON_A_LINE = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0], [0.0, -1.0]]), np.array([1.0, 1.0])


@st.composite
def problems(draw: Any, max_models: int = 6, max_observations: int = 3) -> Problem:
    """Predictions on a lattice and a target, mostly one of their mixtures.

    Where most models predict the target itself, the tolerance is 0 and rounding decides which optima can be certified.
    """
    shape = draw(st.integers(1, max_models)), draw(st.integers(1, max_observations))
    x = draw(arrays(np.float64, shape, elements=lattice))
    mixed = st.sampled_from([x.mean(axis=0), x[0], 0.25 * x[0] + 0.75 * x[-1]])
    y = draw(mixed | arrays(np.float64, shape[1], elements=lattice))
    assume(has_a_tolerance(x, y))
    return x, y


def has_a_tolerance(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    return bool(np.median(np.square(x - y).sum(axis=1)) > 0)


def prices(n_models: int) -> st.SearchStrategy[NDArray[np.float64] | None]:
    return st.none() | arrays(np.float64, n_models, elements=st.integers(0, 2).map(float))


@given(problems(), st.data())
@example(THREE_ON_A_LINE, None)
@example(ON_AN_EDGE, None)
def test_face_and_dimension_are_those_of_enumeration(problem: Problem, data: Any) -> None:
    x, y = problem
    cost = None if data is None else data.draw(prices(len(x)))
    solution = simplex_least_squares(x, y, cost=cost)
    models, dimension = reference.optimal_face(x, y, cost)
    assert (solution.face.tolist(), solution.face_dimension) == (models, dimension)
    assert solution.unique == (dimension == 0)
    assert solution.tie_broken


@given(problems(), arrays(np.float64, 6, elements=st.integers(0, 3).map(float)))
@example(THREE_ON_A_LINE, np.ones(6))
def test_the_nearest_optimum_satisfies_its_optimality_conditions(problem: Problem, parts: NDArray[np.float64]) -> None:
    # w is the point of a polytope nearest to r if and only if (w - r).(v - w) >= 0 for every vertex v of it.
    x, y = problem
    parts = parts[: len(x)] if parts[: len(x)].any() else np.ones(len(x))
    weights = simplex_least_squares(x, y, reference=parts).weights
    vertices = np.array([[float(w) for w in vertex] for vertex in reference.optimal_vertices(x, y)])
    assert ((vertices - weights) @ (weights - parts / parts.sum())).min() >= -NEAR


@given(problems())
def test_the_least_individual_loss_satisfies_its_optimality_conditions(problem: Problem) -> None:
    # A linear function is least where no vertex has less.
    pytest.importorskip("highspy")
    x, y = problem
    weights = simplex_least_squares(x, y, tie_break="least_individual_loss").weights
    loss = np.square(x - y).sum(axis=1)
    vertices = [[float(w) for w in vertex] for vertex in reference.optimal_vertices(x, y)]
    least = (np.array(vertices) @ loss).min()
    assert weights @ loss <= least + 1e-9 * loss.max()


@given(problems(5, 3))
def test_nearest_to_uniform_is_least_norm_and_the_limit_of_the_ridge(problem: Problem) -> None:
    x, y = problem
    nearest = simplex_least_squares(x, y).weights
    exact = reference.nearest(x, y, [Fraction(1, len(x))] * len(x))
    np.testing.assert_allclose(nearest, [float(w) for w in exact], rtol=0, atol=NEAR)
    for vertex in reference.optimal_vertices(x, y):
        other = np.array([float(w) for w in vertex])
        assert nearest @ nearest <= other @ other + NEAR
    # A ridge that changes the objective by less than the tolerance decides nothing, until it vanishes altogether.
    ridges = 60.0**2 * np.array([1e-3, 1e-5, 1e-7, 1e-200])
    apart = [np.abs(simplex_least_squares(x, y, l2=l2).weights - nearest).max() for l2 in ridges]
    assert (np.array(apart) <= [1e-1, 1e-3, 1e-4, NEAR]).all()


@given(problems(), st.randoms())
def test_permuting_models_permutes_the_weights(problem: Problem, random: Random) -> None:
    x, y = problem
    order = random.sample(range(len(x)), len(x))
    plain, permuted = simplex_least_squares(x, y), simplex_least_squares(x[order], y)
    np.testing.assert_allclose(permuted.weights, plain.weights[order], rtol=0, atol=NEAR)
    assert permuted.face_dimension == plain.face_dimension
    assert sorted(order[place] for place in permuted.face) == plain.face.tolist()


@given(problems(), st.integers(1, 6))
def test_duplicates_change_no_fitted_value(problem: Problem, n_copied: int) -> None:
    x, y = problem
    copied = np.vstack([x, x[:n_copied]])
    assume(has_a_tolerance(copied, y))
    alone, twice = simplex_least_squares(x, y), simplex_least_squares(copied, y)
    np.testing.assert_allclose(twice.weights @ copied, alone.weights @ x, rtol=0, atol=NEAR)
    n_more = sum(model < n_copied for model in alone.face)
    assert twice.face_dimension == alone.face_dimension + n_more
    weights = twice.weights[: len(x[:n_copied])]
    np.testing.assert_allclose(twice.weights[len(x) :], weights, rtol=0, atol=NEAR)  # copies share equally


@given(problems(), st.integers(-40, 40), st.integers(-3, 3))
def test_scale_and_shift_change_neither_face_nor_weights(problem: Problem, exponent: int, shift: int) -> None:
    x, y = problem
    scale = 2.0**exponent
    plain = simplex_least_squares(x, y)
    for other in (simplex_least_squares(scale * x, scale * y), simplex_least_squares(x + shift, y + shift)):
        np.testing.assert_allclose(other.weights, plain.weights, rtol=0, atol=NEAR)
        assert (other.face.tolist(), other.face_dimension) == (plain.face.tolist(), plain.face_dimension)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 1e-4, 1e-8]), st.booleans())
@example(41, 1e-8, True)
def test_exact_copies_are_on_the_face_together_and_weigh_the_same(seed: int, step: float, inside: bool) -> None:
    rng = np.random.default_rng(seed)
    rows = 1 + step * rng.integers(-5, 6, size=(rng.integers(2, 7), rng.integers(1, 4)))
    y = 0.25 * rows[0] + 0.75 * rows[-1] if inside else rows.mean(axis=0) + step * rng.normal(size=rows.shape[1])
    solution = simplex_least_squares(np.repeat(rows, 2, axis=0), y)
    assert solution.face is not None
    on_face = np.isin(np.arange(2 * len(rows)), solution.face).reshape(-1, 2)
    assert (on_face[:, 0] == on_face[:, 1]).all()
    weights = solution.weights.reshape(-1, 2)
    assert (weights[:, 0] == weights[:, 1]).all()
