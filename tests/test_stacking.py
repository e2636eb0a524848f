"""Stacking: examples, errors, degenerate input, parity with a general solver and with 50 digits."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hemicycle import SimplexSolution, log_likelihood, stacking_weights
from hemicycle.errors import (
    DomainError,
    DtypeError,
    IndexOutOfRangeError,
    NoDataError,
    NonFiniteError,
    NotConvergedError,
    ObservationsDroppedWarning,
    OptionError,
    ShapeError,
    TieBreakWarning,
)
from hemicycle.synthetic import two_camp_round
from reference import stacking as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOL = 1e-10


def gaussian_round(n_models: int, n_observations: int, seed: int) -> NDArray[np.float64]:
    """Log densities of labels under models that are biased, scaled and noisy to various degrees."""
    rng = np.random.default_rng(seed)
    labels = 2 * rng.normal(size=n_observations)
    noise = rng.uniform(0.5, 2, size=(n_models, 1)) * rng.normal(size=(n_models, n_observations))
    predicted = rng.uniform(0, 1, size=(n_models, 1)) * labels + noise
    return -0.5 * ((predicted - labels) / 0.5) ** 2


def check_solution(solution: SimplexSolution, log_density: NDArray[np.float64], v: NDArray[np.float64]) -> None:
    """Check everything that a solution promises, with 50 digits."""
    weights = solution.weights
    assert (weights >= 0).all()
    assert abs(math.fsum(weights) - 1) <= 2**-52
    assert solution.gap <= TOL
    assert solution.relative_gap == solution.gap
    np.testing.assert_array_equal(solution.support, np.flatnonzero(weights))
    exact = reference.certificate(log_density, v, weights)
    assert abs(exact - solution.gap) <= 1e-13
    score = reference.score(log_density, v, weights)
    assert solution.objective == pytest.approx(score, rel=1e-14, abs=1e-13)
    for best in range(len(log_density)):
        assert score >= float(v @ log_density[best]) / v.sum() - TOL


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 3), (5, 40), (30, 12), (12, 30)])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_a_general_solver(shape: tuple[int, int], seed: int) -> None:
    log_density = gaussian_round(*shape, seed)
    v = np.random.default_rng(seed).exponential(size=shape[1])
    solution = stacking_weights(log_density, observation_weights=v)
    check_solution(solution, log_density, v)
    _, score = reference.stacking_weights(log_density, v)
    assert solution.objective >= score - TOL
    assert solution.objective <= score + 1e-5


def test_camps_are_seated_in_proportion() -> None:
    labels = np.array([+1.0] * 70 + [-1.0] * 30)
    models = np.array([+1.0, 0.0, -1.0])
    solution = stacking_weights(-0.5 * ((models[:, None] - labels) / 0.1) ** 2)
    np.testing.assert_allclose(solution.weights, [0.7, 0.0, 0.3], atol=1e-12)


@pytest.mark.parametrize("kind", ["noise", "biased"])
def test_larger_pools_reach_their_certificate(kind: str) -> None:
    rng = np.random.default_rng(5)
    if kind == "noise":
        log_density = -0.5 * (rng.normal(size=(2000, 300)) + rng.normal(size=(2000, 1)) / 2) ** 2
    else:
        log_density = gaussian_round(2000, 300, 5)
    solution = stacking_weights(log_density)
    scaled = np.exp(log_density - log_density.max(axis=0))
    gradient = (scaled / (solution.weights @ scaled)).mean(axis=1)
    assert gradient.max() - 1 <= TOL
    assert solution.passes <= 10


def test_shifting_an_observation_changes_nothing() -> None:
    log_density = np.round(gaussian_round(40, 60, 1) * 2**10) / 2**10
    expected = stacking_weights(log_density).weights
    np.testing.assert_array_equal(stacking_weights(log_density - 2.0**17).weights, expected)
    shift = np.random.default_rng(1).normal(size=60) * 100
    np.testing.assert_allclose(stacking_weights(log_density + shift).weights, expected, atol=1e-7)
    np.testing.assert_allclose(stacking_weights(log_density - 1e5).weights, expected, atol=1e-7)


def test_scores_as_low_as_a_hundred_thousand_below() -> None:
    log_density = np.array([[0.0, 0.0, -1e5], [-1e5, -1e5, 0.0], [-2e5, -1e5, -1e5]])
    solution = stacking_weights(log_density)
    np.testing.assert_allclose(solution.weights, [2 / 3, 1 / 3, 0.0], atol=1e-12)
    assert solution.objective == pytest.approx(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3), abs=1e-12)
    log_density = gaussian_round(20, 30, 0)
    log_density[7] -= 1e5
    assert stacking_weights(log_density).weights[7] == 0


def test_equal_models_share_equally() -> None:
    log_density = gaussian_round(10, 50, 2)
    single = stacking_weights(log_density)
    copied = np.concatenate([log_density, log_density[::-1], log_density[:3]])
    weights = stacking_weights(copied).weights
    best = int(single.weights.argmax())
    assert weights[best] == weights[19 - best]
    for model in range(10):
        group = [model, 19 - model] + ([20 + model] if model < 3 else [])
        assert len(set(weights[group])) == 1
        assert weights[group].sum() == pytest.approx(single.weights[model], abs=1e-7)
    everyone = stacking_weights(np.tile(log_density[0], (7, 1))).weights
    np.testing.assert_array_equal(everyone, np.full(7, everyone[0]))


def test_zero_weights_are_as_if_absent() -> None:
    log_density = gaussian_round(15, 40, 3)
    v = np.random.default_rng(3).integers(0, 3, size=40).astype(float)
    some = stacking_weights(log_density, observation_weights=v)
    kept = stacking_weights(log_density[:, v > 0], observation_weights=v[v > 0])
    np.testing.assert_array_equal(some.weights, kept.weights)
    repeated = stacking_weights(np.repeat(log_density, v.astype(int), axis=1))
    assert repeated.objective == pytest.approx(some.objective, abs=TOL)
    log_density[:, v == 0] = -np.inf
    np.testing.assert_array_equal(stacking_weights(log_density, observation_weights=v).weights, some.weights)


def test_weights_of_observations_have_no_unit() -> None:
    log_density = gaussian_round(15, 40, 3)
    v = np.random.default_rng(3).exponential(size=40)
    expected = stacking_weights(log_density, observation_weights=v).weights
    for factor in (2.0**-1000, 2.0**1000):
        np.testing.assert_array_equal(stacking_weights(log_density, observation_weights=v * factor).weights, expected)


@pytest.mark.parametrize("seed", [9177, 21261])  # drawn from 48,000
def test_weights_far_apart_converge(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_models = int(rng.choice([1, 2, 3, 5, 10, 40, 150, 400]))
    n_observations = int(rng.choice([1, 2, 3, 7, 30, 100, 300]))
    kind = rng.integers(0, 9)
    log_density = -0.5 * (rng.normal(size=(n_models, n_observations)) * rng.choice([0.1, 1, 5, 50])) ** 2
    if kind == 2:
        log_density += rng.uniform(-690, 690, size=n_observations)
    else:
        log_density = np.round(log_density)
    rng.integers(0, 4)
    v = 10.0 ** rng.integers(-20, 1, size=n_observations)
    solution = stacking_weights(log_density, observation_weights=v)
    assert solution.gap <= TOL


def test_observations_that_no_model_explains_are_dropped_and_counted() -> None:
    log_density = gaussian_round(8, 20, 4)
    expected = stacking_weights(log_density[:, 2:])
    log_density[:, :2] = -np.inf
    with pytest.warns(ObservationsDroppedWarning, match=r"2 of 20 observations dropped.*columns 0, 1\)"):
        solution = stacking_weights(log_density)
    assert "2 of 20 observations dropped" in solution.reason
    np.testing.assert_array_equal(solution.weights, expected.weights)
    assert solution.objective == expected.objective


def test_some_models_may_exclude_an_observation() -> None:
    log_density = gaussian_round(8, 20, 4)
    log_density[np.random.default_rng(0).random(size=log_density.shape) < 0.4] = -np.inf
    log_density[0] = -50.0
    check_solution(stacking_weights(log_density), log_density, np.ones(20))


def test_nothing_left_is_an_error() -> None:
    for empty in (np.empty((0, 3)), np.empty((3, 0)), np.full((2, 3), -np.inf)):
        with pytest.raises(NoDataError, match="log_density"):
            stacking_weights(empty)
    with pytest.raises(NoDataError, match=r"observation_weights: all are 0.*; one must be greater"):
        stacking_weights(np.zeros((2, 3)), observation_weights=np.zeros(3))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_refuses_log_densities_by_place(value: float) -> None:
    log_density = np.zeros((300, 500))
    log_density[290, 17] = value
    log_density[291, 3] = value
    with pytest.raises(NonFiniteError, match=r"log_density\[290, 17\]"):
        stacking_weights(log_density)


def test_refuses_bad_observation_weights() -> None:
    log_density = np.zeros((2, 3))
    with pytest.raises(DomainError, match=r"observation_weights\[1\]"):
        stacking_weights(log_density, observation_weights=[1.0, -1.0, 1.0])
    with pytest.raises(NonFiniteError, match=r"observation_weights\[2\]"):
        stacking_weights(log_density, observation_weights=[1.0, 1.0, np.nan])
    with pytest.raises(ShapeError, match="observation_weights"):
        stacking_weights(log_density, observation_weights=[1.0, 1.0])


def test_refuses_bad_options() -> None:
    log_density = np.zeros((2, 3))
    for tol in (0.0, -1e-9):
        with pytest.raises(DomainError, match="tol"):
            stacking_weights(log_density, tol=tol)
    with pytest.raises(NonFiniteError, match="tol"):
        stacking_weights(log_density, tol=np.nan)
    for n_threads in (0, -1):
        with pytest.raises(DomainError, match="n_threads"):
            stacking_weights(log_density, n_threads=n_threads)
    with pytest.raises(DtypeError, match="n_threads"):
        stacking_weights(log_density, n_threads=1.5)  # type: ignore[arg-type]
    for wrong in (np.zeros(3), np.zeros((1, 2, 3)), [[0.0], [0.0, 1.0]]):
        with pytest.raises(ShapeError, match="log_density"):
            stacking_weights(wrong)
    with pytest.raises(DtypeError, match="log_density"):
        stacking_weights([["a"]])


def test_a_gap_out_of_reach_is_an_error_with_the_best_weights() -> None:
    failures = []
    for seed in range(4):
        log_density = -0.5 * np.random.default_rng(seed).normal(size=(100, 10_000)) ** 2
        try:
            stacking_weights(log_density, tol=1e-300)
        except NotConvergedError as error:
            failures.append(error)
    assert failures
    for error in failures:
        assert "stacking_weights did not converge" in str(error)
        assert 0 < error.gap <= 1e-14
        assert abs(math.fsum(error.weights) - 1) <= 2**-52
        assert error.passes >= 3


def test_any_real_array_is_read_and_none_written_to() -> None:
    log_density = -np.random.default_rng(0).integers(0, 16, size=(6, 9)) / 4
    expected = stacking_weights(log_density)
    frozen = log_density.copy()
    frozen.flags.writeable = False
    layouts = (np.asfortranarray(log_density), frozen, np.repeat(log_density, 2, axis=1)[:, ::2], log_density.tolist())
    dtypes = (log_density.astype(np.float16), log_density.astype(np.float32), log_density.astype(">f8"))
    for same in (*layouts, *dtypes):
        np.testing.assert_array_equal(stacking_weights(same).weights, expected.weights)
    assert not expected.weights.flags.writeable


def test_a_warm_start_takes_fewer_passes() -> None:
    log_density = gaussian_round(3000, 200, 6)
    cold = stacking_weights(log_density)
    for start in (cold, cold.vertex, stacking_weights(log_density[:2900, :190])):
        warm = stacking_weights(log_density, start=start)
        assert warm.gap <= TOL
        assert warm.passes <= cold.passes
        np.testing.assert_allclose(warm.weights, cold.weights, atol=1e-9)
    with pytest.raises(IndexOutOfRangeError, match="start"):
        stacking_weights(log_density, start=[3000])
    with pytest.raises(OptionError, match="start"):
        stacking_weights(log_density, start=SimplexSolution(cold.weights, 0.0, 0.0, 0.0, 1, "given"))


def test_refuses_bad_references() -> None:
    log_density = np.zeros((2, 3))
    for wrong, error in (([1.0], ShapeError), ([0.0, 0.0], DomainError), ([1.0, np.nan], NonFiniteError)):
        with pytest.raises(error, match="reference"):
            stacking_weights(log_density, reference=wrong)
    with pytest.raises(OptionError, match="reference"):
        stacking_weights(log_density, reference=[1.0, 1.0], tie_break="least_individual_loss")
    with pytest.raises(OptionError, match="tie_break"):
        stacking_weights(log_density, tie_break="first")
    np.testing.assert_allclose(stacking_weights(log_density, reference=[3.0, 1.0]).weights, [0.75, 0.25], atol=1e-12)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    log_density = gaussian_round(3000, 200, 6)
    one, two, seven = (stacking_weights(log_density, n_threads=n_threads) for n_threads in (1, 2, 7))
    for other in (two, seven):
        np.testing.assert_array_equal(other.weights, one.weights)
        assert (other.objective, other.gap, other.passes) == (one.objective, one.gap, one.passes)


def longdouble_gap(log_density: NDArray[np.float64], share: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    density = np.exp(log_density.astype(np.longdouble))
    mixture = weights.astype(np.longdouble) @ density
    return float((density @ (share / share.sum() / mixture)).max() - 1)


@pytest.mark.parametrize("tiny", [1e-20, 1e-17, 1e-15, 1e-14, 1e-13, 1e-9])
def test_observations_of_hardly_any_weight_are_explained(tiny: float) -> None:
    none = -np.inf
    log_density = np.array([[none, 0, none], [0, none, none], [none, 0, none], [none, none, 0]])
    share = np.array([tiny, 1, tiny])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TieBreakWarning)  # copies that do not share are told
        found = stacking_weights(log_density, observation_weights=share)
    assert abs(math.fsum(found.weights) - 1) <= 2**-52
    assert np.isfinite(found.objective)
    assert longdouble_gap(log_density, share, found.weights) <= 1e-10
    log_density, share = np.array([[none, none], [none, 0], [0, none]]), np.array([1, tiny])
    found = stacking_weights(log_density, observation_weights=share, start=[0, 1])
    assert found.weights == pytest.approx([0, tiny / (1 + tiny), 1 / (1 + tiny)], rel=1e-9)
    assert longdouble_gap(log_density, share, found.weights) <= 1e-10


def test_a_start_with_models_that_explain_nothing() -> None:
    rng = np.random.default_rng(0)
    log_density = np.full((60, 60), -np.inf)
    np.fill_diagonal(log_density, 0)
    log_density[[12, 44]] = -np.inf
    counts = rng.integers(0, 6, 60).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ObservationsDroppedWarning)
        cold, warm, dead = (
            stacking_weights(log_density, observation_weights=counts + 1, start=start)
            for start in (None, range(60), [12, 44])
        )
    for found in (warm, dead):
        np.testing.assert_allclose(found.weights, cold.weights, rtol=0, atol=1e-12)
        assert found.passes <= 20


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("tol", [1e-10, 1e-12])
def test_models_that_are_one_to_rounding_share(first: bool, tol: float) -> None:
    made = two_camp_round(10, n_items=10, n_pairs=25, n_models=60)
    log_density = log_likelihood(made.pool(), made.judgments(), sigma=0.02, per="label", rtol=1e-12)
    near = [29, 57]  # log ratios that differ by 2e-15
    assert 0 < np.abs(log_density[29] - log_density[57]).max() < 1e-10
    order = [*near, *np.delete(np.arange(60), near)] if first else list(range(60))
    solution = stacking_weights(log_density[order], tol=tol)
    share = solution.weights[[order.index(model) for model in near]]
    assert solution.tie_broken
    assert share[0] == pytest.approx(share[1], rel=1e-9)
    assert share[0] > 0.01
