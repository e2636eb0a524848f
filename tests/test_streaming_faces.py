"""Ties among models that stay on disk: the weights, the face and its dimension are those of the pool in memory."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fit_cases import agreeing, assert_in_memory
from hemicycle import Judgments
from hemicycle.errors import TieBreakWarning
from reference.least_squares import optimal_face

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.streaming import StoreEnsemble
from streaming_cases import jury, models, scored

pytest.importorskip("pyarrow", reason="pyarrow is not installed")


@pytest.fixture(autouse=True)
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no face be small enough to be gathered."""
    from hemicycle.streaming import least_squares

    monkeypatch.setattr(least_squares, "GATHERED_BYTES", 0)


def grid(seed: int, n_models: int, n_items: int) -> NDArray[np.float64]:
    """Return models on a grid of integers, many of them copies of others on small ones."""
    return np.random.default_rng(seed).integers(-2, 3, size=(n_models, n_items)).astype(np.float64)


def on_top(logits: NDArray[np.float64], seed: int, n_models: int) -> Judgments:
    """Return judgments fitted by the mean of models that lie farthest in some direction."""
    direction = np.random.default_rng(seed).normal(size=logits.shape[1])
    farthest = np.argsort(logits @ (direction - direction.mean()))[-n_models:]
    return agreeing(logits[farthest].mean(axis=0))


def with_a_side(seed: int, n_models: int, n_items: int) -> tuple[NDArray[np.float64], Judgments]:
    """Return models half of which lie on a side of their hull, and judgments that a mixture of those fits."""
    rng = np.random.default_rng(seed)
    logits, direction = rng.normal(size=(n_models, n_items)), rng.normal(size=n_items)
    direction -= direction.mean()
    direction /= np.linalg.norm(direction)
    heights, on = logits @ direction, np.arange(n_models) % 2 == 0
    logits -= np.outer(np.where(on, heights - 1.0, np.maximum(heights - 0.5, 0.0)), direction)
    weights = rng.random(int(on.sum()))
    return logits, agreeing(weights @ logits[on] / weights.sum())


def star(logits: NDArray[np.float64]) -> Judgments:
    """Return judgments of all items beside the first that these logits fit, to the last bit where they are integers."""
    n_others = len(logits) - 1
    return Judgments.from_arrays([0] * n_others, range(1, n_others + 1), logits[1:] - logits[0], items=len(logits))


def fitted(folder: Path, logits: NDArray[np.float64], judgments: Judgments) -> StoreEnsemble:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TieBreakWarning)
        return scored(folder, logits, judgments, max(5, len(logits) // 3)).least_squares()


@pytest.mark.parametrize("n_items", [2, 4, 7])
@pytest.mark.parametrize("n_farthest", [1, 2, 5])
def test_a_fit_on_a_corner_an_edge_or_a_side_of_a_grid(tmp_path: Path, n_items: int, n_farthest: int) -> None:
    for seed in range(3):
        logits = grid(seed, 150, n_items)
        judgments = on_top(logits, seed, n_farthest)
        ensemble = fitted(tmp_path / str(seed), logits, judgments)
        assert_in_memory(ensemble, judgments)
        assert ensemble.solution is not None
        assert ensemble.solution.passes <= 45


@pytest.mark.parametrize("n_items", [3, 6])
def test_a_fit_on_a_side_that_half_of_the_models_share(tmp_path: Path, n_items: int) -> None:
    for seed in range(3):
        logits, judgments = with_a_side(seed, 140, n_items)
        ensemble = fitted(tmp_path / str(seed), logits, judgments)
        assert_in_memory(ensemble, judgments)
        assert ensemble.solution is not None
        np.testing.assert_array_equal(ensemble.solution.face, np.arange(0, 140, 2))
        assert ensemble.solution.passes <= 45


def test_a_fit_on_a_corner_that_copies_share(tmp_path: Path) -> None:
    logits = np.tile(models(9, 5), (60, 1))
    judgments = agreeing(logits[0])
    ensemble = fitted(tmp_path, logits, judgments)
    assert_in_memory(ensemble, judgments)
    assert ensemble.solution is not None
    np.testing.assert_array_equal(ensemble.solution.face, np.arange(0, 300, 5))
    assert ensemble.solution.face_dimension == 59


def test_a_model_that_fits_alone_among_others_around_it(tmp_path: Path) -> None:
    logits = models(10, 200, 6)
    logits -= logits.mean(axis=0)
    logits[17] = 0.0
    judgments = agreeing(logits[17])
    ensemble = fitted(tmp_path, logits, judgments)
    assert_in_memory(ensemble, judgments)
    assert ensemble.solution is not None
    assert len(ensemble.solution.face) == 200


@pytest.mark.parametrize("scale", [1e-3, 1e-6, 1e-9])
def test_models_that_hardly_differ_in_an_item(tmp_path: Path, scale: float) -> None:
    logits = models(11, 200, 6)
    logits[:, 2] *= scale
    for number, judgments in enumerate((jury(11, 30, 0.3, 6), agreeing(logits.mean(axis=0)))):
        assert_in_memory(fitted(tmp_path / str(number), logits, judgments), judgments)


def test_the_face_is_that_of_exact_arithmetic(tmp_path: Path) -> None:
    for seed in range(6):
        logits = np.random.default_rng(seed).integers(-1, 2, size=(9, 3)).astype(np.float64)
        judgments = on_top(logits, seed, 1 + seed % 3)
        solution = fitted(tmp_path / str(seed), logits, judgments).solution
        assert solution is not None
        pairs = judgments.pairs
        pair, root = pairs.pair_of_label, np.sqrt(pairs.weight)
        x = (logits[:, pairs.b[pair]] - logits[:, pairs.a[pair]]) * root
        face, dimension = optimal_face(x, pairs.log_ratio * root)
        np.testing.assert_array_equal(solution.face, face)
        assert solution.face_dimension == dimension


@pytest.mark.parametrize("around", ["apart", "mixed", "above"])
def test_more_than_half_of_the_models_fit_exactly(tmp_path: Path, around: str) -> None:
    right = np.array([0.0, 1.0, -1.0, 2.0, 0.0])
    others = np.random.default_rng(12).integers(1, 3, size=(10, 5)).astype(np.float64)
    others[:, 0] = 0.0
    if around == "mixed":
        others = np.concatenate([others, -others])  # each pair of them fits too, at the middle
    elif around == "apart":
        others = others[:2]
    logits = np.concatenate([np.tile(right, (40, 1)), right + others])
    judgments = star(right)
    ensemble = fitted(tmp_path, logits, judgments)
    if around == "mixed":  # in memory sums of another order are not 0 to the last bit, and the tie stays
        np.testing.assert_allclose(ensemble.weights, np.full(60, 1 / 60), rtol=0, atol=1e-16)
    else:
        assert_in_memory(ensemble, judgments)
    assert ensemble.solution is not None
    assert ensemble.solution.objective == ensemble.solution.gap == 0
    assert len(ensemble.solution.face) == (60 if around == "mixed" else 40)
    assert ensemble.solution.tie_broken


def test_models_fit_exactly_though_their_centre_is_rounded(tmp_path: Path) -> None:
    right = np.array([0.0, 1.0, -1.0, 2.0, 0.0, 0.5, 3.0])
    logits = np.concatenate([np.tile(right, (40, 1)), right + 1.0 + np.arange(14.0).reshape(2, 7) ** 2])
    ensemble = fitted(tmp_path, logits, agreeing(right))
    np.testing.assert_allclose(ensemble.weights, [1 / 40] * 40 + [0] * 2, rtol=0, atol=1e-16)
    assert ensemble.solution is not None
    assert ensemble.solution.objective == ensemble.solution.gap == 0
    assert ensemble.solution.face_dimension == 39
    assert ensemble.solution.tie_broken


def test_exact_fits_alone_have_weight_where_mixtures_are_rounded(tmp_path: Path) -> None:
    rng = np.random.default_rng(13)
    right = np.array([0.0, 1.0, -1.0, 2.0])
    logits = np.concatenate([np.tile(right, (80, 1)), right + rng.normal(size=(60, 4))])
    with pytest.warns(TieBreakWarning, match="models that fit exactly"):
        ensemble = scored(tmp_path, logits, star(right), 50).least_squares()
    np.testing.assert_allclose(ensemble.weights, [1 / 80] * 80 + [0] * 60, atol=1e-16)
    assert_in_memory(ensemble, star(right))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_models=st.integers(2, 120),
    n_items=st.integers(2, 8),
    n_farthest=st.integers(1, 8),
    n_copies=st.integers(1, 3),
    kind=st.sampled_from(["grid", "normal", "side"]),
)
def test_any_fit_on_the_boundary_is_that_of_the_pool(
    seed: int, n_models: int, n_items: int, n_farthest: int, n_copies: int, kind: str
) -> None:
    if kind == "side":  # of two items it were one point, and the unit rounding
        logits, judgments = with_a_side(seed, n_models, n_items + 1)
    else:
        some = grid(seed, n_models, n_items) if kind == "grid" else models(seed, n_models, n_items)
        logits = np.tile(some, (n_copies, 1))
        judgments = on_top(logits, seed, n_farthest)
    with tempfile.TemporaryDirectory() as folder:
        assert_in_memory(fitted(Path(folder), logits, judgments), judgments)
