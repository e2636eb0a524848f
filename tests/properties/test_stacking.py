"""Stacking: invariants on hostile input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import stacking_weights
from reference import stacking as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOL = 1e-10
shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
values = st.floats(-3, 0) | st.floats(-50, 0) | st.floats(-1e5, 0) | st.sampled_from([0.0, -1.0])
log_densities = arrays(np.float64, shapes, elements=values)


@given(log_densities)
def test_the_gap_is_reached_and_bounds_the_error(log_density: NDArray[np.float64]) -> None:
    solution = stacking_weights(log_density)
    v = np.ones(log_density.shape[1])
    assert (solution.weights >= 0).all()
    assert abs(math.fsum(solution.weights) - 1) <= 2**-52
    assert solution.gap <= TOL
    assert abs(reference.certificate(log_density, v, solution.weights) - solution.gap) <= 1e-12
    assert solution.objective >= log_density.mean(axis=1).max() - TOL


@given(log_densities, st.integers(0, 2**32 - 1))
def test_no_other_weights_score_better(log_density: NDArray[np.float64], seed: int) -> None:
    solution = stacking_weights(log_density)
    v = np.ones(log_density.shape[1])
    rng = np.random.default_rng(seed)
    for other in rng.dirichlet(np.full(len(log_density), 0.3), size=3):
        mixed = 0.9 * solution.weights + 0.1 * other
        assert reference.score(log_density, v, mixed) <= solution.objective + solution.gap + 1e-11


@given(log_densities, st.randoms())
def test_permuting_models_or_observations_changes_no_score(log_density: NDArray[np.float64], random) -> None:
    n_models, n_observations = log_density.shape
    score = stacking_weights(log_density).objective
    models = random.sample(range(n_models), n_models)
    observations = random.sample(range(n_observations), n_observations)
    permuted = stacking_weights(log_density[models][:, observations]).objective
    assert abs(permuted - score) <= 2 * TOL + 1e-12 * abs(score)


@pytest.mark.filterwarnings("ignore::hemicycle.errors.TieBreakWarning")  # what such an observation asks for is rounding
@given(log_densities, st.data())
def test_weights_of_any_size_reach_the_gap(log_density: NDArray[np.float64], data: st.DataObject) -> None:
    exponents = data.draw(arrays(np.int64, log_density.shape[1], elements=st.integers(-40, 0)))
    v = 10.0**exponents
    solution = stacking_weights(log_density, observation_weights=v)
    assert solution.gap <= TOL
    assert abs(reference.certificate(log_density, v, solution.weights) - solution.gap) <= 1e-12
