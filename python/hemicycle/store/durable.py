"""Files that are there whole or not at all, whatever stops the program or the machine."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PART", "aside", "put", "sync_folder", "write_durably"]

PART = ".part"  #: how the names of files end that are not whole yet


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """Give the path of a new file, to be written and `put` in its place; afterwards it is gone if it was not.

    Parameters
    ----------
    folder : Path
        Where it lies, on the same file system as its place.
    """
    descriptor, name = tempfile.mkstemp(suffix=PART, dir=folder)
    os.close(descriptor)
    part = Path(name)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def put(part: Path, path: Path) -> None:
    """Put a file in its place: its content is on the disk before its name is.

    Parameters
    ----------
    part : Path
        The file, complete.
    path : Path
        Its place; what is there is replaced.

    Raises
    ------
    OSError
        If the disk refuses; then the place is as it was.
    """
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file by one of this content.

    Parameters
    ----------
    path : Path
        The file.
    content : bytes
        What it holds then.

    Raises
    ------
    OSError
        If the disk refuses; then the file is as it was.
    """
    with aside(path.parent) as part:
        part.write_bytes(content)
        part.chmod(0o644)
        put(part, path)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, on systems where a folder can be opened for it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
