"""Which models a store takes: their names can be kept, and their logits are numbers that make shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hemicycle._core import kept_names
from hemicycle.errors import FormatError
from hemicycle.escaping import storable
from hemicycle.pool import Pool
from hemicycle.read_limits import ReadLimits
from hemicycle.rejects import Reject, excerpt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hemicycle.items import Items
    from hemicycle.rejects import Rejects

__all__ = ["Fault", "Models", "require_keepable"]

Fault: TypeAlias = tuple[str, str, str]  #: column, value and reason

NOT_FINITE = "a logit is finite, or -inf for a weight of 0"
ALL_ZERO = "every weight of a parent is 0; at least one must be greater"
TOO_FAR = "a logit is at most 1e6 in absolute value"
MAX_LOG = 1e6  #: as of all that scores models


@dataclass(frozen=True, slots=True)
class Models:
    """Models as they come, before any of them is believed.

    Attributes
    ----------
    names : sequence of (str or None), length n_models
        As written.
    logits : ndarray of floats, shape (n_models, n_items)
        In the order of the items.
    authors, submitted : sequence of (str or None), length n_models
        Whose they are and when they came.
    files : sequence of (str or None), length n_models
        Where each comes from, for messages.
    first : int or None
        Row of the first in its table, where it has one.
    faults : dict of int to (column, value, reason)
        What is known to be wrong, by row.
    """

    names: Sequence[str | None]
    logits: NDArray[Any]
    authors: Sequence[str | None]
    submitted: Sequence[str | None]
    files: Sequence[str | None]
    first: int | None
    faults: dict[int, Fault]

    def sound(self, items: Items, limits: ReadLimits | None, dtype: str | None) -> tuple[Pool | None, Rejects]:
        """Return those that can be used, None where none can, and why the others cannot.

        Parameters
        ----------
        items : Items
            The columns.
        limits : ReadLimits, optional
            How long a name may be.
        dtype : str, optional
            Of the logits of the store; by default what they are.
        """
        names, faulty_names = _kept(self.names, "model", limits)
        authors, faulty_authors = _kept(self.authors, "author", limits)
        unnamed: dict[int, Fault] = {
            row: ("model", "", "no model is named") for row, name in enumerate(names) if not name
        }
        logits, misfits = _checked(self.logits, items, dtype)
        faults = misfits | faulty_authors | unnamed | faulty_names | self.faults
        files = _storable([file or name for file, name in zip(self.files, names, strict=True)])
        rejects = tuple(
            Reject("submission", files[row], None if self.first is None else self.first + row, *faults[row])
            for row in sorted(faults)
        )
        owners, times = tuple([author or None for author in authors]), tuple(self.submitted)
        pool = Pool(logits, tuple(names), items, owners, files=tuple(files), submitted=times)
        if not faults:
            return pool, rejects
        rows = [row for row in range(len(names)) if row not in faults]
        return pool.select(rows) if rows else None, rejects


def _kept(texts: Sequence[str | None], column: str, limits: ReadLimits | None) -> tuple[list[str], dict[int, Fault]]:
    """Return names as they are kept, and which of them cannot be."""
    written = [text or "" for text in texts]
    if not any(written):
        return written, {}
    whole = _storable(written)
    kept, faults = kept_names(whole, (limits or ReadLimits()).name_characters)
    wrong = {row: (column, excerpt(whole[row]), reason) for row, reason in faults}
    for row, text in enumerate(written) if whole is not written else ():
        if whole[row] != text:
            wrong[row] = (column, excerpt(whole[row]), "holds half of a character, which no file can hold")
    return kept, wrong


def _storable(texts: list[str]) -> list[str]:
    """Return texts as a file can hold them: the same list where it can."""
    try:
        "".join(texts).encode("utf-8")
    except UnicodeEncodeError:
        return [storable(text) for text in texts]
    return texts


def _checked(logits: NDArray[Any], items: Items, dtype: str | None) -> tuple[NDArray[Any], dict[int, Fault]]:
    """Return logits as the store keeps them, and which rows it does not take."""
    faults: dict[int, Fault] = {}
    lowest, highest = logits.min(axis=1), logits.max(axis=1)
    for row in np.flatnonzero(np.isneginf(lowest)).tolist():
        if _has_barren_parent(logits[row], items):
            faults[row] = ("logits", "-inf", ALL_ZERO)
    for row in np.flatnonzero(~((highest <= MAX_LOG) & (lowest >= -MAX_LOG))).tolist():
        near = (np.abs(logits[row]) <= MAX_LOG) | np.isneginf(logits[row])
        if not highest[row] < np.inf:
            faults[row] = _fault(logits[row] < np.inf, logits[row], items, NOT_FINITE)
        elif not near.all():
            faults[row] = _fault(near, logits[row], items, TOO_FAR)
    with np.errstate(over="ignore"):  # of what is turned away
        return logits if dtype is None else logits.astype(dtype, copy=False), faults


def _fault(sound: NDArray[np.bool_], logits: NDArray[Any], items: Items, reason: str) -> Fault:
    item = int(np.argmin(sound))
    return "logits", str(logits[item]), f"of {excerpt(items.names[item])!r}: {reason}"


def _has_barren_parent(logits: NDArray[Any], items: Items) -> bool:
    highest = np.full(items.n_parents, -np.inf)
    np.maximum.at(highest, items.parent_index, logits)
    return bool((highest == -np.inf).any())


def require_keepable(items: Items, limits: ReadLimits | None) -> None:
    """Refuse items whose names cannot be kept.

    Raises
    ------
    FormatError
        If there is such a name.
    """
    for names in (items.parents, items.names):
        for _, value, reason in _kept(names, "items", limits)[1].values():
            raise FormatError(f"items: {value!r} {reason}")
