"""Matrices in .npy files: a header that says exactly what is needed, and memory that is mapped, never filled."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.errors import FormatError

if TYPE_CHECKING:
    from typing import BinaryIO

    from numpy.typing import NDArray

__all__ = ["map_matrix"]

HEADER_BYTES = 4096  #: longest header; those of NumPy have 118
HEADER = re.compile(
    rb"\{'descr': '([<>|=]?[fiu][1248])', 'fortran_order': (True|False), "
    rb"'shape': \(([0-9]{1,18}), ([0-9]{1,18})\), \} *\n"
)
LENGTH_BYTES = {1: 2, 2: 4, 3: 4}  #: of the length of the header, by the version of the format


def map_matrix(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Map a matrix of numbers that `numpy.save` wrote: nothing is unpickled, evaluated or read into memory.

    Parameters
    ----------
    path : path
        A regular file.

    Returns
    -------
    ndarray of integers or floats, shape (n_rows, n_columns)
        Read-only, row-major.

    Raises
    ------
    FormatError
        If the file cannot be read, its header is not that of a matrix of plain numbers stored by rows, or it holds
        fewer bytes than the header says, or none.
    """
    name = Path(path).name
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise FormatError(f"{name}: {error.strerror or error}") from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise FormatError(f"{name}: is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        dtype, shape = _read_header(file, name)
        start, n_bytes = file.tell(), shape[0] * shape[1] * dtype.itemsize
        if found.st_size < start + n_bytes:
            raise FormatError(
                f"{name}: its header says {shape[0]} x {shape[1]} numbers, {n_bytes} bytes; they are not there"
            )
        if n_bytes == 0:
            raise FormatError(f"{name}: its header says {shape[0]} x {shape[1]} numbers, which are none")
        return np.memmap(file, dtype, "r", start, shape)


def _read_header(file: BinaryIO, name: str) -> tuple[np.dtype[Any], tuple[int, int]]:
    """Read the header of a matrix; the file then stands at its first number."""
    magic = file.read(8)
    length_bytes = LENGTH_BYTES.get(magic[6]) if magic[:6] == b"\x93NUMPY" and len(magic) == 8 else None
    if length_bytes is None:
        raise FormatError(f"{name}: no .npy file")
    length = int.from_bytes(file.read(length_bytes), "little")
    if length > HEADER_BYTES:
        raise FormatError(f"{name}: a header of {length} bytes; {HEADER_BYTES} are enough for a matrix")
    header = file.read(length)
    match = HEADER.fullmatch(header)
    if match is None:
        said = header[:80].decode("ascii", "replace")
        raise FormatError(f"{name}: expected a matrix of integers or floats, shape (n_models, n_items), got {said!r}")
    descr, fortran, n_rows, n_columns = (text.decode("ascii") for text in match.groups())
    if fortran == "True":
        raise FormatError(f"{name}: stored by columns; save it by rows: np.save(path, np.ascontiguousarray(logits))")
    try:
        return np.dtype(descr), (int(n_rows), int(n_columns))
    except TypeError:
        raise FormatError(f"{name}: {descr!r} is no type of numbers") from None
