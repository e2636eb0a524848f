"""What a loss is given: predictions and labels, dense or ragged, checked."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, cast
from weakref import ref

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from hemicycle.errors import DtypeError, OptionError, ShapeError
from hemicycle.torch.compiled import fill

__all__ = ["Labels", "computed_in", "require_pred", "require_sound", "taken_labels"]

HALF = (torch.float16, torch.bfloat16)
FLOATING = (torch.float64, torch.float32, *HALF)

#: labels that were checked, and in which versions, with what offsets and weights
sound: Any = WeakTensorKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels of pairs, made by `taken_labels`.

    Attributes
    ----------
    values : Tensor, shape (n_labels, n_pairs) or (n_flat,)
        Log ratios that were told, contiguous.
    offsets : Tensor of int64, shape (n_pairs + 1,), or None
        Where the labels of each pair begin, if they are flat.
    weights : Tensor, shape of values, or None
        How often each label counts, contiguous.
    """

    values: Tensor
    offsets: Tensor | None
    weights: Tensor | None

    @property
    def n_pairs(self) -> int:
        """Number of pairs."""
        return self.values.shape[1] if self.offsets is None else len(self.offsets) - 1

    def total_weight(self, dtype: torch.dtype) -> Tensor:
        """Return the sum of the weights of each pair, shape (n_pairs,), in the dtype that is computed in."""
        if self.weights is not None:
            weights = self.weights.to(dtype)
            if self.offsets is None:
                return weights.sum(0)
            return torch.segment_reduce(weights, "sum", offsets=self.offsets)
        if self.offsets is not None:
            return self.offsets.diff().to(dtype)
        return torch.full((self.n_pairs,), float(len(self.values)), dtype=dtype, device=self.values.device)


def computed_in(*tensors: Tensor) -> torch.dtype:
    """Return the dtype that is computed in: float64 if a tensor is, else float32.

    Parameters
    ----------
    *tensors : Tensor
        Predictions and labels.

    Returns
    -------
    torch.dtype
        Of the loss, too.
    """
    return torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32


def require_pred(pred: object) -> Tensor:
    """Require predictions.

    Parameters
    ----------
    pred : Tensor, shape (..., n_pairs)
        What was given.

    Returns
    -------
    Tensor
        The same.

    Raises
    ------
    DtypeError, ShapeError
        If it is no tensor of floating numbers, or has no number in it.
    """
    tensor = _floating(pred, "pred")
    if tensor.ndim == 0 or tensor.numel() == 0:
        raise ShapeError(f"pred: expected shape (..., n_pairs) of at least one prediction, got {tuple(tensor.shape)}")
    return tensor


def taken_labels(pred: Tensor, labels: object, offsets: object, label_weights: object) -> Labels:
    """Return the labels of predictions, what can be seen without reading them checked.

    Parameters
    ----------
    pred : Tensor, shape (..., n_pairs)
        Predictions.
    labels, offsets, label_weights : Tensor
        As of `hemicycle.torch.sum_gaussian_loss`.

    Returns
    -------
    Labels
        Contiguous.

    Raises
    ------
    DtypeError, ShapeError
        If labels are no floating numbers, offsets no integers, or shapes do not fit.
    OptionError
        If something is on another device than `pred`, or needs a gradient.
    """
    values = _fixed(_floating(labels, "labels"), "labels", pred)
    n_pairs = pred.shape[-1]
    begins = None
    if offsets is None:
        if values.ndim != 2 or values.shape[1] != n_pairs or not len(values):
            raise ShapeError(
                f"labels: expected shape (n_labels, {n_pairs}), a column for each of the {n_pairs} pairs of pred, got "
                f"{tuple(values.shape)}; labels one after another need offsets"
            )
        if pred.ndim == 2 and n_pairs == 1 < len(values) and values.shape == pred.shape:
            warnings.warn(
                f"pred and labels both have shape {tuple(pred.shape)}: taken as {len(pred)} models of one pair, which "
                f"has {len(pred)} labels; for {len(pred)} pairs of one label pass pred.squeeze(-1) and labels.T",
                stacklevel=3,
            )
    else:
        if values.ndim != 1:
            raise ShapeError(f"labels: with offsets they are one after another, of one axis, got {tuple(values.shape)}")
        begins = _begins(offsets, pred)
    weights = None
    if label_weights is not None:
        weights = _fixed(_floating(label_weights, "label_weights"), "label_weights", pred)
        if weights.shape != values.shape:
            raise ShapeError(
                f"label_weights: expected one for each label, shape {tuple(values.shape)}, got {tuple(weights.shape)}"
            )
        weights = weights.contiguous()
    return Labels(values.contiguous(), begins, weights)


def require_sound(labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None) -> None:
    """Require finite labels, at least one of each pair, and weights >= 0 that are not all 0.

    On a CUDA device, where a check waits, what was found sound is not read again before it changes; and nothing is read
    while a graph is captured.

    Parameters
    ----------
    labels, offsets, label_weights : Tensor
        As of `Labels`, on any device.

    Raises
    ------
    NonFiniteError, DomainError, NoDataError
        The first thing that is not so, and where.
    """
    read = [tensor for tensor in (labels, offsets, label_weights) if tensor is not None]
    remembered = labels.is_cuda and not any(tensor.is_inference() for tensor in read)  # those have no version
    if remembered:
        known = sound.get(labels, [])
        if [(id(of()), version) for of, version in known] == [(id(tensor), tensor._version) for tensor in read]:
            return
    if labels.is_meta or (labels.is_cuda and torch.cuda.is_current_stream_capturing()):
        return
    if not _is_sound(labels, offsets, label_weights):  # the core says what it is
        host = [None if tensor is None else tensor.cpu() for tensor in (labels, offsets, label_weights)]
        pred = torch.zeros(Labels(labels, offsets, label_weights).n_pairs, dtype=computed_in(labels))
        fill(pred, cast("Tensor", host[0]), host[1], host[2], 1.0, (torch.empty_like(pred),))
    if remembered:
        sound[labels] = [(ref(tensor), tensor._version) for tensor in read]


def _is_sound(labels: Tensor, offsets: Tensor | None, label_weights: Tensor | None) -> bool:
    """Return whether labels and weights can be used, in few passes that make no copies of them."""
    for values in (labels, label_weights):
        if values is not None and not bool(torch.stack(torch.aminmax(values)).isfinite().all()):
            return False
    if offsets is not None:
        ends = int(offsets[0]), int(offsets[-1])
        if ends != (0, len(labels)) or int(offsets.diff().min()) <= 0:
            return False
    if label_weights is None:
        return True
    totals = Labels(labels, offsets, label_weights).total_weight(computed_in(labels))
    return bool((label_weights.min() >= 0) & (totals.min() > 0))


def _floating(given: object, name: str) -> Tensor:
    if not isinstance(given, Tensor):
        raise DtypeError(f"{name}: expected a torch.Tensor, got {type(given).__name__}")
    if given.dtype not in FLOATING:
        raise DtypeError(f"{name}: expected floating numbers, got {given.dtype}; call .to(torch.float32)")
    return given


def _fixed(tensor: Tensor, name: str, pred: Tensor) -> Tensor:
    """Require a tensor to be where the predictions are, and a constant."""
    if tensor.device != pred.device:
        raise OptionError(f"{name}: on {tensor.device}, but pred is on {pred.device}; call .to(pred.device)")
    if tensor.requires_grad:
        raise OptionError(f"{name}: needs a gradient, but the loss has one by pred alone; call .detach()")
    return tensor


def _begins(offsets: object, pred: Tensor) -> Tensor:
    if not isinstance(offsets, Tensor) or offsets.dtype not in (torch.int64, torch.int32):
        what = offsets.dtype if isinstance(offsets, Tensor) else type(offsets).__name__
        raise DtypeError(f"offsets: expected a tensor of int64, got {what}")
    _fixed(offsets, "offsets", pred)
    n_pairs = pred.shape[-1]
    if offsets.shape != (n_pairs + 1,):
        raise ShapeError(
            f"offsets: expected shape ({n_pairs + 1},), one more than pred has pairs, got {tuple(offsets.shape)}"
        )
    return offsets.to(torch.int64).contiguous()
