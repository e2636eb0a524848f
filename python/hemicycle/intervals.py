"""Intervals of an allocation: what it would be had other jurors answered, or had another single model decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from hemicycle.allocation import allocate, model_shares
from hemicycle.arrays import read_only
from hemicycle.errors import DomainError, OptionError
from hemicycle.mechanism import SPOKEN
from hemicycle.options import finite_number, known_word
from hemicycle.rejects import counted
from hemicycle.resampling import resample
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.allocation import Mean
    from hemicycle.ensemble import Ensemble
    from hemicycle.items import Items
    from hemicycle.resampling import Replicates, Solve
    from hemicycle.types import Seed

__all__ = ["INTERVAL_KINDS", "AllocationIntervals", "IntervalKind", "allocation_intervals", "checked_level"]

IntervalKind: TypeAlias = Literal["bootstrap", "posterior"]
"""What an interval is an interval of."""

INTERVAL_KINDS: tuple[IntervalKind, ...] = ("bootstrap", "posterior")
ROUNDING = 1e-12  #: of a cumulative weight


@dataclass(frozen=True, slots=True, eq=False)
class AllocationIntervals:
    """An interval for the share of each item; arrays are read-only.

    Attributes
    ----------
    items : Items
        The items, in order.
    method : str
        The mechanism, or "direct" for the jury alone.
    mean : {"geometric", "arithmetic"}
        Which average of the models' shares.
    kind : {"bootstrap", "posterior"}
        "bootstrap": over juries that might have answered. "posterior": over the single models of the pool.
    level : float
        Probability inside, as far as the kind allows.
    share : ndarray of float64, shape (n_items,)
        The allocation itself. It need not lie inside: what is resampled is drawn towards other models.
    low, high : ndarray of float64, shape (n_items,)
        The interval, item by item.
    resampled : {"juror", "pair"} or None
        What the bootstrap resamples.
    n_groups : int
        How many of them there are; 0 for "posterior".
    replicates : int
        How often it was resampled; 0 for "posterior".
    seed : int or None
        ``rng=seed`` gives the same replicates again.
    n_doubts : int
        Replicates whose weights could not be certified: the best that were found.
    replicated : ndarray of float64, shape (replicates, n_items), or None
        The allocation of each replicate.
    """

    items: Items
    method: str
    mean: Mean
    kind: IntervalKind
    level: float
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    resampled: Literal["juror", "pair"] | None = None
    n_groups: int = 0
    replicates: int = 0
    seed: int | None = None
    n_doubts: int = 0
    replicated: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("share", "low", "high", "replicated"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, read_only(value))

    @classmethod
    def of(
        cls, items: Items, method: str, mean: Mean, level: float, share: NDArray[np.float64], drawn: Replicates
    ) -> AllocationIntervals:
        """Return the intervals between quantiles of replicates."""
        low, high = drawn.interval(level)
        return cls(
            items, method, mean, "bootstrap", level, share, low, high, drawn.by, drawn.n_groups, len(drawn.values),
            drawn.seed, drawn.n_doubts, drawn.values,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"AllocationIntervals({self.label})"

    @property
    def label(self) -> str:
        """What the intervals are, in a few words."""
        spoken = SPOKEN.get(self.method, self.method)  # the jury alone is no mechanism
        if self.kind == "posterior":
            return f"{100 * self.level:g}% of the posterior mass of single models, {spoken}"
        drawn = f"{counted(self.replicates, 'replicate')} over {counted(self.n_groups, self.resampled or '')}"
        return f"{100 * self.level:g}% Bayesian bootstrap, {drawn}, {spoken}"

    def table(self) -> Table:
        """Return one row for each item.

        Returns
        -------
        Table
            Columns parent, item, share, low and high.
        """
        columns = {"parent": self.items.parents, "item": self.items.names}
        shares = {"share": self.share, "low": self.low, "high": self.high}
        return Table(columns | shares, printed={"item": self.items.hostless_names})


def allocation_intervals(
    ensemble: Ensemble,
    *,
    kind: IntervalKind = "bootstrap",
    mean: Mean = "geometric",
    level: float = 0.9,
    replicates: int = 200,
    rng: Seed = 0,
    progress: Callable[[int, int], None] | None = None,
) -> AllocationIntervals:
    r"""Return an interval for the share of each item.

    With "bootstrap" the mechanism is solved again for each of many juries that might have answered. Replicate r counts
    the judgments of juror j :math:`J \alpha_{rj}` times, :math:`\alpha_r \sim \mathrm{Dirichlet}(1, \dots, 1)` over the
    J jurors (over pairs, where not all jurors are named). A label of weight :math:`c_n v_i` then weighs
    :math:`c_n v_i J \alpha_{rj}`: the labels of one pair go on sharing its weight, and on average a replicate weighs
    them as the round does. The interval lies between quantiles of the replicates' shares.

    Parameters
    ----------
    ensemble : Ensemble
        What was decided, by any mechanism; its width and options are those of every replicate.
    kind : {"bootstrap", "posterior"}, default "bootstrap"
        "posterior", for Bayesian model averaging only: quantiles of the shares that single models give, weighted by
        their posterior weights.
    mean : {"geometric", "arithmetic"}, default "geometric"
        Which average of the models' shares is paid.
    level : float, default 0.9
        Probability inside, between 0 and 1.
    replicates : int, default 200
        Replicates of the bootstrap.
    rng : None, int, numpy.random.SeedSequence or numpy.random.Generator, default 0
        Where they come from.
    progress : callable, optional
        Called with the number of replicates done and their number, after each.

    Returns
    -------
    AllocationIntervals
        The same bits for any number of threads.

    Raises
    ------
    OptionError
        If `kind` or `mean` is no such word, or "posterior" is asked of another method than "bma".
    DomainError
        If `level` is not between 0 and 1, or `replicates` below 1.
    NoDataError
        If all judgments are of one pair, so that there is nothing to resample.
    DtypeError, NonFiniteError
        If a number is none, or `rng` no seed.

    Notes
    -----
    What it tells: how much the allocation owes to which jurors were asked, in so far as those who answered are a sample
    of those who might have. What it does not tell: that jurors are right; that there was no better model in the pool's
    absence; what another choice of questions or another width would have given. The intervals hold item by item, not
    for all items at once. Equal weights ("uniform") do not depend on the jury, and have no width.

    Quantiles of replicates are too close together where jurors are few, as every bootstrap knows less of the spread
    than it takes from few observations. They are taken further out, at `hemicycle.resampling.expanded_tail`. How often
    intervals cover what infinitely many jurors would decide was simulated: docs/intervals.md has the table, and where
    it falls short.

    "posterior" says how far apart the models are that the posterior cannot tell apart. Its weights treat pairs as
    independent, and the intervals are far too narrow as statements about other juries.

    Time: that of `replicates` ensembles, started from this one where the solver can be.

    References
    ----------
    Rubin (1981), The Bayesian bootstrap, doi:10.1214/aos/1176345338. Newton and Raftery (1994), Approximate Bayesian
    inference with the weighted likelihood bootstrap, doi:10.1111/j.2517-6161.1994.tb01956.x.
    """
    known_word(kind, "kind", INTERVAL_KINDS)
    number = checked_level(level)
    pool = ensemble.round.pool
    share = allocate(pool, ensemble.weights, mean=mean)
    if kind == "posterior":
        low, high = _posterior(ensemble, number)
        return AllocationIntervals(pool.items, ensemble.method, mean, kind, number, share, low, high)
    drawn = resample(ensemble.round.judgments, _solved_again(ensemble, mean), replicates, rng, progress)
    return AllocationIntervals.of(pool.items, ensemble.method, mean, number, share, drawn)


def checked_level(level: float) -> float:
    """Return `level` as a float between 0 and 1.

    Raises
    ------
    DtypeError, NonFiniteError
        If it is no finite number.
    DomainError
        If it is not between 0 and 1, both excluded.
    """
    number = finite_number(level, "level")
    if not 0 < number < 1:
        raise DomainError(f"level is {number}; it must be between 0 and 1, both excluded")
    return number


def _solved_again(ensemble: Ensemble, mean: Mean) -> Solve:
    """Return how the allocation and its doubts follow from the factors of judgments."""
    started = ensemble.solution is not None and ensemble.solution.vertex is not None
    options: dict[str, Any] = ensemble.options | ({"start": ensemble} if started else {})

    def solve(factor: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
        round_ = ensemble.round.reweigh(factor)
        again = round_.ensemble(ensemble.method, sigma=ensemble.sigma, **options)
        return allocate(round_.pool, again.weights, mean=mean), len(round_.doubts)

    return solve


def _posterior(ensemble: Ensemble, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the quantiles of the shares that single models give."""
    if ensemble.method != "bma":
        raise OptionError(
            f"kind='posterior': only the weights of method='bma' are probabilities of models, got "
            f"method={ensemble.method!r}"
        )
    support = np.flatnonzero(ensemble.weights)
    shares = model_shares(ensemble.round.pool.logits[support], ensemble.items.parent_index)  # (n_support, n_items)
    order = np.argsort(shares, axis=0, kind="stable")
    ordered = np.take_along_axis(shares, order, axis=0)
    mass = np.cumsum(ensemble.weights[support][order], axis=0)
    ends = []
    for probability in ((1 - level) / 2, (1 + level) / 2):
        reached = mass >= probability - ROUNDING
        ends.append(np.take_along_axis(ordered, np.argmax(reached, axis=0)[None], axis=0)[0])
    return ends[0], ends[1]
