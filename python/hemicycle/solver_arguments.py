"""Arguments that the solvers over the simplex share: numbers by model, reference weights, where to start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import float_array, index_array, require_finite, require_non_negative
from hemicycle.errors import DomainError, OptionError, ShapeError
from hemicycle.solution import SimplexSolution

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["per_model", "reference_weights", "start_models"]


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
