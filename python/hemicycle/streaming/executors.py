"""Who does the work: threads of this process, or any executor, on this machine or on many."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from hemicycle.errors import DtypeError
from hemicycle.streaming.block_scores import Task, score_fragment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

__all__ = ["as_executor", "score_all"]

LOCAL = 2  #: fragments at a time: one is read and written while the core scores the other
RETRIES = 3  #: of a task whose worker was lost


def as_executor(given: Any) -> Executor | None:
    """Return an executor; a ``dask.distributed.Client`` has one.

    Raises
    ------
    DtypeError
        If it is neither.
    """
    if given is None or isinstance(given, Executor):
        return given
    if hasattr(given, "get_executor"):
        executor: Executor = given.get_executor(pure=False, retries=RETRIES)
        return executor
    raise DtypeError(
        f"executor: expected a concurrent.futures.Executor or a dask.distributed.Client, got {type(given).__name__}"
    )


def score_all(tasks: Sequence[Task], executor: Executor | None, done: Callable[[int], None]) -> tuple[str, ...]:
    """Score fragments, in any order.

    Parameters
    ----------
    tasks : sequence of Task
        What to do.
    executor : Executor, optional
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
    if executor is None:
        _locally(tasks, done)
        return ()
    lost = _elsewhere(tasks, executor, done)
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
    try:
        return broken + [task_of[future] for future in _gather(list(task_of), done)]
    except BaseException:
        for future in task_of:
            future.cancel()
        raise


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
