"""Tables of any length: the first rows as HTML, all rows as data that the page's script draws, sorts and searches."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from hemicycle.escaping import printable
from hemicycle.picture import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markupsafe import Markup
    from numpy.typing import ArrayLike

__all__ = [
    "MISSING",
    "ROWS_SHOWN",
    "Column",
    "DataTable",
    "cell_text",
    "changes",
    "island",
    "names",
    "numbers",
    "percents",
    "prose",
    "shown",
    "signed",
]

ROWS_SHOWN = 50  #: rows of a table where no script runs
ROWS_OF_A_PAGE = 20  #: rows that the script shows at a time
NAME_WIDTH = 120  #: characters of a name; a hostile one may have any number
PROSE_WIDTH = 4000  #: characters of a notice or a reason
NUMERIC = ("number", "percent", "change")
MISSING = "\N{EN DASH}"

Kind: TypeAlias = Literal["name", "text", "number", "percent", "change", "bar", "block"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table of the report.

    Attributes
    ----------
    head : str
        What stands above it.
    values : list
        Cells: text; numbers, rounded as they are shown, or None; for a bar, places from 0 to 100.
    kind : {"name", "text", "number", "percent", "change", "bar", "block"}
        How cells are shown: a name heads its row, a change has a sign, a bar goes from one place to another, perhaps
        with a range over it, a block is a letter of the hemicycle and a family.
    digits : int
        Decimals of a number.
    group : str
        What stands above this column and its neighbours of the same group.
    meaning : str
        What the column says, in a few words.
    """

    head: str
    values: list[Any]
    kind: Kind = "text"
    digits: int = 0
    group: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class DataTable:
    """A table of the report: sorted, searched and paged by the script, the first rows without it.

    Attributes
    ----------
    name : str
        Its identifier on the page.
    caption : str
        What it shows.
    columns : tuple of Column
        From left to right, of one length.
    unit : str
        What a row is, in the singular.
    file : str
        The file beside the page that holds every row with all digits; empty where there is none.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    unit: str
    file: str = ""

    def __len__(self) -> int:
        return len(self.columns[0].values)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Heads that stand above several columns, with the number of these; empty where no column has one."""
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return spans if any(group for group, _ in spans) else []

    @property
    def first_rows(self) -> list[list[tuple[Column, Any, str]]]:
        """Column, value and text of each cell of the first rows."""
        return [
            [(column, column.values[row], cell_text(column, column.values[row])) for column in self.columns]
            for row in range(min(len(self), ROWS_SHOWN))
        ]

    @property
    def data(self) -> dict[str, Any]:
        """Everything that the script needs to draw it."""
        columns = [{"head": c.head, "kind": c.kind, "digits": c.digits, "values": c.values} for c in self.columns]
        return {
            "unit": self.unit,
            "rows": ROWS_OF_A_PAGE,
            "columns": columns,
        }


def shown(name: str) -> str:
    """Return a name as the page shows it: nothing in it acts, and it is no longer than a few lines."""
    return shortened(printable(name[: NAME_WIDTH + 1]), NAME_WIDTH)


def prose(text: str) -> str:
    """Return sentences that hold names as the page shows them: no word is longer than a name may be."""
    words = re.sub(
        rf"\S{{{NAME_WIDTH + 1},}}", lambda word: word[0][: NAME_WIDTH - 1] + "\N{HORIZONTAL ELLIPSIS}", text
    )
    return printable(words[:PROSE_WIDTH])


def names(head: str, values: Iterable[str], **options: Any) -> Column:
    """Make a column of the names of models, items or jurors."""
    return Column(head, [shown(value) for value in values], "name", **options)


def numbers(head: str, values: ArrayLike, digits: int, **options: Any) -> Column:
    """Make a column of numbers of so many decimals; those that are not finite are missing."""
    return Column(head, _rounded(values, digits), "number", digits, **options)


def percents(head: str, values: ArrayLike, digits: int = 2, **options: Any) -> Column:
    """Make a column of parts of 1 in percent; what is positive and rounds to 0 stays positive."""
    exact = 100 * np.asarray(values, dtype=np.float64)
    rounded = [
        10.0 ** -(digits + 1) if value == 0 and given > 0 else value
        for value, given in zip(_rounded(exact, digits), exact.tolist(), strict=True)
    ]
    return Column(head, rounded, "percent", digits, **options)


def changes(head: str, values: ArrayLike, digits: int, **options: Any) -> Column:
    """Make a column of differences, with their signs."""
    return Column(head, _rounded(values, digits), "change", digits, **options)


def _rounded(values: ArrayLike, digits: int) -> list[float | int | None]:
    exact = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(exact)
    rounded = np.where(finite, exact, 0.0).round(digits) + 0.0  # no negative zero
    listed: list[float | int | None] = (rounded.astype(np.int64) if digits == 0 else rounded).tolist()
    for row in np.flatnonzero(~finite).tolist():
        listed[row] = None
    return listed


def cell_text(column: Column, value: Any) -> str:
    """Write a cell as the script does, too."""
    if value is None:
        return MISSING
    if column.kind not in NUMERIC:
        return str(value)
    if column.kind == "percent" and value == 0:
        return "0"
    if column.kind == "percent" and 0 < value < 0.5 * 10.0**-column.digits:
        return f"<{10.0**-column.digits:.{column.digits}f}"
    sign = "+" if column.kind == "change" and value > 0 else ""
    return sign + signed(value, column.digits)


def signed(value: float, digits: int) -> str:
    """Write a number with a minus sign that is as wide as a plus."""
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def breakable(name: str) -> Markup:
    """Escape a name for HTML, with a place to break the line after each slash and underscore."""
    from markupsafe import Markup

    return Markup("<wbr>").join(re.split(r"(?<=[/_])(?=.)", name, flags=re.DOTALL))


def island(data: Any) -> str:
    r"""Write data as JSON that no HTML parser takes for anything else.

    Examples
    --------
    >>> island({"name": "</script><!--"})
    '{"name":"\\u003c/script\\u003e\\u003c!--"}'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
