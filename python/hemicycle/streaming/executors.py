"""Who does the work: threads of this process, or any executor, on this machine or on many."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from hemicycle.errors import DtypeError, OptionError
from hemicycle.streaming.block_scores import Task, score_fragment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

__all__ = ["as_engine", "score_all"]

LOCAL = 2  #: fragments at a time: one is read and written while the core scores the other
RETRIES = 3  #: of a task whose worker was lost


def as_engine(given: Any) -> Any:
    """Return what was given, if it is an executor or a ``dask.distributed.Client``.

    Raises
    ------
    DtypeError
        If it is neither.
    """
    if given is None or isinstance(given, Executor) or _is_dask(given):
        return given
    raise DtypeError(
        f"executor: expected a concurrent.futures.Executor or a dask.distributed.Client, got {type(given).__name__}"
    )


def _is_dask(engine: Any) -> bool:
    return hasattr(engine, "scheduler_info") and hasattr(engine, "submit")


def score_all(tasks: Sequence[Task], engine: Any, done: Callable[[int], None]) -> tuple[str, ...]:
    """Score fragments, in any order.

    Parameters
    ----------
    tasks : sequence of Task
        What to do.
    engine : Executor or dask.distributed.Client, optional
        Who does it; by default threads of this process.
    done : callable
        Told how many models each task scored, as it ends.

    Returns
    -------
    tuple of str
        Notices.

    Raises
    ------
    StoreError, OSError
        What stopped a task; those that were done before stay done.
    KeyboardInterrupt
        Soon after Ctrl-C.
    """
    if engine is None:
        _locally(tasks, done)
        return ()
    lost = _by_dask(tasks, engine, done) if _is_dask(engine) else _elsewhere(tasks, engine, done)
    if not lost:
        return ()
    _locally(lost, done)
    return (f"the executor broke; {len(lost)} of {len(tasks)} fragments were scored by this process",)


def _locally(tasks: Sequence[Task], done: Callable[[int], None]) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(LOCAL) as threads:
        futures = [threads.submit(score_fragment, task, stop.is_set) for task in tasks]
        try:
            _gather(futures, done)
        except BaseException:
            stop.set()
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _elsewhere(tasks: Sequence[Task], executor: Executor, done: Callable[[int], None]) -> list[Task]:
    """Return the tasks that a broken executor has not done."""
    task_of: dict[Future[int], Task] = {}
    broken: list[Task] = []
    for number, task in enumerate(tasks):
        try:
            task_of[executor.submit(score_fragment, task)] = task
        except BrokenExecutor:
            broken += tasks[number:]
            break
        except RuntimeError as error:  # it was shut down
            for future in task_of:
                future.cancel()
            raise OptionError(f"executor: {error}; give one that is open") from error
    try:
        return broken + [task_of[future] for future in _gather(list(task_of), done)]
    except BaseException:
        for future in task_of:
            future.cancel()
        raise


def _by_dask(tasks: Sequence[Task], client: Any, done: Callable[[int], None]) -> list[Task]:
    """Return the tasks that Dask gave up; of a worker that is lost it gives its tasks to others by itself."""
    from distributed import KilledWorker, as_completed

    task_of = {client.submit(score_fragment, task, pure=False, retries=RETRIES): task for task in tasks}
    lost = []
    try:
        for future in as_completed(list(task_of)):  # type: ignore[no-untyped-call]
            try:
                done(future.result())
            except KilledWorker:
                lost.append(task_of[future])
    except BaseException:
        client.cancel(list(task_of))
        raise
    return lost


def _gather(futures: list[Future[int]], done: Callable[[int], None]) -> list[Future[int]]:
    """Wait for all of them; return those whose executor broke."""
    waiting, broken = set(futures), []
    while waiting:
        ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in ended:
            try:
                done(future.result())
            except BrokenExecutor:
                broken.append(future)
    return broken
