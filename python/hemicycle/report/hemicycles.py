"""The parliament that each mechanism elects, side by side: one order, one colour and one letter for each family."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.picture import PLAIN_GLYPHS, color
from hemicycle.report.tables import shown, signed
from hemicycle.seats import N_SEATS, apportion, half_circle, seat_families

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.ensemble import Ensemble
    from hemicycle.outcome import Outcome
    from hemicycle.report.board import Board
    from hemicycle.seats import HalfCircle

__all__ = ["Families", "families_of", "hemicycles"]

RADIUS = 180.0  #: of the outer row, in units of the drawing
WIDTH, MARGIN = 420.0, 24.0
ORDERING_SEATS = 1 << 20  #: so many that no family goes without one while their order is found


@dataclass(frozen=True, slots=True, eq=False)
class Families:
    """The blocks of seats, the same ones under every mechanism.

    Attributes
    ----------
    names : tuple of str
        From left to right.
    letters : tuple of str
        One for each block.
    colors : tuple of str
        Likewise, ``#rrggbb``.
    member : ndarray of int64, shape (n_models,)
        Block of each model.
    by_weight : tuple of int
        Blocks, the heaviest over all mechanisms first, that of small families last.
    """

    names: tuple[str, ...]
    letters: tuple[str, ...]
    colors: tuple[str, ...]
    member: NDArray[np.int64]
    by_weight: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.names)


def families_of(outcome: Outcome) -> Families:
    """Group the models by author or family; their order and rank are those of the mean over all mechanisms."""
    pool = outcome.round.pool
    mean = np.mean([ensemble.weights for ensemble in outcome.ensembles], axis=0)  # (n_models,)
    grouped = pool.families()
    parliament = seat_families(mean, grouped, pool.logits, n_seats=ORDERING_SEATS)
    place = {party.name: i for i, party in enumerate(parliament.parties) if party.rank is not None}
    rest = next((i for i, party in enumerate(parliament.parties) if party.rank is None), len(parliament.parties))
    names = [shown(party.name) for party in parliament.parties]
    letters = ["\N{MIDDLE DOT}" if p.rank is None else PLAIN_GLYPHS[p.rank] for p in parliament.parties]
    colors = [color(party) for party in parliament.parties]
    ranked = sorted(range(len(names)), key=lambda i: (parliament.parties[i].rank is None, parliament.parties[i].rank))
    member = np.array([place.get(family, rest) for family in grouped], dtype=np.int64)
    if rest == len(names) and (member == rest).any():  # families without weight under any mechanism
        names.append("families without weight")
        letters.append("\N{MIDDLE DOT}")
        colors.append("#868b93")
        ranked.append(rest)
    return Families(tuple(names), tuple(letters), tuple(colors), member, tuple(ranked))


def hemicycles(outcome: Outcome, families: Families, board: Board) -> dict[str, Any]:
    """Lay out the seats of every mechanism, and the table of the same numbers.

    Parameters
    ----------
    outcome : Outcome
        The run.
    families : Families
        Its blocks.
    board : Board
        The order of the models on the page, to which seats refer.

    Returns
    -------
    dict
        What the template draws.
    """
    places = half_circle(N_SEATS)
    mass = np.array([_mass(ensemble, families) for ensemble in board.ensembles])  # (n_mechanisms, n_families)
    seats = np.array([apportion(row, N_SEATS) for row in mass])
    drawings = [
        _drawing(ensemble, families, board, places, mass[i], seats[i]) for i, ensemble in enumerate(board.ensembles)
    ]
    rows = [
        {
            "letter": families.letters[f],
            "color": families.colors[f],
            "name": families.names[f],
            "models": int((families.member == f).sum()),
            "cells": [(n, _part(w)) for n, w in zip(seats[:, f].tolist(), mass[:, f].tolist(), strict=True)],
        }
        for f in families.by_weight
    ]
    return {
        "drawings": drawings,
        "rows": rows,
        "n_seats": N_SEATS,
        "width": WIDTH,
        "height": round(RADIUS + 2 * MARGIN + 4, 2),
        "middle": WIDTH / 2,
        "baseline": round(RADIUS + MARGIN + 4, 2),
        "radius": round(places.seat_radius * RADIUS * 0.84, 2),
        "by_author": any(author is not None for author in outcome.round.pool.authors),
    }


def _mass(ensemble: Ensemble, families: Families) -> NDArray[np.float64]:
    mass: NDArray[np.float64] = np.bincount(families.member, ensemble.weights, len(families)).astype(np.float64)
    return mass


def _drawing(
    ensemble: Ensemble,
    families: Families,
    board: Board,
    places: HalfCircle,
    mass: NDArray[np.float64],
    seats: NDArray[np.int64],
) -> dict[str, Any]:
    x = (WIDTH / 2 + RADIUS * places.x).round(2)
    y = (RADIUS + MARGIN + 4 - RADIUS * places.y).round(2)
    blocks, first = [], 0
    for family in range(len(families)):
        last = first + int(seats[family])
        if last > first:
            block = _block(ensemble, families, board, family, mass, last - first)
            held = zip(x[first:last].tolist(), y[first:last].tolist(), block.pop("of"), strict=True)
            blocks.append(block | {"seats": list(held), "label": _outside((first + last) / 2 / N_SEATS)})
        first = last
    return {
        "method": ensemble.method,
        "label": board.labels[ensemble.method],
        "pays": ensemble.method == board.ensembles[0].method,
        "effective": _effective(ensemble.effective_models[0]),
        "blocks": blocks,
    }


def _block(
    ensemble: Ensemble, families: Families, board: Board, family: int, mass: NDArray[np.float64], n: int
) -> dict[str, Any]:
    """Return one block: what it says, and the model of each of its seats by its place on the board."""
    members = np.flatnonzero((families.member == family) & (ensemble.weights > 0))
    weights = ensemble.weights[members]
    heaviest = members[int(np.argmax(weights))]
    held = np.repeat(board.place[members], apportion(weights, n))
    scores = board.scores
    return {
        "color": families.colors[family],
        "letter": families.letters[family],
        "of": held.tolist(),
        "text": f"{families.names[family]}: {n} of {N_SEATS} seats, {mass[family]:.1%} of the weight, "
        f"{len(members):,} {'model' if len(members) == 1 else 'models'}. Heaviest: {shown(ensemble.models[heaviest])} "
        f"with {ensemble.weights[heaviest]:.1%}, log likelihood {signed(float(scores.log_likelihood[heaviest]), 1)}, "
        f"mse {scores.mse[heaviest]:.3f}.",
    }


def _part(weight: float) -> str:
    """Write a part of the weight; nothing where there is none."""
    if weight == 0:
        return ""
    return f"{weight:.1%}" if weight >= 0.0005 else "<0.1%"


def _effective(n: float) -> str:
    return f"{n:,.1f}" if n < 100 else f"{n:,.0f}"


def _outside(part: float) -> tuple[float, float]:
    """Return the place of a letter outside the outer row, at this part of the way from left to right."""
    angle = math.pi * (1 - part)
    reach = RADIUS + 16
    return round(WIDTH / 2 + reach * math.cos(angle), 2), round(RADIUS + MARGIN + 9 - reach * math.sin(angle), 2)
