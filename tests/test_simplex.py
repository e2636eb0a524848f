"""Projection onto the simplex: examples, errors, parity with the reference."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hemicycle import project_simplex
from hemicycle.errors import DtypeError, IndexOutOfRangeError, NonFiniteError, ShapeError
from reference import simplex as reference


@pytest.mark.parametrize("n", [1, 2, 3, 17, 1000, 100_000])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_agrees_with_the_reference(n: int, scale: float) -> None:
    v = np.random.default_rng(n).normal(size=n) * scale
    w = project_simplex(v)
    assert abs(math.fsum(w) - 1) <= 2**-52
    np.testing.assert_allclose(w, reference.project_simplex(v), rtol=1e-11, atol=1e-12)


def test_projects_along_an_axis_of_any_shape() -> None:
    v = np.random.default_rng(1).normal(size=(3, 4, 5))
    for axis in range(-3, 3):
        w = project_simplex(v, axis=axis)
        expected = np.apply_along_axis(reference.project_simplex, axis, v)
        np.testing.assert_allclose(w, expected, atol=1e-15)


def test_no_vectors_give_no_points() -> None:
    assert project_simplex(np.empty((0, 3))).shape == (0, 3)
    assert project_simplex(np.empty((3, 0)), axis=0).shape == (3, 0)


def test_subnormals_and_equal_values_have_their_point() -> None:
    tiny = 5e-324
    for v in ([tiny] * 3, [-tiny, tiny, 0.0], [1e308] * 3, [-0.0] * 3, [-1e308] * 3, [1e-310, 1e-320, 0.0]):
        np.testing.assert_array_equal(project_simplex(v), np.full(3, 1 / 3))
    assert project_simplex([1.0, tiny]).tolist() == [1.0, tiny]  # sums to 1 already
    for n in (1000, 100_000):
        equal = project_simplex(np.full(n, 1e308))
        assert (equal == equal[0]).all()
        assert abs(math.fsum(equal) - 1) <= 2**-52


def test_axes_of_length_one_and_many_of_them() -> None:
    assert project_simplex(np.full((1,) * 64, 7.0), axis=63).shape == (1,) * 64
    np.testing.assert_array_equal(project_simplex(np.arange(6.0).reshape(2, 1, 3), axis=1), np.ones((2, 1, 3)))
    repeated = np.lib.stride_tricks.as_strided(np.array([2.0, 1.5, 0.0]), (4, 3), (0, 8))
    np.testing.assert_array_equal(project_simplex(repeated), [[0.75, 0.25, 0.0]] * 4)


def test_huge_offsets_leave_the_differences() -> None:
    np.testing.assert_array_equal(project_simplex([1e300, 1e300, -1e300]), [0.5, 0.5, 0.0])
    np.testing.assert_array_equal(project_simplex([np.finfo(float).max, np.finfo(float).min]), [1.0, 0.0])
    np.testing.assert_array_equal(project_simplex([2.0**50, 2.0**50 + 0.5]), [0.25, 0.75])


def test_any_real_array_is_read() -> None:
    v = np.array([[0.5, 0.25, -1.0], [3.0, 1.0, 2.5]])
    expected = project_simplex(v)
    frozen = v.copy()
    frozen.flags.writeable = False
    odd = np.ndarray(v.shape, buffer=bytearray(v.nbytes + 1), offset=1)  # at an odd address
    odd[:] = v
    narrow = v.astype(np.float16), v.astype(np.float32)
    for same in (*narrow, v.astype(">f8"), np.asfortranarray(v), frozen, odd, v.tolist()):
        np.testing.assert_array_equal(project_simplex(same), expected)
    np.testing.assert_array_equal(project_simplex(np.ma.masked_array(v, mask=False)), expected)
    np.testing.assert_array_equal(project_simplex(v[::-1, ::-1])[::-1, ::-1], expected)
    np.testing.assert_array_equal(project_simplex(np.array([3, 0], dtype=np.int8)), [1.0, 0.0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_refuses_what_is_not_finite_by_place(value: float) -> None:
    v = np.zeros((2, 3))
    v[1, 2] = value
    for axis in (0, 1):
        with pytest.raises(NonFiniteError, match=r"v\[1, 2\] is"):
            project_simplex(v, axis=axis)


def test_refuses_what_has_no_point() -> None:
    with pytest.raises(ShapeError, match="empty"):
        project_simplex([])
    with pytest.raises(ShapeError, match="empty"):
        project_simplex(np.empty((0, 3)), axis=0)
    with pytest.raises(ShapeError, match="scalar"):
        project_simplex(3.0)


def test_refuses_other_arguments_of_the_wrong_type() -> None:
    for v in (["a", "b"], [1 + 2j], [True, False], np.ma.masked_array([1.0, 2.0], mask=[True, False])):
        with pytest.raises(DtypeError):
            project_simplex(v)
    with pytest.raises(DtypeError, match="axis"):
        project_simplex([1.0], axis=0.5)  # type: ignore[arg-type]
    with pytest.raises(IndexOutOfRangeError, match="axis is 1"):
        project_simplex([1.0], axis=1)


def test_the_input_is_not_written_to() -> None:
    v = np.array([2.0, 1.0])
    project_simplex(v)
    np.testing.assert_array_equal(v, [2.0, 1.0])
