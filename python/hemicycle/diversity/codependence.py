"""How much an ensemble loses when some of its members are missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hemicycle.arrays import by_construction, numeric_array, read_only
from hemicycle.diversity.decomposition import case_of
from hemicycle.errors import DomainError, NoDataError, NonFiniteError, ShapeError
from hemicycle.options import positive_count, random_generator

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.diversity.decomposition import Case
    from hemicycle.diversity.losses import Averaging, LossName
    from hemicycle.types import Seed

__all__ = ["Codependence", "Dropped", "codependence", "dropped_of_case", "n_dropped"]

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
        As `decompose`; also if `p` has two dimensions, is empty or beyond [0, 1], `n_draws` below 1, or `rng` no seed.
    KeyboardInterrupt
        At once upon Ctrl-C.

    Notes
    -----
    A draw takes as long as the error of the ensemble does. For "mse" and "brier" with equal weights the increase is
    known: its mean over all draws is ``DIV k / ((M - k) (M - 1))`` for k of M dropped. Members of weight 0 change
    nothing.

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
    return dropped_of_case(case, p, n_draws, rng, progress).codependence


class Dropped(NamedTuple):
    """What dropping members does, and what it would do to independent errors.

    Attributes
    ----------
    codependence : Codependence
        As `codependence` returns it.
    err : ndarray of float64, shape (n_p, n_examples)
        Error of each example without some members, mean over the draws.
    independent : ndarray of float64, shape (n_p, n_examples)
        Mean over the draws of the sum over members of their weight in the draw squared times their own loss: what the
        squared error would be if the errors of different members had nothing to do with each other.
    """

    codependence: Codependence
    err: NDArray[np.float64]
    independent: NDArray[np.float64]


def dropped_of_case(
    case: Case, p: ArrayLike, n_draws: int, rng: Seed, progress: Callable[[int, int], None] | None = None
) -> Dropped:
    """Drop members of a case, as `codependence` says."""
    parts = _parts_array(p)
    n_draws, generator = positive_count(n_draws, "n_draws"), random_generator(rng)
    n_learners = len(case.predictions)
    dropped = tuple(n_dropped(part, n_learners) for part in parts.tolist())
    own = case.loss.own(case.predictions, case.targets)
    draws = np.empty((len(parts), n_draws))
    err, independent = (np.zeros((len(parts), own.shape[1])) for _ in range(2))
    for row, k in enumerate(dropped):
        for draw in range(n_draws):
            weights = _weights_without(case, k, generator)
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                found = case.loss.ensemble(case.predictions, case.targets, weights)
                err[row] += found / n_draws
                independent[row] += (weights * weights * own).sum(axis=0) / n_draws
            draws[row, draw] = case.weighting.mean(found)
            if progress is not None:
                progress(row * n_draws + draw + 1, draws.size)
    if not np.isfinite(draws).all():
        raise NonFiniteError("predictions: the loss without some members is infinite")
    kept = Codependence(tuple(parts.tolist()), dropped, n_learners, case.parts().err, draws)
    return Dropped(kept, err, independent)


def _parts_array(p: ArrayLike) -> NDArray[np.float64]:
    """Return the parts to drop as an array of one dimension."""
    given = np.atleast_1d(numeric_array(p, "p", "iuf", "a number or several"))
    if given.ndim != 1:
        raise ShapeError(f"p: expected a number or a sequence of numbers, got shape {given.shape}")
    if not len(given):
        raise NoDataError("p: expected a number or several, got none")
    parts = given.astype(np.float64)
    if not ((parts >= 0) & (parts <= 1)).all():
        raise DomainError(f"p is {parts.tolist()}; every part must be from 0 to 1")
    return parts


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


def _weights_without(case: Case, k: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return the weights of one draw without k members of each example, shape (n_learners, n_examples)."""
    weights = np.broadcast_to(case.weighting.learners[:, None], (len(case.predictions), len(case.targets)))
    if not k:
        return weights
    order = np.argpartition(generator.random(weights.shape), k - 1, axis=0)
    left = np.array(weights)
    np.put_along_axis(left, order[:k], 0.0, axis=0)
    left /= left.max(axis=0)  # the rest may be as light as a double can be
    left /= left.sum(axis=0)
    return left
