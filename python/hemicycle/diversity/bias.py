"""How much of the disagreement is that members are shifted against each other, which says nothing of any example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hemicycle.diversity.decomposition import case_of
from hemicycle.diversity.members import average, predictions_array, weighting
from hemicycle.errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.diversity.decomposition import Case
    from hemicycle.diversity.losses import Averaging, LossName

__all__ = ["BIASED", "bias_of_case", "bias_share", "debias"]

BIASED = (("mse", "score"), ("brier", "probability"), ("cross_entropy", "score"))
"""Losses and averagings whose DIV is known of predictions that are shifted."""


def debias(
    predictions: ArrayLike, *, weights: ArrayLike | None = None, example_weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    r"""Shift every member by a constant such that all have the mean of the ensemble; its average stays as it is.

    From member j :math:`b_j = \operatorname{mean}_i f_{ij} - \operatorname{mean}_i \bar f_i` is subtracted, output by
    output. For squared error no other shifts leave less DIV.

    Parameters
    ----------
    predictions : array_like of float, shape (n_learners, n_examples) or (n_learners, n_examples, n_outputs)
        What each member predicts.
    weights : array_like of float, shape (n_learners,), optional
        On the simplex; equal by default.
    example_weights : array_like of float, shape (n_examples,), optional
        Weight of each example in the means, >= 0, not all 0; equal by default.

    Returns
    -------
    ndarray of float64
        Shaped as `predictions`.

    Raises
    ------
    DtypeError, ShapeError, NoDataError, NonFiniteError, DomainError
        As `decompose`.

    Notes
    -----
    A member of weight 0 is shifted too, and changes nothing for the others.

    References
    ----------
    Jeffares, Liu, Crabbé and van der Schaar (2023), arXiv:2301.11323, appendix C.1.

    Examples
    --------
    >>> debias([[1.0, 3.0], [4.0, 8.0]])
    array([[3., 5.],
           [2., 6.]])
    """
    given = predictions_array(predictions, (2, 3))
    weighted = weighting(len(given), given.shape[1], weights, example_weights)
    return given - _shifts(given, weighted.learners, weighted.examples)


def bias_share(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    loss: LossName = "mse",
    averaging: Averaging | None = None,
    weights: ArrayLike | None = None,
    example_weights: ArrayLike | None = None,
) -> float:
    """Return the part of DIV that `debias` takes away.

    Parameters
    ----------
    predictions, targets : array_like
        As in `decompose`.
    loss : {"mse", "brier", "cross_entropy"}, default "mse"
        "brier" shifts probabilities, whose sum stays 1.
    averaging : {"score", "probability"}, optional
        As in `decompose`; "cross_entropy" of averaged scores only, as probabilities cannot be shifted in their logs.
    weights : array_like of float, shape (n_learners,), optional
        On the simplex; equal by default.
    example_weights : array_like of float, shape (n_examples,), optional
        As in `decompose`.

    Returns
    -------
    float
        From 0 to 1 for "mse" and "brier"; 0 where there is no DIV. For "cross_entropy", where the shifts are not the
        best, it may be negative.

    Raises
    ------
    OptionError
        If nothing is shifted under the loss.
    DtypeError, ShapeError, NoDataError, NonFiniteError, DomainError, IndexOutOfRangeError
        As `decompose`.

    Examples
    --------
    >>> bias_share([[0.0, 2.0], [3.0, 3.0]], [1.0, 2.0])
    0.8
    """
    return bias_of_case(case_of(predictions, targets, loss, averaging, weights, example_weights))


def bias_of_case(case: Case) -> float:
    """Return the part of DIV that debiasing takes away, as `bias_share` says."""
    if (case.name, case.averaging) not in BIASED:
        raise OptionError(
            f"loss: members cannot be shifted under {case.name!r}"
            + (f" with averaging={case.averaging!r}" if case.averaging else "")
            + "; the bias share is known of 'mse', 'brier', and of 'cross_entropy' with averaging='score'"
        )
    shifts = _shifts(case.predictions, case.weighting.learners, case.weighting.examples)
    div = case.parts().div
    if case.name == "cross_entropy":
        common = case.predictions[0].max(axis=-1, keepdims=True)  # means nothing to scores, and would cost digits
        return 1 - case.parts(case.predictions - common - shifts).div / div if div else 0.0
    explained = float(case.weighting.learners @ (shifts**2).sum(axis=(1, 2)))
    return min(1.0, explained / div) if div else 0.0


def _shifts(
    predictions: NDArray[np.float64], learners: NDArray[np.float64], examples: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far the mean of each member is from that of the ensemble, shape (n_learners, 1, ...)."""
    members, counted = learners > 0, examples > 0
    apart = predictions - predictions[members][0]  # before averaging: what members have in common would cost digits
    apart = apart - average(learners, apart)
    v = examples[counted].reshape((-1,) + (1,) * (predictions.ndim - 2))
    shifts: NDArray[np.float64] = (apart[:, counted] * v).sum(axis=1)
    return shifts[:, None]
