"""What disagreement earns: the loss of an ensemble beside that of its members, for every loss that has members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import float_array, index_array, require_finite, require_length
from hemicycle.diversity.losses import known_averaging, loss_of
from hemicycle.diversity.members import Weighting, predictions_array, weighting
from hemicycle.diversity.parts import Diversity
from hemicycle.errors import DomainError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.diversity.losses import Averaging, Loss, LossName

__all__ = ["Case", "case_of", "decompose", "probability_array"]

SUM_TOL = 1e-6  #: how far from 1 the probabilities of an example may sum, as of weights


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Checked predictions and targets under one loss, of the members and examples that have weight.

    Attributes
    ----------
    name : str
        The loss.
    averaging : str or None
        What is averaged.
    loss : Loss
        Its parts, example by example.
    predictions : ndarray of float64, shape (n_learners, n_examples) or (n_learners, n_examples, n_outputs)
        As the loss takes them.
    targets : ndarray of float64, shape (n_examples,) or (n_examples, n_outputs)
        Likewise.
    weighting : Weighting
        Weights of members and examples.
    """

    name: str
    averaging: str | None
    loss: Loss
    predictions: NDArray[np.float64]
    targets: NDArray[np.float64]
    weighting: Weighting

    def parts(self, predictions: NDArray[np.float64] | None = None) -> Diversity:
        """Return ERR, ERR_bar and DIV, of other predictions of this shape where they are given.

        Parameters
        ----------
        predictions : ndarray of float64, optional
            In place of those of the case.
        """
        given = self.predictions if predictions is None else predictions
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # Diversity refuses what is not finite
            found = self.loss.parts(given, self.targets, self.weighting.learners[:, None])
        return Diversity(*map(self.weighting.mean, found))


def decompose(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    loss: LossName = "mse",
    averaging: Averaging | None = None,
    weights: ArrayLike | None = None,
    example_weights: ArrayLike | None = None,
) -> Diversity:
    r"""Split the loss of an ensemble into the mean loss of its members and what their disagreement takes from it.

    :math:`\mathrm{ERR} = \overline{\mathrm{ERR}} - \mathrm{DIV}` with :math:`\mathrm{ERR} = L(\bar f, y)` and
    :math:`\overline{\mathrm{ERR}} = \sum_j w_j L(f_j, y)`, averaged over examples; DIV comes from its own formula:

    ============================  =================================================================
    loss, averaging               DIV of an example
    ============================  =================================================================
    "mse"                         :math:`\sum_j w_j \lVert f_j - \bar f \rVert^2`
    "cross_entropy", "score"      :math:`\sum_j w_j \mathrm{KL}(\bar q \,\Vert\, p_j)`
    "cross_entropy",              :math:`\sum_j w_j \log (\bar p_k / p_{jk})` at the class k
    "probability"
    "brier"                       :math:`\sum_j w_j \lVert p_j - \bar p \rVert^2`
    "zero_one"                    the weight that is wrong where the vote is right, minus the weight
                                  that is right where the vote is wrong; it may be negative
    ============================  =================================================================

    Parameters
    ----------
    predictions : array_like, shape (n_learners, n_examples) or (n_learners, n_examples, n_outputs)
        Of each member. "mse": numbers, with or without an axis of outputs, whose squares are summed. "cross_entropy":
        scores of the classes (log probabilities are scores; -inf may stand for a class that is not the example's, where
        probabilities are averaged). "brier": probabilities of the classes. "zero_one": the class that each member votes
        for, integers, shape (n_learners, n_examples); of scores ``argmax(-1)``, which gives ties to the lowest.
    targets : array_like, shape (n_examples,) or (n_examples, n_outputs)
        "mse": numbers, shaped as the predictions of one member. Else the class of each example, integers from 0.
    loss : {"mse", "cross_entropy", "brier", "zero_one"}, default "mse"
        For another one see `decompose_loss`.
    averaging : {"score", "probability"}, optional
        What of the members is averaged; "cross_entropy" needs it, the other losses leave no choice.
    weights : array_like of float, shape (n_learners,), optional
        On the simplex; equal by default.
    example_weights : array_like of float, shape (n_examples,), optional
        Weight of each example in the means, >= 0, not all 0; equal by default.

    Returns
    -------
    Diversity
        ``err``, ``err_bar``, ``div`` and their ``ratio``; ``residual`` is what rounding leaves of their identity.

    Raises
    ------
    OptionError
        If `loss` or `averaging` is no such word, or the two have no meaning together.
    DtypeError, ShapeError
        If an array is not of numbers, members disagree in shape, or shapes do not agree.
    NoDataError
        If there is no member or no example, or every example weighs 0.
    NonFiniteError
        If a number is not finite, or a loss is beyond the largest float64.
    DomainError
        If there is one class only, probabilities or weights are not on the simplex, or a member gives an example's
        class the probability 0 under "cross_entropy".
    IndexOutOfRangeError
        If a class is negative or not below the number of classes.

    Notes
    -----
    Time and memory are a few times those of `predictions`. Every form of DIV is a sum of terms that are not negative
    (but for the 0-1 loss), so that members which hardly differ keep their digits. Members of weight 0 change
    nothing, to the last bit, but must be finite like the others. Votes whose weights differ by less than 1e-12 are
    tied; the lowest class wins.

    References
    ----------
    Jeffares, Liu, Crabbé and van der Schaar (2023), Joint training of deep ensembles fails due to learner collusion,
    arXiv:2301.11323. For "mse" Krogh and Vedelsby (1995), Neural network ensembles, cross validation, and active
    learning.

    Examples
    --------
    >>> decompose([[0.0, 2.0], [2.0, 4.0]], [1.0, 2.0])
    Diversity(err=0.5, err_bar=1.5, div=1.0)
    """
    return case_of(predictions, targets, loss, averaging, weights, example_weights).parts()


def case_of(
    predictions: ArrayLike,
    targets: ArrayLike,
    loss: str,
    averaging: str | None,
    weights: ArrayLike | None,
    example_weights: ArrayLike | None,
) -> Case:
    """Return predictions and targets as a case, all of it checked as `decompose` says."""
    averaging = known_averaging(loss, averaging)
    found: NDArray[Any]
    if loss == "mse":
        found = predictions_array(predictions, (2, 3))
        expected = float_array(targets, "targets", found.ndim - 1)
        if expected.shape != found.shape[1:]:
            raise ShapeError(f"targets: expected shape {found.shape[1:]}, that of one learner, got {expected.shape}")
        require_finite(expected, "targets")
        if found.ndim == 2:
            found, expected = found[..., None], expected[:, None]
    elif loss == "zero_one":
        found = _votes(predictions)
        expected = index_array(targets, "targets", of_what="classes").astype(np.float64)
    else:
        is_log = loss == "cross_entropy"
        found = predictions_array(predictions, (3,), infinite=averaging == "probability" and is_log)
        if found.shape[2] < 2:
            raise DomainError("predictions: there is one class only, and nothing to predict; expected at least 2")
        if not is_log:
            found = probability_array(found)
        expected = index_array(targets, "targets", found.shape[2], "classes").astype(np.float64)
    require_length(expected, "targets", found.shape[1], "the examples")
    weighted = weighting(len(found), found.shape[1], weights, example_weights)
    if loss == "cross_entropy":
        _require_possible(found, expected, weighted)
    if loss == "brier":
        expected = np.eye(found.shape[2])[expected.astype(np.int64)]
    members, examples = weighted.learners > 0, weighted.examples > 0  # the others are as if absent
    if not (members.all() and examples.all()):
        found, expected = found[np.ix_(members, examples)], expected[examples]
        weighted = Weighting(weighted.learners[members], weighted.examples[examples])
    return Case(loss, averaging, loss_of(loss, averaging), found, expected, weighted)


def probability_array(predictions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities with an exact sum of 1 over the last axis.

    Parameters
    ----------
    predictions : ndarray of float64, shape (n_learners, n_examples, n_classes)
        Non-negative, of sum 1 within 1e-6.

    Raises
    ------
    DomainError
        If they are not on the simplex.
    """
    if (predictions < 0).any():
        place = [int(index) for index in np.argwhere(predictions < 0)[0]]
        raise DomainError(f"predictions{place} is {predictions[tuple(place)]}; a probability must not be negative")
    total = predictions.sum(axis=-1)
    if (np.abs(total - 1) > SUM_TOL).any():
        learner, example = (int(index) for index in np.argwhere(np.abs(total - 1) > SUM_TOL)[0])
        raise DomainError(
            f"predictions[{learner}, {example}]: the probabilities sum to {total[learner, example]}; they must sum to "
            "1: turn scores into probabilities by softmax"
        )
    normalised: NDArray[np.float64] = predictions / total[..., None]
    return normalised


def _votes(predictions: ArrayLike) -> NDArray[np.float64]:
    """Return the votes of the members; classes are integers from 0."""
    votes = predictions_array(predictions, (2,))
    bad = (votes < 0) | (votes != np.floor(votes))
    if bad.any():
        learner, example = (int(index) for index in np.argwhere(bad)[0])
        raise DomainError(
            f"predictions[{learner}, {example}] is {votes[learner, example]}; a vote is a class, an integer from 0: of "
            "scores take argmax(-1)"
        )
    return votes


def _require_possible(scores: NDArray[np.float64], classes: NDArray[np.float64], weighted: Weighting) -> None:
    """Refuse a member that gives an example's class no probability: its loss is infinite."""
    own = np.take_along_axis(scores, classes.astype(np.int64)[None, :, None], axis=-1)[..., 0]
    impossible = (own == -np.inf) & (weighted.learners > 0)[:, None] & (weighted.examples > 0)
    if impossible.any():
        learner, example = (int(index) for index in np.argwhere(impossible)[0])
        raise DomainError(
            f"predictions[{learner}, {example}] gives the class {int(classes[example])} of the example the probability "
            "0, so that its cross entropy is infinite; use scores or log probabilities that are finite"
        )
