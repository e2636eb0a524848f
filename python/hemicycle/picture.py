"""Draw a parliament: a self-contained SVG, and lines of characters for a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hemicycle.escaping import printable
from hemicycle.seats import character_seats, half_circle

if TYPE_CHECKING:
    from hemicycle.seats import Parliament, Party

__all__ = ["INK", "PALETTE", "PLAIN_GLYPHS", "color", "glyph", "seat_lines", "shortened", "svg", "unseated_note"]

# Each of these has a contrast of at least 3 with white and with a dark page alike, so one picture serves both.
PALETTE = ("#3d7fe0", "#e5533d", "#2f9e5f", "#c48600", "#9061e0", "#159aa8", "#d9488f", "#a0653f", "#6f8f1b")
SMALL_FAMILIES = "#868b93"
INK = "#757b84"

GLYPHS = "●○◆◇■□▲△▼"
PLAIN_GLYPHS = "ABCDEFGHI"
_SMALL_GLYPH = "·"
_PLAIN_SMALL_GLYPH = "."

_WIDTH, _RADIUS, _MARGIN = 960, 400.0, 24.0
_LEGEND_WIDTH, _LEGEND_STEP = 410, 34


def color(party: Party) -> str:
    """Colour of a party's seats as ``#rrggbb``."""
    return SMALL_FAMILIES if party.rank is None else PALETTE[party.rank]


def glyph(party: Party, *, plain: bool = False) -> str:
    """Character of a party's seats where there is no colour; `plain` keeps to ASCII."""
    if party.rank is None:
        return _PLAIN_SMALL_GLYPH if plain else _SMALL_GLYPH
    return (PLAIN_GLYPHS if plain else GLYPHS)[party.rank]


def seat_lines(parliament: Parliament) -> list[list[int | None]]:
    """Seats on lines of characters, from the top: the index of the party that holds each column, None where empty."""
    line, column = character_seats()
    owner = parliament.owner_of_seats()
    rows: list[list[int | None]] = [[None] * (int(column.max()) + 1) for _ in range(int(line.max()) + 1)]
    for row, place, party in zip(line.tolist(), column.tolist(), owner.tolist(), strict=True):
        rows[row][place] = party
    return rows


def svg(parliament: Parliament, *, method: str, effective_models: float, n_models: int) -> str:
    """Draw a parliament as an SVG document that needs nothing else.

    Parameters
    ----------
    parliament : Parliament
        Who sits where.
    method : str
        Name of the ensemble method that gave the weights.
    effective_models : float
        Effective number of models, the exponential of the entropy of the weights.
    n_models : int
        Models that could have been seated.

    Returns
    -------
    str
        The document. Names are escaped; a title and a description tell what the picture shows; the colours and the
        mid-grey text are legible on a light and on a dark page.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("hemicycle", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    places = half_circle(parliament.n_seats)
    seat_radius = places.seat_radius * _RADIUS * 0.84
    baseline = _MARGIN + _RADIUS + seat_radius
    owner = parliament.owner_of_seats()
    blocks = [
        {
            "color": color(party),
            "label": _sentence(party),
            "seats": [
                (f"{_WIDTH / 2 + _RADIUS * x:.1f}", f"{baseline - _RADIUS * y:.1f}")
                for x, y in zip(places.x[owner == i].tolist(), places.y[owner == i].tolist(), strict=True)
            ],
        }
        for i, party in enumerate(parliament.parties)
    ]
    legend_top = baseline + 76
    n_lines = math.ceil(len(parliament.parties) / 2)
    note = unseated_note(parliament)
    heading = method.replace("_", " ")
    of_models = f"effective {'model' if effective_models == 1 else 'models'} of {n_models:,}"
    return environment.get_template("hemicycle.svg.j2").render(
        width=_WIDTH,
        height=round(legend_top + n_lines * _LEGEND_STEP + (26 if note else 0)),
        middle=_WIDTH / 2,
        baseline=baseline,
        radius=f"{seat_radius:.1f}",
        ink=INK,
        title=f"Hemicycle of the {heading} ensemble",
        description=f"{parliament.n_seats} seats by weight, {effective_models:,.1f} {of_models}. From left to right: "
        + "; ".join(_sentence(party) for party in parliament.parties)
        + ".",
        heading=heading,
        figure=f"{effective_models:,.1f}",
        caption=of_models,
        blocks=blocks,
        legend=_legend(parliament, legend_top, n_lines),
        legend_width=_LEGEND_WIDTH,
        note=note,
    )


def unseated_note(parliament: Parliament) -> str:
    """Say how many families carry weight without a seat; empty when none does."""
    n = parliament.n_unseated
    return f"{n} more {'family carries' if n == 1 else 'families carry'} too little weight for a seat" if n else ""


def _legend(parliament: Parliament, top: float, n_lines: int) -> list[dict[str, object]]:
    """Entries down two columns, the heaviest party first."""
    left = (_WIDTH - 2 * _LEGEND_WIDTH - 60) / 2
    return [
        {
            "x": left + (i // n_lines) * (_LEGEND_WIDTH + 60),
            "y": top + (i % n_lines) * _LEGEND_STEP,
            "color": color(party),
            "name": shortened(printable(party.name), 26),
            "seats": party.seats,
            "share": f"{party.weight:.1%}",
        }
        for i, party in enumerate(parliament.by_seats())
    ]


def shortened(text: str, width: int) -> str:
    """Cut `text` to at most `width` characters, with an ellipsis where something is left out."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _sentence(party: Party) -> str:
    seats, models = ("seat" if party.seats == 1 else "seats"), ("model" if party.n_models == 1 else "models")
    name = shortened(printable(party.name), 80)
    return f"{name}: {party.seats} {seats}, {party.weight:.1%} of the weight, {party.n_models:,} {models}"
