"""A streamed run of the main job: a jury and a store in, every mechanism that works on a store out, as it comes."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemicycle.bundle import sha256_of
from hemicycle.errors import OptionError
from hemicycle.judgments import Judgments
from hemicycle.mechanism import SPOKEN
from hemicycle.store.manifest import is_store
from hemicycle.store.store import Store
from hemicycle.store.writing import sole_writer
from hemicycle.streamed_options import STREAMED, methods_of
from hemicycle.streaming.formed import form
from hemicycle.streaming.out_folder import OutFolder
from hemicycle.streaming.score_store import score_store
from hemicycle.streaming.store_outcome import StoreOutcome, rejects_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from hemicycle.config import RoundConfig

    Engine = AbstractContextManager[Any]
    Tell = Callable[[str, int, int, str], None]  # what is going on, how much is done, of how much, in which part

__all__ = ["memory_needed", "run_store_round"]

COPIES = 6  #: of the logits of a fragment: two at a time, up to three times each
PER_MODEL = 256  #: bytes: scores and weights
PROGRAM = 320 << 20  #: bytes, of Python, NumPy and pyarrow


def memory_needed(store: Store) -> int:
    """Return how many bytes of memory a streamed run of a store needs, roughly."""
    manifest = store.manifest
    logits = max((fragment.n_models for fragment in manifest.fragments), default=0) * len(manifest.items)
    n_models = sum(fragment.n_models for fragment in manifest.fragments)
    return PROGRAM + COPIES * logits * (4 if manifest.dtype == "float32" else 8) + PER_MODEL * n_models


def require_store(pool: str) -> Store:
    """Return the store at a path.

    Raises
    ------
    OptionError
        If there is something else.
    StoreError
        If it is damaged.
    """
    if not is_store(Path(pool)):
        if not Path(pool).exists():
            raise OptionError(f"{pool}: there is no such store; hemicycle store add {pool} SUBMISSIONS makes it")
        raise OptionError(
            f"{pool} is no store, and --stream scores a store from disk: hemicycle store add pool.store {pool} makes "
            "one of it first"
        )
    return Store.open(pool)


def _require_outside(out: Path, store: Store) -> None:
    """Refuse an out folder in the store, where compaction and copies of it would meet a stranger."""
    if out.resolve().is_relative_to(store.path.resolve()):
        raise OptionError(f"{out} lies in the store {store.path}; give another folder with --out")


def run_store_round(
    config: RoundConfig,
    out: Path,
    *,
    engine: Callable[[OutFolder, Store], Engine] | None = None,
    n_threads: int | None = None,
    memory: int | None = None,
    tell: Tell | None = None,
) -> StoreOutcome:
    """Score a store from disk, form every mechanism that works on it, and write what comes of it.

    Parameters
    ----------
    config : RoundConfig
        What to read and how, with ``stream``.
    out : Path
        The out folder. What was scored in it before is not scored again.
    engine : callable, optional
        Makes a context manager of an executor or a ``dask.distributed.Client``, once the out folder is there; by
        default threads of this process do the work.
    n_threads : int, optional
        Threads of the core, for each fragment; by default every core.
    memory : int, optional
        Bytes that the logits of all models may take where a mechanism needs them at once, the clone-proof prior or
        greedy selection; more lie in a file. By default a quarter of the machine's memory.
    tell : callable, optional
        Told what is going on, how many models are done, of how many, and in which pass.

    Returns
    -------
    StoreOutcome
        The run.

    Raises
    ------
    OptionError
        If the pool is no store, or the out folder holds something else or lies in the store.
    HemicycleError
        If an input cannot be used.
    OSError
        If an input cannot be read, or the disk refuses.
    KeyboardInterrupt
        Soon after Ctrl-C. What was written stays, and the next run goes on.
    """
    store = require_store(config.pool)
    _require_outside(out, store)
    limits, say = config.read_limits, tell or (lambda *_: None)
    sha256 = {name: sha256_of(path, limits) for name, path in config.paths().items()}
    judgments = Judgments.read(config.jury, items=store.items, split=config.split, limits=limits)
    folder = OutFolder(out, config, sha256)
    with nullcontext() if engine is None else engine(folder, store) as executor:
        scores = score_store(
            store,
            judgments,
            folder.scores,
            sigma=float(config.sigma),
            min_weight=config.min_weight,
            executor=executor,
            n_threads=n_threads,
            progress=lambda done, of: say("scoring", done, of, ""),
        )
        sha256["pool"] = scores.manifest.digest()  # it may have grown since
        with sole_writer(folder.scores, 0.0, "try again when it is done, or give another --out"):
            outcome = StoreOutcome(config, sha256, scores, rejects_of(scores), scores.n_updates, {})
            folder.begin(outcome)
            for method in methods_of(config.method):
                spoken, passes = SPOKEN[method], STREAMED[method].passes

                def progress(number: int, done: int, of: int, spoken: str = spoken) -> None:
                    say(spoken, done, of, f"pass {number}")

                if not passes:
                    say(spoken, 0, 0, "")
                formed = form(scores, config, method, executor, n_threads=n_threads, memory=memory, progress=progress)
                if not passes:
                    say(spoken, len(scores), len(scores), "")
                outcome.found[method] = formed
                folder.add(outcome, formed)
            folder.finish(outcome)
    return outcome
