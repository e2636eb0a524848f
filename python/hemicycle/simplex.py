"""The probability simplex: weights that are non-negative and sum to 1."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING

import numpy as np

from hemicycle import _core
from hemicycle.arrays import numeric_array, require_finite
from hemicycle.errors import DtypeError, IndexOutOfRangeError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["project_simplex"]


def project_simplex(v: ArrayLike, *, axis: int = -1) -> NDArray[np.float64]:
    """Return the point of the probability simplex that is nearest to each vector.

    Solves ``min_w ||w - v||`` over ``w >= 0``, ``sum w = 1``, exactly: ``w = max(v - t, 0)`` with the number t that
    makes the sum 1.

    Parameters
    ----------
    v : array_like of float, any shape
        Vectors along `axis`. Float64 in C order along the last axis is borrowed, other layouts are copied.
    axis : int, default -1
        Axis along which the vectors lie.

    Returns
    -------
    ndarray of float64, shape of `v`
        Along `axis` non-negative, with ``abs(math.fsum(w) - 1) <= 2**-52``. A vector that sums to 1 already, to half of
        that, comes back bit for bit.

    Raises
    ------
    DtypeError
        If `v` is not numeric or is masked, or `axis` not an integer.
    ShapeError
        If `v` has no dimension, or none of its vectors has an entry.
    IndexOutOfRangeError
        If `v` has no such axis.
    NonFiniteError
        If a value is NaN or infinite.

    Notes
    -----
    Linear in the size of `v`, whatever its values; one output of the size of `v`. The maximum is subtracted first, so
    an offset common to a vector costs no digit that its differences still have.

    References
    ----------
    Michelot (1986), A finite algorithm for finding the projection of a point onto the canonical simplex of R^n,
    doi:10.1007/BF00938486.

    Examples
    --------
    >>> project_simplex([2.0, 1.5, 0.0])
    array([0.75, 0.25, 0.  ])
    """
    array = numeric_array(v, "v", "iuf", "integers or floats")
    position = _axis(axis, array.ndim)
    if array.shape[position] == 0:
        raise ShapeError(f"v: axis {axis} of shape {array.shape} is empty; there is no point to project onto")
    require_finite(array, "v")
    moved = np.moveaxis(array, position, -1)
    rows = np.require(moved, np.float64, ["C_CONTIGUOUS", "ALIGNED"]).reshape(-1, array.shape[position])
    return np.moveaxis(_core.project_simplex(rows).reshape(moved.shape), -1, position)


def _axis(axis: int, ndim: int) -> int:
    """Return `axis` counted from 0."""
    try:
        number = index(axis)
    except TypeError:
        raise DtypeError(f"axis: expected an integer, got {type(axis).__name__}") from None
    if ndim == 0:
        raise ShapeError("v: expected at least 1 dimension, got a scalar")
    if not -ndim <= number < ndim:
        raise IndexOutOfRangeError(f"axis is {number}, but v has {ndim} dimensions")
    return number % ndim
