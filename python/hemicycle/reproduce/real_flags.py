"""What flags find in real rounds, beside what is known of their submissions."""

from __future__ import annotations

import csv
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hemicycle.errors import LeakWarning, OptionError
from hemicycle.flags import flag_submissions
from hemicycle.judgments import Judgments
from hemicycle.pool import Pool
from hemicycle.reproduce.planted import HonestRound
from hemicycle.reproduce.real_rounds import FITTED
from hemicycle.round import Round
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hemicycle.flags import Flags

__all__ = ["RealCase", "honest_level_1", "real_flags", "real_table"]

LEVEL_1, GG24_1, GG24_3 = Path("level1-2025"), Path("gg24-2025", "level1"), Path("gg24-2025", "level3")
COPIED = (
    ("eienel-elo", "eienel-elo-draft", "gasquez-elo"),
    ("eienel-huberlog", "gasquez-huber-log", "organisers-l1-predictions"),
    ("gasquez-old-huber-log", "gasquez-old-least-squares-b"),
    ("ianasop-aura-a", "ianasop-aura-b"),
)
"""Identical, rescaled and nearly equal submissions of the second round, as its data describe them."""
NARROW = 0.004  #: bandwidth, of which a quarter is above all distances within `COPIED`, and below all others
FLOOR = 1e-12  #: for the zero weights of the third level


class RealCase(NamedTuple):
    """What is known of a real round, where anything is, and what flags find."""

    round: str
    what: str
    known: str
    found: str
    is_known: bool = True


def real_flags(folder: Path, step: Callable[[], None]) -> list[RealCase]:
    """Look for copies, keys and extremes in three real rounds.

    Parameters
    ----------
    folder : Path
        With the data.
    step : callable
        Called after each round.

    Returns
    -------
    list of RealCase
        In order.

    Raises
    ------
    OptionError
        If something is not there.
    """
    for needed in (LEVEL_1 / "jury_split.csv", GG24_1 / "jury.csv", GG24_3 / "jury.csv"):
        if not (folder / needed).exists():
            raise OptionError(f"data: there is no {folder / needed}")
    cases = []
    for look in (_level_1, _second_round, _third_level):
        cases += look(folder)
        step()
    return cases


def honest_level_1(folder: Path) -> HonestRound:
    """Return level 1 with the submissions that were not fitted to all rows, scored on its public rows.

    Parameters
    ----------
    folder : Path
        With the data.
    """
    pool = Pool.read(
        [path for path in sorted((folder / LEVEL_1 / "submissions").glob("*.csv")) if path.stem not in FITTED]
    )
    judgments = Judgments.read(folder / LEVEL_1 / "jury_split.csv", items=pool.items)
    used = np.array([split is not None and split.startswith("public") for split in judgments.split])
    judged = np.isin(np.arange(len(pool.items)), [judgments.a, judgments.b])
    return HonestRound(judgments, used, np.asarray(pool.logits), judged)


def _flags(jury: Path, submissions: Path, bandwidth: float = 0.1) -> Flags:
    pool = Pool.read(submissions)
    round_ = Round(Judgments.read(jury, items=pool.items), pool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)
        return flag_submissions(round_.pool, round_.judgments, bandwidth=bandwidth)


def _with_flag(flags: Flags, flag: str) -> set[str]:
    return {found.model for found in flags.flags if found.flag == flag}


def _listed(models: Iterable[str]) -> str:
    return ", ".join(sorted(models)) or "none"


def _level_1(folder: Path) -> list[RealCase]:
    flags = _flags(folder / LEVEL_1 / "jury_split.csv", folder / LEVEL_1 / "submissions")
    keys, name = _with_flag(flags, "answer key"), "level 1, 2025"
    return [
        RealCase(name, "copies", "none", _listed(_with_flag(flags, "clone"))),
        RealCase(name, "fitted to all rows, named", _listed(FITTED), _listed(keys & FITTED), is_known=False),
        RealCase(name, "not fitted, named", "none", _listed(keys - FITTED)),
        RealCase(name, "degenerate", "", _listed(_with_flag(flags, "degenerate")), is_known=False),
    ]


def _second_round(folder: Path) -> list[RealCase]:
    paths, name = (folder / GG24_1 / "jury.csv", folder / GG24_1 / "submissions"), "level 1, second round"
    narrow, flags = _flags(*paths, bandwidth=NARROW), _flags(*paths)
    known = "; ".join(map(", ".join, COPIED))
    found = "; ".join(sorted(", ".join(group.models) for group in narrow.groups))
    extreme = {flag.model: flag.evidence for flag in flags.flags if flag.rule == "extreme ratio"}
    most = max(extreme, key=lambda model: extreme[model], default="none")
    return [
        RealCase(name, "copies, to 0.001", known, found),
        RealCase(name, "copies, to 0.025", "", "; ".join(_listed(g.models) for g in flags.groups), is_known=False),
        RealCase(name, "most extreme", "gasquez-rank-centrality", most),
        RealCase(name, "degenerate", "", _listed(_with_flag(flags, "degenerate")), is_known=False),
        RealCase(name, "answer keys", "", _listed(_with_flag(flags, "answer key")), is_known=False),
    ]


def _third_level(folder: Path) -> list[RealCase]:
    """Compare the dependencies of each repository with the one of the largest share: a jury of shares as judgments."""
    pool = Pool.read(folder / GG24_3 / "submissions", min_weight=FLOOR)
    shares: dict[str, list[tuple[float, str]]] = {}
    with (folder / GG24_3 / "jury.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            shares.setdefault(row["repo"], []).append((float(row["weight"]), row["dependency"]))
    a, b, log_ratio = [], [], []
    for repo, parts in shares.items():
        (largest, first), *others = sorted(parts, key=lambda part: -part[0])
        for share, name in others:
            a.append(pool.items.position(first, repo))
            b.append(pool.items.position(name, repo))
            log_ratio.append(math.log(share / largest))
    flags = flag_submissions(pool, Judgments.from_arrays(a, b, log_ratio, items=pool.items))
    return [
        RealCase("level 3, second round", "answer key", "eienel-answer-key", _listed(_with_flag(flags, "answer key")))
    ]


def real_table(cases: list[RealCase]) -> Table:
    """Return one row a case: round, what, known, found."""
    columns = ("round", "what", "known", "found")
    return Table({name: [getattr(case, name) for case in cases] for name in columns})
