"""Verdicts on what joint training does to the error of an ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.claims import Claim, Finding
from hemicycle.reproduce.collusion_cases import BETAS, MOMENTS
from hemicycle.reproduce.paired_runs import listed, sign, verdict_over_cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.reproduce.collusion_cases import Measured

__all__ = ["INDEPENDENT", "JOINT", "PLACES", "by_place", "on_gap", "on_independent", "on_interior", "told"]

INDEPENDENT, JOINT = 0, len(BETAS) - 1  #: conditions
SAME = 0.5  #: part of the runs that ends as it was stopped, from which on the two moments are one case
PLACES = {"stopped": "stopped early", "end": "at the end"}

BEATS = Claim(
    "independent_beats_joint",
    "independent against joint",
    "An ensemble whose members are trained independently has a lower test loss than one that is trained as one",
    "independent wins",
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
    """Decide a difference in every case, both stopped early and at the end where these are not nearly the same.

    Parameters
    ----------
    measured : Measured
        What was measured.
    difference : callable
        From the measures of a case and moment to one number a run, above 0 where the claim is right.

    Returns
    -------
    tuple of dict
        The sign and the mean of each, by names such as "diabetes stopped early"; by the name of the case alone, and at
        the end, where half of the runs or more are the same then, so that no difference counts twice.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for case in measured.cases:
        stopped, end = (difference(measured.values[case, moment]) for moment in MOMENTS)
        if np.mean(stopped == end) >= SAME:
            found[case] = end
        else:
            found |= {f"{case} {PLACES['stopped']}": stopped, f"{case} {PLACES['end']}": end}
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
        It holds if that is so in every case, stopped early and at the end where the two differ.
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


def on_gap(measured: Measured) -> Finding:
    """Judge whether joint training generalises worse.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    Finding
        It holds if the gap is larger in every case, stopped early and at the end where the two differ.
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
        same = all(signs.get(f"{case} {word}", value) == value for word in PLACES.values())
        short[case if same else place] = value
    return listed(short, words)


def _means(found: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    return {place: float(values.mean()) for place, values in found.items()}
