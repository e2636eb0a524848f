"""What hypothesis draws, named by object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hemicycle import Judgments, Pool

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy
    from numpy.typing import NDArray

MAX_LOG = 1e6


def logs() -> SearchStrategy[float]:
    """Logits and log ratios: everyday ones, tiny ones, and the ends of the domain."""
    return st.floats(-3, 3) | st.floats(-MAX_LOG, MAX_LOG) | st.sampled_from([0.0, 0.5, -MAX_LOG, MAX_LOG])


def sigmas() -> SearchStrategy[float]:
    """Every sigma of the domain, by magnitude, its ends included."""
    return st.sampled_from([0.5, 1e-6, 1e6]) | st.floats(-6, 6).map(lambda exponent: min(max(10**exponent, 1e-6), 1e6))


def label_weights() -> SearchStrategy[float]:
    """Weights of judgments: mostly plain, sometimes of very different size."""
    return st.sampled_from([1.0, 1.0, 2.0, 0.0]) | st.floats(0.1, 10) | st.floats(1e-100, 1e100)


@st.composite
def logit_matrices(draw: Any, n_items: int, max_models: int = 4) -> NDArray[Any]:
    """Logits of a few models, shape (n_models, n_items), sometimes float32."""
    n_models = draw(st.integers(1, max_models))
    matrix = draw(arrays(np.float64, (n_models, n_items), elements=logs()))
    return matrix.astype(np.float32) if draw(st.booleans()) else matrix


@st.composite
def judgments(draw: Any, n_items: int, max_rows: int = 8) -> Judgments:
    """Judgments with log ratio and choice, of items without parents, at least one of them with a weight."""
    pair = st.permutations(range(n_items)).map(lambda items: items[:2])
    row = st.tuples(pair, logs(), st.sampled_from([1, 2]), label_weights())
    rows = draw(st.lists(row, min_size=1, max_size=max_rows).filter(lambda rows: any(weight for *_, weight in rows)))
    pairs, log_ratio, choice, weight = zip(*rows, strict=True)
    a, b = zip(*pairs, strict=True)
    return Judgments.from_arrays(a, b, log_ratio, choice=choice, weight=weight, items=n_items)


@st.composite
def pools(draw: Any, n_items: int, max_models: int = 4) -> Pool:
    """Pools of a few scorable models."""
    return Pool.from_array(draw(logit_matrices(n_items, max_models)))
