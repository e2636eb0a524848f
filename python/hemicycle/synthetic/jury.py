"""The jury of a synthetic round: who is asked about which pair, and what they answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.synthetic.items import PARENT
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MAX_MULTIPLIER", "draw_jury"]

MAX_MULTIPLIER = 999.0  #: the cap of the real rounds' forms


def _pairs(rng: np.random.Generator, n_items: int, n_pairs: int) -> NDArray[np.int64]:
    """Join a ring through all items and other pairs drawn without replacement, each turned at random."""
    ring = rng.permutation(n_items)
    pairs = {(min(a, b), max(a, b)): None for a, b in zip(ring.tolist(), np.roll(ring, 1).tolist(), strict=True)}
    while len(pairs) < n_pairs:
        for a, b in rng.integers(n_items, size=(n_pairs, 2)).tolist():
            if a != b and len(pairs) < n_pairs:
                pairs[min(a, b), max(a, b)] = None
    chosen = np.array(list(pairs))  # (n_pairs, 2)
    turned = rng.random(n_pairs) < 0.5
    chosen[turned] = chosen[turned, ::-1]
    return chosen


def draw_jury(
    rng: np.random.Generator,
    items: tuple[str, ...],
    camp_logits: NDArray[np.float64],
    juror_camp: NDArray[np.int64],
    n_pairs: int,
    labels_per_pair: float,
    label_noise: float,
) -> tuple[Table, NDArray[np.int64]]:
    """Draw the jury's rows in random order, and the camp of each."""
    pairs = _pairs(rng, len(items), n_pairs)
    n_labels = np.minimum(1 + rng.poisson(labels_per_pair - 1, n_pairs), len(juror_camp))
    juror = np.concatenate([rng.choice(len(juror_camp), n, replace=False) for n in n_labels])
    order = rng.permutation(len(juror))
    a, b = np.repeat(pairs, n_labels, axis=0)[order].T  # (n_labels,)
    juror = juror[order]
    camp = juror_camp[juror]
    log_ratio = camp_logits[camp, b] - camp_logits[camp, a] + rng.normal(0, label_noise, len(juror))
    start = datetime(2025, 3, 1, 9, tzinfo=UTC)
    jury = Table(
        {
            "timestamp": [(start + timedelta(minutes=7 * i)).strftime("%Y-%m-%dT%H:%M:%SZ") for i in range(len(juror))],
            "juror": [f"juror-{index + 1:02}" for index in juror],
            "repo_a": [items[index] for index in a],
            "repo_b": [items[index] for index in b],
            "parent": [PARENT] * len(juror),
            "choice": np.where(log_ratio > 0, 2, 1),
            "multiplier": np.clip(np.round(np.exp(np.abs(log_ratio)), 2), 1.0, MAX_MULTIPLIER),
        }
    )
    return jury, camp
