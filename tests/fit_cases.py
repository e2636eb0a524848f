"""What least squares over a store is compared with: the pool in memory."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Round
from hemicycle.errors import TieBreakWarning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.streaming import StoreEnsemble


def agreeing(logits: NDArray[np.float64]) -> Judgments:
    """Return judgments that these logits fit exactly, but for rounding."""
    a, b = np.triu_indices(len(logits), 1)
    return Judgments.from_arrays(a, b, logits[b] - logits[a], items=len(logits))


def free_dimensions(logits: NDArray[Any], judgments: Judgments) -> int:
    """Return how many dimensions weights of these models have that predict the same, by singular values."""
    x = logits[:, judgments.pairs.b].astype(np.float64) - logits[:, judgments.pairs.a]
    apart = x - x.mean(axis=0)
    return len(x) - 1 - int(np.linalg.matrix_rank(apart, tol=1e-9 * max(1.0, float(np.abs(x).max()))))


def assert_in_memory(found: StoreEnsemble, judgments: Judgments, tol: float = 1e-9, **options: Any) -> None:
    """Compare with a round in memory, whose models stand in the order of their names."""
    names = found.scores.names(np.arange(len(found.scores)))
    order = sorted(range(len(names)), key=names.__getitem__)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TieBreakWarning)
        right = Round(judgments, found.scores.store.pool(**options)).ensemble("least_squares")
    solution, known = found.solution, right.solution
    assert solution is not None
    assert known is not None
    np.testing.assert_allclose(found.weights[order], right.weights, rtol=0, atol=tol)
    assert abs(math.fsum(found.weights) - 1) <= 2**-52
    assert found.weights.min() >= 0
    unit = float(np.median(found.scores.mse)) * found.scores.scoring.label_weight
    assert solution.objective == pytest.approx(known.objective, rel=1e-12, abs=1e-20 * unit)
    assert solution.relative_gap <= 1e-12
    assert solution.gap == pytest.approx(solution.relative_gap * unit, rel=1e-12, abs=0)
    assert solution.tie_broken == known.tie_broken
    assert solution.face is not None
    assert solution.face_dimension == free_dimensions(found.scores.pool().logits[solution.face], judgments)
    np.testing.assert_array_equal(np.sort(np.argsort(order)[solution.face]), known.face)
    assert solution.reduced_cost == pytest.approx(known.reduced_cost, rel=1e-6)
