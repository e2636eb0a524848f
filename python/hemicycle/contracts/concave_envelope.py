"""The least concave curve above one that has a kink: what makes an upper bound hold for all contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.contracts.bisection import last_positive, upper_end
from hemicycle.errors import DomainError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.contracts.accuracy import Accuracy

__all__ = ["ConcaveEnvelope"]


class ConcaveEnvelope:
    """The least concave function above a curve on amounts of at least 0: a line from the origin, then the curve.

    Parameters
    ----------
    curve : Accuracy
        0 up to its threshold, concave from there on: an accuracy, or what models are worth.

    Attributes
    ----------
    tangent : float
        Where the line touches the curve: from there on the two are the same. 0 where the curve has no kink.
    slope : float
        Of the line: the most that an amount is worth per unit.

    Raises
    ------
    DomainError
        If the curve never flattens.

    Examples
    --------
    >>> from hemicycle.contracts.accuracy import GeneralizationBound
    >>> envelope = ConcaveEnvelope(GeneralizationBound())
    >>> round(envelope.tangent, 6), envelope.value([100, 1000]).round(4).tolist()
    (127.242827, [0.2494, 0.74])
    """

    def __init__(self, curve: Accuracy) -> None:
        self._curve = curve
        self.tangent = self._touching()
        self.slope = float(curve.derivative(self.tangent))

    def value(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return its values."""
        amounts = np.asarray(amount, dtype=np.float64)
        return np.where(amounts < self.tangent, self.slope * amounts, self._curve.value(amounts))

    def derivative(self, amount: ArrayLike) -> NDArray[np.float64]:
        """Return its first derivative."""
        amounts = np.asarray(amount, dtype=np.float64)
        return np.where(amounts < self.tangent, self.slope, self._curve.derivative(amounts))

    def _touching(self) -> float:
        curve, threshold = self._curve, float(self._curve.threshold)
        if threshold == 0.0:
            return 0.0

        def rising(amount: NDArray[np.float64]) -> NDArray[np.float64]:
            return amount * curve.derivative(amount) - curve.value(amount)  # the sign of the slope of value / amount

        end = upper_end(rising, threshold, 1)
        if np.isinf(end[0]):
            raise DomainError(f"accuracy: it never flattens above its threshold {threshold:g}; give one that saturates")
        return float(last_positive(rising, np.array([threshold]), end)[0])
