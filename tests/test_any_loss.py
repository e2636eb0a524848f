"""Theorem 4.5: DIV of any loss as curvature, Taylor's remainder and Lagrange's points."""

from __future__ import annotations

import pickle
from typing import Any

import mpmath
import numpy as np
import pytest

from hemicycle.diversity import decompose, decompose_loss
from hemicycle.errors import DomainError, DtypeError, NoDataError, ShapeError
from reference import diversity as reference

# losses of scalar outputs with their second derivatives, and the same for many digits
LOSSES: dict[str, tuple[Any, Any, Any]] = {
    "square": (lambda f, y: (f - y) ** 2, lambda f, _: np.full(len(f), 2.0), lambda f, y: (f - y) ** 2),
    "exp": (lambda f, y: np.exp(f - y), lambda f, y: np.exp(f - y), lambda f, y: mpmath.exp(f - y)),
    "logistic": (
        lambda f, y: np.logaddexp(0, -y * f),
        lambda f, y: y * y / (2 + 2 * np.cosh(y * f)),
        lambda f, y: mpmath.log(1 + mpmath.exp(-y * f)),
    ),
    "poisson": (lambda f, y: np.exp(f) - y * f, lambda f, _: np.exp(f), lambda f, y: mpmath.exp(f) - y * f),
    "quartic": (lambda f, y: (f - y) ** 4, lambda f, y: 12 * (f - y) ** 2, lambda f, y: (f - y) ** 4),
    "sine": (lambda f, y: np.sin(3 * f + y), lambda f, y: -9 * np.sin(3 * f + y), lambda f, y: mpmath.sin(3 * f + y)),
}


def case(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 7)), rng.normal(size=7), rng.dirichlet(np.ones(4))


@pytest.mark.parametrize("name", LOSSES)
def test_the_remainder_is_the_difference(name: str) -> None:
    loss, hessian, exact = LOSSES[name]
    predictions, targets, w = case()
    expected = reference.loss_difference(predictions, exact, targets.tolist(), w.tolist())
    found = decompose_loss(predictions, targets, loss, hessian=hessian, weights=w)
    assert abs(found.parts.div - expected) <= 1e-12 * max(1.0, found.parts.err_bar)
    assert abs(found.parts.residual) <= 1e-12 * max(1.0, found.parts.err_bar)
    assert abs(float(w @ found.remainder.mean(axis=1)) - found.parts.div) <= 1e-14
    by_differences = decompose_loss(predictions, targets, loss, weights=w)
    assert by_differences.parts.div == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("with_hessian", [True, False])
@pytest.mark.parametrize("name", LOSSES)
def test_at_the_point_half_the_curvature_is_the_remainder(name: str, with_hessian: bool) -> None:
    loss, hessian, _ = LOSSES[name]
    predictions, targets, w = case(1)
    found = decompose_loss(predictions, targets, loss, hessian=hessian if with_hessian else None, weights=w)
    assert ((found.point >= 0) & (found.point <= 1)).all()
    apart = predictions - w @ predictions
    places = w @ predictions + found.point * apart
    half = np.array([0.5 * hessian(place, targets) * d * d for place, d in zip(places, apart, strict=True)])
    np.testing.assert_allclose(half, found.remainder, atol=1e-12 if with_hessian else 1e-6)
    np.testing.assert_allclose(w @ half.mean(axis=1), found.parts.div, atol=1e-12 if with_hessian else 1e-6)


def test_near_members_have_their_point_at_a_third() -> None:
    loss, hessian, _ = LOSSES["exp"]
    predictions = np.array([[0.0], [1e-2]])
    np.testing.assert_allclose(decompose_loss(predictions, [0.0], loss, hessian=hessian).point, 1 / 3, atol=1e-3)
    flat, second, _ = LOSSES["square"]
    np.testing.assert_array_equal(decompose_loss(*case()[:2], flat, hessian=second).point, 1 / 3)


def test_a_point_at_the_edge_is_found() -> None:
    """The curvature of f^4 at f = 0 has its least value there: the average lies on it."""
    found = decompose_loss([[-1.0], [1.0]], [0.0], lambda f, y: (f - y) ** 4, hessian=lambda f, y: 12 * (f - y) ** 2)
    np.testing.assert_allclose(found.point, np.sqrt(1 / 6), atol=1e-12)  # 6 c^2 = 1


def test_several_outputs() -> None:
    """Cross entropy of averaged scores has a closed form: the mean of KL(q_bar || p_j)."""
    rng = np.random.default_rng(3)
    scores, classes, w = rng.normal(size=(4, 6, 3)), rng.integers(0, 3, 6), rng.dirichlet(np.ones(4))

    def loss(f: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.log(np.exp(f).sum(axis=-1)) - f[np.arange(len(f)), y]

    def hessian(f: np.ndarray, _: np.ndarray) -> np.ndarray:
        p = np.exp(f) / np.exp(f).sum(axis=-1, keepdims=True)
        return np.eye(3) * p[:, :, None] - p[:, :, None] * p[:, None, :]

    exact = decompose(scores, classes, loss="cross_entropy", averaging="score", weights=w)
    found = decompose_loss(scores, classes, loss, hessian=hessian, weights=w, example_weights=np.ones(6))
    for name in ("err", "err_bar", "div"):
        assert getattr(found.parts, name) == pytest.approx(getattr(exact, name), rel=1e-12)
    assert decompose_loss(scores, classes, loss, weights=w).parts.div == pytest.approx(exact.div, rel=1e-7)
    assert not pickle.loads(pickle.dumps(found)).remainder.flags.writeable


class TestMembersNearEachOther:
    """Finite differences of nearly equal losses are rounding: what is returned has four digits, or is refused."""

    @pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
    @pytest.mark.parametrize("name", ["square", "exp", "logistic", "quartic"])
    def test_digits_or_a_refusal(self, name: str, offset: float):
        loss, hessian, exact = LOSSES[name]
        base, answered = offset * (name != "logistic"), 0
        for seed, apart in enumerate(10.0 ** -np.arange(10) * 3):
            rng = np.random.default_rng(seed)
            targets = base + rng.normal(size=4)
            predictions = base + rng.normal(size=4) + apart * rng.normal(size=(3, 4))
            w = [1.0] * 3
            expected = reference.loss_difference(predictions, exact, targets.tolist(), w)
            if not base:
                with_hessian = decompose_loss(predictions, targets, loss, hessian=hessian).parts.div
                assert with_hessian == pytest.approx(expected, rel=1e-7)
            try:
                found = decompose_loss(predictions, targets, loss)
            except DomainError:
                with pytest.raises(DomainError, match="pass hessian="):
                    decompose_loss(predictions, targets, loss)
            else:
                answered += 1
                assert found.parts.div == pytest.approx(expected, rel=1e-3, abs=1e-30)
        assert answered >= (3 if not base else 1 if base < 1e8 else 0)

    def test_the_refusal_says_what_to_do(self):
        loss, hessian, _ = LOSSES["logistic"]
        near = np.array([[0.3], [0.3 + 1e-6]])
        said = r"loss: members are too near each other for its rounding: finite differences find DIV .*; pass hessian=$"
        with pytest.raises(DomainError, match=said):
            decompose_loss(near, [1.0], loss)
        assert decompose_loss(near, [1.0], loss, hessian=hessian).parts.div == pytest.approx(3.06e-14, rel=1e-2)

    def test_equal_members_need_no_hessian(self):
        found = decompose_loss(np.full((3, 5), 1e8 + 0.1), np.zeros(5), lambda f, y: np.log1p(f - y))
        assert found.parts.div == 0.0
        np.testing.assert_array_equal(found.point, 1 / 3)

    def test_a_straight_loss_has_no_div(self):
        found = decompose_loss([[0.0], [1.0]], [0.0], lambda f, y: f - y)
        assert abs(found.parts.div) < 1e-10


def test_a_loss_cannot_write_to_what_it_is_given() -> None:
    predictions, targets, _ = case()
    before = predictions.copy(), targets.copy()

    def careless(f: np.ndarray, y: np.ndarray) -> np.ndarray:
        y -= f
        return y * y

    with pytest.raises(ValueError, match="read-only"):
        decompose_loss(predictions, targets, careless)
    np.testing.assert_array_equal(predictions, before[0])
    np.testing.assert_array_equal(targets, before[1])
    found = decompose_loss(predictions, targets, LOSSES["exp"][0])
    assert not found.remainder.flags.writeable
    assert not found.point.flags.writeable


@pytest.mark.parametrize("with_hessian", [True, False])
def test_members_of_weight_0_change_nothing(with_hessian: bool) -> None:
    loss, hessian, _ = LOSSES["exp"]
    hessian = hessian if with_hessian else None
    predictions, targets, w = case(2)
    plain = decompose_loss(predictions, targets, loss, hessian=hessian, weights=w)
    for at in (0, 2, 4):
        more, heavier = np.insert(predictions, at, 3.0, axis=0), np.insert(w, at, 0.0)
        found = decompose_loss(more, targets, loss, hessian=hessian, weights=heavier)
        assert found.parts == plain.parts
        np.testing.assert_array_equal(np.delete(found.remainder, at, axis=0), plain.remainder)
        np.testing.assert_array_equal(np.delete(found.point, at, axis=0), plain.point)


class TestWhatHasNoCurvature:
    def test_a_kink_is_refused(self):
        with pytest.raises(
            DomainError, match=r"its curvature gives DIV 0, the difference of the losses 1.*pass hessian="
        ):
            decompose_loss([[-1.0], [1.0]], [0.0], lambda f, y: np.abs(f - y))

    def test_the_hessian_of_another_loss_is_refused(self):
        loss, _, _ = LOSSES["square"]
        with pytest.raises(DomainError, match="hessian is of another loss"):
            decompose_loss([[-1.0], [1.0]], [0.0], loss, hessian=lambda f, _: np.ones(len(f)))

    @pytest.mark.parametrize(
        ("loss", "error", "said"),
        [
            (3.0, DtypeError, "loss: expected a function"),
            (lambda *_: 1.0, ShapeError, r"loss: expected values of shape \(1,\), got \(\)"),
            (lambda *_: np.array(["a"]), DtypeError, "loss: expected numbers"),
            (lambda *_: np.full(1, np.nan), DomainError, "loss: its value for example 0 is nan"),
        ],
    )
    def test_bad_functions(self, loss: Any, error: type[Exception], said: str):
        with pytest.raises(error, match=said):
            decompose_loss([[-1.0], [1.0]], [0.0], loss)

    def test_bad_arrays(self):
        square = LOSSES["square"][0]
        with pytest.raises(ShapeError, match="targets: expected one for each of the 1 examples"):
            decompose_loss([[-1.0], [1.0]], [0.0, 1.0], square)
        with pytest.raises(NoDataError, match="no example"):
            decompose_loss(np.zeros((2, 0)), [], square)
        with pytest.raises(ShapeError, match=r"hessian: expected values of shape \(1, 2, 2\)"):
            decompose_loss(np.zeros((2, 1, 2)), [0.0], lambda f, _: (f**2).sum(axis=-1), hessian=lambda *_: np.ones(1))
