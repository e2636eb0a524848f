"""Any loss that is twice differentiable: DIV is the curvature between the average and the members (Theorem 4.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hemicycle.arrays import by_construction, numeric_array, read_only
from hemicycle.diversity.members import average, predictions_array, weighting
from hemicycle.diversity.parts import Diversity
from hemicycle.diversity.segments import Segments
from hemicycle.errors import DomainError, DtypeError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Array: TypeAlias = NDArray[np.float64]
    LossFunction: TypeAlias = Callable[[Array, NDArray[Any]], Array]

__all__ = ["Curvature", "decompose_loss"]

DIGITS = 1e-4
"""Largest part of DIV that may be the rounding of finite differences."""

ROUNDED = 10.0
"""Times their rounding that remainder and difference may differ."""

LINEAR = 1e-9
"""Part of how much losses vary between members and average below which their rounding is no matter."""

TOL = {True: 1e-9, False: 1e-5}
"""Largest disagreement of remainder and difference, of what was added: with a Hessian, and by finite differences."""


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    r"""DIV of any loss, and where it comes from.

    Attributes
    ----------
    parts : Diversity
        ERR, ERR_bar, and DIV as the weighted mean of `remainder`.
    remainder : ndarray of float64, shape (n_learners, n_examples)
        :math:`\int_0^1 (1 - t)\, d^\top H(\bar f + t d)\, d \,\mathrm{d}t` with :math:`d = f_j - \bar f`: what the loss
        of member j has above the tangent at the average. Read-only.
    point : ndarray of float64, shape (n_learners, n_examples)
        :math:`c_j` in [0, 1] with :math:`\frac12 d^\top H(\bar f + c_j d)\, d` the remainder, the least one found; 1/3,
        its limit for near members, where the curvature does not change. Read-only.
    """

    parts: Diversity
    remainder: Array
    point: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "remainder", read_only(self.remainder))
        object.__setattr__(self, "point", read_only(self.point))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)


def decompose_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    loss: LossFunction,
    *,
    hessian: LossFunction | None = None,
    weights: ArrayLike | None = None,
    example_weights: ArrayLike | None = None,
) -> Curvature:
    r"""Split any twice differentiable loss of an averaged prediction, by Taylor's theorem with its remainder.

    :math:`\mathrm{DIV} = \frac12 \sum_j w_j\, (f_j - \bar f)^\top H_L(f_j^*, y)\, (f_j - \bar f)` with
    :math:`f_j^* = \bar f + c_j (f_j - \bar f)` between the average and the member.

    Parameters
    ----------
    predictions : array_like of float, shape (n_learners, n_examples) or (n_learners, n_examples, n_outputs)
        What each member predicts; the outputs are averaged.
    targets : array_like of numbers, shape (n_examples, ...)
        What the loss takes beside a prediction.
    loss : callable
        Takes predictions, shape (n_examples[, n_outputs]), and targets, and returns a loss for each example. Both are
        read-only.
    hessian : callable, optional
        Takes the same, and returns the second derivatives of the loss in the predictions, shape (n_examples,), or
        (n_examples, n_outputs, n_outputs) for predictions with an axis of outputs. By default the second derivative
        along each segment is found by finite differences of the loss: nine digits of members far from each other, fewer
        of near ones.
    weights : array_like of float, shape (n_learners,), optional
        On the simplex; equal by default.
    example_weights : array_like of float, shape (n_examples,), optional
        As in `decompose`.

    Returns
    -------
    Curvature
        ERR, ERR_bar and DIV, the remainder of each member and the points of Lagrange.

    Raises
    ------
    DtypeError, ShapeError, NoDataError, NonFiniteError, DomainError
        As `decompose`; also if `loss` or `hessian` is no function or returns anything but finite numbers of that shape.
    DomainError
        Also if the integral of the curvature is not the difference of the losses: then the loss is not twice
        differentiable between the members and their average, varies too fast there, or `hessian` is of another loss;
        or if, without `hessian`, members are so near that rounding leaves fewer than four digits.

    Notes
    -----
    Integrals are by Gauss and Legendre, 16 points in each of 1, 2, 4, ... equal parts, until they no longer change:
    some hundred calls a member at most. The points are found by bisection after a scan, 100 calls more. Without
    `hessian` the rounding of the loss is measured by its sixth differences (Hamming), which no smooth part of it
    survives. Members of weight 0 change nothing for the others; the loss must be finite for them too.

    References
    ----------
    Jeffares, Liu, Crabbé and van der Schaar (2023), arXiv:2301.11323, Theorem 4.5.

    Examples
    --------
    >>> import numpy as np
    >>> found = decompose_loss([[0.0], [1.0]], [0.0], lambda f, y: np.exp(f - y), hessian=lambda f, y: np.exp(f - y))
    >>> f"{found.parts.div:.12f}", f"{(1 + np.e) / 2 - np.exp(0.5):.12f}"
    ('0.210419643529', '0.210419643529')
    """
    given = predictions_array(predictions, (2, 3))
    wanted = numeric_array(targets, "targets", "iuf", "integers or floats")
    if wanted.ndim == 0 or len(wanted) != given.shape[1]:
        raise ShapeError(f"targets: expected one for each of the {given.shape[1]} examples, got shape {wanted.shape}")
    weighted = weighting(len(given), given.shape[1], weights, example_weights)
    checked_loss = _function(loss, "loss", wanted, ())
    outputs = given.shape[2:] * 2
    checked_hessian = None if hessian is None else _function(hessian, "hessian", wanted, outputs)
    first = given[int(np.argmax(weighted.learners > 0))]
    apart = given - first  # equal members have an average that is the same to the last bit
    centre = average(weighted.learners, apart)
    mean, apart = first + centre, apart - centre
    segments = Segments(mean, apart, checked_loss, checked_hessian)
    remainder, noise = segments.remainder(), segments.noise()
    err, own = checked_loss(mean), np.array([checked_loss(member) for member in given])
    parts = Diversity(
        weighted.mean(err), *(weighted.mean(average(weighted.learners, each)) for each in (own, remainder))
    )
    size = weighted.mean(np.abs(err)) + weighted.mean(average(weighted.learners, np.abs(own) + np.abs(remainder)))
    rounding, spread, varies = (
        weighted.mean(average(weighted.learners, each))
        for each in (segments.rounding(noise), np.abs(remainder), np.abs(own - err))
    )
    if abs(parts.residual) > max(TOL[hessian is not None] * size, ROUNDED * rounding):
        raise DomainError(
            f"loss: its curvature gives DIV {parts.div:g}, the difference of the losses {parts.err_bar - parts.err:g}: "
            "it is not twice differentiable between the members and their average, or varies too fast there"
            + ("; pass hessian=" if hessian is None else ", or hessian is of another loss")
        )
    if rounding > max(DIGITS * spread, LINEAR * varies):
        raise DomainError(
            f"loss: members are too near each other for its rounding: finite differences find DIV {parts.div:.1g}, "
            f"give or take {rounding:.1g}; pass hessian="
        )
    return Curvature(parts, remainder, segments.points(remainder, noise))


def _function(function: Any, what: str, targets: NDArray[Any], shape: tuple[int, ...]) -> Callable[[Array], Array]:
    """Return the function of predictions alone, whose values are checked."""
    if not callable(function):
        raise DtypeError(f"{what}: expected a function of predictions and targets, got {type(function).__name__}")

    def checked(predictions: Array) -> Array:
        found = np.asarray(function(read_only(predictions), read_only(targets)))
        expected = (len(predictions), *shape)
        if found.dtype.kind not in "iuf":
            raise DtypeError(f"{what}: expected numbers, got dtype {found.dtype}")
        if found.shape != expected:
            raise ShapeError(f"{what}: expected values of shape {expected}, got {found.shape}")
        values = found.astype(np.float64)
        if not np.isfinite(values).all():
            place = [int(index) for index in np.argwhere(~np.isfinite(values))[0]]
            raise DomainError(
                f"{what}: its value for example {place[0]} is {values[tuple(place)]} between a member and the average; "
                "it must be finite there"
            )
        return values

    return checked
