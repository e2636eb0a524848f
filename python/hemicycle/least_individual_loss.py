"""The tie-break by the least individual loss: of all optimal weights, those of the models that are best alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hemicycle.errors import NotConvergedError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from hemicycle import _core
    from hemicycle.optimal_face import OptimalFace
    from hemicycle.solution import SimplexSolution

__all__ = ["least_individual_loss"]


def least_individual_loss(
    solution: SimplexSolution,
    face: OptimalFace,
    loss: NDArray[np.float64],
    certify: Callable[[NDArray[np.float64]], _core.CertifiedWeights],
) -> SimplexSolution:
    """Return a solution with, of all optimal weights, those of the least mean loss of a model.

    Parameters
    ----------
    solution : SimplexSolution
        Any optimum.
    face : OptimalFace
        All of them.
    loss : ndarray of float64, shape (n_face,)
        Of each model of the face by itself, in any unit.
    certify : callable
        Takes weights of all models; returns their certificate, or that of weights on the way to them.

    Raises
    ------
    NotConvergedError
        If the linear program finds no end; it carries the weights of `solution`.
    """
    try:
        best = face.first_minimiser(loss).spread(len(solution.weights))
    except NotConvergedError as error:
        what = f"tie_break='least_individual_loss': {error}; tie_break='nearest' needs no linear program"
        raise NotConvergedError(what, solution.weights, solution.gap, solution.passes) from error
    certified = certify(best)
    rounded = "" if certified.whole else ", as far as rounding lets weights fit"
    return replace(
        solution,
        weights=certified.weights,
        objective=certified.objective,
        gap=certified.gap,
        relative_gap=certified.relative_gap,
        passes=solution.passes + face.passes + certified.passes,
        reason=f"the least individual loss among the optima{rounded}",
        tie_broken=certified.whole,
    )
