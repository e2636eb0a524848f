"""How far flags can be trusted: their false alarms in honest pools, and what they miss of what was planted."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.claims import Figure, Reproduction
from hemicycle.reproduce.flag_figures import draw_flag_rates
from hemicycle.reproduce.flag_rates import FlagRates, flag_rates, plant
from hemicycle.reproduce.flag_verdicts import on_flag_rates, on_real_flags
from hemicycle.reproduce.real_flags import honest_level_1, real_flags, real_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hemicycle.reproduce.claims import Progress
    from hemicycle.reproduce.real_flags import RealCase
    from hemicycle.table import Table

__all__ = ["flags"]

SOURCE = "the flags of a run"
NOTE = (
    "Honest models of one round share its jury, so that intervals over models are a little too narrow. A case that is "
    "planted is one of a kind; who knows these rules plants another."
)
WITHOUT_DATA = " Real rounds were not looked at: no --data and no HEMICYCLE_DATA."
N_REAL = 3
REPEATED = 10  #: every case is planted in a real round once for so many that are drawn


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
    named = data if data is not None else os.environ.get("HEMICYCLE_DATA")
    cases, real = _on_real_rounds(Path(named), -(-n_rounds // REPEATED), seed, progress) if named else ((), {})
    table = rates.table()
    return Reproduction(
        name="flags",
        source=SOURCE,
        options={"runs": n_rounds, "seed": seed},
        findings=(*on_flag_rates(rates), *on_real_flags(cases)),
        tables={"rates": table} | real,
        figures={"rates": Figure(7.0, 5.0, partial(draw_flag_rates, table))},
        note=NOTE + ("" if named else WITHOUT_DATA),
    )


def _on_real_rounds(
    folder: Path, repeats: int, seed: int, progress: Progress
) -> tuple[Sequence[RealCase], dict[str, Table]]:
    """Look at what is known of real rounds, and plant every case in one of them."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress("real rounds", done, N_REAL + repeats)

    cases, rates, made = real_flags(folder, step), FlagRates(), honest_level_1(folder)
    for repeat in range(repeats):
        plant(rates, made, np.random.default_rng([seed, 1, repeat]))
        step()
    return cases, {"real": real_table(cases), "real_rates": rates.table()}
