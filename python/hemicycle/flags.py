"""What an organiser looks at twice: copies, keys that were pasted in, and submissions that say nothing or too much."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hemicycle.clone_groups import clone_groups, clone_reason
from hemicycle.clones import clone_proof_prior
from hemicycle.degenerate import degenerate
from hemicycle.errors import DtypeError, LeakWarning, ShapeError
from hemicycle.judgments import require_judgments
from hemicycle.leak import leak_check
from hemicycle.pool import Pool
from hemicycle.rejects import counted, excerpt
from hemicycle.repeated_answers import MOST_REPEATED, repeated_part
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from hemicycle.clone_groups import CloneGroup
    from hemicycle.clones import CloneProofPrior
    from hemicycle.judgments import Judgments
    from hemicycle.leak import LeakCheck

__all__ = ["FLAGS", "MEANINGS", "Flag", "Flags", "flag_submissions"]

FLAGS = ("clone", "answer key", "degenerate")
"""Kinds of flags, in the order in which they are told."""

MEANINGS = {
    "same predictions": "root mean square difference in log ratio, over the judged pairs",
    "near predictions": "root mean square difference in log ratio, over the judged pairs",
    "fits the log ratios": "probability that the truth itself comes as near",
    "fits the choices": "probability that the truth itself comes as near",
    "fits the rows used": "probability that a model that saw no row fits them so much better than those left out",
    "repeats answers": "part of the pairs with one answer that are repeated to a millionth",
    "uniform": "part of the judged pairs that are given the ratio 1",
    "extreme ratio": "largest log ratio of a judged pair, in units of the largest of the jury, or of ln 10",
    "one item": "share of the item in its parent",
    "unjudged items": "share of the parent that goes to them",
}
"""What the number of each rule means."""


class Flag(NamedTuple):
    """One thing to look at: the model, the flag, its rule, a number, the reason in words, and the group of a copy."""

    model: str
    flag: str
    rule: str
    evidence: float
    reason: str
    group: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Flags:
    """What there is to look at; made by `flag_submissions`. A flag changes no weight.

    Attributes
    ----------
    flags : tuple of Flag
        Copies by group, then keys, then what is degenerate.
    groups : tuple of CloneGroup
        Submissions that predict the same, or nearly; the largest group first.
    leak : LeakCheck
        How near each model is to the judgments.
    clones : CloneProofPrior
        Classes and groups of the models, and the prior under which copies change nothing for others.
    """

    flags: tuple[Flag, ...]
    groups: tuple[CloneGroup, ...]
    leak: LeakCheck
    clones: CloneProofPrior

    def __len__(self) -> int:
        return len(self.flags)

    def table(self) -> Table:
        """Return one row a flag.

        Returns
        -------
        Table
            Columns model, flag, rule, evidence, meaning (what the number is), reason, and group, which copies have.
        """
        columns = {name: [getattr(flag, name) for flag in self.flags] for name in ("model", "flag", "rule")}
        return Table(
            {
                **columns,
                "evidence": np.array([flag.evidence for flag in self.flags]),
                "meaning": [MEANINGS[flag.rule] for flag in self.flags],
                "reason": [flag.reason for flag in self.flags],
                "group": [flag.group for flag in self.flags],
            }
        )

    def by_model(self) -> dict[str, tuple[str, ...]]:
        """Return the rules by which each model that has a flag has one."""
        found: dict[str, tuple[str, ...]] = {}
        for flag in self.flags:
            found[flag.model] = (*found.get(flag.model, ()), flag.rule)
        return found

    def counts(self) -> dict[str, int]:
        """Return the number of models that have each kind of flag."""
        models = {kind: {flag.model for flag in self.flags if flag.flag == kind} for kind in FLAGS}
        return {kind: len(found) for kind, found in models.items()}

    @property
    def notices(self) -> tuple[str, ...]:
        """One line for each kind of flag that there is."""
        lines = [line for line in (self._clones(), self._keys(), self._degenerate()) if line]
        return (*lines[:-1], f"{lines[-1]} Flags change no weight.") if lines else ()

    def _clones(self) -> str:
        if not self.groups:
            return ""
        largest = self.groups[0]
        n, groups = self.counts()["clone"], counted(len(self.groups), "group")
        return (
            f"{n:,} models predict what others do, to {self.clones.bandwidth / 4:g} in log ratio, in {groups}; the "
            f"largest: {largest.named}; {largest.earliest}."
        )

    def _keys(self) -> str:
        repeating = sorted({flag.model for flag in self.flags if flag.rule == "repeats answers"})
        said = [self.leak.notice] if self.leak.notice is not None else []
        if repeating:
            more = f" and {len(repeating) - 1:,} more" if len(repeating) > 1 else ""
            said.append(f"{excerpt(repeating[0])}{more} repeat answers of the jury to the digit.")
        return " ".join(said)

    def _degenerate(self) -> str:
        rules = Counter(flag.rule for flag in self.flags if flag.flag == "degenerate")
        if not rules:
            return ""
        n, first = self.counts()["degenerate"], next(flag for flag in self.flags if flag.flag == "degenerate")
        kinds = ", ".join(f"{rule} {number:,}" for rule, number in rules.items())
        found = (
            f"{counted(n, 'model')} {'says' if n == 1 else 'say'} nothing, or what no jury could have said ({kinds})"
        )
        return f"{found}; the first, {excerpt(first.model)}, {first.reason}."


def flag_submissions(
    pool: Pool,
    judgments: Judgments,
    *,
    used: ArrayLike | None = None,
    leak: LeakCheck | None = None,
    level: float = 0.01,
    clones: CloneProofPrior | None = None,
    bandwidth: float = 0.1,
    n_threads: int | None = None,
) -> Flags:
    """Look for copies, for answers that were pasted in, and for submissions that say nothing or what no jury could.

    Parameters
    ----------
    pool : Pool
        The submissions; those with a zero weight have no log ratios, and no flags.
    judgments : Judgments
        What the jury said of these items.
    used : array_like of bool, shape (n_judgments,), or of int, optional
        Rows that scores are based on, as of `hemicycle.leak.leak_check`.
    leak : LeakCheck, optional
        Of the models without a zero weight, where it was made before or of more rows.
    level : float, default 0.01
        Probability to suspect anybody in an honest pool of having seen the answers.
    clones : CloneProofPrior, optional
        Of the models without a zero weight, where it was made before, as by `Round.clones`.
    bandwidth : float, default 0.1
        Copies are near up to a quarter of it, in root mean square of the log ratio over the judged pairs.
    n_threads : int, optional
        Number of threads, by default every core.

    Returns
    -------
    Flags
        What there is to look at, with a number and a reason each.

    Raises
    ------
    DtypeError
        If `pool` is no Pool, or `judgments` are none.
    NoDataError, OptionError, DomainError, IndexOutOfRangeError, ShapeError
        As `hemicycle.leak.leak_check`; if `bandwidth` is not positive, or `clones` are of other models.

    Notes
    -----
    `hemicycle reproduce flags` measures how often each flag is wrong in honest pools, and what it misses.
    """
    if not isinstance(pool, Pool):
        raise DtypeError(f"pool: expected a Pool, got {type(pool).__name__}")
    require_judgments(judgments)
    scored = pool if pool.scorable.all() else pool.select(pool.scorable)
    if leak is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeakWarning)
            leak = leak_check(scored, judgments, used=used, level=level)
    if clones is None:
        clones = clone_proof_prior(scored, judgments, bandwidth=bandwidth, n_threads=n_threads)
    elif len(clones.prior) != len(scored):
        n, found = len(scored), len(clones.prior)
        raise ShapeError(f"clones: expected {n} models, those of the pool without a zero weight, got {found}")
    groups = clone_groups(scored, judgments, clones)
    flags = [*_clones(groups), *_keys(scored, judgments, leak)]
    flags += [
        Flag(scored.models[odd.model], "degenerate", odd.rule, odd.evidence, odd.reason)
        for odd in degenerate(scored.logits, judgments)
    ]
    return Flags(tuple(flags), groups, leak, clones)


def _clones(groups: tuple[CloneGroup, ...]) -> list[Flag]:
    return [
        Flag(
            model,
            "clone",
            "same predictions" if group.twins[place] else "near predictions",
            float(group.distance[place]),
            clone_reason(group, place),
            number,
        )
        for number, group in enumerate(groups, 1)
        for place, model in enumerate(group.models)
    ]


def _keys(pool: Pool, judgments: Judgments, leak: LeakCheck) -> list[Flag]:
    place = {model: row for row, model in enumerate(leak.models)}
    chances = {"the log ratios": leak.log_ratio_p, "the choices": leak.choice_p, "the rows used": leak.gap_p}
    flags = [
        Flag(model, "answer key", f"fits {what}", float(chances[what][place[model]]), _fitted(what))
        for model, found in leak.suspects.items()
        for what in found.split(" and ")
    ]
    part = repeated_part(pool.logits, judgments)
    for row in np.flatnonzero(part >= MOST_REPEATED).tolist():
        reason = f"repeats {part[row]:.0%} of the answers of the jury to the digit"
        flags.append(Flag(pool.models[row], "answer key", "repeats answers", float(part[row]), reason))
    return flags


def _fitted(what: str) -> str:
    if what == "the rows used":
        return "fits the rows used better than those left out, by more than jurors differ"
    return f"fits {what} closer than the truth itself would, which did not see them"
