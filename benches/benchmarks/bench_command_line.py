"""What a user waits for: the first word of the command line, and the prompt after Ctrl-C."""

from __future__ import annotations

import subprocess
import sys

# One call of half a second or more, Ctrl-C a quarter of a second into it; prints the seconds until Python has it back.
LONG_WORK = """
import os, signal, threading, time
import numpy as np, hemicycle as hc
rng = np.random.default_rng(0)
a, b = np.triu_indices(100, 1)
a, b = np.repeat(a, {n_labels}), np.repeat(b, {n_labels})
judgments = hc.Judgments.from_arrays(a, b, rng.normal(size=len(a)), items=100)
judgments.pairs  # grouped once, before the call that is interrupted
logits = np.broadcast_to(rng.normal(size=100), ({n_models}, 100))

def interrupt():
    global pressed
    pressed = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)

timer = threading.Timer(0.25, interrupt)
timer.daemon = True
timer.start()
try:
    hc.log_likelihood(logits, judgments, per={per!r}, rtol={rtol})
except KeyboardInterrupt:
    print(time.perf_counter() - pressed)
"""
WORK = {
    "totals": {"n_labels": 10, "n_models": 2_000_000, "per": "model", "rtol": 1e-10},
    "by pair": {"n_labels": 20, "n_models": 50_000, "per": "pair", "rtol": 1e-10},
    "many labels": {"n_labels": 400, "n_models": 100_000, "per": "model", "rtol": 0},
    "making tables": {"n_labels": 1_000, "n_models": 100, "per": "model", "rtol": 1e-10},
}


class CommandLine:
    """Start-up of the command line in a new process."""

    def time_help(self) -> None:
        subprocess.run([sys.executable, "-m", "hemicycle", "--help"], check=True, capture_output=True)

    def time_version(self) -> None:
        subprocess.run([sys.executable, "-m", "hemicycle", "--version"], check=True, capture_output=True)

    def time_bare_python(self) -> None:
        subprocess.run([sys.executable, "-c", ""], check=True, capture_output=True)


class Interrupt:
    """Seconds from Ctrl-C in the middle of one long call until Python has it back: 0.2 at most."""

    params = (list(WORK),)
    param_names = ("work",)
    unit = "s"

    def track_seconds_after_ctrl_c(self, work: str) -> float:
        program = LONG_WORK.format(**WORK[work])
        process = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
        if not process.stdout:
            raise NotImplementedError("the call ended before Ctrl-C")
        return float(process.stdout)
