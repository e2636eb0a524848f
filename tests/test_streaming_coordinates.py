"""The quadratic form of the loss: that of the labels, whatever the weights of pairs beside each other."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemicycle import Judgments
from hemicycle.least_squares import pair_least_squares
from hemicycle.streaming import least_squares
from hemicycle.streaming.coordinates import PairLoss
from hemicycle.streaming.spanning_forest import heaviest_forest
from streaming_cases import models, scored

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def jury(seed: int, n: int, n_items: int, span: float) -> Judgments:
    """Return judgments whose weights lie up to so many powers of ten apart."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, n_items, n)
    b = (a + rng.integers(1, n_items, n)) % n_items
    weight = 10.0 ** rng.uniform(-span, 0, n)
    return Judgments.from_arrays(a, b, rng.normal(size=n), weight=weight, items=n_items)


def exact_loss(logits: NDArray[np.float64], judgments: Judgments) -> float:
    pairs = judgments.pairs
    pair, x = pairs.pair_of_label, [Fraction(value) for value in logits.tolist()]
    columns = (pairs.a[pair], pairs.b[pair], pairs.log_ratio, pairs.weight)
    labels = zip(*(column.tolist() for column in columns), strict=True)
    return float(sum(Fraction(w) * (x[b] - x[a] - Fraction(r)) ** 2 for a, b, r, w in labels))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    n_items=st.integers(2, 9),
    span=st.sampled_from([0.0, 1.0, 20.0, 140.0]),
)
def test_the_form_gives_the_loss_of_the_labels(seed: int, n: int, n_items: int, span: float) -> None:
    judgments = jury(seed, n, n_items, span)
    loss = PairLoss.of(judgments)
    logits = models(seed, 5, n_items)
    points = loss.coordinates.of_logits(logits)
    found = [loss.at(point) for point in points.T]
    np.testing.assert_allclose(found, [exact_loss(row, judgments) for row in logits], rtol=1e-11)
    assert np.linalg.cond(loss.form) < 1e6
    direction = np.random.default_rng(seed).normal(size=len(loss.coordinates))
    np.testing.assert_allclose(loss.coordinates.products(logits, direction), direction @ points, rtol=0, atol=1e-11)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 30), n_items=st.integers(2, 9))
def test_ways_in_the_forest_lead_from_item_to_item_over_pairs_that_weigh_no_less(
    seed: int, n: int, n_items: int
) -> None:
    pairs = jury(seed, n, n_items, 3.0).pairs
    forest = heaviest_forest(pairs.a.tolist(), pairs.b.tolist(), pairs.total_weight, n_items)
    assert len(forest.items) == n_items - len(np.unique(pairs.components(n_items)))
    given = list(zip(pairs.a.tolist(), pairs.b.tolist(), pairs.total_weight.tolist(), strict=True))
    of_ends = {frozenset((a, b)): weight for a, b, weight in given}
    x = np.random.default_rng(seed).normal(size=n_items)
    for a, b, weight in given:
        steps, signs = forest.way(a, b)
        items, references = forest.items[steps], forest.references[steps]
        assert signs @ (x[items] - x[references]) == pytest.approx(x[b] - x[a], abs=1e-12)
        between = zip(items.tolist(), references.tolist(), strict=True)
        assert all(of_ends[frozenset(ends)] >= weight for ends in between)


@pytest.mark.parametrize("weight", [1e-30, 1e-300])
def test_a_pair_of_hardly_any_weight_beside_others_is_no_singular_matrix(tmp_path: Path, weight: float) -> None:
    logits = models(0, 60, 5)
    a, b, ratio = np.array([0, 1, 2, 3, 0]), np.array([1, 2, 3, 4, 4]), np.array([3.0, -2.0, 4.0, 1.0, -5.0])
    judgments = Judgments.from_arrays(a, b, ratio, weight=[weight, 1, 1, 1, weight], items=5)
    solution = scored(tmp_path, logits, judgments, 25).least_squares().solution
    right = pair_least_squares(logits, judgments)
    assert solution is not None
    assert solution.relative_gap <= 1e-12
    assert solution.objective == pytest.approx(right.objective, rel=1e-12)
    np.testing.assert_allclose(solution.weights, right.weights, rtol=0, atol=1e-9)


@pytest.mark.parametrize("weight", [1e-100, 1e-8, 1e30, 1e100])
def test_a_tie_on_disk_is_broken_alike_whatever_the_unit_of_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weight: float
) -> None:
    monkeypatch.setattr(least_squares, "GATHERED_BYTES", 0)
    logits = models(3, 300, 5)
    rng = np.random.default_rng(3)
    a = rng.integers(0, 5, 12)
    b = (a + rng.integers(1, 5, 12)) % 5
    inside = logits.mean(axis=0)
    judgments = Judgments.from_arrays(a, b, inside[b] - inside[a], weight=np.full(12, weight), items=5)
    solution = scored(tmp_path, logits, judgments).least_squares().solution
    assert solution is not None
    assert solution.tie_broken
    assert solution.passes <= 15
    np.testing.assert_allclose(solution.weights, pair_least_squares(logits, judgments).weights, rtol=0, atol=1e-12)
