"""What pools of modellers are like under either loss: diversity, camps, and the score of ensembles of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.averaging import bma_weights
from hemicycle.diversity import pool_diversity
from hemicycle.least_squares import pair_least_squares
from hemicycle.likelihood import log_likelihood
from hemicycle.reproduce.incentive_fits import LOSSES, SIGMA, STARTS, draw_jury, draw_modellers, fitted
from hemicycle.stacking import stacking_weights
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.reproduce.claims import Progress
    from hemicycle.reproduce.incentive_fits import TwoCamps

__all__ = ["MECHANISMS", "NAMES", "Grid", "Pools", "incentive_pools"]

MECHANISMS = ("bma", "power", "least_squares", "stacking")
POWER = 0.1
WITHIN = 0.25  #: a modeller is of a camp if it stands in the quarter of the way between them that is next to it
PARTS = ("err", "err_bar", "div", "bias_share", "majority", "minority")
OF_MECHANISM = ("majority", "minority", "same_pairs", "new_pairs", "own_width")
WIDTHS = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
NAMES = (*PARTS, *(f"{mechanism}_{what}" for mechanism in MECHANISMS for what in OF_MECHANISM))


@dataclass(frozen=True, slots=True)
class Grid:
    """Kinds of juries.

    Attributes
    ----------
    shares, distances, pairs : tuple
        Part of the labels of the first camp, distance of the camps, pairs judged.
    """

    shares: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.9)
    distances: tuple[float, ...] = (0.5, 1.0, 2.0, 3.0)
    pairs: tuple[int, ...] = (1, 3, 10, 30, 100, 300)

    def settings(self) -> list[tuple[float, float, int]]:
        """Return every combination."""
        return list(product(self.shares, self.distances, self.pairs))


@dataclass(frozen=True, slots=True, eq=False)
class Pools:
    """What was measured.

    Attributes
    ----------
    grid : Grid
        Kinds of juries.
    values : ndarray of float64, shape (n_settings, n_starts, n_losses, n_names, n_runs)
        Each of `NAMES`, by setting in the order of the grid, `STARTS` and `LOSSES`.
    """

    grid: Grid
    values: NDArray[np.float64]

    def of(self, name: str, starts: str, loss: str) -> NDArray[np.float64]:
        """Return a measure, shape (n_shares, n_distances, n_pairs, n_runs)."""
        found = self.values[:, STARTS.index(starts), LOSSES.index(loss), NAMES.index(name)]
        return found.reshape(len(self.grid.shares), len(self.grid.distances), len(self.grid.pairs), -1)

    def gain(self, name: str, starts: str) -> NDArray[np.float64]:
        """Return by how much a measure is larger under the sum-Gaussian loss, shaped as by `of`."""
        gained: NDArray[np.float64] = self.of(name, starts, "sum_gaussian") - self.of(name, starts, "mse")
        return gained

    def table(self) -> Table:
        """Return one row for each setting, start and loss: means over the juries, and errors of differences."""
        means = self.values.mean(axis=-1)
        rows = [
            (*setting, start, loss, *means[s, k, j].tolist())
            for s, setting in enumerate(self.grid.settings())
            for k, start in enumerate(STARTS)
            for j, loss in enumerate(LOSSES)
        ]
        columns = ("share", "distance", "pairs", "starts", "loss", *NAMES)
        cells = dict(zip(columns, zip(*rows, strict=True), strict=True))
        return Table({name: cells[name] if name in ("starts", "loss") else np.array(cells[name]) for name in columns})


def incentive_pools(grid: Grid, n_runs: int, seed: int, progress: Progress) -> Pools:
    """Draw juries of every kind, let modellers fit them under both losses, and measure the pools.

    Parameters
    ----------
    grid : Grid
        Kinds of juries.
    n_runs : int
        Juries of each kind.
    seed : int
        Seed; each jury has a stream of its own.
    progress : callable
        Told how many juries are done.

    Returns
    -------
    Pools
        What was measured.
    """
    settings = grid.settings()
    values = np.empty((len(settings), len(STARTS), len(LOSSES), len(NAMES), n_runs))
    for s, (share, distance, n_pairs) in enumerate(settings):
        for run in range(n_runs):
            rng = np.random.default_rng([seed, round(100 * share), round(100 * distance), n_pairs, run])
            jury = draw_jury(share, distance, n_pairs, rng)
            modellers = draw_modellers(jury, share, rng)
            for j, loss in enumerate(LOSSES):
                pools = np.split(fitted(jury, modellers, loss), len(STARTS))
                for k, logits in enumerate(pools):
                    values[s, k, j, :, run] = _measure(logits, jury)
            progress("juries", s * n_runs + run + 1, len(settings) * n_runs)
    return Pools(grid, values)


def _measure(logits: NDArray[np.float64], jury: TwoCamps) -> list[float]:
    """Return `NAMES` of one pool."""
    uniform = np.full(len(logits), 1 / len(logits))
    diversity = pool_diversity(logits, jury.judgments, uniform)
    parts = diversity.parts
    way = _way(logits, jury)
    first, second = way <= WITHIN, way >= 1 - WITHIN
    found = [parts.err, parts.err_bar, parts.div, diversity.bias_share, float(first.mean()), float(second.mean())]
    held_out = [
        log_likelihood(logits, labels, sigma=SIGMA, per="label") for labels in (jury.same_pairs, jury.new_pairs)
    ]
    fitted_on, said = (
        [log_likelihood(logits, labels, sigma=width, per="label") for width in WIDTHS]
        for labels in (jury.judgments, jury.same_pairs)
    )
    for weights in _weights(logits, jury.judgments).values():
        found += [float(weights[first].sum()), float(weights[second].sum())]
        found += [_score(weights, density) for density in held_out]
        best = int(np.argmax([_score(weights, density) for density in fitted_on]))
        found.append(_score(weights, said[best]))
    return found


def _way(logits: NDArray[np.float64], jury: TwoCamps) -> NDArray[np.float64]:
    """Return how far from the first camp to the second each model stands, over the judged pairs: 0 to 1."""
    pairs = jury.judgments.pairs
    predicted, camps = (table[:, pairs.b] - table[:, pairs.a] for table in (logits, jury.camps))
    apart = camps[1] - camps[0]
    way: NDArray[np.float64] = (predicted - camps[0]) @ apart / (apart @ apart)
    return way


def _weights(logits: NDArray[np.float64], jury: Judgments) -> dict[str, NDArray[np.float64]]:
    total = log_likelihood(logits, jury, sigma=SIGMA)
    return {
        "bma": bma_weights(total),
        "power": bma_weights(total, power=POWER),
        "least_squares": pair_least_squares(logits, jury).weights,
        "stacking": stacking_weights(log_likelihood(logits, jury, sigma=SIGMA, per="label")).weights,
    }


def _score(weights: NDArray[np.float64], log_density: NDArray[np.float64]) -> float:
    """Return the mean log density of labels under a mixture of the models."""
    seated = weights > 0
    terms = log_density[seated] + np.log(weights[seated])[:, None]
    most = terms.max(axis=0)
    return float(np.mean(most + np.log(np.exp(terms - most).sum(axis=0))))
