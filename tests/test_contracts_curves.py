"""Accuracies, valuations and what parties do alone: formulas, derivatives, fits, typed errors."""

from __future__ import annotations

import warnings
from typing import Any

import mpmath
import numpy as np
import pytest

from hemicycle.contracts import (
    Accuracy,
    Arctan,
    ExponentialSaturation,
    GeneralizationBound,
    LinearValuation,
    LogValuation,
    ModelValue,
    PowerLaw,
    UserAccuracy,
    UserValuation,
    Valuation,
    fit_accuracy,
    optimal_contract,
    reservation,
)
from hemicycle.contracts.accuracy_fit import FAMILIES
from hemicycle.contracts.concave_envelope import ConcaveEnvelope
from hemicycle.errors import DomainError, DtypeError, NonFiniteError, OptionError, ShapeError
from reference import contracts as reference

CURVES: list[Any] = [
    GeneralizationBound(),
    GeneralizationBound(k=50.0, a_opt=0.9),
    PowerLaw(0.9, 3.0, 0.4),
    Arctan(0.8, 100.0),
    ExponentialSaturation(0.95, 100.0),
]
VALUATIONS: list[Any] = [LinearValuation(), LogValuation(50.0, 3.0)]


def squares() -> UserValuation:
    return UserValuation(lambda a: 2 * a - a**2 / 2, lambda a: 2 - a, lambda a: -np.ones_like(a))


def test_the_threshold_is_the_root() -> None:
    with mpmath.workdps(40):
        for k, a_opt in ((1.0, 1.0), (7.5, 1.0), (0.01, 0.6), (300.0, 0.8)):
            threshold = GeneralizationBound(k, a_opt).threshold

            def bound(m: Any, k: float = k, a_opt: float = a_opt) -> Any:
                return a_opt - (mpmath.sqrt(2 * k * (2 + mpmath.log(m / k))) + 4) / mpmath.sqrt(m)

            root = mpmath.findroot(bound, threshold)
            assert threshold == pytest.approx(float(root), rel=1e-15)
            assert bound(threshold * 3) > 0
    assert GeneralizationBound().threshold == pytest.approx(55.8071514491265, rel=1e-14)


def test_the_default_is_that_of_the_paper() -> None:
    m = np.append(np.geomspace(1, 1e8, 500), [0.0, 55.8, 55.9])
    np.testing.assert_allclose(GeneralizationBound().value(m), reference.default_accuracy(m), atol=1e-14)
    above = m[m > 56]
    worth = ModelValue(GeneralizationBound(), LinearValuation())
    np.testing.assert_allclose(worth.derivative(above), reference.default_slope(above), rtol=1e-12)


@pytest.mark.parametrize("curve", [*CURVES, *(ModelValue(a, v) for a in CURVES for v in VALUATIONS)], ids=str)
def test_derivatives(curve: Any) -> None:
    m = np.geomspace(max(curve.threshold, 1.0) * 1.01, max(curve.threshold, 1.0) * 100, 60)
    step = 1e-5 * m
    slope = (curve.value(m + step) - curve.value(m - step)) / (2 * step)
    np.testing.assert_allclose(curve.derivative(m), slope, rtol=1e-6)
    bend = (curve.derivative(m + step) - curve.derivative(m - step)) / (2 * step)
    np.testing.assert_allclose(curve.second_derivative(m), bend, rtol=1e-6)
    assert (curve.derivative(m) > 0).all()
    assert (curve.second_derivative(m) < 0).all()
    below = curve.threshold * np.array([0.0, 0.5, 0.999])
    if curve.threshold > 0:
        for found in (curve.value(below), curve.derivative(below), curve.second_derivative(below)):
            assert not found.any()
    assert curve.value(0.0).shape == ()
    assert float(curve.value(0.0)) == 0.0


@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_protocols(curve: Any) -> None:
    assert isinstance(curve, Accuracy)
    assert isinstance(ModelValue(curve, LinearValuation()), Accuracy)
    assert isinstance(LinearValuation(), Valuation)


@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_the_envelope_is_the_least_concave_curve_above(curve: Any) -> None:
    envelope = ConcaveEnvelope(curve)
    m = np.append(0.0, np.geomspace(1e-2, 1e6, 20_000))
    above = envelope.value(m)
    assert (above >= curve.value(m) - 1e-14).all()
    slope = np.diff(above) / np.diff(m)
    assert (np.diff(slope) <= 1e-12 + 1e-9 * slope[:-1]).all()
    if curve.threshold:
        ratio = curve.value(m[1:]) / m[1:]
        assert envelope.slope == pytest.approx(ratio.max(), rel=1e-6)
        assert envelope.tangent == pytest.approx(m[1:][np.argmax(ratio)], rel=1e-2)
    else:
        assert envelope.tangent == 0


@pytest.mark.parametrize("curve", CURVES, ids=str)
@pytest.mark.parametrize("valuation", VALUATIONS, ids=str)
def test_reservation_is_the_best_of_all_amounts(curve: Any, valuation: Any) -> None:
    costs = np.array([1.5, 0.4, 0.1, 0.02, 0.003])
    found = reservation(costs, accuracy=curve, valuation=valuation)
    for cost, m, utility in zip(costs, found.m, found.utility, strict=True):
        best_m, best = reference.stand_alone(lambda x: valuation.value(curve.value(x)), cost)
        assert utility == pytest.approx(best, rel=1e-12, abs=1e-12)
        assert m == pytest.approx(best_m, rel=1e-4)
        assert utility == pytest.approx(float(valuation.value(curve.value(m))) - cost * m, rel=1e-12, abs=1e-12)


def test_the_published_reservations() -> None:
    found = reservation([0.2, 0.16, 0.12, 0.08, 0.04, 1.0, 0.4, 0.03, 0.02, 0.001])
    utility = [6.770097, 13.151614, 20.745081, 30.344257, 44.160521, 0, 0, 49.062874, 55.255892, 82.894248]
    np.testing.assert_allclose(found.utility, utility, atol=1e-6)
    assert found.m[4] == pytest.approx(445.7, abs=0.05)
    assert found.m[9] == pytest.approx(5507.6, abs=1.0)  # the published amount is not quite where the slope is the cost
    worth = ModelValue(GeneralizationBound(), LinearValuation())
    assert float(worth.derivative(found.m[9])) == pytest.approx(0.001, rel=1e-12)
    with pytest.raises(ValueError, match="read-only"):
        found.m[0] = 1.0


def test_data_that_is_worth_more_without_end() -> None:
    root = UserAccuracy(lambda m: np.minimum(1.0, 1e-6 * m), high=1e5)
    with pytest.raises(DomainError, match=r"^costs\[1\] is 1e-06: data is worth more than that without end"):
        reservation([0.1, 1e-6], accuracy=_Endless(root))


class _Endless:
    """Straight for ever."""

    threshold = 0.0

    def __init__(self, start: UserAccuracy) -> None:
        self.start = start

    def value(self, amount: Any) -> Any:
        return 1e-6 * np.asarray(amount, dtype=np.float64)

    def derivative(self, amount: Any) -> Any:
        return np.full(np.shape(amount), 1e-6)

    def second_derivative(self, amount: Any) -> Any:
        return np.zeros(np.shape(amount))


def test_user_accuracies_are_like_those_with_a_formula() -> None:
    known = PowerLaw(0.9, 3.0, 0.4)

    def raw(m: Any) -> Any:
        return 0.9 - 3.0 * np.maximum(m, 1e-9) ** -0.4

    for given in (UserAccuracy(raw), UserAccuracy(raw, lambda m: 1.2 * m**-1.4, lambda m: -1.68 * m**-2.4)):
        assert given.threshold == pytest.approx(known.threshold, rel=1e-12)
        assert given.concave
        m = np.geomspace(known.threshold * 1.01, 1e6, 200)
        np.testing.assert_allclose(given.value(m), known.value(m), rtol=1e-12)
        np.testing.assert_allclose(given.derivative(m), known.derivative(m), rtol=1e-6)
        np.testing.assert_allclose(given.second_derivative(m)[:100], known.second_derivative(m)[:100], rtol=1e-2)
        found = reservation([0.05, 0.01], accuracy=given)
        np.testing.assert_allclose(found.utility, reservation([0.05, 0.01], accuracy=known).utility, rtol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"function": 3}, DtypeError, "function: expected a function, got int"),
        ({"first": 3}, DtypeError, "first: expected a function, got int"),
        ({"function": lambda m: 1 / (1 + m)}, DomainError, "accuracy: it falls at 0.001"),
        ({"function": lambda m: np.sin(m) ** 2}, DomainError, "accuracy: it falls at"),
        ({"function": lambda m: 2 * m / (1 + m)}, DomainError, "accuracy: 1.0.* it must be finite and at most 1"),
        ({"function": lambda m: np.nan * m}, DomainError, "accuracy: nan at 0.001"),
        ({"function": lambda m: -m / (1 + m)}, DomainError, "accuracy: not above 0 at 1e"),
        ({"first": lambda m: 2 / (1 + m) ** 2}, DomainError, "first: .* where the derivative is"),
        ({"low": 2.0, "high": 1.0}, DomainError, "low is 2 and high 1"),
        ({"first": lambda m: (1 + m) ** -2.0, "second": lambda m: -3 * (1 + m) ** -3.0}, DomainError, "second: -"),
        ({"function": lambda m: 0.5 + 0.5 * m / (m + 100)}, DomainError, "accuracy: not 0 at 0; subtract .* 0.5$"),
        ({"function": lambda _: "a"}, DtypeError, "function: expected integers or floats"),
        ({"function": lambda _: None}, DtypeError, "function: expected integers or floats"),
        ({"function": lambda m: m / (m + 1) + 0j}, DtypeError, "function: expected integers or floats"),
        ({"function": lambda m: m[:-1] / (m[:-1] + 1)}, ShapeError, "function: expected a value for each argument"),
        ({"function": lambda m: np.array([m, m])}, ShapeError, "function: expected 1 dimension"),
        ({"first": lambda m: np.full(m.shape, "a")}, DtypeError, "first: expected integers or floats"),
        (
            {"first": lambda m: (1 + m) ** -2.0, "second": lambda m: m[1:]},
            ShapeError,
            "second: expected a value for each",
        ),
    ],
)
def test_user_accuracies_that_are_refused(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        UserAccuracy(**({"function": lambda m: m / (1 + m)} | arguments))


@pytest.mark.parametrize("at", [0.1, 20.0, 100.0, 3e4])
@pytest.mark.parametrize("jump", [1e-3, 0.5])
def test_a_jump_is_not_concave(at: float, jump: float) -> None:
    def smooth(m: Any) -> Any:
        return 0.4 * m / (m + 1000)

    assert UserAccuracy(smooth).concave
    found = UserAccuracy(lambda m: smooth(m) + jump * (m > at))
    assert not found.concave
    assert found.least_concave == pytest.approx(at, rel=0.05)


def test_a_jump_at_the_threshold_is_not_concave() -> None:
    # differences across such a jump are no slope, and the concave envelope is made from slopes
    found = UserAccuracy(lambda m: (m > 100) * (0.5 + 0.4 * (m - 100) / (m + 1000)))
    assert found.threshold == pytest.approx(100.0, rel=1e-12)
    assert not found.concave
    assert found.least_concave == found.threshold
    steep = UserAccuracy(lambda m: np.sqrt(np.maximum(m - 100.0, 0.0) / (m + 1000.0)))
    assert steep.concave


@pytest.mark.parametrize("known", CURVES, ids=str)
def test_concave_curves_stay_so_when_a_user_gives_them(known: Any) -> None:
    assert UserAccuracy(known.value).concave
    assert UserAccuracy(known.value, known.derivative, known.second_derivative).concave


def test_a_pole_at_zero_is_below_the_threshold() -> None:
    found = UserAccuracy(lambda m: 0.9 - 3.0 * m**-0.4)
    assert found.concave
    assert found.value([0.0, 1.0, 1e4]).tolist() == [0.0, 0.0, 0.9 - 3.0 * 1e4**-0.4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"accuracy": "arctan"}, "accuracy: expected an accuracy, .* got str, which has no value, .*threshold"),
        ({"accuracy": np.sqrt}, "accuracy: expected an accuracy, .* got ufunc, which has no value"),
        ({"accuracy": Arctan}, r"accuracy: expected an accuracy, .* got the class Arctan; call it: Arctan\("),
        ({"accuracy": LinearValuation()}, "accuracy: .* got LinearValuation, which has no threshold$"),
        ({"valuation": 100.0}, r"valuation: expected a valuation, such as LinearValuation\(100.0\), got float, which"),
        ({"valuation": LogValuation}, "valuation: .* got the class LogValuation; call it"),
    ],
)
def test_things_that_are_not_curves(arguments: Any, message: str) -> None:
    with pytest.raises(DtypeError, match=f"^{message}"):
        ModelValue(**({"accuracy": Arctan(), "valuation": LinearValuation()} | arguments))
    with pytest.raises(DtypeError, match=f"^{message}"):
        reservation([0.1, 0.2], **arguments)
    with pytest.raises(DtypeError, match=f"^{message}"):
        optimal_contract([0.1, 0.2], [0.5, 0.5], 3, **arguments)


def test_user_valuations() -> None:
    found = squares()
    np.testing.assert_allclose(found.value([0.0, 0.5, 1.0]), [0.0, 0.875, 1.5])
    worth = ModelValue(PowerLaw(), found)
    m = np.geomspace(1.1, 100, 50)
    step = 1e-5 * m
    np.testing.assert_allclose(
        worth.derivative(m), (worth.value(m + step) - worth.value(m - step)) / (2 * step), rtol=1e-7
    )


@pytest.mark.parametrize(
    ("functions", "error", "message"),
    [
        ((3, np.ones_like, np.zeros_like), DtypeError, "function: expected a function"),
        ((lambda _: "a", np.ones_like, np.zeros_like), DtypeError, "function: expected integers or floats"),
        ((lambda a: a, lambda a: a + 1j, np.zeros_like), DtypeError, "first: expected integers or floats"),
        ((lambda a: a, np.ones_like, lambda a: a[1:]), ShapeError, "second: expected a value for each argument"),
        ((lambda a: a + 1, np.ones_like, np.zeros_like), DomainError, "valuation: not 0 at 0; subtract"),
        ((lambda a: -a, lambda a: -np.ones_like(a), np.zeros_like), DomainError, "valuation: not increasing at 0"),
        ((lambda a: a**2, lambda a: 2 * a, lambda a: 2 + 0 * a), DomainError, "valuation: not concave"),
        ((lambda a: a, lambda a: 2 + 0 * a, np.zeros_like), DomainError, "first: not the derivative"),
        ((lambda a: 2 * a - a**2 / 2, lambda a: 2 - a, lambda a: -2 + 0 * a), DomainError, "second: not the"),
        ((np.sqrt, lambda a: 0.5 / np.sqrt(a), lambda a: -(a + 1) / 4), DomainError, "valuation: not finite"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_user_valuations_that_are_refused(functions: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        UserValuation(*functions)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: GeneralizationBound(0.0), DomainError),
        (lambda: GeneralizationBound(1.0, 1.1), DomainError),
        (lambda: PowerLaw(1.0, -1.0), DomainError),
        (lambda: PowerLaw(q=np.nan), NonFiniteError),
        (lambda: Arctan(scale="x"), DtypeError),  # pyright: ignore
        (lambda: ExponentialSaturation(0.0), DomainError),
        (lambda: LinearValuation(0.0), DomainError),
        (lambda: LogValuation(1.0, -1.0), DomainError),
    ],
)
def test_parameters_that_are_refused(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_a_threshold_that_overflows_is_refused_without_a_warning() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(NonFiniteError, match=r"^\(b / a_opt\) \*\* \(1 / q\)"):
            PowerLaw(1.0, 2.0, 1e-9)
    assert caught == []


@pytest.mark.parametrize(
    ("family", "curve"),
    [
        ("generalization_bound", GeneralizationBound(2.0, 0.93)),
        ("power_law", PowerLaw(0.9, 2.0, 0.4)),
        ("arctan", Arctan(0.8, 150.0)),
        ("exponential", ExponentialSaturation(0.85, 700.0)),
    ],
)
def test_fits_find_the_curve_of_exact_points(family: str, curve: Any) -> None:
    amounts = np.geomspace(curve.threshold + 50.0, 20_000.0, 12)
    found = fit_accuracy(family, amounts, curve.value(amounts))
    assert found.rmse < 1e-7
    m = np.geomspace(curve.threshold + 60.0, 15_000.0, 50)
    np.testing.assert_allclose(found.accuracy.value(m), curve.value(m), atol=1e-6)


def test_a_fit_is_a_minimum() -> None:
    rng = np.random.default_rng(3)
    amounts = np.geomspace(50, 5000, 30)
    measured = np.clip(PowerLaw(0.9, 2.0, 0.4).value(amounts) + 0.01 * rng.normal(size=30), 0, 1)
    found = fit_accuracy("power_law", amounts, measured)
    assert found.rmse == pytest.approx(np.sqrt(np.mean(found.residuals**2)))
    best = found.accuracy
    assert isinstance(best, PowerLaw)
    for a, b, q in ((1.001, 1, 1), (1, 1.01, 1), (1, 1, 1.01), (0.999, 1, 1), (1, 0.99, 1), (1, 1, 0.99)):
        other = PowerLaw(min(1.0, best.a_opt * a), best.b * b, best.q * q).value(amounts) - measured
        assert np.sqrt(np.mean(other**2)) >= found.rmse * (1 - 1e-9)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("cubic", [1.0, 2.0], [0.1, 0.2]), OptionError, "family: expected"),
        (("arctan", [1.0, 2.0], [0.1]), ShapeError, "accuracies: expected length 2"),
        (("arctan", [1.0, 1.0], [0.1, 0.2]), ShapeError, "amounts: expected at least 2 different ones"),
        (("power_law", [1.0, 2.0], [0.1, 0.2]), ShapeError, "amounts: expected at least 3 different ones"),
        (("arctan", [0.0, 2.0], [0.1, 0.2]), DomainError, r"amounts\[0\] is 0.0; it must be above 0"),
        (("arctan", [1.0, 2.0], [0.1, 1.2]), DomainError, r"accuracies\[1\] is 1.2; it must be from 0 to 1"),
        (("arctan", [1.0, np.nan], [0.1, 0.2]), NonFiniteError, r"amounts\[1\] is nan"),
    ],
)
def test_fits_that_are_refused(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        fit_accuracy(*arguments)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("accuracies", [[0.5, 0.4, 0.3], [0.5, 0.3, 0.4], [1.0, 1.0, 0.999]])
def test_accuracies_that_fall_are_refused(family: str, accuracies: list[float]) -> None:
    with pytest.raises(DomainError, match=r"^accuracies: they do not rise with the amounts"):
        fit_accuracy(family, [10.0, 100.0, 1000.0], accuracies)


@pytest.mark.parametrize("family", ["power_law", "arctan", "exponential"])
def test_accuracies_that_are_flat_or_rise_on_the_whole_are_fitted(family: str) -> None:
    amounts = [10.0, 100.0, 1000.0]
    assert fit_accuracy(family, amounts, [0.5, 0.5, 0.5]).rmse < 1e-9
    assert fit_accuracy(family, amounts, [0.3, 0.5, 0.4]).rmse < 0.6 * np.std([0.3, 0.5, 0.4])
    late = fit_accuracy(family, [1.0, 10.0, 100.0, 1000.0], [0.1, 0.9, 0.2, 0.1])  # falls, but less than it rises
    assert late.rmse < 0.99 * np.std([0.1, 0.9, 0.2, 0.1])
