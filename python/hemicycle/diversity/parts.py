"""The error of an ensemble, that of its members, and the difference between them; what is trained between the two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hemicycle.errors import DomainError, DtypeError, NonFiniteError
from hemicycle.options import finite_number

__all__ = ["Diversity", "augmented_objective", "checked_beta", "generalization_gap"]


@dataclass(frozen=True, slots=True)
class Diversity:
    """Error of an ensemble, mean error of its members, and what lies between: ``err = err_bar - div``.

    Attributes
    ----------
    err : float
        ERR, the loss of the combined prediction.
    err_bar : float
        The weighted mean of the losses of the members.
    div : float
        DIV by its exact form, not as a difference. Never negative, but for the 0-1 loss and losses that are not convex.
    """

    err: float
    err_bar: float
    div: float

    @property
    def ratio(self) -> float:
        """Part of the members' error that combining them takes away, ``div / err_bar``; 0 where they have none."""
        return self.div / self.err_bar if self.err_bar else 0.0

    @property
    def residual(self) -> float:
        """What rounding leaves of ``err_bar - err - div``."""
        return self.err_bar - self.err - self.div

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.err, self.err_bar, self.div))):
            raise NonFiniteError("predictions: a loss is beyond the largest float64; scale predictions down")

    def summary(self) -> dict[str, float]:
        """Return the four numbers by name."""
        return {"err": self.err, "err_bar": self.err_bar, "div": self.div, "ratio": self.ratio}


def augmented_objective(parts: Diversity, beta: float) -> float:
    r"""Return the objective between independent and joint training.

    :math:`L_\beta = (1 - \beta) \overline{\mathrm{ERR}} + \beta\, \mathrm{ERR} = \overline{\mathrm{ERR}} - \beta\,
    \mathrm{DIV}`.

    Parameters
    ----------
    parts : Diversity
        What `decompose` found.
    beta : float
        From 0, where every member is trained by itself, to 1, where the ensemble is trained as one.

    Returns
    -------
    float
        Its value.

    Raises
    ------
    DtypeError
        If `parts` is no `Diversity`, or `beta` no number.
    NonFiniteError, DomainError
        If `beta` is not finite, below 0 or above 1.

    References
    ----------
    Jeffares, Liu, Crabbé and van der Schaar (2023), Joint training of deep ensembles fails due to learner collusion,
    arXiv:2301.11323, section 5.

    Examples
    --------
    >>> augmented_objective(Diversity(err=1.0, err_bar=3.0, div=2.0), 0.25)
    2.5
    """
    _require_parts(parts, "parts")
    share = checked_beta(beta)
    return (1 - share) * parts.err_bar + share * parts.err


def checked_beta(beta: float) -> float:
    """Return beta as a float from 0 to 1.

    Parameters
    ----------
    beta : float
        The share of the ensemble's error in the objective.

    Returns
    -------
    float
        The same number.

    Raises
    ------
    DtypeError, NonFiniteError
        If it is no finite number.
    DomainError
        If it is above 1, where the objective has no lower bound, or below 0.
    """
    number = finite_number(beta, "beta")
    if number > 1:
        raise DomainError(
            f"beta is {number}; it must be at most 1: above, the objective ERR + (1 - beta) DIV falls without bound as "
            "members move apart while their average stays (Theorem 5.1)"
        )
    if number < 0:
        raise DomainError(f"beta is {number}; it must be at least 0: below, it lies not between ERR_bar and ERR")
    return number


def generalization_gap(train: Diversity, test: Diversity) -> float:
    """Return by how much the ensemble's error grows from the examples it was trained on to others.

    Parameters
    ----------
    train, test : Diversity
        What `decompose` found on both sets, by the same loss.

    Returns
    -------
    float
        ``test.err - train.err``.

    Raises
    ------
    DtypeError
        If one of them is no `Diversity`.

    Examples
    --------
    >>> generalization_gap(Diversity(1.0, 3.0, 2.0), Diversity(2.5, 4.0, 1.5))
    1.5
    """
    _require_parts(train, "train")
    _require_parts(test, "test")
    return test.err - train.err


def _require_parts(parts: Any, what: str) -> None:
    if not isinstance(parts, Diversity):
        raise DtypeError(f"{what}: expected a Diversity, got {type(parts).__name__}; decompose(...) makes one")
