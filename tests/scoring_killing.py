"""Kill a process that scores a store, again and again, and look at what is left: run by test_streaming.

A process of its own, since it forks: ``python scoring_killing.py FOLDER N``. Nothing here but the forked processes may
start the threads of the core.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from hemicycle import Judgments, Pool, Store
from hemicycle.streaming import score_store
from store_killing import ended, forked

N_ITEMS, N_MODELS = 6, 400
RNG = np.random.default_rng(0)
POOL = Pool.from_array(RNG.normal(size=(N_MODELS, N_ITEMS)), items=N_ITEMS)
WHOLE = Judgments.from_arrays(RNG.integers(0, 3, 30), RNG.integers(3, N_ITEMS, 30), RNG.normal(size=30), items=N_ITEMS)
JURIES = {"first": WHOLE.select(range(25)), "then": WHOLE}


def scored(folder: Path, jury: str) -> int:
    """Score in another process; return its number."""
    return forked(lambda path: score_store(path.parent / "pool.store", JURIES[jury], path, n_threads=1), folder)


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """When each file of scores that is not a part was written, and its content."""
    blocks = (folder / "blocks").glob("*.parquet")
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in blocks}


def main(folder: Path, n_kills: int) -> None:
    store = Store.create(folder / "pool.store", items=N_ITEMS)
    for first in range(0, N_MODELS, 20):
        store.add(POOL.select(range(first, first + 20)))
    start = time.perf_counter()
    assert ended(scored(folder / "whole", "first"))
    longest = time.perf_counter() - start
    whole = {name: content for name, (_, content) in files(folder / "whole").items()}
    assert len(whole) == len(store.manifest.fragments) == 20
    chance, n_killed, sizes, number = random.Random(0), 0, set(), 0
    while n_killed < n_kills:
        path, before, done = folder / f"killed-{number}", {}, False
        while not done:
            child = scored(path, "first")
            time.sleep(chance.uniform(0, longest))
            os.kill(child, signal.SIGKILL)
            done = ended(child)
            n_killed += not done
            found = files(path) if (path / "blocks").exists() else {}
            assert before.items() <= found.items(), "what was scored was scored again"
            assert all(content == whole[name] for name, (_, content) in found.items())
            before = found
            sizes.add(len(found))
        assert {name: content for name, (_, content) in files(path).items()} == whole
        number += 1
    updated = folder / "killed-0"
    child = scored(updated, "then")
    time.sleep(0.3 * longest)
    os.kill(child, signal.SIGKILL)
    ended(child)
    assert ended(scored(updated, "then"))
    assert len(files(updated)) == 20
    print(f"{n_killed} kills, {len(sizes)} different numbers of fragments left")
    assert len(sizes) > 5


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
