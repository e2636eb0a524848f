"""Stacking on labels: a pool too large to hold at once ends at the same mixture."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hemicycle import label_stacking
from hemicycle.round import Round
from hemicycle.synthetic import two_camp_round


@pytest.fixture(scope="module")
def made():
    return two_camp_round(2, n_items=30, n_pairs=60, n_models=400)


def test_blocks_end_at_the_same_mixture(made, monkeypatch):
    whole = Round(made.judgments(), made.pool()).ensemble("stacking")
    monkeypatch.setattr(label_stacking, "MAX_CELLS", 0)
    monkeypatch.setattr(label_stacking, "BLOCK_CELLS", 7000)
    blocked = Round(made.judgments(), made.pool()).ensemble("stacking")
    assert blocked.solution.gap <= 1e-10
    n_pairs = len(whole.round.judgments.pairs)
    assert abs(blocked.log_score - whole.log_score) <= 2e-10 * n_pairs
    assert blocked.solution.objective * n_pairs == pytest.approx(blocked.log_score, rel=1e-12)
    assert abs(math.fsum(blocked.weights) - 1) <= 2**-52
    assert blocked.solution.passes >= 2
    for a, b in ((0, 1), (5, 9)):
        names = whole.items.names[a], whole.items.names[b]
        np.testing.assert_allclose(blocked.predictive(*names).mean, whole.predictive(*names).mean, atol=0.05)


def test_labels_without_weight_seat_no_one(made, monkeypatch):
    monkeypatch.setattr(label_stacking, "MAX_CELLS", 0)
    weights = np.zeros(60)
    weights[7] = 2.0
    ensemble = Round(made.judgments(), made.pool(), pair_weights=weights).ensemble("stacking")
    assert ensemble.solution.gap <= 1e-10
    assert ensemble.effective_models[0] <= 1 + np.diff(ensemble.round.judgments.pairs.offsets)[7]
