"""Aliases of the types that several modules name."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Likelihood", "Logits", "PairWeights", "Per", "Seed"]

Logits: TypeAlias = NDArray[np.float64] | NDArray[np.float32]
"""A matrix of logits in either precision, shape (n_models, n_items)."""

Likelihood: TypeAlias = Literal["sum_gaussian", "gaussian"]
"""How the labels of one pair combine."""

Per: TypeAlias = Literal["model", "pair", "label"]
"""What one number of a log likelihood is for."""

PairWeights: TypeAlias = Literal["equal", "total"]
"""What the weight of a pair is: 1, or the sum of the weights of its labels."""

Seed: TypeAlias = "int | np.random.SeedSequence | np.random.Generator | None"
"""Where random numbers come from: a seed, a generator, or a fresh seed."""
