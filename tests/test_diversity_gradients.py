"""Gradients of the augmented objective by closed forms, against differences and autograd, and what is misprinted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hemicycle.diversity import augmented_objective, decompose
from reference import diversity as reference

CASES = [("mse", None), ("cross_entropy", "score"), ("cross_entropy", "probability"), ("brier", None)]
BETAS = [0.0, 0.3, 1.0]


def case(loss: str) -> tuple[np.ndarray, Any, np.ndarray]:
    rng = np.random.default_rng(0)
    predictions, w = rng.normal(size=(4, 3)), rng.dirichlet(np.ones(4))
    if loss == "brier":
        predictions = np.exp(predictions) / np.exp(predictions).sum(axis=1, keepdims=True)
    return predictions, rng.normal(size=3) if loss == "mse" else 1, w


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize(("loss", "averaging"), CASES)
def test_closed_forms_are_the_slopes_of_the_objective(loss: str, averaging: Any, beta: float) -> None:
    predictions, target, w = case(loss)

    def objective(step: float, direction: np.ndarray) -> float:
        moved = (predictions + step * direction)[:, None]
        parts = decompose(moved, [target], loss=loss, averaging=averaging, weights=w)  # type: ignore[arg-type]
        return augmented_objective(parts, beta)

    slopes = reference.gradient(predictions, target, loss, averaging, w, beta)
    rng, h = np.random.default_rng(1), 1e-3
    for _ in range(5):
        direction = rng.normal(size=predictions.shape)
        if loss == "brier":
            direction -= direction.mean(axis=1, keepdims=True)  # stays on the simplex
            direction *= 0.1
        near, far = (objective(k * h, direction) - objective(-k * h, direction) for k in (1, 2))
        assert (8 * near - far) / (12 * h) == pytest.approx(float(np.sum(slopes * direction)), abs=1e-10)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize(("loss", "averaging"), CASES)
def test_closed_forms_are_those_of_autograd(loss: str, averaging: Any, beta: float) -> None:
    torch = pytest.importorskip("torch")
    values, target, weights = case(loss)
    predictions = torch.tensor(values, requires_grad=True)
    w = torch.tensor(weights)
    if loss == "cross_entropy":
        own = torch.log_softmax(predictions, dim=-1)
        pooled = torch.log_softmax(w @ predictions, dim=-1)
        if averaging == "probability":
            pooled = torch.logsumexp(own + torch.log(w)[:, None], dim=0)
        err, err_bar = -pooled[target], -(w @ own[:, target])
    else:
        goal = torch.eye(3, dtype=torch.float64)[target] if loss == "brier" else torch.tensor(target)
        err, err_bar = ((w @ predictions - goal) ** 2).sum(), w @ ((predictions - goal) ** 2).sum(dim=-1)
    objective = (1 - beta) * err_bar + beta * err
    parts = decompose(values[:, None], [target], loss=loss, averaging=averaging, weights=weights)  # type: ignore[arg-type]
    assert augmented_objective(parts, beta) == pytest.approx(objective.item(), rel=1e-13)
    (gradient,) = torch.autograd.grad(objective, predictions)
    expected = reference.gradient(values, target, loss, averaging, weights, beta)
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-11, atol=1e-15)


class TestMisprints:
    """Formulas as they hold, where they are printed otherwise."""

    def test_the_cross_term_of_shifted_members(self):
        """Appendix F: of members f + c_j the mean error is (f - y)^2 + (2/M) sum c_j (f - y) + (1/M) sum c_j^2."""
        rng = np.random.default_rng(0)
        f, y, c = rng.normal(), rng.normal(), rng.normal(size=(6, 1))
        parts = decompose(f + c, [y])
        expected = (f - y) ** 2 + 2 / 6 * c.sum() * (f - y) + (c**2).sum() / 6
        assert parts.err_bar == pytest.approx(expected, rel=1e-13)
        assert parts.div == pytest.approx(float(np.var(c)), rel=1e-12)

    def test_the_weights_of_members_stay_in_the_sum(self):
        """Appendix C.2: without w_j in its last line the sum is not DIV."""
        predictions, target, w = case("mse")
        apart = ((predictions - w @ predictions) ** 2).sum(axis=1)
        found = decompose(predictions[:, None], target[None], weights=w)
        assert found.div == pytest.approx(float(w @ apart), rel=1e-12)
        assert abs(found.div - apart.mean()) > 1e-2

    def test_brier_is_of_probabilities_and_their_mean(self):
        predictions, target, w = case("brier")
        apart = ((predictions - w @ predictions) ** 2).sum(axis=1)
        found = decompose(predictions[:, None], [target], loss="brier", weights=w)
        assert found.div == pytest.approx(float(w @ apart), rel=1e-12)

    def test_the_gradient_of_averaged_probabilities_is_divided_by_their_mean(self):
        """Appendix E: without the division by p_bar it is another gradient."""
        scores, target, w = case("cross_entropy")
        right = reference.gradient(scores, target, "cross_entropy", "probability", w, 1.0)
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        undivided = w[:, None] * p[:, [target]] * (p - np.eye(3)[target])
        np.testing.assert_allclose(right, undivided / (w @ p[:, target]), rtol=1e-12)
        assert np.abs(right - undivided).max() > 1e-2
