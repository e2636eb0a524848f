"""Verdicts on what joint training does to the members of an ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.claims import Claim, Finding
from hemicycle.reproduce.collusion_cases import BETAS, DROPOUTS
from hemicycle.reproduce.collusion_diversity_verdicts import EXPLODED, explosion
from hemicycle.reproduce.collusion_sets import REGRESSION, one_feature_share
from hemicycle.reproduce.collusion_verdicts import INDEPENDENT, JOINT, by_place, told
from hemicycle.reproduce.paired_runs import verdict_over_cases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.reproduce.claims import Verdict
    from hemicycle.reproduce.collusion_cases import Measured

__all__ = ["on_codependence", "on_debiasing", "on_dropout", "on_one_feature", "on_spread"]

HALF = (0.35, 0.65)  #: what counts as about half
HARMLESS, HARMFUL = 0.1, 0.5  #: growth of the error without 40% of the members, over the error
MIDDLE = BETAS.index(0.5)
DROPPED = len(BETAS) + DROPOUTS.index(0.4)
ONE_FEATURE = 0.7  #: part of the variance of ranks that a feature has to explain to carry the signal
HARM = 0.05  #: growth of the error that counts as harm

DEBIAS = Claim(
    "debiasing",
    "debiasing at beta 1",
    "At beta = 1 debiasing removes about half of the diversity",
    "about 0.5",
)
CODEPENDENCE = Claim(
    "codependence",
    "members left out",
    "Leaving members out hurts only near beta = 1",
    "only near 1",
)
DROPOUT = Claim(
    "learner_dropout",
    "learner dropout at beta 1",
    "Dropping learners while an ensemble is trained as one lowers its diversity, and weakens its members",
    "both",
)
ONE = Claim(
    "one_feature",
    "one feature that carries the signal",
    "Where one feature carries the signal diversity explodes without harm to the test loss",
    "no harm",
)
SPREAD = Claim(
    "spread",
    "best and worst member",
    "The best and the worst member drift apart in joint training",
    "apart",
)


def on_debiasing(measured: Measured) -> Finding:
    """Judge how much of the diversity of joint training is bias.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    Finding
        It holds if the mean part at the end is from 0.35 to 0.65 in every case in which members can be shifted.
    """
    shares = {
        case: measured.values[case, "end"]["bias_share"]
        for case in measured.cases
        if not np.isnan(measured.values[case, "end"]["bias_share"]).any()
    }
    joint = {case: float(share[:, JOINT].mean()) for case, share in shares.items()}
    alone = {case: float(share[:, INDEPENDENT].mean()) for case, share in shares.items()}
    half = {case: 1 if HALF[0] <= share <= HALF[1] else -1 for case, share in joint.items()}
    return Finding(
        DEBIAS,
        verdict_over_cases(half, measured.n_runs),
        f"{min(joint.values()):.2f} to {max(joint.values()):.2f}",
        "Part of the diversity that is bias, at beta 1 (and at 0), at the end of training: "
        + ", ".join(f"{case} {value:.2f} ({alone[case]:.2f})" for case, value in joint.items())
        + ". Averaged probabilities cannot be shifted",
        joint | {f"{case} independent": value for case, value in alone.items()},
    )


def on_codependence(measured: Measured) -> Finding:
    """Judge what the error grows by without 40 percent of the members.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    Finding
        It holds if that is less than a tenth at beta 0.5, and more than half at beta 1, in every case.
    """
    growth = {
        case: (m["codependence_40"].mean(axis=0) / m["err"].mean(axis=0))
        for case in measured.cases
        for m in (measured.values[case, "end"],)
    }
    signs = {case: 1 if grown[MIDDLE] < HARMLESS and grown[JOINT] > HARMFUL else -1 for case, grown in growth.items()}
    return Finding(
        CODEPENDENCE,
        verdict_over_cases(signs, measured.n_runs),
        f"{list(signs.values()).count(1)} of {len(signs)} cases",
        "Growth of the test loss without 40% of the members at beta 0, 0.5, 0.9 and 1: "
        + ", ".join(
            f"{case} " + " / ".join(f"{grown[c]:.2g}" for c in (INDEPENDENT, MIDDLE, JOINT - 1, JOINT))
            for case, grown in growth.items()
        )
        + ". For squared errors it is DIV k / ((M - k)(M - 1)), the explosion once more",
        {f"{case} {BETAS[c]:g}": float(grown[c]) for case, grown in growth.items() for c in range(JOINT + 1)},
    )


def on_dropout(measured: Measured) -> Finding:
    """Judge what learner dropout does at beta 1, with a probability of 0.4.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    Finding
        It holds if diversity falls and the error of members grows in every case; with a condition if only the first.
    """
    lower, _ = by_place(measured, lambda m: m["div"][:, JOINT] - m["div"][:, DROPPED])
    weaker, numbers = by_place(measured, lambda m: m["err_bar"][:, DROPPED] - m["err_bar"][:, JOINT])
    than_alone, _ = by_place(measured, lambda m: m["err_bar"][:, DROPPED] - m["err_bar"][:, INDEPENDENT])
    better, _ = by_place(measured, lambda m: m["err"][:, JOINT] - m["err"][:, DROPPED])
    both = (verdict_over_cases(lower, measured.n_runs), verdict_over_cases(weaker, measured.n_runs))
    return Finding(
        DROPOUT,
        _of_both(both),
        f"lower in {_count(lower, 1)} of {len(lower)}, weaker in {_count(weaker, 1)} of {len(weaker)}",
        f"Diversity is lower in {_count(lower, 1)} of {len(lower)} cases, higher in {_count(lower, -1)}. Members are "
        f"weaker than without dropout in {_count(weaker, 1)} of {len(weaker)}, stronger in {_count(weaker, -1)}, and "
        f"weaker than members by themselves in {_count(than_alone, 1)} of {len(than_alone)}. The ensemble is better "
        f"than without dropout in {_count(better, 1)} of {len(better)}, worse in {_count(better, -1)}",
        numbers,
    )


def on_one_feature(measured: Measured) -> Finding:
    """Judge whether the explosion does harm where one feature explains most.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    Finding
        It holds if, stopped early, diversity explodes there and the loss grows by 5% at most.
    """
    share = {name: one_feature_share(name, np.random.default_rng(0)) for name in REGRESSION}
    harm = {case: _growth(measured.values[case, "stopped"]["err"]) for case in REGRESSION}
    at_end = {case: _growth(measured.values[case, "end"]["err"]) for case in REGRESSION}
    times = {case: float(np.exp(np.log(explosion(measured, case, "stopped")).mean())) for case in REGRESSION}
    carried = [name for name in REGRESSION if share[name] >= ONE_FEATURE]
    signs = {case: 1 if times[case] > EXPLODED and harm[case] <= HARM else -1 for case in carried}
    return Finding(
        ONE,
        verdict_over_cases(signs, measured.n_runs),
        ", ".join(f"{case} {harm[case]:+.1%}" for case in carried),
        "Part of the variance of ranks that the best feature explains, times the diversity of independent members, and "
        "growth of the test loss from beta 0 to 1, stopped early (at the end): "
        + "; ".join(
            f"{case} {share[case]:.2f}, {times[case]:.3g}, {harm[case]:+.1%} ({at_end[case]:+.1%})"
            for case in REGRESSION
        ),
        {f"{case} {what}": of[case] for case in REGRESSION for what, of in (("share", share), ("harm", harm))},
    )


def on_spread(measured: Measured) -> Finding:
    """Judge whether the worst member is further from the best one.

    Parameters
    ----------
    measured : Measured
        What was measured.

    Returns
    -------
    Finding
        It holds if that is so in every case, stopped early and at the end where the two differ.
    """

    def wider(m: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        apart: NDArray[np.float64] = m["worst_member"] - m["best_member"]
        return apart[:, JOINT] - apart[:, INDEPENDENT]

    signs, _ = by_place(measured, wider)
    ratio = {
        case: (m["worst_member"] / m["best_member"]).mean(axis=0)
        for case in measured.cases
        for m in (measured.values[case, "end"],)
    }
    return Finding(
        SPREAD,
        verdict_over_cases(signs, measured.n_runs),
        f"{_count(signs, 1)} of {len(signs)}",
        "Loss of the worst member over that of the best, at beta 1 (and at 0), at the end: "
        + ", ".join(f"{case} {of[JOINT]:.3g} ({of[INDEPENDENT]:.2g})" for case, of in ratio.items())
        + f". The distance: {told(signs, ('wider', 'narrower', 'open'))}",
        {case: float(of[JOINT]) for case, of in ratio.items()},
    )


def _growth(err: NDArray[np.float64]) -> float:
    """Return by which part the mean error grows from independent to joint training."""
    return float(err[:, JOINT].mean() / err[:, INDEPENDENT].mean() - 1)


def _of_both(verdicts: tuple[Verdict, Verdict]) -> Verdict:
    """Return the verdict on two claims at once."""
    if verdicts[0] == verdicts[1]:
        return verdicts[0]
    return "holds with a condition" if any(word.startswith("holds") for word in verdicts) else "does not hold"


def _count(signs: dict[str, int], value: int) -> int:
    return list(signs.values()).count(value)
