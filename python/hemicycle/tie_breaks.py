"""Saying it when the weights are left open: how far, which of them were taken, what else that decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.mechanism import SPOKEN

if TYPE_CHECKING:
    from hemicycle.allocation import Mean
    from hemicycle.ensemble import Ensemble
    from hemicycle.judgments import Judgments
    from hemicycle.solution import SimplexSolution
    from hemicycle.table import Table

__all__ = ["SAME_FOR_ALL", "connected", "free_weights", "tie_notice", "tie_summary"]


SAME_FOR_ALL = "The allocation is the same for all of them: comparisons connect the items, and the mean is geometric."
NEARLY = 1e-6  #: of the median loss of a model: a reduced cost up to this is told


def tie_summary(ensemble: Ensemble) -> str | None:
    """Return a sentence on whether other weights are as good as those of an ensemble.

    Parameters
    ----------
    ensemble : Ensemble
        The ensemble.

    Returns
    -------
    str or None
        None for methods that do not say, and for stacking where none are.
    """
    solution, method = ensemble.solution, ensemble.method
    if method not in ("least_squares", "stacking") or solution is None:
        return None
    if solution.face is None or solution.face_dimension is None:
        return f"{SPOKEN[method]}: whether other weights are as good is not known, as these are not certified."
    if solution.unique and method == "stacking":
        return None
    if solution.unique:
        return f"{SPOKEN[method]}: no other weights fit as well{_but_nearly(ensemble, solution)}."
    fit = f"explain the {ensemble.options['by']}s" if method == "stacking" else "fit"
    return f"{free_weights(method, solution, fit)} Taken: {_taken(ensemble)}."


def free_weights(method: str, solution: SimplexSolution, fit: str) -> str:
    """Return a sentence on how far optimal weights are free.

    Parameters
    ----------
    method : str
        The method that they are optimal for.
    solution : SimplexSolution
        With a face of at least one dimension.
    fit : str
        What optimal weights do, as in "fit".
    """
    n_free, n_face = solution.face_dimension or 0, 0 if solution.face is None else len(solution.face)
    return (
        f"{SPOKEN[method]}: other weights {fit} as well, in {n_free:,} dimension{'' if n_free == 1 else 's'}; "
        f"{n_face:,} of {len(solution.weights):,} models have weight in some of them."
    )


def tie_notice(ensemble: Ensemble, mean: Mean = "geometric", ranges: Table | None = None) -> str | None:
    """Return what to tell the reader of an ensemble that the judgments do not decide.

    Parameters
    ----------
    ensemble : Ensemble
        The ensemble.
    mean : {"geometric", "arithmetic"}, default "geometric"
        Which average of the models' shares is paid.
    ranges : Table, optional
        Of `Ensemble.allocation_range`, where it was asked for.

    Returns
    -------
    str or None
        Sentences with the number of free dimensions, the tie-break, and how much of the allocation that decides, or how
        to find out. None where the weights are unique, or the method does not say.
    """
    if ensemble.solution is None or not ensemble.solution.face_dimension:
        return None
    if ensemble.method == "stacking":
        return f"{tie_summary(ensemble)} They may give another allocation."
    return f"{tie_summary(ensemble)} {_consequence(ensemble.round.judgments, mean, ranges)}"


def _but_nearly(ensemble: Ensemble, solution: SimplexSolution) -> str:
    """Return a clause where the next model would cost next to nothing, so that the choice may hang on a digit."""
    unit = float(np.median(ensemble.round.scores(ensemble.sigma).mse) * ensemble.round.judgments.pairs.weight.sum())
    if solution.reduced_cost is None or not solution.reduced_cost <= NEARLY * unit:
        return ""
    relative = solution.reduced_cost / unit
    return f", but with a next model some nearly do: its reduced cost is {relative:.0e} of the median model's loss"


def _taken(ensemble: Ensemble) -> str:
    if ensemble.options.get("tie_break") == "least_individual_loss":
        return "those of least individual loss"
    reference = ensemble.options["reference"]
    if reference is None or isinstance(reference, str):
        nearest = {"per_author": "equal weights of authors", "clone_proof": "the clone-proof prior"}
        return "those nearest to " + nearest.get(reference or "uniform", "equal weights")
    return "those nearest to the given reference"


def _consequence(judgments: Judgments, mean: Mean, ranges: Table | None) -> str:
    """Return how much of the allocation the tie-break decides, as far as that is known."""
    if mean == "geometric" and connected(judgments):
        return SAME_FOR_ALL
    if ranges is None:
        return "How far they move the allocation: --ranges, in Python allocation_range()."
    width = np.subtract(ranges["high"], ranges["low"])
    widest = int(np.argmax(width))
    if width[widest] == 0:
        return "The allocation is the same for all of them."
    low, high = float(ranges["low"][widest]), float(ranges["high"][widest])
    bound = float(ranges["low_bound"][widest])
    certain = "" if f"{bound:.2%}" == f"{low:.2%}" else f" (found; certainly not below {bound:.2%})"
    name = judgments.items.short_names[widest]
    return f"Over all of them the share of {name} moves most: from {low:.2%}{certain} to {high:.2%}."


def connected(judgments: Judgments) -> bool:
    """Return whether comparisons connect all items of each parent, so that optimal weights share geometric means."""
    items = judgments.items
    component = judgments.pairs.components(len(items))
    return len(np.unique(component)) == items.n_parents
