"""Matrices in .npy files: plain numbers by rows, and nothing else; no header makes memory or code of itself."""

from __future__ import annotations

import os
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hemicycle.errors import FormatError
from hemicycle.npy import map_matrix

if TYPE_CHECKING:
    from pathlib import Path


def written(header: bytes, *, version: int = 1, body: bytes = b"\0" * 48) -> bytes:
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + body


def matrix_header(descr: str = "<f8", shape: str = "(2, 3)", fortran: str = "False") -> bytes:
    return f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<f2", "<i8", "|u1", ">i4"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_matrices_that_numpy_saves_are_mapped(tmp_path: Path, dtype: str, version: tuple[int, int]) -> None:
    matrix = np.arange(6).reshape(2, 3).astype(dtype)
    with (tmp_path / "m.npy").open("wb") as file:
        np.lib.format.write_array(file, matrix, version=version)
    found = map_matrix(tmp_path / "m.npy")
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, matrix)
    assert found.dtype == matrix.dtype


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no .npy file"),
        (b"\x93NUMPY\x09\x00" + b"\0" * 99, "no .npy file"),
        (written(matrix_header("|O")), "expected a matrix"),
        (written(matrix_header("<c16")), "expected a matrix"),
        (written(matrix_header("<f1")), "no type of numbers"),
        (written(matrix_header("<M8[ns]")), "expected a matrix"),
        (written(b"{'descr': [('a', '<f8'), ('b', '<f8')], 'fortran_order': False, 'shape': (2, 3), }\n"), "expected"),
        (written(matrix_header(fortran="True")), "stored by columns"),
        (written(matrix_header(shape="(6,)")), "expected a matrix"),
        (written(matrix_header(shape="(1, 2, 3)")), "expected a matrix"),
        (written(matrix_header(shape="(-2, 3)")), "expected a matrix"),
        (written(matrix_header(shape="(0, 3)")), "which are none"),
        (written(matrix_header(shape="(2, 4)")), "64 bytes; they are not there"),
        (written(matrix_header(shape="(999999999999999999, 999999999999999999)")), "they are not there"),
        (written(matrix_header(shape="(9999999999999999999, 1)")), "expected a matrix"),
        (written(b"{'descr': __import__('os').system('id'), 'fortran_order': False, 'shape': (2, 3), }\n"), "expected"),
        (written(b"(" * 4000), "expected a matrix"),
        (written(b"{" * 4000, version=2), "expected a matrix"),
        (written(b" " * 60_000 + matrix_header()), "4096 are enough"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + matrix_header(), "header of 4294967295 bytes"),
        (b"\x93NUMPY\x01\x00\xff\x00" + matrix_header()[:20], "expected a matrix"),
    ],
)
def test_other_files_are_refused_without_memory(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "m.npy"
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(FormatError, match=rf"m\.npy: .*{said}"):
        map_matrix(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.skipif(os.name != "posix", reason="needs pipes")
def test_what_is_no_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    for path in (tmp_path / "pipe.npy", tmp_path, tmp_path / "absent.npy"):
        with pytest.raises(FormatError, match=r"not a regular file|No such file"):
            map_matrix(path)
