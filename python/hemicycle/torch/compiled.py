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
) -> None:
    """Write the loss of every pair, and as many of its derivatives as there are outputs for.

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
        in.

    Raises
    ------
    NonFiniteError, DomainError, NoDataError
        If a label is not finite, offsets do not rise, a pair has no label, or its weights are negative or all 0.
    """
    dtype, n_pairs = outputs[0].dtype, pred.shape[-1]

    def array(tensor: Tensor | None) -> Any:
        return None if tensor is None else tensor.detach().to(dtype).contiguous().numpy()

    loss, *known = (output.view(-1, n_pairs).numpy() for output in outputs)
    slope, curvature = (*known, None, None)[:2]
    _core.sum_gaussian_loss(
        array(pred.reshape(-1, n_pairs)),
        array(labels),
        None if offsets is None else offsets.detach().numpy(),
        array(label_weights),
        sigma,
        loss,
        slope,
        curvature,
        torch.get_num_threads(),
    )
