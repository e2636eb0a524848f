"""Each sign of collusion: the figure, the mark that it is held against, and what the two say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.diversity.chance import LEAST_EXAMPLES, ROUNDING, exceeds, n_effective
from hemicycle.rejects import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.diversity.codependence import Dropped
    from hemicycle.diversity.decomposition import Case
    from hemicycle.diversity.parts import Diversity

__all__ = ["Sign", "bias_sign", "codependence_sign", "explosion_beside", "explosion_sign", "percent"]

BIAS_MARK = 0.25  #: part of DIV that is shifts of members, from which on it is a sign
EXPLOSION_MARK = 10.0  #: times the DIV of members that were trained by themselves
CARRIES = 0.9  #: weight of one member from which on an ensemble is little more than that member
SQUARED = ("mse", "brier")  #: losses under which it is known what independent errors do
IN_PERCENT = 2.0  #: growth from which on it is told in times


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of collusion.

    Attributes
    ----------
    name : str
        "diversity explosion", "bias share" or "codependence".
    shown : bool or None
        Whether it is there; None where it cannot be known: of a single member, of too few examples, or of this loss.
    figure : float or None
        What was found.
    mark : float or None
        What independent errors are expected to show, or a rule of thumb. A sign is there where the figure is above it,
        by more than chance explains.
    said : str
        What that means, in words.
    """

    name: str
    shown: bool | None
    figure: float | None
    mark: float | None
    said: str


def explosion_sign(case: Case, parts: Diversity) -> Sign:
    """Hold DIV against what independent errors would make of it.

    Parameters
    ----------
    case : Case
        The ensemble.
    parts : Diversity
        Its ERR, ERR_bar and DIV.
    """
    name, figure = "diversity explosion", _ratio(parts.div, parts.err)
    reason = _unknown(case, parts)
    if not reason and case.name not in SQUARED:
        reason = "under this loss it is held against members that were trained by themselves: pass independent=."
    if reason:
        return Sign(name, None, None, None, reason)
    err = case.loss.ensemble(case.predictions, case.targets, case.weighting.learners[:, None])
    independent = _independent(case)
    expected = case.weighting.mean(independent)
    mark = parts.err_bar / expected - 1
    shown = parts.err == 0 or exceeds(case.weighting, over=(independent,), under=(err,))
    if figure is None:
        said = "the errors of the members cancel out in every example; independent errors would leave some."
        return Sign(name, shown, figure, mark, said)
    compared = f"the diversity is {_times(figure)} the error of the ensemble; of independent errors it would be"
    if shown:
        said = f"{compared} {_times(mark)}: errors cancel better than chance would have it"
    elif figure > mark * (1 + ROUNDING):
        said = f"{compared} {_times(mark)}: over {counted(_n_examples(case), 'example')} that may be chance"
    else:
        said = f"{compared} {_times(mark)}: no more than independent errors earn"
    return Sign(name, shown, figure, mark, f"{said}.")


def explosion_beside(parts: Diversity, independent: Diversity) -> Sign:
    """Hold DIV against that of members that were trained by themselves.

    Parameters
    ----------
    parts, independent : Diversity
        Of the ensemble, and of such members.
    """
    name, other = "diversity explosion", "members that were trained by themselves"
    if independent.div < 0:
        said = f"the diversity of {other} is below 0, and nothing can be held against it."
        return Sign(name, None, None, EXPLOSION_MARK, said)
    shown = parts.div > EXPLOSION_MARK * independent.div + ROUNDING * parts.err_bar
    figure = _ratio(parts.div, independent.div)
    if figure is None:
        found = "these members differ" if shown else "there is as little of it here"
        return Sign(name, shown, None, EXPLOSION_MARK, f"{other} show no diversity at all; {found}.")
    said = f"the diversity is {_times(figure)} that of {other}; more than {EXPLOSION_MARK:g} times counts as a sign."
    return Sign(name, shown, figure, EXPLOSION_MARK, said)


def bias_sign(case: Case, parts: Diversity, share: float | None) -> Sign:
    """Say whether much of DIV is shifts of members.

    Parameters
    ----------
    case : Case
        The ensemble.
    parts : Diversity
        Its ERR, ERR_bar and DIV.
    share : float or None
        The part of DIV that is shifts; None where the loss knows none.
    """
    name = "bias share"
    if len(case.predictions) == 1:
        return Sign(name, None, None, None, "there is one member with weight only.")
    if share is None:
        return Sign(name, None, None, None, "under this loss members cannot be shifted.")
    if parts.div <= ROUNDING * parts.err_bar:
        return Sign(name, None, None, None, "there is no diversity.")
    few = _too_few(case)
    if few:
        return Sign(name, None, None, None, few)
    mark = BIAS_MARK + 2 / n_effective(case.weighting)
    shown = share >= mark
    if share <= 0:
        said = "shifts of the members explain nothing of the diversity"
    else:
        said = f"{percent(share)} of the diversity is that members are shifted against each other"
    compared = f"{percent(mark)} or more counts as a sign"
    return Sign(name, shown, share, mark, f"{said}; {compared}.")


def codependence_sign(case: Case, parts: Diversity, dropped: Dropped) -> Sign:
    """Hold the growth of ERR without some members against what it would be of independent errors.

    Parameters
    ----------
    case : Case
        The ensemble.
    parts : Diversity
        Its ERR, ERR_bar and DIV.
    dropped : Dropped
        What dropping members does.
    """
    name, found = "codependence", dropped.codependence
    row = next((i for i, k in enumerate(found.n_dropped) if k), None)
    if len(case.predictions) > 1 and row is None:
        return Sign(name, None, None, None, f"no part drops any of {counted(found.n_learners, 'member')}.")
    reason = _unknown(case, parts)
    if reason or row is None:
        return Sign(name, None, None, None, reason)
    increase = float(found.increase[row])
    without = f"without {found.n_dropped[row]} of {found.n_learners} members"
    figure, independent = _ratio(increase, found.err), _independent(case)
    if case.name not in SQUARED:
        grows = f"goes from 0 to {increase:.3g}" if figure is None else _growth(figure)
        return Sign(name, None, figure, None, f"{without} the error {grows}; under this loss there is no mark for it.")
    mark = case.weighting.mean(dropped.independent[row]) / case.weighting.mean(independent) - 1
    if figure is None:
        leans = increase > ROUNDING * parts.err_bar
        rest = f"goes from 0 to {increase:.3g}: they lean on each other" if leans else "stays 0"
        return Sign(name, leans, None, mark, f"{without} the error {rest}.")
    err = case.loss.ensemble(case.predictions, case.targets, case.weighting.learners[:, None])
    shown = exceeds(case.weighting, over=(dropped.err[row], independent), under=(err, dropped.independent[row]))
    compared = f"{without} the error {_growth(figure)}; that of independent errors {_growth(mark, 'would ')}"
    if shown:
        said = f"{compared}: they lean on each other"
    elif figure > mark + ROUNDING:
        said = f"{compared}: over {counted(_n_examples(case), 'example')} that may be chance"
    else:
        said = f"{compared}: no sign that they lean on each other"
    return Sign(name, shown, figure, mark, f"{said}.")


def percent(part: float) -> str:
    """Return a part of 1 in percent, never rounded to nothing or to all.

    Parameters
    ----------
    part : float
        From 0 to 1.
    """
    if 0 < part < 0.01:
        return "less than 1%"
    return "more than 99%" if 0.99 < part < 1 - ROUNDING else f"{part:.0%}"


def _unknown(case: Case, parts: Diversity) -> str:
    """Say why errors cannot be held against independent ones, or nothing."""
    if len(case.predictions) == 1:
        return "there is one member with weight only."
    heaviest = float(case.weighting.learners.max())
    if parts.div <= ROUNDING * parts.err_bar:
        return "there is no diversity."
    if heaviest >= CARRIES:
        return f"one member has {percent(heaviest)} of the weight, and the ensemble is little more than that member."
    return _too_few(case)


def _too_few(case: Case) -> str:
    if n_effective(case.weighting) >= LEAST_EXAMPLES - ROUNDING:
        return ""
    weighed = "" if np.ptp(case.weighting.examples) < ROUNDING else " of equal weight, or more of unequal,"
    return f"at least {LEAST_EXAMPLES} examples{weighed} are needed; given: {_n_examples(case)}."


def _n_examples(case: Case) -> int:
    return len(case.weighting.examples)


def _independent(case: Case) -> NDArray[np.float64]:
    """Return the squared error of each example, if errors of different members had nothing to do with each other."""
    w = case.weighting.learners[:, None]
    expected: NDArray[np.float64] = (w * w * case.loss.own(case.predictions, case.targets)).sum(axis=0)
    return expected


def _ratio(value: float, unit: float) -> float | None:
    ratio = value / unit if unit else math.inf
    return ratio if math.isfinite(ratio) else None


def _times(ratio: float) -> str:
    if ratio >= 1e6:
        return "more than a million times"
    return f"{ratio:,.0f} times" if ratio >= 1000 else f"{ratio:.3g} times"


def _growth(part: float, would: str = "") -> str:
    """Say by which part an error grows or falls, and how many times it is where that is more than tripled."""
    s = "" if would else "s"
    if part > IN_PERCENT:
        return f"{would}become{s} {_times(1 + part)} as large"
    if abs(part) < 0.005:
        return f"{would}stay{s} nearly the same"
    return f"{would}grow{s} by {percent(part)}" if part > 0 else f"{would}fall{s} by {percent(-part)}"
