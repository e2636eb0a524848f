"""The objective between training the members of an ensemble apart and training them as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from hemicycle.diversity.losses import known_averaging
from hemicycle.diversity.parts import checked_beta
from hemicycle.errors import DomainError, DtypeError, IndexOutOfRangeError, OptionError, ShapeError
from hemicycle.options import known_word
from hemicycle.torch.ensemble_parts import parts_by_example
from hemicycle.torch.labels import computed_in
from hemicycle.torch.learner_dropout import checked_dropout, checked_learner_weights, left_in

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EnsembleLoss", "EnsembleParts"]

LOSSES = ("mse", "cross_entropy", "brier")


class EnsembleParts(NamedTuple):
    """What `EnsembleLoss` returns, each a tensor of no axes.

    Attributes
    ----------
    loss : Tensor
        The objective, to be minimised.
    err : Tensor
        ERR, the loss of the ensemble.
    err_bar : Tensor
        The weighted mean of the losses of the members.
    div : Tensor
        What lies between them, by its exact form; it carries no gradient.
    """

    loss: Tensor
    err: Tensor
    err_bar: Tensor
    div: Tensor


class EnsembleLoss(torch.nn.Module):
    r"""Objective of an ensemble between independent and joint training.

    .. math:: L_\beta = (1 - \beta)\, \overline{\mathrm{ERR}} + \beta\, \mathrm{ERR}

    At 0 every member is trained by itself; at 1 the ensemble is trained as one, and nothing keeps its members from
    making up for each other: their diversity is then no longer genuine.

    Parameters
    ----------
    loss : {"mse", "cross_entropy", "brier"}, default "mse"
        Squared error, summed over outputs; negative log likelihood; squared distance of probabilities from the class.
    averaging : {"score", "probability"}, optional
        What of the members is averaged. "cross_entropy" needs it; "mse" averages scores and "brier" probabilities, and
        the other has no meaning there.
    beta : float, default 0.0
        From 0 to 1.
    learner_weights : sequence of float, optional
        Weight of each member, on the simplex; equal by default.
    dropout : float, default 0.0
        Probability to leave a member out of the ensemble, drawn for each member and example, below 1. Only while
        training, see `learner_dropout`.

    Raises
    ------
    OptionError
        If `loss` or `averaging` is no such word, or the two have no meaning together.
    DomainError
        If `beta` is above 1, where the objective has no lower bound (Theorem 5.1), or below 0, the weights are not on
        the simplex, or `dropout` is not within its bounds.

    Notes
    -----
    Probabilities are averaged as logarithms, and no number is added inside of one: the loss is exact for any scores.
    DIV is a sum of terms none of which is negative.

    The weight of a member scales its gradient: in the mean of M members of equal weight each sees 1/M of the gradient
    that it would see alone. Plain gradient descent then needs M times the learning rate for the same steps; Adam, whose
    steps do not depend on the scale of gradients, needs nothing but an ``eps`` that is small beside them.

    NaN from a member that has weight gives NaN, as torch's own losses do. What a member of weight 0 predicts changes
    nothing: it may be NaN, and its gradient is 0.

    References
    ----------
    Jeffares, Liu, Crabbé and van der Schaar (2023), Joint training of deep ensembles fails due to learner collusion,
    arXiv:2301.11323, section 5.

    Examples
    --------
    >>> pred = torch.tensor([[0.0, 2.0], [2.0, 4.0]], requires_grad=True)  # (n_learners, n_examples)
    >>> parts = EnsembleLoss(beta=0.5)(pred, torch.tensor([1.0, 2.0]))
    >>> parts.loss.backward()
    >>> [part.item() for part in parts]
    [1.0, 0.5, 1.5, 1.0]
    """

    def __init__(
        self,
        loss: str = "mse",
        *,
        averaging: str | None = None,
        beta: float = 0.0,
        learner_weights: Sequence[float] | Tensor | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.kind = known_word(loss, "loss", LOSSES)
        self.averaging = known_averaging(self.kind, averaging)
        self.beta = checked_beta(beta)
        self.dropout = checked_dropout(dropout)
        self.learner_weights = checked_learner_weights(learner_weights)  # no buffer, which half() would round

    def extra_repr(self) -> str:
        """Return the settings, for the representation of a network."""
        return f"{self.kind!r}, averaging={self.averaging!r}, beta={self.beta}, dropout={self.dropout}"

    def forward(self, pred: Tensor, target: Tensor) -> EnsembleParts:
        """Return the objective and its parts, means over the examples.

        Parameters
        ----------
        pred : Tensor, shape (n_learners, n_examples) or (n_learners, n_examples, n_outputs)
            Of each member. "mse": numbers; else scores, of which the softmax are the probabilities of the classes.
        target : Tensor, shape (n_examples,) or (n_examples, n_outputs)
            "mse": numbers, shaped as the predictions of one member. Else the class of each example, int64 from 0.

        Returns
        -------
        EnsembleParts
            float64 if `pred` is, else float32.

        Raises
        ------
        DtypeError, ShapeError, DomainError, IndexOutOfRangeError, OptionError
            If they are not as described, or not on one device.
        """
        err, err_bar, div = self.of_examples(pred, target)
        return EnsembleParts(self._mixed(err, err_bar).mean(), err.mean(), err_bar.mean(), div.mean())

    def of_examples(self, pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the parts of each example, which tells apart ensembles whose examples lie one after another.

        Parameters
        ----------
        pred, target : Tensor
            As for the objective.

        Returns
        -------
        tuple of Tensor, each of shape (n_examples,)
            ERR, ERR_bar and DIV; as in `EnsembleParts`, DIV carries no gradient.

        Raises
        ------
        DtypeError, ShapeError, DomainError, IndexOutOfRangeError, OptionError
            As the objective.
        """
        numbers, classes = self._checked(pred, target)
        weights, some_without = self._weights_of(numbers)
        return parts_by_example(self.kind, self.averaging, numbers, classes, weights, some_without=some_without)

    def _mixed(self, err: Tensor, err_bar: Tensor) -> Tensor:
        """Return the objective; a part that does not count may be infinite."""
        if self.beta in (0, 1):
            return err if self.beta else err_bar
        return (1 - self.beta) * err_bar + self.beta * err

    def _checked(self, pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return predictions with an axis of outputs, and targets to match, in the dtype that is computed in."""
        for what, tensor in (("pred", pred), ("target", target)):
            if not isinstance(tensor, Tensor):
                raise DtypeError(f"{what}: expected a tensor, got {type(tensor).__name__}")
        if not pred.is_floating_point():
            raise DtypeError(f"pred: expected floating numbers, got {pred.dtype}; {_remedy(pred)}")
        if target.is_complex():
            raise DtypeError(f"target: expected real numbers or classes, got {target.dtype}; {_remedy(target)}")
        if target.device != pred.device:
            raise OptionError(f"target: it is on {target.device}, pred on {pred.device}; move one of them")
        squares = self.kind == "mse"
        if pred.ndim not in ((2, 3) if squares else (3,)) or 0 in pred.shape:
            axes = "(n_learners, n_examples[, n_outputs])" if squares else "(n_learners, n_examples, n_classes)"
            raise ShapeError(f"pred: expected shape {axes}, none of them 0, got {tuple(pred.shape)}")
        expected = pred.shape[1:] if squares else pred.shape[1:2]
        if target.shape != expected:
            raise ShapeError(f"target: expected shape {tuple(expected)}, got {tuple(target.shape)}")
        given = self.learner_weights
        if given is not None and len(given) != len(pred):
            raise ShapeError(f"pred: expected {len(given)} learners, as many as learner_weights, got {len(pred)}")
        numbers = pred.to(computed_in(pred))
        if squares:
            target = target.to(numbers.dtype)
            return (numbers, target) if pred.ndim == 3 else (numbers.unsqueeze(-1), target.unsqueeze(-1))
        _require_classes(target, pred.shape[2])
        return numbers, target

    def _weights_of(self, pred: Tensor) -> tuple[Tensor, bool]:
        """Return the weight of each member, for each example or for all, and whether some may be 0."""
        given = self.learner_weights
        weights = pred.new_full((len(pred),), 1 / len(pred)) if given is None else pred.new_tensor(given)
        if self.training and self.dropout:
            return left_in(weights, pred.shape[1], self.dropout), True
        return weights.unsqueeze(-1), given is not None and min(given) < torch.finfo(pred.dtype).tiny


def _remedy(tensor: Tensor) -> str:
    return "real and imaginary part may be two outputs, torch.view_as_real" if tensor.is_complex() else "use .float()"


def _require_classes(target: Tensor, n_classes: int) -> None:
    """Require the classes of examples; those on a device are looked up there, which refuses others."""
    if n_classes < 2:
        raise DomainError("pred: there is one class only, and nothing to predict; expected at least 2")
    if target.dtype != torch.int64:
        raise DtypeError(f"target: expected classes as int64, got {target.dtype}; use target.long()")
    if target.device.type != "cpu" or torch.compiler.is_compiling():
        return
    outside = (target < 0) | (target >= n_classes)
    if bool(outside.any()):
        position = int(outside.nonzero()[0])
        raise IndexOutOfRangeError(
            f"target[{position}] is {int(target[position])}; it must be a class, from 0 to {n_classes - 1}"
        )
