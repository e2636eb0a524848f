"""Triads of any comparisons, found by edges and by looking at every three items; what leaves diagnostics alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hemicycle import Judgments
from hemicycle.jurors import juror_diagnostics
from hemicycle.triads import circular_triads
from reference import jurors as reference


@st.composite
def choices(draw: Any) -> tuple[Judgments, list[int]]:
    n_items = draw(st.integers(2, 7))
    pair = st.permutations(range(n_items)).map(lambda items: items[:2])
    row = st.tuples(pair, st.sampled_from([0, 1, 2]), st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0]), st.integers(-1, 2))
    rows = draw(st.lists(row, min_size=1, max_size=30))
    a, b = zip(*(pair for pair, *_ in rows), strict=True)
    _, choice, weight, group = zip(*rows, strict=True)
    return Judgments.from_arrays(a, b, np.zeros(len(rows)), choice=choice, weight=weight, items=n_items), list(group)


@given(choices())
def test_triads(drawn: tuple[Judgments, list[int]]) -> None:
    judgments, group = drawn
    found = circular_triads(judgments, np.array(group), 3)
    rows = list(zip(judgments.a.tolist(), judgments.b.tolist(), judgments.log_ratio.tolist(),
                    judgments.choice.tolist(), (10 * judgments.weight).round().tolist(), strict=True))  # fmt: skip
    for k in range(3):
        of_group = [row for row, g in zip(rows, group, strict=True) if g == k and row[4] > 0]
        assert (found.complete[k], found.circular[k]) == reference.triads(of_group)


@given(choices(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_side_of_a_pair_do_not_matter(
    drawn: tuple[Judgments, list[int]], random: Any
) -> None:
    judgments, group = drawn
    order = list(range(len(judgments)))
    random.shuffle(order)
    turned = np.where(judgments.choice > 0, 3 - judgments.choice, 0)[order]
    weight = judgments.weight[order]
    other = Judgments.from_arrays(
        judgments.b[order], judgments.a[order], np.zeros(len(order)), choice=turned, weight=weight,
        items=judgments.items,
    )  # fmt: skip
    before = circular_triads(judgments, np.array(group), 3)
    after = circular_triads(other, np.array(group)[order], 3)
    np.testing.assert_array_equal(np.stack(before), np.stack(after))


@given(choices(), st.floats(0.5, 4))
def test_weights_of_jurors_change_no_mean(drawn: tuple[Judgments, list[int]], factor: float) -> None:
    judgments, group = drawn
    names = [("ann", "ben", "cem", "dee")[k + 1] for k in group]
    jury = Judgments.from_arrays(
        judgments.a, judgments.b, judgments.log_ratio, choice=judgments.choice, juror=names,
        weight=judgments.weight + 0.1, items=judgments.items,
    )  # fmt: skip
    logits = np.random.default_rng(0).normal(size=(3, len(jury.items)))
    weights = np.array([0.2, 0.3, 0.5])
    plain = juror_diagnostics(logits, jury, weights)
    heavier = juror_diagnostics(logits, jury.with_juror_weights({names[0]: factor}), weights)
    for name in ("agreement", "mse", "log_density", "scale", "first_side", "triads", "circular"):
        np.testing.assert_allclose(getattr(plain, name), getattr(heavier, name), rtol=1e-9)
    of = plain.jurors.index(names[0])
    np.testing.assert_allclose(heavier.weight[of], factor * plain.weight[of])
