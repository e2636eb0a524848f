"""The scores of the models of one fragment: made, brought up to date, kept in a file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import structs

from hemicycle.errors import DomainError, NonFiniteError, StoreError
from hemicycle.rejects import excerpt
from hemicycle.store.durable import aside, put
from hemicycle.store.extra import arrow, parquet
from hemicycle.store.fragments import read_rows
from hemicycle.streaming.scoring import SUMS, Scoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.store.manifest import Fragment

__all__ = ["BLOCKS", "COLUMNS", "BlockScores", "Task", "block_path", "read_block", "score_fragment"]

BLOCKS = "blocks"
COLUMNS = ("model", "author", *SUMS)  #: of a file of scores
N_UPDATES = b"hemicycle.n_updates"
MAX_UPDATES = 64  #: after so many a block is scored anew: what rounding adds in each stays small
MAX_LOSS = 2.0**8  #: sums that shrink to less than this part of what they were are made anew: they lost digits
CELLS_AT_ONCE = 1 << 30  #: models times labels between two looks at whether to stop


@dataclass(frozen=True, slots=True)
class Task:
    """A fragment to be scored, in words that reach a worker on any machine that sees the same folders.

    Attributes
    ----------
    store, folder : str
        Paths of the store and of the scores.
    fragment : Fragment
        Which; all its rows are scored, those that were replaced too.
    dtype : str
        Of the logits of the store.
    key : str
        The jury, see `Scoring.key`.
    previous : str or None
        An earlier jury under which the fragment has scores, to be brought up to date.
    n_threads : int or None
        Threads of the core.
    """

    store: str
    folder: str
    fragment: Fragment
    dtype: str
    key: str
    previous: str | None = None
    n_threads: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class BlockScores:
    """What is known of the models of a fragment.

    Attributes
    ----------
    models, authors : pyarrow.ChunkedArray of string, length n_models, or None
        Names, where they were read.
    sums : ndarray of float64, shape (3, n_models)
        Those of `SUMS`; nan for models with a zero weight, which have no log ratios.
    n_updates : int
        How often they were brought up to date since they were made.
    """

    models: Any
    authors: Any
    sums: NDArray[np.float64]
    n_updates: int = 0


def block_path(folder: Path, fragment: Fragment, key: str) -> Path:
    """Return the file of the scores of a fragment under a jury."""
    return folder / BLOCKS / f"{fragment.sha256}.{key}.parquet"


def score_fragment(task: Task, stopped: Callable[[], bool] | None = None) -> int:
    """Score a fragment and leave the scores in the folder; what is there already is left.

    Parameters
    ----------
    task : Task
        What to do.
    stopped : callable, optional
        Asked now and then whether to give up.

    Returns
    -------
    int
        Models scored.

    Raises
    ------
    StoreError
        If the fragment or the earlier scores are damaged.
    InterruptedError
        If it was to give up.
    """
    folder, fragment = Path(task.folder), task.fragment
    path = block_path(folder, fragment, task.key)
    if path.exists():
        return fragment.n_models
    scoring = Scoring.read(folder, task.key)
    whole = structs.replace(fragment, replaced=())
    about, logits = read_rows(Path(task.store), whole, scoring.judgments.items, task.dtype)
    logits = scoring.lifted(logits)
    try:
        sums, n_updates = _scored(task, scoring, logits, stopped)
    except (DomainError, NonFiniteError) as error:
        far = np.abs(np.where(np.isneginf(logits), 0.0, logits)).max(axis=1)
        worst = f"the model {excerpt(about['model'][int(far.argmax())].as_py())!r}"
        raise type(error)(f"{fragment.path(Path(task.store))}: {worst}: {error}") from None
    _write(path, BlockScores(about["model"], about["author"], sums, n_updates))
    return fragment.n_models


def _scored(
    task: Task, scoring: Scoring, logits: NDArray[Any], stopped: Callable[[], bool] | None
) -> tuple[NDArray[np.float64], int]:
    """Return the sums of a fragment, and how often they were brought up to date."""
    folder, fragment = Path(task.folder), task.fragment
    seated = np.flatnonzero(logits.min(axis=1) > -np.inf)
    before = None if task.previous is None else _earlier(folder, fragment, task.previous)
    if before is not None:
        parts = _changes(folder, task.key, str(task.previous))
        sums = before.sums + _sums(logits, seated, parts, task.n_threads, stopped)
        if not (np.abs(before.sums) > MAX_LOSS * np.maximum(np.abs(sums), scoring.scale)).any():
            return sums, before.n_updates + 1
    whole = [(scoring, 1.0)]
    try:
        return _sums(logits, seated, whole, task.n_threads, stopped), 0
    except DomainError:  # of a model that was replaced since, nobody asks
        current = np.setdiff1d(seated, fragment.replaced)
        if len(current) == len(seated):
            raise
        return _sums(logits, current, whole, task.n_threads, stopped), 0


@lru_cache(maxsize=2)  # all fragments of a run ask for the same
def _changes(folder: Path, key: str, previous: str) -> list[tuple[Scoring, float]]:
    """Return what is to be taken from sums under an earlier jury and added to them."""
    leaving, arriving = Scoring.read(folder, key).since(Scoring.read(folder, previous))
    return [(part, sign) for part, sign in ((leaving, -1.0), (arriving, 1.0)) if part is not None]


def _earlier(folder: Path, fragment: Fragment, key: str) -> BlockScores | None:
    """Return scores to go on from, unless they are too old or cannot be read."""
    try:
        before = read_block(folder, fragment, key)
    except StoreError:
        return None
    return before if before.n_updates < MAX_UPDATES else None


def _sums(
    logits: NDArray[Any],
    seated: NDArray[np.int64],
    parts: list[tuple[Scoring, float]],
    n_threads: int | None,
    stopped: Callable[[], bool] | None,
) -> NDArray[np.float64]:
    """Return signed sums over several juries, (3, n_models); nan for models that are not seated."""
    total = np.full((len(SUMS), len(logits)), np.nan)
    total[:, seated] = 0.0
    n_labels = max([1, *(len(part.judgments) for part, _ in parts)])
    rows = max(1, CELLS_AT_ONCE // n_labels)
    for first in range(0, len(seated), rows):
        if stopped is not None and stopped():
            raise InterruptedError
        chosen = seated[first : first + rows]
        some = logits if len(chosen) == len(logits) else logits[chosen]
        for part, sign in parts:
            total[:, chosen] += sign * part.sums(some, n_threads)
    return total


def _write(path: Path, scores: BlockScores) -> None:
    pa = arrow()
    columns = {"model": scores.models, "author": scores.authors}
    columns |= {name: pa.array(row, from_pandas=True) for name, row in zip(SUMS, scores.sums, strict=True)}
    table = pa.table(columns).replace_schema_metadata({N_UPDATES: str(scores.n_updates).encode()})
    with aside(path.parent) as part:
        parquet().write_table(
            table, part, compression="none", use_dictionary=["author"], write_statistics=False, write_page_checksum=True
        )
        part.chmod(0o644)
        put(part, path)


def read_block(
    folder: Path, fragment: Fragment, key: str, columns: tuple[str, ...] = ("model", "author", *SUMS)
) -> BlockScores:
    """Read the scores of a fragment under a jury, of all its rows.

    Parameters
    ----------
    folder : Path
        Of the scores.
    fragment : Fragment
        Which.
    key : str
        The jury.
    columns : tuple of str
        What to read; names that are left out are None, sums nan.

    Raises
    ------
    StoreError
        If they are not there, damaged, or not those of the fragment.
    """
    path = block_path(folder, fragment, key)
    pa = arrow()
    try:
        table = parquet().read_table(path, columns=list(columns), page_checksum_verification=True, use_threads=False)
        n_updates = int((table.schema.metadata or {}).get(N_UPDATES, b"0"))
    except FileNotFoundError:
        raise StoreError(
            f"{path}: is gone; this folder was used to score another jury or store since: call score_store again"
        ) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read as scores: {error}; remove it to score the fragment again") from error
    if len(table) != fragment.n_models:
        raise StoreError(f"{path}: has {len(table)} rows, the fragment {fragment.n_models}; remove it")
    sums = np.full((len(SUMS), len(table)), np.nan)
    for row, name in enumerate(SUMS):
        if name in columns:
            sums[row] = table[name].to_numpy()
    models, authors = (table[name] if name in columns else None for name in ("model", "author"))
    return BlockScores(models, authors, sums, n_updates)
