"""How much an ensemble loses when some of its members are missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import by_construction, float_array, read_only
from hemicycle.diversity.decomposition import case_of
from hemicycle.errors import DomainError, NoDataError, NonFiniteError
from hemicycle.options import positive_count, random_generator

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.diversity.decomposition import Case
    from hemicycle.diversity.losses import Averaging, LossName
    from hemicycle.types import Seed

__all__ = ["Codependence", "codependence", "codependence_of_case", "n_dropped"]

DROPPED = (0.2, 0.4, 0.6)


@dataclass(frozen=True, slots=True, eq=False)
class Codependence:
    """Error of an ensemble whose members are dropped at random.

    Attributes
    ----------
    p : tuple of float
        Parts of the members to drop.
    n_dropped : tuple of int
        How many of them that is.
    n_learners : int
        Members with weight.
    err : float
        Error of the whole ensemble.
    draws : ndarray of float64, shape (n_p, n_draws)
        Error in each draw; read-only.
    """

    p: tuple[float, ...]
    n_dropped: tuple[int, ...]
    n_learners: int
    err: float
    draws: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "draws", read_only(self.draws))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)

    @property
    def increase(self) -> NDArray[np.float64]:
        """Mean of the draws less the error of the whole, shape (n_p,)."""
        mean: NDArray[np.float64] = self.draws.mean(axis=1) - self.err
        return mean

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """Standard error of `increase` for the draws, shape (n_p,); 0 for a single draw."""
        n = self.draws.shape[1]
        if n == 1:
            return np.zeros(len(self.draws))
        error: NDArray[np.float64] = self.draws.std(axis=1, ddof=1) / math.sqrt(n)
        return error


def codependence(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    loss: LossName = "mse",
    averaging: Averaging | None = None,
    weights: ArrayLike | None = None,
    example_weights: ArrayLike | None = None,
    p: ArrayLike = DROPPED,
    n_draws: int = 100,
    rng: Seed = None,
    progress: Callable[[int, int], None] | None = None,
) -> Codependence:
    """Drop members at random, example by example, and tell by how much the error of the rest is larger.

    Parameters
    ----------
    predictions, targets : array_like
        As in `decompose`.
    loss : {"mse", "cross_entropy", "brier", "zero_one"}, default "mse"
        As in `decompose`.
    averaging : {"score", "probability"}, optional
        As in `decompose`.
    weights : array_like of float, shape (n_learners,), optional
        On the simplex; equal by default. Those of the members that are left are divided by their sum.
    example_weights : array_like of float, shape (n_examples,), optional
        As in `decompose`.
    p : array_like of float, default (0.2, 0.4, 0.6)
        Parts of the M members with weight to drop, from 0 to 1: ``floor(p M)`` of them, but at least one stays.
    n_draws : int, default 100
        How often members are drawn.
    rng : None, int, numpy.random.SeedSequence or numpy.random.Generator, optional
        Where the draws come from.
    progress : callable, optional
        Called with the number of draws done and of all.

    Returns
    -------
    Codependence
        The increase of ERR for each p, and the error of each draw.

    Raises
    ------
    DtypeError, ShapeError, NoDataError, NonFiniteError, DomainError, IndexOutOfRangeError, OptionError
        As `decompose`; also if `p` is empty or beyond [0, 1], `n_draws` below 1, or `rng` no seed.
    KeyboardInterrupt
        At once upon Ctrl-C.

    Notes
    -----
    A draw takes as long as the error of the ensemble does. For "mse" and "brier" with equal weights the increase is
    known: its mean over all draws is ``DIV k / ((M - k) (M - 1))`` for k of M dropped.

    References
    ----------
    Jeffares, Liu, Crabbé and van der Schaar (2023), arXiv:2301.11323, section 6.

    Examples
    --------
    >>> found = codependence([[0.0, 2.0], [2.0, 4.0]], [1.0, 2.0], p=0.5, rng=0)
    >>> found.n_dropped, found.err, bool(found.increase[0] > 0)
    ((1,), 0.5, True)
    """
    case = case_of(predictions, targets, loss, averaging, weights, example_weights)
    return codependence_of_case(case, p, n_draws, rng, progress)


def codependence_of_case(
    case: Case, p: ArrayLike, n_draws: int, rng: Seed, progress: Callable[[int, int], None] | None = None
) -> Codependence:
    """Drop members of a case, as `codependence` says."""
    parts = np.atleast_1d(float_array(p, "p", np.ndim(p)))
    if parts.ndim != 1 or not len(parts):
        raise NoDataError(f"p: expected a number or several, got shape {parts.shape}")
    if not ((parts >= 0) & (parts <= 1)).all():
        raise DomainError(f"p is {parts.tolist()}; every part must be from 0 to 1")
    n_draws, generator = positive_count(n_draws, "n_draws"), random_generator(rng)
    n_learners = len(case.predictions)
    dropped = tuple(n_dropped(part, n_learners) for part in parts.tolist())
    draws = np.empty((len(parts), n_draws))
    for row, k in enumerate(dropped):
        for draw in range(n_draws):
            draws[row, draw] = _without(case, k, generator)
            if progress is not None:
                progress(row * n_draws + draw + 1, draws.size)
    if not np.isfinite(draws).all():
        raise NonFiniteError("predictions: the loss without some members is infinite")
    return Codependence(tuple(parts.tolist()), dropped, n_learners, case.parts().err, draws)


def n_dropped(part: float, n_learners: int) -> int:
    """Return how many of the members a part is: ``floor(part * n_learners)``, but one stays.

    Parameters
    ----------
    part : float
        From 0 to 1.
    n_learners : int
        How many members there are.

    Returns
    -------
    int
        The floor of the product of the decimals that were written: 0.29 of 100 are 29.
    """
    return min(n_learners - 1, math.floor(part * n_learners * (1 + 4e-16)))


def _without(case: Case, k: int, generator: np.random.Generator) -> float:
    """Return the error of one draw without k members of each example."""
    weights = np.broadcast_to(case.weighting.learners[:, None], (len(case.predictions), len(case.targets)))
    if k:
        order = np.argpartition(generator.random(weights.shape), k - 1, axis=0)
        weights = np.array(weights)
        np.put_along_axis(weights, order[:k], 0.0, axis=0)
        weights /= weights.max(axis=0)  # the rest may be as light as a double can be
        weights /= weights.sum(axis=0)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return case.weighting.mean(case.loss.ensemble(case.predictions, case.targets, weights))
