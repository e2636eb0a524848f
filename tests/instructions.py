"""The likelihood with instructions of a given name; the package takes the widest that the processor has."""

from __future__ import annotations

from typing import Any

import numpy as np

from hemicycle import Judgments, _core


def log_likelihood_with(
    instructions: str,
    logits: Any,
    judgments: Judgments,
    *,
    pair_weights: Any = "equal",
    gaussian: bool = False,
    sigma: float = 0.5,
    per: Any = "pair",
    n_threads: int = 1,
) -> Any:
    """Return scores, one row a model."""
    pairs = judgments.pairs
    out = np.full((len(logits), {"model": 1, "pair": len(pairs), "label": pairs.n_labels}[per]), np.nan)
    weights, n_items = pairs.pair_weight(pair_weights), len(judgments.items)
    _core.log_likelihood(logits, pairs, weights, n_items, gaussian, sigma, per, out, n_threads, instructions)
    return out
