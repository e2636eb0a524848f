"""Matrices that are a diagonal and a product of few columns and few rows: the derivatives of expectations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LowRank", "few_factors", "spectrum"]

NEGLIGIBLE = 1e-15  #: singular values that are rounding, relative to the largest


@dataclass(frozen=True, slots=True, eq=False)
class LowRank:
    """``diag(diagonal) + left @ right``.

    Attributes
    ----------
    diagonal : ndarray of float64, shape (n,)
        What the product lacks.
    left : ndarray of float64, shape (n, n_terms)
        Of the product.
    right : ndarray of float64, shape (n_terms, n)
        Of the product.
    """

    diagonal: NDArray[np.float64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]

    def dense(self) -> NDArray[np.float64]:
        """Return the matrix, shape (n, n)."""
        matrix: NDArray[np.float64] = self.left @ self.right
        matrix[np.diag_indices(len(matrix))] += self.diagonal
        return matrix

    def plus(self, other: LowRank) -> LowRank:
        """Return the sum of two."""
        left, right = np.hstack([self.left, other.left]), np.vstack([self.right, other.right])
        return LowRank(self.diagonal + other.diagonal, left, right)


def few_factors(
    left: NDArray[np.float64], right: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two factors of the same product, up to rounding, with as few terms as there can be.

    Parameters
    ----------
    left : ndarray of float64, shape (n_rows, n_terms)
        First factor.
    right : ndarray of float64, shape (n_terms, n_columns)
        Second factor.

    Returns
    -------
    left : ndarray of float64, shape (n_rows, rank)
        With orthogonal columns.
    right : ndarray of float64, shape (rank, n_columns)
        With orthogonal rows, as long as those columns.

    Notes
    -----
    Time: O((n_rows + n_columns) n_terms**2): QR of both factors, and the singular values of what is between them.
    """
    columns, upper = np.linalg.qr(left)
    rows, lower = np.linalg.qr(right.T)
    before, sizes, after = np.linalg.svd(upper @ lower.T)
    kept = sizes > NEGLIGIBLE * sizes.max(initial=0.0)
    half = np.sqrt(sizes[kept])
    return columns @ (before[:, : len(sizes)][:, kept] * half), (half[:, None] * after[: len(sizes)][kept]) @ rows.T


def spectrum(left: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the eigenvalues of a symmetric product that are not rounding, and their eigenvectors.

    Parameters
    ----------
    left : ndarray of float64, shape (n, n_terms)
        First factor.
    right : ndarray of float64, shape (n_terms, n)
        Second factor.

    Returns
    -------
    values : ndarray of float64, shape (rank,)
        Of either sign.
    vectors : ndarray of float64, shape (n, rank)
        Orthonormal columns.

    Notes
    -----
    Time: O(n n_terms**2): QR of one factor, whose rows span the product, and the eigenvalues of the rest.
    """
    basis, upper = np.linalg.qr(right.T)
    core = (basis.T @ left) @ upper.T
    values, vectors = np.linalg.eigh((core + core.T) / 2.0)
    kept = np.abs(values) > NEGLIGIBLE * np.abs(values).max(initial=0.0)
    return values[kept], basis @ vectors[:, kept]
