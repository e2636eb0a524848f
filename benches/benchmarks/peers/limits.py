"""What the machine can do at most with two threads, by the best library at hand.

A rate is the best of many short runs, since it is a limit. Libraries that are not installed are left out.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

N_THREADS = 2
CACHED = 1 << 15  #: numbers in an array that stays in the second cache
STREAMED = 12_500_000  #: numbers in an array of 100 MB, larger than the last cache

Work = tuple[str, "Callable[[], Any]"]


def best_seconds(work: Callable[[], Any], seconds: float = 1.0) -> float:
    """Return the shortest of the runs that fit into so many seconds, at least five."""
    work()
    runs: list[float] = []
    begin = time.perf_counter()
    while len(runs) < 5 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        work()
        runs.append(time.perf_counter() - start)
    return min(runs)


def in_threads(work: Callable[[Any], Any], parts: list[Any]) -> Callable[[], Any]:
    """Return a call that does the work on each part in a thread of its own."""
    pool = ThreadPoolExecutor(len(parts))
    return lambda: list(pool.map(work, parts))


def exps(n: int = 64) -> Iterator[Work]:
    """Yield ways to take `n * CACHED` exps of numbers from -10 to 0 in each thread."""
    x = np.random.default_rng(0).uniform(-10, 0, (N_THREADS, CACHED))
    out = np.empty_like(x)

    def by_numpy(thread: int) -> None:
        for _ in range(n):
            np.exp(x[thread], out=out[thread])

    yield "numpy", in_threads(by_numpy, list(range(N_THREADS)))
    try:
        import numexpr
    except ImportError:
        pass
    else:
        numexpr.set_num_threads(N_THREADS)
        many = np.tile(x.ravel(), n)
        result = np.empty_like(many)
        yield "numexpr", lambda: numexpr.evaluate("exp(many)", {"many": many}, out=result)
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)  # of each of the two threads below
    source, target = torch.from_numpy(x), torch.from_numpy(out)

    def by_torch(thread: int) -> None:
        for _ in range(n):
            torch.exp(source[thread], out=target[thread])

    yield "torch", in_threads(by_torch, list(range(N_THREADS)))


def reads(array: Any) -> Iterator[Work]:
    """Yield ways to read an array once."""
    parts = np.array_split(array, N_THREADS)
    yield "numpy sum", in_threads(np.sum, parts)
    yield "numpy max", in_threads(np.max, parts)
    yield "numpy dot", in_threads(lambda part: np.dot(part, part), parts)
    try:
        import numba
    except ImportError:
        return

    @numba.njit(parallel=True, fastmath=True)
    def total(array: Any) -> float:
        result = 0.0
        for i in numba.prange(len(array)):
            result += array[i]
        return result

    numba.set_num_threads(min(N_THREADS, numba.config.NUMBA_NUM_THREADS))
    yield "numba sum", lambda: total(array)


def writes(fresh: bool) -> Iterator[Work]:
    """Yield ways to write an array, of memory that the process has already or has to ask the system for."""
    old = np.zeros(STREAMED)

    def filled(value: Any, kind: Any) -> Callable[[], Any]:
        def work() -> None:
            parts = np.array_split((np.empty(STREAMED) if fresh else old).view(kind), N_THREADS)
            list(pool.map(lambda part: part.fill(value), parts))

        return work

    pool = ThreadPoolExecutor(N_THREADS)
    yield "numpy fill", filled(1.0, np.float64)
    yield "memset", filled(1, np.uint8)


def multiply_adds(size: int = 1_024) -> Iterator[Work]:
    """Yield a matrix product, which BLAS computes near the peak of both cores."""
    left, right = np.random.default_rng(0).normal(size=(2, size, size))
    out = np.empty_like(left)
    yield "numpy dgemm", lambda: np.matmul(left, right, out=out)


@cache
def limit(name: str) -> tuple[float, str]:
    """Return the rate of a limit, a second, and the library that reached it."""
    if name == "exps":
        return _best(exps(), 64 * CACHED * N_THREADS)
    if name == "multiply-adds":
        return _best(multiply_adds(), 1_024**3)
    if name == "bytes read":
        return _best(reads(np.random.default_rng(0).normal(size=STREAMED)), 8 * STREAMED)
    return _best(writes(fresh=name == "bytes written afresh"), 8 * STREAMED)


LIMITS = ["exps", "multiply-adds", "bytes read", "bytes written", "bytes written afresh"]


def _best(ways: Iterator[Work], amount: int) -> tuple[float, str]:
    return max((amount / best_seconds(work), library) for library, work in ways)
