"""Who does the work: threads of this process, or any executor, on this machine or on many."""

from __future__ import annotations

import threading
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from hemicycle.errors import DtypeError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

__all__ = ["Work", "as_engine", "run_all"]

LOCAL = 2  #: fragments at a time: one is read and written while the core scores the other
RETRIES = 3  #: of a task whose worker was lost

TaskT_contra = TypeVar("TaskT_contra", contravariant=True)
ResultT_co = TypeVar("ResultT_co", covariant=True)


class Work(Protocol[TaskT_contra, ResultT_co]):
    """A function of a module, so that it reaches other processes: of a task, and whether to give up."""

    def __call__(self, task: TaskT_contra, stopped: Callable[[], bool] | None = None, /) -> ResultT_co:
        """Do the task."""
        ...


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


TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


def run_all(
    work: Work[TaskT, ResultT], tasks: Sequence[TaskT], engine: Any, done: Callable[[int, ResultT], None]
) -> int:
    """Do tasks, in any order.

    Parameters
    ----------
    work : callable
        What to do with each; in threads of this process it is told when to give up.
    tasks : sequence
        Words that reach a worker on any machine that sees the same folders.
    engine : Executor or dask.distributed.Client, optional
        Who does it; by default threads of this process.
    done : callable
        Told the position of each task and what came of it, as it ends.

    Returns
    -------
    int
        How many tasks this process did because the executor broke.

    Raises
    ------
    StoreError, OSError
        What stopped a task; those that were done before stay done.
    KeyboardInterrupt
        Soon after Ctrl-C.
    """
    numbers = range(len(tasks))
    if engine is None:
        _locally(work, tasks, numbers, done)
        return 0
    lost = (_by_dask if _is_dask(engine) else _elsewhere)(work, tasks, engine, done)
    if lost:
        _locally(work, tasks, sorted(lost), done)
    return len(lost)


def _locally(
    work: Work[TaskT, ResultT], tasks: Sequence[TaskT], numbers: Sequence[int], done: Callable[[int, ResultT], None]
) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(LOCAL) as threads:
        futures = {threads.submit(work, tasks[number], stop.is_set): number for number in numbers}
        try:
            _gather(futures, done)
        except BaseException:
            stop.set()
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _elsewhere(
    work: Work[TaskT, ResultT], tasks: Sequence[TaskT], executor: Executor, done: Callable[[int, ResultT], None]
) -> list[int]:
    """Return the tasks that a broken executor has not done."""
    number_of: dict[Future[ResultT], int] = {}
    broken: list[int] = []
    for number, task in enumerate(tasks):
        try:
            number_of[executor.submit(work, task)] = number
        except BrokenExecutor:
            broken += range(number, len(tasks))
            break
        except RuntimeError as error:  # it was shut down
            for future in number_of:
                future.cancel()
            raise OptionError(f"executor: {error}; give one that is open") from error
    try:
        return broken + _gather(number_of, done)
    except BaseException:
        for future in number_of:
            future.cancel()
        raise


def _by_dask(
    work: Work[TaskT, ResultT], tasks: Sequence[TaskT], client: Any, done: Callable[[int, ResultT], None]
) -> list[int]:
    """Return the tasks that Dask gave up; of a worker that is lost it gives its tasks to others by itself."""
    from distributed import KilledWorker
    from distributed import as_completed as dask_as_completed

    if client.status in {"closing", "closed"}:
        raise OptionError("executor: the client of Dask is closed; give one that is open")
    number_of = {client.submit(work, task, pure=False, retries=RETRIES): number for number, task in enumerate(tasks)}
    lost = []
    try:
        for future in dask_as_completed(list(number_of), loop=client.loop):  # type: ignore[no-untyped-call]
            try:
                done(number_of[future], future.result())
            except KilledWorker:
                lost.append(number_of[future])
    except BaseException:
        with suppress(Exception):  # of a client that was closed, or lost its scheduler: say what came first
            client.cancel(list(number_of))
        raise
    return lost


def _gather(number_of: dict[Future[ResultT], int], done: Callable[[int, ResultT], None]) -> list[int]:
    """Wait for all of them; return the numbers of those whose executor broke."""
    ended: SimpleQueue[Future[ResultT]] = SimpleQueue()
    for future in number_of:
        future.add_done_callback(ended.put)  # told of futures that were cancelled too, for which as_completed waits on
    broken = []
    for _ in range(len(number_of)):
        future = ended.get()
        try:
            done(number_of[future], future.result())
        except BrokenExecutor:
            broken.append(number_of[future])
        except CancelledError as error:
            raise OptionError(
                "executor: it was shut down before its work was done; give one that stays open"
            ) from error
    return broken
