"""The options of least squares over the simplex, checked once for all of its problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from hemicycle.errors import OptionError
from hemicycle.options import finite_number, known_word, positive_number, thread_count
from hemicycle.solver_arguments import per_model, reference_weights, start_models

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.solution import SimplexSolution

__all__ = ["TIE_BREAKS", "SolverOptions", "TieBreak", "is_broken_after", "solver_options"]

SOLVERS = ("working_set", "projected_gradient")

TieBreak: TypeAlias = Literal["nearest", "least_individual_loss"]
"""Which of several optimal weights."""

TIE_BREAKS: tuple[TieBreak, ...] = ("nearest", "least_individual_loss")


@dataclass(frozen=True, slots=True)
class SolverOptions:
    """What both problems share, as the core reads it; `vertex` asks for any optimum, whose tie is broken after."""

    projected_gradient: bool
    reference: NDArray[np.float64] | None
    vertex: bool
    l2: float
    cost: NDArray[np.float64] | None
    tol: float
    start: NDArray[np.int64]
    n_threads: int | None


def is_broken_after(tie_break: str, reference: ArrayLike | None) -> bool:
    """Return whether a tie is broken after the core has found an optimum, not by the core.

    Raises
    ------
    OptionError
        If there is no such tie-break, or it has no reference and one is given.
    """
    known_word(tie_break, "tie_break", TIE_BREAKS)
    if reference is not None and tie_break != "nearest":
        raise OptionError(f"reference: only tie_break='nearest' has one, got tie_break={tie_break!r}")
    return tie_break != "nearest"


def solver_options(
    n_models: int,
    solver: str,
    tie_break: str,
    reference: ArrayLike | None,
    l2: float,
    cost: ArrayLike | None,
    tol: float,
    start: SimplexSolution | ArrayLike | None,
    n_threads: int | None,
) -> SolverOptions:
    """Return the options that both problems share, checked; documented at `hemicycle.simplex_least_squares`."""
    known_word(solver, "solver", SOLVERS)
    vertex = is_broken_after(tie_break, reference)
    return SolverOptions(
        projected_gradient=solver == "projected_gradient",
        reference=None if reference is None else reference_weights(reference, n_models),
        vertex=vertex,
        l2=finite_number(l2, "l2"),
        cost=None if cost is None else per_model(cost, "cost", n_models),
        tol=positive_number(tol, "tol"),
        start=start_models(start, n_models),
        n_threads=thread_count(n_threads),
    )
