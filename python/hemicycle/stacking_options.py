"""The options of stacking, checked once for all of its problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import float_array, require_length, require_non_negative
from hemicycle.errors import NoDataError
from hemicycle.options import positive_number, thread_count
from hemicycle.solution import SimplexSolution
from hemicycle.solver_arguments import reference_weights, start_models
from hemicycle.solver_options import is_broken_after

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["StackingOptions", "stacking_options"]


@dataclass(frozen=True, slots=True)
class StackingOptions:
    """What both problems share, as the core reads it; `vertex` asks for any optimum, whose tie is broken after."""

    observation_weights: NDArray[np.float64]
    reference: NDArray[np.float64] | None
    vertex: bool
    tol: float
    start: NDArray[np.int64]
    start_weights: NDArray[np.float64]
    n_threads: int | None


def stacking_options(
    n_models: int,
    n_observations: int,
    whose: str,
    observation_weights: ArrayLike | None,
    tol: float,
    tie_break: str,
    reference: ArrayLike | None,
    start: SimplexSolution | ArrayLike | None,
    n_threads: int | None,
) -> StackingOptions:
    """Check the options that both problems share; `whose` says in messages what an observation weight is for.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError, OptionError, IndexOutOfRangeError, NoDataError
        If one of them is wrong; the message says which.
    """
    vertex = is_broken_after(tie_break, reference)
    weights = np.ones(n_observations)
    if observation_weights is not None:
        weights = float_array(observation_weights, "observation_weights", 1)
        require_length(weights, "observation_weights", n_observations, whose)
        require_non_negative(weights, "observation_weights")
        if not weights.any():
            raise NoDataError("observation_weights: all are 0, so no observation counts; one must be greater")
    models = start_models(start, n_models)
    share = start.weights[models] if isinstance(start, SimplexSolution) else np.ones(len(models))
    return StackingOptions(
        observation_weights=weights,
        reference=None if reference is None else reference_weights(reference, n_models),
        vertex=vertex,
        tol=positive_number(tol, "tol"),
        start=models,
        start_weights=share if share.any() else np.ones(len(models)),
        n_threads=thread_count(n_threads),
    )
