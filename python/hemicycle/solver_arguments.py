"""Arguments that functions of the simplex share: numbers by model, reference weights, where to start, solutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import float_array, index_array, require_finite, require_non_negative
from hemicycle.errors import DomainError, DtypeError, OptionError, ShapeError
from hemicycle.solution import SimplexSolution

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments

__all__ = ["per_model", "reference_weights", "require_own", "require_solution", "start_models"]

SAME = 1e-6  #: objectives of one solution, relative to the labels, may differ so much


def start_models(start: SimplexSolution | ArrayLike | None, n_models: int) -> NDArray[np.int64]:
    """Return the models to begin with.

    Raises
    ------
    OptionError
        If `start` is a solution that names no models.
    ShapeError, DtypeError, IndexOutOfRangeError
        If it is no list of models.
    """
    if isinstance(start, SimplexSolution):
        if start.vertex is None:
            raise OptionError("start: this solution does not name the models of a vertex; give indices of models")
        start = start.vertex
    if start is None:
        return np.zeros(0, dtype=np.int64)
    try:
        models = np.asanyarray(start)
    except ValueError as error:
        raise ShapeError(f"start: {error}") from None
    return index_array(models if models.size else np.zeros(0, dtype=np.int64), "start", n_models, "models")


def per_model(values: ArrayLike, what: str, n_models: int) -> NDArray[np.float64]:
    """Return one finite number a model, shape (n_models,).

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError
        If it is none.
    """
    array = float_array(values, what, 1)
    if len(array) != n_models:
        raise ShapeError(f"{what}: expected length {n_models}, one number a model, got {len(array)}")
    require_finite(array, what)
    return array


def reference_weights(values: ArrayLike, n_models: int) -> NDArray[np.float64]:
    """Return weights to be near to, divided by their sum, shape (n_models,).

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError
        If they are not weights of the models.
    """
    array = per_model(values, "reference", n_models)
    require_non_negative(array, "reference")
    largest = array.max()
    if largest == 0:
        raise DomainError("reference: all values are 0; one must be greater")
    scaled: NDArray[np.float64] = array / largest  # keeps the sum of huge or tiny values in range
    scaled /= scaled.sum()
    return scaled


def require_solution(solution: object, n_models: int) -> None:
    """Raise DtypeError unless it is a solution, and ShapeError unless it has a weight for each model."""
    if not isinstance(solution, SimplexSolution):
        what = type(solution).__name__
        raise DtypeError(f"solution: expected a SimplexSolution, as pair_least_squares returns, got {what}")
    if len(solution.weights) != n_models:
        raise ShapeError(f"solution: expected the weights of {n_models} models, got {len(solution.weights)}")


def require_own(solution: SimplexSolution, matrix: NDArray[Any], judgments: Judgments) -> None:
    """Refuse a solution of `pair_least_squares` for another problem: its weights have another loss here.

    Parameters
    ----------
    solution : SimplexSolution
        What was given back. The objective of one that was found under prices holds these, and is not compared.
    matrix : ndarray, shape (n_models, n_items)
        The logits.
    judgments : Judgments
        Its items are the columns.

    Raises
    ------
    DomainError
        If the loss is not the objective.
    """
    if solution.cost is not None:
        return
    pairs, support = judgments.pairs, solution.support
    items = np.unique(np.concatenate([pairs.a, pairs.b]))
    pooled = np.zeros(matrix.shape[1])
    first, second = pairs.a[pairs.pair_of_label], pairs.b[pairs.pair_of_label]
    with np.errstate(invalid="ignore", over="ignore"):  # logits that are no numbers are refused by their readers
        pooled[items] = solution.weights[support] @ matrix[np.ix_(support, items)].astype(np.float64)
        loss = float(np.sum(pairs.weight * (pooled[second] - pooled[first] - pairs.log_ratio) ** 2))
        known, largest = solution.objective, np.abs(matrix[np.ix_(support, items)]).max(initial=0.0)
        scale = known + float(pairs.weight @ (np.abs(pairs.log_ratio) + largest) ** 2)
    if abs(loss - known) > SAME * scale:
        raise DomainError(
            f"solution: its objective is {known:.6g}, and {loss:.6g} for these logits and judgments; "
            "give what pair_least_squares returns for them"
        )
