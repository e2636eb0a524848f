"""The clone-proof prior by its definition: every class of models beside every other, in doubles and with 40 digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Pairs = Sequence[tuple[int, int]]

SAME = 1e-9  #: largest gap between log ratios that are one
NEAR = 0.25  #: distance, in bandwidths, within which classes share a turn


@dataclass(frozen=True)
class ClonePrior:
    """The prior, and what it rests on.

    Attributes
    ----------
    prior : ndarray of float64, shape (n_models,)
        Mass of each model; sums to 1.
    class_of, group_of : ndarray of int64, shape (n_models,)
        Numbered by their first models.
    n_near : ndarray of int64, shape (n_models,)
        Classes within a quarter of the bandwidth, the own one included.
    density : ndarray of float64, shape (n_models,)
        Sum over the classes of their turns times the kernel of their distance.
    distance : ndarray of float64, shape (n_classes, n_classes)
        Root mean square difference of the log ratios of the judged pairs, in bandwidths.
    """

    prior: NDArray[np.float64]
    class_of: NDArray[np.int64]
    group_of: NDArray[np.int64]
    n_near: NDArray[np.int64]
    density: NDArray[np.float64]
    distance: NDArray[np.float64]


def clone_prior(logits: NDArray[np.floating[Any]], a: Sequence[int], b: Sequence[int], bandwidth: float) -> ClonePrior:
    """Return the prior; (a, b) are judged, in any order and as often as they were."""
    logits = np.asarray(logits, dtype=np.float64)
    pairs = distinct_pairs(a, b)
    class_of = equal_predictions(logits, pairs)
    first = [int(np.argmax(class_of == c)) for c in range(class_of.max() + 1)]
    n_classes = len(first)
    mu = np.array([[logits[d, j] - logits[d, i] for i, j in pairs] for d in first])  # (n_classes, n_pairs)
    distance = np.array([np.sqrt(np.mean((mu - own) ** 2, axis=1)) for own in mu]) / bandwidth
    near = np.array([np.sum(distance[c] <= NEAR) for c in range(n_classes)])
    density = np.array([np.sum(np.exp(-(distance[c] ** 2) / 2) / near) for c in range(n_classes)])
    mass = 1 / near / density
    members = np.bincount(class_of)
    prior = (mass / mass.sum() / members)[class_of]
    groups = numbered(linked(distance <= NEAR))
    return ClonePrior(prior, class_of, groups[class_of], near[class_of], density[class_of], distance)


def exact_prior(logits: Sequence[Sequence[float]], a: Sequence[int], b: Sequence[int], bandwidth: float) -> list[Any]:
    """Return the prior of a handful of models as mpf; equal predictions are those that are equal to `SAME`."""
    pairs = distinct_pairs(a, b)
    with mpmath.workdps(40):
        mu = [[mpmath.mpf(row[j]) - mpmath.mpf(row[i]) for i, j in pairs] for row in logits]
        n = len(mu)
        equal = [
            [max(abs(x - y) for x, y in zip(mu[d], mu[e], strict=True)) <= SAME for e in range(n)] for d in range(n)
        ]
        class_of = numbered(linked(np.array(equal))).tolist()
        first = [class_of.index(c) for c in range(max(class_of) + 1)]
        square = [
            [
                mpmath.fsum((x - y) ** 2 for x, y in zip(mu[d], mu[e], strict=True)) / len(pairs) / bandwidth**2
                for e in first
            ]
            for d in first
        ]
        turn = [mpmath.mpf(1) / sum(value <= NEAR**2 for value in row) for row in square]
        mass = [
            s / mpmath.fsum(t * mpmath.exp(-value / 2) for t, value in zip(turn, row, strict=True))
            for s, row in zip(turn, square, strict=True)
        ]
        total = mpmath.fsum(mass)
        return [mass[c] / total / class_of.count(c) for c in class_of]


def distinct_pairs(a: Sequence[int], b: Sequence[int]) -> list[tuple[int, int]]:
    """Return every pair that was judged once, whatever was said of it and however often."""
    return sorted({(min(i, j), max(i, j)) for i, j in zip(a, b, strict=True)})


def equal_predictions(logits: NDArray[np.float64], pairs: Pairs) -> NDArray[np.int64]:
    """Return the class of each model: no gap between two of one class in any judged item's logit.

    Logits are centred over each set of items that comparisons connect, so that only judged log ratios count.
    """
    places = []
    for items in connected(pairs):
        centred = logits[:, items] - logits[:, items].mean(axis=1, keepdims=True)  # (n_models, n_items of the set)
        for value in centred.T:
            order = np.argsort(value)
            place = np.empty(len(value), dtype=np.int64)
            place[order] = np.cumsum(np.diff(value[order], prepend=value[order[0]]) > SAME)
            places.append(place)
    return numbered(np.unique(np.array(places).T, axis=0, return_inverse=True)[1].ravel())


def connected(pairs: Pairs) -> list[list[int]]:
    """Return the sets of items that comparisons connect; items that no pair names are in none."""
    sets: list[set[int]] = []
    for pair in pairs:
        joined = set(pair).union(*(known for known in sets if known & set(pair)))
        sets = [*(known for known in sets if not known & set(pair)), joined]
    return [sorted(items) for items in sets]


def linked(near: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return a set for each of n things: those of one set are near, or joined by a chain of near ones."""
    least = np.arange(len(near))
    while True:
        lower = np.array([least[row].min() for row in near])
        if (lower == least).all():
            return least
        least = lower


def numbered(set_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return sets numbered from 0 by their first members."""
    _, first, inverse = np.unique(set_of, return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return place[inverse.ravel()]
