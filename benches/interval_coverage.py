"""How often intervals cover what infinitely many jurors would decide: the tables of docs/intervals.md.

Jurors are drawn from a population of two camps, 70 to 30: each has the logits of its camp and an opinion of its own
(standard deviation 0.5), answers 15 random pairs of 12 items with an error of 0.5, and meets a pool of 40 models, some
near one camp, some near their mean. What infinitely many jurors would decide is estimated from 200,000. All, which
takes an hour, or a part::

    python benches/interval_coverage.py --method stacking --jurors 10 --juries 200
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np

from hemicycle import Judgments, Pool, Round
from hemicycle.direct import direct_fit, direct_intervals
from hemicycle.resampling import Replicates

if TYPE_CHECKING:
    from numpy.typing import NDArray

METHODS = ("direct", "least_squares", "bma", "stacking", "greedy", "best")
JURORS = (10, 30, 100)
LEVELS = (0.5, 0.8, 0.9, 0.95)
N_ITEMS, N_MODELS, PER_JUROR, MANY = 12, 40, 15, 200_000
SIGMA = 1.0


class Population:
    """Two camps of jurors, and the models that meet them."""

    def __init__(self, seed: int = 12345) -> None:
        rng = np.random.default_rng(seed)
        self.camps = rng.normal(0, 1.2, size=(2, N_ITEMS))
        near = np.vstack([self.camps, self.camps.mean(axis=0)])[rng.integers(0, 3, N_MODELS)]
        spread = rng.uniform(0.2, 1.0, size=(N_MODELS, 1))
        self.pool = Pool.from_array(near + rng.normal(size=near.shape) * spread)

    def round(self, rng: np.random.Generator, n_jurors: int) -> Round:
        """Draw a jury."""
        camp = (rng.random(n_jurors) < 0.3).astype(int)
        own = self.camps[camp] + 0.5 * rng.normal(size=(n_jurors, N_ITEMS))
        juror = np.repeat(np.arange(n_jurors), PER_JUROR)
        a = rng.integers(0, N_ITEMS, len(juror))
        b = (a + rng.integers(1, N_ITEMS, len(juror))) % N_ITEMS
        y = own[juror, b] - own[juror, a] + 0.5 * rng.normal(size=len(juror))
        names = [f"{k:06d}" for k in juror] if n_jurors < MANY else None
        judgments = Judgments.from_arrays(a, b, y, juror=names, items=self.pool.items)
        return Round(judgments, self.pool, n_threads=1 if n_jurors < MANY else None)


def decided(round_: Round, method: str) -> NDArray[np.float64]:
    """Return the allocation."""
    if method == "direct":
        return direct_fit(round_.judgments).share
    return round_.ensemble(method, sigma=SIGMA).allocation()["share"]


def replicated(round_: Round, method: str, replicates: int, seed: int) -> Replicates:
    """Return the allocations of a bootstrap."""
    if method == "direct":
        found = direct_intervals(round_.judgments, replicates=replicates, rng=seed)
    else:
        found = round_.ensemble(method, sigma=SIGMA).intervals(replicates=replicates, rng=seed)
    return Replicates("juror", found.n_groups, seed, found.replicated, found.n_doubts)


def covered(low: NDArray[np.float64], high: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Return the part of the items whose truth lies inside."""
    return float(((low <= truth) & (truth <= high)).mean())


def coverage(method: str, n_jurors: int, n_juries: int, replicates: int = 200) -> dict[str, list[float]]:
    """Return the mean coverage at each level: as `allocation_intervals` has it, with plain quantiles, and posterior."""
    population = Population()
    truth = decided(population.round(np.random.default_rng(1), MANY), method)
    kinds = ("bootstrap", "plain", *(("posterior",) if method == "bma" else ()))
    inside: dict[str, list[list[float]]] = {kind: [] for kind in kinds}
    for jury in range(n_juries):
        round_ = population.round(np.random.default_rng([n_jurors, jury]), n_jurors)
        found = replicated(round_, method, replicates, jury)
        for kind in kinds:
            ends = []
            for level in LEVELS:
                if kind == "posterior":
                    posterior = round_.ensemble("bma", sigma=SIGMA).intervals("posterior", level=level)
                    ends.append((posterior.low, posterior.high))
                elif kind == "bootstrap":
                    ends.append(found.interval(level))
                else:
                    ends.append(np.quantile(found.values, [(1 - level) / 2, (1 + level) / 2], axis=0))
            inside[kind].append([covered(low, high, truth) for low, high in ends])
    return {kind: np.mean(rows, axis=0).tolist() for kind, rows in inside.items()}


def main() -> None:
    """Print one line for each method, number of jurors and kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=METHODS, action="append")
    parser.add_argument("--jurors", type=int, action="append")
    parser.add_argument("--juries", type=int, default=200)
    given = parser.parse_args()
    print("| method | jurors | kind | " + " | ".join(f"{level:.0%}" for level in LEVELS) + " |", flush=True)
    for method in given.method or METHODS:
        for n_jurors in given.jurors or JURORS:
            for kind, rates in coverage(method, n_jurors, given.juries).items():
                cells = " | ".join(f"{rate:.3f}" for rate in rates)
                print(f"| {method} | {n_jurors} | {kind} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
