"""What parties are really handed: models in proportion to the collective one, outcome by outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import by_construction, float_array, read_only, require_at_most, require_non_negative
from hemicycle.contracts.type_outcomes import outcomes_of_contract
from hemicycle.rejects import counted
from hemicycle.table import Table

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.contracts.accuracy import Accuracy
    from hemicycle.contracts.contract import Contract
    from hemicycle.contracts.valuation import Valuation
    from hemicycle.types import Seed

__all__ = ["RealisedRewards", "realised_rewards"]


@dataclass(frozen=True, slots=True, eq=False)
class RealisedRewards:
    """The distribution of the reward of each type, given that a party of it is there; arrays are read-only.

    Types stand in the order in which they were given.

    Attributes
    ----------
    costs, t : ndarray of float64, shape (n_types,)
        Those of the contract.
    share : ndarray of float64, shape (n_types,)
        Of the worth of the collective model that a party is rewarded with, whatever the outcome: ``t / t_bar``.
    collective : ndarray of float64, shape (n_outcomes, n_types)
        Worth of the collective model.
    reward : ndarray of float64, shape (n_outcomes, n_types)
        Worth of the reward.
    probability : ndarray of float64, shape (n_outcomes, n_types)
        Of the outcome given that a party of the type is there; each column sums to 1.
    mean, std : ndarray of float64, shape (n_types,)
        Of the reward; the mean is t.
    error : ndarray of float64, shape (n_types,)
        Standard error of the mean, 0 where every outcome is counted.
    own_type_mean : ndarray of float64, shape (n_types,)
        Of the reward, for a party that knows its type: one draw fixed, and N - 1 others. It is not what is promised.
    gain : ndarray of float64, shape (n_types, n_types)
        What a party of the type of the row gains if it reports the type of the column, by the means; 0 on the diagonal.
    own_type_gain : ndarray of float64, shape (n_types, n_types)
        The same for a party that knows its type. No contract is constrained by it.
    exact : bool
        Whether every outcome is counted.
    """

    costs: NDArray[np.float64]
    t: NDArray[np.float64]
    share: NDArray[np.float64]
    collective: NDArray[np.float64]
    reward: NDArray[np.float64]
    probability: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    error: NDArray[np.float64]
    own_type_mean: NDArray[np.float64]
    gain: NDArray[np.float64]
    own_type_gain: NDArray[np.float64]
    exact: bool

    def __post_init__(self) -> None:
        arrays = "costs", "t", "share", "collective", "reward", "probability", "mean", "std", "error", "own_type_mean"
        for name in (*arrays, "gain", "own_type_gain"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)

    def __repr__(self) -> str:
        how = "every outcome" if self.exact else "sampled"
        return f"RealisedRewards({counted(len(self.t), 'type')}, {counted(len(self.reward), 'outcome')}, {how})"

    @property
    def largest_gain(self) -> float:
        """The most that any party gains by a lie: at most 0 but for rounding where the contract is truthful."""
        return float(self.gain.max())

    @property
    def largest_excess(self) -> float:
        """The most by which a reward is above the collective model of its outcome: at most 0, or it cannot be had."""
        return float((self.reward - self.collective)[self.probability > 0].max())

    def quantiles(self, levels: ArrayLike) -> NDArray[np.float64]:
        """Return quantiles of the reward: the least worth that is not exceeded with at least this probability.

        Parameters
        ----------
        levels : array_like of float, shape (n_levels,)
            From 0 to 1.

        Returns
        -------
        ndarray of float64, shape (n_levels, n_types)
            One row a level.

        Raises
        ------
        DtypeError, ShapeError, NonFiniteError, DomainError
            If the levels are not a one-dimensional array of numbers from 0 to 1.
        """
        wanted: NDArray[np.float64] = float_array(levels, "levels", 1)
        require_non_negative(wanted, "levels")
        require_at_most(wanted, 1.0, "levels")
        found = np.empty((len(wanted), len(self.t)))
        for i in range(len(self.t)):
            order = np.argsort(self.reward[:, i], kind="stable")
            order = order[self.probability[order, i] > 0]
            reached = np.cumsum(self.probability[order, i])
            place = np.searchsorted(reached, wanted * (1.0 - 1e-12) * reached[-1])
            found[:, i] = self.reward[order[np.minimum(place, len(order) - 1)], i]
        return found

    def probability_below(self, worth: float) -> NDArray[np.float64]:
        """Return the share of outcomes in which the reward is worth less, shape (n_types,).

        Parameters
        ----------
        worth : float
            In the unit of the costs.

        Returns
        -------
        ndarray of float64, shape (n_types,)
            Weighted by their probabilities.
        """
        share: NDArray[np.float64] = np.where(self.reward < worth, self.probability, 0.0).sum(axis=0)
        return share

    def table(self) -> Table:
        """Return one row for each type.

        Returns
        -------
        Table
            Columns cost, t, share, mean, std, q05, q50, q95, nothing (the share of outcomes without any model) and
            own_type_mean.
        """
        low, middle, high = self.quantiles([0.05, 0.5, 0.95])
        nothing = np.where(self.collective <= 0, self.probability, 0.0).sum(axis=0)
        columns = {"cost": self.costs, "t": self.t, "share": self.share, "mean": self.mean, "std": self.std}
        ends = {"q05": low, "q50": middle, "q95": high, "nothing": nothing, "own_type_mean": self.own_type_mean}
        return Table(columns | ends)


def realised_rewards(
    contract: Contract,
    *,
    accuracy: Accuracy | None = None,
    valuation: Valuation | None = None,
    max_outcomes: int = 200_000,
    samples: int = 20_000,
    rng: Seed = 0,
) -> RealisedRewards:
    r"""Return the distribution of what each type is rewarded with when every model is worth a share of the best.

    The coordinator cannot know what will come together when it promises t. Once it has, a party of type i gets a model
    that is worth

    .. math:: v(r_i) = \frac{t_i}{\bar t_i} \, v\Big(a\Big(\sum_j n_j m_j\Big)\Big)

    whose mean over the outcomes with a party of the type is t_i, and which is never worth more than the collective
    model.

    Parameters
    ----------
    contract : Contract
        As from `hemicycle.contracts.optimal_contract`.
    accuracy, valuation
        Those that the contract was made with.
    max_outcomes : int, default 200000
        Of more outcomes a sample is drawn. Types that contribute the same count as one.
    samples : int, default 20000
        How many.
    rng : Generator, SeedSequence, int or None, default 0
        Where the sample comes from.

    Returns
    -------
    RealisedRewards
        Each outcome with its probability, the moments, and every report against every type.

    Raises
    ------
    DtypeError, NonFiniteError
        If an option is not a number.
    DomainError
        If one is below 1, or the contract was made with another accuracy or valuation.

    Notes
    -----
    Time and memory: O(n_outcomes n_types). One sample serves all types, and a type that is rare has as many outcomes as
    any other.

    References
    ----------
    B. Wang et al., Paid with Models: Optimal Contract Design for Collaborative Machine Learning, AAAI 2025.

    Examples
    --------
    >>> from hemicycle.contracts import optimal_contract
    >>> rewards = realised_rewards(optimal_contract([0.5, 0.03, 0.001], [0.3, 0.3, 0.4], 4))
    >>> rewards.exact, bool(abs(rewards.mean - rewards.t).max() < 1e-8), rewards.largest_excess <= 1e-9
    (True, True, True)
    """
    worth, outcomes = outcomes_of_contract(contract, accuracy, valuation, max_outcomes, samples, rng)
    collective = worth.value(outcomes.total)
    t_bar = np.where(contract.t_bar > 0, contract.t_bar, 1.0)
    share = np.where(contract.t_bar > 0, contract.t / t_bar, 0.0)
    reward = share * collective
    mean, own = (outcomes.given * reward).sum(axis=0), outcomes.own_type @ reward
    spread = reward - mean
    std = np.sqrt((outcomes.given * spread**2).sum(axis=0))
    error = np.zeros(len(mean)) if outcomes.exact else np.sqrt(((outcomes.given * spread) ** 2).sum(axis=0))
    return RealisedRewards(
        costs=contract.costs,
        t=contract.t,
        share=share,
        collective=collective,
        reward=reward,
        probability=outcomes.given,
        mean=mean,
        std=std,
        error=error,
        own_type_mean=own,
        gain=_gains(contract.costs, contract.m, contract.t),
        own_type_gain=_gains(contract.costs, contract.m, own),
        exact=outcomes.exact,
    )


def _gains(costs: NDArray[np.float64], m: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    utility = expected - costs * m
    return (expected[None, :] - costs[:, None] * m[None, :]) - utility[:, None]
