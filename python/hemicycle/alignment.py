"""One item list laid over another: where the two items of a judgment stand in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hemicycle.items import Items

__all__ = ["place_pair"]


def place_pair(source: Items, target: Items, first: int, second: int) -> tuple[int, int] | str:
    """Return where a pair of items of `source` stands in `target`, or why it does not."""
    candidates = [
        {int(target.parent_index[index]): index for index in target.candidates(*source.keys[position])}
        for position in (first, second)
    ]
    for position, found in zip((first, second), candidates, strict=True):
        if not found:
            parent, name = source[position]
            return f"{name!r}{f' of {parent!r}' if parent else ''} is not among the items of the round"
    common = candidates[0].keys() & candidates[1].keys()
    if len(common) != 1:
        names = f"{source.names[first]!r} and {source.names[second]!r}"
        why = "have no parent in common" if not common else f"have {len(common)} parents in common; name the parent"
        return f"{names} {why}"
    (parent_index,) = common
    return candidates[0][parent_index], candidates[1][parent_index]
