"""The formats in which juries come: which column holds what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemicycle.errors import FormatError
from hemicycle.rejects import excerpt

if TYPE_CHECKING:
    from hemicycle.sources import Source

__all__ = ["JuryLayout"]


@dataclass(frozen=True, slots=True)
class JuryLayout:
    """Which column of a jury holds what; None where there is none.

    Either ``a`` and ``b`` and at least one of ``log_ratio``, ``weight_a`` with ``weight_b``, ``choice`` and ``winner``,
    or ``originality`` with the repository in ``a``.
    """

    a: int
    b: int | None
    parent: int | None
    choice: int | None
    winner: int | None
    multiplier: int | None
    weight_a: int | None
    weight_b: int | None
    log_ratio: int | None
    originality: int | None
    weight: int | None
    juror: int | None
    split: int | None

    @classmethod
    def of(cls, source: Source) -> JuryLayout:
        """Recognise the columns by their names.

        Raises
        ------
        FormatError
            If the columns make no jury; the message lists what was found and what is needed.
        """
        find = source.find
        a, b = find("repo_a", "project_a", "item_a"), find("repo_b", "project_b", "item_b")
        layout = cls(
            a=a if a is not None else find("repo", "item", "project") or 0,
            b=b,
            parent=find("parent"),
            choice=find("choice"),
            winner=find("winner"),
            multiplier=find("multiplier"),
            weight_a=find("weight_a"),
            weight_b=find("weight_b"),
            log_ratio=find("log_ratio"),
            originality=find("originality", "average_originality"),
            weight=find("weight"),
            juror=find("juror", "juror_id"),
            split=find("split"),
        )
        if a is None and b is None and layout.originality is not None and find("repo", "item", "project") is not None:
            return layout
        if a is not None and b is not None and layout.has_label:
            return layout
        raise FormatError(f"{source.file}: {_why_no_jury(source)}")

    @property
    def has_label(self) -> bool:
        """Whether the columns say which item won, or by how much."""
        shares = self.weight_a is not None and self.weight_b is not None
        return shares or any(column is not None for column in (self.choice, self.winner, self.log_ratio))

    def used(self) -> set[int]:
        """Return the columns that are read."""
        columns = (getattr(self, name) for name in self.__slots__)
        return {column for column in columns if column is not None}


def _why_no_jury(source: Source) -> str:
    dependency = source.find("dependency", "dep_url") is not None
    if source.find("weight", "user_weight") is not None and source.find("repo_a", "project_a", "item_a") is None:
        what = "shares of dependencies" if dependency else "weights of items"
        return f"this is a table of {what}, not of comparisons; it can be read as a submission, not as a jury"
    return (
        f"found the columns {excerpt(','.join(source.table.header))}; a jury needs repo_a,repo_b (or item_a,item_b or "
        "project_a,project_b) with choice or winner and perhaps multiplier, or log_ratio, or weight_a,weight_b; or "
        "repo,originality"
    )
