"""One pair whose labels have two modes, modes of unequal size, or one: what the likelihoods reward."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.mechanisms import label_log_likelihood
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["agreeing_labels", "mode_shares", "two_modes"]

N_LABELS = 10
SIGMA = 0.5
SPREAD = 0.1  #: of labels that nearly agree


def two_modes(step: float = 0.05) -> Table:
    """Score predictions from -2.5 to 2.5 against five labels at +1 and five at -1.

    Parameters
    ----------
    step : float, default 0.05
        Distance of the predictions.

    Returns
    -------
    Table
        Columns prediction, mse, gaussian and sum_gaussian: the likelihoods divided by their largest value.
    """
    return _scored(np.round(np.arange(-2.5, 2.5 + step / 2, step), 10).tolist(), [1.0] * 5 + [-1.0] * 5)


def agreeing_labels() -> Table:
    """Score predictions against ten labels that nearly agree.

    Returns
    -------
    Table
        As `two_modes`, for predictions from -1.5 to 1.5 and labels evenly spread over 0 with standard deviation 0.1.
    """
    even = np.linspace(-1.0, 1.0, N_LABELS)
    labels = SPREAD * even / even.std()
    return _scored(np.round(np.arange(-1.5, 1.525, 0.05), 10).tolist(), labels.tolist())


def _scored(predicted: Sequence[float], labels: Sequence[float]) -> Table:
    columns = {"prediction": np.array(predicted)}
    columns["mse"] = np.mean((columns["prediction"][:, None] - np.array(labels)) ** 2, axis=1)
    for likelihood in ("gaussian", "sum_gaussian"):
        score = label_log_likelihood(predicted, labels, likelihood, SIGMA)
        columns[likelihood] = np.exp(score - score.max())
    return Table(columns)


def mode_shares(sigmas: Sequence[float] = (0.5, 1.0)) -> Table:
    """Compare the likelihood at two modes, +1 and -1, with the shares of the labels there.

    Parameters
    ----------
    sigmas : sequence of float, default (0.5, 1.0)
        Widths of the Gaussian at each label.

    Returns
    -------
    Table
        Columns sigma, label_share (at +1), likelihood_share (that of +1 in the sum of the likelihoods at both).
    """
    rows = []
    for sigma in sigmas:
        for n in range(1, N_LABELS):
            labels = [1.0] * n + [-1.0] * (N_LABELS - n)
            density = np.exp(label_log_likelihood([1.0, -1.0], labels, sigma=sigma))
            rows.append((sigma, n / N_LABELS, density[0] / density.sum()))
    columns = ("sigma", "label_share", "likelihood_share")
    return Table({name: np.array(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)})
