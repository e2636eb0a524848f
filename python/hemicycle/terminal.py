"""Results for a terminal: the hemicycle in characters, and tables that hold names from strangers as text only."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hemicycle.escaping import printable
from hemicycle.picture import color, glyph, seat_lines, unseated_note

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from hemicycle.seats import Parliament, Party

__all__ = ["Hemicycle", "Name", "heading", "number", "percent", "table"]


class Hemicycle:
    """A rich renderable of a parliament: dots in a half circle with the effective number of models in its hollow.

    Seats have the colour of their party; where there is no colour each party has its own character.

    Parameters
    ----------
    parliament : Parliament
        Who sits where.
    effective_models : float
        Effective number of models.
    """

    def __init__(self, parliament: Parliament, effective_models: float) -> None:
        self.parliament = parliament
        self.effective_models = effective_models

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Put the legend beside the seats where both fit, else below."""
        colored = console.color_system is not None and not console.no_color
        glyphs = _glyphs(self.parliament, colored=colored, ascii_only=options.ascii_only)
        seats = self._seats(glyphs)
        width = max(line.cell_len for line in seats)
        beside = options.max_width - width - 5
        legend = _legend(self.parliament, glyphs, beside if beside >= 26 else options.max_width - 2)
        if beside < 26:
            yield Padding(Group(*seats, Text(), *legend), (0, 0, 0, 2), expand=False)
            return
        above = (len(seats) - len(legend) + 1) // 2
        for i, line in enumerate(seats):
            row = Text("  ").append_text(line)
            if 0 <= i - above < len(legend):
                row.pad_right(width + 5 - row.cell_len)
                row.append_text(legend[i - above])
            row.rstrip()
            yield row

    def _seats(self, glyphs: Sequence[str]) -> list[Text]:
        hollow = [f"{self.effective_models:,.1f}", "effective", "model" if self.effective_models == 1 else "models"]
        lines = []
        rows = seat_lines(self.parliament)
        for i, row in enumerate(rows):
            line = Text()
            for owner in row:
                if owner is None:
                    line.append(" ")
                else:
                    line.append(glyphs[owner], style=color(self.parliament.parties[owner]))
            caption = i - (len(rows) - len(hollow))
            if caption >= 0:
                start = (len(row) - len(hollow[caption]) + 1) // 2
                word = Text(hollow[caption], style="bold" if caption == 0 else "")
                line = line[:start] + word + line[start + len(hollow[caption]) :]
            lines.append(line)
        return lines


def _glyphs(parliament: Parliament, *, colored: bool, ascii_only: bool) -> list[str]:
    if colored:
        return ["o" if ascii_only else "●"] * len(parliament.parties)
    return [glyph(party, plain=ascii_only) for party in parliament.parties]


def _legend(parliament: Parliament, glyphs: Sequence[str], width: int) -> list[Text]:
    mark = {party.rank: character for party, character in zip(parliament.parties, glyphs, strict=True)}
    parties = parliament.by_seats()
    longest = max(len(printable(party.name)) for party in parties)
    name_width = max(6, min(longest, width - 15, 40))
    lines = [_entry(party, mark[party.rank], name_width) for party in parties]
    if note := unseated_note(parliament):
        lines += [Text(line, style="dim") for line in textwrap.wrap(note, max(width, 20))]
    return lines


def _entry(party: Party, mark: str, name_width: int) -> Text:
    name = Text(printable(party.name) or "(no name)")
    name.truncate(name_width, overflow="ellipsis", pad=True)
    return Text.assemble((mark, color(party)), " ", name, (f" {party.seats:>4}", "bold"), f"  {party.weight:>6.1%}")


def heading(text: str, *, first: bool = False) -> Text:
    """Return a line that opens a part of the output, with an empty line before it unless it is the first."""
    return Text(text if first else f"\n{text}", style="bold")


class Name:
    """A rich renderable of a name from a stranger: one line, cut in the middle where there is no room.

    Names of one family begin alike, and what tells them apart is often at the end.

    Parameters
    ----------
    name : str
        The name, as it came.
    """

    def __init__(self, name: str) -> None:
        self.text = printable(name) or "(no name)"

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Ask for the whole width, and be content with little."""
        return Measurement(min(6, cell_len(self.text)), cell_len(self.text))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Keep the beginning and the end."""
        width, text = options.max_width, self.text
        if cell_len(text) > width:
            gap, end = "~" if options.ascii_only else "…", (width - 1) // 2
            text = f"{set_cell_size(text, width - 1 - end)}{gap}{set_cell_size(text[::-1], end)[::-1]}"
        yield Text(text, no_wrap=True)


def number(value: float, digits: int) -> str:
    """Return a number with a fixed count of decimals; a dash where there is none."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else "-"


def percent(part: float) -> str:
    """Return a part of 1 in whole percent; a dash where there is none."""
    return f"{100 * part:.0f}%" if math.isfinite(part) else "-"


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[RenderableType]],
    *,
    names: Container[int] = (),
    numbers: Container[int] = (),
    mark: int | None = None,
    heads: bool = True,
) -> Padding:
    """Lay cells out in columns.

    Parameters
    ----------
    columns : sequence of str
        Heads.
    rows : iterable of sequence of renderables
        Cells; strings are ours, names from strangers come as `Name`.
    names : container of int, default ()
        Which columns give way where there is no room for all.
    numbers : container of int, default ()
        Which columns hold numbers and are flush right.
    mark : int, optional
        A row to set in bold.
    heads : bool, default True
        Whether to show the heads.

    Returns
    -------
    rich.padding.Padding
        The table, indented, without lines but one below the heads.
    """
    grid = Table(
        box=box.SIMPLE_HEAD if heads else None,
        show_header=heads,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1 if heads else 2, 0, 0),
        header_style="dim",
    )
    for i, head in enumerate(columns):
        grid.add_column(head, justify="right" if i in numbers else "left", no_wrap=i not in names)
    for i, row in enumerate(rows):
        grid.add_row(*row, style="bold" if i == mark else None)
    return Padding(grid, (0, 0, 0, 2), expand=False)
