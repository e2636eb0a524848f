"""The Bayesian bootstrap over jurors: what would follow had other jurors of the same kind answered."""

from __future__ import annotations

import math
import warnings
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from hemicycle.errors import NoDataError, NotCertifiedWarning, TieBreakWarning
from hemicycle.options import positive_count, random_generator, seed_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.types import Seed

    Solve = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], int]]
    """Takes a factor for each judgment, and returns what follows and how much of that is in doubt."""

__all__ = ["Replicates", "ResampledBy", "expanded_tail", "resample", "resampling_groups"]

ResampledBy: TypeAlias = Literal["juror", "pair"]
"""What is resampled."""


class Replicates(NamedTuple):
    """What followed from each replicate.

    Attributes
    ----------
    by : {"juror", "pair"}
        What was resampled.
    n_groups : int
        How many of them there are.
    seed : int
        Gives the same replicates again.
    values : ndarray of float64, shape (replicates, n_values)
        What followed.
    n_doubts : int
        How often it is in doubt.
    """

    by: ResampledBy
    n_groups: int
    seed: int
    values: NDArray[np.float64]
    n_doubts: int

    def interval(self, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the ends between which each value lies with a probability.

        Parameters
        ----------
        level : float
            Probability inside, between 0 and 1.

        Returns
        -------
        low, high : ndarray of float64, shape (n_values,)
            Quantiles of the replicates at `expanded_tail` and one less it; the k-th smallest of n replicates is the
            quantile of k / (n + 1), beyond which one more replicate would lie with that probability.
        """
        tail = expanded_tail((1 - level) / 2, self.n_groups)
        low, high = np.quantile(self.values, [tail, 1 - tail], axis=0, method="weibull")
        return low, high


def resample(
    judgments: Judgments,
    solve: Solve,
    replicates: int,
    rng: Seed,
    progress: Callable[[int, int], None] | None = None,
) -> Replicates:
    r"""Solve a problem again with the judgments of each juror counted a random number of times.

    Parameters
    ----------
    judgments : Judgments
        What the jury said.
    solve : callable
        Takes an array of a factor for each judgment, and returns an array of values and a number of doubts.
    replicates : int
        How often: the J jurors of replicate r count :math:`J \alpha_{rj}` times,
        :math:`\alpha_r \sim \mathrm{Dirichlet}(1, \dots, 1)`.
    rng : None, int, numpy.random.SeedSequence or numpy.random.Generator
        Where they come from.
    progress : callable, optional
        Called with the number of replicates done and their number, after each.

    Returns
    -------
    Replicates
        In the order in which they were drawn.

    Raises
    ------
    NoDataError
        If no judgment counts, or all are of one pair, so that there is nothing to resample.
    DtypeError, DomainError
        If `replicates` is no integer above 0, or `rng` no seed.

    References
    ----------
    Rubin (1981), The Bayesian bootstrap, doi:10.1214/aos/1176345338.
    """
    n, seed = positive_count(replicates, "replicates"), seed_of(rng)
    rows = np.sort(judgments.pairs.row)
    if not len(judgments.pairs):
        raise NoDataError(f"judgments: none of the {len(judgments)} has a log ratio and a weight above 0")
    by, group = resampling_groups(judgments, rows)
    n_groups = int(group.max()) + 1
    if n_groups < 2:
        raise NoDataError("judgments: all are of one pair; there is nothing to resample")
    generator, found, n_doubts = random_generator(seed), [], 0
    factor = np.ones(len(judgments))
    with warnings.catch_warnings():
        for counted_as_doubts in (NotCertifiedWarning, TieBreakWarning):
            warnings.simplefilter("ignore", counted_as_doubts)
        for replicate in range(n):
            alpha = generator.standard_exponential(n_groups)
            factor[rows] = (alpha * (n_groups / alpha.sum()))[group]
            values, doubts = solve(factor)
            found.append(values)
            n_doubts += doubts
            if progress is not None:
                progress(replicate + 1, n)
    return Replicates(by, n_groups, seed, np.stack(found), n_doubts)


def resampling_groups(judgments: Judgments, rows: NDArray[np.int64]) -> tuple[ResampledBy, NDArray[np.int64]]:
    """Return what a bootstrap resamples, and the group of each row: jurors, whose answers hang together, where named.

    Parameters
    ----------
    judgments : Judgments
        What the jury said.
    rows : ndarray of int64, shape (n,)
        The rows that are resampled.

    Returns
    -------
    by : {"juror", "pair"}
        Pairs where some row names no juror, or all name one.
    group : ndarray of int64, shape (n,)
        Numbered from 0: jurors by name, or pairs in order.
    """
    jurors = [judgments.juror[row] for row in rows.tolist()]
    if len(set(jurors)) > 1 and None not in jurors:
        return "juror", np.unique(np.array(jurors), return_inverse=True)[1]
    low, high = np.minimum(judgments.a[rows], judgments.b[rows]), np.maximum(judgments.a[rows], judgments.b[rows])
    return "pair", np.unique(low * len(judgments.items) + high, return_inverse=True)[1]


def expanded_tail(tail: float, n_groups: int) -> float:
    r"""Return the probability to leave out on each side of a Bayesian bootstrap over few groups.

    The variance of a mean over replicates is :math:`\hat\sigma^2 / (n + 1)` with :math:`\hat\sigma^2` the mean squared
    deviation, where :math:`s^2 / n = \hat\sigma^2 / (n - 1)` estimates it, and quantiles of Student's t are further out
    than normal ones. So :math:`\Phi\big(-\sqrt{(n + 1) / (n - 1)}\, t_{n - 1}\big)` in place of `tail`.

    Parameters
    ----------
    tail : float
        Probability that should be left out on each side, at most 1/2.
    n_groups : int
        Number of groups that are resampled, at least 2.

    Returns
    -------
    float
        At most `tail`; near it for many groups.

    References
    ----------
    Hesterberg (2014), What teachers should know about the bootstrap, arXiv:1411.5279: the expanded percentile interval.
    Wallace (1959), Bounds on normal approximations to Student's and the chi-square distributions, Annals of
    Mathematical Statistics 30: the approximation of t, which is right to a few percent from three groups on.

    Examples
    --------
    >>> round(expanded_tail(0.05, 10), 3), round(expanded_tail(0.05, 100), 3)
    (0.021, 0.047)
    """
    freedom = n_groups - 1
    z = NormalDist().inv_cdf(1 - tail) * (8 * freedom + 3) / (8 * freedom + 1)
    t = math.sqrt(freedom * math.expm1(z * z / freedom))
    return NormalDist().cdf(-math.sqrt((n_groups + 1) / (n_groups - 1)) * t)
