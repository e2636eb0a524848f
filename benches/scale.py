"""A store of a million models and more: rates, memory, growth, and what they mean for a thousand million.

``python benches/scale.py [N_MODELS ...]``, by default 250000 500000 1000000; each figure is of a process of its own.
"""

from __future__ import annotations

import os
import sys
import time
from multiprocessing import get_context
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.bench_store import N_ITEMS
from benchmarks.bench_streaming import LABELS, N_PAIRS, Scored
from benchmarks.measures import peak_private, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

N_TIMES, FEW_PAIRS = 3, 10
SIZES = [250_000, 500_000, 1_000_000]
BILLION, MANY_PAIRS, CORES, PRICE = 1e9, 1e4, 16, 0.05  #: models, pairs, cores of a machine, dollars a core-hour


def ingest(n_models: int) -> dict[str, float]:
    case = Scored(n_models, 1)
    peak = peak_private()  # before pyarrow holds the table
    pairs = [(seconds(case.ingest), seconds(case.write)) for _ in range(N_TIMES)]
    case.close()
    return {"seconds": median(a for a, _ in pairs), "ratio": median(a / b for a, b in pairs), "peak": peak}


def score(n_models: int, n_labels: int, n_pairs: int = N_PAIRS) -> dict[str, float]:
    case = Scored(n_models, n_labels, n_pairs)
    times, cpu = [], []
    for _ in range(N_TIMES):
        start = time.process_time()
        times.append(seconds(case.score))
        cpu.append(time.process_time() - start)
    peak = peak_private()
    least = [max(seconds(case.read_store), case.in_memory()) for _ in range(N_TIMES)]
    case.close()
    return {"seconds": median(times), "cpu": median(cpu), "bound": 1.3 * median(least) + 1.0, "peak": peak}


def alone(work: Callable[..., dict[str, float]], *args: int) -> dict[str, float]:
    """Do it in a process of its own, so that memory is its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, args)


def measured(n_models: int) -> dict[int, float]:
    """Print what a store of so many models takes; return processor seconds by the labels of a pair, 0 for few pairs."""
    found = alone(ingest, n_models)
    print(
        f"{n_models:>11,} ingest               {found['seconds']:7.2f} s  "
        f"{found['ratio']:.2f} times pyarrow's write  peak {found['peak'] / 2**20:5.0f} MiB"
    )
    cpu = {0: alone(score, n_models, 1, FEW_PAIRS)["cpu"]}
    for n_labels in LABELS:
        found = alone(score, n_models, n_labels)
        cpu[n_labels] = found["cpu"]
        print(
            f"{n_models:>11,} score, average: {n_labels} a pair {found['seconds']:5.2f} s  "
            f"allowed {found['bound']:.2f} s  processor {found['cpu']:.2f} s  peak {found['peak'] / 2**20:5.0f} MiB"
        )
    return cpu


def main(sizes: list[int]) -> None:
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"{cores} cores, load {load:.1f}; {N_ITEMS} items, float32, {N_PAIRS:,} pairs, medians of {N_TIMES}")
    cpu = {n_models: measured(n_models) for n_models in sizes}
    for n_labels in LABELS if len(sizes) > 1 else []:
        power = np.polyfit(np.log(sizes), np.log([cpu[n][n_labels] for n in sizes]), 1)[0]
        print(f"processor time grows with the models to the power {power:.2f}, {n_labels} a pair")
    most = max(sizes)
    reading = cpu[most][0] / most * BILLION / 3600
    print(f"{BILLION:.0e} models, {MANY_PAIRS:.0e} pairs: {reading:.2f} core-hours of reading")
    for n_labels in LABELS:
        hours = reading + (cpu[most][n_labels] - cpu[most][0]) / most / N_PAIRS * BILLION * MANY_PAIRS / 3600
        print(
            f"  {n_labels} a pair: {hours:.1f} core-hours, {hours / CORES:.2f} hours of {CORES} cores, "
            f"{hours * PRICE:.2f} dollars"
        )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or SIZES)
