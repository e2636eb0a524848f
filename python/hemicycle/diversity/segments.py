"""A loss along the segments from the average to each member: its curvature, Taylor's remainder, Lagrange's points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

__all__ = ["Segments"]

NODES = 16  #: of Gauss and Legendre in each part
MOST_PARTS = 16
NEAR = 1e-13  #: integrals that differ by less are the same
SCANNED = 32  #: curvatures of a segment that are looked at before bisection
BISECTIONS = 52
LEVEL = 1e-7  #: a curvature that varies by less of itself counts as constant
STEP = 5e-3  #: of finite differences, in units of the segment


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Segments from the average to each member of an ensemble.

    Attributes
    ----------
    mean : ndarray of float64, shape (n_examples,) or (n_examples, n_outputs)
        The average.
    apart : ndarray of float64, shape (n_learners, n_examples) or (n_learners, n_examples, n_outputs)
        Members less the average.
    loss : callable
        Loss of predictions, shape (n_examples,).
    hessian : callable or None
        Its second derivatives; by default from finite differences.
    """

    mean: Array
    apart: Array
    loss: Callable[[Array], Array]
    hessian: Callable[[Array], Array] | None

    def curvature(self, learner: int, t: Array) -> Array:
        """Return the second derivative along a segment at places of it.

        Parameters
        ----------
        learner : int
            Whose segment.
        t : ndarray of float64, shape (n_examples,)
            Places inside, from 0 at the average to 1 at the member.
        """
        apart = self.apart[learner]
        if self.hessian is None:
            return self._difference(learner, t)
        second = self.hessian(self._at(learner, t))
        if apart.ndim == 1:
            scaled: Array = second * apart * apart
            return scaled
        along: Array = np.einsum("nk,nkl,nl->n", apart, second, apart)
        return along

    def remainder(self) -> Array:
        """Return the integral of (1 - t) times the curvature of each member and example."""
        return np.array([self._integral(learner) for learner in range(len(self.apart))])

    def points(self, remainder: Array) -> Array:
        """Return a place of each segment where half the curvature is the remainder.

        Parameters
        ----------
        remainder : ndarray of float64, shape (n_learners, n_examples)
            As `remainder` returned it.
        """
        return np.array([self._point(learner, 2 * row) for learner, row in enumerate(remainder)])

    def _at(self, learner: int, t: Array) -> Array:
        place: Array = self.mean + t.reshape(t.shape + (1,) * (self.mean.ndim - 1)) * self.apart[learner]
        return place

    def _difference(self, learner: int, t: Array) -> Array:
        """Second derivative by five values of the loss inside the segment."""
        h = np.minimum(STEP, np.minimum(t, 1 - t) / 2)
        near, middle = (
            [self.loss(self._at(learner, t + k * h)) for k in (-2, -1, 1, 2)],
            self.loss(self._at(learner, t)),
        )
        outer, inner = near[0] + near[3] - 2 * middle, near[1] + near[2] - 2 * middle
        second: Array = (16 * inner - outer) / (12 * h * h)
        return second

    def _integral(self, learner: int) -> Array:
        nodes, node_weights = np.polynomial.legendre.leggauss(NODES)
        places, widths = (nodes + 1) / 2, node_weights / 2
        before, n_parts = None, 1
        while True:
            found = np.zeros(len(self.mean))
            for part in range(n_parts):
                for place, width in zip(places, widths, strict=True):
                    t = (part + place) / n_parts
                    found += width / n_parts * (1 - t) * self.curvature(learner, np.full(len(self.mean), t))
            settled = before is not None and bool((np.abs(found - before) <= NEAR * np.abs(found)).all())
            if settled or n_parts == MOST_PARTS or self.hessian is None:
                return found
            before, n_parts = found, 2 * n_parts

    def _point(self, learner: int, wanted: Array) -> Array:
        """Return the first place of a segment where the curvature is as wanted."""
        grid = (np.arange(SCANNED) + 0.5) / SCANNED
        excess = np.array([self.curvature(learner, np.full(len(wanted), t)) - wanted for t in grid])
        crossed = np.sign(excess[1:]) != np.sign(excess[:-1])
        first = np.argmax(crossed, axis=0)
        low, high = grid[first], grid[first + 1]
        rises = excess[first, np.arange(len(wanted))] <= 0
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            below = (self.curvature(learner, middle) <= wanted) == rises
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        nearest = grid[np.argmin(np.abs(excess), axis=0)]  # where the crossing is nearer to an end than the scan
        level = np.abs(excess).max(axis=0) <= LEVEL * np.abs(wanted)
        point: Array = np.where(level, 1 / 3, np.where(crossed.any(axis=0), (low + high) / 2, nearest))
        return point
