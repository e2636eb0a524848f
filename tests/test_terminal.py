from __future__ import annotations

import io

import pytest
from rich.console import Console

from hemicycle.seats import seat_families
from hemicycle.terminal import Hemicycle, Name, table


def printed(what: object, width: int, *, encoding: str = "utf-8") -> list[str]:
    bytes_ = io.BytesIO()
    with io.TextIOWrapper(bytes_, encoding=encoding, write_through=True) as stream:
        Console(file=stream, width=width).print(what)
        return bytes_.getvalue().decode(encoding).splitlines()


@pytest.mark.parametrize(
    ("name", "width", "shown"),
    [
        ("gasquez-bradley-terry", 21, "gasquez-bradley-terry"),
        ("gasquez-bradley-terry-intensity", 16, "gasquez-…tensity"),
        ("gasquez-bradley-terry-intensity", 15, "gasquez…tensity"),
        ("\u6a21\u578b\u6a21\u578b\u6a21\u578b", 7, "\u6a21 \u2026 \u578b"),
        ("two\nlines", 20, r"two\nlines"),
        ("", 20, "(no name)"),
    ],
)
def test_a_name_is_cut_in_the_middle(name: str, width: int, shown: str) -> None:
    assert printed(Name(name), width) == [shown]


def test_names_give_way_to_numbers_in_a_table() -> None:
    rows = [(Name("family-of-models-one"), "1.000"), (Name("family-of-models-two"), "2.000")]
    lines = printed(table(("model", "weight"), rows, names=(0,), numbers=(1,)), 24)
    assert lines[-2:] == ["  family-\u2026ls-one   1.000", "  family-\u2026ls-two   2.000"]


def test_an_ascii_terminal_gets_an_ascii_gap() -> None:
    assert printed(Name("a-long-name-of-a-model"), 9, encoding="ascii") == ["a-lo~odel"]


def test_the_note_below_a_legend_is_whole() -> None:
    parliament = seat_families([1.0, 1e-9, 1e-9], ["big", "tiny", "small"])
    said = " ".join(" ".join(printed(Hemicycle(parliament, 1.0), 80)).replace("\u25cf", "").split())
    assert "2 more families carry" in said
    assert "weight for a seat" in said
