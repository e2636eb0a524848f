"""Losses of predicted log ratios against the labels of a jury."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch._C._functorch import is_batchedtensor

from hemicycle.options import known_word, number_within, truth
from hemicycle.running import SIGMA_RANGE
from hemicycle.torch.eager import gaussian
from hemicycle.torch.judged import JudgedPairs
from hemicycle.torch.labels import Labels, computed_in, require_pred, require_sound, taken_labels
from hemicycle.torch.operators import SumGaussian

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from hemicycle.judgments import Judgments

__all__ = ["REDUCTIONS", "SumGaussianLoss", "gaussian_loss", "pairwise_sum_gaussian_loss", "sum_gaussian_loss"]

REDUCTIONS = ("mean", "sum", "none")
ROOT_OF_TAU = math.sqrt(2 * math.pi)


def sum_gaussian_loss(
    pred: Tensor,
    labels: Tensor,
    *,
    sigma: float = 0.5,
    offsets: Tensor | None = None,
    label_weights: Tensor | None = None,
    reduction: str = "mean",
    full: bool = False,
) -> Tensor:
    r"""Loss of predictions under a sum of Gaussians at the labels: one step from the mean squared error.

    With labels :math:`y_i` of one pair, of weights :math:`u_i`,

    .. math:: L(\mu) = -\log \sum_i u_i \exp\left(-\frac{(\mu - y_i)^2}{2 \sigma^2}\right).

    Where people disagree it has a minimum near each camp, and not between them, where nobody is.

    Parameters
    ----------
    pred : Tensor, shape (..., n_pairs)
        Predicted log ratios, natural log, of one model or of any batch of them. float64, float32, bfloat16 or float16.
        A network that ends in one number a pair gives shape (n_pairs, 1): pass ``pred.squeeze(-1)``.
    labels : Tensor, shape (n_labels, n_pairs), or (n_flat,) with `offsets`
        Log ratios that people gave, on the device of `pred`, without a gradient: a column for each pair, or those of
        the first pair, then those of the second.
    sigma : float, default 0.5
        Width of the Gaussian at each label, in the unit of `pred`; from 1e-6 to 1e6.
    offsets : Tensor of int64, shape (n_pairs + 1,), optional
        Where the labels of each pair begin in flat `labels`; the last is their number.
    label_weights : Tensor, shape of labels, optional
        How often each label counts, finite and >= 0, not all 0 for a pair; 1 by default.
    reduction : {"mean", "sum", "none"}, default "mean"
        Mean or sum over all pairs and batches, or the loss of each.
    full : bool, default False
        Add the constant :math:`\log \sum_i u_i + \log(\sigma \sqrt{2 \pi})`, so that the loss is minus the logarithm of
        the density that judges a submission.

    Returns
    -------
    Tensor, of no axes, or of the shape of pred
        float64 if `pred` or `labels` are float64, else float32.

    Raises
    ------
    DtypeError, ShapeError
        If a tensor is not of floating numbers, or the shapes do not fit.
    NonFiniteError
        If a label is NaN or infinite.
    DomainError
        If `sigma` is not within its bounds, `offsets` do not rise from 0 to the number of labels, or a weight is
        negative.
    NoDataError
        If a pair has no label, or none of a weight above 0.
    OptionError
        If `reduction` is no such word, labels are on another device, or need a gradient.

    Notes
    -----
    Time: one pass over the labels, which makes the derivative too; one number a prediction is kept for it. With labels
    and predictions within 1e15 `sigma` of each other loss and gradient do not overflow (a gradient in float16 ends at
    65504: 100 `sigma` are well within it from a `sigma` of 0.002 on). A prediction that is NaN has the loss NaN. First
    and second derivatives by `pred` exist, `torch.func` included (reverse mode) and torch.compile (the first); the
    second costs another pass.

    On the CPU the compiled core of this package does it, with torch's number of threads; CUDA tensors go through Triton
    kernels that give the same bits each time. Labels on a CUDA device are checked when they are first seen, or changed.

    References
    ----------
    "On diversity and many-model ensembling", the proposal of the sum-Gaussian likelihood.

    Examples
    --------
    Five people say 1 and five -1. The minimum of the mean squared error is 0; here it is a maximum.

    >>> labels = torch.tensor([1.0] * 5 + [-1.0] * 5)[:, None]
    >>> [round(sum_gaussian_loss(torch.tensor([mu]), labels).item(), 3) for mu in (-1.0, 0.0, 1.0)]
    [-1.61, -0.303, -1.61]
    """
    taken = taken_labels(require_pred(pred), labels, offsets, label_weights)
    width, word = number_within(sigma, "sigma", *SIGMA_RANGE), known_word(reduction, "reduction", REDUCTIONS)
    return _sum_gaussian(pred, taken, width, word, truth(full, "full"))


def gaussian_loss(
    pred: Tensor,
    labels: Tensor,
    *,
    sigma: float = 0.5,
    offsets: Tensor | None = None,
    label_weights: Tensor | None = None,
    reduction: str = "mean",
    full: bool = False,
) -> Tensor:
    r"""Loss of predictions under a product of Gaussians at the labels: the squared error, for contrast.

    .. math:: L(\mu) = \sum_i u_i \frac{(\mu - y_i)^2}{2 \sigma^2}

    Parameters
    ----------
    pred, labels, sigma, offsets, label_weights, reduction
        As of `sum_gaussian_loss`.
    full : bool, default False
        Add the constant :math:`\log(\sigma \sqrt{2 \pi}) \sum_i u_i`.

    Returns
    -------
    Tensor, of no axes, or of the shape of pred
        float64 if `pred` or `labels` are float64, else float32.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError, NoDataError, OptionError
        As `sum_gaussian_loss`.

    Notes
    -----
    Plain operations of torch, on every device. Where torch.compile traces it, or vmap runs over labels or weights,
    these are not read, and what is not finite in them makes a loss that is not finite.

    Examples
    --------
    >>> gaussian_loss(torch.tensor([0.0]), torch.tensor([[1.0], [-1.0]]))
    tensor(4.)
    """
    taken = taken_labels(require_pred(pred), labels, offsets, label_weights)
    width, word = number_within(sigma, "sigma", *SIGMA_RANGE), known_word(reduction, "reduction", REDUCTIONS)
    if not torch.compiler.is_compiling() and not _batched(taken):
        require_sound(taken.values, taken.offsets, taken.weights)
    dtype = computed_in(pred, taken.values)
    weights = None if taken.weights is None else taken.weights.to(dtype)
    loss = gaussian(pred.to(dtype), taken.values.to(dtype), taken.offsets, weights, width)
    if truth(full, "full"):
        loss = loss + taken.total_weight(loss.dtype) * math.log(width * ROOT_OF_TAU)
    return _reduced(loss, word)


def pairwise_sum_gaussian_loss(
    logits: Tensor,
    judgments: Judgments,
    *,
    sigma: float = 0.5,
    pair_weights: str | ArrayLike = "equal",
    reduction: str = "mean",
    full: bool = False,
) -> Tensor:
    """Loss of the logits of items against the judgments of a jury, as `sum_gaussian_loss` of their differences.

    Parameters
    ----------
    logits : Tensor, shape (..., n_items)
        Log contribution of each item, natural log, of one model or of any batch of them; the last axis is in the order
        of ``judgments.items``.
    judgments : Judgments
        What the jury said; ordinal judgments and those of weight 0 do not count. They are kept on the device of
        `logits`, so that training does not send them again.
    sigma : float, default 0.5
        Width of the Gaussian at each label, in the unit of ``log_ratio``; from 1e-6 to 1e6.
    pair_weights : {"equal", "total"} or array_like, shape (n_pairs,), default "equal"
        How much each pair counts: 1, the sum of the weights of its labels, or numbers >= 0.
    reduction : {"mean", "sum", "none"}, default "mean"
        Mean over pairs, by their weights, and over batches; sum of weight times loss; or that of each pair.
    full : bool, default False
        Add the constant: the sum of a model is then minus its `hemicycle.log_likelihood`.

    Returns
    -------
    Tensor, of no axes, or of shape (..., n_pairs)
        float64 if `logits` are, else float32.

    Raises
    ------
    DtypeError, ShapeError
        If `logits` are no floating numbers, or not of one column for each item.
    NoDataError
        If no judgment says how much, with a weight above 0; or all pairs weigh 0 and a mean was asked for.
    DomainError, NonFiniteError, OptionError
        As `sum_gaussian_loss`.

    Examples
    --------
    >>> from hemicycle import Judgments
    >>> judgments = Judgments.from_arrays(a=[0, 0, 1], b=[1, 1, 2], log_ratio=[0.7, 0.9, -0.4])
    >>> logits = torch.zeros(3, requires_grad=True)
    >>> pairwise_sum_gaussian_loss(logits, judgments).backward()
    >>> logits.grad
    tensor([ 1.5381, -2.3381,  0.8000])
    """
    width, word = number_within(sigma, "sigma", *SIGMA_RANGE), known_word(reduction, "reduction", REDUCTIONS)
    pairs = JudgedPairs.of(judgments, logits)
    wide = logits.to(computed_in(logits))  # differences of halves would be rounded
    pred = wide[..., pairs.b] - wide[..., pairs.a]
    weight = pairs.weight(pair_weights, word == "mean")
    if weight is None:
        return _sum_gaussian(pred, pairs.labels, width, word, truth(full, "full"))
    loss = weight * _sum_gaussian(pred, pairs.labels, width, "none", truth(full, "full"))
    return _reduced(loss, word) if word != "mean" else loss.sum(-1).mean() / weight.sum()


class SumGaussianLoss(torch.nn.Module):
    """`sum_gaussian_loss` as a module.

    Parameters
    ----------
    sigma : float, default 0.5
        Width of the Gaussian at each label.
    reduction : {"mean", "sum", "none"}, default "mean"
        Mean or sum over all pairs and batches, or the loss of each.
    full : bool, default False
        Add the constant of the density.

    Examples
    --------
    >>> loss = SumGaussianLoss(sigma=1.0)
    >>> loss(torch.zeros(1), torch.tensor([[1.0]]))
    tensor(0.5000)
    """

    def __init__(self, sigma: float = 0.5, reduction: str = "mean", full: bool = False) -> None:
        super().__init__()
        self.sigma = number_within(sigma, "sigma", *SIGMA_RANGE)
        self.reduction = known_word(reduction, "reduction", REDUCTIONS)
        self.full = truth(full, "full")

    def extra_repr(self) -> str:
        """Return the settings, for the representation of a network."""
        return f"sigma={self.sigma}, reduction={self.reduction!r}, full={self.full}"

    def forward(
        self, pred: Tensor, labels: Tensor, offsets: Tensor | None = None, label_weights: Tensor | None = None
    ) -> Tensor:
        """Return the loss.

        Parameters
        ----------
        pred, labels, offsets, label_weights : Tensor
            As of `sum_gaussian_loss`.

        Returns
        -------
        Tensor, of no axes, or of the shape of pred
            As of `sum_gaussian_loss`.
        """
        return sum_gaussian_loss(
            pred,
            labels,
            sigma=self.sigma,
            offsets=offsets,
            label_weights=label_weights,
            reduction=self.reduction,
            full=self.full,
        )


def _batched(labels: Labels) -> bool:
    """Return whether vmap runs over labels or weights, which then cannot be read."""
    given = (labels.values, labels.weights)
    return any(tensor is not None and is_batchedtensor(tensor) for tensor in given)


def _sum_gaussian(pred: Tensor, labels: Labels, sigma: float, word: str, full: bool) -> Tensor:
    # under vmap a tensor does not say whether something outside of it differentiates
    needed = pred.requires_grad or is_batchedtensor(pred)
    order = int(torch.is_grad_enabled() and needed)
    scale = {"mean": 1 / pred.numel(), "sum": 1.0, "none": None}[word]
    loss: Tensor = SumGaussian.apply(pred, labels.values, labels.offsets, labels.weights, sigma, order, scale)[0]
    if full:
        constant = (labels.total_weight(loss.dtype) * (sigma * ROOT_OF_TAU)).log()
        loss = loss + (constant if scale is None else constant.sum() * scale)
    return loss if scale is None or loss.ndim == 0 else loss.sum()


def _reduced(loss: Tensor, word: str) -> Tensor:
    if word == "none":
        return loss
    return loss.mean() if word == "mean" else loss.sum()
