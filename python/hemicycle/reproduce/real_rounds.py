"""Real rounds: a jury with public and private rows, and the submissions that were not fitted to the private ones."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import OptionError
from hemicycle.judgments import Judgments
from hemicycle.pool import Pool
from hemicycle.round import Round

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FITTED", "PRIVATE", "RealRound", "data_folder", "real_rounds"]

PRIVATE = "private"
LEVEL_1 = "level1-2025"
JURY = Path(LEVEL_1, "jury_split.csv")
SUBMISSIONS, LATER = Path(LEVEL_1, "submissions"), Path(LEVEL_1, "submissions_xround")
FITTED = frozenset(
    {
        "gasquez-bradley-terry",
        "gasquez-bradley-terry-intensity",
        "gasquez-elo",
        "gasquez-huber-log",
        "gasquez-least-squares",
    }
)
"""Submissions of level 1 that were fitted to all rows, private ones included."""


@dataclass(frozen=True, slots=True)
class RealRound:
    """A round whose private rows tell how well ensembles predict.

    Attributes
    ----------
    name : str
        Which submissions it has.
    whole : Round
        All rows.
    public : Round
        Public rows only.
    """

    name: str
    whole: Round
    public: Round


def data_folder(data: str | os.PathLike[str] | None) -> Path:
    """Return the folder with the data of the rounds.

    Parameters
    ----------
    data : path or None
        The folder; by default what HEMICYCLE_DATA says.

    Returns
    -------
    Path
        It holds what `real_rounds` reads.

    Raises
    ------
    OptionError
        If none is named, or what is needed is not there.
    """
    named = data if data is not None else os.environ.get("HEMICYCLE_DATA")
    if not named:
        raise OptionError(f"data: name the folder with {JURY} by --data or HEMICYCLE_DATA")
    folder = Path(named)
    for needed in (JURY, SUBMISSIONS, LATER):
        if not (folder / needed).exists():
            raise OptionError(f"data: there is no {folder / needed}")
    return folder


def real_rounds(folder: Path, step: Callable[[], None]) -> list[RealRound]:
    """Read level 1 of DeepFunding 2025 with its own submissions, and with those of the next round too.

    Submissions that were fitted to private rows are left out. Those of the next round were made when the rows had been
    published; nobody says that they were fitted to them.

    Parameters
    ----------
    folder : Path
        Of `data_folder`.
    step : callable
        Called when a round is read.

    Returns
    -------
    list of RealRound
        Two.
    """
    own = Pool.read([path for path in sorted((folder / SUBMISSIONS).glob("*.csv")) if path.stem not in FITTED])
    found = []
    for name, pool in (("the round's submissions", own), ("those and the next round's", _joined(own, folder / LATER))):
        judgments = Judgments.read(folder / JURY, items=pool.items)
        private = np.array([split is not None and split.startswith(PRIVATE) for split in judgments.split])
        found.append(RealRound(name, Round(judgments, pool), Round(judgments.select(~private), pool)))
        step()
    return found


def _joined(own: Pool, later: Path) -> Pool:
    """Join pools over the items that both have."""
    other = Pool.read(later)
    shared = [item for item in own.items if item in set(other.items)]
    places = [[list(pool.items).index(item) for item in shared] for pool in (own, other)]
    logits = np.vstack([pool.logits[:, columns] for pool, columns in zip((own, other), places, strict=True)])
    models = [*own.models, *(f"next/{name}" for name in other.models)]
    return Pool.from_array(logits, models=models, items=shared)
