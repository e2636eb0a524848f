"""Verdicts on what joint training does to the diversity of an ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.claims import Claim, Finding
from hemicycle.reproduce.collusion_verdicts import INDEPENDENT, JOINT
from hemicycle.reproduce.paired_runs import listed, sign, verdict_over_cases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.reproduce.collusion_cases import Measured

__all__ = ["EXPLODED", "explosion", "on_early_rise", "on_explosion"]

EXPLODED = 10.0  #: times the diversity of independent members

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


def _growth_half_way(course: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return DIV over that of the start, when ERR has fallen by half of what it falls, one number a run."""
    err, div = course[:, :, 0], course[:, :, 2]
    down = np.argmax(err <= (err[:, :1] + err.min(axis=1, keepdims=True)) / 2, axis=1)
    grown: NDArray[np.float64] = div[np.arange(len(div)), down] / div[:, 0]
    return grown
