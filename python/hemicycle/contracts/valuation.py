"""What a party would pay for an accuracy, and what a model is worth by the amount of data behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from hemicycle.arrays import real_array
from hemicycle.contracts.accuracy import GeneralizationBound
from hemicycle.errors import DomainError, DtypeError, ShapeError
from hemicycle.options import positive_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.contracts.accuracy import Accuracy

__all__ = ["LinearValuation", "LogValuation", "ModelValue", "UserValuation", "Valuation", "model_value"]

CHECKED = 257  #: accuracies at which a user's valuation is checked
FLAT = 1e-7  #: rounding that a slope between two of them may show, relative


@runtime_checkable
class Valuation(Protocol):
    """What an accuracy is worth to a party, in the unit of its costs: 0 at 0, increasing and concave."""

    def value(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Return what accuracies are worth."""
        ...

    def derivative(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Return the first derivative."""
        ...

    def second_derivative(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Return the second derivative."""
        ...


@dataclass(frozen=True, slots=True)
class LinearValuation:
    """Every point of accuracy is worth the same: ``v(a) = slope * a``.

    Parameters
    ----------
    slope : float, default 100.0
        Worth of a perfect model, in the unit of the costs. Must be > 0.
    """

    slope: float = 100.0

    def __post_init__(self) -> None:
        positive_number(self.slope, "slope")

    def value(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Return what accuracies are worth."""
        return self.slope * np.asarray(accuracy, dtype=np.float64)

    def derivative(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Return the first derivative."""
        return np.full(np.shape(accuracy), float(self.slope))

    def second_derivative(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Return the second derivative."""
        return np.zeros(np.shape(accuracy))


@dataclass(frozen=True, slots=True)
class LogValuation:
    """The first points of accuracy are worth the most: ``v(a) = scale * log(1 + rate * a)``.

    Parameters
    ----------
    scale : float, default 100.0
        Worth, in the unit of the costs. Must be > 0.
    rate : float, default 1.0
        How soon it flattens. Must be > 0.
    """

    scale: float = 100.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        positive_number(self.scale, "scale")
        positive_number(self.rate, "rate")

    def value(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Return what accuracies are worth."""
        return self.scale * np.log1p(self.rate * np.asarray(accuracy, dtype=np.float64))

    def derivative(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Return the first derivative."""
        return self.scale * self.rate / (1.0 + self.rate * np.asarray(accuracy, dtype=np.float64))

    def second_derivative(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Return the second derivative."""
        return -self.scale * (self.rate / (1.0 + self.rate * np.asarray(accuracy, dtype=np.float64))) ** 2


@dataclass(frozen=True, slots=True)
class UserValuation:
    """A valuation given by three functions of the accuracy, each vectorised over it.

    Parameters
    ----------
    function, first, second : callable
        The value and its first and second derivative on [0, 1].

    Raises
    ------
    DtypeError, ShapeError
        If one of them cannot be called, or gives something else than one real number for each accuracy.
    DomainError
        If the value is not 0 at 0, not increasing or not concave on [0, 1], or a derivative is not that of the value.
    """

    function: Callable[[NDArray[np.float64]], ArrayLike]
    first: Callable[[NDArray[np.float64]], ArrayLike]
    second: Callable[[NDArray[np.float64]], ArrayLike]

    def __post_init__(self) -> None:
        for name in ("function", "first", "second"):
            if not callable(getattr(self, name)):
                raise DtypeError(f"{name}: expected a function, got {type(getattr(self, name)).__name__}")
        at = np.linspace(0.0, 1.0, CHECKED)
        value, slope, bend = self.value(at), self.derivative(at), self.second_derivative(at)
        finite = np.isfinite(value) & np.isfinite(slope) & np.isfinite(bend)
        _require(finite, at, "valuation: not finite", "give one that is finite on [0, 1], and so its derivatives")
        _require(value[:1] == 0, at, "valuation: not 0", "subtract its value at 0")
        _require(np.diff(value) > 0, at, "valuation: not increasing", "more accuracy must be worth more")
        _require(bend <= FLAT * abs(slope), at, "valuation: not concave", "the program is convex for concave ones only")
        for what, curve, given in (("first", value, slope), ("second", slope, bend)):
            made = np.gradient(curve, at)[1:-1]
            near = abs(made - given[1:-1]) <= 1e-3 * (abs(given[1:-1]) + np.ptp(given))
            _require(near, at[1:], f"{what}: not the derivative", "check its formula")

    def value(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Return what accuracies are worth."""
        return called(self.function, accuracy, "function")

    def derivative(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Return the first derivative."""
        return called(self.first, accuracy, "first")

    def second_derivative(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Return the second derivative."""
        return called(self.second, accuracy, "second")


@dataclass(frozen=True)
class ModelValue:
    """What a model is worth by the data behind it, ``f(m) = v(a(m))``: an accuracy in another unit.

    Parameters
    ----------
    accuracy : Accuracy
        From data to accuracy.
    valuation : Valuation
        From accuracy to worth.

    Attributes
    ----------
    threshold : float
        That of the accuracy.

    Raises
    ------
    DtypeError
        If one of the two has not the methods of `Accuracy` or `Valuation`.
    """

    accuracy: Accuracy
    valuation: Valuation
    threshold: float = field(init=False)

    def __post_init__(self) -> None:
        _require_curve(self.accuracy, "accuracy", "an accuracy, such as PowerLaw(0.9)", attributes=("threshold",))
        _require_curve(self.valuation, "valuation", "a valuation, such as LinearValuation(100.0)")
        object.__setattr__(self, "threshold", float(self.accuracy.threshold))

    def value(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return what models are worth; 0 where the amount is at most the threshold."""
        return self.valuation.value(self.accuracy.value(amount))

    def derivative(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the first derivative; 0 below the threshold, at it that from above."""
        return self.valuation.derivative(self.accuracy.value(amount)) * self.accuracy.derivative(amount)

    def second_derivative(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the second derivative; 0 below the threshold, at it that from above."""
        at, slope = self.accuracy.value(amount), self.accuracy.derivative(amount)
        outer, bend = self.valuation.derivative(at), self.accuracy.second_derivative(amount)
        return self.valuation.second_derivative(at) * slope**2 + outer * bend


def model_value(accuracy: Accuracy | None, valuation: Valuation | None) -> ModelValue:
    """Return what a model is worth, with the defaults for what is not given.

    Parameters
    ----------
    accuracy : Accuracy or None
        By default `GeneralizationBound`.
    valuation : Valuation or None
        By default ``LinearValuation(100)``.

    Returns
    -------
    ModelValue
        Of both.

    Raises
    ------
    DtypeError
        If one is something else.
    """
    return ModelValue(
        GeneralizationBound() if accuracy is None else accuracy, LinearValuation() if valuation is None else valuation
    )


def called(function: Callable[[NDArray[np.float64]], ArrayLike], at: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return what a user's function gives, as float64 of the shape of its argument.

    Parameters
    ----------
    function : callable
        From an array to an array of its shape, or to one number for all of it.
    at : array_like of float
        Its argument.
    name : str
        Name of the function, for messages.

    Raises
    ------
    DtypeError
        If it does not give real numbers.
    ShapeError
        If it gives an array of another shape.
    """
    points = np.asarray(at, dtype=np.float64)
    made = function(points)
    single = np.isscalar(made) or getattr(made, "ndim", None) == 0
    array = real_array(made, name, 0 if single else points.ndim)
    if not single and array.shape != points.shape:
        raise ShapeError(f"{name}: expected a value for each argument, so shape {points.shape}; got {array.shape}")
    return np.broadcast_to(array.astype(np.float64, copy=False), points.shape)


def _require_curve(given: object, name: str, wanted: str, *, attributes: tuple[str, ...] = ()) -> None:
    if isinstance(given, type):
        raise DtypeError(f"{name}: expected {wanted}, got the class {given.__name__}; call it: {given.__name__}(...)")
    methods = ("value", "derivative", "second_derivative")
    missing = [what for what in methods if not callable(getattr(given, what, None))]
    missing += [what for what in attributes if not hasattr(given, what)]
    if missing:
        raise DtypeError(f"{name}: expected {wanted}, got {type(given).__name__}, which has no {', '.join(missing)}")


def _require(holds: NDArray[np.bool_], at: NDArray[np.float64], what: str, remedy: str) -> None:
    if not holds.all():
        raise DomainError(f"{what} at {at[int(np.argmin(holds))]:g}; {remedy}")
