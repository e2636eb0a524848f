"""Verdicts on what the sum-Gaussian score does to modellers and to ensembles of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.diversity.chance import LEAST_EXAMPLES
from hemicycle.rejects import counted
from hemicycle.reproduce.claims import Claim, Finding
from hemicycle.reproduce.incentive_fits import STARTS
from hemicycle.reproduce.incentive_pools import MECHANISMS
from hemicycle.reproduce.paired_runs import sign, verdict_over_cases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.reproduce.incentive_pools import Pools

__all__ = ["on_better", "on_bias", "on_diverse", "signs"]

DIVERSE = Claim(
    "diverse",
    "diverse pools",
    "Modellers who are judged by the sum-Gaussian make a more diverse pool than those judged by squared error",
    "more diverse",
)
BETTER = Claim(
    "better",
    "better ensembles",
    "Ensembles of modellers who are judged by the sum-Gaussian predict other jurors better",
    "better",
)
NEW = Claim(
    "new_pairs",
    "better on new pairs",
    "They also predict better what jurors say of pairs that nobody saw",
    "better",
    by_source=False,
)
OWN_WIDTH = Claim(
    "own_width",
    "better at a width of their own",
    "They still do where every ensemble predicts with the width that suits the fitted jury best",
    "better",
    by_source=False,
)
BIAS = Claim(
    "bias",
    "genuine diversity",
    "The diversity that the sum-Gaussian adds is genuine: bias explains less than a quarter of it",
    "below 0.25",
    by_source=False,
)
WORDS = {"bma": "averaging", "power": "power posterior", "least_squares": "least squares", "stacking": "stacking"}
GENUINE = 0.25


def signs(differences: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the sign of each difference over the last axis, that of juries, as `sign` decides it."""
    flat = differences.reshape(-1, differences.shape[-1])
    return np.array([sign(values) for values in flat]).reshape(differences.shape[:-1])


def on_diverse(pools: Pools) -> Finding:
    """Judge whether the sum-Gaussian makes pools diverse.

    Parameters
    ----------
    pools : Pools
        What was measured.

    Returns
    -------
    Finding
        It holds if it does for every kind of jury and both starts.
    """
    found = {start: signs(pools.gain("div", start)) for start in STARTS}
    numbers = {
        f"{start} {share:g} {loss}": float(pools.of("div", start, loss)[s, -1, -1].mean())
        for start in STARTS
        for s, share in enumerate(pools.grid.shares)
        for loss in ("mse", "sum_gaussian")
    }
    return _finding(
        DIVERSE,
        pools,
        found,
        f"At distance {pools.grid.distances[-1]:g} and {pools.grid.pairs[-1]} pairs DIV is, under squared error and "
        "sum-Gaussian, "
        + "; ".join(
            f"at {share:.0%} {numbers[f'neutral {share:g} mse']:.2f} and "
            f"{numbers[f'neutral {share:g} sum_gaussian']:.2f} "
            f"(partisans {numbers[f'partisan {share:g} mse']:.2f} and "
            f"{numbers[f'partisan {share:g} sum_gaussian']:.2f})"
            for share in pools.grid.shares
        ),
        numbers,
    )


def on_better(pools: Pools, where: str = "same_pairs") -> Finding:
    """Judge whether ensembles predict held-out labels better.

    Parameters
    ----------
    pools : Pools
        What was measured.
    where : {"same_pairs", "new_pairs", "own_width"}
        Whether other jurors judge the same pairs or others, and whether the width is 0.5, or chosen on the fitted jury.

    Returns
    -------
    Finding
        It holds if they do under every mechanism, for every kind of jury and both starts.
    """
    found = {
        f"{WORDS[mechanism]}, {start}": signs(pools.gain(f"{mechanism}_{where}", start))
        for mechanism in MECHANISMS
        for start in STARTS
    }
    gains = {
        f"{mechanism} {start} {distance:g}": float(pools.gain(f"{mechanism}_{where}", start)[:, d].mean())
        for mechanism in MECHANISMS
        for start in STARTS
        for d, distance in enumerate(pools.grid.distances)
    }
    return _finding(
        {"same_pairs": BETTER, "new_pairs": NEW, "own_width": OWN_WIDTH}[where],
        pools,
        found,
        "Mean gain in log score a label by distance ("
        + ", ".join(f"{distance:g}" for distance in pools.grid.distances)
        + "): "
        + "; ".join(
            f"{WORDS[mechanism]}, {start} "
            + ", ".join(f"{gains[f'{mechanism} {start} {distance:g}']:+.2f}" for distance in pools.grid.distances)
            for mechanism in MECHANISMS
            for start in STARTS
        ),
        gains,
    )


def on_bias(pools: Pools) -> Finding:
    """Judge how much of the diversity is bias.

    Parameters
    ----------
    pools : Pools
        What was measured.

    Returns
    -------
    Finding
        It holds if the mean share is below a quarter at the largest distance for both starts and every number of pairs
        from ten on: on fewer much of it is chance.
    """
    share = {
        (start, n): float(pools.of("bias_share", start, "sum_gaussian")[:, -1, p].mean())
        for start in STARTS
        for p, n in enumerate(pools.grid.pairs)
    }
    named = {f"{start}, {counted(n, 'pair')}": value for (start, n), value in share.items()}
    judged = {f"{start}, {n}": value for (start, n), value in share.items() if n >= LEAST_EXAMPLES}
    held = {case: 1 if value < GENUINE else -1 for case, value in judged.items()}
    return Finding(
        BIAS,
        verdict_over_cases(held, pools.values.shape[-1]),
        f"{min(judged.values()):.2f} to {max(judged.values()):.2f}" if judged else "too few pairs",
        f"Part of DIV that is bias, mean over shares at distance {pools.grid.distances[-1]:g}: "
        + ", ".join(f"{case} {value:.2f}" for case, value in named.items())
        + f". By chance it is 1 / n of n pairs; judged are those from {LEAST_EXAMPLES} pairs on",
        named,
    )


def _finding(
    claim: Claim, pools: Pools, found: dict[str, NDArray[np.int64]], because: str, numbers: dict[str, float]
) -> Finding:
    """Return a finding from the signs of all kinds of juries, with where it holds."""
    every = np.concatenate([value.ravel() for value in found.values()]).tolist()
    counts = "; ".join(
        f"{name}: {np.sum(value == 1)} for, {np.sum(value == -1)} against" for name, value in found.items()
    )
    by_distance = ", ".join(
        f"{distance:g}: {np.sum(together == 1)} and {np.sum(together == -1)}"
        for d, distance in enumerate(pools.grid.distances)
        for together in (np.array([value[:, d] for value in found.values()]),)
    )
    each = len(pools.grid.settings())
    return Finding(
        claim,
        verdict_over_cases({str(k): value for k, value in enumerate(every)}, pools.values.shape[-1]),
        f"{every.count(1)} for, {every.count(-1)} against of {len(every)}",
        f"Of {each} kinds of juries, {counts}. For and against by distance, {by_distance}. {because}",
        numbers,
    )
