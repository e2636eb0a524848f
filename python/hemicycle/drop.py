"""Leaving out by name: a juror, a pair or a model, to see what the result owes to it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from hemicycle._core import item_keys
from hemicycle.errors import NoDataError, OptionError
from hemicycle.rejects import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from hemicycle.items import Items
    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool

__all__ = ["KINDS", "drop", "require_drop"]

KINDS = ("juror", "pair", "model")
"""What can be dropped."""


def require_drop(text: object) -> tuple[str, str]:
    """Return the kind and the name of what is to be dropped.

    Parameters
    ----------
    text : str
        ``juror=NAME``, ``pair=A,B`` or ``model=NAME``.

    Returns
    -------
    kind, name : str
        Kind is one of `KINDS`.

    Raises
    ------
    OptionError
        If it is none of these.
    """
    kind, found, name = text.partition("=") if isinstance(text, str) else ("", "", "")
    if kind not in KINDS or not found or not name:
        raise OptionError(f"drop: expected juror=NAME, pair=A,B or model=NAME, got {excerpt(str(text))!r}")
    return kind, name


def drop(judgments: Judgments, pool: Pool, dropped: Iterable[str]) -> tuple[Judgments, Pool]:
    """Leave out jurors, pairs and models by name.

    Parameters
    ----------
    judgments : Judgments
        The jury.
    pool : Pool
        The models.
    dropped : iterable of str
        ``juror=NAME``: all judgments of that juror. ``pair=A,B``: all judgments of these two items, in any order and
        spelling, of whatever parent. ``model=NAME``: that model.

    Returns
    -------
    judgments : Judgments
        Those that are left.
    pool : Pool
        Those that are left.

    Raises
    ------
    OptionError
        If a text is none of these, or names what is not there.
    NoDataError
        If nothing is left.
    """
    rows, models = np.ones(len(judgments), dtype=bool), np.ones(len(pool), dtype=bool)
    for text in dropped:
        kind, name = require_drop(text)
        if kind == "model":
            models &= ~_named(name, pool.models, "model")
        elif kind == "juror":
            rows &= ~_named(name, judgments.juror, "juror")
        else:
            rows &= ~_of_pair(name, judgments)
    for what, left in (("judgments", rows), ("models", models)):
        if not left.any():
            raise NoDataError(f"drop: no {what} are left")
    return judgments if rows.all() else judgments.select(rows), pool if models.all() else pool.select(models)


def _named(name: str, names: Sequence[str | None], kind: str) -> NDArray[np.bool_]:
    found = np.fromiter((other == name for other in names), dtype=bool, count=len(names))
    if not found.any():
        near = get_close_matches(name, sorted({other for other in names if other is not None}), n=1)
        remedy = f"; is {near[0]!r} meant?" if near else ""
        raise OptionError(f"drop: there is no {kind} {excerpt(name)!r}{remedy}")
    return found


def _of_pair(name: str, judgments: Judgments) -> NDArray[np.bool_]:
    """Judgments of two items whose names a comma separates; a name may hold commas itself."""
    parts = name.split(",")
    for cut in range(1, len(parts)):
        first, second = (_of_item(",".join(half), judgments.items) for half in (parts[:cut], parts[cut:]))
        rows: NDArray[np.bool_] = (first[judgments.a] & second[judgments.b]) | (
            second[judgments.a] & first[judgments.b]
        )
        if rows.any():
            return rows
    raise OptionError(
        f"drop: no judgment compares {excerpt(name)!r}; expected the names of two items with a comma between"
    )


def _of_item(name: str, items: Items) -> NDArray[np.bool_]:
    (key,) = item_keys([name])
    return np.fromiter((own == key for _, own in items.keys), dtype=bool, count=len(items))
