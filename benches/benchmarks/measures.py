"""What benchmarks measure by themselves, beside what asv does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def seconds(work: Callable[[], Any]) -> float:
    """Return how long some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_private() -> int:
    """Return the most memory that this process held beside files, in bytes, where the system tells it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak, shared = (int(status[name].split()[0]) * 1024 for name in ("VmHWM", "RssFile"))
    return peak - shared
