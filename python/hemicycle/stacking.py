"""Stacking: the mixture of models that explains the observations best."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from hemicycle import _core
from hemicycle.arrays import float_array
from hemicycle.errors import NoDataError, ObservationsDroppedWarning, ShapeError, TieBreakWarning
from hemicycle.least_individual_loss import least_individual_loss
from hemicycle.likelihood import log_likelihood
from hemicycle.logits import logits_matrix, naming_logits
from hemicycle.mixture import log_mixture
from hemicycle.optimal_face import OptimalFace
from hemicycle.options import known_word, positive_number
from hemicycle.solution import SimplexSolution, found_solution, tie_doubt
from hemicycle.stacking_options import stacking_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.pairs import Pairs
    from hemicycle.pool import Pool
    from hemicycle.types import Logits

__all__ = ["STACKING_BY", "StackingBy", "pool_stacking", "stacking_weights"]

StackingBy: TypeAlias = Literal["label", "pair"]
"""What an observation of a round is."""

LOWEST = -689.5  #: log of the least density, relative to the best one of the observation

STACKING_BY: tuple[StackingBy, ...] = ("label", "pair")


@dataclass(frozen=True, slots=True)
class JuryDensities:
    """The log densities of labels or pairs under the models of a pool, as the core makes them when it needs them."""

    logits: Logits
    pairs: Pairs
    n_items: int
    sigma: float
    by_pair: bool
    rtol: float = 1e-12  #: error of the log density of a pair with many labels: below the gap


def stacking_weights(
    log_density: ArrayLike,
    *,
    observation_weights: ArrayLike | None = None,
    tol: float = 1e-10,
    tie_break: str = "nearest",
    reference: ArrayLike | None = None,
    start: SimplexSolution | ArrayLike | None = None,
    n_threads: int | None = None,
) -> SimplexSolution:
    """Return the weights of the mixture of models with the best log score.

    ``max_w sum_n v_n log sum_d w_d p_dn`` over ``w >= 0``, ``sum w = 1``, with v the observation weights divided by
    their sum.

    Parameters
    ----------
    log_density : array_like of float, shape (n_models, n_observations)
        Natural log of the density that each model gave to each observation: any finite value or -inf. A constant
        added to all values of one observation changes no weight. C-contiguous float64 is borrowed, memory maps too, so
        do not write to it during the call; other layouts are copied once.
    observation_weights : array_like of float, shape (n_observations,), optional
        Non-negative weight of each observation; equal by default. An observation of weight 0 is as if absent, and so
        is one that weighs less than 1e-280 of the heaviest.
    tol : float, default 1e-10
        Largest gap to accept, in nats per observation. Must be > 0.
    tie_break : {"nearest", "least_individual_loss"}, default "nearest"
        Which of several optimal weights: those nearest to `reference` in the Euclidean norm, or those with the highest
        ``sum_d w_d sum_n v_n log p_dn``, the models that are best by themselves. A density that is less than e^-689 of
        the best one counts as that. If that leaves several, the earlier models get as much weight as they can, one
        after the other. Scores that differ by 1e-9 of their spread, or 1e-12 of themselves, count as equal.
    reference : array_like of float, shape (n_models,), optional
        Weights >= 0, not all 0; they are divided by their sum. By default uniform. For "nearest" only.
    start : SimplexSolution or array_like of int, optional
        A warm start: the solution of a similar problem, whose models are the first of `log_density`, or indices of
        models that are likely to have weight. It saves time and changes no optimum.
    n_threads : int, optional
        Number of threads; every core by default. The result is the same, bit for bit, for any number.

    Returns
    -------
    SimplexSolution
        `objective` is the score, and `gap`, ``max_d sum_n v_n p_dn / (P w)_n - 1``, bounds how far it is below the best
        one; `relative_gap` is the same number, which depends neither on shift nor on scale. `passes` counts passes over
        some models as parts of one. ``unique`` and ``face_dimension`` say whether other weights are optimal too, and
        ``face`` which models have weight in some optimum; ``reduced_cost`` is what a unit of weight on the nearest
        other model takes from the score, to first order. `reason` counts the observations dropped.

    Raises
    ------
    DtypeError
        If an array is not numeric or is masked, or an option is not a number.
    ShapeError
        If `log_density` is not two-dimensional, or `observation_weights` or `reference` has another length.
    NonFiniteError
        If a log density is NaN or +inf, or a weight or `tol` is not finite.
    DomainError
        If a weight is negative, all of `reference` are 0, `tol` is not above 0 or `n_threads` below 1.
    OptionError
        If `tie_break` is neither of the two, `reference` is given for another than "nearest", or `start` is a solution
        that names no models.
    MissingExtraError
        If "least_individual_loss" has a tie to break and highspy is not installed.
    IndexOutOfRangeError
        If `start` names a model that does not exist.
    NoDataError
        If there is no model, all of `observation_weights` are 0, or no model explains an observation that counts.
    NotConvergedError
        If the gap stays above `tol`; it holds the best weights found. If the linear program of "least_individual_loss"
        finds no end, as may be where observations weigh 1e-10 of others; it holds other optimal weights.
    KeyboardInterrupt
        Soon after Ctrl-C.

    Warns
    -----
    ObservationsDroppedWarning
        If no model explains an observation (its log densities are all -inf). No weights could, so it is left out.
    TieBreakWarning
        If the optimal weights that the tie-break names cannot be certified to `tol`, as the set of optimal weights is
        thinner than rounding. The result is optimal, and goes towards them as far as it can: ``tie_broken`` is False.

    Notes
    -----
    Column generation. The first working set is the best model of each observation; the problem over it is solved by
    Newton steps, each a quadratic programme solved by active sets; a pass over all models gives the certificate and
    the models to add. What a pass finds bounds later prices, so that later passes read few models. The densities,
    scaled by the largest of each observation, are exponentiated as they are read and kept for the working set and the
    face alone: beside `log_density` memory holds some hundred rows, and those of the models with weight in some
    optimum.

    The mixture density of each observation is unique at the optimum; the weights need not be. The face is that of
    ``sum_d w_d p_dn = (P w*)_n`` over the models whose price ``sum_n v_n p_dn / (P w*)_n`` is 1 to 1e-9 of their
    distance from the mixture. Models with equal densities share their weight equally where their `reference` is equal,
    to 1e-13, unless `tie_broken` is False.
    Permuting the models permutes the weights up to the gap.

    References
    ----------
    Yao, Vehtari, Simpson and Gelman (2018), Using stacking to average Bayesian predictive distributions,
    doi:10.1214/17-BA1091, section 2.2. Kim, Carbonetto, Stephens and Anitescu (2020), A fast algorithm for maximum
    likelihood estimation of mixture proportions using sequential quadratic programming,
    doi:10.1080/10618600.2019.1689985. Wang (2007), On fast computation of the non-parametric maximum likelihood
    estimate of a mixing distribution, doi:10.1111/j.1467-9868.2007.00583.x.

    Examples
    --------
    Two camps share 100 observations 70 to 30; a third model stands between them.

    >>> import numpy as np
    >>> labels = np.array([+1.0] * 70 + [-1.0] * 30)
    >>> log_density = -0.5 * ((np.array([[+1.0], [-1.0], [0.0]]) - labels) / 0.1) ** 2
    >>> solution = stacking_weights(log_density)
    >>> solution.weights.round(6), solution.unique
    (array([0.7, 0.3, 0. ]), True)
    """
    log_density = float_array(log_density, "log_density", 2)
    n_models, n_observations = log_density.shape
    if n_models == 0 or n_observations == 0:
        raise NoDataError(f"log_density: there are {n_models} models and {n_observations} observations")
    whose = "each row of log_density"
    options = stacking_options(
        n_models, n_observations, whose, observation_weights, tol, tie_break, reference, start, n_threads
    )
    found = _core.stacking_weights(log_density, options)
    if tie_break == "nearest" or found.face_dimension == 0:
        return _told(found_solution(found), found.dropped, "log_density", n_observations)

    def certify(weights: NDArray[np.float64]) -> _core.CertifiedWeights:
        return _core.certify_stacking(log_density, weights, found.weights, options)

    solution = _least_individual_loss(found, log_density[found.face], certify)
    return _told(solution, found.dropped, "log_density", n_observations)


def pool_stacking(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    *,
    by: StackingBy = "label",
    sigma: float = 0.5,
    observation_weights: ArrayLike | None = None,
    tol: float = 1e-10,
    tie_break: str = "nearest",
    reference: ArrayLike | None = None,
    start: SimplexSolution | ArrayLike | None = None,
    n_threads: int | None = None,
) -> SimplexSolution:
    """Return the mixture of models that explains the labels of a jury best, or its pairs.

    ``max_w sum_i v_i log sum_d w_d p_di`` over the simplex, with ``p_di`` the density ``Normal(y_i | mu_di, sigma)`` of
    a label, or the sum-Gaussian density of a pair.

    Parameters
    ----------
    logits : array_like of float or Pool, shape (n_models, n_items)
        Log contribution of each item, natural log. C-contiguous float64 or float32 is borrowed.
    judgments : Judgments
        Its items are the columns of `logits`.
    by : {"label", "pair"}, default "label"
        What an observation is. By label camps are seated in proportion to their labels; by pair the labels of one are
        alternatives, and over many pairs the majority takes all.
    sigma : float, default 0.5
        Width of the Gaussian at each label, in the unit of ``log_ratio``; from 1e-6 to 1e6.
    observation_weights : array_like of float, shape (n_labels,) or (n_pairs,), optional
        Weight of each label or pair, in the order of ``judgments.pairs``; equal by default.
    tol, tie_break, reference, start, n_threads
        As for `stacking_weights`.

    Returns
    -------
    SimplexSolution
        With its certificate over all models.

    Raises
    ------
    NoDataError
        If no judgment is cardinal and of positive weight, or all of `observation_weights` are 0.
    DtypeError, ShapeError, NonFiniteError, DomainError, OptionError
        As `log_likelihood` and `stacking_weights`.
    MissingExtraError, IndexOutOfRangeError, NotConvergedError, KeyboardInterrupt
        As `stacking_weights`.

    Warns
    -----
    TieBreakWarning
        As `stacking_weights`.

    Notes
    -----
    The matrix of log densities is never formed: the likelihood makes them again, some models at a time, in each pass.
    The result is that of `stacking_weights` on ``log_likelihood(..., per=by, rtol=1e-12)``, bit for bit. Log densities
    made to another `rtol` differ by rounding, which may decide whether models tie; `unique`, `face` and `tie_broken`
    speak of the densities as they were made. Memory: some hundred rows of n_labels
    or n_pairs, and those of the models with weight in some optimum.
    """
    known_word(by, "by", STACKING_BY)
    matrix = float_array(logits_matrix(logits, judgments), "logits", 2, keep_float32=True)
    n_models, pairs = len(matrix), judgments.pairs
    if n_models == 0:
        raise ShapeError(f"logits: expected at least one model, got shape {matrix.shape}")
    if len(pairs) == 0:
        raise NoDataError("judgments: none says how much more one item is worth (cardinal) with a weight above 0")
    n_observations = pairs.n_labels if by == "label" else len(pairs)
    whose = f"the {by}s of the judgments"
    options = stacking_options(
        n_models, n_observations, whose, observation_weights, tol, tie_break, reference, start, n_threads
    )
    densities = JuryDensities(matrix, pairs, len(judgments.items), positive_number(sigma, "sigma"), by == "pair")
    with naming_logits(logits):
        found = _core.pool_stacking(densities, options)
    if tie_break == "nearest" or found.face_dimension == 0:
        return _told(found_solution(found), found.dropped, "judgments", n_observations)

    def certify(weights: NDArray[np.float64]) -> _core.CertifiedWeights:
        return _core.certify_pool_stacking(densities, weights, found.weights, options)

    rows = log_likelihood(matrix[found.face], judgments, sigma=sigma, per=by, rtol=densities.rtol, n_threads=n_threads)
    return _told(_least_individual_loss(found, rows, certify), found.dropped, "judgments", n_observations)


def _least_individual_loss(
    found: _core.StackingSolution,
    log_density: NDArray[np.float64],
    certify: Callable[[NDArray[np.float64]], _core.CertifiedWeights],
) -> SimplexSolution:
    """Return, of all optimal weights, those whose models have the best scores by themselves.

    Parameters
    ----------
    found : StackingSolution
        Any optimum.
    log_density : ndarray of float64, shape (n_face, n_observations)
        Of the models of the face.
    certify : callable
        As for `least_individual_loss`.
    """
    counted = found.share > 0
    share, below = found.share[counted], log_density[:, counted] - found.highest[counted]  # (n_face, n_counted)
    weights = found.weights[found.face]
    fit = log_mixture(below[weights > 0], weights[weights > 0])
    solution = found_solution(found)
    face = OptimalFace.of_densities(np.sqrt(share) * np.exp(below - fit), solution)
    loss = -np.maximum(below, LOWEST) @ share
    return least_individual_loss(solution, face, loss, certify)


def _told(solution: SimplexSolution, dropped: NDArray[np.int64], what: str, n_observations: int) -> SimplexSolution:
    """Return the solution, with warnings of what was left out and of a tie that could not be broken as asked."""
    if len(dropped):
        left_out = _describe(dropped, n_observations)
        warnings.warn(f"{what}: {left_out}", ObservationsDroppedWarning, stacklevel=3)
        solution = replace(solution, reason=f"{solution.reason}; {left_out}")
    doubt = tie_doubt(solution)
    if doubt is not None:
        warnings.warn(doubt, TieBreakWarning, stacklevel=3)
    return solution


def _describe(dropped: NDArray[np.int64], n_observations: int) -> str:
    """Say how many observations were dropped, and which came first."""
    first = ", ".join(map(str, dropped[:5].tolist())) + (", ..." if len(dropped) > 5 else "")
    return f"{len(dropped)} of {n_observations} observations dropped, as no model explains them (columns {first})"
