"""Invariants of the allocation."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hemicycle.allocation import MEANS, allocate

means = st.sampled_from(MEANS)
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int) -> tuple[np.random.Generator, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n_models, n_items = rng.integers(1, 9, 2)
    logits = rng.normal(0, 10.0 ** rng.integers(-3, 5), (n_models, n_items))
    return rng, logits, rng.dirichlet(np.full(n_models, 0.3)), rng.integers(0, 3, n_items)


@given(seeds, means)
def test_shares_are_a_distribution_within_each_parent(seed, mean):
    _, logits, weights, parents = drawn(seed)
    shares = allocate(logits, weights, mean=mean, parent_index=parents)
    assert (shares >= 0).all()
    for parent in np.unique(parents):
        assert abs(math.fsum(shares[parents == parent]) - 1) <= 2**-52


@given(seeds, means)
def test_a_constant_within_a_parent_changes_nothing(seed, mean):
    rng, logits, weights, parents = drawn(seed)
    shifts = rng.normal(0, 5, (len(logits), 3))[:, parents]
    moved = allocate(logits + shifts, weights, mean=mean, parent_index=parents)
    scale = np.abs(logits).max() + 20
    np.testing.assert_allclose(
        moved, allocate(logits, weights, mean=mean, parent_index=parents), rtol=1e-14 * scale, atol=1e-300
    )


@given(seeds, means)
def test_the_order_of_models_and_items_does_not_matter(seed, mean):
    rng, logits, weights, parents = drawn(seed)
    models, items = rng.permutation(len(logits)), rng.permutation(logits.shape[1])
    shares = allocate(logits, weights, mean=mean, parent_index=parents)
    permuted = allocate(logits[models][:, items], weights[models], mean=mean, parent_index=parents[items])
    np.testing.assert_allclose(permuted, shares[items], rtol=1e-14 * (np.abs(logits).max() + 20), atol=1e-300)


@given(seeds, means)
def test_the_weight_of_a_model_may_be_split_between_copies(seed, mean):
    _, logits, weights, parents = drawn(seed)
    twice = allocate(np.vstack([logits, logits]), np.append(weights, weights) / 2, mean=mean, parent_index=parents)
    np.testing.assert_allclose(
        twice,
        allocate(logits, weights, mean=mean, parent_index=parents),
        rtol=1e-14 * (np.abs(logits).max() + 20),
        atol=1e-300,
    )
