"""Exceptions of hemicycle: each derives from `HemicycleError` and from the builtin that users expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hemicycle.rejects import Rejects

__all__ = [
    "DomainError",
    "DtypeError",
    "FormatError",
    "HemicycleError",
    "HemicycleWarning",
    "IndexOutOfRangeError",
    "LeakWarning",
    "MissingExtraError",
    "NoDataError",
    "NonFiniteError",
    "NotCertifiedWarning",
    "NotConvergedError",
    "ObservationsDroppedWarning",
    "OptionError",
    "ShapeError",
    "StoreError",
    "TieBreakWarning",
    "UnknownItemError",
]


class HemicycleError(Exception):
    """Base class of every error that hemicycle raises."""


class HemicycleWarning(UserWarning):
    """Base class of every warning that hemicycle gives: the result stands, but something was left out."""


class LeakWarning(HemicycleWarning):
    """Models fit the judgments better than one can that did not see them."""


class NotCertifiedWarning(HemicycleWarning):
    """Weights of a round are the best that were found, but rounding kept their certificate from the tolerance."""


class ObservationsDroppedWarning(HemicycleWarning):
    """Observations were left out because no model gives them a density above 0."""


class TieBreakWarning(HemicycleWarning):
    """Weights are optimal and certified, but rounding kept them from being those that the tie-break names."""


class ShapeError(HemicycleError, ValueError):
    """An array has the wrong number of dimensions or a length that does not agree with another."""


class DtypeError(HemicycleError, TypeError):
    """An array has a dtype that cannot be used without loss, or an argument has the wrong type."""


class IndexOutOfRangeError(HemicycleError, IndexError):
    """An index points outside its axis."""


class NonFiniteError(HemicycleError, ValueError):
    """A value is NaN or infinite where a finite one is needed."""


class DomainError(HemicycleError, ValueError):
    """A finite value lies outside the domain of the function."""


class OptionError(HemicycleError, ValueError):
    """A named option is not one of those that exist."""


class FormatError(HemicycleError, ValueError):
    """A file or frame cannot be read as what it should be."""


class UnknownItemError(HemicycleError, KeyError):
    """An item is not part of the round."""

    def __str__(self) -> str:
        """Return the message itself; `KeyError` would show its repr."""
        return str(self.args[0]) if self.args else ""


class NoDataError(HemicycleError, ValueError):
    """Nothing usable is left: no judgment, no model, or no pair that the models cover.

    Attributes
    ----------
    rejects : tuple of Reject
        What was turned away on the way, and why.
    """

    def __init__(self, message: str, rejects: Rejects = ()) -> None:
        super().__init__(message)
        self.rejects = rejects


class StoreError(HemicycleError, RuntimeError):
    """A store cannot be used: there is none, it is damaged, or somebody else is writing to it."""


class MissingExtraError(HemicycleError, ImportError):
    """A feature needs a package of an extra that is not installed."""


class NotConvergedError(HemicycleError, RuntimeError):
    """A solver stopped before its certificate was small enough.

    Attributes
    ----------
    weights : ndarray of float64, shape (n_models,)
        The best iterate.
    gap : float
        Its certificate: the objective is at most this far from the optimum.
    passes : int
        Passes over the models that were made.
    """

    def __init__(self, message: str, weights: NDArray[np.float64], gap: float, passes: int) -> None:
        super().__init__(message)
        self.weights = weights
        self.gap = gap
        self.passes = passes
