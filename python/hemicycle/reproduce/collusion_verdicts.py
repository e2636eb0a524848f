"""Verdicts on what joint training does to the error of an ensemble and to its diversity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.claims import Claim, Finding
from hemicycle.reproduce.collusion_measures import BETAS, MOMENTS
from hemicycle.reproduce.paired_runs import listed, sign, verdict_over_cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.reproduce.collusion_measures import Measured

__all__ = [
    "INDEPENDENT",
    "JOINT",
    "PLACES",
    "by_place",
    "explosion",
    "on_early_rise",
    "on_explosion",
    "on_gap",
    "on_independent",
    "on_interior",
    "told",
]

INDEPENDENT, JOINT = 0, len(BETAS) - 1  #: conditions
EXPLODED = 10.0  #: times the diversity of independent members
PLACES = {"stopped": "stopped early", "end": "at the end"}

BEATS = Claim(
    "independent_beats_joint",
    "independent against joint",
    "An ensemble whose members are trained independently has a lower test loss than one that is trained as one",
    "independent wins",
)
EXPLODES = Claim(
    "explosion",
    "diversity explosion",
    "Diversity explodes as beta goes to 1: it exceeds ten times that of independent members",
    "explodes",
)
RISES = Claim(
    "early_rise",
    "diversity in training",
    "In joint training diversity rises first: it grows before half of the fall of the training loss is done",
    "rises first",
)
GAP = Claim(
    "gap",
    "generalisation gap",
    "The gap between test and training loss is larger for joint training",
    "larger",
)
INTERIOR = Claim(
    "interior",
    "the best beta",
    "The lowest test loss lies at a beta between 0 and 1",
    "0 < beta < 1",
)


def by_place(
    measured: Measured, difference: Callable[[dict[str, NDArray[np.float64]]], NDArray[np.float64]]
) -> tuple[dict[str, int], dict[str, float]]:
    """Decide a difference in every case, both stopped early and at the end.

    Parameters
    ----------
    measured : Measured
        What was measured.
    difference : callable
        From the measures of a case and moment to one number a run, above 0 where the claim is right.

    Returns
    -------
    tuple of dict
        The sign and the mean of each, by names such as "diabetes stopped early".
    """
    found = {
        f"{case} {PLACES[moment]}": difference(measured.values[case, moment])
        for case in measured.cases
        for moment in MOMENTS
    }
    return {place: sign(values) for place, values in found.items()}, _means(found)


def on_independent(measured: Measured) -> Finding:
    """Judge whether independent training has the lower test loss.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    Finding
        It holds if that is so in every case, stopped early and at the end.
    """
    signs, means = by_place(measured, lambda m: m["err"][:, JOINT] - m["err"][:, INDEPENDENT])
    wins, losses = list(signs.values()).count(1), list(signs.values()).count(-1)
    return Finding(
        BEATS,
        verdict_over_cases(signs, measured.n_runs),
        f"wins {wins}, loses {losses} of {len(signs)}",
        told(signs, ("Independent is better", "joint is better", "open")),
        means,
    )


def explosion(measured: Measured, case: str, moment: str = "end") -> NDArray[np.float64]:
    """Return how many times the diversity of independent members that of joint training is, one number a run."""
    div = measured.values[case, moment]["div"]
    ratio: NDArray[np.float64] = div[:, JOINT] / div[:, INDEPENDENT]
    return ratio


def on_explosion(measured: Measured) -> Finding:
    """Judge whether diversity explodes.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    Finding
        It holds if it exceeds the mark in every case at the end of training.
    """
    ratios = {case: explosion(measured, case) for case in measured.cases}
    signs = {case: sign(np.log(ratio / EXPLODED)) for case, ratio in ratios.items()}
    typical = {case: float(np.exp(np.log(ratio).mean())) for case, ratio in ratios.items()}
    before = {
        case: float(np.exp(np.log(measured.values[case, "end"]["div"][:, [JOINT - 1, INDEPENDENT]]) @ [1, -1]).mean())
        for case in measured.cases
    }
    return Finding(
        EXPLODES,
        verdict_over_cases(signs, measured.n_runs),
        f"{min(typical.values()):.3g} to {max(typical.values()):,.0f} times",
        "Times the diversity of independent members, at beta 1 (and at 0.9): "
        + ", ".join(f"{case} {value:,.3g} ({before[case]:.2g})" for case, value in typical.items())
        + f". {listed(signs, ('More than ten times', 'less', 'open'))}",
        typical | {f"{case} at 0.9": value for case, value in before.items()},
    )


def on_early_rise(measured: Measured) -> Finding:
    """Judge when diversity grows in joint training.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    Finding
        It holds if diversity has grown in every case when the training loss is half way down.
    """
    signs: dict[str, int] = {}
    numbers: dict[str, float] = {}
    said = []
    for case in measured.cases:
        course = measured.courses[case]["train"]  # (n_runs, n_checkpoints, 3, n_conditions)
        joint, alone = _growth_half_way(course[..., JOINT]), _growth_half_way(course[..., INDEPENDENT])
        signs[case] = sign(np.log(joint))
        numbers |= {f"{case} joint": float(joint.mean()), f"{case} independent": float(alone.mean())}
        most = course[:, :, 2, JOINT].mean(axis=0)
        half = float(measured.steps[case][np.argmax(most >= most.max() / 2)] / measured.steps[case][-1])
        numbers[f"{case} half"] = half
        said.append(f"{case} {joint.mean():.2g} ({alone.mean():.2g}; {half:.0%})")
    return Finding(
        RISES,
        verdict_over_cases(signs, measured.n_runs),
        f"{list(signs.values()).count(1)} of {len(signs)} cases",
        "Times the diversity of the start when the training loss is half way down (that of independent members; the "
        "part of training after which joint diversity is half of its peak): " + ", ".join(said),
        numbers,
    )


def on_gap(measured: Measured) -> Finding:
    """Judge whether joint training generalises worse.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    Finding
        It holds if the gap is larger in every case, stopped early and at the end.
    """

    def wider(m: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        gap: NDArray[np.float64] = m["err"] - m["err_train"]
        return gap[:, JOINT] - gap[:, INDEPENDENT]

    signs, means = by_place(measured, wider)
    return Finding(
        GAP,
        verdict_over_cases(signs, measured.n_runs),
        f"larger in {list(signs.values()).count(1)}, smaller in {list(signs.values()).count(-1)} of {len(signs)}",
        told(signs, ("Larger", "smaller", "open")),
        means,
    )


def on_interior(measured: Measured) -> Finding:
    """Judge whether a beta between the ends is best.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    Finding
        It holds if in every case the beta that the other half of the runs chooses between the ends beats the end that
        it chooses.
    """
    signs, means = by_place(measured, _interior_gain)
    best = {
        case: BETAS[int(np.argmin(measured.values[case, "stopped"]["err"][:, : JOINT + 1].mean(axis=0)))]
        for case in measured.cases
    }
    return Finding(
        INTERIOR,
        verdict_over_cases(signs, measured.n_runs),
        f"{list(signs.values()).count(1)} of {len(signs)}",
        "A beta between the ends, and the end, are chosen by the half of the runs that does not judge. "
        + told(signs, ("The inner one is better", "the end is better", "open"))
        + ". Lowest mean when stopped early: "
        + ", ".join(f"{case} {beta:g}" for case, beta in best.items()),
        means | {f"{case} best": beta for case, beta in best.items()},
    )


def _interior_gain(m: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return by how much an inner beta beats an end, both chosen by the other half of the runs, one number a run.

    A choice by all other runs would be nearly the same for each, and so by the very numbers that judge it.
    """
    err = m["err"][:, : JOINT + 1]
    n = len(err)
    half = np.arange(n) % 2
    by_half = np.array([err[half == own].mean(axis=0) if n > 1 else err[0] for own in (0, 1)])
    others = by_half[1 - half]  # (n_runs, n_betas)
    end = np.where(others[:, INDEPENDENT] <= others[:, JOINT], INDEPENDENT, JOINT)
    inner = 1 + np.argmin(others[:, 1:JOINT], axis=1)
    gain: NDArray[np.float64] = err[np.arange(n), end] - err[np.arange(n), inner]
    return gain


def _growth_half_way(course: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return DIV over that of the start, when ERR has fallen by half of what it falls, one number a run."""
    err, div = course[:, :, 0], course[:, :, 2]
    down = np.argmax(err <= (err[:, :1] + err.min(axis=1, keepdims=True)) / 2, axis=1)
    grown: NDArray[np.float64] = div[np.arange(len(div)), down] / div[:, 0]
    return grown


def told(signs: dict[str, int], words: tuple[str, str, str]) -> str:
    """Say which cases support, contradict and leave open, and when, where it depends.

    Parameters
    ----------
    signs : dict
        As `by_place` decides them.
    words : tuple of str
        As for `listed`.

    Returns
    -------
    str
        A case by its name alone where stopped early and at the end say the same.
    """
    short: dict[str, int] = {}
    for place, value in signs.items():
        case = place.removesuffix(f" {PLACES['stopped']}").removesuffix(f" {PLACES['end']}")
        same = all(signs[f"{case} {word}"] == value for word in PLACES.values())
        short[case if same else place] = value
    return listed(short, words)


def _means(found: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    return {place: float(values.mean()) for place, values in found.items()}
