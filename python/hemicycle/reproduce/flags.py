"""How far flags can be trusted: their false alarms in honest pools, and what they miss of what was planted."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hemicycle.reproduce.claims import Figure, Reproduction
from hemicycle.reproduce.flag_figures import draw_flag_rates
from hemicycle.reproduce.flag_rates import flag_rates
from hemicycle.reproduce.flag_verdicts import on_flag_rates, on_real_flags
from hemicycle.reproduce.real_flags import real_flags, real_table

if TYPE_CHECKING:
    from hemicycle.reproduce.claims import Progress

__all__ = ["flags"]

SOURCE = "the flags of a run"
NOTE = (
    "Honest models of one round share its jury, so that intervals over models are a little too narrow. A case that is "
    "planted is one of a kind; who knows these rules plants another."
)
WITHOUT_DATA = " Real rounds were not looked at: no --data and no HEMICYCLE_DATA."
N_REAL = 3


def flags(n_rounds: int, seed: int, progress: Progress, data: str | os.PathLike[str] | None = None) -> Reproduction:
    """Measure how often each flag is wrong.

    Parameters
    ----------
    n_rounds : int
        Random rounds, at least 1.
    seed : int
        Seed.
    progress : callable
        Told what is going on.
    data : path, optional
        Folder with the data of real rounds; by default what HEMICYCLE_DATA says, and none without it.

    Returns
    -------
    Reproduction
        The findings, and the rates behind them.

    Raises
    ------
    OptionError
        If a folder is named and the data are not there.
    """
    rates = flag_rates(n_rounds, seed, progress)
    folder, done = data if data is not None else os.environ.get("HEMICYCLE_DATA"), 0

    def step() -> None:
        nonlocal done
        done += 1
        progress("real rounds", done, N_REAL)

    real = real_flags(Path(folder), step) if folder else []
    table = rates.table()
    return Reproduction(
        name="flags",
        source=SOURCE,
        options={"runs": n_rounds, "seed": seed},
        findings=(*on_flag_rates(rates), *on_real_flags(real)),
        tables={"rates": table} | ({"real": real_table(real)} if real else {}),
        figures={"rates": Figure(7.0, 5.0, partial(draw_flag_rates, table))},
        note=NOTE + ("" if real else WITHOUT_DATA),
    )
