"""Names that look alike and are not the same: said, so that nobody takes one for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle._core import look_alikes, skeletons
from hemicycle.rejects import counted, excerpt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["alike_items", "alike_models"]

NAMED = 3  #: groups of models that a notice names
AT_ONCE = 1 << 16  #: names whose skeletons are held


def alike_items(names: Iterable[str], items: Sequence[str]) -> dict[str, str]:
    """Say which names look like those of items and are others.

    Parameters
    ----------
    names : iterable of str
        Names that are not items.
    items : sequence of str
        Names of the items.

    Returns
    -------
    dict of str to str
        What is to be said of a name, by the name; most look like none.
    """
    distinct = list(dict.fromkeys(names))
    places = look_alikes(distinct, list(items)) if distinct else []
    return {
        name: f"{excerpt(name)!r} looks like the item {excerpt(items[place])!r} and is not it{_code_points(name)}"
        for name, place in zip(distinct, places, strict=True)
        if place is not None
    }


def alike_models(models: Sequence[str]) -> tuple[str, ...]:
    """Say which models have names that look alike; all of them stay.

    Parameters
    ----------
    models : sequence of str
        Distinct names.

    Returns
    -------
    tuple of str
        One notice, or none.
    """
    groups: dict[str, list[str]] = {}
    crowded = _crowded(models)
    for model, shape in zip(crowded, skeletons(crowded), strict=True):
        groups.setdefault(shape, []).append(model)
    alike = [group for group in groups.values() if len(group) > 1]
    if not alike:
        return ()
    named = "; ".join(
        " and ".join(f"{excerpt(m)!r}{_code_points(m)}" for m in group[:NAMED]) for group in alike[:NAMED]
    )
    return (f"{counted(len(alike), 'group')} of models have names that look alike, all kept: {named}",)


def _crowded(models: Sequence[str]) -> list[str]:
    """Return the models whose skeletons have hashes that others have too: few, and all that look alike."""
    hashes = np.empty(len(models), dtype=np.int64)  # a million skeletons would fill the memory
    for first in range(0, len(models), AT_ONCE):
        part = list(models[first : first + AT_ONCE])
        hashes[first : first + len(part)] = [hash(shape) for shape in skeletons(part)]
    in_order = np.sort(hashes)
    twice = in_order[1:][in_order[1:] == in_order[:-1]]
    return [models[row] for row in np.flatnonzero(np.isin(hashes, twice)).tolist()] if len(twice) else []


def _code_points(name: str) -> str:
    """Return the first characters of a name beyond ASCII by their code points, in brackets."""
    beyond = list(dict.fromkeys(c for c in name if not c.isascii()))[:NAMED]
    return f" ({', '.join(f'U+{ord(c):04X}' for c in beyond)})" if beyond else ""
