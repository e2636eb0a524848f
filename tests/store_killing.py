"""Kill a process that writes to a store, again and again, and look at what is left: run by test_store_faults.

A process of its own, since it forks: ``python store_killing.py FOLDER random N`` or ``... FOLDER steps WHAT STRIDE``.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hemicycle import Pool, Store
from hemicycle.store import durable, fragments
from store_cases import ITEMS, arrow_table, pool_of, same_pool

if TYPE_CHECKING:
    from collections.abc import Callable

N_MODELS = 40
NAMES = [f"m{n:02d}" for n in range(N_MODELS)]
LOGITS = np.random.default_rng(0).normal(size=(N_MODELS, len(ITEMS)))
SOURCE = arrow_table([*NAMES, "bad"], [*LOGITS.tolist(), [float("nan")] * 4], kind="list")
OTHER = pool_of(NAMES[15:25], LOGITS[15:25] + 1)
WHOLE = pool_of(NAMES, LOGITS)
REPLACED = pool_of(NAMES, np.vstack([LOGITS[:15], LOGITS[15:25] + 1, LOGITS[25:]]))


def make(path: Path) -> None:
    if not (path / "store.json").exists():
        Store.create(path, items=ITEMS)


def add(path: Path) -> None:
    make(path)
    Store.open(path).add(SOURCE)


def replace(path: Path) -> None:
    Store.open(path).add(OTHER, on_conflict="replace")


def compact(path: Path) -> None:
    Store.open(path).compact()


WORK: dict[str, Callable[[Path], None]] = {"add": add, "replace": replace, "compact": compact}


def forked(work: Callable[[Path], object], path: Path) -> int:
    """Do it in another process; return its number."""
    child = os.fork()
    if not child:
        try:
            work(path)
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
        os._exit(1)
    return child


def ended(child: int) -> bool:
    """Wait for a process; return whether it came to its end, and was not killed."""
    status = os.waitpid(child, 0)[1]
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "the writer failed"
    return os.WIFEXITED(status)


def look(path: Path, *wholes: Pool) -> int:
    """Whatever was killed: the store opens, is sound, and every model in it is one of those, once."""
    if not (path / "store.json").exists():
        return 0
    store = Store.open(path)
    assert store.check().faults == ()
    names = [name for block in store.blocks() for name in block.models]
    assert len(names) == len(set(names)) == len(store)
    for block in store.blocks():
        for name, row in zip(block.models, block.logits, strict=True):
            assert any(np.array_equal(row, whole.logits[NAMES.index(name)]) for whole in wholes)
    return len(store)


def complete(path: Path, work: str) -> None:
    """Doing it again completes it, and leaves nothing lying about."""
    WORK[work](path)
    store = Store.open(path)
    same_pool(store.pool(), WHOLE if work == "add" else REPLACED)
    assert len(store.pool().rejects) == 1
    assert [notice for notice in store.check().notices if "clock" not in notice] == []  # the machine may set it
    assert len(list((path / "fragments").iterdir())) == len(store.manifest.fragments)


def kill_at_random(folder: Path, n_kills: int) -> None:
    chance, n_killed, sizes = random.Random(0), 0, set()
    start = time.perf_counter()
    assert ended(forked(add, folder / "whole"))
    longest = time.perf_counter() - start
    for number in range(1000 * n_kills):
        path = folder / f"killed-{number}"
        for _ in range(20):
            child = forked(add, path)
            time.sleep(chance.uniform(0, longest))
            os.kill(child, signal.SIGKILL)
            done = ended(child)
            n_killed += not done
            sizes.add(look(path, WHOLE))
            if done or n_killed >= n_kills:
                break
        complete(path, "add")
        if n_killed >= n_kills:
            break
    assert n_killed >= n_kills
    print(f"{n_killed} kills, {len(sizes)} different numbers of models left")
    assert len(sizes) > 5


def kill_at_steps(folder: Path, work: str, stride: int) -> None:
    """Kill it before steps that reach the disk, one run each."""
    for step in range(1, 10_000, stride):
        path = folder / f"{work}-{step}"
        if work != "add":
            add(path)
        if work == "compact":
            replace(path)
        child = forked(lambda path, step=step: dies_at(step, WORK[work], path), path)
        done = ended(child)
        look(path, WHOLE, REPLACED)
        complete(path, work)
        if done:
            print(f"{step - 1} steps")
            assert step > 10
            return


def dies_at(step: int, work: Callable[[Path], None], path: Path) -> None:
    """Do it, and die before that step."""
    left = [step]

    def dying(action: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*args: object, **options: object) -> object:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return action(*args, **options)

        return wrapped

    for owner, name in (
        (os, "fsync"), (Path, "replace"), (Path, "write_bytes"), (Path, "unlink"), (Path, "mkdir"),
        (durable.os, "open"), (fragments._Hashed, "write"),
    ):  # fmt: skip
        setattr(owner, name, dying(getattr(owner, name)))
    work(path)


if __name__ == "__main__":
    fragments.FRAGMENT_BYTES = 5 * 32  # five models
    if sys.argv[2] == "random":
        kill_at_random(Path(sys.argv[1]), int(sys.argv[3]))
    else:
        kill_at_steps(Path(sys.argv[1]), sys.argv[3], int(sys.argv[4]))
