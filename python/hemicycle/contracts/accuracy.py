"""How accurate a model gets from an amount of data: the protocol, and the curves that have a formula."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from hemicycle.contracts.bisection import last_positive, upper_end
from hemicycle.options import number_within, positive_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Accuracy", "Arctan", "ExponentialSaturation", "GeneralizationBound", "PowerLaw"]


@runtime_checkable
class Accuracy(Protocol):
    """What a model trained on an amount of data is worth: 0 up to a threshold, then increasing and concave.

    Every method takes an amount or an array of amounts and gives an array of that shape.

    Attributes
    ----------
    threshold : float
        The amount of data, at least 0, up to which the accuracy is 0. It may have a kink there.
    """

    @property
    def threshold(self) -> float:
        """The amount of data up to which the accuracy is 0."""
        ...

    def value(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the accuracy; 0 where the amount is at most the threshold."""
        ...

    def derivative(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the first derivative; 0 below the threshold, at it that from above."""
        ...

    def second_derivative(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the second derivative; 0 below the threshold, at it that from above."""
        ...


class _Formula:
    """An accuracy whose formula holds from the threshold on."""

    __slots__ = ()

    threshold: float

    def value(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the accuracy; 0 where the amount is at most the threshold."""
        inside, at = self._inside(amount)
        return np.where(inside, np.maximum(self._value(at), 0.0), 0.0)

    def derivative(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the first derivative; 0 below the threshold, at it that from above."""
        inside, at = self._inside(amount)
        return np.where(inside, self._derivative(at), 0.0)

    def second_derivative(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the second derivative; 0 below the threshold, at it that from above."""
        inside, at = self._inside(amount)
        return np.where(inside, self._second_derivative(at), 0.0)

    def _inside(self, amount: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        amounts = np.asarray(amount, dtype=np.float64)
        return amounts >= self.threshold, np.maximum(amounts, self.threshold)

    def _value(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        raise NotImplementedError

    def _derivative(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        raise NotImplementedError

    def _second_derivative(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        raise NotImplementedError


@dataclass(frozen=True)
class GeneralizationBound(_Formula):
    r"""The accuracy that a generalisation bound guarantees.

    .. math:: a(m) = \max\left(0, a_{opt} - \frac{\sqrt{2k(2 + \ln(m/k))} + 4}{\sqrt m}\right)

    Parameters
    ----------
    k : float, default 1.0
        Capacity of the class of models, as its VC dimension. Must be > 0.
    a_opt : float, default 1.0
        The accuracy with unlimited data, above 0 and at most 1.

    Attributes
    ----------
    threshold : float
        The larger root of the difference: 55.807151449126565 for the defaults.

    References
    ----------
    M. Mohri, A. Rostamizadeh and A. Talwalkar, Foundations of Machine Learning, 2018, chapter 3.

    Examples
    --------
    >>> round(GeneralizationBound().threshold, 12)
    55.807151449127
    >>> GeneralizationBound().value([10, 1000, 100_000]).round(4).tolist()
    [0.0, 0.74, 0.9709]
    """

    k: float = 1.0
    a_opt: float = 1.0
    threshold: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        positive_number(self.k, "k")
        number_within(positive_number(self.a_opt, "a_opt"), "a_opt", 0.0, 1.0)
        least_root = np.sqrt(4.0 + 2.0 * self.k) - 2.0  # of the square root where the formula has its minimum
        start = np.array([self.k * np.exp(least_root**2 / (2.0 * self.k) - 2.0)])

        def below(amount: NDArray[np.float64]) -> NDArray[np.float64]:
            return self._root(amount) + 4.0 - self.a_opt * np.sqrt(amount)

        root = last_positive(below, start, upper_end(below, float(start[0]), 1))
        object.__setattr__(self, "threshold", float(root[0]))

    def _root(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sqrt(2.0 * self.k * (2.0 + np.log(amount / self.k)))

    def _value(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.a_opt - (self._root(amount) + 4.0) / np.sqrt(amount)

    def _derivative(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        root = self._root(amount)
        return ((root + 4.0) / 2.0 - self.k / root) / amount**1.5

    def _second_derivative(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        root = self._root(amount)
        slope = self.k / root  # amount times the derivative of the root
        return (2.0 * slope + slope**2 / root - 0.75 * (root + 4.0)) / amount**2.5


@dataclass(frozen=True)
class PowerLaw(_Formula):
    r"""A learning curve that falls short of its limit by a power, :math:`a(m) = \max(0, a_{opt} - b\,m^{-q})`.

    Parameters
    ----------
    a_opt : float, default 1.0
        The accuracy with unlimited data, above 0 and at most 1.
    b : float, default 1.0
        What is missing with one unit of data. Must be > 0.
    q : float, default 0.5
        How fast it is made up. Must be > 0.

    Attributes
    ----------
    threshold : float
        ``(b / a_opt) ** (1 / q)``.
    """

    a_opt: float = 1.0
    b: float = 1.0
    q: float = 0.5
    threshold: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        number_within(positive_number(self.a_opt, "a_opt"), "a_opt", 0.0, 1.0)
        positive_number(self.b, "b")
        positive_number(self.q, "q")
        with np.errstate(over="ignore", under="ignore"):
            root = np.float64(self.b / self.a_opt) ** (1.0 / self.q)
        object.__setattr__(self, "threshold", positive_number(float(root), "(b / a_opt) ** (1 / q)"))

    def _value(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.a_opt - self.b * amount**-self.q

    def _derivative(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.b * self.q * amount ** -(self.q + 1.0)

    def _second_derivative(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return -self.b * self.q * (self.q + 1.0) * amount ** -(self.q + 2.0)


@dataclass(frozen=True)
class Arctan(_Formula):
    r"""A learning curve without a kink, :math:`a(m) = a_{opt}\,\frac{2}{\pi}\arctan(m / scale)`.

    Parameters
    ----------
    a_opt : float, default 1.0
        The accuracy with unlimited data, above 0 and at most 1.
    scale : float, default 1.0
        The amount of data with which half of it is reached. Must be > 0.
    """

    a_opt: float = 1.0
    scale: float = 1.0
    threshold: float = field(init=False, repr=False, default=0.0)

    def __post_init__(self) -> None:
        number_within(positive_number(self.a_opt, "a_opt"), "a_opt", 0.0, 1.0)
        positive_number(self.scale, "scale")

    def _value(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.a_opt * 2.0 / np.pi * np.arctan(amount / self.scale)

    def _derivative(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.a_opt * 2.0 / np.pi / self.scale / (1.0 + (amount / self.scale) ** 2)

    def _second_derivative(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        relative = amount / self.scale
        return -self.a_opt * 4.0 / np.pi / self.scale**2 * relative / (1.0 + relative**2) ** 2


@dataclass(frozen=True)
class ExponentialSaturation(_Formula):
    r"""A learning curve that closes its distance at a constant rate, :math:`a(m) = a_{opt}(1 - e^{-m / scale})`.

    Parameters
    ----------
    a_opt : float, default 1.0
        The accuracy with unlimited data, above 0 and at most 1.
    scale : float, default 1.0
        The amount of data that closes all but 1/e of the distance. Must be > 0.
    """

    a_opt: float = 1.0
    scale: float = 1.0
    threshold: float = field(init=False, repr=False, default=0.0)

    def __post_init__(self) -> None:
        number_within(positive_number(self.a_opt, "a_opt"), "a_opt", 0.0, 1.0)
        positive_number(self.scale, "scale")

    def _value(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return -self.a_opt * np.expm1(-amount / self.scale)

    def _derivative(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.a_opt / self.scale * np.exp(-amount / self.scale)

    def _second_derivative(self, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        return -self.a_opt / self.scale**2 * np.exp(-amount / self.scale)
