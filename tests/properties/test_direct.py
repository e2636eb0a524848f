"""Invariants of what the jury alone says."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hemicycle import Judgments
from hemicycle.direct import direct_fit
from reference import direct as reference


@st.composite
def juries(draw: Any) -> Judgments:
    n_items = draw(st.integers(2, 6))
    pair = st.permutations(range(n_items)).map(lambda items: items[:2])
    row = st.tuples(pair, st.floats(-7, 7), st.sampled_from([0.5, 1.0, 2.0]))
    rows = draw(st.lists(row, min_size=1, max_size=12))
    a, b = zip(*(pair for pair, *_ in rows), strict=True)
    _, log_ratio, weight = zip(*rows, strict=True)
    return Judgments.from_arrays(a, b, log_ratio, weight=weight, items=n_items)


@given(juries())
def test_it_is_the_least_squares_solution_of_least_norm(judgments: Judgments) -> None:
    found = direct_fit(judgments).logits
    expected = reference.logits(judgments.a, judgments.b, judgments.log_ratio, judgments.weight, len(judgments.items))
    np.testing.assert_allclose(found, expected, atol=1e-11)


@given(juries(), st.floats(0.1, 10))
def test_what_changes_nothing(judgments: Judgments, factor: float) -> None:
    found = direct_fit(judgments)
    turned = Judgments.from_arrays(
        judgments.b, judgments.a, -judgments.log_ratio, weight=factor * judgments.weight, items=judgments.items
    )
    np.testing.assert_allclose(direct_fit(turned).logits, found.logits, atol=1e-12)
    twice = judgments.select(np.tile(np.arange(len(judgments)), 2))
    np.testing.assert_allclose(direct_fit(twice).logits, found.logits, atol=1e-12)
