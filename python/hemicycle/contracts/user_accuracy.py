"""An accuracy that a user gives as a function, checked on a grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.contracts.bisection import last_positive
from hemicycle.contracts.valuation import called
from hemicycle.errors import DomainError, DtypeError
from hemicycle.options import non_negative_number, positive_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["UserAccuracy"]

N_CHECKS = 2001
STEP = 1e-4  #: of the differences that make derivatives, relative to the amount
AGREE = 1e-4  #: how near a given derivative must be to the numerical one, relative to the larger
FLAT = 1e-9  #: slope in the logarithm, relative to the largest value, below which a curve counts as flat
BENT = 1e-6  #: relative rise of the slope from point to point that rounding may show
ROUNDING = 1e-12  #: of values, relative to the largest
NEAR = np.array([1e-12, 1e-6])  #: distances above the threshold, relative to it, that tell a jump from a steep rise

Function = Callable[["NDArray[np.float64]"], "ArrayLike"]


@dataclass(frozen=True)
class UserAccuracy:
    """Any accuracy: a function of the amount of data, 0 or less up to a threshold, then increasing and concave.

    Parameters
    ----------
    function : callable
        From an array of amounts of at least 0 to their accuracies. What is below 0 counts as 0.
    first, second : callable, optional
        Its derivatives above the threshold. They are checked against numerical ones, which are used where they are not
        given.
    low, high : float, default 1e-3 and 1e9
        The amounts between which the function is checked: the smallest and the largest that matter.

    Attributes
    ----------
    threshold : float
        The largest amount, between `low` and `high`, with an accuracy of 0; 0 if there is none.
    concave : bool
        Whether it is concave above the threshold, on the grid, and without a jump, there and at the threshold. Where it
        is not, no contract is certified.
    least_concave : float
        The amount at which it is least so.

    Raises
    ------
    DtypeError, ShapeError
        If one of the functions cannot be called, or gives something else than one real number for each amount.
    DomainError
        If the accuracy is not finite, above 0 at 0, above 1, nowhere above 0 or not increasing above its threshold, or
        a given derivative is not its derivative. A curve that is flat to rounding, as near its limit, counts as
        increasing.

    Examples
    --------
    >>> accuracy = UserAccuracy(lambda m: 1.0 - 4.0 / np.sqrt(m + 4.0))
    >>> round(accuracy.threshold, 9), accuracy.concave
    (12.0, True)
    """

    function: Function
    first: Function | None = None
    second: Function | None = None
    low: float = 1e-3
    high: float = 1e9
    threshold: float = field(init=False)
    concave: bool = field(init=False)
    least_concave: float = field(init=False)

    def __post_init__(self) -> None:
        for name in ("function", "first", "second"):
            given = getattr(self, name)
            if not callable(given) and (given is not None or name == "function"):
                raise DtypeError(f"{name}: expected a function, got {type(given).__name__}")
        if non_negative_number(self.low, "low") >= positive_number(self.high, "high") or self.low == 0.0:
            raise DomainError(f"low is {self.low:g} and high {self.high:g}; low must be above 0 and below high")
        grid = np.geomspace(self.low, self.high, N_CHECKS)
        object.__setattr__(self, "threshold", self._zero(grid))
        above = grid[grid > self.threshold * (1.0 + 2.0 * STEP)]
        self._require_increasing(above)
        self._require_nothing_at_zero(above)
        self._require_derivatives(above)
        rise, place = self._rises(above)
        object.__setattr__(self, "concave", bool((rise <= BENT).all()))
        object.__setattr__(self, "least_concave", float(place[int(np.argmax(rise))]))

    def value(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the accuracy; 0 where the amount is at most the threshold."""
        amounts = np.asarray(amount, dtype=np.float64)
        values = self._called(self.function, np.maximum(amounts, self.threshold))
        return np.where(amounts > self.threshold, np.maximum(values, 0.0), 0.0)

    def derivative(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the first derivative; 0 below the threshold, at it that from above."""
        return self._above(amount, self._numerical if self.first is None else self._given(self.first))

    def second_derivative(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return the second derivative; 0 below the threshold, at it that from above."""
        return self._above(amount, self._bend if self.second is None else self._given(self.second))

    def _above(
        self, amount: ArrayLike, derivative: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        amounts = np.asarray(amount, dtype=np.float64)
        return np.where(amounts >= self.threshold, derivative(np.maximum(amounts, self.threshold)), 0.0)

    def _called(self, function: Function, amounts: NDArray[np.float64]) -> NDArray[np.float64]:
        name = next(name for name in ("function", "first", "second") if getattr(self, name) is function)
        return called(function, amounts, name)

    def _given(self, function: Function) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        return lambda amounts: self._called(function, amounts)

    def _differences(
        self, function: Function, amounts: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        step = STEP * np.maximum(amounts, self.low)
        middle = np.maximum(amounts, self.threshold + step)  # both neighbours are above the kink
        values = (self._called(function, middle + k * step) for k in (-1.0, 0.0, 1.0))
        return (*values, step)  # type: ignore[return-value]

    def _numerical(self, amounts: NDArray[np.float64]) -> NDArray[np.float64]:
        before, _, after, step = self._differences(self.function, amounts)
        return (after - before) / (2.0 * step)

    def _bend(self, amounts: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.first is not None:
            before, _, after, step = self._differences(self.first, amounts)
            return (after - before) / (2.0 * step)
        before, at, after, step = self._differences(self.function, amounts)
        return (after - 2.0 * at + before) / step**2

    def _zero(self, grid: NDArray[np.float64]) -> float:
        values = self._called(self.function, grid)
        bad = ~np.isfinite(values) | (values > 1.0)
        if bad.any():
            where = int(np.argmax(bad))
            raise DomainError(f"accuracy: {values[where]} at {grid[where]:g}; it must be finite and at most 1")
        nothing = np.flatnonzero(values <= 0.0)
        if len(nothing) == 0:
            return 0.0
        last = int(nothing[-1])
        if last == len(grid) - 1:
            raise DomainError(f"accuracy: not above 0 at {self.high:g}; raise high, or give one that data improves")

        def zero(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
            return (self._called(self.function, amounts) <= 0.0).astype(np.float64)

        return float(last_positive(zero, grid[last : last + 1], grid[last + 1 : last + 2])[0])

    def _require_increasing(self, above: NDArray[np.float64]) -> None:
        values = self._called(self.function, above)
        falls = np.diff(values) < -FLAT * float(np.abs(values).max())
        if falls.any():
            raise DomainError(
                f"accuracy: it falls at {above[int(np.argmax(falls))]:g}; more data must not make a model worse"
            )

    def _require_nothing_at_zero(self, above: NDArray[np.float64]) -> None:
        with np.errstate(all="ignore"):  # a formula may have its pole there
            start = float(self._called(self.function, np.zeros(1))[0])
        if start > FLAT * float(self._called(self.function, above).max()):
            raise DomainError(f"accuracy: not 0 at 0; subtract its value there, {start:g}")

    def _rises(self, above: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        slope, values, step = self.derivative(above), self._called(self.function, above), np.diff(above)
        # slopes at points do not see what happens between them: chords do
        chord, rounding = np.diff(values) / step, 2.0 * ROUNDING * float(values.max()) / step[:-1]
        least = FLAT / above[:-1]
        rises = [
            np.diff(slope) / np.maximum(np.abs(slope[:-1]), least),
            (np.diff(chord) - rounding) / np.maximum(np.abs(chord[:-1]), least[:-1]),
        ]
        places = [above[:-1], above[1:-1]]
        near, far = self.value(self.threshold * (1.0 + NEAR))
        if self.threshold > 0.0 and near > FLAT * values.max() and near > far / 2.0:
            rises.append(np.array([np.inf]))
            places.append(np.array([self.threshold]))
        return np.concatenate(rises), np.concatenate(places)

    def _require_derivatives(self, above: NDArray[np.float64]) -> None:
        inside = above[above * (1.0 - 2.0 * STEP) > self.threshold]
        for name, given, source in (("first", self.first, self.function), ("second", self.second, self.first)):
            if given is None or source is None:
                continue
            before, _, after, step = self._differences(source, inside)
            made, said = (after - before) / (2.0 * step), self._called(given, inside)
            scale = np.abs(self._called(source, inside)) / inside * 1e-6
            if name == "second":  # where the slope is flat, it may fall faster than the differences can tell
                scale = scale + FLAT * float(self._called(self.function, inside).max()) / inside**2
            wrong = ~(np.abs(made - said) <= AGREE * np.maximum(np.abs(made), np.abs(said)) + scale)
            if wrong.any():
                at = int(np.argmax(wrong))
                raise DomainError(
                    f"{name}: {said[at]:g} at {inside[at]:g}, where the derivative is {made[at]:g}; check its formula"
                )
