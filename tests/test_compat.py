"""Drop-ins: signatures, parity with the formulas and with scipy, errors, and a script that changes one import."""

from __future__ import annotations

import inspect
import math
import random

import numpy as np
import pytest

from hemicycle import simplex_least_squares
from hemicycle.compat.deepfunding import (
    HumanPairData,
    cost_function,
    find_bayesian_model_weights,
    find_optimal_weights,
    log_prob,
)
from hemicycle.errors import DomainError, DtypeError, IndexOutOfRangeError, NoDataError, NonFiniteError, ShapeError
from reference import deepfunding as reference

Script = tuple[list[list[float]], list[tuple[int, int, float]]]


def script_input(n_models: int, n_items: int, n_samples: int, seed: int) -> Script:
    """Plain lists, as a script has them."""
    generator = random.Random(seed)
    logits_lists = [[generator.gauss(0, 1) for _ in range(n_items)] for _ in range(n_models)]
    samples = []
    for _ in range(n_samples):
        a, b = generator.sample(range(n_items), 2)
        samples.append((a, b, generator.gauss(0, 1.5)))
    return logits_lists, samples


def test_signatures_are_those_of_the_scripts() -> None:
    assert list(inspect.signature(cost_function).parameters) == ["logits", "samples"]
    assert list(inspect.signature(find_optimal_weights).parameters) == ["logits_lists", "samples"]


@pytest.mark.parametrize("seed", range(3))
def test_the_cost_is_the_sum_of_squared_errors(seed: int) -> None:
    logits_lists, samples = script_input(1, 9, 40, seed)
    cost = cost_function(logits_lists[0], samples)
    assert isinstance(cost, float)
    assert cost == pytest.approx(reference.cost(logits_lists[0], samples), rel=1e-14)
    assert cost_function(logits_lists[0], []) == 0


@pytest.mark.parametrize(("n_models", "n_items", "n_samples"), [(2, 5, 20), (4, 20, 30), (8, 12, 60)])
def test_agrees_with_slsqp_where_judgments_outnumber_models(n_models: int, n_items: int, n_samples: int) -> None:
    logits_lists, samples = script_input(n_models, n_items, n_samples, 1)
    weights = find_optimal_weights(logits_lists, samples)
    expected = reference.least_cost_weights(logits_lists, samples)
    np.testing.assert_allclose(weights, expected, atol=2e-3)
    mixed, expected_mixed = np.transpose(logits_lists) @ weights, np.transpose(logits_lists) @ expected
    assert cost_function(mixed, samples) <= cost_function(expected_mixed, samples) + 1e-9


def test_returns_the_optimum_nearest_to_equal_weights() -> None:
    logits_lists, samples = script_input(40, 8, 4, 2)
    weights = find_optimal_weights(logits_lists, samples)
    expected = reference.least_cost_weights(logits_lists, samples)
    costs = [cost_function(np.transpose(logits_lists) @ w, samples) for w in (weights, expected)]
    assert costs[0] <= costs[1] + 1e-9
    distances = [float(np.linalg.norm(w - 1 / 40)) for w in (weights, expected / expected.sum())]
    assert distances[0] <= distances[1] + 1e-9
    table, columns = np.array(logits_lists), np.array(samples)
    a, b = columns[:, 0].astype(int), columns[:, 1].astype(int)
    solution = simplex_least_squares(table[:, b] - table[:, a], columns[:, 2])
    np.testing.assert_array_equal(weights, solution.weights)


def test_weights_are_what_a_script_does_with_them() -> None:
    logits_lists, samples = script_input(3, 6, 12, 3)
    weights = find_optimal_weights(logits_lists, samples)
    assert len(weights) == 3
    assert abs(math.fsum(weights) - 1) <= 2**-52
    assert ", ".join(f"{weight:.3f}" for weight in weights)
    mixed = [sum([w * L[i] for w, L in zip(weights, logits_lists, strict=True)]) for i in range(6)]
    best_single = min(cost_function(logits, samples) for logits in logits_lists)
    assert cost_function(mixed, samples) <= best_single
    weights[0] = 0.5  # a script may write to its result


SCRIPT = """
import math
from {module} import {cost} as cost_function, {weights} as find_optimal_weights

distributions = [[0.25, 0.20, 0.15, 0.40], [20, 18, 12, 8], [0.05] * 4]
logits = [[math.log(p) for p in dist] for dist in distributions]
samples = [(0, 1, -math.log(2)), (1, 2, math.log(3)), (3, 0, math.log(1.5)), (2, 3, -math.log(4)), (0, 2, 0.0)]
optimal_weights = find_optimal_weights(logits, samples)
final_logits = [sum([w * L[i] for w, L in zip(optimal_weights, logits)]) for i in range(len(logits[0]))]
exp_logits = [math.exp(v) for v in final_logits]
final_credit = [v / sum(exp_logits) for v in exp_logits]
final_cost = cost_function(final_logits, samples)
"""


def test_a_script_changes_only_its_import() -> None:
    before: dict[str, object] = {}
    after: dict[str, object] = {}
    exec(SCRIPT.format(module="reference.deepfunding", cost="cost", weights="least_cost_weights"), before)
    module, names = "hemicycle.compat.deepfunding", {"cost": "cost_function", "weights": "find_optimal_weights"}
    exec(SCRIPT.format(module=module, **names), after)
    np.testing.assert_allclose(after["optimal_weights"], before["optimal_weights"], atol=1e-4)
    np.testing.assert_allclose(after["final_credit"], before["final_credit"], atol=1e-4)
    assert after["final_cost"] == pytest.approx(before["final_cost"], rel=1e-6)


def test_arrays_of_any_kind_are_read() -> None:
    logits_lists, samples = script_input(3, 6, 12, 4)
    expected = find_optimal_weights(logits_lists, samples)
    table = np.array(logits_lists)
    for same in (table, np.asfortranarray(table), table.astype(">f8"), tuple(map(tuple, logits_lists)), list(table)):
        np.testing.assert_array_equal(find_optimal_weights(same, np.array(samples)), expected)
    np.testing.assert_array_equal(find_optimal_weights(logits_lists, iter(samples)), expected)
    np.testing.assert_array_equal(find_optimal_weights(logits_lists, [list(sample) for sample in samples]), expected)


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        ([(0, 1)], ShapeError, r"samples\[0\]: expected \(a, b, c\), got 2"),
        ([(0, 1, 0.5), 3.0], ShapeError, r"samples\[1\]"),
        ([(0, 3, 0.5)], IndexOutOfRangeError, r"samples\[:, 1\]\[0\] is 3"),
        ([(-1, 1, 0.5)], IndexOutOfRangeError, r"samples\[:, 0\]\[0\] is -1"),
        ([(0, 1e300, 0.5)], IndexOutOfRangeError, r"samples\[:, 1\]"),
        ([(0.5, 1, 0.5)], DtypeError, "index of an item"),
        ([("a", "b", 0.5)], DtypeError, "samples"),
        ([(0, 1, 0.5), (0, 1, math.nan)], NonFiniteError, r"samples\[1, 2\]"),
        ([(0, 1, math.inf)], NonFiniteError, r"samples\[0, 2\]"),
    ],
)
def test_bad_samples_are_refused_by_place(samples: list, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cost_function([0.0, 1.0, 2.0], samples)
    with pytest.raises(error, match=message):
        find_optimal_weights([[0.0, 1.0, 2.0]], samples)


def test_bad_logits_are_refused_by_place() -> None:
    samples = [(0, 1, 0.5)]
    with pytest.raises(ShapeError, match=r"logits_lists\[1\] has 3 logits, but logits_lists\[0\] has 2"):
        find_optimal_weights([[0.0, 1.0], [0.0, 1.0, 2.0]], samples)
    with pytest.raises(NonFiniteError, match=r"logits_lists\[1, 0\]"):
        find_optimal_weights([[0.0, 1.0], [-math.inf, 1.0]], samples)
    with pytest.raises(NonFiniteError, match=r"logits\[1\]"):
        cost_function([0.0, math.nan], samples)
    for empty in ([], np.empty((0, 2))):
        with pytest.raises(ShapeError):
            find_optimal_weights(empty, samples)
    with pytest.raises(NoDataError, match="samples"):
        find_optimal_weights([[0.0, 1.0]], [])


def test_signatures_are_those_of_the_proposal() -> None:
    assert list(inspect.signature(HumanPairData).parameters) == ["item_index_a", "item_index_b", "log_value_b_over_a"]
    parameters = inspect.signature(log_prob).parameters
    assert list(parameters) == ["model_logits", "human_pair_data", "scale"]
    assert parameters["scale"].default == 0.5
    assert list(inspect.signature(find_bayesian_model_weights).parameters)[:2] == [
        "all_model_logits",
        "all_human_pair_data",
    ]
    pair = HumanPairData(0, 1, [0.5])
    pair.log_value_b_over_a.append(1.0)
    assert pair == HumanPairData(item_index_a=0, item_index_b=1, log_value_b_over_a=[0.5, 1.0])


@pytest.mark.parametrize("scale", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("labels", [[0.3], [-1.0, 1.0, 1.0], [50.0, -200.0]])
@pytest.mark.parametrize(("a", "b"), [(0, 2), (2, 0)])
def test_log_prob_agrees_with_fifty_digits(scale: float, labels: list[float], a: int, b: int) -> None:
    logits = [0.25, -1.0, 1.5]
    value = log_prob(logits, HumanPairData(a, b, labels), scale)
    assert isinstance(value, float)
    assert value == pytest.approx(float(reference.log_prob(logits, a, b, labels, scale)), rel=2e-13)
    assert log_prob(logits, HumanPairData(a, b, labels), scale=scale) == value


def test_bayesian_weights_are_the_softmax_of_summed_log_probs() -> None:
    generator = random.Random(5)
    logits_lists = [[generator.gauss(0, 1) for _ in range(6)] for _ in range(7)]
    pairs = [
        HumanPairData(*generator.sample(range(6), 2), [generator.gauss(0, 1) for _ in range(generator.randint(1, 4))])
        for _ in range(12)
    ]
    pairs.append(HumanPairData(pairs[0].item_index_b, pairs[0].item_index_a, [0.1]))  # the first pair once more
    totals = np.array([sum(log_prob(logits, pair) for pair in pairs) for logits in logits_lists])
    expected = np.exp(totals - totals.max())
    weights = find_bayesian_model_weights(logits_lists, pairs)
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-11)
    prior = np.arange(1.0, 8.0)
    expected *= prior
    weights = find_bayesian_model_weights(logits_lists, pairs, prior=prior.tolist())
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-11)


def test_bayesian_weights_do_not_underflow() -> None:
    pairs = [HumanPairData(0, 1, [1000.0])] * 20
    weights = find_bayesian_model_weights([[0.0, 0.0], [0.0, 1e-7], [0.0, -1.0]], pairs)
    ratio = math.exp(20 * 1000 * 1e-7 / 0.25)
    np.testing.assert_allclose(weights[:2], [1 / (1 + ratio), ratio / (1 + ratio)], rtol=1e-5)
    assert weights[2] == 0


def test_bad_pair_data_are_refused() -> None:
    logits_lists = [[0.0, 1.0], [1.0, 0.0]]
    for pairs, error in (
        ([], NoDataError),
        ([HumanPairData(0, 1, [])], NoDataError),
        ([HumanPairData(0, 2, [0.0])], IndexOutOfRangeError),
        ([HumanPairData(0, 1, [math.nan])], NonFiniteError),
        ([HumanPairData(0, 1, [[0.0]])], ShapeError),
        ([HumanPairData(0.5, 1, [0.0])], DtypeError),
        ([HumanPairData(0, 1, ["x"])], DtypeError),
        ([(0, 1, [0.0])], DtypeError),
    ):
        with pytest.raises(error):
            find_bayesian_model_weights(logits_lists, pairs)
    pairs = [HumanPairData(0, 1, [0.0])]
    with pytest.raises(NonFiniteError, match=r"all_model_logits\[1, 0\]"):
        find_bayesian_model_weights([[0.0, 1.0], [math.nan, 1.0]], pairs)
    with pytest.raises(ShapeError, match=r"all_model_logits\[1\]"):
        find_bayesian_model_weights([[0.0, 1.0], [0.0]], pairs)
    for scale, error in ((0.0, DomainError), (-1.0, DomainError), (math.nan, NonFiniteError), ("0.5", DtypeError)):
        with pytest.raises(error, match="scale"):
            find_bayesian_model_weights(logits_lists, pairs, scale=scale)
