"""What the members of an ensemble predict, and how much each of them and each example weighs, checked at the door."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import float_array, require_length, require_non_negative, simplex_weights
from hemicycle.errors import NoDataError, NonFiniteError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Weighting", "average", "predictions_array", "weighting"]


@dataclass(frozen=True, slots=True, eq=False)
class Weighting:
    """Weights of members and of examples, each of sum 1.

    Attributes
    ----------
    learners : ndarray of float64, shape (n_learners,)
        w_j >= 0.
    examples : ndarray of float64, shape (n_examples,)
        Part of each example in a mean >= 0.
    """

    learners: NDArray[np.float64]
    examples: NDArray[np.float64]

    def mean(self, by_example: NDArray[np.float64]) -> float:
        """Return the weighted mean of a number of each example.

        Parameters
        ----------
        by_example : ndarray of float64, shape (n_examples,)
            The numbers.
        """
        return math.fsum(self.examples * by_example)


def predictions_array(predictions: ArrayLike, ndims: tuple[int, ...], *, infinite: bool = False) -> NDArray[Any]:
    """Return predictions as float64, the members along the first axis.

    Parameters
    ----------
    predictions : array_like of float, shape (n_learners, n_examples) or (n_learners, n_examples, n_outputs)
        What each member predicts.
    ndims : tuple of int
        Numbers of dimensions that it may have.
    infinite : bool, default False
        Whether -inf may stand among them.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    DtypeError
        If they are not real numbers, or masked.
    ShapeError
        If members disagree in shape, the number of dimensions is another, or there are no outputs.
    NoDataError
        If there is no member or no example.
    NonFiniteError
        If one is NaN, +inf or, where that is not allowed, -inf, of a member without weight too.
    """
    try:
        ndim = np.ndim(predictions)
    except ValueError:
        shapes = [np.shape(member) for member in predictions]  # type: ignore[union-attr]
        raise ShapeError(f"predictions: learners disagree in shape: {_disagreement(shapes)}") from None
    if ndim not in ndims:
        expected = " or ".join(str(each) for each in ndims)
        raise ShapeError(
            f"predictions: expected {expected} dimensions (learners, examples, outputs), got shape "
            f"{np.shape(predictions)}"
        )
    array = float_array(predictions, "predictions", ndim)
    if not len(array):
        raise NoDataError("predictions: there is no learner")
    if not array.shape[1]:
        raise NoDataError("predictions: there is no example, so there is nothing to average over; is the set empty?")
    if not array.size:
        raise ShapeError(f"predictions: expected at least one output, got shape {array.shape}")
    bad = ~np.isfinite(array) & ~(infinite & (array == -np.inf))
    if bad.any():
        place = [int(index) for index in np.argwhere(bad)[0]]
        raise NonFiniteError(
            f"predictions{place} is {array[tuple(place)]}; what learner {place[0]} predicts must be finite, whatever "
            "its weight: leave it out, or fill what it lacks"
        )
    return array


def average(learners: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted mean over members; those of weight 0 do not change a bit of it.

    Parameters
    ----------
    learners : ndarray of float64, shape (n_learners,)
        Their weights.
    values : ndarray of float64, shape (n_learners, ...)
        Numbers of each member.
    """
    members = learners > 0
    w = learners[members].reshape((-1,) + (1,) * (values.ndim - 1))
    mean: NDArray[np.float64] = (w * values[members]).sum(axis=0)
    return mean


def weighting(
    n_learners: int, n_examples: int, weights: ArrayLike | None, example_weights: ArrayLike | None
) -> Weighting:
    """Return the weights of members and examples.

    Parameters
    ----------
    n_learners, n_examples : int
        How many there are.
    weights : array_like of float, shape (n_learners,), optional
        On the simplex; equal by default.
    example_weights : array_like of float, shape (n_examples,), optional
        Any numbers >= 0, not all 0; equal by default. They are divided by their sum.

    Returns
    -------
    Weighting
        Both of sum 1.

    Raises
    ------
    DtypeError, ShapeError
        If they are not one number for each.
    NonFiniteError, DomainError
        If one is not finite or negative, or `weights` do not sum to 1 within 1e-6.
    NoDataError
        If all examples weigh 0.
    """
    learners = np.full(n_learners, 1 / n_learners)
    if weights is not None:
        given = simplex_weights(weights, n_learners, "predictions")
        learners = given / math.fsum(given)
    examples = np.full(n_examples, 1 / n_examples)
    if example_weights is not None:
        given = float_array(example_weights, "example_weights", 1)
        require_length(given, "example_weights", n_examples, "the examples")
        require_non_negative(given, "example_weights")
        if not given.any():
            raise NoDataError("example_weights: every example has the weight 0")
        scaled = given / given.max()  # sums of large numbers may overflow
        examples = scaled / math.fsum(scaled)
    return Weighting(learners, examples)


def _disagreement(shapes: list[tuple[int, ...]]) -> str:
    other = next((j for j, shape in enumerate(shapes) if shape != shapes[0]), 0)
    return f"learner 0 has {shapes[0]}, learner {other} has {shapes[other]}"
