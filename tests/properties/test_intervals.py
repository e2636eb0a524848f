"""Invariants of rounds with labels that count more or less, and of intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from hemicycle import Judgments, Pool, Round
from hemicycle.errors import NoDataError
from hemicycle.resampling import expanded_tail


@st.composite
def rounds(draw: Any) -> Round:
    n_items = draw(st.integers(2, 5))
    pair = st.permutations(range(n_items)).map(lambda items: items[:2])
    row = st.tuples(pair, st.floats(-3, 3), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from("abcd"))
    rows = draw(st.lists(row, min_size=2, max_size=12))
    a, b = zip(*(pair for pair, *_ in rows), strict=True)
    _, log_ratio, weight, juror = zip(*rows, strict=True)
    judgments = Judgments.from_arrays(a, b, log_ratio, weight=weight, juror=juror, items=n_items)
    logits = np.random.default_rng(draw(st.integers(0, 3))).normal(size=(draw(st.integers(1, 5)), n_items))
    return Round(
        judgments, Pool.from_array(logits), pair_weights=draw(st.sampled_from(["equal", "total"])), n_threads=1
    )


factors = st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=12, max_size=12).map(np.array)


def weights_by_row(round_: Round) -> dict[int, float]:
    return dict(zip(round_.judgments.pairs.row.tolist(), round_.label_weight.tolist(), strict=True))


@given(rounds(), factors, factors)
def test_factors_multiply(round_: Round, first: Any, second: Any) -> None:
    n = len(round_.judgments)
    try:
        once = round_.reweigh((first * second)[:n])
    except NoDataError:
        assume(False)
    twice = round_.reweigh(first[:n]).reweigh(second[:n])
    found, expected = weights_by_row(twice), weights_by_row(once)
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-12)
    before = weights_by_row(round_)
    for row, weight in expected.items():
        np.testing.assert_allclose(weight, before[row] * first[row] * second[row], rtol=1e-12)


@given(rounds(), st.sampled_from(["stacking", "least_squares", "bma", "best"]), st.floats(0.05, 0.95))
def test_intervals_are_shares_and_nest(round_: Round, method: Any, level: float) -> None:
    assume(len(set(round_.judgments.juror)) > 1 or len(round_.judgments.pairs) > 1)
    ensemble = round_.ensemble(method, sigma=1.0)
    narrow, wide = (ensemble.intervals(replicates=12, level=at) for at in (level, 0.5 * (1 + level)))
    np.testing.assert_array_equal(narrow.replicated, wide.replicated)
    assert (wide.low <= narrow.low).all()
    assert (narrow.low <= narrow.high).all()
    assert (narrow.high <= wide.high).all()
    assert ((wide.low >= 0) & (wide.high <= 1)).all()
    if len(round_.pool) == 1:
        np.testing.assert_allclose(narrow.low, narrow.share, rtol=1e-12)


@given(st.floats(1e-4, 0.5), st.integers(2, 300))
def test_the_tail_goes_out_and_comes_back(tail: float, n_groups: int) -> None:
    out = expanded_tail(tail, n_groups)
    assert 0 <= out <= tail * (1 + 1e-12)
    assert out <= expanded_tail(tail, 2 * n_groups) * (1 + 1e-9)
