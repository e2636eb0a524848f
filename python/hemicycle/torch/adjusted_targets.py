"""Targets that are moved against the error of the ensemble: boosting and joint training by targets alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from hemicycle.errors import DomainError, DtypeError, OptionError, ShapeError
from hemicycle.options import non_negative_number, truth

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["gradient_adjusted_targets"]


def gradient_adjusted_targets(
    pred: Tensor, target: Tensor, alpha: float, *, leave_one_out: bool = False, detach: bool = False
) -> Tensor:
    r"""Return a target for each member that makes up for the error of the ensemble.

    .. math:: \tilde y_j = y - \alpha\, (\bar f - y)

    Members that are trained to them by squares minimise :math:`(1 + \alpha)^2 L_\beta`, that of `EnsembleLoss`,
    with the beta of `hemicycle.diversity.beta_of_alpha`.

    Parameters
    ----------
    pred : Tensor, shape (n_learners, n_examples, ...)
        Of each member; equal weights.
    target : Tensor, shape (n_examples, ...)
        As the predictions of one member.
    alpha : float
        Step against the error, at least 0; with `leave_one_out` at most the number of the others, where gamma is 1.
    leave_one_out : bool, default False
        Use the mean of the other members, of which there must be one; the beta is then the gamma of
        `hemicycle.diversity.gamma_of_alpha`.
    detach : bool, default False
        Hold the targets fixed. The gradient is then another one, and the points where it vanishes are those of the
        betas and gammas of ``detach=True``.

    Returns
    -------
    Tensor, shape of pred

    Raises
    ------
    ShapeError
        If the shapes do not agree, or there are no others.
    DtypeError
        If `pred` is no tensor of floating numbers, `target` none of real ones, or `alpha` no number.
    OptionError
        If `target` is on another device.
    NonFiniteError, DomainError
        If `alpha` is not finite, or not within its bounds.

    References
    ----------
    Jeffares, Liu, Crabbé and van der Schaar (2023), Joint training of deep ensembles fails due to learner collusion,
    arXiv:2301.11323, appendix D.

    Examples
    --------
    >>> import torch
    >>> pred = torch.tensor([[1.0], [3.0]])
    >>> gradient_adjusted_targets(pred, torch.tensor([1.0]), 0.5).tolist()
    [[0.5], [0.5]]
    >>> gradient_adjusted_targets(pred, torch.tensor([1.0]), 0.5, leave_one_out=True).tolist()
    [[0.0], [1.0]]
    """
    step = non_negative_number(alpha, "alpha")
    others = _checked(pred, target) - 1
    if truth(leave_one_out, "leave_one_out"):
        if not others:
            raise ShapeError("pred: expected at least 2 learners with leave_one_out, got 1, which has no others")
        if step > others:
            raise DomainError(
                f"alpha is {step}; with leave_one_out it must be at most {others}, the number of the others"
            )
    told = pred.detach() if truth(detach, "detach") else pred
    mean = (told.sum(0) - told) / others if leave_one_out else told.mean(0).expand_as(told)
    return target - step * (mean - target)


def _checked(pred: Tensor, target: Tensor) -> int:
    """Return the number of learners, for predictions and a target that fit."""
    for what, tensor in (("pred", pred), ("target", target)):
        if not isinstance(tensor, torch.Tensor):
            raise DtypeError(f"{what}: expected a tensor, got {type(tensor).__name__}; use torch.as_tensor({what})")
    if not pred.is_floating_point():
        raise DtypeError(f"pred: expected floating numbers, got {pred.dtype}")
    if target.is_complex():
        raise DtypeError(f"target: expected real numbers, got {target.dtype}")
    if target.device != pred.device:
        raise OptionError(f"target: it is on {target.device}, pred on {pred.device}; move one of them")
    if pred.ndim < 2 or 0 in pred.shape:
        raise ShapeError(f"pred: expected shape (n_learners, n_examples, ...), none of them 0, got {tuple(pred.shape)}")
    if pred.shape[1:] != target.shape:
        raise ShapeError(
            f"target: expected the shape of one learner's pred, {tuple(pred.shape[1:])}, got {tuple(target.shape)}"
        )
    return len(pred)
