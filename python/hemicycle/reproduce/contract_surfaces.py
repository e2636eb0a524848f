"""Two types of parties: what private costs cost, over the number of parties and the share of the cheaper type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.contracts.welfare import Welfare, welfare
from hemicycle.table import Table

if TYPE_CHECKING:
    from hemicycle.reproduce.claims import Progress

__all__ = ["PAIRS", "SHARES", "SIZES", "surface_table", "surfaces"]

PAIRS = {"both would train alone": (0.2, 0.04), "neither would": (1.0, 0.4), "one would": (0.5, 0.02)}
SIZES = (2, 3, 5, 8, 12, 20)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def surfaces(progress: Progress) -> dict[str, Welfare]:
    """Solve the contracts of every pair of types, number of parties and share.

    Parameters
    ----------
    progress : callable
        Told what is going on.

    Returns
    -------
    dict of str to Welfare
        By what the pair would do alone.

    Raises
    ------
    MissingExtraError
        If clarabel or scipy is not installed.
    """
    share = np.array(SHARES)
    mixtures = np.column_stack([1 - share, share])
    n_cells, found = len(SIZES) * len(SHARES), {}
    for place, (name, costs) in enumerate(PAIRS.items()):

        def tell(done: int, of: int, before: int = place * n_cells) -> None:
            progress("surfaces", before + done * n_cells // max(of, 1), len(PAIRS) * n_cells)

        found[name] = welfare(costs, mixtures, SIZES, progress=tell)
    return found


def surface_table(found: dict[str, Welfare]) -> Table:
    """Return the surfaces as one table.

    Parameters
    ----------
    found : dict of str to Welfare
        Of `surfaces`.

    Returns
    -------
    Table
        One row a pair, number of parties and share of the cheaper type.
    """
    columns: dict[str, list[Any]] = {}
    for name, grid in found.items():
        for row in grid.table():
            mixture = row.pop("mixture")
            cells = {"pair": name, "share_of_cheaper": SHARES[int(mixture)]} | row
            for column, value in cells.items():
                columns.setdefault(column, []).append(value)
    return Table(columns)
