"""Range of the geometric shares of one parent, whose log ratios the fit fixes inside each connected component.

Over all optimal weights only the offsets of the components against each other are free. The share of a component,
``exp(t_c) S_c / sum_k exp(t_k) S_k`` with t the offsets and S fixed, is log-concave in the weights: its maximum is a
convex program, its minimum is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.optimal_face import FaceOptimum

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.optimal_face import OptimalFace

__all__ = ["ComponentRange", "component_ranges"]

TOLERANCE = 1e-6  #: A maximum is solved when the log of the share is this close to its bound.
MAX_PROGRAMS = 60  #: Linear programs for one maximum, and steps towards one minimum.
INNER_STEPS = 400  #: Pairwise steps over the optima found so far, between two linear programs.
MAX_LOG = 600.0  #: Ratios of shares beyond its exponential are as good as infinite.


@dataclass(frozen=True, slots=True, eq=False)
class ComponentRange:
    """Ends of the offset of one component, less the weighted mean of all, and of its share."""

    lowest_offset: FaceOptimum
    highest_offset: FaceOptimum
    lowest_share: FaceOptimum
    highest_share: FaceOptimum


def component_ranges(
    face: OptimalFace, offsets: NDArray[np.float64], mean_weights: NDArray[np.float64], log_sizes: NDArray[np.float64]
) -> list[ComponentRange]:
    """Return the range of every component.

    Parameters
    ----------
    face : OptimalFace
        The optimal weights.
    offsets : ndarray of float64, shape (n_face, n_components)
        Offset of each component in each model.
    mean_weights : ndarray of float64, shape (n_components,)
        Weights of the mean that is subtracted: each component's part of the items.
    log_sizes : ndarray of float64, shape (n_components,)
        Log of S: the sum over the component of the exponentials of its fixed logits.

    Returns
    -------
    list of ComponentRange
    """
    shares = _Shares(face, offsets - (offsets @ mean_weights)[:, None], log_sizes)
    n_components = len(log_sizes)
    ends = [(shares.end(c, face.minimise), shares.end(c, face.maximise)) for c in range(n_components)]
    low, high = (np.array([end.bound for end in column]) for column in zip(*ends, strict=True))
    ranges = []
    for c, (lowest, highest) in enumerate(ends):
        ratio_low, ratio_high = low - high[c], high - low[c]  # of each offset to that of c
        ratio_low[c] = ratio_high[c] = 0.0
        bound = shares.lowest_bound(c, ratio_low, ratio_high)
        ranges.append(ComponentRange(lowest, highest, shares.lowest(c, bound), shares.highest(c)))
    return ranges


class _Shares:
    """Shares of the components as functions of the optimal weights, with the optima that programs have found so far."""

    def __init__(self, face: OptimalFace, offsets: NDArray[np.float64], log_sizes: NDArray[np.float64]) -> None:
        self.face = face
        self.offsets = offsets
        self.log_sizes = log_sizes
        self.found: list[FaceOptimum] = []
        self.points = np.zeros((0, len(log_sizes)))

    def end(self, component: int, program: Callable[[NDArray[np.float64]], FaceOptimum]) -> FaceOptimum:
        """Return one end of the offset of a component."""
        optimum = program(self.offsets[:, component])
        self._keep(optimum)
        return optimum

    def highest(self, component: int) -> FaceOptimum:
        """Maximise by fully corrective Frank-Wolfe: the best mixture of the optima found, then the best one to add."""
        parts = np.zeros(len(self.points))
        parts[self._log_shares(component).argmax()] = 1.0
        value, bound = -np.inf, np.inf
        for _ in range(MAX_PROGRAMS):
            parts = np.append(parts, np.zeros(len(self.points) - len(parts)))
            parts = self._best_mixture(component, parts)
            at = parts @ self.points
            value, slope = self._value_and_slope(component, at)
            upper = self.face.maximise(self.offsets @ slope)
            bound = min(bound, value + max(upper.bound - float(slope @ at), 0.0))
            if bound - value <= TOLERANCE:
                break
            self._keep(upper)
        models, weights = self._mixed(parts)
        return FaceOptimum(float(np.exp(value)), float(np.exp(bound)), models, weights)

    def lowest(self, component: int, bound: float) -> FaceOptimum:
        """Descend from the best optimum found, from vertex to vertex: a concave function lies below its tangents."""
        logs = self._log_shares(component)
        best = int(logs.argmin())
        value, optimum = float(logs[best]), self.found[best]
        for _ in range(MAX_PROGRAMS):
            slope = self._value_and_slope(component, self._point(optimum))[1]
            lower = self.face.minimise(self.offsets @ slope)
            there = self._value_and_slope(component, self._point(lower))[0]
            if there >= value - TOLERANCE:
                break
            value, optimum = there, lower
            self._keep(lower)
        share = float(np.exp(value))
        return FaceOptimum(share, min(bound, share), optimum.models, optimum.weights)

    def lowest_bound(self, component: int, low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
        """Return a share that no optimum goes below: the exponentials of the ratios lie below their chords."""
        sizes = self.log_sizes - self.log_sizes[component]
        if (high + sizes).max() > MAX_LOG:
            return 0.0
        top, bottom = np.exp(high + sizes), np.exp(low + sizes)
        slope = np.divide(top - bottom, high - low, out=np.zeros_like(top), where=high > low)
        ratios = self.offsets - self.offsets[:, [component]]  # (n_face, n_components)
        chords = self.face.maximise(ratios @ slope)
        self._keep(chords)
        return 1.0 / max(chords.bound + float((top - slope * high).sum()), 1.0)

    def _keep(self, optimum: FaceOptimum) -> None:
        self.found.append(optimum)
        self.points = np.vstack([self.points, self._point(optimum)])

    def _point(self, optimum: FaceOptimum) -> NDArray[np.float64]:
        """Offsets of the mixture, shape (n_components,)."""
        point: NDArray[np.float64] = optimum.weights @ self.offsets[self.face.positions(optimum.models)]
        return point

    def _log_shares(self, component: int) -> NDArray[np.float64]:
        """Log share of a component at every optimum found."""
        logits = self.points + self.log_sizes
        top = logits.max(axis=1)
        logs: NDArray[np.float64] = logits[:, component] - top - np.log(np.exp(logits - top[:, None]).sum(axis=1))
        return logs

    def _value_and_slope(self, component: int, at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Log share of a component at the offsets `at`, and its gradient."""
        logits = at + self.log_sizes
        shares = np.exp(logits - logits.max())
        total = shares.sum()
        slope = -shares / total
        slope[component] += 1.0
        return float(logits[component] - logits.max() - np.log(total)), slope

    def _best_mixture(self, component: int, parts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Maximise over mixtures of the optima found, by pairwise steps from the worst with a part to the best."""
        at = parts @ self.points
        for _ in range(INNER_STEPS):
            slope = self._value_and_slope(component, at)[1]
            gains = self.points @ slope
            best = int(gains.argmax())
            worst = int(np.where(parts > 0, gains, np.inf).argmin())
            if gains[best] - parts @ gains <= 0.1 * TOLERANCE:
                break
            step = self._line_search(component, at, self.points[best] - self.points[worst], float(parts[worst]))
            parts[best] += step
            parts[worst] = 0.0 if step >= parts[worst] else parts[worst] - step
            at = parts @ self.points
        parts /= parts.sum()
        return parts

    def _line_search(
        self, component: int, at: NDArray[np.float64], direction: NDArray[np.float64], longest: float
    ) -> float:
        """Where the log share is greatest along a direction, by bisection of its slope."""
        short, long = 0.0, longest
        if self._value_and_slope(component, at + long * direction)[1] @ direction >= 0:
            return long
        for _ in range(50):
            middle = 0.5 * (short + long)
            if self._value_and_slope(component, at + middle * direction)[1] @ direction > 0:
                short = middle
            else:
                long = middle
        return 0.5 * (short + long)

    def _mixed(self, parts: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Models and weights of a mixture of the optima found."""
        total = np.zeros(len(self.face.models))
        for part, optimum in zip(parts, self.found, strict=False):
            if part > 0:
                total[self.face.positions(optimum.models)] += part * optimum.weights
        used = np.flatnonzero(total)
        return self.face.models[used], total[used] / total.sum()
