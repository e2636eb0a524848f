"""What is said of flags, and the rules by which rates become verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hemicycle.reproduce.claims import Claim, Finding
from hemicycle.reproduce.flag_rates import ODDITIES, interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hemicycle.reproduce.claims import Verdict
    from hemicycle.reproduce.flag_rates import FlagRates
    from hemicycle.reproduce.real_flags import RealCase

__all__ = ["on_flag_rates", "on_real_flags"]

NEARLY_ALL = 0.05  #: may be missed
RARE = 0.001  #: of honest models
MOST = 0.5  #: of what is hidden
SOME = 0.01  #: of honest rounds, and of what is planted
CERTAIN = ("exact", "constant added", "other items differ", "rescaled, 10 digits")

COPIES = Claim(
    "copies",
    "copies",
    "Copies are found: exact, rescaled, with a constant added, or other than the original where nobody judged",
    "all",
)
NEAR_COPIES = Claim(
    "near_copies",
    "copies that moved",
    "Copies at up to 0.01 from the original are found, where a quarter of the bandwidth is 0.025; at 0.05 they are "
    "models of their own",
    "found, not found",
)
EARLIEST = Claim(
    "earliest", "the earliest", "Where times are known the original of a group of copies is named", "always"
)
NO_CLONES = Claim(
    "honest_clones", "honest models called copies", "Of honest models hardly any is called a copy", "below 0.1%"
)
NO_KEYS = Claim(
    "honest_keys",
    "honest rounds with a suspect",
    "Of honest rounds at most one in a hundred has a suspect",
    "at most 1%",
)
KEYS = Claim("keys", "keys", "A model that was fitted to all rows, or to all rows used, is found", "at most 1% missed")
HIDDEN = Claim(
    "hidden_keys",
    "keys that are hidden",
    "A key with noise of 0.3 on the logits, of half of the rows, or blended with an honest model is seldom found",
    "most missed",
    by_source=False,
)
REPEATED = Claim(
    "repeated_answers",
    "answers of shares",
    "Where a jury gives shares, a model that repeats 60% of them or all is found, and no honest one",
    "all",
)
ODD = Claim(
    "degenerate",
    "what says nothing, or too much",
    "Uniform submissions are found, and those with all on one item or on items that nobody judged",
    "all",
)
NOT_ODD = Claim(
    "honest_degenerate",
    "honest models called degenerate",
    "Of honest models hardly any is called degenerate",
    "below 0.1%",
)
EXTREME = Claim(
    "extreme",
    "exaggeration",
    "Nearly every honest model to the power of 10 is found to be extreme: of flat ones that power is hardly more than "
    "the truth",
    "at most 5% missed",
    by_source=False,
)
REAL = Claim(
    "real",
    "real rounds",
    "In real rounds flags find the copies, the answer key and the extreme submission that are known to be there",
    "all",
)


def on_flag_rates(rates: FlagRates) -> tuple[Finding, ...]:
    """Judge what is said of flags.

    Parameters
    ----------
    rates : FlagRates
        What was counted.

    Returns
    -------
    tuple of Finding
        A rate is below a limit if the upper end of its 95% interval is, and is not if the lower end is above; else
        there are too few runs to say. What is found always must never be missed.
    """
    return (
        _never(COPIES, rates, [("clone", "planted", case) for case in CERTAIN]),
        _near(rates),
        _never(EARLIEST, rates, [("earliest", "planted", "original named")]),
        _below(NO_CLONES, rates, [("clone", "honest", "models")], RARE),
        _below(NO_KEYS, rates, [("answer key", "honest", "rounds with any")], SOME),
        _below(KEYS, rates, [("answer key", "planted", case) for case in ("key", "key of the rows used")], SOME),
        _hidden(rates),
        _never(
            REPEATED,
            rates,
            [
                ("repeats answers", "planted", "100% of the answers"),
                ("repeats answers", "planted", "60% of the answers"),
                ("repeats answers", "honest", "models"),
            ],
        ),
        _never(
            ODD,
            rates,
            [
                (flag, "planted", case)
                for flag, kind, case in rates.tried
                if flag in ODDITIES and flag != "extreme ratio" and kind == "planted" and "noise 0.1" not in case
            ],
        ),
        _below(NOT_ODD, rates, [(rule, "honest", "models") for rule in ODDITIES], RARE),
        _below(EXTREME, rates, [("extreme ratio", "planted", "an honest model, to the power of 10")], NEARLY_ALL),
    )


def _total(rates: FlagRates, keys: Sequence[tuple[str, str, str]]) -> tuple[int, int]:
    counts = [rates.wrong(*key) for key in keys]
    return sum(wrong for wrong, _ in counts), sum(n for _, n in counts)


def _never(claim: Claim, rates: FlagRates, keys: Sequence[tuple[str, str, str]]) -> Finding:
    wrong, n = _total(rates, keys)
    because = f"over {rates.n_rounds:,} rounds; the 95% interval of the rate goes up to {interval(wrong, n)[1]:.2%}"
    numbers = {"wrong": float(wrong), "n": float(n)}
    return Finding(claim, "holds" if wrong == 0 else "does not hold", f"{wrong:,} of {n:,} wrong", because, numbers)


def _below(claim: Claim, rates: FlagRates, keys: Sequence[tuple[str, str, str]], limit: float) -> Finding:
    """Judge the worst of some rates by a limit."""
    counts = [rates.wrong(*key) for key in keys]
    wrong, n = max(counts, key=lambda count: count[0] / count[1])
    low, high = interval(wrong, n)
    verdict: Verdict = "holds" if high <= limit else "does not hold" if low > limit else "too few runs"
    worst = f", the worst of {len(keys)}" if len(keys) > 1 else ""
    found = f"{wrong / n:.2%}, {wrong:,} of {n:,}{worst}"
    because = f"the 95% interval goes from {low:.2%} to {high:.2%}"
    return Finding(claim, verdict, found, because, {"rate": wrong / n, "low": low, "high": high, "n": float(n)})


def _near(rates: FlagRates) -> Finding:
    parts = {d: rates.wrong("clone", "planted", f"moved by {d:g}") for d in (0.005, 0.01, 0.02, 0.03, 0.05)}
    missed = {d: wrong / n for d, (wrong, n) in parts.items()}
    found = ", ".join(f"{rate:.0%} at {d:g}" for d, rate in missed.items())
    holds = missed[0.005] == missed[0.01] == 0 and missed[0.05] > 1 - SOME
    because = "missed, by the distance that copies moved at random: what counts as a copy ends at 0.025"
    numbers = {f"missed_{d:g}": rate for d, rate in missed.items()}
    return Finding(NEAR_COPIES, "holds" if holds else "does not hold", f"missed {found}", because, numbers)


def _hidden(rates: FlagRates) -> Finding:
    cases = ("key, noise 0.3", "key of half of the rows", "key and an honest model, half each")
    missed = [wrong / n for wrong, n in (rates.wrong("answer key", "planted", case) for case in cases)]
    found = ", ".join(f"{rate:.0%}" for rate in missed)
    because = "missed, in this order: who hides what they saw until it fits no better than the truth is not seen"
    verdict: Verdict = "holds" if min(missed) > MOST else "does not hold"
    numbers: dict[str, float] = dict(zip(("noise", "half", "blend"), missed, strict=True))
    return Finding(HIDDEN, verdict, f"missed {found}", because, numbers)


def on_real_flags(cases: Sequence[RealCase]) -> tuple[Finding, ...]:
    """Judge what flags find in real rounds; nothing without their data.

    Parameters
    ----------
    cases : sequence of RealCase
        What is known to be there, and what was found.

    Returns
    -------
    tuple of Finding
        One, or none.
    """
    if not cases:
        return ()
    wrong = [case for case in cases if case.is_known and case.found != case.known]
    n = sum(case.is_known for case in cases)
    because = "; ".join(f"{case.round}: {case.what}: {case.found}, known are {case.known}" for case in wrong)
    return (
        Finding(
            REAL,
            "does not hold" if wrong else "holds",
            f"{n - len(wrong)} of {n}",
            because or "the table real says which; what honest people sent and is flagged stands there, too",
            {"right": float(n - len(wrong)), "n": float(n)},
        ),
    )
