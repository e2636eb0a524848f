"""Scoring a store that may be larger than memory: from disk, fragment by fragment, on one machine or on many."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hemicycle.errors import DtypeError, NoDataError, OptionError, StoreError
from hemicycle.judgments import require_judgments
from hemicycle.options import non_negative_number, thread_count
from hemicycle.store.compaction import told_of_compaction
from hemicycle.store.durable import PART, write_durably
from hemicycle.store.store import Store
from hemicycle.store.writing import LOCK, WRITER, sole_writer
from hemicycle.streaming.block_scores import BLOCKS, Task, block_path, score_fragment
from hemicycle.streaming.executors import as_engine, run_all
from hemicycle.streaming.scoring import JUDGMENTS, Scoring
from hemicycle.streaming.store_scores import StoreScores

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from hemicycle.judgments import Judgments
    from hemicycle.store.manifest import Fragment
    from hemicycle.types import PairWeights

__all__ = ["score_store"]

MARK = "scores.json"
FORMAT = "hemicycle scores"


def score_store(
    store: Store | str | os.PathLike[str],
    judgments: Judgments,
    folder: str | os.PathLike[str],
    *,
    sigma: float = 0.5,
    pair_weights: PairWeights = "equal",
    min_weight: float | None = None,
    executor: Executor | Any = None,
    wait: float = 0.0,
    n_threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> StoreScores:
    """Score every model of a store, and keep the scores in a folder.

    What the folder holds already is not done again: a run that was stopped goes on where it was, a store that grew has
    its new fragments scored, and where judgments arrived or were withdrawn only the pairs that they touch are.

    Parameters
    ----------
    store : Store or path
        The models.
    judgments : Judgments
        What the jury said; aligned to the items of the store.
    folder : path
        Where the scores are kept: made where it does not exist. Workers on other machines need it, and the store, under
        the same path.
    sigma : float, default 0.5
        Width of the Gaussian at each label, in the unit of ``log_ratio``.
    pair_weights : {"equal", "total"}, default "equal"
        Weight of each pair: 1, or the sum of its labels' weights.
    min_weight : float, optional
        Raise smaller weights of models to this one, so that a zero does not bar a model from log ratios.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Who scores the fragments; by default threads of this process.
    wait : float, default 0.0
        Seconds to wait for another run that writes to the folder.
    n_threads : int, optional
        Threads of the core, for each fragment; by default every core.
    progress : callable, optional
        Told how many models are scored, and of how many.

    Returns
    -------
    StoreScores
        Of the models that the store held when the scoring began.

    Raises
    ------
    StoreError
        If a fragment is damaged, the store is compacted meanwhile, or another run writes to the folder.
    OptionError
        If the folder holds something else, or `pair_weights` is no such word.
    NoDataError
        If no judgment of items of the store has a log ratio, or the store holds no models.
    DtypeError, NonFiniteError, DomainError
        If an argument is out of its domain.
    OSError
        If the disk refuses.

    Notes
    -----
    Fragments, of at most 64 MiB, are read, scored and written each by itself; two are in memory at a time, each up to
    three times. Scores of a model depend on nothing but the model and the judgments, so they are the same bits for any
    executor, number of threads and division into fragments. Brought up to date, a sum differs from a full scoring by
    what `log_likelihood` may err in the pairs that changed; after 64 times a fragment is scored anew.
    """
    store = store if isinstance(store, Store) else Store.open(_path(store, "store"))
    engine, threads = as_engine(executor), thread_count(n_threads)
    patience = non_negative_number(wait, "wait")
    require_judgments(judgments)
    aligned = judgments.align(store.items)
    scoring = Scoring(aligned, sigma, pair_weights, min_weight)
    scoring.require_pairs()
    if not len(store):
        raise NoDataError(f"{store.path}: the store holds no models; add some with store.add")
    out = _folder(_path(folder, "folder"))
    with sole_writer(out, patience, "wait for it (wait=) or try again"):
        manifest = store.manifest  # another run may have scored a later one while this one waited
        fragments = manifest.fragments
        write_durably(out / MARK, _about(scoring))
        scoring.write(out)
        key, held = scoring.key, _held(out)
        near = _near(out, held, scoring)
        tasks = [
            Task(str(store.path.absolute()), str(out.absolute()), each, manifest.dtype, key, earlier, threads)
            for each in fragments
            if (earlier := _earlier(key, held.get(each.sha256, []), near)) != key
        ]
        n_models = sum(fragment.n_models for fragment in fragments)
        n_done = n_models - sum(task.fragment.n_models for task in tasks)

        def done(_: int, n: int) -> None:
            nonlocal n_done
            n_done += n
            if progress is not None:
                progress(n_done, n_models)

        done(0, 0)
        with told_of_compaction(store.path, manifest, "this began; call score_store again"):
            n_lost = run_all(score_fragment, tasks, engine, done)
        _sweep(out, fragments, key)
    lost = f"the executor broke; {n_lost} of {len(tasks)} fragments were scored by this process"
    notices = aligned.notices + ((lost,) if n_lost else ())
    return StoreScores(store, out, scoring, manifest, notices=notices)


def _path(given: Any, name: str) -> Path:
    if not isinstance(given, str | os.PathLike):
        raise DtypeError(f"{name}: expected a path, got {type(given).__name__}")
    return Path(given)


def _folder(folder: Path) -> Path:
    """Make the folder of scores, or see that it is one."""
    if folder.exists() and not _is_marked(folder):
        known = {BLOCKS, JUDGMENTS, LOCK, WRITER}  # what a run leaves that was stopped at its beginning
        if not folder.is_dir() or any(p.name not in known and p.suffix != PART for p in folder.iterdir()):
            raise OptionError(f"{folder}: holds files that are no scores; give another folder")
    (folder / BLOCKS).mkdir(parents=True, exist_ok=True)
    (folder / JUDGMENTS).mkdir(exist_ok=True)
    return folder


def _is_marked(folder: Path) -> bool:
    """Return whether a run left its mark: a file of the same name may be somebody else's."""
    try:
        told = msgspec.json.decode((folder / MARK).read_bytes())
    except (OSError, msgspec.MsgspecError):
        return False
    return isinstance(told, dict) and told.get("format") == FORMAT


def _about(scoring: Scoring) -> bytes:
    return msgspec.json.encode({"format": FORMAT, "key": scoring.key, **scoring.settings})


def _held(folder: Path) -> dict[str, list[str]]:
    """Return the juries under which each fragment has scores, the latest first."""
    found: dict[str, list[str]] = {}
    for path in sorted((folder / BLOCKS).glob("*.parquet"), key=lambda path: (-path.stat().st_mtime_ns, path.name)):
        sha256, _, key = path.name.removesuffix(".parquet").partition(".")
        found.setdefault(sha256, []).append(key)
    return found


def _near(folder: Path, held: dict[str, list[str]], scoring: Scoring) -> set[str]:
    """Return the juries whose scores can be brought up to date, and should be."""
    found = set()
    for key in {key for keys in held.values() for key in keys}:
        try:
            before = Scoring.read(folder, key)
        except StoreError:
            continue
        same = before.settings == scoring.settings and before.judgments.items == scoring.judgments.items
        if same and scoring.is_near(before):
            found.add(key)
    return found


def _earlier(key: str, held: list[str], near: set[str]) -> str | None:
    """Return the jury to go on from: this one where all is done, None where all is to be done."""
    return key if key in held else next((other for other in held if other in near), None)


def _sweep(folder: Path, fragments: tuple[Fragment, ...], key: str) -> None:
    """Remove scores under earlier juries, and those of fragments that the store has no more."""
    wanted = {block_path(folder, fragment, key) for fragment in fragments}
    for path in (*(folder / BLOCKS).iterdir(), *(folder / JUDGMENTS).iterdir(), *folder.glob(f"*{PART}")):
        if path not in wanted and path.name != f"{key}.npz" and (path.suffix in (".parquet", ".npz", PART)):
            path.unlink(missing_ok=True)
