"""Threads: the GIL is released, Ctrl-C is heard, and the number of threads leaves no trace in the bits."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

import hemicycle as hc
from hemicycle import running
from hemicycle.errors import DomainError
from hemicycle.likelihood import value_and_gradient

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

N_MODELS, N_ITEMS, N_LABELS = 1500, 12, 90


def judgments() -> hc.Judgments:
    rng = np.random.default_rng(5)
    a = rng.integers(0, N_ITEMS, size=N_LABELS)
    b = (a + rng.integers(1, N_ITEMS, size=N_LABELS)) % N_ITEMS
    return hc.Judgments.from_arrays(a, b, rng.normal(size=N_LABELS), choice=rng.integers(1, 3, size=N_LABELS))


def logits() -> NDArray[np.float64]:
    return np.random.default_rng(6).normal(size=(N_MODELS, N_ITEMS))


CALLS: dict[str, Callable[[int], NDArray[np.float64]]] = {
    "log_likelihood": lambda n: hc.log_likelihood(logits(), judgments(), n_threads=n),
    "running": lambda n: running.start(logits(), judgments(), n_threads=n).log_likelihood,
    "gradient": lambda n: value_and_gradient(logits(), judgments(), n_threads=n)[1],
    "mean_squared_error": lambda n: hc.mean_squared_error(logits(), judgments(), n_threads=n),
    "accuracy": lambda n: hc.accuracy(logits(), judgments(), n_threads=n),
    "least_squares": lambda n: hc.simplex_least_squares(logits(), np.ones(N_ITEMS), n_threads=n).weights,
    "stacking": lambda n: hc.stacking_weights(logits(), n_threads=n).weights,
}


@pytest.mark.parametrize("name", CALLS)
def test_the_number_of_threads_changes_no_bit(name: str) -> None:
    one = CALLS[name](1)
    for n_threads in (2, 3, 7):
        np.testing.assert_array_equal(CALLS[name](n_threads), one)


@pytest.mark.parametrize("n_threads", [-1, 0, 1025, 10**9])
@pytest.mark.parametrize("name", CALLS)
def test_a_number_of_threads_that_no_machine_has_is_refused(name: str, n_threads: int) -> None:
    with pytest.raises(DomainError, match=f"n_threads is {n_threads}"):
        CALLS[name](n_threads)


def test_other_python_threads_run_during_a_call() -> None:
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.wait(0.001):
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    large = np.random.default_rng(1).normal(size=(60_000, N_ITEMS))
    jury = judgments()
    before = ticks
    for _ in range(5):
        hc.log_likelihood(large, jury, per="pair", n_threads=1)
    during = ticks - before
    done.set()
    thread.join()
    assert during > 0


@pytest.mark.parametrize("n_threads", [1, None])
def test_python_threads_that_score_at_once_get_what_each_would_get_alone(n_threads: int | None) -> None:
    rng = np.random.default_rng(2)
    pools = [rng.normal(size=(20_000, N_ITEMS)) for _ in range(3)]
    jury = judgments()
    alone = [hc.log_likelihood(pool, jury, per="pair", n_threads=1) for pool in pools]
    together: list[NDArray[np.float64]] = [np.empty(0)] * len(pools)
    start = threading.Barrier(len(pools))

    def score(k: int) -> None:
        start.wait()
        together[k] = hc.log_likelihood(pools[k], jury, per="pair", n_threads=n_threads)

    threads = [threading.Thread(target=score, args=(k,)) for k in range(len(pools))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for values, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(values, expected)


LONG_WORK = """
import numpy as np, hemicycle as hc
rng = np.random.default_rng(0)
a = rng.integers(0, 50, size=20_000)
b = (a + rng.integers(1, 50, size=20_000)) % 50
judgments = hc.Judgments.from_arrays(a, b, rng.normal(size=20_000))
logits = rng.normal(size=(100_000, 50))
print("ready", flush=True)
while True:
    hc.log_likelihood(logits, judgments)
"""


def test_ctrl_c_raises_keyboard_interrupt_in_the_middle_of_a_call() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LONG_WORK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in stderr
    assert process.returncode != 0
