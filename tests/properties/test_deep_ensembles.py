"""The objective of ensembles of networks: invariants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

torch = pytest.importorskip("torch", reason="torch is not installed")

import hemicycle.torch as ht  # noqa: E402

KINDS = [("mse", None), ("cross_entropy", "score"), ("cross_entropy", "probability"), ("brier", None)]
SCORES = st.floats(-30, 30) | st.floats(-1, 1) | st.floats(-1e4, 1e4) | st.sampled_from([0.0, 1.0, -1e-9])


@st.composite
def cases(draw: Any, min_learners: int = 1) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Draw predictions, apart or next to each other, targets, weights and the options of a loss."""
    loss, averaging = draw(st.sampled_from(KINDS))
    n_learners, n_examples, n_outputs = (
        draw(st.integers(min_learners, 5)),
        draw(st.integers(1, 4)),
        draw(st.integers(2, 4)),
    )
    pred = draw(arrays(np.float64, (n_learners, n_examples, n_outputs), elements=SCORES))
    apart = draw(st.sampled_from([1.0, 1e-3, 1e-8, 0.0]))
    pred = torch.from_numpy(pred[:1] + apart * (pred - pred[:1])).to(
        draw(st.sampled_from([torch.float32, torch.float64]))
    )
    target = torch.from_numpy(draw(arrays(np.int64, n_examples, elements=st.integers(0, n_outputs - 1))))
    if loss == "mse":
        target = torch.from_numpy(draw(arrays(np.float64, (n_examples, n_outputs), elements=SCORES)))
    parts = draw(arrays(np.float64, n_learners, elements=st.floats(0.01, 1) | st.just(0.0)))
    weights = torch.from_numpy(parts / parts.sum() if parts.sum() else np.full(n_learners, 1 / n_learners))
    return pred, target, weights, {"loss": loss, "averaging": averaging, "beta": draw(st.sampled_from([0.0, 0.3, 1.0]))}


def size(pred: Any, err_bar: Any) -> float:
    """Return how far sums in another order may be."""
    eps = torch.finfo(pred.dtype).eps
    return float(64 * eps * (1 + pred.abs().max() + pred.abs().max() ** 2 + err_bar.max()))


@given(case=cases())
def test_div_is_not_negative_and_lies_between_the_two(case: Any) -> None:
    pred, target, weights, options = case
    err, err_bar, div = ht.EnsembleLoss(**options, learner_weights=weights).of_examples(pred, target)
    assert (div >= 0).all()
    torch.testing.assert_close(err_bar - err, div, rtol=0, atol=size(pred, err_bar))


@given(case=cases())
def test_the_order_of_members_does_not_count(case: Any) -> None:
    pred, target, weights, options = case
    right = ht.EnsembleLoss(**options, learner_weights=weights).of_examples(pred, target)
    turned = ht.EnsembleLoss(**options, learner_weights=weights.flip(0)).of_examples(pred.flip(0), target)
    for found, part in zip(turned, right, strict=True):
        torch.testing.assert_close(found, part, rtol=1e-3, atol=size(pred, right[1]))


@given(case=cases(), other=SCORES | st.sampled_from([np.nan, np.inf, -np.inf]))
def test_a_member_of_weight_0_changes_no_bit(case: Any, other: float) -> None:
    pred, target, weights, options = case
    more, gradients = torch.cat([weights, torch.zeros(1, dtype=weights.dtype)]), []
    objective = ht.EnsembleLoss(**options, learner_weights=more)
    found = []
    for said in (0.0, other):
        rows = torch.cat([pred, torch.full_like(pred[:1], said)]).requires_grad_()
        parts = objective(rows, target)
        (gradient,) = torch.autograd.grad(parts.loss, rows)
        found.append(torch.stack(list(parts)))
        gradients.append(gradient)
    assert torch.equal(*found)
    assert torch.equal(*gradients)
    assert (gradients[0][-1] == 0).all()


@given(case=cases())
def test_a_single_member_has_no_diversity(case: Any) -> None:
    pred, target, _, options = case
    err, err_bar, div = ht.EnsembleLoss(**options).of_examples(pred[:1], target)
    assert (div <= (64 * torch.finfo(pred.dtype).eps) ** 2 * (1 + err_bar) ** 2).all()
    torch.testing.assert_close(err, err_bar)


@given(
    weights=arrays(np.float64, st.integers(1, 8), elements=st.floats(0.01, 1)), n_examples=st.integers(1, 50),
    p=st.floats(0, 0.99), seed=st.integers(0, 1000), zero=st.booleans(),
)  # fmt: skip
def test_dropout_leaves_weights_on_the_simplex(weights: Any, n_examples: int, p: float, seed: int, zero: bool) -> None:
    if zero and len(weights) > 1:
        weights[0] = 0.0
    given_weights = torch.from_numpy(weights / weights.sum())
    left = ht.learner_dropout(given_weights, n_examples, p, generator=torch.Generator().manual_seed(seed))
    assert left.shape == (len(weights), n_examples)
    assert (left >= 0).all()
    torch.testing.assert_close(left.sum(0), torch.ones(n_examples, dtype=left.dtype))
    ratio = left / torch.where(given_weights > 0, given_weights, 1.0)[:, None]
    kept = torch.where(left > 0, ratio, torch.nan)
    assert (kept.nan_to_num(-np.inf).amax(0) - kept.nan_to_num(np.inf).amin(0) <= 1e-12 * ratio.amax(0)).all()
    assert (left[given_weights == 0] == 0).all()
