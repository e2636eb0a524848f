from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from hemicycle.escaping import printable
from hemicycle.picture import INK, PALETTE, PLAIN_GLYPHS, SMALL_FAMILIES, glyph, seat_lines, svg
from hemicycle.seats import MAX_PARTIES, N_SEATS, seat_families

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<script>alert(1)</script>",
    "a\x00b\x1b[2J",
    "two\nlines",
    'x" onload="y',
    "\u202eevil",
    "\ud800",
    "]]>&amp;",
]


def drawn(names: list[str]) -> ElementTree.Element:
    parliament = seat_families([1 / len(names)] * len(names), names)
    return ElementTree.fromstring(svg(parliament, method="least_squares", effective_models=2.0, n_models=1234))


def test_svg_draws_every_seat_and_says_what_it_shows() -> None:
    root = drawn(["bradley-terry", "elo"])
    assert root.get("role") == "img"
    labels = (root.get("aria-labelledby") or "").split()
    assert [root.findtext(f"*[@id='{label}']") for label in labels] == [
        "Hemicycle of the least squares ensemble",
        "201 seats by weight, 2.0 effective models of 1,234. From left to right: bradley-terry: 101 seats, "
        "50.0% of the weight, 1 model; elo: 100 seats, 50.0% of the weight, 1 model.",
    ]
    blocks = [g for g in root.iter(f"{SVG}g") if g.find(f"{SVG}title") is not None]
    assert [len(g.findall(f"{SVG}circle")) for g in blocks] == [101, 100]


def test_svg_needs_nothing_else_and_holds_no_script() -> None:
    text = svg(seat_families([1.0], ["a"]), method="bma", effective_models=1.0, n_models=1)
    assert "effective model of 1<" in text
    for word in ("href", "<style", "<script", "url(", "@import"):
        assert word not in text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_text(name: str) -> None:
    root = drawn([name, "other"])
    assert {e.tag.removeprefix(SVG) for e in root.iter()} == {"svg", "title", "desc", "g", "circle", "text"}
    assert not any(key.startswith("on") for e in root.iter() for key in list(e.attrib))
    assert printable(name) in [text.text for text in root.iter(f"{SVG}text")]


def test_light_families_are_counted_below_the_picture() -> None:
    parliament = seat_families([1.0, 1e-9, 1e-9], ["big", "tiny", "small"])
    text = svg(parliament, method="bma", effective_models=1.0, n_models=3)
    assert "2 more families carry too little weight for a seat" in text


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("page", ["#ffffff", "#0d1117"])
@pytest.mark.parametrize(("color", "least"), [*((c, 3.0) for c in (*PALETTE, SMALL_FAMILIES)), (INK, 4.2)])
def test_one_picture_serves_light_and_dark_pages(color: str, least: float, page: str) -> None:
    low, high = sorted((luminance(color) + 0.05, luminance(page) + 0.05))
    assert high / low >= least


def test_every_party_has_its_own_color_and_glyphs() -> None:
    parliament = seat_families(range(40, 0, -1), [f"f{i:02}" for i in range(40)])
    assert len({glyph(p) for p in parliament.parties}) == MAX_PARTIES
    assert len({glyph(p, plain=True) for p in parliament.parties}) == MAX_PARTIES
    assert len(set(PALETTE)) == len(PLAIN_GLYPHS) == MAX_PARTIES


def test_seat_lines_hold_every_seat_once() -> None:
    parliament = seat_families([2.0, 1.0], ["a", "b"])
    cells = [cell for line in seat_lines(parliament) for cell in line]
    assert (cells.count(0), cells.count(1)) == (134, N_SEATS - 134)
