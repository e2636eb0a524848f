"""Shares of the items: definition, zeros, extremes, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hemicycle.allocation import MEANS, allocate
from hemicycle.errors import DomainError, DtypeError, HemicycleError, NonFiniteError, OptionError, ShapeError
from hemicycle.pool import Pool
from reference import allocation as reference

PARENTS = np.array([1, 0, 1, 0, 1, 2])


def pool(n_models: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.normal(0, 2, (n_models, 6)), rng.dirichlet(np.ones(n_models))


@pytest.mark.parametrize("mean", MEANS)
def test_equals_the_definition_and_sums_to_one_per_parent(mean):
    logits, weights = pool()
    shares = allocate(logits, weights, mean=mean, parent_index=PARENTS)
    np.testing.assert_allclose(shares, reference.allocate(logits, weights, mean, PARENTS), rtol=1e-13)
    for parent in range(3):
        assert abs(math.fsum(shares[parent == PARENTS]) - 1) <= 2**-52


@pytest.mark.parametrize("mean", MEANS)
def test_pool_brings_its_parents(mean):
    logits, weights = pool()
    items = [(f"parent-{parent}", f"item-{n}") for n, parent in enumerate(PARENTS)]
    by_pool = allocate(Pool.from_array(logits, items=items), weights, mean=mean)
    np.testing.assert_array_equal(by_pool, allocate(logits, weights, mean=mean, parent_index=PARENTS))


@pytest.mark.parametrize("mean", MEANS)
def test_blocks_leave_no_trace_but_rounding(mean, monkeypatch):
    logits, weights = pool(50)
    whole = allocate(logits, weights, mean=mean)
    monkeypatch.setattr("hemicycle.allocation.BLOCK_CELLS", 12)
    np.testing.assert_allclose(allocate(logits, weights, mean=mean), whole, rtol=1e-14)


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.dtype(">f8")])
def test_other_float_dtypes(mean, dtype):
    logits, weights = pool()
    narrow = logits.astype(dtype)
    expected = allocate(narrow.astype(np.float64), weights, mean=mean)
    np.testing.assert_allclose(allocate(narrow, weights, mean=mean), expected, rtol=1e-15)


@pytest.mark.parametrize("mean", MEANS)
def test_a_model_without_weight_has_no_say(mean):
    logits, weights = pool()
    silent = np.vstack([logits, np.full((1, 6), -np.inf), np.full((1, 6), np.nan)])
    np.testing.assert_array_equal(
        allocate(silent, np.append(weights, [0, 0]), mean=mean), allocate(logits, weights, mean=mean)
    )


def test_a_zero_share_kills_an_item_only_under_the_geometric_mean():
    logits = np.array([[0.0, 0.0, -np.inf], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(allocate(logits, [0.5, 0.5]), [0.5, 0.5, 0.0])
    np.testing.assert_allclose(allocate(logits, [0.5, 0.5], mean="arithmetic"), [5 / 12, 5 / 12, 1 / 6])


def test_no_share_is_defined():
    apart = np.array([[0.0, -np.inf], [-np.inf, 0.0]])
    with pytest.raises(DomainError, match=r"parent 0: every item has the share 0 from some model"):
        allocate(apart, [0.5, 0.5])
    np.testing.assert_array_equal(allocate(apart, [0.5, 0.5], mean="arithmetic"), [0.5, 0.5])
    with pytest.raises(DomainError, match=r"parent 1: a model with positive weight gives the share 0"):
        allocate([[0.0, -np.inf]], [1.0], mean="arithmetic", parent_index=[0, 1])
    with pytest.raises(DomainError, match=r"parent 1"):
        allocate([[0.0, -np.inf]], [1.0], parent_index=[0, 1])


@pytest.mark.parametrize("mean", MEANS)
def test_extreme_logits(mean):
    logits = np.array([[1e6, 1e6 - 1, -1e6], [-1e6, -1e6 - 1, -1e6 - 2]])
    shares = allocate(logits, [0.5, 0.5], mean=mean)
    assert np.isfinite(shares).all()
    assert abs(math.fsum(shares) - 1) <= 2**-52
    np.testing.assert_allclose(shares[0] / shares[1], math.e, rtol=1e-12)


@pytest.mark.parametrize("mean", MEANS)
def test_a_large_constant_costs_no_digits(mean):
    logits, weights = pool()
    logits = np.round(logits * 2**20) / 2**20  # 1e6 + logit is exact
    np.testing.assert_array_equal(allocate(logits + 1e6, weights, mean=mean), allocate(logits, weights, mean=mean))


def test_a_million_models_in_float32():
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((200_000, 20), dtype=np.float32)
    weights = np.full(len(logits), 1 / len(logits))
    expected = reference.softmax(logits.astype(np.float64).mean(axis=0))
    np.testing.assert_allclose(allocate(logits, weights), expected, rtol=1e-12)


VALID = {"logits": np.zeros((2, 3)), "weights": np.array([0.5, 0.5]), "mean": "geometric", "parent_index": [0, 0, 1]}


@pytest.mark.parametrize(
    ("broken", "error", "message"),
    [
        ({"mean": "median"}, OptionError, "mean: expected 'geometric' or 'arithmetic', got 'median'"),
        ({"logits": np.zeros(3)}, ShapeError, "2 dimensions"),
        ({"logits": np.zeros((0, 3)), "weights": []}, ShapeError, "at least one model"),
        ({"logits": np.array([["a"] * 3] * 2)}, DtypeError, "logits"),
        ({"logits": np.zeros((2, 3), dtype=complex)}, DtypeError, "complex"),
        ({"logits": np.ma.masked_array(np.zeros((2, 3)), mask=np.eye(2, 3))}, DtypeError, "masked"),
        ({"logits": [[0, np.nan, 0], [0, 0, 0]]}, NonFiniteError, r"logits\[0, 1\] is nan"),
        ({"logits": [[0, 0, 0], [0, 0, np.inf]]}, NonFiniteError, r"logits\[1, 2\] is inf"),
        ({"weights": [1.0]}, ShapeError, "weights"),
        ({"weights": [1.5, -0.5]}, DomainError, r"weights\[1\]"),
        ({"weights": [np.nan, 1.0]}, NonFiniteError, r"weights\[0\]"),
        ({"weights": [0.0, 0.0]}, DomainError, "sum to 0.0"),
        ({"weights": [0.5, 0.6]}, DomainError, "sum to 1.1"),
        ({"parent_index": [0, 0]}, ShapeError, "parent_index"),
        ({"parent_index": [0.0, 0.0, 1.0]}, DtypeError, "parent_index"),
        ({"parent_index": [0, 0, -1]}, IndexError, "parent_index"),
    ],
)
def test_errors(broken, error, message):
    arguments = VALID | broken
    with pytest.raises(error, match=message) as raised:
        allocate(arguments.pop("logits"), arguments.pop("weights"), **arguments)
    assert isinstance(raised.value, HemicycleError)
