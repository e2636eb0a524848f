"""What the jury said: comparisons of two items, from files, frames or arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.alignment import items_judged, place_pairs
from hemicycle.arrays import (
    by_construction,
    float_array,
    index_array,
    read_only,
    require_at_most,
    require_length,
    require_non_negative,
    row_indices,
)
from hemicycle.errors import DtypeError, NoDataError, OptionError
from hemicycle.items import Items, ItemsArgument
from hemicycle.jury import jury_rows, nothing_left
from hemicycle.labels import MAX_LABEL_WEIGHT, checked_jurors, checked_labels, require_comparable
from hemicycle.look_alikes import alike_items
from hemicycle.names import Rename, Renames
from hemicycle.pairs import Pairs, group_pairs
from hemicycle.rejects import Reject, Rejects, counted, excerpt
from hemicycle.sources import Source

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.read_limits import ReadLimits

__all__ = ["Judgments", "Pairs", "cardinal_pairs", "require_judgments"]

ROWS = "integers, the row numbers of items (for names use Judgments.from_frame or Judgments.read)"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Judgments:
    """Validated judgments, one row each, in the order of their source; all arrays are read-only.

    Attributes
    ----------
    a, b : ndarray of int64, shape (n,)
        The two items compared: indices into `items`.
    log_ratio : ndarray of float64, shape (n,)
        Natural log of how much more ``b`` is worth than ``a``; nan where only the winner is known (ordinal).
    choice : ndarray of int8, shape (n,)
        The item named by the juror: 1 is ``a``, 2 is ``b``, 0 none. Kept also where the log ratio is 0.
    weight : ndarray of float64, shape (n,)
        Weight of the judgment, >= 0, times that of its juror.
    juror : tuple of (str or None)
        Who judged.
    split : tuple of (str or None)
        The part of the data that the row belongs to, as the source says it.
    line : ndarray of int64, shape (n,)
        Line of the file, from 1; row of a frame or array, from 0.
    items : Items
        What `a` and `b` index.
    rejects : tuple of Reject
        Judgments that were turned away, and why.
    notices : tuple of str
        What a reader of the results should know about how these judgments were read.
    file : str
        Name of the source, for messages.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    log_ratio: NDArray[np.float64]
    choice: NDArray[np.int8]
    weight: NDArray[np.float64]
    juror: tuple[str | None, ...]
    split: tuple[str | None, ...]
    line: NDArray[np.int64]
    items: Items
    rejects: Rejects = ()
    notices: tuple[str, ...] = ()
    file: str = ""
    _pairs: list[Pairs] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("a", "b", "log_ratio", "choice", "weight", "line"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @classmethod
    def from_arrays(
        cls,
        a: ArrayLike,
        b: ArrayLike,
        log_ratio: ArrayLike | None = None,
        *,
        choice: ArrayLike | None = None,
        juror: Sequence[str | None] | None = None,
        weight: ArrayLike | None = None,
        items: int | Sequence[str] | Sequence[tuple[str, str]] | Items | None = None,
    ) -> Judgments:
        """Make judgments of arrays; anything wrong in them is an error.

        Parameters
        ----------
        a, b : array_like of int, shape (n,)
            The two items compared.
        log_ratio : array_like of float, shape (n,), optional
            Natural log of how much more ``b`` is worth than ``a``, at most 1e6 in size. A row that is nan is ordinal
            and needs a choice; without the argument all rows are.
        choice : array_like of int, shape (n,), optional
            The item that won: 1 (``a``), 2 (``b``) or 0 (none). By default the sign of `log_ratio` decides.
        juror : sequence of str, length n, optional
            Who judged.
        weight : array_like of float, shape (n,), optional
            Weights from 0 to 1e100, by default 1.
        items : int, names, (parent, name) pairs or Items, optional
            The items indexed; by default as many as the largest index needs.

        Raises
        ------
        DtypeError
            If an argument has a dtype that is not plain integers or floats, or masked values.
        ShapeError
            If an array is not one-dimensional or the lengths differ.
        IndexOutOfRangeError
            If an index points outside the items.
        NonFiniteError, DomainError
            If a value is NaN without a choice, infinite, too large or negative; if an item is compared with itself or
            with one of another parent.
        NoDataError
            If there are no rows.
        """
        n = len(np.atleast_1d(np.asanyarray(a)))
        if n == 0:
            raise NoDataError("there are no judgments")
        listed = None if items is None else Items.of(items)
        length = None if listed is None else len(listed)
        first, second = (index_array(rows, name, length, expected=ROWS) for name, rows in (("a", a), ("b", b)))
        require_length(second, "b", n, "a")
        if listed is None:
            listed = Items.of(int(max(first.max(), second.max())) + 1)
        require_comparable(first, second, listed)
        ratio, chosen = checked_labels(log_ratio, choice, n)
        weights = np.ones(n) if weight is None else float_array(weight, "weight", 1)
        require_length(weights, "weight", n, "a")
        require_non_negative(weights, "weight")
        require_at_most(weights, MAX_LABEL_WEIGHT, "weight")
        rows = np.arange(n, dtype=np.int64)
        return cls(first, second, ratio, chosen, weights.copy(), checked_jurors(juror, n), (None,) * n, rows, listed)

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        *,
        items: ItemsArgument | None = None,
        rename: Rename = None,
        split: str | None = None,
        limits: ReadLimits | None = None,
    ) -> Judgments:
        """Read a jury from a csv file in any of the formats of the real rounds.

        Columns are recognised by name, in any case: ``repo_a,repo_b`` (or ``item_a``, ``project_a``) with ``choice``
        (1, 2) or ``winner`` (a name, 1, 2) and perhaps ``multiplier``, or ``weight_a,weight_b``, or ``log_ratio``;
        optionally ``parent``, ``juror``, ``weight``, ``split``. Or ``repo,originality``: each row one judgment of the
        items ``own`` and ``dependencies`` under the parent ``repo``.

        Parameters
        ----------
        path : path
            The file.
        items : number, names, (parent, name) pairs, Items or path, optional
            The items of the round, in this order; judgments of others become rejects. By default those judged, sorted
            by key. **The columns of an array of logits must be in the order of** ``judgments.items``: name the items
            where you score one.
        rename : mapping or path, optional
            New names of items: a mapping, or a csv file with the columns old and new.
        split : str, optional
            Only rows whose ``split`` is this, or begins with it and ``_``.
        limits : ReadLimits, optional
            How much the file may hold.

        Raises
        ------
        FormatError
            If the file cannot be a jury: unreadable, beyond a limit, columns missing or there twice.
        NoDataError
            If no usable judgment is left; its ``rejects`` say why.
        OptionError
            If the rows have no such split.

        Examples
        --------
        The columns of a matrix are those of ``items.csv``, so the judgments get its order::

            judgments = Judgments.read("jury.csv", items="items.csv")
            scores = hemicycle.log_likelihood(matrix, judgments)
        """
        renames = Renames.of(rename, limits)
        listed = None if items is None else Items.given(items, renames, limits)
        return cls._of_source(Source.of_file(path, limits), listed, renames, split)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        items: ItemsArgument | None = None,
        rename: Rename = None,
        split: str | None = None,
        limits: ReadLimits | None = None,
    ) -> Judgments:
        """Take a jury from a pandas, polars or Arrow table with the columns that `read` knows; null and NaN are empty.

        Parameters
        ----------
        frame : pandas, polars or Arrow table
            What to read.
        items : number, names, (parent, name) pairs, Items or path, optional
            As in `read`.
        rename : mapping or path, optional
            As in `read`.
        split : str, optional
            As in `read`.
        limits : ReadLimits, optional
            How long a name of the frame may be, which is in memory already; and how much is read of files that `items`
            and `rename` name.

        Raises
        ------
        DtypeError
            If `frame` is no dataframe.
        FormatError, NoDataError, OptionError
            As `read`.
        """
        renames = Renames.of(rename, limits)
        listed = None if items is None else Items.given(items, renames, limits)
        return cls._of_source(Source.of_frame(frame, limits), listed, renames, split)

    @classmethod
    def _of_source(cls, source: Source, items: Items | None, renames: Renames, split: str | None) -> Judgments:
        rows = jury_rows(source, renames, split)
        if not len(rows.a):
            raise NoDataError(nothing_left(source, rows.rejects), rows.rejects)
        listed, a, b = items_judged(rows.spellings, rows.parent, rows.a, rows.b)
        judgments = cls(
            a=a,
            b=b,
            log_ratio=rows.log_ratio,
            choice=rows.choice,
            weight=rows.weight,
            juror=rows.juror,
            split=rows.split,
            line=rows.line,
            items=listed,
            rejects=rows.rejects,
            notices=renames.notices + rows.notices,
            file=source.file,
        )
        if items is None:
            return judgments
        aligned = judgments.align(items)
        if not len(aligned):
            raise NoDataError(nothing_left(source, aligned.rejects), aligned.rejects)
        return aligned

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)

    def __len__(self) -> int:
        return len(self.a)

    def __repr__(self) -> str:
        rejected = f", {len(self.rejects):,} rejected" if self.rejects else ""
        return f"Judgments({counted(len(self), 'judgment')}, {counted(len(self.items), 'item')}{rejected})"

    @property
    def is_cardinal(self) -> NDArray[np.bool_]:
        """Which judgments say how much, not only which, shape (n,)."""
        return ~np.isnan(self.log_ratio)

    @property
    def n_ordinal(self) -> int:
        """Number of judgments that only name a winner."""
        return int(np.count_nonzero(np.isnan(self.log_ratio)))

    @property
    def pairs(self) -> Pairs:
        """The cardinal judgments of positive weight grouped by pair; computed once."""
        if not self._pairs:
            self._pairs.append(group_pairs(self.a, self.b, self.log_ratio, self.weight))
        return self._pairs[0]

    def select(self, rows: ArrayLike) -> Judgments:
        """Return some of the judgments.

        Parameters
        ----------
        rows : array_like of bool, shape (n,), or of int
            A mask, or the rows in the order wanted.

        Returns
        -------
        Judgments
            Those rows; rejects and notices stay.

        Raises
        ------
        ShapeError, DtypeError, IndexOutOfRangeError
            If the mask has another length, or the indices are no rows.
        """
        index = row_indices(rows, "rows", len(self), "judgments")
        return replace(
            self,
            a=self.a[index],
            b=self.b[index],
            log_ratio=self.log_ratio[index],
            choice=self.choice[index],
            weight=self.weight[index],
            juror=tuple(self.juror[row] for row in index),
            split=tuple(self.split[row] for row in index),
            line=self.line[index],
        )

    def with_juror_weights(self, weights: Mapping[str, float]) -> Judgments:
        """Return the judgments with each weight multiplied by that of its juror.

        Parameters
        ----------
        weights : mapping of juror to float
            Finite, >= 0. Jurors not named keep a factor of 1.

        Returns
        -------
        Judgments
            The same rows with other weights.

        Raises
        ------
        OptionError
            If a juror named gave no judgment.
        NonFiniteError, DomainError
            If a weight is not finite or negative, or its product with that of a judgment is above 1e100.
        """
        unknown = sorted(set(weights) - {juror for juror in self.juror if juror is not None})
        if unknown:
            raise OptionError(f"juror weights: {unknown[0]!r} gave no judgment ({len(unknown)} such names)")
        for juror, weight in weights.items():
            require_non_negative(np.asarray(weight, dtype=np.float64), f"juror weights[{juror!r}]")
        factor = np.array([1.0 if juror is None else weights.get(juror, 1.0) for juror in self.juror])
        weight = self.weight * factor
        require_at_most(weight, MAX_LABEL_WEIGHT, "juror weights: weight")
        return replace(self, weight=weight)

    def align(self, items: Items) -> Judgments:
        """Return the judgments with indices into another item list.

        A judgment whose source names no parent is matched by name where only one parent has both its items, and one
        whose list names no parents likewise. Judgments of an item that is not in the list become rejects.

        Parameters
        ----------
        items : Items
            The list to index.

        Returns
        -------
        Judgments
            The judgments of pairs in the list, in order; the others are among its rejects.
        """
        if self.items == items:
            return replace(self, items=items)
        a, b, reasons = place_pairs(self.items, items, self.a, self.b)
        strange = [
            name for key, name in zip(self.items.keys, self.items.names, strict=True) if not items.candidates(*key)
        ]
        alike = alike_items(strange, items.names) if reasons else {}
        rejects = tuple(self._unknown(row, reason, alike) for row, reason in reasons.items())
        kept = a >= 0
        return replace(self.select(kept), a=a[kept], b=b[kept], items=items, rejects=self.rejects + rejects)

    def _unknown(self, row: int, reason: str, alike: dict[str, str]) -> Reject:
        names = [self.items.names[side[row]] for side in (self.a, self.b)]
        reason = "; ".join([*(alike[name] for name in names if name in alike), reason])
        return Reject("judgment", self.file, int(self.line[row]), "item", ", ".join(map(excerpt, names)), reason)


def require_judgments(judgments: object, what: str = "judgments") -> None:
    """Raise DtypeError unless these are `Judgments`."""
    if not isinstance(judgments, Judgments):
        made = "Judgments.read(path) and Judgments.from_arrays(a, b, log_ratio) make them"
        raise DtypeError(f"{what}: expected Judgments, got {type(judgments).__name__}; {made}")


def cardinal_pairs(judgments: Judgments) -> Pairs:
    """Return the pairs of the judgments that say how much.

    Raises
    ------
    NoDataError
        If none has a log ratio and a weight above 0.
    """
    if not len(judgments.pairs):
        raise NoDataError(f"judgments: none of the {len(judgments)} has a log ratio and a weight above 0")
    return judgments.pairs
