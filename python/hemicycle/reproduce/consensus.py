"""Models that agree: what the clone-proof prior takes from honest ones, and a plain density from a neighbour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.clones import clone_proof_prior
from hemicycle.judgments import Judgments
from hemicycle.reproduce.copies import BANDWIDTH
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["crushed_neighbour", "honest_tax"]

AGREE = (2, 5, 10, 20)  #: models that agree
AGREEMENT = (0.0, 0.1, 0.2, 0.25, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0)  #: how far they are apart, in bandwidths
N_MODELS = 30
APART = 6.0  #: bandwidths between all others
N_PAIRS = 60
N_COPIES = 1000
COPY_MOVES = 0.1  #: bandwidths
NEIGHBOURS = (0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)  #: bandwidths


def honest_tax(n_runs: int, rng: np.random.Generator) -> Table:
    """Measure what models lose that agree by themselves.

    Of 30 models some agree, and each other is six bandwidths from everyone. Directions are random over 60 pairs.

    Parameters
    ----------
    n_runs : int
        Pools of each kind.
    rng : numpy.random.Generator
        Source of directions.

    Returns
    -------
    Table
        Columns agree (how many), distance (between any two of them, in bandwidths), uniform and clone_proof (mean prior
        of them together) and tax (the part of the former that the latter lacks).
    """
    rows = []
    for agree in AGREE:
        for distance in AGREEMENT:
            mass = []
            for _ in range(n_runs):
                centres = APART / np.sqrt(2) * _directions(N_MODELS, rng)
                centres[:agree] = centres[0] + distance / np.sqrt(2) * _directions(agree, rng)
                mass.append(clone_proof(centres)[:agree].sum())
            even = agree / N_MODELS
            rows.append((agree, distance, even, np.mean(mass), 1 - np.mean(mass) / even))
    columns = ("agree", "distance", "uniform", "clone_proof", "tax")
    return Table({name: np.array(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)})


def crushed_neighbour(rng: np.random.Generator) -> Table:
    """Compare what a model keeps when 1,000 copies of a neighbour come, each moved by a tenth of the bandwidth.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of directions.

    Returns
    -------
    Table
        Columns distance (of the neighbours, in bandwidths) and, for the clone-proof prior and for one in proportion to
        a plain inverse kernel density, the prior of the model and of the neighbour with its copies, over what they had.
    """
    rows = []
    for distance in NEIGHBOURS:
        course = _directions(1, rng)
        before = np.vstack([0 * course, distance * course, 10 * _directions(N_MODELS - 2, rng)])
        after = np.vstack([before, before[1] + COPY_MOVES * _directions(N_COPIES, rng)])
        row = [distance]
        for prior in (clone_proof, _plain_density):
            was, now = prior(before), prior(after)
            row += [now[0] / was[0], (now[1] + now[N_MODELS:].sum()) / was[1]]
        rows.append(row)
    columns = ("distance", "clone_proof", "clone_proof_group", "plain", "plain_group")
    return Table({name: np.array(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)})


def clone_proof(log_ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the clone-proof prior of models, by what they predict for pairs that share one item.

    Parameters
    ----------
    log_ratios : ndarray of float64, shape (n_models, n_pairs)
        In bandwidths.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        With sum 1.
    """
    n_models, n_pairs = log_ratios.shape
    logits = np.column_stack([np.zeros(n_models), BANDWIDTH * log_ratios])
    star = Judgments.from_arrays(np.zeros(n_pairs, dtype=np.int64), np.arange(1, n_pairs + 1), np.zeros(n_pairs))
    return clone_proof_prior(logits, star, bandwidth=BANDWIDTH).prior


def _plain_density(log_ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the prior in proportion to one over the sum of the kernels of all models."""
    square = (log_ratios**2).mean(axis=1)
    product = log_ratios @ log_ratios.T / log_ratios.shape[1]
    distance = np.maximum(square[:, None] + square - 2 * product, 0)
    mass = 1 / np.exp(-distance / 2).sum(axis=1)
    prior: NDArray[np.float64] = mass / mass.sum()
    return prior


def _directions(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return random log ratios whose root mean square is 1."""
    found = rng.standard_normal((n, N_PAIRS))
    lengths: NDArray[np.float64] = np.sqrt((found**2).mean(axis=1, keepdims=True))
    return found / lengths
