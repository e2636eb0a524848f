"""A jury of two camps, judging more and more pairs, and whom each mechanism seats."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.averaging import bma_weights
from hemicycle.greedy import greedy_weights
from hemicycle.judgments import Judgments
from hemicycle.least_squares import pair_least_squares
from hemicycle.likelihood import log_likelihood
from hemicycle.stacking import stacking_weights
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.reproduce.claims import Progress

__all__ = ["MECHANISMS", "majority_mass", "simulated_camps"]

N_PAIRS = (1, 2, 3, 5, 8, 12, 20, 30, 50)
LABELS = (1.0,) * 7 + (-1.0,) * 3  #: of every pair, seven jurors and three

MECHANISMS = (
    "stacking_by_label",
    "stacking_by_pair",
    "greedy",
    "least_squares",
    "bma",
    "bootstrap",
    "power",
    "best",
    "uniform",
)
POWER = 0.1  #: of the power posterior
REPLICATES = 200  #: of the bootstrap
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)
SIMULATED_PAIRS = (1, 3, 10, 30, 100, 300)
LABELS_A_PAIR = (1, 2, 5, 10)
BRIDGES = (0, 20)  #: models between the camps
JURIES = 8  #: of each kind
N_ITEMS = 40
MODELS_A_CAMP = 20
CAMP_SPREAD, MODEL_NOISE, LABEL_NOISE = 1.0, 0.2, 0.4


def majority_mass() -> Table:
    """Weigh one model of each camp where seven labels of every pair are at +1, and three at -1.

    Returns
    -------
    Table
        Columns pairs, and the weight of the majority's model under bma, stacking_by_pair and stacking_by_label.
    """
    rows = []
    for n in N_PAIRS:
        pair = np.repeat(np.arange(1, n + 1), len(LABELS))
        jury = Judgments.from_arrays(np.zeros_like(pair), pair, LABELS * n, items=n + 1)
        logits = np.array([[0.0, *[1.0] * n], [0.0, *[-1.0] * n]])
        bma = bma_weights(log_likelihood(logits, jury))
        by_pair = stacking_weights(log_likelihood(logits, jury, per="pair")).weights
        by_label = stacking_weights(log_likelihood(logits, jury, per="label")).weights
        rows.append((n, bma[0], by_pair[0], by_label[0]))
    columns = ("pairs", "bma", "stacking_by_pair", "stacking_by_label")
    return Table({name: np.array(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)})


def simulated_camps(rng: np.random.Generator, progress: Progress) -> Table:
    """Weigh twenty models of each of two camps by what juries of both camps say of random pairs of 40 items.

    The logits of a camp are standard normal, a model adds noise of 0.2 to those of its camp, and a label noise of 0.4
    to what the camp of its juror says. Labels are of the first camp in proportion to its share, as near as whole
    numbers allow, in random order over the pairs. In half of the kinds twenty more models stand between the camps, at
    their mean weighed by the shares.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of camps, models and labels.
    progress : callable
        Told how many kinds of juries are done.

    Returns
    -------
    Table
        One row a kind of jury: columns share (of the labels that are of the first camp), bridges (models between the
        camps), pairs, labels (a pair), and for each of `MECHANISMS` the weight of the first camp's models, and as
        ``_off`` by how much it differs from that share: means over eight juries.
    """
    rows: list[tuple[float, ...]] = []
    kinds = list(product(SHARES, BRIDGES, SIMULATED_PAIRS, LABELS_A_PAIR))
    for share, n_bridges, n_pairs, n_labels in kinds:
        drawn = [_simulated(share, n_bridges, n_pairs, n_labels, rng) for _ in range(JURIES)]
        actual = np.array([found[0] for found in drawn])
        masses = np.array([found[1] for found in drawn])  # (juries, mechanisms)
        off = np.abs(masses - actual[:, None]).mean(axis=0)
        rows.append((float(actual.mean()), n_bridges, n_pairs, n_labels, *masses.mean(axis=0).tolist(), *off.tolist()))
        progress("camps", len(rows), len(kinds))
    columns = ("share", "bridges", "pairs", "labels", *MECHANISMS, *(f"{name}_off" for name in MECHANISMS))
    return Table({name: np.array(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)})


def _simulated(
    share: float, n_bridges: int, n_pairs: int, n_labels: int, rng: np.random.Generator
) -> tuple[float, list[float]]:
    """Return the share of the labels that are of the first camp, and the weight of its models by mechanism."""
    camps = CAMP_SPREAD * rng.standard_normal((2, N_ITEMS))
    camp_of_model = np.repeat([0, 1, 2], [MODELS_A_CAMP, MODELS_A_CAMP, n_bridges])
    centres = np.vstack([camps, share * camps[0] + (1 - share) * camps[1]])
    logits = centres[camp_of_model] + MODEL_NOISE * rng.standard_normal((len(camp_of_model), N_ITEMS))
    first, second = np.triu_indices(N_ITEMS, 1)
    pairs = np.repeat(rng.choice(len(first), n_pairs, replace=False), n_labels)
    a, b = first[pairs], second[pairs]
    camp_of_label = rng.permutation((np.arange(len(pairs)) + 0.5) / len(pairs) >= share).astype(np.int64)
    said = camps[camp_of_label, b] - camps[camp_of_label, a] + LABEL_NOISE * rng.standard_normal(len(pairs))
    jury = Judgments.from_arrays(a, b, said, items=N_ITEMS)
    seated = _weights(logits, jury, rng)
    masses = [float(seated[name][camp_of_model == 0].sum()) for name in MECHANISMS]
    return float(np.mean(camp_of_label == 0)), masses


def _weights(logits: NDArray[np.float64], jury: Judgments, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Weights of the models under each of `MECHANISMS`."""
    by_pair = log_likelihood(logits, jury, per="pair")
    by_label = log_likelihood(logits, jury, per="label")
    total = log_likelihood(logits, jury)
    return {
        "stacking_by_label": stacking_weights(by_label).weights,
        "stacking_by_pair": stacking_weights(by_pair).weights,
        "greedy": greedy_weights(by_label, loss="log_score").weights,
        "least_squares": pair_least_squares(logits, jury).weights,
        "bma": bma_weights(total),
        "bootstrap": bma_weights(by_pair, bootstrap=REPLICATES, rng=rng),
        "power": bma_weights(total, power=POWER),
        "best": np.eye(len(logits))[np.argmax(total)],
        "uniform": np.full(len(logits), 1 / len(logits)),
    }
