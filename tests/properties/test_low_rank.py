"""Products of thin matrices: fewer terms with the same product, and the spectrum of a symmetric one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hemicycle.contracts.low_rank import LowRank, few_factors, spectrum


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30), st.integers(1, 40), st.integers(0, 5))
def test_few_factors_have_the_same_product(seed: int, rows: int, columns: int, n_terms: int, rank: int) -> None:
    rng = np.random.default_rng(seed)
    left = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, n_terms)) * 10.0 ** rng.integers(-6, 6)
    right = rng.normal(size=(n_terms, columns))
    few, others = few_factors(left, right)
    product = left @ right
    assert few.shape[1] == others.shape[0] <= min(rows, columns)
    size = np.linalg.norm(left) * np.linalg.norm(right)
    np.testing.assert_allclose(few @ others, product, atol=1e-13 * max(size, 1e-300))
    between = few.T @ few
    np.testing.assert_allclose(between, others @ others.T, atol=1e-12 * max(size, 1e-300))


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 6))
def test_the_spectrum_of_a_product_of_either_sign(seed: int, n: int, n_terms: int) -> None:
    rng = np.random.default_rng(seed)
    right = rng.normal(size=(n_terms, n)) * np.geomspace(1.0, 1e-6, n_terms)[:, None]
    left = right.T * rng.choice([-1.0, 1.0], n_terms)
    values, vectors = spectrum(left, right)
    assert len(values) <= min(n, n_terms)
    size = np.linalg.norm(right) ** 2
    np.testing.assert_allclose((vectors * values) @ vectors.T, left @ right, atol=1e-14 * n * size)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(values)), atol=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_sums_of_matrices(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = (
        LowRank(rng.normal(size=n), rng.normal(size=(n, k)), rng.normal(size=(k, n))) for k in rng.integers(0, 4, 2)
    )
    np.testing.assert_allclose(one.plus(other).dense(), one.dense() + other.dense(), atol=1e-12)
    np.testing.assert_allclose(one.dense(), np.diag(one.diagonal) + one.left @ one.right, atol=1e-14)
