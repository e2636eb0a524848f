"""Judgments grouped by pair: the very order, and bits, of a stable sort of all their columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hemicycle.pairs import group_pairs
from reference import pairs as reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_ITEMS = 4
LABELS = [0.0, -0.0, 1.0, -1.0, np.nan, 1e6, -1e6, 5e-324, -5e-324]
WEIGHTS = [1.0, 1.0, 0.0, 2.0, 1e100, 5e-324]
ROW = st.tuples(
    st.permutations(range(N_ITEMS)).map(lambda items: items[:2]),
    st.sampled_from(LABELS) | st.floats(-3, 3),
    st.sampled_from(WEIGHTS),
)


def columns(rows: list[Any]) -> list[NDArray[Any]]:
    items = np.array([items for items, _, _ in rows], dtype=np.int64).reshape(-1, 2)
    return [items[:, 0], items[:, 1], *(np.array([row[k] for row in rows], dtype=float) for k in (1, 2))]


def agree(judged: list[NDArray[Any]]) -> None:
    pairs = group_pairs(*judged)
    for name, expected in reference.group_pairs(*judged).items():
        column = getattr(pairs, name)
        np.testing.assert_array_equal(column, expected)
        np.testing.assert_array_equal(np.signbit(column), np.signbit(expected))


@given(st.lists(ROW, max_size=40))
@example([])
@example([((0, 1), np.nan, 1.0)])
@example([((1, 0), -0.0, 1.0), ((0, 1), 0.0, 0.0), ((2, 3), 1.0, 0.0)])
def test_pairs_are_those_of_a_stable_sort(rows: list[Any]) -> None:
    agree(columns(rows))


@pytest.mark.parametrize("n_items", [2, 30, 3000])
def test_many_judgments_are_grouped_as_few(n_items: int) -> None:
    rng = np.random.default_rng(n_items)
    n = 50_000  # threads share the sort of so many
    a = rng.integers(0, n_items, size=n)
    b = (a + rng.integers(1, n_items, size=n)) % n_items
    agree([a, b, rng.normal(size=n).round(2), rng.choice([0.0, 1.0, 0.5], size=n)])
