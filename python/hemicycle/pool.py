"""What the models predict: a logit for every item, from files, frames or arrays."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.acceptance import accept
from hemicycle.arrays import float_array, read_only, row_indices
from hemicycle.errors import FormatError, NoDataError, NonFiniteError, OptionError, ShapeError
from hemicycle.items import Items, ItemsArgument
from hemicycle.look_alikes import alike_models
from hemicycle.names import Rename, Renames
from hemicycle.npy import map_matrix
from hemicycle.options import thread_count
from hemicycle.rejects import Rejects, counted
from hemicycle.scratch import rows_of
from hemicycle.sources import Source
from hemicycle.submissions import SubmissionTable, submissions_at, submissions_of_table
from hemicycle.submitted import SubmissionTimes, Submitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.read_limits import ReadLimits

__all__ = ["Pool"]

STORE = "store.json"  #: the manifest of a store
BLOCK = 1 << 20
"""Numbers looked at together when a matrix is checked: bounds the memory on top of the matrix itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """The submitted models: one row of logits each.

    Attributes
    ----------
    logits : ndarray of float64 or float32, shape (n_models, n_items)
        Natural log of each weight, row-major and read-only; -inf where a submitted weight is 0. Only differences
        within a parent matter.
    models : tuple of str
        Name of each model; sorted where they were read from files or frames.
    items : Items
        The columns.
    authors : tuple of (str or None)
        Who submitted each model, where that is known.
    files : tuple of str
        Where each model comes from, in the words of `rejects`; empty where it comes from an array.
    rejects : tuple of Reject
        Submissions that were turned away, and why.
    items_source : str
        Where the item list comes from.
    notices : tuple of str
        What a reader of the results should know about how the pool was read.
    submitted : tuple of (str or None)
        When each model came, where the organiser said so: UTC, ISO 8601, text that sorts by time.
    """

    logits: NDArray[Any]
    models: tuple[str, ...]
    items: Items
    authors: tuple[str | None, ...]
    files: tuple[str, ...] = ()
    rejects: Rejects = ()
    items_source: str = "given"
    notices: tuple[str, ...] = ()
    submitted: tuple[str | None, ...] = ()
    _scorable: list[NDArray[np.bool_]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "logits", read_only(self.logits))
        if not self.submitted:
            object.__setattr__(self, "submitted", (None,) * len(self.models))

    @classmethod
    def from_array(
        cls,
        logits: ArrayLike,
        *,
        models: Sequence[str] | None = None,
        items: int | Sequence[str] | Sequence[tuple[str, str]] | Items | None = None,
        authors: Sequence[str | None] | None = None,
        submitted: Submitted = None,
    ) -> Pool:
        """Make a pool of a matrix of logits; a C-contiguous float matrix is borrowed, never copied.

        Parameters
        ----------
        logits : array_like, shape (n_models, n_items)
            Natural log of each weight; -inf stands for a weight of 0. Do not write to it while the pool is in use.
        models : sequence of str, length n_models, optional
            Distinct names; by default ``model-0`` and so on, padded with zeros to sort like numbers.
        items : int, names, (parent, name) pairs or Items, optional
            The columns, by default numbered.
        authors : sequence of str, length n_models, optional
            Who submitted each model.
        submitted : mapping or path, optional
            When models came, as in `read`.

        Raises
        ------
        DtypeError, ShapeError
            If the matrix is not two-dimensional integers or floats, or the lengths differ.
        NonFiniteError
            If a logit is NaN or +inf.
        FormatError
            If a model name occurs twice, or a time cannot be read.
        NoDataError
            If there are no models or no items.
        """
        matrix = float_array(logits, "logits", 2, keep_float32=True)
        n_models, n_items = matrix.shape
        if n_models == 0 or n_items == 0:
            raise NoDataError(f"logits: a pool needs models and items, got shape {matrix.shape}")
        listed = Items.of(n_items if items is None else items)
        if len(listed) != n_items:
            raise ShapeError(f"items: expected {n_items}, one a column of logits, got {len(listed)}")
        _require_logits(matrix)
        names = _numbered(n_models) if models is None else tuple(str(name) for name in models)
        who = (None,) * n_models if authors is None else tuple(authors)
        for what, values in (("models", names), ("authors", who)):
            if len(values) != n_models:
                raise ShapeError(f"{what}: expected {n_models}, one a row of logits, got {len(values)}")
        _require_unique(names)
        times = SubmissionTimes.of(submitted)
        return cls(matrix, names, listed, who, notices=times.notices(names), submitted=times.times(names))

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        items: ItemsArgument | None = None,
        rename: Rename = None,
        min_weight: float | None = None,
        limits: ReadLimits | None = None,
        n_threads: int | None = None,
        submitted: Submitted = None,
        memory: int | str | None = None,
    ) -> Pool:
        """Read submissions: a folder or archive of csv files, one csv file, several, a store, or a ``.npy`` matrix.

        Files hold ``repo[,parent],weight``, ``dependency,repo,weight`` (an item and its parent) or ``repo,originality``
        (two items, ``own`` and ``dependencies``, under the parent ``repo``). In a folder each file is a model, named
        after its path without the suffix, and a sub-folder is an author. An archive (``.zip``, ``.tar``, ``.tar.gz``,
        ``.tgz``) is read as the folder that it holds; one csv file with a column ``model`` holds many. A ``.npy``
        matrix of logits is memory-mapped and needs `items`. A store (`Store`) is read into memory whole.

        Parameters
        ----------
        path : path or sequence of paths
            What to read.
        items : number, names, (parent, name) pairs, Items or path, optional
            The items of the round. By default those named by more than half of the readable submissions.
        rename : mapping or path, optional
            New names of items: a mapping, or a csv file with the columns old and new.
        min_weight : float, optional
            Raise smaller weights to this one, so that a zero does not bar a submission from log ratios.
        limits : ReadLimits, optional
            How much is read, see `hemicycle.read_limits`.
        n_threads : int, optional
            Threads that parse; by default every core.
        submitted : mapping or path, optional
            When models came: a mapping of their names to times of ISO 8601, or a csv file with the columns model and
            submitted. Times without an offset are in UTC; a model that is not named has none.
        memory : int or str, optional
            Bytes that the logits of a store may take in memory, see `hemicycle.Store.pool`.

        Raises
        ------
        NoDataError
            If no submission is left; its ``rejects`` say why.
        FormatError
            If the path cannot be read as submissions, the item list is bad, or a time cannot be read.
        StoreError, OptionError
            If a store is damaged, or given other items or new names.
        DomainError
            If `min_weight` is not a finite number > 0, or `n_threads` below 1.
        DtypeError
            If `n_threads` is not an integer.

        Notes
        -----
        A submission that lacks an item, names one twice (also after a rename) or one that is not of the round, or holds
        a weight that is negative, not finite or no number, becomes a reject and never stops the others.

        A file of one model cannot say when it came: its author would say so. A table of many models, which the
        organiser made, may have a column ``submitted``; `submitted` replaces it.
        """
        renames = Renames.of(rename, limits)
        listed = None if items is None else Items.given(items, renames, limits)
        times = SubmissionTimes.of(submitted, limits)
        if isinstance(path, str | os.PathLike):
            if _is_store(Path(path)):
                return cls._of_store(Path(path), listed, renames, min_weight, times, memory)
            if Path(path).suffix.lower() == ".npy":
                return cls._of_npy(Path(path), listed, times)
        return cls.of_submissions(
            submissions_at(path, limits, thread_count(n_threads)), listed, renames, min_weight, times
        )

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        items: ItemsArgument | None = None,
        rename: Rename = None,
        min_weight: float | None = None,
        limits: ReadLimits | None = None,
    ) -> Pool:
        """Take submissions from a long pandas, polars or Arrow table, one row an item of a model.

        The columns are ``model``, ``item`` (or ``repo``), ``weight``, and perhaps ``parent``, ``author`` and
        ``submitted``.

        Parameters
        ----------
        frame : pandas, polars or Arrow table
            What to read.
        items : number, names, (parent, name) pairs, Items or path, optional
            As in `read`.
        rename : mapping or path, optional
            As in `read`.
        min_weight : float, optional
            As in `read`.
        limits : ReadLimits, optional
            How long a name of the frame may be, which is in memory already; and how much is read of files that `items`
            and `rename` name.

        Raises
        ------
        DtypeError
            If `frame` is no dataframe.
        FormatError, NoDataError, DomainError
            As `read`.
        """
        renames = Renames.of(rename, limits)
        listed = None if items is None else Items.given(items, renames, limits)
        table = submissions_of_table(Source.of_frame(frame, limits))
        return cls.of_submissions(table, listed, renames, min_weight, SubmissionTimes())

    @classmethod
    def of_submissions(
        cls,
        table: SubmissionTable,
        items: Items | None,
        renames: Renames,
        min_weight: float | None,
        times: SubmissionTimes,
    ) -> Pool:
        """Make a pool of submissions that were read.

        Parameters
        ----------
        table : SubmissionTable
            All rows of all of them.
        items : Items, optional
            The columns; by default the items named by more than half of the readable ones.
        renames : Renames
            New names of items.
        min_weight : float, optional
            As in `read`.
        times : SubmissionTimes
            When models came.

        Raises
        ------
        NoDataError, DomainError
            As `read`.
        """
        found = accept(table, items, renames, min_weight)
        if not times.of_model:
            times = SubmissionTimes(table.submitted)
        return cls(
            found.logits,
            found.models,
            found.items,
            found.authors,
            files=found.files,
            rejects=found.rejects,
            items_source=found.items_source,
            notices=found.notices + alike_models(found.models) + times.notices(table.models),
            submitted=times.times(found.models),
        )

    @classmethod
    def _of_npy(cls, path: Path, items: Items | None, times: SubmissionTimes) -> Pool:
        if items is None:
            raise OptionError(f"{path.name}: a matrix names no items; pass items= (--items)")
        return cls.from_array(map_matrix(path), items=items, submitted=times)

    @classmethod
    def _of_store(
        cls,
        path: Path,
        items: Items | None,
        renames: Renames,
        min_weight: float | None,
        times: SubmissionTimes,
        memory: int | str | None,
    ) -> Pool:
        from hemicycle.store import Store

        if renames.new_name:
            raise OptionError(f"{path.name}: rename is for submissions on their way into a store, which this one is")
        pool = Store.open(path).pool(min_weight=min_weight, memory=memory)
        if items is not None and items != pool.items:
            raise OptionError(f"{path.name}: the items of a store are those that it was made with; leave items= out")
        if not times.of_model:
            return pool
        given = times.times(pool.models)
        told = tuple(a or b for a, b in zip(given, pool.submitted, strict=True))
        return replace(pool, submitted=told, notices=pool.notices + times.notices(pool.models))

    def __len__(self) -> int:
        return len(self.models)

    def __repr__(self) -> str:
        rejected = f", {len(self.rejects):,} rejected" if self.rejects else ""
        return f"Pool({counted(len(self), 'model')}, {counted(len(self.items), 'item')}{rejected})"

    @property
    def scorable(self) -> NDArray[np.bool_]:
        """Models without a zero weight, the only ones that have log ratios, shape (n_models,)."""
        if not self._scorable:
            lowest = [block.min(axis=1) for block in _blocks(self.logits)]
            self._scorable.append(read_only(np.concatenate(lowest) > -np.inf if lowest else np.zeros(0, dtype=bool)))
        return self._scorable[0]

    def select(self, models: ArrayLike) -> Pool:
        """Return some of the models.

        Parameters
        ----------
        models : array_like of bool, shape (n_models,), or of int
            A mask, or the rows in the order wanted.

        Returns
        -------
        Pool
            Those models; rejects and notices stay.

        Raises
        ------
        ShapeError, DtypeError, IndexOutOfRangeError
            If the mask has another length, or the indices are no rows.
        """
        index = row_indices(models, "models", len(self), "models")
        return replace(
            self,
            logits=rows_of(self.logits, index),
            models=tuple(self.models[row] for row in index),
            authors=tuple(self.authors[row] for row in index),
            files=tuple(self.files[row] for row in index) if self.files else (),
            submitted=tuple(self.submitted[row] for row in index),
        )

    def families(self) -> tuple[str, ...]:
        """Return the family of each model.

        Returns
        -------
        tuple of str, length n_models
            Its author, else its name up to the first of ``-_./`` or a space.
        """
        return tuple(
            author if author is not None else re.split(r"[-_./ ]", model, maxsplit=1)[0]
            for model, author in zip(self.models, self.authors, strict=True)
        )


def _is_store(path: Path) -> bool:
    if not (path / STORE).is_file():
        return False
    from hemicycle.store.manifest import is_store  # a store needs pools

    return is_store(path)


def _blocks(logits: NDArray[Any]) -> list[NDArray[Any]]:
    rows = max(1, BLOCK // max(1, logits.shape[1]))
    return [logits[start : start + rows] for start in range(0, len(logits), rows)]


def _require_logits(logits: NDArray[Any]) -> None:
    for number, block in enumerate(_blocks(logits)):
        if block.max() < np.inf:
            continue
        row, column = np.argwhere(~(block < np.inf))[0]
        place = f"[{number * len(_blocks(logits)[0]) + row}, {column}]"
        raise NonFiniteError(f"logits{place} is {block[row, column]}; a logit is finite, or -inf for a weight of 0")


def _require_unique(names: tuple[str, ...]) -> None:
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        if first.setdefault(name, position) != position:
            raise FormatError(f"models[{position}] {name!r} has the name of models[{first[name]}]")


def _numbered(n_models: int) -> tuple[str, ...]:
    width = len(str(n_models - 1))
    return tuple(f"model-{number:0{width}d}" for number in range(n_models))
