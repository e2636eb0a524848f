"""Files that are there whole or not at all, whatever stops the program or the machine."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hemicycle.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["PART", "aside", "put", "read_regular", "require_regular", "sync_folder", "write_durably"]

PART = ".part"  #: how the names of files end that are not whole yet


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """Give the path of a new file, to be written and `put` in its place; afterwards it is gone if it was not.

    Parameters
    ----------
    folder : Path
        Where it lies, on the same file system as its place.
    """
    part = folder / f"{secrets.token_hex(8)}{PART}"
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
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
    with part.open("r+b") as file:
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


def require_regular(path: Path, remedy: str) -> int:
    """Return the length of a file of a store: no link, no pipe, no device, which might never end.

    Parameters
    ----------
    path : Path
        The file.
    remedy : str
        What to do if it cannot be used.

    Raises
    ------
    StoreError
        If it is not there, cannot be asked for, or is no regular file.
    """
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{path}: is gone; {remedy}") from None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}; {remedy}") from error
    if stat.S_ISLNK(found.st_mode):
        raise StoreError(f"{path}: is a symbolic link; links are not followed; {remedy}")
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"{path}: is not a regular file; {remedy}")
    return found.st_size


def read_regular(path: Path, n_bytes: int, remedy: str) -> bytes:
    """Read a file of a store that has a known length.

    Raises
    ------
    StoreError
        If it cannot be read, is no regular file, or has another length.
    """
    size = require_regular(path, remedy)
    if size != n_bytes:
        raise StoreError(f"{path}: has {size:,} bytes, {n_bytes:,} were written; {remedy}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}; {remedy}") from error
