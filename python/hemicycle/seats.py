"""The hemicycle: seats given to families of models by weight, and where each seat stands in the half circle.

A picture needs a whole number of seats. They are apportioned to families by largest remainder, and families sit beside
those that predict like them, so that two camps of models face each other across the aisle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import DomainError, NonFiniteError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["HalfCircle", "Parliament", "Party", "apportion", "character_seats", "half_circle", "seat_families"]

N_SEATS = 201  # what the character picture holds; odd, as a parliament likes it
MAX_PARTIES = 9
_INNER_RADIUS = 0.4
_TEXT_LINES, _TEXT_OUTER, _TEXT_INNER = 12, 12.2, 4.7


def apportion(weights: ArrayLike, n_seats: int) -> NDArray[np.int64]:
    """Whole seats in proportion to weights, by largest remainder (Hamilton's method).

    Each weight gets the whole part of ``n_seats * weight / sum(weights)``; the seats left go to the largest fractional
    parts, ties to the larger weight and then to the earlier one.

    Parameters
    ----------
    weights : array_like of float64, shape (n,)
        Non-negative, not all zero; need not sum to 1.
    n_seats : int
        Number of seats, at least 0.

    Returns
    -------
    ndarray of int64, shape (n,)
        Seats that sum to `n_seats`; each is less than one seat from its exact quota.

    Raises
    ------
    ShapeError
        If `weights` is not one-dimensional or is empty.
    NonFiniteError
        If a weight is NaN or infinite.
    DomainError
        If a weight is negative, all are zero, or `n_seats` is negative.

    Notes
    -----
    O(n log n) time. Deterministic.

    Examples
    --------
    >>> apportion([0.47, 0.16, 0.158, 0.12, 0.061, 0.031], 10).tolist()
    [5, 2, 1, 1, 1, 0]
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.ndim != 1 or w.size == 0:
        raise ShapeError(f"weights must have shape (n,) with n >= 1, got {w.shape}")
    if not np.isfinite(w).all():
        raise NonFiniteError(f"weights[{int(np.flatnonzero(~np.isfinite(w))[0])}] is not finite")
    if (w < 0).any() or not (w > 0).any():
        raise DomainError("weights must be non-negative and not all zero")
    if n_seats < 0:
        raise DomainError(f"n_seats must be at least 0, got {n_seats}")
    share = w / w.max()
    quota = share * (n_seats / math.fsum(share))  # (n,)
    seats: NDArray[np.int64] = np.floor(quota).astype(np.int64)
    order = np.lexsort((np.arange(w.size), -w, -(quota - seats)))
    seats[order[: n_seats - int(seats.sum())]] += 1
    return seats


@dataclass(frozen=True, slots=True)
class HalfCircle:
    """Places of seats in the upper half of the unit disc, from left to right by angle.

    Attributes
    ----------
    x, y : ndarray of float64, shape (n_seats,)
        Centre of each seat; ``x`` in [-1, 1], ``y`` in [0, 1], the speaker at the origin.
    seat_radius : float
        Radius at which neighbouring seats would touch.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    seat_radius: float


def half_circle(n_seats: int) -> HalfCircle:
    """Lay seats out in concentric rows whose spacing along the row matches the spacing between rows.

    Parameters
    ----------
    n_seats : int
        Number of seats, at least 1.

    Returns
    -------
    HalfCircle
        Seats sorted by angle from left to right; within one angle, the outer row first.

    Raises
    ------
    DomainError
        If `n_seats` is less than 1.
    """
    if n_seats < 1:
        raise DomainError(f"n_seats must be at least 1, got {n_seats}")
    radii = _rows(n_seats)
    angles, rows = [], []
    for radius, in_row in zip(radii, apportion(radii, n_seats), strict=True):
        angles.append(np.linspace(math.pi, 0.0, int(in_row)) if in_row > 1 else np.full(in_row, math.pi / 2))
        rows.append(np.full(in_row, radius))
    angle, row = np.concatenate(angles), np.concatenate(rows)
    order = np.lexsort((-row, -angle.round(12)))
    angle, row = angle[order], row[order]
    gap = 0.2 if len(radii) == 1 else float(radii[1] - radii[0])
    along = math.pi * float(radii.sum()) / n_seats
    return HalfCircle(row * np.cos(angle), row * np.sin(angle), min(gap, along) / 2)


def _rows(n_seats: int) -> NDArray[np.float64]:
    """Radii of the rows, inner to outer: as many rows as make the two spacings most alike."""

    def mismatch(n_rows: int) -> float:
        radii = np.linspace(_INNER_RADIUS, 1.0, n_rows)
        return abs(math.log(math.pi * float(radii.sum()) / n_seats * (n_rows - 1) / (1.0 - _INNER_RADIUS)))

    most = 2 + math.isqrt(n_seats)
    return np.array([1.0]) if n_seats < 8 else np.linspace(_INNER_RADIUS, 1.0, min(range(2, most), key=mismatch))


def character_seats() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lay `N_SEATS` seats out on lines of characters, two columns a seat, round at the outer edge.

    Returns
    -------
    line, column : ndarray of int64, shape (N_SEATS,)
        Line from the top and column from the left, both from 0; sorted by angle from left to right.
    """
    x, y = [], []
    for floor in range(_TEXT_LINES):
        chord = math.sqrt(_TEXT_OUTER**2 - (floor + 0.5) ** 2)
        hollow = math.sqrt(max(0.0, _TEXT_INNER**2 - (floor + 0.5) ** 2))
        if hollow:
            right = round(2 * chord) - 1 - 2 * np.arange(round(chord - hollow))
            columns = np.concatenate([-right, right])
        else:
            columns = np.arange(1 - round(2 * chord), round(2 * chord), 2)
        x.append(columns)
        y.append(np.full(columns.size, floor))
    column, height = np.concatenate(x), np.concatenate(y)
    up = height + 0.5
    order = np.lexsort((-np.hypot(column / 2, up), -np.arctan2(up, column / 2).round(12)))
    return _TEXT_LINES - 1 - height[order], column[order] - column.min()


@dataclass(frozen=True, slots=True)
class Party:
    """One block of seats.

    Attributes
    ----------
    name : str
        The family or author as it was spelled, or what the block stands for when `rank` is None.
    weight : float
        Sum of the weights of its models.
    seats : int
        Seats in the hemicycle.
    n_models : int
        Models of positive weight.
    rank : int or None
        0 for the heaviest family, and so on; None for the block of all smaller families.
    """

    name: str
    weight: float
    seats: int
    n_models: int
    rank: int | None


@dataclass(frozen=True, slots=True)
class Parliament:
    """Who sits where.

    Attributes
    ----------
    parties : tuple of Party
        From left to right; only those that hold a seat.
    n_seats : int
        Seats in the hemicycle.
    n_unseated : int
        Families of positive weight that are too light for a seat of their own and are shown in no block.
    """

    parties: tuple[Party, ...]
    n_seats: int
    n_unseated: int

    def owner_of_seats(self) -> NDArray[np.int64]:
        """Index into `parties` of each seat, from left to right, shape (n_seats,)."""
        return np.repeat(np.arange(len(self.parties)), [party.seats for party in self.parties])

    def by_seats(self) -> tuple[Party, ...]:
        """Parties by rank, the heaviest first and the block of smaller families last."""
        return tuple(sorted(self.parties, key=lambda p: (p.rank is None, p.rank or 0)))


def seat_families(
    weights: ArrayLike, families: Sequence[str], logits: ArrayLike | None = None, *, n_seats: int = N_SEATS
) -> Parliament:
    """Seat the families of an ensemble.

    The heaviest families each get a block; all others share one. Blocks are ordered along the first principal component
    of their mean predictions, the heaviest block to the left of the middle.

    Parameters
    ----------
    weights : array_like of float64, shape (n_models,)
        Weights of the models.
    families : sequence of str, length n_models
        Family or author of each model.
    logits : array_like of float, shape (n_models, n_items), optional
        Predictions, finite wherever the weight is positive. Without them blocks are ordered by weight.
    n_seats : int, default 201
        Seats to give.

    Returns
    -------
    Parliament
        Blocks from left to right.

    Raises
    ------
    ShapeError
        If the lengths differ.
    NonFiniteError, DomainError
        As `apportion`.
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (len(families),):
        raise ShapeError(f"weights must have shape ({len(families)},), one for each family given, got {w.shape}")
    names = sorted(set(families))
    place = {name: i for i, name in enumerate(names)}
    member = np.fromiter((place[family] for family in families), dtype=np.int64, count=len(families))
    mass = np.bincount(member, weights=w, minlength=len(names))  # (n_families,)
    seated = np.flatnonzero(mass > 0)
    ranked = seated[np.argsort(-mass[seated], kind="stable")]
    n_named = len(ranked) if len(ranked) <= MAX_PARTIES else MAX_PARTIES - 1
    block_of = np.full(len(names), -1)
    block_of[ranked] = np.minimum(np.arange(len(ranked)), n_named)
    block = np.where(w > 0, block_of[member], -1)  # (n_models,), -1 where the weight is zero
    n_blocks = min(len(ranked), n_named + 1)
    onto = np.where(np.arange(n_blocks)[:, None] == block, w, 0.0)  # (n_blocks, n_models)
    block_mass = onto.sum(axis=1)
    seats = apportion(block_mass, n_seats)
    n_small = len(ranked) - n_named
    parties = [
        Party(
            name=names[ranked[i]] if i < n_named else f"{n_small} smaller families",
            weight=float(block_mass[i]),
            seats=int(seats[i]),
            n_models=int((block == i).sum()),
            rank=i if i < n_named else None,
        )
        for i in range(n_blocks)
    ]
    order = range(n_blocks) if logits is None else _spectrum(onto / block_mass[:, None], block_mass, logits)
    shown = tuple(parties[i] for i in order if parties[i].seats)
    return Parliament(shown, n_seats, n_unseated=n_blocks - len(shown))


def _spectrum(onto: NDArray[np.float64], mass: NDArray[np.float64], logits: ArrayLike) -> list[int]:
    """Order blocks along the first principal component of their mean predictions, weighted by mass."""
    models = np.flatnonzero(onto.any(axis=0))
    matrix = np.asarray(logits)
    predictions = matrix if len(models) == len(matrix) else matrix[models]  # (n_weighted, n_items)
    profile = (onto[:, models].astype(predictions.dtype) @ predictions).astype(np.float64)  # (n_blocks, n_items)
    profile -= profile.mean(axis=1, keepdims=True)
    profile -= np.average(profile, axis=0, weights=mass)
    _, _, components = np.linalg.svd(profile * np.sqrt(mass / mass.sum())[:, None], full_matrices=False)
    place = profile @ components[0]  # (n_blocks,)
    if place[0] > 0:
        place = -place
    return [int(i) for i in np.argsort(place.round(12), kind="stable")]
