"""The loss on the CPU, by the compiled core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from hemicycle import _core

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["fill"]


def fill(
    pred: Tensor,
    labels: Tensor,
    offsets: Tensor | None,
    label_weights: Tensor | None,
    sigma: float,
    outputs: tuple[Tensor, ...],
    scale: float | None = None,
) -> None:
    """Write the loss of every pair, or its sum, and as many of its derivatives as there are outputs for.

    Parameters
    ----------
    pred : Tensor, shape (..., n_pairs)
        Of any floating dtype, as labels and weights.
    labels : Tensor, shape (n_labels, n_pairs) or (n_flat,)
        Contiguous.
    offsets : Tensor of int64, shape (n_pairs + 1,), optional
        Where the labels of each pair begin in `labels`.
    label_weights : Tensor, shape of labels, optional
        Contiguous.
    sigma : float
        Width of the Gaussian at each label.
    outputs : tuple of Tensor
        Loss, slope and curvature, of the shape of `pred`, contiguous, float32 or float64: the dtype that is computed
        in. With `scale` the loss has no last axis.
    scale : float, optional
        Sum the losses of the pairs; the sum and its derivatives are multiplied by this.

    Raises
    ------
    NonFiniteError, DomainError, NoDataError
        If a label is not finite, offsets do not rise, a pair has no label, or its weights are negative or all 0.
    """
    loss, *derivatives = outputs
    dtype, n_pairs = loss.dtype, pred.shape[-1]

    def array(tensor: Tensor | None) -> Any:
        return None if tensor is None else tensor.detach().to(dtype).contiguous().numpy()

    sums = None if scale is None else torch.empty(loss.numel(), dtype=torch.float64)
    slope, curvature = (*(output.view(-1, n_pairs).numpy() for output in derivatives), None, None)[:2]
    _core.sum_gaussian_loss(
        array(pred.reshape(-1, n_pairs)),
        array(labels),
        None if offsets is None else offsets.detach().numpy(),
        array(label_weights),
        sigma,
        (loss.view(-1, n_pairs) if sums is None else sums).numpy(),
        slope,
        curvature,
        scale,
        torch.get_num_threads(),
    )
    if sums is not None:
        loss.view(-1).copy_(sums)
