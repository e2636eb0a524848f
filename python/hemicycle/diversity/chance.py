"""What the choice of examples explains of a difference between means."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.diversity.members import Weighting

__all__ = ["LEAST_EXAMPLES", "ROUNDING", "exceeds", "n_effective"]

LEAST_EXAMPLES = 10  #: with fewer chance says more than members do
ROUNDING = 1e-9  #: what cannot be told from equal


def n_effective(weighting: Weighting) -> float:
    """Return how many examples of equal weight are worth as much.

    Parameters
    ----------
    weighting : Weighting
        Weights of the examples.
    """
    return 1 / float(np.sum(weighting.examples**2))


def exceeds(
    weighting: Weighting, over: tuple[NDArray[np.float64], ...], under: tuple[NDArray[np.float64], ...]
) -> bool:
    """Return whether the product of some means is above that of others by more than chance over examples explains.

    The logarithm of their ratio has the standard error of its linear part (delta method). The margin is two of them,
    and somewhat more on few examples, where standard errors are themselves uncertain.

    Parameters
    ----------
    weighting : Weighting
        Weights of the examples.
    over, under : tuple of ndarray of float64, shape (n_examples,)
        Numbers >= 0 of each example, whose means are multiplied.
    """
    log_ratio, linear = 0.0, np.zeros(len(weighting.examples))
    for side, sign in ((over, 1), (under, -1)):
        for by_example in side:
            mean = weighting.mean(by_example)
            if mean <= 0:
                return sign < 0
            log_ratio += sign * math.log(mean)
            linear += sign * by_example / mean
    v, n = weighting.examples, n_effective(weighting)
    error = math.sqrt(float(np.sum((v * linear) ** 2)) / (1 - 1 / n))
    return log_ratio > (2 + 8 / n) * error + ROUNDING
