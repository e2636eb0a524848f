"""The tie-break by the least individual loss among models on disk: a linear program by column generation in passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import NotConvergedError
from hemicycle.linear_program import LinearProgram
from hemicycle.streaming.store_problem import Weighing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.streaming.face_on_disk import DiskFace
    from hemicycle.streaming.priced import Priced
    from hemicycle.streaming.store_problem import StoreProblem
    from hemicycle.streaming.working_set import WorkingSet

__all__ = ["LEAST_LOSS", "least_individual_loss"]

LEAST_LOSS = "the least individual loss among the optima"
TOLERANCE = 1e-9  #: as in memory: costs that differ by this part of their spread are equal
LEAST_SPREAD = 1e-3  #: of the largest, at least
MIN_PRICED = 32  #: models that a pass brings, times two
MAX_TIED = 1 << 13  #: models that are gathered to break the last ties


def least_individual_loss(problem: StoreProblem, disk: DiskFace, working: WorkingSet) -> Weighing:
    """Return the optimal weights of the least mean loss of a model; of several, the earlier models have the most.

    Parameters
    ----------
    problem : StoreProblem
        The problem.
    disk : DiskFace
        All models that have weight in some optimum.
    working : WorkingSet
        Models that are gathered, those of an optimum among them.

    Raises
    ------
    MissingExtraError
        If highspy is not installed.
    NotConvergedError
        If more models have the least loss than are gathered to choose from, or HiGHS finds no solution; it carries
        other optimal weights.

    Notes
    -----
    The restricted program is solved by HiGHS, and a pass prices all models of the face with its duals, until the least
    reduced cost is 0. No model with a reduced cost has weight in a solution; the others are few, and the rest is done
    on them in memory.
    """
    tied = _without_reduced_cost(problem, disk, working)
    fit = tied.optimum(problem.tolerance, tied.models[:0], tie_break="least_individual_loss")
    if fit.solution is None:
        raise _error(problem, disk, fit.doubt)
    return Weighing(fit.spread(len(problem.losses)), fit.point)


def _without_reduced_cost(problem: StoreProblem, disk: DiskFace, working: WorkingSet) -> WorkingSet:
    """Return the models that have weight in some solution of the program, and perhaps some that have not."""
    face, frame = disk.face, disk.frame
    costs = problem.losses - problem.losses[face.models].min()
    apart = float(problem.losses[face.models].max()) - disk.fit.loss  # of the farthest model from the fit
    costs /= max(float(costs[face.models].max()), LEAST_SPREAD * apart) or 1.0
    n_new = max(2 * (len(frame) + 1), MIN_PRICED)
    cheap = face.models[np.argsort(costs[face.models], kind="stable")[:n_new]]
    working = working.among(face.inside)
    missing = np.setdiff1d(cheap, working.models)
    if len(missing):
        working = working.with_models(missing, problem.passes.rows(missing))
    while True:
        value, duals = _solved(problem, disk, working, costs)
        direction = -(frame.basis @ duals[:-1])
        shift = float(direction @ frame.origin)
        priced = face.cheapest(direction, n_new, costs)
        bound = float(priced.slopes[0]) - shift
        new = (priced.slopes - shift < duals[-1]) & ~np.isin(priced.models, working.models)
        if value - bound <= TOLERANCE or not new.any():
            return _tied(problem, disk, working, face.cheapest(direction, MAX_TIED + 1, costs))
        order = np.argsort(priced.models[new])
        working = working.with_models(priced.models[new][order], priced.logits[new][order])


def _solved(
    problem: StoreProblem, disk: DiskFace, working: WorkingSet, costs: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Return value and duals of the program over the gathered models."""
    rows = np.ascontiguousarray(disk.frame.rows(working.loss.coordinates.of_logits(working.logits)).T)
    program = LinearProgram(rows)
    program.begin(costs[working.models])
    program.add(np.arange(len(rows)))
    try:
        return program.solve()
    except NotConvergedError as error:
        raise _error(problem, disk, str(error)) from error


def _tied(problem: StoreProblem, disk: DiskFace, working: WorkingSet, found: Priced) -> WorkingSet:
    """Return the models without reduced cost, gathered."""
    tied = found.where(found.slopes <= found.slopes[0] + TOLERANCE)
    if len(tied.models) > MAX_TIED:
        raise _error(problem, disk, f"more than {MAX_TIED:,} models have the least loss, too many to choose from")
    order = np.argsort(tied.models)
    empty = working.among(np.zeros(len(problem.losses), dtype=bool))
    return empty.with_models(tied.models[order], tied.logits[order])


def _error(problem: StoreProblem, disk: DiskFace, why: str) -> NotConvergedError:
    what = f"tie_break='least_individual_loss': {why}; tie_break='nearest' needs no linear program"
    return NotConvergedError(what, disk.fit.spread(len(problem.losses)), np.inf, problem.passes.count)
