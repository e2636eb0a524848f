"""One writer at a time: who it is, and what others are told."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from hemicycle.errors import StoreError
from hemicycle.store.extra import filelock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LOCK", "now", "sole_writer"]

LOCK = ".lock"
WRITER = ".writer"  #: who holds the lock, for messages only


@contextmanager
def sole_writer(folder: Path, wait: float) -> Iterator[None]:
    """Hold the lock of a store. The system lets go of it when the program ends, however that comes.

    Parameters
    ----------
    folder : Path
        The store.
    wait : float
        Seconds to wait for another writer.

    Raises
    ------
    StoreError
        If another one is still writing then.
    OSError
        If the folder may not be written to.
    """
    lock = filelock()
    held = lock.FileLock(folder / LOCK)
    try:
        held.acquire(timeout=wait)
    except lock.Timeout:
        raise StoreError(
            f"{folder}: is being written to{_writer(folder)}; wait for it (wait=, --wait SECONDS) or try again"
        ) from None
    try:
        told = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
        (folder / WRITER).write_bytes(msgspec.json.encode(told))
        yield
    finally:
        (folder / WRITER).unlink(missing_ok=True)
        held.release()


def _writer(folder: Path) -> str:
    try:
        told = msgspec.json.decode((folder / WRITER).read_bytes(), type=dict[str, str | int])
        return f" by process {told['pid']} on {told['host']} since {told['since']}"
    except (OSError, msgspec.MsgspecError, KeyError):
        return ""


def now() -> str:
    """Return the time by the clock of this machine: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
