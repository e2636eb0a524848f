"""Losses of ensembles example by example: of the combined prediction, of the members, and the exact form of DIV."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np

from hemicycle.errors import OptionError
from hemicycle.options import known_word

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

__all__ = ["AVERAGINGS", "LOSSES", "Averaging", "ByExample", "Loss", "LossName", "known_averaging", "loss_of"]

LossName: TypeAlias = "Literal['mse', 'cross_entropy', 'brier', 'zero_one']"
"""A loss that has a closed form of DIV."""

Averaging: TypeAlias = "Literal['score', 'probability']"
"""What of the members is averaged."""

LOSSES: tuple[LossName, ...] = ("mse", "cross_entropy", "brier", "zero_one")

AVERAGINGS: dict[str, tuple[str, ...]] = {
    "mse": ("score",),
    "cross_entropy": ("score", "probability"),
    "brier": ("probability",),
    "zero_one": (),
}
"""What may be averaged under each loss; members vote under "zero_one"."""

SERIES_BELOW = 0.5  #: where exp(x) - 1 - x is summed term by term
TIE = 1e-12  #: votes whose weights differ by less are tied: sums round
SERIES_TERMS = 18  #: 0.5^18 / 20! is below the last bit of the first term


class ByExample(NamedTuple):
    """The parts of each example, each of shape (n_examples,)."""

    err: Array
    err_bar: Array
    div: Array


class Loss(Protocol):
    """A loss on predictions (n_learners, n_examples, ...) with member weights (n_learners, 1 or n_examples)."""

    def parts(self, predictions: Array, targets: Array, w: Array) -> ByExample:
        """Return ERR, ERR_bar and DIV of each example, for weights above 0."""
        ...

    def ensemble(self, predictions: Array, targets: Array, w: Array) -> Array:
        """Return the loss of the combined prediction for each example."""
        ...

    def own(self, predictions: Array, targets: Array) -> Array:
        """Return the loss of each member for each example, shape (n_learners, n_examples)."""
        ...


def known_averaging(loss: str, averaging: str | None) -> str | None:
    """Return what is averaged under a loss.

    Parameters
    ----------
    loss : str
        One of `LOSSES`.
    averaging : str or None
        What was asked for; None where the loss leaves no choice.

    Returns
    -------
    str or None
        "score" or "probability"; None where members vote.

    Raises
    ------
    OptionError
        If the loss is not known, the averaging has no meaning for it, or it must be chosen and is not.
    """
    known_word(loss, "loss", LOSSES)
    allowed = AVERAGINGS[loss]
    if averaging is None and len(allowed) > 1:
        raise OptionError(f"averaging: {loss!r} can average {' or '.join(map(repr, allowed))}; say which")
    if averaging is None:
        return allowed[0] if allowed else None
    if not allowed:
        raise OptionError(f"averaging: under {loss!r} members vote, and nothing is averaged; got {averaging!r}")
    return known_word(averaging, f"averaging of {loss!r}", allowed)


def loss_of(loss: str, averaging: str | None) -> Loss:
    """Return the loss that the two words name, as `known_averaging` reads them."""
    averaging = known_averaging(loss, averaging)
    if loss == "cross_entropy":
        return _CrossEntropyOfScores() if averaging == "score" else _CrossEntropyOfProbabilities()
    return _SquaredError() if loss in ("mse", "brier") else _Vote()


class _SquaredError:
    """Sum over outputs of squared differences; Brier's score is that of probabilities to a class."""

    def parts(self, predictions: Array, targets: Array, w: Array) -> ByExample:
        apart = predictions - predictions[0]  # before averaging: what members have in common would cost digits
        mean = _mean(apart, w)
        div = _mean(_sum_of_squares(apart - mean), w)
        err_bar = _mean(_sum_of_squares(predictions - targets), w)
        return ByExample(_sum_of_squares(predictions[0] - targets + mean), err_bar, div)

    def ensemble(self, predictions: Array, targets: Array, w: Array) -> Array:
        return _sum_of_squares(_mean(predictions - targets, w))

    def own(self, predictions: Array, targets: Array) -> Array:
        return _sum_of_squares(predictions - targets)


class _CrossEntropyOfScores:
    """Minus the log probability of the class, scores averaged: DIV is the mean of KL(q_bar || p_j)."""

    def parts(self, predictions: Array, targets: Array, w: Array) -> ByExample:
        own = log_softmax(predictions)
        mean = log_softmax(_mean(own, w))
        # sum_k p_jk = sum_k q_k: what is added to each term of KL(q || p_j) makes none of them negative
        kl = _times_exp_remainder(own - mean, np.exp(mean), mean).sum(axis=-1)  # (n_learners, n_examples)
        return ByExample(-_of_class(mean, targets), _mean(-_of_class(own, targets), w), _mean(kl, w))

    def ensemble(self, predictions: Array, targets: Array, w: Array) -> Array:
        return -_of_class(log_softmax(_mean(log_softmax(predictions), w)), targets)

    def own(self, predictions: Array, targets: Array) -> Array:
        return -_of_class(log_softmax(predictions), targets)


class _CrossEntropyOfProbabilities:
    """Minus the log probability of the class, probabilities averaged in the log domain: mean log(p_bar / p_j)."""

    def parts(self, predictions: Array, targets: Array, w: Array) -> ByExample:
        own = _of_class(log_softmax(predictions), targets)  # (n_learners, n_examples)
        mean = _log_mean_exp(own, w)
        # p_j / p_bar has the mean 1: what is added to each term of mean log(p_bar / p_j) makes none of them negative
        div = _times_exp_remainder(own - mean, w, np.log(w)).sum(axis=0)
        return ByExample(-mean, _mean(-own, w), div)

    def ensemble(self, predictions: Array, targets: Array, w: Array) -> Array:
        return -_log_mean_exp(_of_class(log_softmax(predictions), targets), w)

    def own(self, predictions: Array, targets: Array) -> Array:
        return -_of_class(log_softmax(predictions), targets)


class _Vote:
    """Whether the class with the most weight is wrong; of equals the lowest wins."""

    def parts(self, predictions: Array, targets: Array, w: Array) -> ByExample:
        wrong = self.own(predictions, targets)
        err = self.ensemble(predictions, targets, w)
        wrong_weight, right_weight = _mean(wrong, w), _mean(1 - wrong, w)
        return ByExample(err, wrong_weight, np.where(err == 0, wrong_weight, -right_weight))

    def ensemble(self, predictions: Array, targets: Array, w: Array) -> Array:
        most = np.full(targets.shape, -1.0)
        winner = np.zeros(targets.shape)
        for value in np.unique(predictions):  # ascending: a later class needs more weight
            votes = _mean(np.where(predictions == value, 1.0, 0.0), w)
            won = votes > most + TIE
            most, winner = np.where(won, votes, most), np.where(won, value, winner)
        return np.where(winner == targets, 0.0, 1.0)

    def own(self, predictions: Array, targets: Array) -> Array:
        return np.where(predictions == targets, 0.0, 1.0)


def log_softmax(scores: Array) -> Array:
    """Return the log probabilities of scores along the last axis, without overflow; a score of -inf is probability 0.

    Parameters
    ----------
    scores : ndarray of float64, shape (..., n_classes)
        Finite or -inf, not all -inf.
    """
    shifted = scores - scores.max(axis=-1, keepdims=True)
    logs: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return logs


def _mean(values: Array, w: Array) -> Array:
    """Average over members."""
    weights = w.reshape(w.shape + (1,) * (values.ndim - w.ndim))
    mean: Array = (values * weights).sum(axis=0)
    return mean


def _sum_of_squares(values: Array) -> Array:
    total: Array = (values * values).sum(axis=-1)
    return total


def _of_class(values: Array, targets: Array) -> Array:
    """Return the value of each example's class, shape (..., n_examples)."""
    index = np.broadcast_to(targets.astype(np.int64)[..., None], (*values.shape[:-1], 1))
    return np.take_along_axis(values, index, axis=-1)[..., 0]


def _log_mean_exp(values: Array, w: Array) -> Array:
    """Return log sum_j w_j exp(values_j), members of weight 0 left out whatever they say."""
    with np.errstate(divide="ignore"):
        joint = np.where(w > 0, values, -np.inf) + np.log(w)
    top = joint.max(axis=0)
    mean: Array = top + np.log(np.exp(joint - top).sum(axis=0))
    return mean


def _times_exp_remainder(x: Array, q: Array, log_q: Array) -> Array:
    """Return q (exp(x) - 1 - x), which is not negative, without cancellation or overflow where q exp(x) has none."""
    small = np.abs(x) < SERIES_BELOW
    short = np.where(small, x, 0.0)
    series = np.zeros(np.shape(short))
    for k in range(SERIES_TERMS, 1, -1):
        series = (1 + series) * short / k  # x/2 (1 + x/3 (1 + ...))
    remainder: Array = np.where(small, q * series * short, np.exp(x + log_q) - q - q * x)
    return remainder
