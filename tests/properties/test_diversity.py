"""Diversity: invariants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle.diversity import (
    bias_share,
    codependence,
    debias,
    decompose,
    decompose_loss,
    pool_diversity,
)
from hemicycle.errors import DomainError
from reference import diversity as reference
from strategies import judgments, logit_matrices

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOSSES = [
    ("mse", None),
    ("cross_entropy", "score"),
    ("cross_entropy", "probability"),
    ("brier", None),
    ("zero_one", None),
]
NUMBERS = st.floats(-30, 30) | st.floats(-1, 1) | st.sampled_from([0.0, 1.0, -1.0])


@st.composite
def cases(draw: Any, losses: Any = LOSSES, min_learners: int = 1) -> dict[str, Any]:
    """Draw predictions, targets and weights under any loss."""
    loss, averaging = draw(st.sampled_from(losses))
    n_learners, n_examples = draw(st.integers(min_learners, 5)), draw(st.integers(1, 6))
    n_outputs = draw(st.integers(2, 4))
    scores = draw(arrays(np.float64, (n_learners, n_examples, n_outputs), elements=NUMBERS))
    classes = draw(arrays(np.int64, n_examples, elements=st.integers(0, n_outputs - 1)))
    predictions, targets = scores, classes
    if loss == "mse":
        targets = draw(arrays(np.float64, (n_examples, n_outputs), elements=NUMBERS))
    elif loss == "brier":
        parts = np.exp(scores - scores.max(axis=-1, keepdims=True))
        predictions = parts / parts.sum(axis=-1, keepdims=True)
    elif loss == "zero_one":
        predictions = scores.argmax(axis=-1)
    heavy = draw(arrays(np.float64, n_learners, elements=st.floats(0, 1)).filter(lambda w: w.sum() > 1e-3))
    example_weights = draw(arrays(np.float64, n_examples, elements=st.floats(0, 9)).filter(lambda v: v.sum() > 1e-3))
    return {
        "predictions": predictions,
        "targets": targets,
        "loss": loss,
        "averaging": averaging,
        "weights": heavy / heavy.sum(),
        "example_weights": example_weights,
    }


def scale_of(parts: Any) -> float:
    return 1e-12 * max(1.0, abs(parts.err), abs(parts.err_bar))


def near(one: Any, other: Any) -> None:
    for name in ("err", "err_bar", "div"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-11, abs=10 * scale_of(one))


@given(cases())
@settings(deadline=None)
def test_the_parts_agree_with_the_definition(case: dict[str, Any]) -> None:
    parts = decompose(**case)
    assert abs(parts.residual) <= scale_of(parts)
    err, err_bar, div = reference.decompose(**case)
    if case["loss"] == "zero_one":  # which of tied classes wins is exact for us up to 1e-12 of a vote
        assert parts.err_bar == pytest.approx(err_bar, abs=1e-12)
        return
    assert parts.err == pytest.approx(err, abs=scale_of(parts))
    assert parts.err_bar == pytest.approx(err_bar, abs=scale_of(parts))
    assert parts.div == pytest.approx(div, abs=scale_of(parts))
    assert parts.div >= 0


@given(cases(), st.randoms())
@settings(deadline=None)
def test_the_order_of_members_and_examples_does_not_matter(case: dict[str, Any], random: Any) -> None:
    learners, examples = (random.sample(range(n), n) for n in case["predictions"].shape[:2])
    permuted = case | {
        "predictions": case["predictions"][np.ix_(learners, examples)],
        "targets": case["targets"][examples],
        "weights": case["weights"][learners],
        "example_weights": case["example_weights"][examples],
    }
    near(decompose(**case), decompose(**permuted))


@given(cases(), st.integers(1, 4))
@settings(deadline=None)
def test_equal_members_have_no_diversity_and_share_a_weight(case: dict[str, Any], n: int) -> None:
    one = case | {"predictions": np.repeat(case["predictions"][:1], n, axis=0), "weights": np.full(n, 1 / n)}
    parts = decompose(**one)
    assert abs(parts.div) <= scale_of(parts)
    assert parts.err == pytest.approx(parts.err_bar, abs=scale_of(parts))
    assert np.abs(codependence(**one, n_draws=2, rng=0).increase).max() <= 10 * scale_of(parts)
    halved = np.append(case["weights"], case["weights"][0] / 2)
    halved[0] -= halved[-1]
    split = case | {"predictions": np.concatenate([case["predictions"], case["predictions"][:1]]), "weights": halved}
    near(decompose(**case), decompose(**split))


@given(cases())
@settings(deadline=None)
def test_weight_zero_is_as_if_absent(case: dict[str, Any]) -> None:
    case["weights"] = np.append(case["weights"], 0.0)
    case["example_weights"] = np.append(case["example_weights"], 0.0)
    other = case["predictions"]
    widened = np.concatenate([other, other[:1]])
    more = case | {
        "predictions": np.concatenate([widened, widened[:, :1]], axis=1),
        "targets": np.concatenate([case["targets"], case["targets"][:1]]),
    }
    plain = case | {"weights": case["weights"][:-1], "example_weights": case["example_weights"][:-1]}
    assert decompose(**more) == decompose(**plain)


@given(cases(losses=[("mse", None)]), st.floats(-1e3, 1e3))
@settings(deadline=None)
def test_debiasing_is_optimal_among_shifts(case: dict[str, Any], step: float) -> None:
    weights = {"weights": case["weights"], "example_weights": case["example_weights"]}
    shifted = debias(case["predictions"], **weights)
    parts, left = decompose(**case), decompose(**(case | {"predictions": shifted}))
    assert left.err == pytest.approx(parts.err, abs=scale_of(parts))
    assert left.div <= parts.div + scale_of(parts)
    share = bias_share(**case)
    assert 0 <= share <= 1
    assert left.div == pytest.approx((1 - share) * parts.div, abs=10 * scale_of(parts))
    again = debias(shifted, **weights)
    np.testing.assert_allclose(again, shifted, atol=1e-12)
    apart = np.zeros((len(shifted), 1, shifted.shape[2]))
    apart[0] = step
    apart -= np.tensordot(case["weights"], apart, 1)  # any other shifts that leave the ensemble as it is
    other = decompose(**(case | {"predictions": shifted + apart}))
    assert other.div >= left.div - 1e-9 * max(1.0, other.div)


@given(cases(min_learners=2), st.floats(0, 1))
@settings(deadline=None)
def test_dropping_repeats_with_its_seed(case: dict[str, Any], part: float) -> None:
    found = codependence(**case, p=part, n_draws=3, rng=5)
    np.testing.assert_array_equal(found.draws, codependence(**case, p=part, n_draws=3, rng=5).draws)
    assert 0 <= found.n_dropped[0] < found.n_learners or found.n_learners == 1
    assert (found.draws >= 0).all()


@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.floats(-3, 3)), st.floats(-2, 2))
@settings(deadline=None, max_examples=40)
def test_any_loss_is_its_curvature(predictions: NDArray[np.float64], tilt: float) -> None:
    targets = np.linspace(-1, 1, predictions.shape[1])

    def loss(f: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.cosh(f - y) + tilt * f

    found = decompose_loss(predictions, targets, loss, hessian=lambda f, y: np.cosh(f - y))
    assert abs(found.parts.residual) <= 1e-12 * max(1.0, abs(found.parts.err_bar), abs(found.parts.err)) * 10
    assert (found.remainder >= -1e-15).all()
    assert ((found.point > 0) & (found.point < 1)).all()


@st.composite
def rounds(draw: Any) -> tuple[Any, Any, Any]:
    """Draw logits, judgments and weights."""
    matrix = draw(logit_matrices(4))
    heavy = draw(arrays(np.float64, len(matrix), elements=st.floats(0, 1)).filter(lambda w: w.sum() > 1e-3))
    return matrix, draw(judgments(4)), heavy / heavy.sum()


@given(rounds())
@settings(deadline=None)
def test_diversity_of_a_pool_is_finite_and_agrees(made: tuple[Any, Any, Any]) -> None:
    matrix, jury, w = made
    found = pool_diversity(matrix, jury, w)
    parts = found.parts
    assert 0 <= found.bias_share <= 1
    assert min(parts.err, parts.err_bar, parts.div) >= 0
    size = max(float(np.abs(matrix.astype(np.float64)).max()), float(np.abs(jury.log_ratio).max()))
    assert abs(parts.residual) <= 1e-12 * max(1.0, parts.err_bar, size**2)


def test_negative_weights_are_refused() -> None:
    with pytest.raises(DomainError, match=r"weights\[0\]"):
        decompose([[0.0], [1.0]], [0.0], weights=[-0.5, 1.5])
