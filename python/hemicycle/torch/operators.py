"""The sum-Gaussian loss as an operator of torch: compiled core on the CPU, Triton on CUDA, plain torch elsewhere.

`sum_gaussian` is a custom operator, so that torch.compile keeps it whole; `SumGaussian` differentiates it twice and
carries it through `torch.func`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from hemicycle.errors import OptionError
from hemicycle.torch import compiled
from hemicycle.torch.eager import dense_sum_gaussian, ragged_sum_gaussian
from hemicycle.torch.labels import computed_in, require_sound

__all__ = ["SumGaussian", "sum_gaussian"]


@torch.library.custom_op("hemicycle::sum_gaussian", mutates_args=())
def sum_gaussian(
    pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float, order: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return loss, slope and curvature of every pair; those above the order are empty.

    Parameters
    ----------
    pred : Tensor, shape (..., n_pairs)
        Predicted log ratios.
    labels, offsets, label_weights : Tensor
        As of `hemicycle.torch.labels.Labels`.
    sigma : float
        Width of the Gaussian at each label.
    order : int
        0 for the loss, 1 for its derivative by `pred` too, 2 for the second derivative too.

    Returns
    -------
    tuple of Tensor, three of the shape of pred or empty
        float64 if `pred` or `labels` are, else float32.

    Raises
    ------
    NonFiniteError, DomainError, NoDataError
        If a label is not finite, a pair has none, or a weight is not sound.
    """
    require_sound(labels, offsets, label_weights)
    dtype = computed_in(pred, labels)
    weights = None if label_weights is None else label_weights.to(dtype)
    if offsets is None:
        found = dense_sum_gaussian(pred.to(dtype), labels.to(dtype), weights, sigma)
    else:
        found = ragged_sum_gaussian(pred.to(dtype), labels.to(dtype), offsets, weights, sigma)
    return _three(found[: order + 1])


@sum_gaussian.register_kernel("cpu")
def _(
    pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float, order: int
) -> tuple[Tensor, Tensor, Tensor]:
    outputs = _outputs(pred, computed_in(pred, labels), order)
    compiled.fill(pred, labels, offsets, label_weights, sigma, outputs)
    return _three(outputs)


if find_spec("triton") is not None:
    from hemicycle.torch import kernels

    @sum_gaussian.register_kernel("cuda")
    def _(
        pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float, order: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        require_sound(labels, offsets, label_weights)
        outputs = _outputs(pred, computed_in(pred, labels), order)
        with torch.cuda.device(pred.device):
            weights = None if label_weights is None else label_weights.contiguous()
            kernels.fill(pred.contiguous(), labels.contiguous(), offsets, weights, sigma, outputs)
        return _three(outputs)


@sum_gaussian.register_fake
def _(
    pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float, order: int
) -> tuple[Tensor, Tensor, Tensor]:
    return _three(_outputs(pred, computed_in(pred, labels), order))


@sum_gaussian.register_vmap
def _(info: Any, in_dims: tuple[int | None, ...], *given: Any) -> tuple[tuple[Tensor, ...], tuple[int | None, ...]]:
    pred, labels, offsets, label_weights, sigma, order = given
    of_pred, of_labels, of_offsets, of_weights = in_dims[:4]
    if of_offsets is not None:
        raise OptionError("offsets: vmap over them would need pairs of other sizes for each; keep them outside of it")
    pred = pred.movedim(of_pred, 0) if of_pred is not None else pred.expand(info.batch_size, *pred.shape)
    out_dims = tuple(0 if part <= order else None for part in range(3))
    if of_labels is None and of_weights is None:
        return sum_gaussian(pred, labels, offsets, label_weights, sigma, order), out_dims
    # each of the batch has labels of its own: the batch becomes more pairs
    n, pairs = info.batch_size, pred.shape[-1]
    wide = pred.movedim(0, -2).reshape(*pred.shape[1:-1], n * pairs)
    labels = _folded(labels, of_labels, n, offsets is None)
    if label_weights is not None:
        label_weights = _folded(label_weights, of_weights, n, offsets is None)
    if offsets is not None:
        begins = offsets[:-1] + len(labels) // n * torch.arange(n, device=offsets.device)[:, None]
        offsets = torch.cat([begins.reshape(-1), begins.new_full((1,), len(labels))])
    found = sum_gaussian(wide, labels, offsets, label_weights, sigma, order)[: order + 1]
    unfolded = tuple(part.reshape(*pred.shape[1:-1], n, pairs).movedim(-2, 0) for part in found)
    return _three(unfolded), out_dims


class SumGaussian(torch.autograd.Function):
    """Loss and slope of every pair; the slope is made with the loss, and kept for the gradient by `pred`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float, order: int
    ) -> tuple[Tensor, Tensor]:
        loss, slope, _ = sum_gaussian(pred, labels, offsets, label_weights, sigma, order)
        return loss, slope

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        *tensors, ctx.sigma, _ = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1], *tensors)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        return (Pull.apply(grad_outputs[0], *ctx.saved_tensors, ctx.sigma), None, None, None, None, None)


class Pull(torch.autograd.Function):
    """The gradient of `SumGaussian` by `pred`, which a curvature differentiates once more."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        by_loss: Tensor, slope: Tensor, pred: Tensor, labels: Tensor,
        offsets: Tensor | None, label_weights: Tensor | None, sigma: float,
    ) -> Tensor:  # fmt: skip
        return (by_loss * slope).to(pred.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, ctx.sigma = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (by_pull,) = grad_outputs
        by_loss, slope, *given = ctx.saved_tensors
        curvature = Curvature.apply(*given, ctx.sigma)
        by_pred = (by_pull * by_loss * curvature).to(given[0].dtype)
        return (by_pull * slope, None, by_pred, None, None, None, None)


class Curvature(torch.autograd.Function):
    """The second derivative of the loss of every pair, where derivatives end."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float
    ) -> Tensor:
        curvature: Tensor = sum_gaussian(pred, labels, offsets, label_weights, sigma, 2)[2]
        return curvature

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[None, ...]:
        raise OptionError("pred: the loss has derivatives up to the second, and a third was asked for")


def _folded(tensor: Tensor, dim: int | None, n: int, dense: bool) -> Tensor:
    """Return labels of n batches as labels of one: columns beside columns, or flat after flat."""
    batches = tensor.movedim(dim, 0) if dim is not None else tensor.expand(n, *tensor.shape)
    return batches.movedim(0, 1).flatten(1) if dense else batches.flatten()


def _outputs(pred: Tensor, dtype: torch.dtype, order: int) -> tuple[Tensor, ...]:
    shape = pred.shape
    return tuple(torch.empty(shape, dtype=dtype, device=pred.device) for _ in range(order + 1))


def _three(found: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
    empty = [found[0].new_empty(0) for _ in range(3 - len(found))]
    return (*found, *empty)  # type: ignore[return-value]
