"""Stacking on the labels and the pairs of a jury: the same as on the matrix, which is never formed."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemicycle import log_likelihood, stacking_weights
from hemicycle.errors import DomainError, DtypeError, NoDataError, OptionError, ShapeError
from hemicycle.judgments import Judgments
from hemicycle.pool import Pool
from hemicycle.round import Round
from hemicycle.stacking import pool_stacking
from hemicycle.synthetic import two_camp_round

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    alone = pool_stacking(logits, judgments, by=by, observation_weights=weights, n_threads=1)
    np.testing.assert_array_equal(alone.weights, found.weights)


@pytest.mark.parametrize("by", ["label", "pair"])
@pytest.mark.parametrize("tie_break", ["nearest", "least_individual_loss"])
def test_breaks_ties_where_the_matrix_does(made, by, tie_break):
    pytest.importorskip("highspy")
    round_ = Round(made.judgments(), made.pool())
    logits = np.vstack([round_.pool.logits, round_.pool.logits[::-1] + 1.0, round_.pool.logits[:50]])
    found = pool_stacking(logits, round_.judgments, by=by, tie_break=tie_break)
    log_density = log_likelihood(logits, round_.judgments, per=by, rtol=1e-12)
    expected = stacking_weights(log_density, tie_break=tie_break)
    assert found.face_dimension > 0
    np.testing.assert_array_equal(found.weights, expected.weights)
    assert (found.gap, found.reason, found.tie_broken) == (expected.gap, expected.reason, expected.tie_broken)
    np.testing.assert_array_equal(found.face, expected.face)


def test_a_round_stacks_its_labels(made):
    ensemble = Round(made.judgments(), made.pool()).ensemble("stacking")
    total = math.fsum(ensemble.round.label_weight)
    assert ensemble.solution.gap <= 1e-10
    assert ensemble.solution.objective * total == pytest.approx(ensemble.log_score, rel=1e-12)


def test_a_round_stacks_its_pairs(made):
    round_ = Round(made.judgments(), made.pool(), pair_weights="total")
    ensemble = round_.ensemble("stacking", by="pair")
    total = math.fsum(round_.pair_weight)
    assert ensemble.options["by"] == "pair"
    assert ensemble.solution.gap <= 1e-10
    assert ensemble.solution.objective * total == pytest.approx(ensemble.log_likelihood, rel=1e-10)
    labels = round_.ensemble("stacking")
    assert ensemble.log_likelihood > labels.log_likelihood
    assert labels.log_score > ensemble.log_score
    assert round_.ensemble("stacking", by="pair").solution is ensemble.solution


def test_a_round_starts_where_another_ended(made):
    judgments, pool = made.judgments(), made.pool()
    before = Round(judgments, pool.select(np.arange(300)))
    after = Round(judgments, pool)
    for method in ("stacking", "least_squares"):
        cold = Round(judgments, pool).ensemble(method)
        warm = after.ensemble(method, start=before.ensemble(method))
        np.testing.assert_allclose(warm.weights, cold.weights, atol=1e-9)
        assert warm.solution.gap <= 1e-10
    with pytest.raises(OptionError, match="start"):
        Round(judgments, pool).ensemble("stacking", start=before.ensemble("uniform"))
    with pytest.raises(DtypeError, match="start"):
        Round(judgments, pool).ensemble("stacking", start=[1, 2])
    with pytest.raises(OptionError, match="start"):
        after.ensemble("bma", start=before.ensemble("bma"))
    with pytest.raises(OptionError, match="by"):
        after.ensemble("bma", by="pair")


def test_copies_of_a_seated_model_are_told_and_share_as_the_reference_says(made):
    pool = made.pool()
    before = Round(made.judgments(), pool).ensemble("stacking")
    seated = int(before.weights.argmax())
    copies = np.vstack([pool.logits, pool.logits[seated]])
    twice = Pool(copies, (*pool.models, "zz-copy"), pool.items, (*pool.authors, None))
    round_ = Round(made.judgments(), twice)
    plain = round_.ensemble("stacking")
    assert plain.solution.face_dimension == before.solution.face_dimension + 1
    assert plain.weights[seated] == plain.weights[-1] > 0
    assert "explain the labels as well, in" in plain.tie_notice()
    near = np.zeros(len(twice))
    near[seated] = 1.0
    assert round_.ensemble("stacking", reference=near).weights[-1] == 0


def test_labels_without_weight_seat_no_one(made):
    weights = np.zeros(60)
    weights[7] = 2.0
    ensemble = Round(made.judgments(), made.pool(), pair_weights=weights).ensemble("stacking")
    assert ensemble.solution.gap <= 1e-10
    assert len(ensemble.solution.vertex) <= 1 + np.diff(ensemble.round.judgments.pairs.offsets)[7]


@st.composite
def small_juries(draw: Any) -> tuple[NDArray[np.float64], Judgments, list[float]]:
    """Logits and labels on a lattice, copies among the models, observations of hardly any weight."""
    n_items, n_models, n_labels = draw(st.integers(2, 4)), draw(st.integers(1, 5)), draw(st.integers(1, 30))
    half = st.integers(-4, 4).map(lambda value: value / 2)
    logits = np.array([[draw(half) for _ in range(n_items)] for _ in range(n_models)])
    logits = np.vstack([logits, logits[: draw(st.integers(0, 2))]])
    a = draw(st.lists(st.integers(0, n_items - 1), min_size=n_labels, max_size=n_labels))
    b = [(item + draw(st.integers(1, n_items - 1))) % n_items for item in a]
    labels = [draw(half) for _ in a]
    weights = draw(st.lists(st.sampled_from([1.0, 1.0, 0.5, 1e-9, 1e-13]), min_size=n_labels, max_size=n_labels))
    return logits, Judgments.from_arrays(a, b, labels, items=n_items), weights


@pytest.mark.filterwarnings("ignore::hemicycle.errors.TieBreakWarning")  # told in either form
@pytest.mark.parametrize("by", ["label", "pair"])
@pytest.mark.parametrize("tie_break", ["nearest", "least_individual_loss"])
@given(small_juries())
def test_small_juries_end_where_the_matrix_ends(
    by: Literal["label", "pair"], tie_break: str, jury: tuple[NDArray[np.float64], Judgments, list[float]]
) -> None:
    pytest.importorskip("highspy")
    logits, judgments, weights = jury
    pairs = judgments.pairs
    options = {
        "tie_break": tie_break,
        "observation_weights": weights[: pairs.n_labels if by == "label" else len(pairs)],
    }
    found = pool_stacking(logits, judgments, by=by, **options)
    expected = stacking_weights(log_likelihood(logits, judgments, per=by, rtol=1e-12), **options)
    np.testing.assert_array_equal(found.weights, expected.weights)
    assert (found.gap, found.reason, found.unique) == (expected.gap, expected.reason, expected.unique)
    assert found.face.tolist() == expected.face.tolist()


MEASURE = """
import resource
import numpy as np
from hemicycle.judgments import Judgments
from hemicycle.stacking import pool_stacking

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

rng = np.random.default_rng(0)
a = rng.integers(20, size=1_000)
b = (a + rng.integers(1, 20, size=1_000)) % 20
judgments = Judgments.from_arrays(a, b, rng.normal(size=1_000), items=20)
logits = rng.normal(size=(20_000, 20)).astype(np.float32)
pool_stacking(logits[:100], judgments, n_threads=2)
before = peak()
assert pool_stacking(logits, judgments, n_threads=2).gap <= 1e-10
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in other units")
def test_memory_does_not_grow_with_models_times_labels():
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 40e6  # the matrix would be 160 MB


def test_errors_name_what_is_wrong(made):
    judgments, pool = made.judgments(), made.pool()
    with pytest.raises(OptionError, match="by"):
        pool_stacking(pool, judgments.align(pool.items), by="juror")
    with pytest.raises(ShapeError, match="observation_weights"):
        pool_stacking(pool, judgments.align(pool.items), by="pair", observation_weights=np.ones(3))
    with pytest.raises(NoDataError, match="observation_weights"):
        pool_stacking(pool, judgments.align(pool.items), by="pair", observation_weights=np.zeros(60))
    with pytest.raises(OptionError, match="tie_break"):
        pool_stacking(pool, judgments.align(pool.items), tie_break="first")
    with pytest.raises(OptionError, match="reference"):
        pool_stacking(pool, judgments.align(pool.items), tie_break="least_individual_loss", reference=[1.0])
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
