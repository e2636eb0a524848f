"""How much of the allocation the judgments decide, and how much the tie-break: ranges over all optimal weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.allocation import MEANS, allocate
from hemicycle.arrays import float_array, index_array, read_only, require_finite
from hemicycle.errors import DomainError, NonFiniteError
from hemicycle.geometric_range import component_ranges
from hemicycle.logits import logits_matrix
from hemicycle.optimal_face import TOLERANCE, FaceOptimum, OptimalFace, known_face
from hemicycle.options import known_word
from hemicycle.solver_arguments import require_own, require_solution

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.allocation import Mean
    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool
    from hemicycle.solution import SimplexSolution

__all__ = ["AllocationRange", "allocation_range", "log_ratio_range"]


@dataclass(frozen=True, slots=True, eq=False)
class AllocationRange:
    """Ends of every item's share over all optimal weights; each is a `FaceOptimum` with the models that attain it.

    Attributes
    ----------
    mean : {"geometric", "arithmetic"}
        Which average of the models' shares.
    component : ndarray of int64, shape (n_items,)
        Connected component of the comparison graph, numbered from 0. Log ratios of geometric shares inside
        one are the same for all optimal weights.
    lowest, highest : tuple of FaceOptimum, length n_items
        Share of each item. Under the geometric mean the ``bound`` of the lowest is not tight: the problem is not
        convex, its ``value`` is the best that was found.
    lowest_logit, highest_logit : tuple of FaceOptimum, length n_items, or None
        Centred logit of each item, its logit less the mean of its parent's; under the geometric mean only.
    passes : int
        Passes over the models of the face that were made.
    """

    mean: Mean
    component: NDArray[np.int64]
    lowest: tuple[FaceOptimum, ...]
    highest: tuple[FaceOptimum, ...]
    lowest_logit: tuple[FaceOptimum, ...] | None = None
    highest_logit: tuple[FaceOptimum, ...] | None = None
    passes: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "component", read_only(self.component))

    @property
    def low(self) -> NDArray[np.float64]:
        """Lowest share found of each item, shape (n_items,)."""
        return np.array([optimum.value for optimum in self.lowest])

    @property
    def high(self) -> NDArray[np.float64]:
        """Highest share found of each item, shape (n_items,)."""
        return np.array([optimum.value for optimum in self.highest])

    @property
    def low_bound(self) -> NDArray[np.float64]:
        """What no optimal weights go below, shape (n_items,)."""
        return np.array([optimum.bound for optimum in self.lowest])

    @property
    def high_bound(self) -> NDArray[np.float64]:
        """What no optimal weights go above, shape (n_items,)."""
        return np.array([optimum.bound for optimum in self.highest])

    def __repr__(self) -> str:
        widest = (self.high - self.low).max()
        n_components = int(self.component.max()) + 1
        return f"AllocationRange({self.mean}, {len(self.lowest)} items, {n_components} components, widest {widest:.3g})"


def allocation_range(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    solution: SimplexSolution,
    *,
    mean: Mean = "geometric",
) -> AllocationRange:
    r"""Return the range of each item's share over all weights that are optimal for least squares.

    The judgments fix the fitted log ratios, and often not the weights: what `allocate` makes of one optimum owes a part
    to the tie-break. With F the set of optimal weights and :math:`s_i(w)` the share of item i, the range is

    .. math::

        \min_{w \in F} s_i(w),\ \max_{w \in F} s_i(w)

    Parameters
    ----------
    logits : array_like of float or Pool, shape (n_models, n_items)
        Log contribution of each item, natural log.
    judgments : Judgments
        Its items are the columns of `logits`.
    solution : SimplexSolution
        What `pair_least_squares` returned for them, under prices or not.
    mean : {"geometric", "arithmetic"}, default "geometric"
        Which average of the models' shares, as in `allocate`.

    Returns
    -------
    AllocationRange
        Under the arithmetic mean both ends are linear programs, within 1e-9 of their bounds; where they are no further
        apart, both are the share itself. Under the geometric mean
        the highest share is a convex program, its log within 1e-6 of its bound; the lowest is not, and is given as the
        best value found and an outer bound, which agree for a parent of up to two components. Where all items of a
        parent are connected, or the optimum is unique, the ends are the share itself, and no program is solved.

    Raises
    ------
    NotConvergedError
        If the solution does not know its face, as the best weights found where doubles could not certify an optimum;
        if HiGHS fails.
    MissingExtraError
        If a program must be solved and highspy is not installed.
    OptionError
        If `mean` is neither of the two, or a pool has other items than the judgments.
    ShapeError, DtypeError, DomainError
        If the arrays do not agree, the solution is that of other logits or judgments, or no share is defined for a
        parent, as in `allocate`.
    NonFiniteError
        If the logit of a model that may have weight is NaN or +inf; under "geometric", in a parent of several
        components, also -inf.
    KeyboardInterrupt
        Between two runs of HiGHS.

    Notes
    -----
    Time: two linear programs an item under the arithmetic mean. Under the geometric mean the items of a component have
    one range: two programs and some for each component, in parents with several. A program takes some five passes over
    the models of the face. Memory: the logits of the face in float64, twice.

    Examples
    --------
    Two items are compared with one another; nobody compares the third, so only models know what it is worth.

    >>> from hemicycle import Judgments
    >>> from hemicycle.least_squares import pair_least_squares
    >>> judgments = Judgments.from_arrays([0], [1], [0.5], items=3)
    >>> logits = [[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.0, -1.0], [0.0, 1.0, -1.0]]
    >>> found = allocation_range(logits, judgments, pair_least_squares(logits, judgments))
    >>> found.component
    array([0, 0, 1])
    >>> found.low.round(3), found.high.round(3)
    (array([0.186, 0.307, 0.122]), array([0.331, 0.547, 0.506]))
    """
    known_word(mean, "mean", MEANS)
    matrix = float_array(logits_matrix(logits, judgments), "logits", 2, keep_float32=True)
    require_solution(solution, len(matrix))
    parent_index = judgments.items.parent_index
    shares = allocate(matrix, solution.weights, mean=mean, parent_index=parent_index)
    problem = _Problem(matrix, judgments, solution)
    return problem.arithmetic(shares) if mean == "arithmetic" else problem.geometric(shares)


def log_ratio_range(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    solution: SimplexSolution,
    a: int,
    b: int,
) -> tuple[FaceOptimum, FaceOptimum]:
    """Return the range of the pooled log ratio of two items over all optimal weights.

    Parameters
    ----------
    logits, judgments, solution
        As in `allocation_range`.
    a, b : int
        Items of one parent, as columns of `logits`; the log ratio is positive where `b` is worth more.

    Returns
    -------
    lowest, highest : FaceOptimum
        Ends of ``w @ (logits[:, b] - logits[:, a])``; one and the same number where comparisons connect the two items.

    Raises
    ------
    IndexOutOfRangeError
        If there is no such item.
    DomainError
        If the items belong to different parents.
    NotConvergedError, MissingExtraError, OptionError, ShapeError, DtypeError, NonFiniteError, KeyboardInterrupt
        As in `allocation_range`.
    """
    matrix = float_array(logits_matrix(logits, judgments), "logits", 2, keep_float32=True)
    require_solution(solution, len(matrix))
    a, b = (int(index_array([item], name, matrix.shape[1])[0]) for name, item in (("a", a), ("b", b)))
    parents = judgments.items.parent_index
    if parents[a] != parents[b]:
        raise DomainError(f"a is {a} and b is {b}, which belong to different parents; no comparison crosses parents")
    problem = _Problem(matrix, judgments, solution)
    support = solution.support
    ratio = solution.weights[support] @ (matrix[support, b].astype(np.float64) - matrix[support, a])
    if not np.isfinite(ratio):
        raise NonFiniteError(f"the log ratio of items {a} and {b} is {ratio}; it must be finite")
    if problem.decided or problem.component[a] == problem.component[b]:
        return problem.fixed(ratio), problem.fixed(ratio)
    columns = problem.columns(np.array([a, b]))
    return problem.face.minimise(columns[:, 1] - columns[:, 0]), problem.face.maximise(columns[:, 1] - columns[:, 0])


class _Problem:
    """Logits and judgments with a solution; its face is made when a program needs it."""

    def __init__(self, matrix: NDArray[Any], judgments: Judgments, solution: SimplexSolution) -> None:
        self.matrix, self.judgments, self.solution = matrix, judgments, solution
        self.component = judgments.pairs.components(matrix.shape[1])
        self.parent = judgments.items.parent_index
        known_face(solution)
        self.decided = solution.unique
        if not self.decided:
            require_own(solution, matrix, judgments)
        self._face: OptimalFace | None = None

    @property
    def face(self) -> OptimalFace:
        if self._face is None:
            self._face = OptimalFace.of_pairs(self.matrix, self.judgments, self.solution)
        return self._face

    @property
    def passes(self) -> int:
        return 0 if self._face is None else self._face.passes

    def fixed(self, value: float) -> FaceOptimum:
        """Return the end of a range that is one number."""
        support = self.solution.support
        return FaceOptimum(float(value), float(value), support, self.solution.weights[support])

    def still(self, value: float, lowest: FaceOptimum, highest: FaceOptimum) -> tuple[FaceOptimum, FaceOptimum]:
        """Return the ends of a range, or twice one number where they are apart by no more than programs are exact."""
        if highest.value - lowest.value > TOLERANCE:
            return lowest, highest
        there = self.fixed(value)
        bounds = min(lowest.bound, there.value), max(highest.bound, there.value)
        return replace(there, bound=bounds[0]), replace(there, bound=bounds[1])

    def columns(self, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Logits of some items in the models of the face, shape (n_face, n_chosen), finite."""
        chosen = self.matrix[np.ix_(self.face.models, items)].astype(np.float64)
        bad = ~np.isfinite(chosen)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            place = f"logits[{self.face.models[row]}, {items[column]}]"
            raise NonFiniteError(f"{place} is {chosen[row, column]}; it must be finite, as the model may have weight")
        return chosen

    def arithmetic(self, shares: NDArray[np.float64]) -> AllocationRange:
        ends = np.empty((2, len(shares)), dtype=object)
        for parent in np.unique(self.parent):
            items = np.flatnonzero(self.parent == parent)
            if self.decided or len(items) == 1:
                ends[:, items] = [self.fixed(share) for share in shares[items]]
                continue
            of_models = _shares(self.matrix[np.ix_(self.face.models, items)], self.face.models, items)
            for end, program in zip(ends, (self.face.minimise, self.face.maximise), strict=True):
                for item, costs in zip(items, of_models.T, strict=True):  # one vertex after another of its kind
                    end[item] = program(costs)
            for item in items:
                ends[:, item] = self.still(shares[item], *ends[:, item])
        lowest, highest = map(tuple, ends)
        return AllocationRange("arithmetic", self.component, lowest, highest, passes=self.passes)

    def geometric(self, shares: NDArray[np.float64]) -> AllocationRange:
        support = self.solution.support
        pooled = self.solution.weights[support] @ self.matrix[support].astype(np.float64)
        require_finite(pooled, "weights @ logits")
        ends = np.empty((4, len(shares)), dtype=object)
        for parent in np.unique(self.parent):
            items = np.flatnonzero(self.parent == parent)
            centred = pooled[items] - pooled[items].mean()
            if self.decided or len(np.unique(self.component[items])) == 1:
                ends[:2, items] = [self.fixed(share) for share in shares[items]]
                ends[2:, items] = [self.fixed(logit) for logit in centred]
            else:
                ends[:, items] = self._free(items, centred)
        lowest, highest, lowest_logit, highest_logit = map(tuple, ends)
        return AllocationRange(
            "geometric", self.component, lowest, highest, lowest_logit, highest_logit, passes=self.passes
        )

    def _free(self, items: NDArray[np.int64], centred: NDArray[np.float64]) -> NDArray[Any]:
        """Return the ends for the items of a parent of several components, shape (4, n_chosen)."""
        _, first, of_item = np.unique(self.component[items], return_index=True, return_inverse=True)
        within = centred - centred[first][of_item]  # logits less that of the first of the component
        log_sizes = np.full(len(first), -np.inf)
        np.logaddexp.at(log_sizes, of_item, within)
        ranges = component_ranges(self.face, self.columns(items[first]), np.bincount(of_item) / len(items), log_sizes)
        ends = np.empty((4, len(items)), dtype=object)
        for position, component in enumerate(of_item):
            found, part = ranges[component], float(np.exp(within[position] - log_sizes[component]))
            above = float(within[position] - within.mean())
            ends[:2, position] = _moved(found.lowest_share, part), _moved(found.highest_share, part)
            ends[2:, position] = _moved(found.lowest_offset, 1.0, above), _moved(found.highest_offset, 1.0, above)
        return ends


def _moved(end: FaceOptimum, scale: float, shift: float = 0.0) -> FaceOptimum:
    """Return the same end for a function that is this one, scaled and shifted."""
    return FaceOptimum(scale * end.value + shift, scale * end.bound + shift, end.models, end.weights)


def _shares(logits: NDArray[Any], models: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each model's shares of one parent, shape (n_face, n_chosen)."""
    bad = np.isnan(logits) | np.isposinf(logits)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        value = logits[row, column]
        raise NonFiniteError(f"logits[{models[row]}, {items[column]}] is {value}; it must be finite or -inf")
    top = logits.max(axis=1, keepdims=True).astype(np.float64)
    if np.isneginf(top).any():
        row = int(np.argmax(np.isneginf(top)))
        raise DomainError(f"model {models[row]} may have weight and gives the share 0 to every item of a parent")
    shares: NDArray[np.float64] = np.exp(logits - top)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
