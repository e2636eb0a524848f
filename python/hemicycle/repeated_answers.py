"""Models that repeat the answers of the jury to the digit, where these leave nothing over to compare fits by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments

__all__ = ["MOST_REPEATED", "repeated_part"]

SAME_ANSWER = 1e-6  #: of a log ratio: weights that were written with some digits
MIN_PAIRS = 10  #: fewer say nothing of a habit
MOST_REPEATED = 0.5
"""Part of the answers that a model repeats which had not seen them: whole scores of a scale and whole multipliers agree
by chance, in real rounds at most for one answer in fifty."""

BLOCK = 1 << 18  #: numbers looked at together


def repeated_part(logits: NDArray[Any], judgments: Judgments) -> NDArray[np.float64]:
    """Return the part of the pairs whose one answer a model repeats.

    A jury of shares contradicts itself nowhere, so that the best fit leaves no residual and nobody can say how near the
    truth would come; a key that was pasted in repeats its answers.

    Parameters
    ----------
    logits : ndarray of float, shape (n_models, n_items)
        Finite logits, natural log.
    judgments : Judgments
        Of these items. Pairs that have answers which differ, and ratios of 1, which models give by chance, are left
        out.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        From 0 to 1; nan where fewer than ten pairs are left.
    """
    pairs = judgments.pairs
    first, last = pairs.log_ratio[pairs.offsets[:-1]], pairs.log_ratio[pairs.offsets[1:] - 1]  # labels are sorted
    alone = np.flatnonzero((last - first <= SAME_ANSWER) & (np.abs(first) > SAME_ANSWER))
    part = np.full(len(logits), np.nan)
    if len(alone) < MIN_PAIRS:
        return part
    a, b, answer = pairs.a[alone], pairs.b[alone], first[alone]
    rows = max(1, BLOCK // len(alone))
    for start in range(0, len(logits), rows):
        items = np.ascontiguousarray(logits[start : start + rows].T, dtype=np.float64)  # (n_items, n_models)
        apart = items[b] - items[a] - answer[:, None]
        part[start : start + rows] = np.mean(np.abs(apart) <= SAME_ANSWER, axis=0)
    return part
