"""One writer at a time: who it is, and what others are told."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from hemicycle.errors import OptionError, StoreError
from hemicycle.store.durable import PART
from hemicycle.store.extra import filelock
from hemicycle.store.manifest import FRAGMENTS, MANIFEST, REJECTS, lost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LOCK", "WRITER", "now", "require_new", "sole_writer", "writing"]

LOCK = ".lock"
WRITER = ".writer"  #: who holds the lock, for messages only


@contextmanager
def sole_writer(
    folder: Path, wait: float, remedy: str = "wait for it (wait=, --wait SECONDS) or try again"
) -> Iterator[None]:
    """Hold the lock of a store. The system lets go of it when the program ends, however that comes.

    Parameters
    ----------
    folder : Path
        The store.
    wait : float
        Seconds to wait for another writer.
    remedy : str
        What to do where another one is still writing then.

    Raises
    ------
    StoreError
        If another one is still writing then.
    OSError
        If the folder may not be written to.
    """
    lock = filelock()
    held = _file_lock(folder / LOCK)
    try:
        held.acquire(timeout=wait)
    except lock.Timeout:
        raise StoreError(f"{folder}: is being written to{_writer(folder)}; {remedy}") from None
    try:
        told = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
        (folder / WRITER).write_bytes(msgspec.json.encode(told))
        yield
    finally:
        try:
            (folder / WRITER).unlink(missing_ok=True)
        finally:
            held.release()


def _file_lock(path: Path) -> Any:
    """Return a lock that ends with the process that holds it, never a mark that is left behind."""
    lock = filelock()
    try:
        return lock.FileLock(path, fallback_to_soft=False)
    except TypeError:  # older versions have no other kind
        return lock.FileLock(path)


def _writer(folder: Path) -> str:
    try:
        with (folder / WRITER).open("rb") as file:
            told = msgspec.json.decode(file.read(1000), type=dict[str, str | int])
        return f" by process {told['pid']} on {told['host']} since {told['since']}"
    except (OSError, msgspec.MsgspecError, KeyError, ValueError):
        return ""


@contextmanager
def writing(folder: Path, wait: float) -> Iterator[None]:
    """Hold the lock of a store whose folders are there; see `sole_writer`."""
    if not folder.is_dir():
        raise StoreError(f"{folder}: is no store; hemicycle store add makes one")
    with sole_writer(folder, wait):
        for part in (FRAGMENTS, REJECTS):
            (folder / part).mkdir(exist_ok=True)
        yield


def require_new(folder: Path) -> None:
    """Refuse a folder that holds anything but what is left where the making of a store was stopped."""
    if os.path.lexists(folder / MANIFEST):
        raise OptionError(f"{folder} is a store already; add to it, or give another folder")
    if not os.path.lexists(folder):
        return
    ours = {LOCK, WRITER, FRAGMENTS, REJECTS}
    if folder.is_dir():
        found = [path for path in folder.iterdir() if path.name not in ours and path.suffix != PART]
        found += [path for part in (FRAGMENTS, REJECTS) for path in (folder / part).glob("*")]
        if not found:
            return
    raise OptionError(f"{folder}: {lost(folder) or 'is no empty folder; give another one for the store'}")


def now() -> str:
    """Return the time by the clock of this machine: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
