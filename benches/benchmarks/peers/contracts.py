"""Expectations over who the parties are as they are published: every outcome of the draws, vectorised over all."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PUBLISHED_SECONDS", "enumerated", "ours"]

#: of a whole solve by the published code, by the number of types, on the machine of those who ran it
PUBLISHED_SECONDS = {3: 0.08, 4: 0.19, 5: 0.39, 6: 1.2, 7: 4.0, 8: 10.5, 9: 36.1, 10: 166.7}


@cache
def _outcomes(n_types: int, n_parties: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return counts and equal-probability weights of all outcomes: not timed."""
    from hemicycle.contracts.outcomes import all_outcomes

    return all_outcomes(np.full(n_types, 1 / n_types), n_parties)


def enumerated(m: NDArray[np.float64], n_parties: int) -> tuple[Any, ...]:
    """Return E f, its gradient, E[f | n_i >= 1] and its Jacobian, for equal probabilities and the default value."""
    from hemicycle.contracts import GeneralizationBound, LinearValuation, ModelValue

    worth = ModelValue(GeneralizationBound(), LinearValuation())
    counts, probability = _outcomes(len(m), n_parties)
    total = counts @ m
    value, slope = probability * worth.value(total), probability * worth.derivative(total)
    there = counts > 0
    present = probability @ there
    conditional = (value @ there) / present
    jacobian = (there * slope[:, None]).T @ counts / present[:, None]
    return value.sum(), slope @ counts, conditional, jacobian


def ours(m: NDArray[np.float64], n_parties: int) -> tuple[Any, ...]:
    """Return the same without enumeration."""
    found = _expectation(len(m), n_parties).at(m)
    return found.value, found.gradient, found.conditional, found.jacobian


@cache
def _expectation(n_types: int, n_parties: int) -> Any:
    """Return the fitted curve: a contract is solved with one fit, and hundreds of expectations."""
    from hemicycle.contracts import (
        GeneralizationBound,
        LinearValuation,
        ModelValue,
        SumExpectation,
        fit_exponential_sum,
    )

    worth = ModelValue(GeneralizationBound(), LinearValuation())
    return SumExpectation(worth, fit_exponential_sum(worth, 300.0, 2e4), np.full(n_types, 1 / n_types), n_parties)
