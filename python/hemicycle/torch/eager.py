"""The losses in plain operations of torch: of every device, and differentiable to any order."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["dense_sum_gaussian", "gaussian", "ragged_sum_gaussian"]


def dense_sum_gaussian(pred: Tensor, labels: Tensor, label_weights: Tensor | None, sigma: float) -> tuple[Tensor, ...]:
    """Return loss, slope and curvature where all pairs have equally many labels.

    Parameters
    ----------
    pred : Tensor, shape (..., n_pairs)
        Predicted log ratios.
    labels : Tensor, shape (n_labels, n_pairs)
        Log ratios that were told.
    label_weights : Tensor, shape (n_labels, n_pairs), optional
        How often each label counts.
    sigma : float
        Width of the Gaussian at each label.

    Returns
    -------
    tuple of Tensor, three of the shape of pred
        The loss, its derivative by `pred`, and the derivative of that.
    """
    distance = (pred.unsqueeze(-2) - labels) / sigma
    power = -0.5 * distance.square()
    if label_weights is not None:
        power = power + label_weights.log()
    share = torch.softmax(power, -2)
    mean = (share * distance).sum(-2)
    spread = (share * (distance - mean.unsqueeze(-2)).square()).sum(-2)
    return -torch.logsumexp(power, -2), mean / sigma, (1 - spread) / sigma**2


def ragged_sum_gaussian(
    pred: Tensor, labels: Tensor, offsets: Tensor, label_weights: Tensor | None, sigma: float
) -> tuple[Tensor, ...]:
    """Return loss, slope and curvature of pairs with labels one after another, as `dense_sum_gaussian`.

    Parameters
    ----------
    pred : Tensor, shape (..., n_pairs)
        Predicted log ratios.
    labels : Tensor, shape (n_flat,)
        Labels of the first pair, then of the second.
    offsets : Tensor of int64, shape (n_pairs + 1,)
        Where those of each pair begin.
    label_weights, sigma
        As of `dense_sum_gaussian`.

    Returns
    -------
    tuple of Tensor, three of the shape of pred
        Loss, slope and curvature.
    """
    pair = pair_of_label(offsets)
    index = pair.expand(*pred.shape[:-1], -1)
    distance = (pred[..., pair] - labels) / sigma
    power = -0.5 * distance.square()
    if label_weights is not None:
        power = power + label_weights.log()
    most = torch.full_like(pred, -torch.inf).scatter_reduce(-1, index, power, "amax")
    density = (power - most[..., pair]).exp()
    total = torch.zeros_like(pred).index_add(-1, pair, density)
    share = density / total[..., pair]
    mean = torch.zeros_like(pred).index_add(-1, pair, share * distance)
    off = (distance - mean[..., pair]).square()
    spread = torch.zeros_like(pred).index_add(-1, pair, share * off)
    return -(most + total.log()), mean / sigma, (1 - spread) / sigma**2


def gaussian(
    pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float
) -> Tensor:
    """Return half the weighted sum of squared distances in sigmas, of dense or ragged labels.

    Parameters
    ----------
    pred : Tensor, shape (..., n_pairs)
        Predicted log ratios.
    labels : Tensor, shape (n_labels, n_pairs) or (n_flat,)
        Log ratios that were told.
    offsets : Tensor of int64, shape (n_pairs + 1,), optional
        Where the labels of each pair begin, if they are flat.
    label_weights : Tensor, shape of labels, optional
        How often each label counts.
    sigma : float
        Width of the Gaussian at each label.

    Returns
    -------
    Tensor, shape of pred
        The sum of each pair.
    """
    weights = torch.ones_like(labels) if label_weights is None else label_weights
    total, mean = _sum(weights, offsets), _sum(weights * labels, offsets)
    mean = mean / total
    around = labels - (mean if offsets is None else mean[pair_of_label(offsets)])
    rest = _sum(weights * around.square(), offsets)
    return (total * (pred - mean).square() + rest) / (2 * sigma**2)


def pair_of_label(offsets: Tensor) -> Tensor:
    """Return the pair that each label is of.

    Parameters
    ----------
    offsets : Tensor of int64, shape (n_pairs + 1,)
        Where the labels of each pair begin.

    Returns
    -------
    Tensor of int64, shape (n_flat,)
        Ascending.
    """
    pairs = torch.arange(len(offsets) - 1, device=offsets.device)
    return torch.repeat_interleave(pairs, offsets.diff())


def _sum(values: Tensor, offsets: Tensor | None) -> Tensor:
    """Return the sums of values over the labels of each pair."""
    if offsets is None:
        return values.sum(0)
    return torch.segment_reduce(values, "sum", offsets=offsets)
