"""ERR, ERR_bar and DIV of each example, by kind of loss: DIV as a sum of terms of which none is negative."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = ["parts_by_example"]

SERIES_BELOW = 0.1  #: where exp(x) - 1 - x is summed term by term
SERIES_TERMS = 10  #: 2 0.1^10 / 12! is below the last bit of the first term


def parts_by_example(
    kind: str, averaging: str | None, pred: Tensor, target: Tensor, weights: Tensor, *, some_without: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ERR, ERR_bar and DIV of each example.

    Parameters
    ----------
    kind, averaging : str
        As of `EnsembleLoss`.
    pred : Tensor, shape (n_learners, n_examples, n_outputs)
        Of each member; what members of weight 0 say does not count, NaN included.
    target : Tensor, shape (n_examples, n_outputs) or (n_examples,)
        Numbers, or classes.
    weights : Tensor, shape (n_learners, 1) or (n_learners, n_examples)
        Of each member, for all examples or for each, with sum 1.
    some_without : bool
        Whether a weight may be 0.

    Returns
    -------
    tuple of Tensor, each of shape (n_examples,)
        DIV carries no gradient.
    """
    if some_without:  # a product with 0 would keep NaN, and so would its gradient
        pred = torch.where(weights.unsqueeze(-1) > 0, pred, target if kind == "mse" else 0.0)
    return _PARTS[kind, averaging](pred, target, weights)


def _squares(pred: Tensor, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the parts for targets of the shape of one member's predictions."""
    errors, w = pred - target, weights.unsqueeze(-1)
    err = (w * errors).sum(0).square().sum(-1)
    err_bar = (weights * errors.square().sum(-1)).sum(0)
    with torch.no_grad():
        # less the heaviest member, before averaging: what members have in common would cost digits
        apart = pred - torch.take_along_dim(pred, w.argmax(0, keepdim=True), 0)
        div = (weights * (apart - (w * apart).sum(0)).square().sum(-1)).sum(0)
    return err, err_bar, div


def _mean_scores(pred: Tensor, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    members = torch.log_softmax(pred, -1)
    together = torch.log_softmax((weights.unsqueeze(-1) * members).sum(0), -1)
    err, err_bar = -_at(together, target), -(weights * _at(members, target)).sum(0)
    with torch.no_grad():
        # KL(q, p) with p - q, whose sum is 0, added term by term
        p, q = members.exp(), together.exp()
        kl = torch.where(q > 0, _exp_remainder(members - together, q, p), p).sum(-1)
        div = (weights * kl).sum(0)
    return err, err_bar, div


def _mean_probabilities(pred: Tensor, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    members = _at(torch.log_softmax(pred, -1), target)
    log_weights = torch.where(weights > 0, weights, 1.0).log()
    together = torch.logsumexp(torch.where(weights > 0, members + log_weights, -math.inf), 0)
    with torch.no_grad():
        # p_j / p_bar has the mean 1: mean log(p_bar / p_j) with p_j / p_bar - 1 added term by term
        off = members - together
        terms = _exp_remainder(off, weights, (off + log_weights).exp())
        div = torch.where(weights > 0, terms, 0.0).sum(0)
    return -together, -(weights * members).sum(0), div


def _brier(pred: Tensor, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    one_hot = torch.nn.functional.one_hot(target, pred.shape[-1]).to(pred.dtype)
    return _squares(torch.softmax(pred, -1), one_hot, weights)


_PARTS: dict[tuple[str, str | None], Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]] = {
    ("mse", "score"): _squares,
    ("cross_entropy", "score"): _mean_scores,
    ("cross_entropy", "probability"): _mean_probabilities,
    ("brier", "probability"): _brier,
}


def _at(log_probabilities: Tensor, target: Tensor) -> Tensor:
    """Return the entries of the last axis that are those of the classes."""
    index = target.expand(log_probabilities.shape[:-1]).unsqueeze(-1)
    return log_probabilities.gather(-1, index).squeeze(-1)


def _exp_remainder(x: Tensor, q: Tensor, p: Tensor) -> Tensor:
    """Return q (exp(x) - 1 - x), which is not negative, for p = q exp(x), without cancellation."""
    small = x.abs() < SERIES_BELOW
    short = torch.where(small, x, 0.0)
    series = torch.full_like(short, 1 / math.factorial(SERIES_TERMS + 1))
    for k in range(SERIES_TERMS, 1, -1):
        series = series * short + 1 / math.factorial(k)  # 1/2! + x (1/3! + ...
    return torch.where(small, q * series * short.square(), p - q - q * x)
