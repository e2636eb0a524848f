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

__all__ = ["SumGaussian", "sum_gaussian", "summed"]


@torch.library.custom_op("hemicycle::sum_gaussian", mutates_args=())
def sum_gaussian(
    pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float, order: int,
    scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return loss, slope and curvature of every pair, or the sum of the losses; what is above the order is empty.

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
    scale : float, optional
        Sum the losses over pairs; the sum and its derivatives are multiplied by this.

    Returns
    -------
    tuple of Tensor, three of the shape of pred or empty
        With `scale` the loss has no last axis. float64 if `pred` or `labels` are, else float32.

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
    return _three(summed(found, scale)[: order + 1])


@sum_gaussian.register_kernel("cpu")
def _(
    pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float, order: int,
    scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    outputs = _outputs(pred, computed_in(pred, labels), order, scale)
    compiled.fill(pred, labels, offsets, label_weights, sigma, outputs, scale)
    return _three(outputs)


if find_spec("triton") is not None:
    from hemicycle.torch import kernels

    @sum_gaussian.register_kernel("cuda")
    def _(
        pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float, order: int,
        scale: float | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        require_sound(labels, offsets, label_weights)
        outputs = _outputs(pred, computed_in(pred, labels), order, scale)
        with torch.cuda.device(pred.device):
            weights = None if label_weights is None else label_weights.contiguous()
            kernels.fill(pred.contiguous(), labels.contiguous(), offsets, weights, sigma, outputs, scale)
        return _three(outputs)


@sum_gaussian.register_fake
def _(
    pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float, order: int,
    scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    return _three(_outputs(pred, computed_in(pred, labels), order, scale))


@sum_gaussian.register_vmap
def _(
    info: Any, in_dims: tuple[int | None, ...],
    pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float, order: int,
    scale: float | None = None,
) -> tuple[tuple[Tensor, ...], tuple[int | None, ...]]:  # fmt: skip
    of_pred, of_labels, of_offsets, of_weights = in_dims[:4]
    if of_offsets is not None:
        raise OptionError("offsets: vmap over them would need pairs of other sizes for each; keep them outside of it")
    pred = pred.movedim(of_pred, 0) if of_pred is not None else pred.expand(info.batch_size, *pred.shape)
    out_dims = tuple(0 if part <= order else None for part in range(3))
    if of_labels is None and of_weights is None:
        return sum_gaussian(pred, labels, offsets, label_weights, sigma, order, scale), out_dims
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
    return _three(summed(unfolded, scale)), out_dims


class SumGaussian(torch.autograd.Function):
    """Loss and slope of `sum_gaussian`; the slope is made with the loss, and kept for the gradient by `pred`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float, order: int,
        scale: float | None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        loss, slope, _ = sum_gaussian(pred, labels, offsets, label_weights, sigma, order, scale)
        return loss, slope

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        *tensors, ctx.sigma, _, ctx.scale = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)  # zeros by the slope, of which nothing asks a gradient
        ctx.save_for_backward(output[1], *tensors)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        by_loss, (slope, pred, *rest) = grad_outputs[0], ctx.saved_tensors
        if by_loss is None:
            return (None,) * 7
        if ctx.scale is not None:
            by_loss = by_loss.unsqueeze(-1)
            if _leaves_as_it_is(by_loss):
                return (slope.to(pred.dtype), *[None] * 6)
        return (Pull.apply(by_loss, slope, pred, *rest, ctx.sigma, ctx.scale), *[None] * 6)


class Pull(torch.autograd.Function):
    """The gradient of `SumGaussian` by `pred`, which a curvature differentiates once more."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        by_loss: Tensor, slope: Tensor, pred: Tensor, labels: Tensor,
        offsets: Tensor | None, label_weights: Tensor | None, sigma: float, scale: float | None,
    ) -> Tensor:  # fmt: skip
        return (by_loss * slope).to(pred.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, ctx.sigma, ctx.scale = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (by_pull,) = grad_outputs
        by_loss, slope, *given = ctx.saved_tensors
        curvature = Curvature.apply(*given, ctx.sigma, ctx.scale)
        by_pred = (by_pull * by_loss * curvature).to(given[0].dtype)
        by_slope = by_pull * slope
        if ctx.scale is not None:
            by_slope = by_slope.sum(-1, keepdim=True)
        return (by_slope, None, by_pred, *[None] * 5)


class Curvature(torch.autograd.Function):
    """The second derivative of the loss of every pair, where derivatives end."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        pred: Tensor, labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None, sigma: float,
        scale: float | None,
    ) -> Tensor:  # fmt: skip
        curvature: Tensor = sum_gaussian(pred, labels, offsets, label_weights, sigma, 2, scale)[2]
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


def _leaves_as_it_is(factor: Tensor) -> bool:
    """Return whether a factor is known to be 1, where that is cheaper: the CPU's, of a loss itself."""
    if torch.is_grad_enabled() or torch.compiler.is_compiling() or type(factor) is not Tensor:
        return False
    try:
        return factor.device.type == "cpu" and bool((factor == 1).all())
    except RuntimeError:  # vmap: of each gradient another
        return False


def summed(found: tuple[Tensor, ...], scale: float | None) -> tuple[Tensor, ...]:
    """Return the sum of the losses over the pairs, and the derivatives, all times a number, if there is one.

    Parameters
    ----------
    found : tuple of Tensor
        The loss of every pair and its derivatives, of shape (..., n_pairs).
    scale : float or None
        The number.

    Returns
    -------
    tuple of Tensor
        The first without the last axis.
    """
    if scale is None:
        return found
    loss, *derivatives = found
    return loss.sum(-1) * scale, *(derivative * scale for derivative in derivatives)


def _outputs(pred: Tensor, dtype: torch.dtype, order: int, scale: float | None) -> tuple[Tensor, ...]:
    shapes = [pred.shape if scale is None else pred.shape[:-1], *[pred.shape] * order]
    return tuple(torch.empty(shape, dtype=dtype, device=pred.device) for shape in shapes)


def _three(found: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
    empty = [found[0].new_empty(0) for _ in range(3 - len(found))]
    return (*found, *empty)  # type: ignore[return-value]
