"""A jury of two camps, judging more and more pairs, and whom averaging and stacking seat."""

from __future__ import annotations

import numpy as np

from hemicycle.averaging import bma_weights
from hemicycle.judgments import Judgments
from hemicycle.likelihood import log_likelihood
from hemicycle.stacking import stacking_weights
from hemicycle.table import Table

__all__ = ["majority_mass"]

N_PAIRS = (1, 2, 3, 5, 8, 12, 20, 30, 50)
LABELS = (1.0,) * 7 + (-1.0,) * 3  #: of every pair, seven jurors and three


def majority_mass() -> Table:
    """Weigh one model of each camp where seven labels of every pair are at +1, and three at -1.

    Returns
    -------
    Table
        Columns pairs, and the weight of the majority's model under bma, stacking_by_pair and stacking_by_label.
    """
    rows = []
    for n in N_PAIRS:
        pair = np.repeat(np.arange(1, n + 1), len(LABELS))
        jury = Judgments.from_arrays(np.zeros_like(pair), pair, LABELS * n, items=n + 1)
        logits = np.array([[0.0, *[1.0] * n], [0.0, *[-1.0] * n]])
        bma = bma_weights(log_likelihood(logits, jury))
        by_pair = stacking_weights(log_likelihood(logits, jury, per="pair")).weights
        by_label = stacking_weights(log_likelihood(logits, jury, per="label")).weights
        rows.append((n, bma[0], by_pair[0], by_label[0]))
    columns = ("pairs", "bma", "stacking_by_pair", "stacking_by_label")
    return Table({name: np.array(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)})
