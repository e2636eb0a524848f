"""What a party of each type may meet: how much comes together given that it is there, and how likely that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import by_construction, read_only
from hemicycle.contracts.outcomes import all_outcomes, n_outcomes
from hemicycle.contracts.parties import checked_parties
from hemicycle.contracts.valuation import ModelValue, model_value
from hemicycle.errors import DomainError
from hemicycle.options import positive_count, random_generator

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from hemicycle.contracts.accuracy import Accuracy
    from hemicycle.contracts.contract import Contract
    from hemicycle.contracts.valuation import Valuation
    from hemicycle.types import Seed

__all__ = ["TypeOutcomes", "outcomes_of_contract", "type_outcomes"]

SAME = 1e-6  #: relative difference up to which an expectation is the one that the contract has
STANDARD_ERRORS = 6.0  #: and of a sample, beside it


@dataclass(frozen=True, slots=True, eq=False)
class TypeOutcomes:
    """Outcomes of the draws of the other N - 1 parties, all of them or a sample; arrays are read-only.

    Attributes
    ----------
    total : ndarray of float64, shape (n_outcomes, n_types)
        Data that comes together when one party is of the type and the others are as they are.
    given : ndarray of float64, shape (n_outcomes, n_types)
        Probability of that given that at least one party is of the type; each column sums to 1. Where the probability
        of a type is 0, the limit.
    own_type : ndarray of float64, shape (n_outcomes,)
        Probability of the others, which is what a party expects that knows its own type; it sums to 1.
    exact : bool
        Whether every outcome is there.
    """

    total: NDArray[np.float64]
    given: NDArray[np.float64]
    own_type: NDArray[np.float64]
    exact: bool

    def __post_init__(self) -> None:
        for name in ("total", "given", "own_type"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)


def type_outcomes(
    m: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    n_parties: int,
    max_outcomes: int,
    samples: int,
    generator: np.random.Generator,
) -> TypeOutcomes:
    r"""Return what may come together given that a party of each type is there.

    An outcome n with a party of type i is an outcome n' of the other N - 1 draws and one party of the type, and

    .. math:: P(n \mid n_i \ge 1) = \frac{N p_i}{1 - (1 - p_i)^N} \, \frac{P_{N-1}(n')}{n'_i + 1}

    so one list of outcomes, or one sample, serves all types, those that are rare and those without probability too.

    Parameters
    ----------
    m : ndarray of float64, shape (n_types,)
        What a party of each type contributes. Types that contribute the same are one group of outcomes.
    probabilities : ndarray of float64, shape (n_types,)
        Of a party to be of each type; they sum to 1.
    n_parties : int
        N, at least 1.
    max_outcomes : int
        Of more outcomes of groups a sample is drawn.
    samples : int
        How many.
    generator : Generator
        Where the sample comes from.

    Returns
    -------
    TypeOutcomes
        Sums and probabilities.
    """
    present = probabilities > 0
    amounts, group = np.unique(m[present], return_inverse=True)
    together: NDArray[np.float64] = np.bincount(group, probabilities[present])  # type: ignore[assignment]
    exact = n_outcomes(len(amounts), n_parties - 1) <= max_outcomes
    if exact:
        counts, own_type = all_outcomes(together, n_parties - 1)
    else:
        counts = generator.multinomial(n_parties - 1, together / together.sum(), samples).astype(np.float64)
        own_type = np.full(samples, 1.0 / samples)
    others = np.zeros((len(own_type), len(m)))
    others[:, present] = counts[:, group]  # (n_outcomes, n_types), those who contribute as much
    member = np.zeros(len(m))
    member[present] = probabilities[present] / together[group]
    given = own_type[:, None] * _sharing(others, member)
    total = (counts @ amounts)[:, None] + m
    return TypeOutcomes(total, given / given.sum(axis=0), own_type / own_type.sum(), exact)


def outcomes_of_contract(
    contract: Contract,
    accuracy: Accuracy | None,
    valuation: Valuation | None,
    max_outcomes: int,
    samples: int,
    rng: Seed,
) -> tuple[ModelValue, TypeOutcomes]:
    """Return what models are worth, and what may come together under a contract, types in the order given.

    Raises
    ------
    DtypeError, DomainError
        If an option is not a positive integer, or the contract was made with another accuracy or valuation.
    """
    most, n_drawn = positive_count(max_outcomes, "max_outcomes"), positive_count(samples, "samples")
    generator = random_generator(rng)
    worth = model_value(accuracy, valuation)
    parties = checked_parties(contract.costs, contract.probabilities, contract.n_parties)
    first = np.unique(parties.place, return_index=True)[1]
    found = type_outcomes(contract.m[first], parties.probabilities, contract.n_parties, most, n_drawn, generator)
    value = worth.value(found.total)
    mean = (found.given * value).sum(axis=0)
    error = 0.0 if found.exact else np.sqrt(((found.given * (value - mean)) ** 2).sum(axis=0))
    away = abs(mean - contract.t_bar[first]) - STANDARD_ERRORS * error
    if (away > SAME * abs(mean) + contract.error).any():
        position = int(first[int(np.argmax(away))])
        raise DomainError(
            f"contract: t_bar[{position}] is {contract.t_bar[position]:.6g}, but the collective model is worth "
            f"{mean[parties.place[position]]:.6g} on average; give the accuracy and valuation that it was made with"
        )
    place = parties.place
    return worth, TypeOutcomes(found.total[:, place], found.given[:, place], found.own_type, found.exact)


def _sharing(others: NDArray[np.float64], member: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return E[1 / (n'_i + 1)] where each of the others of a group is of type i with this probability."""
    at_least_one = others + 1.0
    share = np.where(member > 0, member, 1.0)
    with np.errstate(divide="ignore"):
        some = -np.expm1(at_least_one * np.log1p(-share))
    return np.where(member > 0, some / (at_least_one * share), 1.0)
