"""How often flags are wrong in honest pools, and how often they miss what was planted."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import LeakWarning
from hemicycle.flags import MEANINGS, flag_submissions
from hemicycle.judgments import Judgments
from hemicycle.leak import leak_check
from hemicycle.pool import Pool
from hemicycle.reproduce.planted import (
    HonestRound,
    honest_round,
    planted_copies,
    planted_keys,
    planted_oddities,
    popularity_metric,
)
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.leak import LeakCheck
    from hemicycle.reproduce.claims import Progress

__all__ = ["ODDITIES", "FlagRates", "flag_rates", "interval", "plant"]

Z = 1.959963984540054  #: 95 percent of a normal distribution are within so many standard deviations
ODDITIES = ("uniform", "extreme ratio", "one item", "unjudged items")
SHARES, PASTED = 40, (1.0, 0.6, 0.3)  #: judged items of a jury of shares, and parts of its answers that are pasted


@dataclass(slots=True)
class FlagRates:
    """Counts by case; rates and intervals follow from them.

    Attributes
    ----------
    n_rounds : int
        Rounds that were drawn.
    tried, hit : Counter
        How often each (flag, kind, case) was tried, and how often the flag was there.
    """

    n_rounds: int = 0
    tried: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    hit: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, flag: str, kind: str, case: str, hits: int, n: int) -> None:
        """Count a case: `kind` is "honest" where a flag is a false alarm, "planted" where none is a miss."""
        self.tried[flag, kind, case] += n
        self.hit[flag, kind, case] += hits

    def wrong(self, flag: str, kind: str, case: str) -> tuple[int, int]:
        """Return how often a flag was wrong, and of how many."""
        n, hits = self.tried[flag, kind, case], self.hit[flag, kind, case]
        return (hits if kind == "honest" else n - hits), n

    def table(self) -> Table:
        """Return one row a case.

        Returns
        -------
        Table
            Columns flag, error ("false alarm" or "miss"), case, n, wrong, rate, low and high: Wilson's 95% interval.
        """
        flags = list(dict.fromkeys(flag for flag, _, _ in self.tried))
        keys = sorted(self.tried, key=lambda key: flags.index(key[0]))
        counts = [self.wrong(*key) for key in keys]
        ends = np.array([interval(wrong, n) for wrong, n in counts])
        return Table(
            {
                "flag": [flag for flag, _, _ in keys],
                "error": ["false alarm" if kind == "honest" else "miss" for _, kind, _ in keys],
                "case": [case for _, _, case in keys],
                "n": np.array([n for _, n in counts]),
                "wrong": np.array([wrong for wrong, _ in counts]),
                "rate": np.array([wrong / n for wrong, n in counts]),
                "low": ends[:, 0].copy(),
                "high": ends[:, 1].copy(),
            }
        )


def interval(wrong: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95% interval of a rate.

    Parameters
    ----------
    wrong, n : int
        How often it happened, of how many independent trials, at least 1.

    Returns
    -------
    tuple of float
        Lower and upper end, between 0 and 1.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference, doi:10.2307/2276774.
    """
    rate, width = wrong / n, Z**2 / n
    middle = (rate + width / 2) / (1 + width)
    half = np.sqrt(rate * (1 - rate) * width + width**2 / 4) / (1 + width)
    low, high = float(max(0.0, middle - half)), float(min(1.0, middle + half))
    return (0.0 if wrong == 0 else low), (1.0 if wrong == n else high)


def flag_rates(n_rounds: int, seed: int, progress: Progress) -> FlagRates:
    """Draw rounds, plant cases, and count.

    Parameters
    ----------
    n_rounds : int
        Rounds, at least 1; each has a seed of its own.
    seed : int
        Seed.
    progress : callable
        Told how many rounds are done.

    Returns
    -------
    FlagRates
        The counts.
    """
    rates = FlagRates()
    for number in range(n_rounds):
        rng = np.random.default_rng([seed, 0, number])
        made = honest_round(rng)
        _honest(rates, made)
        plant(rates, made, rng)
        _shares(rates, rng)
        progress("rounds with planted submissions", number + 1, n_rounds)
    return rates


def plant(rates: FlagRates, made: HonestRound, rng: np.random.Generator) -> None:
    """Plant every case once in a round, and count what is missed.

    Parameters
    ----------
    rates : FlagRates
        Where it is counted.
    made : HonestRound
        The round.
    rng : numpy.random.Generator
        Source of randomness.
    """
    leak = _leak(made)
    _copies(rates, made, rng, leak)
    _keys(rates, made, rng)
    _oddities(rates, made, rng, leak)
    rates.n_rounds += 1


def _leak(made: HonestRound, *planted: NDArray[np.float64]) -> LeakCheck:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)
        return leak_check(made.pool(*planted), made.judgments, used=made.used)


def _honest(rates: FlagRates, made: HonestRound) -> None:
    flags = flag_submissions(made.pool(), made.judgments, leak=_leak(made))
    by_rule = {rule: {flag.model for flag in flags.flags if flag.rule == rule} for rule in MEANINGS}
    n = len(made.logits)
    rates.add("clone", "honest", "models", len(by_rule["same predictions"] | by_rule["near predictions"]), n)
    fitted = [name for name in MEANINGS if name.startswith("fits")]
    rates.add("answer key", "honest", "models", sum(len(by_rule[rule]) for rule in fitted), n)
    rates.add("answer key", "honest", "rounds with any", int(any(by_rule[rule] for rule in fitted)), 1)
    for rule in ODDITIES:
        rates.add(rule, "honest", "models", len(by_rule[rule]), n)


def _copies(rates: FlagRates, made: HonestRound, rng: np.random.Generator, leak: LeakCheck) -> None:
    cases = list(planted_copies(made, rng))
    pool = made.pool(*(planted.logits for _, planted in cases))
    groups = flag_submissions(pool, made.judgments, leak=leak).groups
    group_of = {row: number for number, group in enumerate(groups) for row in group.rows.tolist()}
    start = len(made.logits)
    for original, planted in cases:
        copies = range(start, start + len(planted.logits))
        found = [row in group_of and group_of[row] == group_of.get(original) for row in copies]
        rates.add("clone", "planted", planted.case, sum(found), len(found))
        if any(found):
            first = groups[group_of[original]].first
            rates.add("earliest", "planted", "original named", int(first == (pool.models[original],)), 1)
        start += len(planted.logits)


def _keys(rates: FlagRates, made: HonestRound, rng: np.random.Generator) -> None:
    for planted in planted_keys(made, rng):
        suspects = _leak(made, planted.logits).suspects
        rates.add("answer key", "planted", planted.case, int(f"m{len(made.logits):04d}" in suspects), 1)


def _oddities(rates: FlagRates, made: HonestRound, rng: np.random.Generator, leak: LeakCheck) -> None:
    cases = list(planted_oddities(made, rng))
    metric = popularity_metric(made, rng)
    pool = made.pool(*(planted.logits for _, planted in cases), metric.logits)
    flags = flag_submissions(pool, made.judgments, leak=leak).flags
    found = {(flag.model, flag.rule) for flag in flags}
    for model, (rule, planted) in zip(pool.models[len(made.logits) : -1], cases, strict=True):
        rates.add(rule, "planted", planted.case, int((model, rule) in found), 1)
    for rule in ODDITIES:
        rates.add(rule, "honest", metric.case, int((pool.models[-1], rule) in found), 1)


def _shares(rates: FlagRates, rng: np.random.Generator) -> None:
    """Paste answers of a jury that gives shares of one parent, so that nothing is left over by the best fit."""
    key = rng.normal(0, 1.5, 1 + SHARES)
    judgments = Judgments.from_arrays(np.zeros(SHARES, dtype=int), range(1, 1 + SHARES), key[1:] - key[0])
    honest = key + rng.normal(size=(20, 1 + SHARES)) * rng.uniform(0.2, 1.0, (20, 1))
    pasted = [np.where(rng.permutation(1 + SHARES) < part * (1 + SHARES), key, honest[0]) for part in PASTED]
    for row in pasted:
        row[0] = key[0]
    pool = Pool.from_array(np.vstack([honest, *pasted]), items=1 + SHARES)
    rows = {flag.model for flag in flag_submissions(pool, judgments).flags if flag.rule == "repeats answers"}
    rates.add("repeats answers", "honest", "models", sum(model in rows for model in pool.models[: len(honest)]), 20)
    for model, part in zip(pool.models[len(honest) :], PASTED, strict=True):
        rates.add("repeats answers", "planted", f"{part:.0%} of the answers", int(model in rows), 1)
