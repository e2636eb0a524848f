"""Greedy selection: invariants."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import greedy_weights
from hemicycle.blends import first_of_least
from hemicycle.greedy import select
from hemicycle.greedy_pool import _SquaredLoss
from strategies import judgments, pools

matrices = arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(1, 8)),
    elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0]) | st.floats(-1e6, 1e6),
)


@given(matrices, st.integers(0, 3), st.integers(1, 30), st.sampled_from(["squared_error", "log_score"]))
@settings(deadline=None)
def test_weights_are_multiples_that_beat_every_single_model(x, seed, rounds, loss):
    y = np.random.default_rng(seed).normal(size=x.shape[1]) if loss == "squared_error" else None
    solution = greedy_weights(x, y, loss=loss, rounds=rounds)
    assert abs(math.fsum(solution.weights) - 1) <= 2**-52
    assert np.count_nonzero(solution.weights) <= rounds
    assert solution.gap >= 0
    if y is not None:
        assert solution.objective <= ((x - y) ** 2).mean(axis=1).min() * (1 + 1e-12)
    else:
        assert solution.objective >= x.mean(axis=1).max() - 1e-9 * np.abs(x).max()


class WithoutScreen(_SquaredLoss):
    """Every model looked at closely."""

    def best(self, place):
        return first_of_least(self.losses(), place)


@given(judgments(4), pools(4, max_models=9), st.integers(1, 25))
@settings(deadline=None)
def test_the_screen_never_hides_the_best(jury, pool, rounds):
    screened = select(_SquaredLoss(pool, jury, 1), pool.models, rounds)
    every = select(WithoutScreen(pool, jury, 1), pool.models, rounds)
    np.testing.assert_array_equal(screened.weights, every.weights)
    assert screened.objective == every.objective
