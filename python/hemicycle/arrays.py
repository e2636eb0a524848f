"""Array arguments, checked once at the door: dtype, shape, finiteness. Nothing is converted with loss or in silence."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.errors import DomainError, DtypeError, IndexOutOfRangeError, NonFiniteError, OptionError, ShapeError
from hemicycle.rejects import counted

if TYPE_CHECKING:
    from collections.abc import Sized

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "by_construction",
    "distinct",
    "float_array",
    "index_array",
    "numeric_array",
    "output_array",
    "read_only",
    "real_array",
    "require_at_most",
    "require_finite",
    "require_length",
    "require_non_negative",
    "row_indices",
    "simplex_weights",
]

WEIGHT_SUM_TOL = 1e-6
"""How far from 1 given weights may sum: those that were rounded or normalised in float32 still count as weights."""


def numeric_array(values: ArrayLike, what: str, kinds: str, expected: str) -> NDArray[Any]:
    """Return `values` as an array of one of the dtype kinds, in native byte order.

    Raises
    ------
    DtypeError
        If the array is of another kind (bool, object, text, complex, dates), wider than 8 bytes, or masked somewhere.
    ShapeError
        If lists inside it differ in length.
    """
    array = _array_of(values, what, kinds, expected)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _array_of(values: ArrayLike, what: str, kinds: str, expected: str) -> NDArray[Any]:
    """Return `values` as a plain array, with errors as of `numeric_array`; an array keeps its layout and byte order."""
    try:
        array = np.asanyarray(values)
    except ValueError as error:
        raise ShapeError(f"{what}: {error}") from None
    if isinstance(array, np.ma.MaskedArray):
        if np.ma.is_masked(array):
            n_masked = int(np.ma.getmaskarray(array).sum())
            raise DtypeError(f"{what}: {counted(n_masked, 'value')} masked; fill or drop first")
        array = array.data
    if array.dtype.kind in kinds and array.dtype.itemsize > 8:
        raise DtypeError(f"{what}: expected {expected}, at most float64, got dtype {array.dtype}")
    if array.dtype.kind not in kinds:
        raise DtypeError(f"{what}: expected {expected}, got dtype {array.dtype}")
    return np.asarray(array)


def real_array(values: ArrayLike, what: str, ndim: int) -> NDArray[Any]:
    """Return `values` as an array of integers or floats; an array is not copied, whatever its layout and byte order.

    Parameters
    ----------
    values : array_like
        Integers or floats.
    what : str
        Name of the argument, for messages.
    ndim : int
        Number of dimensions that it must have.

    Raises
    ------
    DtypeError
        If the values are not real numbers or are masked.
    ShapeError
        If the number of dimensions differs.
    """
    array = _array_of(values, what, "iuf", "integers or floats")
    if array.ndim != ndim:
        raise ShapeError(f"{what}: expected {counted(ndim, 'dimension')}, got shape {array.shape}")
    return array


def float_array(values: ArrayLike, what: str, ndim: int, *, keep_float32: bool = False) -> NDArray[Any]:
    """Return `values` as a C-contiguous float64 array of `ndim` dimensions; copied only where it must be.

    Parameters
    ----------
    values, what, ndim
        As in `real_array`.
    keep_float32 : bool, default False
        Keep float32 as it is, and turn float16 into float32.

    Raises
    ------
    DtypeError, ShapeError
        As `real_array`.
    """
    array = real_array(values, what, ndim)
    narrow = keep_float32 and array.dtype.kind == "f" and array.itemsize <= np.dtype(np.float32).itemsize
    # aligned as well: an array may begin at any byte of a file
    return np.require(array, np.float32 if narrow else np.float64, ["C_CONTIGUOUS", "ALIGNED"])


def output_array(out: object, shape: tuple[int, ...], **inputs: NDArray[Any]) -> NDArray[np.float64]:
    """Return the array that a result is written to: `out` itself, or a new one where it is None.

    Parameters
    ----------
    out : ndarray of float64, shape `shape`, or None
        What the caller gave.
    shape : tuple of int
        Shape of the result.
    **inputs : ndarray
        What is read while the result is written, by name.

    Raises
    ------
    DtypeError
        If `out` is not an array of native float64, or is masked.
    ShapeError
        If it has another shape, or is not C-contiguous and aligned.
    OptionError
        If it cannot be written to, or shares memory with an input.
    """
    if out is None:
        return np.empty(shape)
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise DtypeError(f"out: expected an ndarray of float64, got {type(out).__name__}")
    if out.dtype != np.float64:
        raise DtypeError(f"out: expected dtype float64, got {out.dtype}")
    if out.shape != shape:
        raise ShapeError(f"out: expected shape {shape}, got {out.shape}")
    if not out.flags.c_contiguous:
        raise ShapeError(f"out: expected a C-contiguous array, got strides {out.strides}")
    if not out.flags.aligned:
        raise ShapeError("out: expected an aligned array, got one whose numbers lie at odd addresses")
    if not out.flags.writeable:
        raise OptionError("out: expected an array that can be written to, got a read-only one")
    for name, array in inputs.items():
        if np.shares_memory(out, array):
            raise OptionError(f"out: shares memory with {name}, which is read while it is written")
    return out


def index_array(
    values: ArrayLike,
    what: str,
    length: int | None = None,
    of_what: str = "items",
    *,
    expected: str = "integers",
) -> NDArray[np.int64]:
    """Return a copy of `values` as a one-dimensional int64 array of indices in [0, length).

    Raises
    ------
    DtypeError
        If the values are not integers.
    ShapeError
        If the array is not one-dimensional.
    IndexOutOfRangeError
        If an index is negative or not below `length`.
    """
    array = numeric_array(values, what, "iu", expected)
    if array.ndim != 1:
        raise ShapeError(f"{what}: expected 1 dimension, got shape {array.shape}")
    outside = (array < 0) | (array >= (np.iinfo(np.int64).max if length is None else length))
    if outside.any():
        position = int(np.argmax(outside))
        limit = "it must be from 0 to 2**63 - 1" if length is None else f"there are {length} {of_what}, counted from 0"
        raise IndexOutOfRangeError(f"{what}[{position}] is {array[position]}; {limit}")
    return np.array(array, dtype=np.int64)


def row_indices(rows: ArrayLike, what: str, length: int, of_what: str) -> NDArray[np.int64]:
    """Return the indices that a mask, or an array of indices, chooses among `length` rows.

    Raises
    ------
    ShapeError
        If a mask has another length, or the values are not one-dimensional.
    DtypeError
        If the values are neither bool nor integers, or some are masked.
    IndexOutOfRangeError
        If an index is negative or not below `length`.
    """
    chosen = _array_of(rows, what, "biuf", "a mask or integers")  # an empty list is an array of float64
    if chosen.ndim != 1:
        raise ShapeError(f"{what}: expected 1 dimension, got shape {chosen.shape}")
    if chosen.dtype == np.bool_:
        require_length(chosen, what, length, of_what)
        return np.flatnonzero(chosen)
    return index_array(chosen, what, length, of_what) if chosen.size else np.zeros(0, dtype=np.int64)


def by_construction(record: Any) -> tuple[type[Any], tuple[Any, ...]]:
    """Return how `pickle` and `copy` make a dataclass again: by its constructor, which makes its arrays read-only."""
    return type(record), tuple(getattr(record, column.name) for column in fields(record) if column.init)


def require_length(array: Sized, what: str, length: int, of_what: str) -> None:
    """Raise ShapeError unless the array has this length."""
    if len(array) != length:
        raise ShapeError(f"{what}: expected length {length}, that of {of_what}, got {len(array)}")


def require_finite(array: NDArray[Any], what: str) -> None:
    """Raise NonFiniteError at the first value that is NaN or infinite."""
    finite = np.isfinite(array)
    if not finite.all():
        _raise_at(NonFiniteError, array, ~finite, what, "it must be finite")


def require_non_negative(array: NDArray[Any], what: str) -> None:
    """Raise NonFiniteError or DomainError at the first value that is not a finite number >= 0."""
    require_finite(array, what)
    if (array < 0).any():
        _raise_at(DomainError, array, array < 0, what, "it must not be negative")


def require_at_most(array: NDArray[Any], most: float, what: str) -> None:
    """Raise DomainError at the first value that is larger."""
    if (array > most).any():
        _raise_at(DomainError, array, array > most, what, f"it must be at most {most:g}")


def simplex_weights(values: ArrayLike, length: int | None = None, of_what: str = "") -> NDArray[np.float64]:
    """Return weights as a float64 array: non-negative, with sum 1.

    Raises
    ------
    DtypeError, ShapeError
        If the values are not a one-dimensional array of numbers, or not one for each of `length`.
    NonFiniteError, DomainError
        If a weight is not finite or negative, or their sum is further than 1e-6 from 1.
    """
    weights: NDArray[np.float64] = float_array(values, "weights", 1)
    if length is not None:
        require_length(weights, "weights", length, of_what)
    require_non_negative(weights, "weights")
    total = math.fsum(weights)
    if abs(total - 1) > WEIGHT_SUM_TOL:
        raise DomainError(f"weights sum to {total}; they must sum to 1")
    return weights


def distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the distinct integers in ascending order; by sorting, which is faster than `numpy.unique` by hashing."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view of the array that cannot be written to; the array itself stays as it is."""
    view = array.view()
    view.flags.writeable = False
    return view


def _raise_at(
    error: type[NonFiniteError | DomainError], array: NDArray[Any], bad: NDArray[np.bool_], what: str, rule: str
) -> None:
    position = tuple(int(index) for index in np.argwhere(bad)[0])
    place = f"[{', '.join(map(str, position))}]" if position else ""
    raise error(f"{what}{place} is {array[position]}; {rule}")
