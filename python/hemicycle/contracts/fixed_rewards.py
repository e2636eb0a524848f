"""The same promises kept by models fixed in advance: how often the collective model is not good enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import by_construction, read_only
from hemicycle.contracts.outcomes import all_outcomes, n_outcomes
from hemicycle.contracts.type_outcomes import outcomes_of_contract
from hemicycle.options import non_negative_number, random_generator
from hemicycle.rejects import counted
from hemicycle.table import Table

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from hemicycle.contracts.accuracy import Accuracy
    from hemicycle.contracts.contract import Contract
    from hemicycle.contracts.valuation import ModelValue, Valuation
    from hemicycle.types import Seed

__all__ = ["FixedRewards", "fixed_rewards"]


@dataclass(frozen=True, slots=True, eq=False)
class FixedRewards:
    """What becomes of promises of fixed models; arrays are read-only.

    Types stand in the order in which they were given. Numbers of a type are given that a party of it is there.

    Attributes
    ----------
    costs, t : ndarray of float64, shape (n_types,)
        Those of the contract.
    insolvency : ndarray of float64, shape (n_types,)
        Probability that the promise is worth more than the collective model.
    shortfall : ndarray of float64, shape (n_types,)
        Worth that is missing to the promise, on average over all outcomes.
    unused : ndarray of float64, shape (n_types,)
        Worth of the collective model above the promise, on average over all outcomes.
    any_insolvency : float
        Probability that the promise to any party that is there cannot be kept.
    any_insolvency_error : float
        Its standard error, 0 where every outcome is counted.
    unused_per_party : float
        What a party that knows its type finds unused, on average over types: the sum over all parties, over N.
    shortfall_per_party : float
        The same of what is missing.
    exact : bool
        Whether every outcome is counted.
    """

    costs: NDArray[np.float64]
    t: NDArray[np.float64]
    insolvency: NDArray[np.float64]
    shortfall: NDArray[np.float64]
    unused: NDArray[np.float64]
    any_insolvency: float
    any_insolvency_error: float
    unused_per_party: float
    shortfall_per_party: float
    exact: bool

    def __post_init__(self) -> None:
        for name in ("costs", "t", "insolvency", "shortfall", "unused"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)

    def __repr__(self) -> str:
        return f"FixedRewards({counted(len(self.t), 'type')}, any_insolvency={self.any_insolvency:.6g})"

    def table(self) -> Table:
        """Return one row for each type.

        Returns
        -------
        Table
            Columns cost, t, insolvency, shortfall and unused.
        """
        columns: dict[str, Any] = {"cost": self.costs, "t": self.t, "insolvency": self.insolvency}
        return Table(columns | {"shortfall": self.shortfall, "unused": self.unused})


def fixed_rewards(
    contract: Contract,
    *,
    accuracy: Accuracy | None = None,
    valuation: Valuation | None = None,
    tol: float = 1e-6,
    max_outcomes: int = 200_000,
    samples: int = 20_000,
    rng: Seed = 0,
) -> FixedRewards:
    r"""Return how often fixed models worth t could not be handed out, and what is left over when they can.

    A contract promises :math:`t_i \le E[v(a(\sum_j n_j m_j)) \mid n_i \ge 1]`, which does not bound it in each outcome.
    A coordinator that promises a model of worth :math:`t_i` in advance is insolvent where
    :math:`t_i > v(a(\sum_j n_j m_j))`, and elsewhere keeps the difference to itself.

    Parameters
    ----------
    contract : Contract
        As from `hemicycle.contracts.optimal_contract`.
    accuracy, valuation
        Those that the contract was made with.
    tol : float, default 1e-6
        A promise that is above the collective model by at most this share of it is kept. At least 0.
    max_outcomes : int, default 200000
        Of more outcomes a sample is drawn. Types that contribute the same count as one.
    samples : int, default 20000
        How many.
    rng : Generator, SeedSequence, int or None, default 0
        Where the sample comes from.

    Returns
    -------
    FixedRewards
        For each type and over all parties. ``unused - shortfall`` is ``t_bar - t``.

    Raises
    ------
    DtypeError, NonFiniteError, DomainError
        As `hemicycle.contracts.realised_rewards`, and if `tol` is negative.

    Notes
    -----
    Time and memory: O(n_outcomes n_types).

    Examples
    --------
    >>> from hemicycle.contracts import optimal_contract
    >>> fixed = fixed_rewards(optimal_contract([0.2, 0.16, 0.12, 0.08, 0.04], [0.2] * 5, 10))
    >>> round(fixed.any_insolvency, 4), fixed.insolvency.round(3).tolist()
    (0.5704, [0.0, 0.0, 0.0, 0.0, 0.639])
    """
    slack = non_negative_number(tol, "tol")
    generator = random_generator(rng)
    worth, found = outcomes_of_contract(contract, accuracy, valuation, max_outcomes, samples, generator)
    over = worth.value(found.total) - contract.t  # (n_outcomes, n_types)
    broken = over < -slack * (over + contract.t)
    unused, missing = np.maximum(over, 0.0), np.maximum(-over, 0.0)
    chances = contract.probabilities / contract.probabilities.sum()
    insolvent, error = _any_insolvency(contract, worth, slack, max_outcomes, samples, generator)
    return FixedRewards(
        costs=contract.costs,
        t=contract.t,
        insolvency=np.where(broken, found.given, 0.0).sum(axis=0),
        shortfall=(found.given * missing).sum(axis=0),
        unused=(found.given * unused).sum(axis=0),
        any_insolvency=insolvent,
        any_insolvency_error=error,
        unused_per_party=float(found.own_type @ unused @ chances),
        shortfall_per_party=float(found.own_type @ missing @ chances),
        exact=found.exact and error == 0.0,
    )


def _any_insolvency(
    contract: Contract,
    worth: ModelValue,
    tol: float,
    max_outcomes: int,
    samples: int,
    generator: np.random.Generator,
) -> tuple[float, float]:
    """Return the probability that some promise cannot be kept, and its standard error."""
    present = contract.probabilities > 0
    amounts, group = np.unique(contract.m[present], return_inverse=True)
    chances = np.bincount(group, contract.probabilities[present])
    promised = np.zeros(len(amounts))
    np.maximum.at(promised, group, contract.t[present])
    exact = n_outcomes(len(amounts), contract.n_parties) <= max_outcomes
    if exact:
        counts, probability = all_outcomes(chances / chances.sum(), contract.n_parties)
    else:
        counts = generator.multinomial(contract.n_parties, chances / chances.sum(), samples).astype(np.float64)
        probability = np.full(samples, 1.0 / samples)
    value = worth.value(counts @ amounts)
    most = np.where(counts > 0, promised, 0.0).max(axis=1)
    share = float(probability[most > value + tol * value].sum())
    return share, 0.0 if exact else float(np.sqrt(share * (1.0 - share) / samples))
