"""Linear programs over all optimal weights: column generation with HiGHS, every value with a certified outer bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import read_only
from hemicycle.errors import NotConvergedError
from hemicycle.linear_program import LinearProgram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.solution import SimplexSolution

__all__ = ["FaceOptimum", "OptimalFace", "known_face", "relative_logits", "unit_scale"]

TOLERANCE = 1e-9
"""A program is solved when its value is this close to its bound, relative to the spread of the costs."""

LEAST_SPREAD = 1e-3
"""The least spread of costs beside the largest of them, as the tolerance refers to it: costs are rounded numbers."""

WILD = 1e3
"""A model so many times as long as the median one: in the unit of that one its rounding is no longer negligible."""

ROUNDED = 1e-13
"""Directions in which models go this part of the longest one are rounding."""

ROUNDING = 1e-12
"""Singular values below this part of the largest are rounding: models that differ by no more are one."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceOptimum:
    """One end of the range of a function of the optimal weights.

    Attributes
    ----------
    value : float
        What the function is at `weights`: the end is at least that far out.
    bound : float
        The certificate: the end is no farther out than this.
    models : ndarray of int64, shape (n_support,)
        Models that attain the value, ascending.
    weights : ndarray of float64, shape (n_support,)
        Their weights, positive, with sum 1; all other models have none.
    """

    value: float
    bound: float
    models: NDArray[np.int64]
    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("models", "weights"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def spread(self, n_models: int) -> NDArray[np.float64]:
        """Return the weights of all models, shape (n_models,)."""
        weights = np.zeros(n_models)
        weights[self.models] = self.weights
        return weights


class OptimalFace:
    """The set of optimal weights, ``w >= 0, sum w = 1, rows.T @ w = 0``, over the models that have weight in some.

    Parameters
    ----------
    models : ndarray of int64, shape (n_face,)
        The models of the face, ascending.
    deviations : ndarray of float64, shape (n_face, n_coordinates)
        Predictions less the fit that all optima share; it is kept and may be written to.
    start : ndarray of int64, shape (n_start,)
        Positions within the face of models that reach the fit.

    Raises
    ------
    MissingExtraError
        If highspy is not installed.

    Notes
    -----
    The restricted program starts from `start` and the models that a regression of the costs on the deviations finds
    cheap. In each round one product of the deviations with the duals prices all models. Since the weights sum to 1, the
    least of the costs less that product is a bound whatever the duals are: the certificate does not rest on the solver.
    """

    def __init__(self, models: NDArray[np.int64], deviations: NDArray[np.float64], start: NDArray[np.int64]) -> None:
        lengths = np.sqrt(np.einsum("ij,ij->i", deviations, deviations))
        longest = lengths.max(initial=0.0)
        unit = np.median(lengths) or longest or 1.0
        if deviations.shape[1] > len(deviations) or longest > WILD * unit:
            _, values, axes = np.linalg.svd(deviations, full_matrices=False)
            deviations = deviations @ axes[values > ROUNDED * longest].T  # no more coordinates than models
        deviations /= unit
        self.models = models
        self.rows = deviations
        self.passes = 0
        self._gram_inverse = np.linalg.pinv(deviations.T @ deviations, rcond=ROUNDING, hermitian=True)
        self._program = LinearProgram(deviations)
        self._program.add(start)

    @classmethod
    def of_rows(cls, x: NDArray[Any], solution: SimplexSolution) -> OptimalFace:
        """Return the face of a solution of `simplex_least_squares` for the rows `x`."""
        models = known_face(solution)
        return cls._of_coordinates(np.array(x[models], dtype=np.float64), solution)

    @classmethod
    def of_pairs(cls, logits: NDArray[Any], judgments: Judgments, solution: SimplexSolution) -> OptimalFace:
        """Return the face of a solution of `pair_least_squares`.

        The coordinates of a model are its logits of the judged items, less that of the first item of their component.
        """
        rows = relative_logits(logits[known_face(solution)], judgments)
        return cls._of_coordinates(rows[:, rows.any(axis=0)], solution)

    @classmethod
    def of_densities(cls, densities: NDArray[np.float64], solution: SimplexSolution) -> OptimalFace:
        """Return the face of a solution of `stacking_weights`.

        Parameters
        ----------
        densities : ndarray of float64, shape (n_face, n_observations)
            Of the models of the face, over those of the optimal mixture, in any unit of an observation.
        solution : SimplexSolution
            The solution.
        """
        return cls._of_coordinates(densities, solution)

    @classmethod
    def _of_coordinates(cls, coordinates: NDArray[np.float64], solution: SimplexSolution) -> OptimalFace:
        models, cost = known_face(solution), solution.cost
        weights = solution.weights[models]
        coordinates = unit_scale(coordinates)
        rounding = 1e-14 * np.abs(coordinates).max(axis=0, initial=0.0)
        coordinates -= weights @ coordinates
        coordinates[np.abs(coordinates) <= rounding] = 0.0  # so that no scale magnifies it
        if cost is not None and np.ptp(cost[models]) > 0:
            price = cost[models] - weights @ cost[models]
            unit = np.sqrt(np.median(np.square(coordinates).sum(axis=1)) or 1.0)
            coordinates = np.column_stack([coordinates, unit / np.abs(price).max() * price])
        start = models if solution.vertex is None else solution.vertex
        return cls(models, coordinates, np.searchsorted(models, np.intersect1d(start, models)))

    def positions(self, models: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where models of the face stand within it."""
        return np.searchsorted(self.models, models)

    def minimise(self, costs: NDArray[np.float64]) -> FaceOptimum:
        """Return the least of ``costs @ w`` over the face.

        Parameters
        ----------
        costs : ndarray of float64, shape (n_face,)
            Finite cost of each model of the face.

        Returns
        -------
        FaceOptimum
            ``bound <= minimum <= value``, usually within 1e-9 of the spread of the costs, or 1e-12 of the largest.

        Raises
        ------
        NotConvergedError
            If HiGHS finds no solution, which only rounding can cause.
        KeyboardInterrupt
            Between two runs of HiGHS.
        """
        return self._minimise(costs)[0]

    def maximise(self, costs: NDArray[np.float64]) -> FaceOptimum:
        """Return the largest of ``costs @ w`` over the face, ``value <= maximum <= bound``; else as `minimise`."""
        optimum = self.minimise(-costs)
        return FaceOptimum(-optimum.value, -optimum.bound, optimum.models, optimum.weights)

    def first_minimiser(self, costs: NDArray[np.float64]) -> FaceOptimum:
        """Return the least of ``costs @ w``; of several minimisers, the one that gives the earlier models the most.

        Costs that differ by 1e-9 of their spread, or by 1e-12 of the largest, count as equal.
        The weight of the first model is made as large as it can be, then that of the second, and so on. After each
        program only models without reduced cost can have weight, so few programs are needed.
        """
        optimum, tied = self._minimise(costs)
        face = self
        for model in self.models[tied]:
            left = face.models[tied]
            if _independent(face.rows, tied):
                break
            if model not in left:
                continue
            face = OptimalFace(left, face.rows[tied], np.searchsorted(left, np.intersect1d(optimum.models, left)))
            largest, tied = face._minimise(-(left == model).astype(np.float64))
            if model not in largest.models:
                tied = tied[left[tied] != model]
            self.passes += face.passes
            optimum = FaceOptimum(optimum.value, optimum.bound, largest.models, largest.weights)
        value = float(costs[self.positions(optimum.models)] @ optimum.weights)
        return FaceOptimum(value, optimum.bound, optimum.models, optimum.weights)

    def _minimise(self, costs: NDArray[np.float64]) -> tuple[FaceOptimum, NDArray[np.int64]]:
        """Return the optimum, and the positions of the models without reduced cost: no others have weight in any."""
        lowest, spread = float(costs.min()), max(float(np.ptp(costs)), LEAST_SPREAD * float(np.abs(costs).max())) or 1.0
        scaled = (costs - lowest) / spread
        program, n_new = self._program, len(self.rows.T) + 1
        program.begin(scaled)
        program.add(_cheapest(scaled - self.rows @ (self._gram_inverse @ (scaled @ self.rows)), 2 * n_new))
        while True:
            value, duals = program.solve()
            reduced = scaled - self.rows @ duals[:-1]
            self.passes += 1
            bound = float(reduced.min())
            new = _cheapest(reduced, n_new)
            new = new[(reduced[new] < duals[-1]) & ~program.contains[new]]
            if value - bound <= TOLERANCE or not len(new):
                break
            program.add(new)
        support, weights = self._polished(*program.solution())
        value = float(scaled[support] @ weights)
        optimum = FaceOptimum(
            lowest + spread * value, lowest + spread * min(bound, value), self.models[support], weights
        )
        possible = reduced <= bound + TOLERANCE
        possible[support] = True
        return optimum, np.flatnonzero(possible)

    def _polished(
        self, support: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Move the weights of a basic solution by the little that they miss the fit, and their sum 1."""
        best: tuple[float, NDArray[np.int64], NDArray[np.float64]] = (np.inf, support, weights)
        for _ in range(4):
            matrix = np.column_stack([self.rows[support], np.ones(len(support))]).T  # (n_coordinates + 1, n_support)
            target = np.zeros(len(matrix))
            target[-1] = 1.0
            for _ in range(2):
                weights = weights + np.linalg.lstsq(matrix, target - matrix @ weights, rcond=None)[0]
            positive = np.maximum(weights, 0.0)
            positive /= positive.sum()
            missed = float(np.abs(target - matrix @ positive).max())
            kept = positive > 0
            if missed < best[0]:
                best = missed, support[kept], positive[kept]
            if kept.all():
                break
            support, weights = support[kept], positive[kept]
        return best[1:]


def relative_logits(logits: NDArray[Any], judgments: Judgments) -> NDArray[np.float64]:
    """Return logits less that of the first item of their component of comparisons, 0 for items that nobody judged."""
    component = judgments.pairs.components(len(judgments.items))
    first = np.unique(component, return_index=True)[1][component]  # (n_items,)
    others = np.flatnonzero(first != np.arange(len(first)))
    relative = np.zeros(logits.shape)
    relative[:, others] = logits[:, others].astype(np.float64) - logits[:, first[others]]
    return relative


def unit_scale(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rows times a power of two, so that the largest magnitude is from 0.5 to 1 and no square underflows."""
    scaled: NDArray[np.float64] = np.ldexp(rows, -int(np.frexp(np.abs(rows).max(initial=0.0))[1]))
    return scaled


def known_face(solution: SimplexSolution) -> NDArray[np.int64]:
    """Return the models of the face of a solution.

    Raises
    ------
    NotConvergedError
        If the solution does not know its face.
    """
    if solution.face is None:
        what = f"the optimal weights are not known, as these are not certified ({solution.reason})"
        raise NotConvergedError(what, solution.weights, solution.gap, solution.passes)
    return solution.face


def _cheapest(values: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Positions of the n least values, ascending."""
    if n >= len(values):
        return np.arange(len(values))
    return np.sort(np.argpartition(values, n)[:n])


def _independent(rows: NDArray[np.float64], chosen: NDArray[np.int64]) -> bool:
    """Whether no two weightings of the chosen rows give the same point."""
    if len(chosen) > rows.shape[1] + 1:
        return False
    values = np.linalg.svd(np.column_stack([rows[chosen], np.ones(len(chosen))]), compute_uv=False)
    return bool(values[-1] > ROUNDING * values[0])
