"""Least squares over the simplex: the weights whose mixture of predictions is nearest to the labels, certified."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle import _core
from hemicycle.arrays import float_array
from hemicycle.errors import NoDataError, ShapeError, TieBreakWarning
from hemicycle.least_individual_loss import least_individual_loss
from hemicycle.logits import logits_matrix, naming_logits
from hemicycle.optimal_face import OptimalFace, relative_logits, unit_scale
from hemicycle.solution import SimplexSolution, found_solution, tie_doubt
from hemicycle.solver_options import TIE_BREAKS, TieBreak, solver_options

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool

__all__ = ["TIE_BREAKS", "TieBreak", "pair_least_squares", "simplex_least_squares"]


def simplex_least_squares(
    x: ArrayLike,
    y: ArrayLike,
    *,
    solver: str = "working_set",
    tie_break: str = "nearest",
    reference: ArrayLike | None = None,
    l2: float = 0.0,
    cost: ArrayLike | None = None,
    tol: float = 1e-12,
    start: SimplexSolution | ArrayLike | None = None,
    n_threads: int | None = None,
) -> SimplexSolution:
    """Minimise ``||x.T @ w - y||**2 + l2 * ||w||**2 + cost @ w`` over weights w >= 0 that sum to 1.

    Parameters
    ----------
    x : array_like of float, shape (n_models, n_observations)
        Predictions, one row a model. C-contiguous float64 and float32 are borrowed, memory maps too; other layouts and
        dtypes are copied once.
    y : array_like of float, shape (n_observations,)
        What should be predicted.
    solver : {"working_set", "projected_gradient"}, default "working_set"
        An exact active-set method on the models that matter, with column generation over all of them; or accelerated
        projected gradients over all models, which take hundreds to thousands of passes and may not reach `tol`. Once
        those did, the tie-break starts from an exact optimum on the models that they left with weight.
    tie_break : {"nearest", "least_individual_loss"}, default "nearest"
        Where a mixture of the models matches y, or some are copies, many weights may be optimal. "nearest" returns
        those nearest to `reference` in the Euclidean norm; nearest to uniform is also the optimum of least norm, and
        the limit of `l2` going to 0. "least_individual_loss" returns those with the least
        ``sum_d w_d ||x_d - y||**2``: the models that are best by themselves. If that leaves several,
        the earlier models get as much weight as they can, one after the other. Losses that differ by 1e-9 of their
        spread, or 1e-12 of themselves, count as equal.
    reference : array_like of float, shape (n_models,), optional
        Weights >= 0, not all 0; they are divided by their sum. By default uniform. For "nearest" only, and of no effect
        where the optimum is unique, as it is for ``l2 > 0``.
    l2 : float, default 0.0
        Ridge on the weights, >= 0. Below 1e-15 of the squared length of the farthest model it is lost in rounding: the
        weights are then those that it has as it vanishes, and `reason` says so.
    cost : array_like of float, shape (n_models,), optional
        Linear price of each model, in the unit of the squared predictions.
    tol : float, default 1e-12
        Largest `relative_gap` of the result.
    start : SimplexSolution or array_like of int, optional
        A warm start: the solution of a similar problem, whose models are the first of `x`, or indices of models that
        are likely to have weight. It saves passes and changes no optimum.
    n_threads : int, optional
        Threads to use, by default every core. The result is the same bits for any number.

    Returns
    -------
    SimplexSolution
        ``gap`` is ``2 * w @ (g - g.min())`` with g half the gradient: because the objective is convex, it is at most
        that far above its minimum. ``relative_gap`` is the gap over the median of ``((x - y)**2).sum(axis=1)``, to
        which `l2` and ``cost - cost.min()`` are added where they are given: the objective of one model alone. It
        changes neither with the scale nor with a shift of the data. If more than half of the models predict y exactly,
        the gap itself must be 0. Without observations every weighting is optimal, and the reference is returned.
        ``unique`` and ``face_dimension`` say whether other weights are optimal too, and ``face`` which models have
        weight in some optimum.

    Raises
    ------
    DtypeError
        If an array is not real numbers, or has masked values; if `l2`, `tol` or `n_threads` is not a number.
    ShapeError
        If there is no model, or the lengths disagree.
    NonFiniteError
        If a value is NaN or infinite.
    DomainError
        If `l2` or `reference` is negative, `tol` or `n_threads` not positive, or a magnitude above 1e140, whose square
        would not be finite. If the median model is so near to `y` beside other models, or beside the prices, that no
        unit has room for the squares of both.
    OptionError
        If `solver` or `tie_break` is not one of those that exist, `reference` is given for another tie-break than
        "nearest", or `start` is a solution that names no models.
    MissingExtraError
        If "least_individual_loss" has a tie to break and highspy is not installed.
    IndexOutOfRangeError
        If `start` names a model that does not exist.
    NotConvergedError
        If rounding ends progress above `tol`; it carries the best weights. With the default this takes y in the hull
        and models that are hundreds of times further from it than the median model. If the linear program of
        "least_individual_loss" finds no end; it carries other optimal weights.
    KeyboardInterrupt
        Soon after Ctrl-C.

    Warns
    -----
    TieBreakWarning
        If the optimal weights that the tie-break names cannot be certified to `tol`, as the set of optimal weights is
        thinner than rounding. The result is optimal, and goes from an optimum towards them as far as it can:
        ``tie_broken`` is False.

    Notes
    -----
    Time: one pass of O(n_models n_observations) for each round of column generation, usually fewer than ten, and the
    exact solution on a working set of a few hundred models. Where y lies in the convex hull of the models, the
    tie-break "nearest" takes some Newton steps of O(n_active n_observations**2) more, and "least_individual_loss" after
    it a linear program, by column generation with HiGHS. Memory: a few vectors of length n_models; for the linear
    program, the models of the face in float64.
    Permuting the models permutes the weights up to the gap. Data so small that squares would vanish, below 1e-60, are
    read in another unit, a power of two: scaling by one changes no bit of the weights.

    References
    ----------
    P. Wolfe, "Finding the nearest point in a polytope", Mathematical Programming 11, 1976, doi:10.1007/BF01580381.
    L. Qi and J. Sun, "A nonsmooth version of Newton's method", Mathematical Programming 58, 1993,
    doi:10.1007/BF01581275.

    Examples
    --------
    >>> solution = simplex_least_squares([[0.0], [2.0], [4.0]], [1.0])
    >>> solution.weights.round(6).tolist()
    [0.583333, 0.333333, 0.083333]
    >>> solution.relative_gap <= 1e-12
    True
    """
    predictions = float_array(x, "x", 2, keep_float32=True)
    labels = float_array(y, "y", 1)
    n_models, n_observations = predictions.shape
    if n_models == 0:
        raise ShapeError(f"x: expected at least one model, got shape {predictions.shape}")
    if len(labels) != n_observations:
        raise ShapeError(f"y: expected length {n_observations}, one a column of x, got {len(labels)}")
    options = solver_options(n_models, solver, tie_break, reference, l2, cost, tol, start, n_threads)
    solution = found_solution(_core.simplex_least_squares(predictions, labels, options), options.cost)
    if tie_break == "nearest" or solution.unique:
        return _told(solution)
    face = OptimalFace.of_rows(predictions, solution)
    support = solution.support
    fit = solution.weights[support] @ predictions[support].astype(np.float64)
    apart = unit_scale(predictions[face.models] - fit)  # y instead of the fit adds the same to all optima
    loss = np.einsum("ij,ij->i", apart, apart)

    def certify(weights: NDArray[np.float64]) -> _core.CertifiedWeights:
        return _core.certify_least_squares(predictions, labels, weights, solution.weights, options)

    return _told(least_individual_loss(solution, face, loss, certify))


def pair_least_squares(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    *,
    solver: str = "working_set",
    tie_break: str = "nearest",
    reference: ArrayLike | None = None,
    l2: float = 0.0,
    cost: ArrayLike | None = None,
    tol: float = 1e-12,
    start: SimplexSolution | ArrayLike | None = None,
    n_threads: int | None = None,
) -> SimplexSolution:
    """Minimise ``sum_i u_i * (w @ (logits[:, b_i] - logits[:, a_i]) - log_ratio_i)**2`` over the simplex.

    One term a cardinal judgment, as in the mechanism in use today; `objective` is that sum, plus ridge and price where
    they are given. The matrix of predictions is never formed: the sum is a quadratic function of the logits of the
    judged items alone.

    Parameters
    ----------
    logits : array_like of float or Pool, shape (n_models, n_items)
        Log contribution of each item, natural log. C-contiguous float64 or float32 is borrowed. Adding a constant to
        the logits of a model within one parent changes nothing.
    judgments : Judgments
        Its items are the columns of `logits`.
    solver, tie_break, reference, l2, cost, tol, start, n_threads
        As for `simplex_least_squares`.

    Returns
    -------
    SimplexSolution
        ``relative_gap`` refers to the median over models of the weighted sum of squared errors of one model.

    Raises
    ------
    NoDataError
        If no judgment is cardinal and of positive weight.
    ShapeError
        If the columns of `logits` are not the items of the judgments.
    NonFiniteError
        If the logit of a judged item is not finite.
    DtypeError, DomainError, OptionError, IndexOutOfRangeError, NotConvergedError, KeyboardInterrupt
        As for `simplex_least_squares`.

    Warns
    -----
    TieBreakWarning
        As for `simplex_least_squares`.

    Notes
    -----
    Time: O(n_judged_items**3 + n_labels), then as `simplex_least_squares` with the judged items for observations.
    """
    matrix = float_array(logits_matrix(logits, judgments), "logits", 2, keep_float32=True)
    n_models = len(matrix)
    if n_models == 0:
        raise ShapeError(f"logits: expected at least one model, got shape {matrix.shape}")
    pairs = judgments.pairs
    if len(pairs) == 0:
        raise NoDataError("judgments: none says how much more one item is worth (cardinal) with a weight above 0")
    pair = pairs.pair_of_label  # (n_labels,)
    options = solver_options(n_models, solver, tie_break, reference, l2, cost, tol, start, n_threads)
    with naming_logits(logits):
        labels = matrix, pairs.a[pair], pairs.b[pair], pairs.weight, pairs.log_ratio
        solution = found_solution(_core.pair_least_squares(*labels, options), options.cost)
    if tie_break == "nearest" or solution.unique:
        return _told(solution)
    face = OptimalFace.of_pairs(matrix, judgments, solution)
    loss = _losses_apart(matrix, judgments, solution, face.models)

    def certify(weights: NDArray[np.float64]) -> _core.CertifiedWeights:
        return _core.certify_pair_least_squares(*labels, weights, solution.weights, options)

    return _told(least_individual_loss(solution, face, loss, certify))


def _losses_apart(
    matrix: NDArray[Any], judgments: Judgments, solution: SimplexSolution, models: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the loss of models around the fit, in some unit; labels instead of it would add the same to all optima."""
    pairs, rows = judgments.pairs, relative_logits(matrix[models], judgments)
    apart, loss = unit_scale(rows - solution.weights[models] @ rows), np.empty(len(models))
    _core.mean_squared_error(apart, replace(pairs, log_ratio=np.zeros(pairs.n_labels)), apart.shape[1], loss)
    return loss


def _told(solution: SimplexSolution) -> SimplexSolution:
    """Return a solution, with a warning where its tie could not be broken as asked."""
    doubt = tie_doubt(solution)
    if doubt is not None:
        warnings.warn(doubt, TieBreakWarning, stacklevel=3)
    return solution
