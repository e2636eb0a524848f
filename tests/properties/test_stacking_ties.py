"""Ties of stacking: face, dimension and the nearest optimum against every support, on lattices full of ties."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from hemicycle import SimplexSolution, stacking_weights
from reference import stacking as reference

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray

Density = list[list[Fraction]]

NEAR = 1e-9  #: of weights: the logarithms of densities are rounded
lattice = st.integers(0, 4).map(lambda value: Fraction(value, 4))
NEVER = math.inf
HALF, ONE, NONE = Fraction(1, 2), Fraction(1), Fraction(0)


@st.composite
def densities(draw: Any, max_models: int = 5, max_observations: int = 4) -> Density:
    """Densities on a lattice, some models copies or blends of others; every observation is explained by some model."""
    n_models, n_observations = draw(st.integers(1, max_models)), draw(st.integers(1, max_observations))
    rows = [[draw(lattice) for _ in range(n_observations)] for _ in range(n_models)]
    for d in range(2, n_models):
        kind = draw(st.sampled_from(["own", "own", "copy", "blend"]))
        if kind == "copy":
            rows[d] = list(rows[0])
        elif kind == "blend":
            rows[d] = [(a + b) / 2 for a, b in zip(rows[0], rows[1], strict=True)]
    assume(all(any(column) for column in zip(*rows, strict=True)))
    return rows


def logs(density: Density) -> NDArray[np.float64]:
    return np.array([[math.log(value) if value else -math.inf for value in row] for row in density])


def solve(density: Density, v: list[float], **options: Any) -> SimplexSolution:
    return stacking_weights(logs(density), observation_weights=v, **options)


weights_of = st.lists(st.sampled_from([1.0, 1.0, 2.0, 0.5]), min_size=4, max_size=4)


@given(densities(), weights_of)
@example([[ONE, HALF], [HALF, ONE], [Fraction(3, 4), Fraction(3, 4)]], [1.0] * 4)
@example([[ONE, NONE], [NONE, ONE], [HALF, HALF], [HALF, HALF]], [1.0] * 4)
def test_score_face_and_dimension_are_those_of_enumeration(density: Density, v: list[float]) -> None:
    v = v[: len(density[0])]
    solution, optima = solve(density, v), reference.optima(density, v)
    assert abs(solution.objective - float(optima.score)) <= 1e-14
    assert (solution.face.tolist(), solution.face_dimension) == (optima.models, optima.dimension)
    assert solution.unique == (optima.dimension == 0)
    assert solution.tie_broken
    if solution.unique:
        np.testing.assert_allclose(solution.weights, [float(w) for w in optima.vertices[0]], rtol=0, atol=NEAR)


@given(densities(), weights_of, st.lists(st.integers(0, 3).map(float), min_size=5, max_size=5))
def test_the_nearest_optimum_satisfies_its_optimality_conditions(
    density: Density, v: list[float], parts: list[float]
) -> None:
    # w is the point of a polytope nearest to r if and only if (w - r).(u - w) >= 0 for every vertex u of it.
    v = v[: len(density[0])]
    near = np.array(parts[: len(density)]) if any(parts[: len(density)]) else np.ones(len(density))
    weights = solve(density, v, reference=near).weights
    vertices = np.array([[float(w) for w in vertex] for vertex in reference.optima(density, v).vertices])
    assert ((vertices - weights) @ (weights - near / near.sum())).min() >= -NEAR


@st.composite
def whole_logs(draw: Any) -> NDArray[np.float64]:
    """Whole log densities and -inf, some models copies or rearrangements of others: individual losses tie, too."""
    n_models, n_observations = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    value = st.sampled_from([0.0, -1.0, -2.0, -math.inf])
    rows = [[draw(value) for _ in range(n_observations)]]
    for _ in range(1, n_models):
        rearranged = st.permutations(draw(st.sampled_from(rows)))
        rows.append(draw(rearranged | st.lists(value, min_size=n_observations, max_size=n_observations)))
    log_density = np.array(rows)
    assume(np.isfinite(log_density.max(axis=0)).all())
    return log_density


OF_EQUAL_LOSS = np.array([[-NEVER, -1, -1], [-2, -1, -NEVER], [-2, -NEVER, -2], [-2, -2, -NEVER], [-NEVER, 0, -2]])


@given(densities() | whole_logs(), weights_of)
@example(OF_EQUAL_LOSS, [1.0] * 4)
def test_the_least_individual_loss_then_the_most_for_the_first_models(
    given_as: Density | NDArray[np.float64], v: list[float]
) -> None:
    pytest.importorskip("highspy")
    log_density = logs(given_as) if isinstance(given_as, list) else given_as
    v = v[: log_density.shape[1]]
    solution = stacking_weights(log_density, observation_weights=v, tie_break="least_individual_loss")
    optima = reference.optima(given_as if isinstance(given_as, list) else reference.densities(given_as), v)
    expected = reference.of_least_loss(optima, log_density, v, -689.5)
    np.testing.assert_allclose(solution.weights, [float(w) for w in expected], rtol=0, atol=NEAR)
    assert solution.gap <= 1e-10
    assert solution.tie_broken


@given(whole_logs(), weights_of, st.lists(st.integers(-100_000, 100_000), min_size=3, max_size=3))
@example(OF_EQUAL_LOSS, [1.0] * 4, [100_000, -100_000, 99_999])
@pytest.mark.parametrize("tie_break", ["nearest", "least_individual_loss"])
def test_a_constant_on_an_observation_changes_nothing(
    tie_break: str, log_density: NDArray[np.float64], v: list[float], constants: list[int]
) -> None:
    pytest.importorskip("highspy")
    v, constants = v[: log_density.shape[1]], constants[: log_density.shape[1]]
    plain = stacking_weights(log_density, observation_weights=v, tie_break=tie_break)
    moved = stacking_weights(log_density + constants, observation_weights=v, tie_break=tie_break)
    np.testing.assert_array_equal(moved.weights, plain.weights)
    assert (moved.gap, moved.passes, moved.reason) == (plain.gap, plain.passes, plain.reason)
    assert moved.face.tolist() == plain.face.tolist()


@given(densities(), weights_of, st.randoms())
def test_permuting_models_permutes_the_weights(density: Density, v: list[float], random: Random) -> None:
    v = v[: len(density[0])]
    order = random.sample(range(len(density)), len(density))
    plain, permuted = solve(density, v), solve([density[d] for d in order], v)
    np.testing.assert_allclose(permuted.weights, plain.weights[order], rtol=0, atol=NEAR)
    assert permuted.face_dimension == plain.face_dimension
    assert sorted(order[place] for place in permuted.face) == plain.face.tolist()


@given(densities(), weights_of, st.integers(1, 5))
def test_copies_share_equally_and_change_no_score(density: Density, v: list[float], n_copied: int) -> None:
    v = v[: len(density[0])]
    alone, twice = solve(density, v), solve(density + density[:n_copied], v)
    assert abs(twice.objective - alone.objective) <= 1e-14
    assert twice.face_dimension == alone.face_dimension + sum(model < n_copied for model in alone.face)
    np.testing.assert_array_equal(twice.weights[len(density) :], twice.weights[: len(density[:n_copied])])


@given(densities(), weights_of, st.lists(st.integers(0, 4), max_size=5), st.booleans())
def test_where_it_starts_changes_no_optimum(density: Density, v: list[float], start: list[int], known: bool) -> None:
    v = v[: len(density[0])]
    plain = solve(density, v)
    warm = solve(density, v, start=plain if known else [model for model in start if model < len(density)])
    assert warm.gap <= 1e-10
    np.testing.assert_allclose(warm.weights, plain.weights, rtol=0, atol=NEAR)
    assert (warm.face.tolist(), warm.face_dimension) == (plain.face.tolist(), plain.face_dimension)
