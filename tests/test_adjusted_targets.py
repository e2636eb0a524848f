"""Gradient-adjusted targets: identities of values, stationary points, the maps between alpha, beta and gamma."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from hemicycle.diversity import (
    alpha_of_beta,
    alpha_of_gamma,
    augmented_objective,
    beta_of_alpha,
    decompose,
    gamma_of_alpha,
)
from hemicycle.errors import DomainError, DtypeError, NonFiniteError
from reference import diversity as reference

ALPHAS = [0.0, 1e-12, 0.3, 1.0, 2.5, 4.0]


def case(n_learners: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_learners, 8)), rng.normal(size=8)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("leave_one_out", [False, True])
def test_members_on_adjusted_targets_are_the_augmented_objective(alpha: float, leave_one_out: bool) -> None:
    """D.1 and D.2: as values, up to the factor (1 + alpha)^2."""
    predictions, targets = case()
    moved = reference.adjusted_targets(predictions, targets, alpha, leave_one_out=leave_one_out)
    beta = gamma_of_alpha(alpha, 5) if leave_one_out else beta_of_alpha(alpha)
    value = np.mean((predictions - moved) ** 2) / (1 + alpha) ** 2
    assert value == pytest.approx(augmented_objective(decompose(predictions, targets), beta), rel=1e-12)


def test_adjusted_targets_of_weighted_members() -> None:
    """D.1 holds for any weights."""
    predictions, targets = case()
    w = np.random.default_rng(1).dirichlet(np.ones(5))
    moved = targets - 0.7 * (w @ predictions - targets)
    value = float(w @ ((predictions - moved) ** 2).mean(axis=1)) / 1.7**2
    parts = decompose(predictions, targets, weights=w)
    assert value == pytest.approx(augmented_objective(parts, beta_of_alpha(0.7)), rel=1e-12)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("leave_one_out", [False, True])
def test_detached_targets_have_the_gradient_of_their_own_beta(alpha: float, leave_one_out: bool) -> None:
    """The gradient with targets held fixed is a multiple of that of L_beta for the detached beta, and no other."""
    predictions, targets = case()
    moved = reference.adjusted_targets(predictions, targets, alpha, leave_one_out=leave_one_out)
    held = 2 * (predictions - moved) / predictions.size
    pick: Any = (lambda **options: gamma_of_alpha(alpha, 5, **options)) if leave_one_out else None
    beta, attached = ((pick(detach=d) if leave_one_out else beta_of_alpha(alpha, detach=d)) for d in (True, False))
    errors = predictions - targets
    gradient = 2 * ((1 - beta) * errors + beta * errors.mean(axis=0)) / predictions.size
    np.testing.assert_allclose(held, (1 + alpha) * gradient, rtol=1e-11)
    other = 2 * ((1 - attached) * errors + attached * errors.mean(axis=0)) / predictions.size
    ratio = held / other
    assert np.ptp(ratio) > 1e-3


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_targets_that_move_have_the_gradient_of_the_objective(leave_one_out: bool) -> None:
    """With the gradient through the targets the sum over members is the objective itself; autograd says so."""
    torch = pytest.importorskip("torch")
    alpha, (values, goal) = 1.3, case()
    predictions, targets = torch.tensor(values, requires_grad=True), torch.tensor(goal)
    pooled = predictions.mean(dim=0)
    error = pooled - targets
    if leave_one_out:
        error = (5 * pooled - predictions) / 4 - targets
    moved = targets - alpha * error
    (gradient,) = torch.autograd.grad(((predictions - moved) ** 2).mean(), predictions)
    beta = gamma_of_alpha(alpha, 5) if leave_one_out else beta_of_alpha(alpha)
    errors = values - goal
    expected = 2 * ((1 - beta) * errors + beta * errors.mean(axis=0)) / errors.size
    np.testing.assert_allclose(gradient.numpy() / (1 + alpha) ** 2, expected, rtol=1e-11, atol=1e-15)


class TestMaps:
    def test_gamma_is_the_printed_formula(self):
        for n_learners in (2, 3, 7, 100):
            for part in (0.0, 1e-9, 0.1, 0.5, 0.99, 1.0):
                alpha = part * (n_learners - 1)
                assert gamma_of_alpha(alpha, n_learners) == pytest.approx(reference.gamma(alpha, n_learners), rel=1e-12)

    def test_gamma_rises_to_one_at_the_number_of_others_and_falls_again(self):
        """Which is why the map ends there."""
        for n_learners in (2, 5, 20):
            alphas = np.linspace(0, n_learners - 1, 50)
            found = [gamma_of_alpha(alpha, n_learners) for alpha in alphas]
            assert (np.diff(found) > 0).all()
            assert found[-1] == 1.0
            assert reference.gamma(n_learners, n_learners) < 1
            with pytest.raises(DomainError, match=f"alpha is .*; it must be from 0 to {n_learners - 1}"):
                gamma_of_alpha(n_learners - 0.9, n_learners)

    @pytest.mark.parametrize("detach", [False, True])
    def test_inverses(self, detach: bool):
        for alpha in (0.0, 1e-15, 1e-6, 0.5, 3.0, 1e3):
            beta = beta_of_alpha(alpha, detach=detach)
            assert 0 <= beta < 1
            assert alpha_of_beta(beta, detach=detach) == pytest.approx(alpha, rel=1e-8)
        for n_learners in (2, 6, 50):
            for part in (0.0, 1e-15, 0.01, 0.5, 1.0):
                alpha = part * (n_learners - 1)
                gamma = gamma_of_alpha(alpha, n_learners, detach=detach)
                assert alpha_of_gamma(gamma, n_learners, detach=detach) == pytest.approx(alpha, rel=1e-7)
            assert alpha_of_gamma(1.0, n_learners, detach=detach) == pytest.approx(n_learners - 1)

    def test_tiny_steps_keep_their_digits(self):
        assert beta_of_alpha(1e-300) == pytest.approx(2e-300, rel=1e-15)
        assert alpha_of_beta(2e-300) == pytest.approx(1e-300, rel=1e-15)
        assert gamma_of_alpha(1e-300, 3) == pytest.approx(3e-300, rel=1e-15)
        assert alpha_of_gamma(3e-300, 3) == pytest.approx(1e-300, rel=1e-15)

    @pytest.mark.parametrize("n_learners", [2, 5, 1000, 10**8, 10**12, 2**53])
    @pytest.mark.parametrize("detach", [False, True])
    def test_many_members_keep_their_digits(self, n_learners: int, detach: bool):
        """Beside 40 digits, the inverse too, which would cancel near 1."""
        steps = (0.0, 1e-300, 1e-9, 0.3, 1.0, 1e3, 1e7, 1e11, 1e15, float(n_learners - 1))
        with mpmath.workdps(40):
            others = mpmath.mpf(n_learners - 1)
            for alpha in (step for step in steps if step <= n_learners - 1):
                step = mpmath.mpf(alpha)
                part = step / (1 + step) * (others + 1) / others
                gamma = gamma_of_alpha(alpha, n_learners, detach=detach)
                assert gamma == pytest.approx(float(part if detach else part * (2 - part)), rel=4e-16)
                back = mpmath.mpf(gamma) if detach else 1 - mpmath.sqrt(1 - mpmath.mpf(gamma))
                expected = float(others * back / (1 + others * (1 - back)))
                assert alpha_of_gamma(gamma, n_learners, detach=detach) == pytest.approx(expected, rel=1e-15)

    @pytest.mark.parametrize("n_learners", [2**53 + 1, 10**400])
    def test_more_members_than_can_be_counted_are_refused(self, n_learners: int):
        for call in (gamma_of_alpha, alpha_of_gamma):
            with pytest.raises(DomainError, match=r"n_learners is beyond 2\*\*53"):
                call(0.5, n_learners)

    @pytest.mark.parametrize(
        ("call", "error", "said"),
        [
            (lambda: beta_of_alpha(-0.1), DomainError, "alpha is -0.1"),
            (lambda: beta_of_alpha(math.inf), NonFiniteError, "alpha"),
            (lambda: beta_of_alpha("1"), DtypeError, "alpha"),
            (lambda: beta_of_alpha(1.0, detach=1), DtypeError, "detach"),
            (lambda: alpha_of_beta(1.0), DomainError, "below 1, which no step reaches"),
            (lambda: alpha_of_beta(-0.1), DomainError, "beta is -0.1"),
            (lambda: gamma_of_alpha(0.5, 1), DomainError, "a single learner has no others"),
            (lambda: gamma_of_alpha(-0.5, 3), DomainError, "alpha is -0.5; it must be from 0 to 2"),
            (lambda: alpha_of_gamma(1.1, 3), DomainError, "gamma is 1.1; it must be from 0 to 1"),
            (lambda: alpha_of_gamma(0.5, 2.5), DtypeError, "n_learners"),
        ],
    )
    def test_domains(self, call: Any, error: type[Exception], said: str):
        with pytest.raises(error, match=said):
            call()
