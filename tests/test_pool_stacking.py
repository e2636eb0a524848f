"""Stacking on the labels and the pairs of a jury: the same as on the matrix, which is never formed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hemicycle import log_likelihood, stacking_weights
from hemicycle.errors import DomainError, DtypeError, NoDataError, OptionError, ShapeError
from hemicycle.judgments import Judgments
from hemicycle.round import Round
from hemicycle.stacking import pool_stacking
from hemicycle.synthetic import two_camp_round


@pytest.fixture(scope="module")
def made():
    return two_camp_round(2, n_items=30, n_pairs=60, n_models=400)


@pytest.mark.parametrize("by", ["label", "pair"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ends_where_the_matrix_ends(made, by, dtype):
    round_ = Round(made.judgments(), made.pool())
    logits, judgments = round_.pool.logits.astype(dtype), round_.judgments
    weights = round_.label_weight if by == "label" else round_.pair_weight
    found = pool_stacking(logits, judgments, by=by, observation_weights=weights)
    log_density = log_likelihood(logits, judgments, per=by, rtol=1e-12)
    expected = stacking_weights(log_density, observation_weights=weights)
    np.testing.assert_array_equal(found.weights, expected.weights)
    assert (found.objective, found.gap, found.face_dimension) == (
        expected.objective,
        expected.gap,
        expected.face_dimension,
    )
    assert abs(math.fsum(found.weights) - 1) <= 2**-52


def test_a_round_stacks_its_labels(made):
    ensemble = Round(made.judgments(), made.pool()).ensemble("stacking")
    total = math.fsum(ensemble.round.label_weight)
    assert ensemble.solution.gap <= 1e-10
    assert ensemble.solution.objective * total == pytest.approx(ensemble.log_score, rel=1e-12)


def test_labels_without_weight_seat_no_one(made):
    weights = np.zeros(60)
    weights[7] = 2.0
    ensemble = Round(made.judgments(), made.pool(), pair_weights=weights).ensemble("stacking")
    assert ensemble.solution.gap <= 1e-10
    assert len(ensemble.solution.vertex) <= 1 + np.diff(ensemble.round.judgments.pairs.offsets)[7]


def test_memory_does_not_grow_with_models_times_labels():
    rng = np.random.default_rng(0)
    n_models, n_items, n_labels = 20_000, 20, 1_000
    a = rng.integers(n_items, size=n_labels)
    b = (a + rng.integers(1, n_items, size=n_labels)) % n_items
    judgments = Judgments.from_arrays(a, b, rng.normal(size=n_labels), items=n_items)
    logits = rng.normal(size=(n_models, n_items)).astype(np.float32)
    before = peak_resident()
    solution = pool_stacking(logits, judgments)
    assert solution.gap <= 1e-10
    assert peak_resident() - before <= n_models * n_labels * 8 / 4  # 160 MB would be the matrix


def peak_resident() -> int:
    resource = pytest.importorskip("resource")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_errors_name_what_is_wrong(made):
    judgments, pool = made.judgments(), made.pool()
    with pytest.raises(OptionError, match="by"):
        pool_stacking(pool, judgments.align(pool.items), by="juror")
    with pytest.raises(ShapeError, match="observation_weights"):
        pool_stacking(pool, judgments.align(pool.items), by="pair", observation_weights=np.ones(3))
    with pytest.raises(DomainError, match="sigma"):
        pool_stacking(pool, judgments.align(pool.items), sigma=1e7)
    with pytest.raises(NoDataError, match="judgments"):
        pool_stacking(np.zeros((2, 3)), Judgments.from_arrays([], [], [], items=3))
    with pytest.raises(ShapeError, match="model"):
        pool_stacking(np.zeros((0, 3)), Judgments.from_arrays([0], [1], [1.0], items=3))
    with pytest.raises(DtypeError, match="judgments"):
        pool_stacking(np.zeros((2, 3)), None)
    wrong = np.zeros((50, 3))
    wrong[37, 1] = 2e6
    with pytest.raises(DomainError, match=r"logits\[37, 1\]"):
        pool_stacking(wrong, Judgments.from_arrays([0], [1], [1.0], items=3))
