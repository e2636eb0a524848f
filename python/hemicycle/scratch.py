"""Matrices that would fill the memory: in files without a name, which are gone with the program."""

from __future__ import annotations

import mmap
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.errors import DomainError, DtypeError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = ["byte_count", "byte_text", "matrix_beside", "new_matrix", "release", "rows_of"]

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
PART = 4  #: of the machine's memory, that a matrix may take by default
ROW_BYTES = 64 << 20  #: copied at a time
LIMIT = Path("/sys/fs/cgroup/memory.max")  #: of the group of processes, where there is one


def byte_count(given: int | str | None, name: str) -> int:
    """Return a number of bytes.

    Parameters
    ----------
    given : int or str, optional
        A number, or a text with a unit, such as "4GiB" or "500 MB"; None is a quarter of the machine's memory.
    name : str
        The argument, for messages.

    Raises
    ------
    DtypeError, DomainError
        If it is no number of bytes.

    Examples
    --------
    >>> byte_count("1.5 KiB", "memory"), byte_count("2MB", "memory")
    (1536, 2000000)
    """
    if given is None:
        return _machine_bytes() // PART
    if isinstance(given, int) and not isinstance(given, bool):
        if given < 0:
            raise DomainError(f"{name} is {given}; it must be 0 or more bytes")
        return given
    if not isinstance(given, str):
        raise DtypeError(f"{name}: expected a number of bytes, got {type(given).__name__}")
    match = re.fullmatch(r"\s*([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([kmgt]i?)?b?\s*", given.lower())
    if match is None:
        raise DomainError(f"{name} is {given[:80]!r}; give a number of bytes, such as 4GiB or 500MB")
    return int(float(match[1]) * UNITS[match[2] or ""])


def byte_text(n_bytes: int) -> str:
    """Return a number of bytes as a text with a unit.

    Parameters
    ----------
    n_bytes : int
        The number.

    Examples
    --------
    >>> byte_text(1536 << 20), byte_text(2000)
    ('1.5 GiB', '0.0 MiB')
    """
    unit = next((unit for unit in ("TiB", "GiB") if n_bytes >= UNITS[unit[:2].lower()]), "MiB")
    return f"{n_bytes / UNITS[unit[:2].lower()]:,.1f} {unit}"


def _machine_bytes() -> int:
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 1 << 62  # nobody says
    try:
        limit = LIMIT.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return found
    return min(found, int(limit)) if limit.isdecimal() else found


def new_matrix(shape: tuple[int, int], dtype: DTypeLike, memory: int) -> NDArray[Any]:
    """Return a matrix to be filled, in memory where it takes at most so many bytes, else in a file that is mapped.

    The file lies where temporary files do (``TMPDIR``) and has no name there: whatever ends the program, its space is
    free again.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    dtype : dtype
        Of its elements.
    memory : int
        Bytes.

    Raises
    ------
    OSError
        If there is no space for the file.
    """
    n_bytes = shape[0] * shape[1] * np.dtype(dtype).itemsize
    if n_bytes <= memory:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="hemicycle-") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        else:
            file.truncate(n_bytes)
        return np.memmap(file, dtype, "r+", 0, shape)


def matrix_beside(matrix: NDArray[Any], n_columns: int) -> NDArray[np.float64]:
    """Return a float64 matrix to be filled, with as many rows as another: mapped if that one is.

    Parameters
    ----------
    matrix : ndarray, shape (n_rows, n)
        In memory or mapped.
    n_columns : int
        Of the new one.

    Raises
    ------
    OSError
        If there is no space for the file.
    """
    shape = (len(matrix), n_columns)
    return new_matrix(shape, np.float64, 0) if isinstance(matrix, np.memmap) else np.empty(shape)


def release(matrix: NDArray[Any]) -> None:
    """Let the system have the pages of a mapped matrix, which it reads again when they are wanted.

    Parameters
    ----------
    matrix : ndarray
        What `new_matrix` returned; nothing happens to one in memory.
    """
    mapped = getattr(matrix, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def rows_of(matrix: NDArray[Any], index: NDArray[Any]) -> NDArray[Any]:
    """Return some rows of a matrix; those of a mapped one are mapped too.

    Parameters
    ----------
    matrix : ndarray, shape (n_rows, n_columns)
        In memory or mapped.
    index : ndarray of int
        The rows in the order wanted.
    """
    if not isinstance(matrix, np.memmap):
        rows: NDArray[Any] = matrix[index]
        return rows
    chosen = new_matrix((len(index), matrix.shape[1]), matrix.dtype, ROW_BYTES)
    n_rows = max(1, ROW_BYTES // max(1, matrix.shape[1] * matrix.itemsize))
    for first in range(0, len(index), n_rows):
        chosen[first : first + n_rows] = matrix[index[first : first + n_rows]]
    return chosen
