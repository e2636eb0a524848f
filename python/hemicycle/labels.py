"""Judgments that come as arrays, checked row by row: anything wrong is an error that says where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import float_array, numeric_array, require_finite, require_length
from hemicycle.errors import DomainError, DtypeError, NoDataError, NonFiniteError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.items import Items

__all__ = ["MAX_LABEL_WEIGHT", "MAX_LOG_RATIO", "checked_jurors", "checked_labels", "require_comparable"]

MAX_LABEL_WEIGHT = 1e100
"""Largest weight of a judgment: sums of its squares stay finite."""

MAX_LOG_RATIO = 1e6
"""Largest |log_ratio| that the likelihoods are exact for; no multiplier that a csv file can hold comes near it."""


def require_comparable(a: NDArray[np.int64], b: NDArray[np.int64], items: Items) -> None:
    """Raise DomainError at the first row that compares an item with itself or with one of another parent."""
    same = a == b
    if same.any():
        row = int(np.argmax(same))
        raise DomainError(f"b[{row}] is {b[row]}, the same item as a[{row}]; a judgment compares two items")
    apart = items.parent_index[a] != items.parent_index[b]
    if apart.any():
        row = int(np.argmax(apart))
        parents = f"{items.parents[a[row]]!r} and {items.parents[b[row]]!r}"
        raise DomainError(f"a[{row}] and b[{row}] belong to different parents, {parents}; comparisons stay inside one")


def checked_labels(
    log_ratio: ArrayLike | None, choice: ArrayLike | None, n: int
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return log ratios and choices, shape (n,) each; without choices, the sign of the ratio decides."""
    if log_ratio is None and choice is None:
        raise NoDataError("a judgment needs a log_ratio or a choice")
    ratio = np.full(n, np.nan) if log_ratio is None else float_array(log_ratio, "log_ratio", 1).copy()
    require_length(ratio, "log_ratio", n, "a")
    if choice is None:
        require_finite(ratio, "log_ratio")
        chosen = np.where(ratio > 0, 2, np.where(ratio < 0, 1, 0)).astype(np.int8)
    else:
        chosen = _choices(choice, n)
    silent = np.isnan(ratio) & (chosen == 0)
    if silent.any():
        row = int(np.argmax(silent))
        raise NonFiniteError(f"log_ratio[{row}] is nan and there is no choice; the judgment says nothing")
    too_large = np.abs(ratio) > MAX_LOG_RATIO
    if too_large.any():
        row = int(np.argmax(too_large))
        error = NonFiniteError if np.isinf(ratio[row]) else DomainError
        raise error(f"log_ratio[{row}] is {ratio[row]}; it must be within +-{MAX_LOG_RATIO:g}")
    return ratio, chosen


def _choices(choice: ArrayLike, n: int) -> NDArray[np.int8]:
    given = numeric_array(choice, "choice", "iu", "integers")
    if given.ndim != 1:
        raise ShapeError(f"choice: expected 1 dimension, got shape {given.shape}")
    require_length(given, "choice", n, "a")
    valid = np.isin(given, (0, 1, 2))
    if not valid.all():
        row = int(np.argmin(valid))
        raise DomainError(f"choice[{row}] is {given[row]}; it must be 1 (a), 2 (b) or 0 (none)")
    return given.astype(np.int8)


def checked_jurors(juror: Sequence[str | None] | None, n: int) -> tuple[str | None, ...]:
    """Return one name or None a row."""
    if juror is None:
        return (None,) * n
    if isinstance(juror, str):
        raise DtypeError(f"juror: expected {n} names, got the text {juror!r}")
    require_length(juror, "juror", n, "a")
    missing = [name is None or (isinstance(name, float) and np.isnan(name)) for name in juror]
    return tuple(None if absent else str(name) for name, absent in zip(juror, missing, strict=True))
