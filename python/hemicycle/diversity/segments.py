"""A loss along the segments from the average to each member: its curvature, Taylor's remainder, Lagrange's points."""

from __future__ import annotations

import math
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
SECOND = float(np.linalg.norm([-1, 16, -30, 16, -1])) / 12  #: rounding of five values in a second derivative
NOISE_STEP, NOISE_POINTS, NOISE_ORDER = 1e-3, 13, 6  #: of differences that leave nothing of a smooth loss but rounding
UNIT = np.finfo(np.float64).eps / 4  #: standard deviation of the rounding of a number near 1, about
ROUNDED = 6.0  #: times the rounding of a curvature, below which it counts as constant


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

    def noise(self) -> Array:
        """Return how far rounding moves the values of the loss along each segment, 0 with a Hessian.

        The sixth difference of values near each other is rounding, of standard deviation sqrt(924) of one (Hamming).
        """
        if self.hessian is not None:
            return np.zeros(self.apart.shape[:2])
        n = self.apart.shape[1]
        places = 0.5 + NOISE_STEP * (np.arange(NOISE_POINTS) - NOISE_POINTS // 2)
        found = np.empty((len(self.apart), n))
        for learner in range(len(found)):
            values = np.array([self.loss(self._at(learner, np.full(n, t))) for t in places])
            differences = np.diff(values, n=NOISE_ORDER, axis=0)
            deviation = np.sqrt(np.mean(differences**2, axis=0) / math.comb(2 * NOISE_ORDER, NOISE_ORDER))
            found[learner] = np.maximum(deviation, self._least_noise(learner, np.abs(values).max(axis=0)))
        return found

    def _least_noise(self, learner: int, size: Array) -> Array:
        """Return the rounding of a number of that size, and of the places, which few steps of a float64 may part."""
        start, end = self.loss(self._at(learner, np.zeros(len(size)))), self.loss(self._at(learner, np.ones(len(size))))
        length, distance = (
            np.linalg.norm(each.reshape(len(size), -1), axis=1) for each in (self.apart[learner], self.mean)
        )
        moved = length > 0
        slope = np.divide(np.abs(end - start), length, out=np.zeros(len(size)), where=moved)
        least: Array = np.where(moved, UNIT * np.maximum(size, slope * (distance + length)), 0.0)
        return least

    def rounding(self, noise: Array) -> Array:
        """Return the standard error that the noise of the loss leaves in each remainder.

        Parameters
        ----------
        noise : ndarray of float64, shape (n_learners, n_examples)
            As `noise` returned it.
        """
        nodes, node_weights = np.polynomial.legendre.leggauss(NODES)
        t = (nodes + 1) / 2
        of_second = SECOND / _step(t) ** 2
        scale = float(np.linalg.norm(node_weights / 2 * (1 - t) * of_second))
        return scale * noise

    def points(self, remainder: Array, noise: Array) -> Array:
        """Return a place of each segment where half the curvature is the remainder.

        Parameters
        ----------
        remainder, noise : ndarray of float64, shape (n_learners, n_examples)
            As `remainder` and `noise` returned them.
        """
        rounded = ROUNDED * SECOND / STEP**2 * noise
        return np.array([self._point(learner, 2 * row, rounded[learner]) for learner, row in enumerate(remainder)])

    def _at(self, learner: int, t: Array) -> Array:
        place: Array = self.mean + t.reshape(t.shape + (1,) * (self.mean.ndim - 1)) * self.apart[learner]
        return place

    def _difference(self, learner: int, t: Array) -> Array:
        """Second derivative by five values of the loss inside the segment."""
        h = _step(t)
        values = np.array([self.loss(self._at(learner, t + k * h)) for k in (-2, -1, 0, 1, 2)])
        outer, inner = values[0] + values[4] - 2 * values[2], values[1] + values[3] - 2 * values[2]
        second: Array = (16 * inner - outer) / (12 * h * h)
        return second

    def _integral(self, learner: int) -> Array:
        nodes, node_weights = np.polynomial.legendre.leggauss(NODES)
        places, widths = (nodes + 1) / 2, node_weights / 2
        kept, before, n_parts = np.zeros(len(self.mean)), None, 1
        settled = np.zeros(len(self.mean), dtype=bool)
        while True:
            found = np.zeros(len(self.mean))
            for part in range(n_parts):
                for place, width in zip(places, widths, strict=True):
                    t = (part + place) / n_parts
                    found += width / n_parts * (1 - t) * self.curvature(learner, np.full(len(self.mean), t))
            kept = np.where(settled, kept, found)
            if before is not None:
                settled |= np.abs(found - before) <= NEAR * np.abs(found)
            if settled.all() or n_parts == MOST_PARTS or self.hessian is None:
                return kept
            before, n_parts = found, 2 * n_parts

    def _point(self, learner: int, wanted: Array, rounded: Array) -> Array:
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
        level = np.abs(excess).max(axis=0) <= LEVEL * np.abs(wanted) + rounded
        point: Array = np.where(level, 1 / 3, np.where(crossed.any(axis=0), (low + high) / 2, nearest))
        return point


def _step(t: Array) -> Array:
    """Return the step of finite differences at a place of a segment, which they do not leave."""
    step: Array = np.minimum(STEP, np.minimum(t, 1 - t) / 2)
    return step
