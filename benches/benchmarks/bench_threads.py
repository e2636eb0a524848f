"""Threads: those of a call, Python threads that score at the same time, which the GIL does not hold up, and Ctrl-C."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .bench_likelihood import ratio
from .bench_scaling import scorer

N_MODELS = 20_000

N_MOMENTS = 12

# Ctrl-C at some moments of a call; prints the most seconds until Python has the prompt back.
INTERRUPTED = """
import os, signal, threading, time
from contextlib import suppress
from dataclasses import replace
import numpy as np, hemicycle as hc
from hemicycle.influence import leave_one_pair_out
rng = np.random.default_rng(0)

def judged(a, b):
    return hc.Judgments.from_arrays(a, b, rng.normal(size=len(a)), items=2_000)

def in_pairs(n_pairs, n_labels):
    a, b = np.triu_indices(2_000, 1)
    return judged(np.repeat(a[:n_pairs], n_labels), np.repeat(b[:n_pairs], n_labels))

def at_random(n_labels):
    return judged(rng.integers(0, 50, n_labels), rng.integers(50, 100, n_labels))

def giant(n_labels, n_others):
    others = np.repeat(np.arange(2, 2 + n_others), 100)
    return judged(np.append(np.zeros(n_labels, int), 0 * others), np.append(np.ones(n_labels, int), others))

def models(n_models):
    return np.broadcast_to(rng.normal(size=2_000), (n_models, 2_000))

def press():
    global pressed
    pressed = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)

def seconds_after_ctrl_c(delay):
    timer = threading.Timer(delay, press)
    try:
        timer.start()
        call()
        timer.join()
        time.sleep(0.1)
    except KeyboardInterrupt:
        return time.perf_counter() - pressed

def call():
    with suppress(hc.errors.NonFiniteError):
        {call}

judgments = {judgments}
logits = {logits}
call()
start = time.perf_counter()
call()
whole = time.perf_counter() - start
print(max(seconds_after_ctrl_c(whole * k / {n_moments}) for k in range({n_moments})))
"""
SCORE = "hc.log_likelihood(logits, judgments)"
WORK = {
    "totals": ("in_pairs(4_950, 5)", "models(200_000)", SCORE),
    "by pair": ("in_pairs(4_950, 20)", "models(10_000)", "hc.log_likelihood(logits, judgments, per='pair')"),
    "many labels": ("in_pairs(4_950, 400)", "models(5_000)", "hc.log_likelihood(logits, judgments, rtol=0)"),
    "making tables": ("in_pairs(4_950, 1_000)", "models(100)", SCORE),
    "grouping 5,000,000 labels": ("at_random(5_000_000)", "None", "replace(judgments).pairs"),
    "by label": ("at_random(5_000_000)", "models(2)", "hc.log_likelihood(logits, judgments, per='label')"),
    "1,000,000 pairs": ("in_pairs(1_000_000, 5)", "models(1)", SCORE),
    "a giant table": ("giant(5_000_000, 0)", "models(1)", SCORE),
    "a giant table beside others": ("giant(5_000_000, 500)", "models(1)", SCORE),
    "a bad logit, columns first": (
        "in_pairs(3, 1)",
        "np.append(np.zeros(2_000 * 200_000 - 1, np.float32), np.float32(np.nan)).reshape(2_000, -1).T",
        SCORE,
    ),
    "leaving out pairs": (
        "at_random(20_000)",
        "rng.normal(size=(2_000, 2_000))",
        "leave_one_pair_out(logits, judgments)",
    ),
}
"""Judgments, logits and call."""


class Threads:
    """How many times faster two threads are than one: near 2 on two idle cores."""

    params = (["n_threads=2", "two Python threads"],)
    param_names = ("threads",)
    unit = "times one thread"

    def setup(self, _: str) -> None:
        self.score = scorer(n_models=N_MODELS)
        self.pool = ThreadPoolExecutor(2)

    def teardown(self, _: str) -> None:
        self.pool.shutdown()

    def track_speedup(self, threads: str) -> float:
        def once() -> Any:
            return self.score(n_threads=1)

        def twice() -> None:
            if threads == "n_threads=2":
                self.score(n_threads=2)
                self.score(n_threads=2)
            else:
                list(self.pool.map(lambda _: once(), range(2)))

        twice()
        return 2 * ratio(once, twice)


class Interrupt:
    """Seconds from Ctrl-C in a long call until the prompt is back, at the worst of some moments: 0.2 at most."""

    params = (list(WORK),)
    param_names = ("work",)
    unit = "s"
    timeout = 600.0

    def track_seconds_after_ctrl_c(self, work: str) -> float:
        judgments, logits, call = WORK[work]
        program = INTERRUPTED.format(judgments=judgments, logits=logits, call=call, n_moments=N_MOMENTS)
        process = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
        return float(process.stdout)
