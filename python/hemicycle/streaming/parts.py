"""What a worker reads: the models of a fragment that count, some at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import structs

from hemicycle.store.fragments import read_rows
from hemicycle.streaming.block_scores import read_block
from hemicycle.streaming.scoring import SUMS, Scoring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from hemicycle.store.manifest import Fragment

__all__ = ["Gathering", "Part", "rows_at", "seated_rows"]

AT_ONCE = 4096  #: models between two looks at whether to stop


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A fragment to be read, in words that reach a worker on any machine.

    Attributes
    ----------
    store, folder : str
        Paths of the store and of the scores.
    fragment : Fragment
        Which.
    dtype : str
        Of the logits of the store.
    key : str
        The jury, see `Scoring.key`.
    """

    store: str
    folder: str
    fragment: Fragment
    dtype: str
    key: str


@dataclass(frozen=True, slots=True, eq=False)
class Gathering:
    """A fragment of which some models are wanted.

    Attributes
    ----------
    part : Part
        The fragment.
    models : ndarray of int64
        Where they stand among its models that count, ascending.
    """

    part: Part
    models: NDArray[np.int64]


def seated_rows(
    part: Part, stopped: Callable[[], bool] | None, at_once: int = AT_ONCE
) -> Iterator[tuple[NDArray[Any], NDArray[np.float64]]]:
    """Yield logits and losses of the models of a fragment that count, at most `at_once` at a time.

    Raises
    ------
    StoreError
        If the fragment or its scores are damaged.
    InterruptedError
        If it was to give up.
    """
    fragment, scoring = part.fragment, Scoring.read(Path(part.folder), part.key)
    losses = read_block(Path(part.folder), fragment, part.key, ("squared_error",)).sums[SUMS.index("squared_error")]
    counts = ~np.isnan(losses)
    counts[list(fragment.replaced)] = False
    seated = np.flatnonzero(counts)
    whole = structs.replace(fragment, replaced=())
    logits = read_rows(Path(part.store), whole, scoring.judgments.items, part.dtype)[1]
    for first in range(0, len(seated), at_once):
        if stopped is not None and stopped():
            raise InterruptedError
        chosen = seated[first : first + at_once]
        yield scoring.lifted(logits[chosen]), losses[chosen]


def rows_at(task: Gathering, stopped: Callable[[], bool] | None = None) -> NDArray[Any]:
    """Return the logits of some models of a fragment.

    Raises
    ------
    StoreError, InterruptedError
        As `seated_rows`.
    """
    wanted, first, found = task.models, 0, []
    for logits, _ in seated_rows(task.part, stopped):
        here = wanted[(wanted >= first) & (wanted < first + len(logits))]
        found.append(logits[here - first])
        first += len(logits)
    rows: NDArray[Any] = np.concatenate(found)
    return rows
