"""How near ensembles of given models come to the distribution that labels are drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.averaging import bma_weights
from hemicycle.reproduce.mechanisms import label_densities
from hemicycle.stacking import stacking_weights
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.reproduce.claims import Progress

__all__ = ["METHODS", "divergences"]

MODELS = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
SIGMA = 0.5
MIXED = np.array([0.7, 0.0, 0.0, 0.0, 0.3])  #: two camps of jurors, each with a model of its own
N_LABELS = (1, 2, 5, 10, 30, 100)
DRAWS_A_MODEL = 60
METHODS = ("bma", "stacking", "best", "uniform")
GRID = np.linspace(-5.0, 5.0, 1001)


def divergences(rng: np.random.Generator, progress: Progress) -> Table:
    """Measure the Kullback-Leibler divergence from the truth to ensembles of five models, Gaussians of width 0.5.

    Labels are independent. The truth is one of the models, each of them equally often as the uniform prior says; or a
    mixture of two of them, 70 to 30.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the labels.
    progress : callable
        Told how many truths and numbers of labels are done.

    Returns
    -------
    Table
        Columns truth (model, mixture), labels, and of each method, bma, stacking (by label), best (the likeliest model)
        and uniform: mean divergence in nats. Of methods but bma also ``_excess_error``: the standard error of how much
        larger it is than that of bma.

    References
    ----------
    J. Aitchison, "Goodness of prediction fit", Biometrika 62, 1975, doi:10.1093/biomet/62.3.547: averaging has the
    least mean divergence where the truth is drawn from the prior.
    """
    one_model = np.repeat(np.eye(len(MODELS)), DRAWS_A_MODEL, axis=0)
    truths = {"model": one_model, "mixture": np.tile(MIXED, (len(one_model), 1))}
    rows: list[tuple[object, ...]] = []
    for kind, mixtures in truths.items():
        for n in N_LABELS:
            found = np.array([_one_draw(mixture, n, rng) for mixture in mixtures])  # (n_draws, n_methods)
            excess = (found[:, 1:] - found[:, :1]).std(axis=0) / np.sqrt(len(found))
            rows.append((kind, n, *found.mean(axis=0).tolist(), *excess.tolist()))
            progress("divergences", len(rows), len(truths) * len(N_LABELS))
    kinds, *columns = zip(*rows, strict=True)
    names = ("labels", *METHODS, *(f"{method}_excess_error" for method in METHODS[1:]))
    return Table({"truth": kinds, **{name: np.array(values) for name, values in zip(names, columns, strict=True)}})


def _one_draw(truth: NDArray[np.float64], n_labels: int, rng: np.random.Generator) -> list[float]:
    """Draw labels from a mixture of the models, and return the divergence from it to each method's."""
    labels = MODELS[rng.choice(len(MODELS), n_labels, p=truth)] + SIGMA * rng.standard_normal(n_labels)
    density = label_densities(MODELS, labels)  # (n_models, n_labels)
    likelihood = density.sum(axis=1)
    ensembles = (
        bma_weights(likelihood),
        stacking_weights(density).weights,
        np.eye(len(MODELS))[np.argmax(likelihood)],
        np.full(len(MODELS), 1 / len(MODELS)),
    )
    return [_divergence(truth, weights) for weights in ensembles]


def _divergence(truth: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the divergence from one mixture of the models to another, in nats, by the trapezoid rule."""
    each = np.exp(-0.5 * ((GRID - MODELS[:, None]) / SIGMA) ** 2) / (SIGMA * np.sqrt(2 * np.pi))
    p, q = truth @ each, weights @ each
    return float(np.sum(p * np.log(p / q)) * (GRID[1] - GRID[0]))
