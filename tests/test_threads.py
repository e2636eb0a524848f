"""Threads: the GIL is released, Ctrl-C is heard, and the number of threads leaves no trace in the bits."""

from __future__ import annotations

import os
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
from hemicycle.least_squares import pair_least_squares
from hemicycle.likelihood import value_and_gradient
from hemicycle.stacking import pool_stacking

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
    "bootstrap": lambda n: hc.bma_weights(-(logits() ** 2), bootstrap=40, rng=0, n_threads=n),
    "greedy": lambda n: hc.Round(judgments(), hc.Pool.from_array(logits()), n_threads=n).ensemble("greedy").weights,
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


FOR_EVER = """
from dataclasses import replace
import numpy as np, hemicycle as hc
from hemicycle.influence import leave_one_pair_out
rng = np.random.default_rng(0)

def judged(a, b):
    return hc.Judgments.from_arrays(a, b, rng.normal(size=len(a)), items=50)

def at_random(n):
    a = rng.integers(0, 50, size=n)
    return judged(a, (a + rng.integers(1, 50, size=n)) % 50)

def giant(n, n_others):
    others = np.repeat(np.arange(2, 2 + n_others), 30)
    return judged(np.append(np.zeros(n, int), 0 * others), np.append(np.ones(n, int), others))

judgments = {judgments}
logits = np.zeros((50, {n_models})).T
print("ready", flush=True)
while True:
    {call}
"""
SCORE = "hc.log_likelihood(logits, judgments)"
PHASES = {
    "totals": ("at_random(20_000)", 100_000, SCORE),
    "by label": ("at_random(300_000)", 2, "hc.log_likelihood(logits, judgments, per='label')"),
    "grouping": ("at_random(1_000_000)", 1, "replace(judgments).pairs"),
    "tables": ("at_random(100_000)", 1, SCORE),
    "a giant table": ("giant(1_000_000, 0)", 1, SCORE),
    "a giant table beside others": ("giant(1_000_000, 40)", 1, SCORE),
    "squared errors": ("giant(1_000_000, 0)", 1, "hc.mean_squared_error(logits, judgments)"),
    "accuracy": ("at_random(1_000_000)", 1, "hc.accuracy(logits, judgments)"),
    "bootstrap": (
        "None",
        20_000,
        "hc.bma_weights(np.repeat(-rng.exponential(size=(len(logits), 1)), 1000, axis=1), bootstrap=10_000, rng=0)",
    ),
    "a loss": (
        "None",
        400_000,
        "hc._core.sum_gaussian_loss(logits.T[:1], logits.T, None, None, 0.5, np.empty(1), None, None, scale=1.0)",
    ),
    "leaving out": ("at_random(20_000)", 2_000, "leave_one_pair_out(rng.normal(size=logits.shape), judgments)"),
}


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_raises_keyboard_interrupt_in_the_middle_of_a_call(phase: str) -> None:
    judgments, n_models, call = PHASES[phase]
    program = FOR_EVER.format(judgments=judgments, n_models=n_models, call=call)
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in stderr
    assert process.returncode != 0


def test_ctrl_c_while_the_core_takes_its_arguments_is_no_type_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy runs Python code to make a view of a matrix, and that is where a signal may be heard."""

    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    pressed_on = hc.Judgments.from_arrays([0, 1], [1, 2], [0.5, 1.0])
    pool = hc.Pool.from_array(np.eye(3))
    monkeypatch.setattr("numpy.lib.stride_tricks.as_strided", pressed)
    for work in (hc.log_likelihood, pair_least_squares, pool_stacking, hc.clone_proof_prior):
        with pytest.raises(KeyboardInterrupt):
            work(pool, pressed_on)


FORKED = """
import os, threading, numpy as np, hemicycle as hc
from hemicycle import running
from hemicycle.likelihood import value_and_gradient
rng = np.random.default_rng(0)
judgments = hc.Judgments.from_arrays([0, 1], [1, 2], [0.5, 1.0], choice=[2, 2], items=3)
logits = rng.normal(size=(5_000, 3))

def results(n_threads):
    return [
        hc.log_likelihood(logits, judgments, n_threads=n_threads),
        hc.log_likelihood(logits, judgments, per="pair", n_threads=n_threads),
        value_and_gradient(logits, judgments, n_threads=n_threads)[1],
        running.start(logits, judgments, n_threads=n_threads).log_likelihood,
        hc.mean_squared_error(logits, judgments, n_threads=n_threads),
        hc.accuracy(logits, judgments, n_threads=n_threads),
        hc.bma_weights(-(logits**2), bootstrap=9, rng=0, n_threads=n_threads),
        hc.simplex_least_squares(logits, np.ones(3), n_threads=n_threads).weights,
        hc.stacking_weights(logits, n_threads=n_threads).weights,
        hc.project_simplex(logits),
    ]

def agree(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))

def forked(work):
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

expected = results(None)
assert agree(results(2), expected)
"""

IN_A_CHILD = """
def in_child():
    return agree(results(None), expected) and agree(results(2), expected)

assert forked(in_child) == 0
assert forked(lambda: in_child() and forked(in_child) == 0) == 0  # and in its child
assert in_child()
"""

DURING_A_CALL = """
busy = True

def work():
    while busy:
        hc.log_likelihood(logits, judgments, n_threads=n_threads)

for n_threads in (None, 2):
    busy = True
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    codes = [forked(lambda: agree(results(n_threads), expected)) for _ in range(10)]
    busy = False
    for thread in threads:
        thread.join()
    assert codes == [0] * 10, codes
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("work", [IN_A_CHILD, DURING_A_CALL], ids=["after calls", "during calls"])
def test_a_forked_process_computes_as_its_parent(work: str) -> None:
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED + work], capture_output=True, text=True, timeout=120, check=False
    )
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("n_threads", [1, 2])
def test_two_calls_of_few_threads_do_not_wait_for_each_other(n_threads: int) -> None:
    long_jury = hc.Judgments.from_arrays(np.zeros(20_000, int), np.ones(20_000, int), np.linspace(-1, 1, 20_000))
    done = threading.Event()

    def long_call() -> None:
        hc.log_likelihood(np.zeros((20_000, 2)), long_jury, rtol=0, n_threads=n_threads)
        done.set()

    thread = threading.Thread(target=long_call)
    thread.start()
    hc.log_likelihood(logits(), judgments(), n_threads=n_threads)
    assert not done.is_set()
    thread.join()
