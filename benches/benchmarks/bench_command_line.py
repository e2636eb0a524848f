"""What a user waits for: the first word of the command line, and the prompt after Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

LONG_WORK = """
import numpy as np, hemicycle as hc
rng = np.random.default_rng(0)
pairs = rng.integers(0, 100, size=(50_000, 2))
pairs = pairs[pairs[:, 0] != pairs[:, 1]]
judgments = hc.Judgments.from_arrays(pairs[:, 0], pairs[:, 1], rng.normal(size=len(pairs)), items=100)
logits = rng.normal(size=(400_000, 100))
print("ready", flush=True)
for _ in range(1000):
    hc.log_likelihood(logits, judgments)
"""


class CommandLine:
    """Start-up of the command line in a new process."""

    def time_help(self) -> None:
        subprocess.run([sys.executable, "-m", "hemicycle", "--help"], check=True, capture_output=True)

    def time_version(self) -> None:
        subprocess.run([sys.executable, "-m", "hemicycle", "--version"], check=True, capture_output=True)

    def time_bare_python(self) -> None:
        subprocess.run([sys.executable, "-c", ""], check=True, capture_output=True)


class Interrupt:
    """Seconds from Ctrl-C to the end of the process, in the middle of a long scoring call."""

    unit = "s"

    def track_seconds_after_ctrl_c(self) -> float:
        process = subprocess.Popen([sys.executable, "-c", LONG_WORK], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.5)
        start = time.perf_counter()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        return time.perf_counter() - start
