"""Weights of the members of an ensemble, and members that are left out at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hemicycle.errors import DomainError, DtypeError, OptionError, ShapeError
from hemicycle.options import number_within, positive_count
from hemicycle.torch.labels import computed_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

__all__ = ["checked_dropout", "checked_learner_weights", "learner_dropout", "left_in"]

SUM_TOL = 1e-6  #: how far from 1 weights may sum, beside the rounding of their dtype


def learner_dropout(weights: Tensor, n_examples: int, p: float, *, generator: Generator | None = None) -> Tensor:
    """Leave members out at random, other ones for each example.

    Parameters
    ----------
    weights : Tensor, shape (n_learners,)
        Weight of each member, at least 0, with sum 1.
    n_examples : int
        How many draws are made, at least 1.
    p : float
        Probability to leave a member out, at least 0 and below 1.
    generator : torch.Generator, optional
        Source of the draws, by default torch's own; on the device of the weights.

    Returns
    -------
    Tensor, shape (n_learners, n_examples)
        Weights of those that are left, with sum 1. At least one is: the last that would have gone.

    Raises
    ------
    DtypeError
        If `weights` is no tensor of floating numbers, `n_examples` no integer, or `generator` no generator.
    ShapeError
        If `weights` has not one axis, or no member on it.
    DomainError
        If `weights` are below 0, NaN or sum not to 1, or `n_examples` or `p` is not within its bounds.
    OptionError
        If `generator` is on another device.

    Examples
    --------
    >>> kept = learner_dropout(torch.full((3,), 1 / 3), 4, 0.5, generator=torch.Generator().manual_seed(0))
    >>> kept.sum(0).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    if not isinstance(weights, Tensor):
        raise DtypeError(f"weights: expected a tensor, got {type(weights).__name__}; use torch.tensor(weights)")
    if not weights.is_floating_point():
        raise DtypeError(f"weights: expected floating numbers, got {weights.dtype}; use weights.float()")
    number, part = positive_count(n_examples, "n_examples"), checked_dropout(p, "p")
    if generator is not None and not isinstance(generator, torch.Generator):
        raise DtypeError(f"generator: expected a torch.Generator or None, got {type(generator).__name__}")
    if generator is not None and generator.device.type != weights.device.type:
        raise OptionError(
            f"generator: it is on {generator.device}, weights on {weights.device}; make it with torch.Generator(device)"
        )
    _require_simplex(weights, "weights")
    return left_in(weights, number, part, generator)


def left_in(weights: Tensor, n_examples: int, p: float, generator: Generator | None = None) -> Tensor:
    """Return what `learner_dropout` does, for arguments that were checked.

    Parameters
    ----------
    weights, n_examples, p, generator
        As for `learner_dropout`.

    Returns
    -------
    Tensor, shape (n_learners, n_examples)
        As from `learner_dropout`.
    """
    dtype = computed_in(weights)  # half precision has too few numbers to draw from
    drawn = torch.rand(len(weights), n_examples, dtype=dtype, device=weights.device, generator=generator)
    drawn = torch.where(weights.unsqueeze(-1) > 0, drawn, -1.0)  # a member without weight is not the one that is left
    kept = (drawn >= p) | (drawn == drawn.amax(0))
    left = torch.where(kept, weights.to(dtype).unsqueeze(-1), 0.0)
    return (left / left.sum(0)).to(weights.dtype)


def checked_dropout(p: float, what: str = "dropout") -> float:
    """Return the probability to leave a member out.

    Parameters
    ----------
    p : float
        What was given.
    what : str, default "dropout"
        Its name.

    Returns
    -------
    float
        At least 0 and below 1.

    Raises
    ------
    DtypeError, NonFiniteError, DomainError
        If it is no such number.
    """
    part = number_within(p, what, 0, 1)
    if part == 1:
        raise DomainError(f"{what} is 1; it must be below 1, or no member is left")
    return part


def checked_learner_weights(learner_weights: Sequence[float] | Tensor | None) -> tuple[float, ...] | None:
    """Return weights of the members in float64, or none where they are equal.

    Parameters
    ----------
    learner_weights : sequence of float or Tensor, optional
        What was given.

    Returns
    -------
    tuple of float or None
        On the simplex.

    Raises
    ------
    DtypeError, ShapeError, DomainError
        If they are no numbers, not on one axis or not on the simplex.
    """
    if learner_weights is None:
        return None
    try:
        kind = torch.as_tensor(learner_weights).dtype
        weights = torch.as_tensor(learner_weights, dtype=None if kind.is_complex else torch.float64).detach()
    except (TypeError, ValueError, RuntimeError):
        raise DtypeError("learner_weights: expected a number for each learner") from None
    if weights.is_complex():
        raise DtypeError(f"learner_weights: expected real numbers, got {weights.dtype}")
    _require_simplex(weights, "learner_weights")
    return tuple((weights / weights.sum()).tolist())


def _require_simplex(weights: Tensor, what: str) -> None:
    """Require weights of members, whose values are read wherever torch lets them be."""
    if weights.ndim != 1 or not len(weights):
        raise ShapeError(f"{what}: expected shape (n_learners,), at least one, got {tuple(weights.shape)}")
    if torch.compiler.is_compiling():
        return
    tol = max(SUM_TOL, torch.finfo(weights.dtype).eps if weights.is_floating_point() else 0.0)
    numbers = weights.detach().to(computed_in(weights))
    try:
        sound = bool((numbers >= 0).all()) and abs(float(numbers.sum()) - 1) <= tol
    except RuntimeError:  # vmap, or no numbers: on the device meta
        return
    if not sound:
        raise DomainError(f"{what}: they must be 0 or more and sum to 1; divide them by their sum")
