"""Greedy selection: the definition, ties, certificates, errors, and the same on the pool of a round."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, Round, greedy_weights, simplex_least_squares, stacking_weights
from hemicycle.errors import (
    DomainError,
    DtypeError,
    NoDataError,
    NonFiniteError,
    ObservationsDroppedWarning,
    OptionError,
    ShapeError,
)
from hemicycle.greedy_pool import _Densities, pool_greedy
from hemicycle.synthetic import two_camp_round
from reference import greedy as reference

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(9, 14)), RNG.normal(size=14)


def test_each_choice_is_the_best_squared_error():
    expected = reference.greedy(lambda w: reference.squared_error(X, Y, w), 9, 25)
    solution = greedy_weights(X, Y, rounds=25)
    np.testing.assert_array_equal(solution.weights, reference.weights_of(expected, 9))
    assert solution.objective == pytest.approx(reference.squared_error(X, Y, solution.weights), rel=1e-12)
    assert solution.passes == 25
    assert f"the first {len(expected)} are best" in solution.reason


def test_each_choice_is_the_best_log_score():
    log_density = -((X - Y) ** 2)
    expected = reference.greedy(lambda w: -reference.log_score(log_density, w), 9, 25)
    solution = greedy_weights(log_density, loss="log_score", rounds=25)
    np.testing.assert_array_equal(solution.weights, reference.weights_of(expected, 9))
    assert solution.objective == pytest.approx(reference.log_score(log_density, solution.weights), rel=1e-12)


def test_the_gap_bounds_what_exact_solvers_find():
    v = RNG.uniform(0.1, 1, 14)
    solution = greedy_weights(X, Y, observation_weights=v, rounds=60)
    root = np.sqrt(v / v.sum())
    exact = simplex_least_squares(X * root, Y * root)
    assert 0 <= solution.objective - exact.objective <= solution.gap < 0.1 * solution.objective
    log_density = -((X - Y) ** 2)
    solution = greedy_weights(log_density, loss="log_score", observation_weights=v, rounds=60)
    best = stacking_weights(log_density, observation_weights=v)
    assert 0 <= best.objective - solution.objective <= solution.gap < 0.1


def test_of_equal_losses_the_smallest_number_of_models_is_taken():
    rng = np.random.default_rng(0)
    for _ in range(200):
        x = rng.normal(size=(2, 7))
        y = x.mean(axis=0)  # any number of times both is exact, but for rounding
        np.testing.assert_array_equal(greedy_weights(x, y).weights, [0.5, 0.5])
        copies = np.stack([x[0], x[0]])
        np.testing.assert_array_equal(greedy_weights(copies, y).weights, [1.0, 0.0])
        np.testing.assert_array_equal(greedy_weights(-(copies**2), loss="log_score").weights, [1.0, 0.0])


def test_a_log_score_can_stay_impossible():
    log_density = np.full((3, 3), -np.inf)
    np.fill_diagonal(log_density, 0.0)
    solution = greedy_weights(log_density, loss="log_score", rounds=9)
    assert solution.objective == -math.inf
    assert solution.reason.endswith("none of these blends explains every observation, which others may")
    assert stacking_weights(log_density).objective == pytest.approx(-math.log(3))


def test_equals_are_chosen_by_name():
    twins = np.stack([X[0], X[1], X[1]])
    for names, first in ((None, 1), (("a", "c", "b"), 2), (("z", "b", "c"), 1)):
        solution = greedy_weights(twins, X[1], models=names, rounds=5)
        np.testing.assert_array_equal(solution.support, [first])
        assert solution.objective == solution.gap == solution.relative_gap == 0


def test_a_start_of_several_holds_the_best_singles():
    solution = greedy_weights(X, Y, rounds=4, start_size=4)
    singles = np.argsort(((X - Y) ** 2).sum(axis=1))[:4]
    np.testing.assert_array_equal(solution.support, np.sort(singles))
    assert solution.objective == pytest.approx(reference.squared_error(X, Y, solution.weights), rel=1e-12)
    longer = greedy_weights(X, Y, rounds=40, start_size=4)
    assert longer.objective <= solution.objective
    assert longer.passes == 40


def test_log_densities_may_be_low_and_impossible():
    log_density = -((X - Y) ** 2)
    shifted = log_density - 1e5 * np.arange(14)
    np.testing.assert_array_equal(
        greedy_weights(shifted, loss="log_score").weights, greedy_weights(log_density, loss="log_score").weights
    )
    log_density[:4, 3] = -np.inf
    log_density[:, 5] = -np.inf
    with pytest.warns(ObservationsDroppedWarning, match="1 of 14"):
        solution = greedy_weights(log_density, loss="log_score", rounds=30)
    assert "1 of 14 observations dropped" in solution.reason
    assert solution.weights[4:].sum() > 0
    assert math.isfinite(solution.objective)
    with pytest.raises(NoDataError, match="no model explains"):
        greedy_weights(np.full((2, 2), -np.inf), loss="log_score")


def test_weightless_observations_are_as_if_absent():
    v = np.ones(14)
    v[3] = 0
    wild = X.copy()
    wild[:, 3] = 1e300
    kept = np.delete(np.arange(14), 3)
    np.testing.assert_array_equal(
        greedy_weights(wild, Y, observation_weights=v).weights, greedy_weights(X[:, kept], Y[kept]).weights
    )


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"x": np.zeros((0, 3))}, NoDataError, "0 models"),
        ({"x": [1.0, 2.0]}, ShapeError, "x"),
        ({"x": [["a"]]}, DtypeError, "x"),
        ({"y": None}, OptionError, "y: what was observed is missing"),
        ({"y": [1.0]}, ShapeError, "y"),
        ({"y": [0.0, np.nan]}, NonFiniteError, r"y\[1\]"),
        ({"x": [[0.0, np.inf]]}, NonFiniteError, r"x\[0, 1\]"),
        ({"loss": "mse"}, OptionError, "loss: expected 'squared_error' or 'log_score'"),
        ({"loss": "log_score"}, OptionError, "y: loss='log_score' has none"),
        ({"loss": "log_score", "y": None, "x": [[0.0, np.nan]]}, NonFiniteError, r"x\[0, 1\] is nan"),
        ({"observation_weights": [1.0]}, ShapeError, "observation_weights"),
        ({"observation_weights": [-1.0, 1.0]}, DomainError, "observation_weights"),
        ({"observation_weights": [0.0, 0.0]}, NoDataError, "observation_weights"),
        ({"rounds": 0}, DomainError, "rounds"),
        ({"rounds": 2.0}, DtypeError, "rounds"),
        ({"start_size": 0}, DomainError, "start_size"),
        ({"start_size": 3}, OptionError, "start_size is 3; there are 100 rounds and 2 models"),
        ({"models": ["a"]}, ShapeError, "models"),
        ({"models": "ab"}, DtypeError, "models: expected a sequence of names, got str"),
        ({"models": {"a": 1, "b": 2}}, DtypeError, "models: expected a sequence of names, got dict"),
        ({"models": 5}, DtypeError, "models: expected a sequence of names, got int"),
        ({"models": iter("ab")}, DtypeError, "models: expected a sequence of names, got str"),
        ({"models": [None, "a"]}, DtypeError, r"models\[0\]: expected a name, got NoneType"),
        ({"models": ["a", ["b"]]}, DtypeError, r"models\[1\]: expected a name, got list"),
        (
            {"x": [[0.0, 1e200], [1.0, 0.0]]},
            DomainError,
            r"x\[0, 1\] is 1e\+200; its magnitude must be at most 1e\+140",
        ),
        ({"y": [0.0, -1e200]}, DomainError, r"y\[1\] is -1e\+200"),
    ],
)
def test_refuses(given: dict[str, Any], error: type[Exception], match: str):
    arguments: dict[str, Any] = {"x": [[0.0, 1.0], [1.0, 0.0]], "y": [0.0, 0.0]} | given
    with pytest.raises(error, match=match):
        greedy_weights(**arguments)


@pytest.fixture(scope="module")
def made() -> Round:
    made = two_camp_round(0, n_items=12, n_pairs=30, n_models=40)
    return Round(made.judgments(), made.pool())


def of_round(round_: Round, **options: Any):
    judgments, pool = round_.judgments, round_.pool
    weight = {"pair_weight": round_.pair_weight, "label_weight": round_.label_weight}
    return pool_greedy(pool, judgments, **weight, **options)


def test_a_round_is_judged_as_its_arrays_are(made):
    pairs = made.judgments.pairs
    a, b = pairs.a[pairs.pair_of_label], pairs.b[pairs.pair_of_label]
    predictions = made.pool.logits[:, b] - made.pool.logits[:, a]
    on_arrays = greedy_weights(
        predictions, pairs.log_ratio, observation_weights=pairs.weight, models=made.pool.models, rounds=30
    )
    solution = of_round(made, rounds=30)
    np.testing.assert_array_equal(solution.weights, on_arrays.weights)
    assert solution.objective == pytest.approx(on_arrays.objective, rel=1e-12)
    assert solution.gap == pytest.approx(on_arrays.gap, rel=1e-9)
    assert solution.relative_gap == pytest.approx(on_arrays.relative_gap, rel=1e-9)
    log_density = -0.5 * ((predictions - pairs.log_ratio) / 0.7) ** 2
    on_arrays = greedy_weights(
        log_density, loss="log_score", observation_weights=made.label_weight, models=made.pool.models, rounds=30
    )
    solution = of_round(made, loss="log_score", sigma=0.7, rounds=30)
    np.testing.assert_array_equal(solution.weights, on_arrays.weights)
    assert solution.objective == pytest.approx(on_arrays.objective - math.log(0.7 * math.sqrt(2 * math.pi)), rel=1e-12)


def test_densities_that_are_made_anew_give_the_same(made, monkeypatch):
    held = of_round(made, loss="log_score", rounds=12)
    monkeypatch.setattr("hemicycle.greedy_pool.MAX_CELLS", 0)
    monkeypatch.setattr("hemicycle.greedy_pool.BLOCK_CELLS", 500)
    anew = of_round(made, loss="log_score", rounds=12)
    np.testing.assert_array_equal(anew.weights, held.weights)
    assert (anew.objective, anew.gap) == (held.objective, held.gap)
    densities = _Densities(made.pool, made.judgments, 0.5, None)
    assert sum(len(block) for _, block in densities.blocks()) == len(made.pool)


def test_the_pooled_likelihood_is_that_of_one_model(made):
    from hemicycle import log_likelihood

    solution = of_round(made, loss="log_likelihood", rounds=20)
    pooled = (solution.weights @ made.pool.logits)[None]
    assert solution.objective == pytest.approx(log_likelihood(pooled, made.judgments)[0], rel=1e-12)
    assert solution.objective >= log_likelihood(made.pool, made.judgments).max()
    assert math.isnan(solution.gap)


def test_a_round_with_copies_seats_the_first_by_name():
    judgments = Judgments.from_arrays([0, 0, 1], [1, 2, 2], [1.0, 2.0, 1.0], items=3)
    pool = Pool.from_array([[0.0, 1.0, 2.0]] * 3 + [[0.0, -1.0, 0.0]], models=["c", "a", "b", "d"], items=3)
    for loss in ("squared_error", "log_score", "log_likelihood"):
        solution = pool_greedy(pool, judgments, pair_weight=np.ones(3), label_weight=np.ones(3), loss=loss, rounds=5)
        assert pool.models[solution.support[0]] == "a"
        assert len(solution.support) == 1
    with pytest.raises(OptionError, match="loss"):
        pool_greedy(pool, judgments, pair_weight=np.ones(3), label_weight=np.ones(3), loss="mse")
