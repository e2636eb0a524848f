"""How near the losses of models are to the least that any logits attain, beside how near the truth would be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments

__all__ = ["choice_excess", "log_ratio_excess", "lower_gamma"]

MIN_JURORS = 10  #: fewer tell too little of how their answers vary together; then each row stands for itself
MIN_FREEDOM = 5  #: rows beyond the items that can be told apart
RIDGE = 1e-3  #: keeps the logits of items that win or lose every choice finite
MAX_STEPS = 100
BISECTIONS = 30
RANK_TOL = 1e-9
DISPERSION = 3.0  #: of choices, beside that of the fitted probabilities


class _Rows(NamedTuple):
    """Comparisons by judged item, one row each."""

    incidence: NDArray[np.float64]  #: (n_rows, n_judged), +1 for b and -1 for a
    logits: NDArray[np.float64]  #: (n_models, n_judged)
    weight: NDArray[np.float64]
    group: NDArray[np.int64]

    @classmethod
    def of(cls, logits: NDArray[np.float64], judgments: Judgments, rows: NDArray[np.int64]) -> _Rows:
        a, b = judgments.a[rows], judgments.b[rows]
        judged, place = np.unique(np.concatenate([a, b]), return_inverse=True)
        incidence = np.zeros((len(rows), len(judged)))
        np.subtract.at(incidence, (np.arange(len(rows)), place[: len(rows)]), 1.0)
        np.add.at(incidence, (np.arange(len(rows)), place[len(rows) :]), 1.0)
        jurors = [judgments.juror[row] for row in rows.tolist()]
        group = np.arange(len(rows))
        if None not in jurors and len(set(jurors)) >= MIN_JURORS:
            group = np.unique(np.array(jurors), return_inverse=True)[1]
        return cls(incidence, logits[:, judged], judgments.weight[rows], group)


def log_ratio_excess(
    logits: NDArray[np.float64], judgments: Judgments
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare the squared errors of models with that of least squares over all logits.

    Parameters
    ----------
    logits : ndarray of float64, shape (n_models, n_items)
        The models.
    judgments : Judgments
        With at least one cardinal judgment of positive weight.

    Returns
    -------
    excess : ndarray of float64, shape (n_models,)
        Sum of squared errors above the least, over what the truth is expected to have.
    probability : ndarray of float64, shape (n_models,)
        That the truth has no more. Both nan where there are hardly more rows than items.
    """
    rows = np.flatnonzero(judgments.is_cardinal & (judgments.weight > 0))
    table = _Rows.of(logits, judgments, rows)
    y = judgments.log_ratio[rows]
    curvature = (table.incidence * table.weight[:, None]).T @ table.incidence
    root, rank = _inverse_root(curvature)
    fitted = root @ (root.T @ (table.incidence.T @ (table.weight * y)))
    residual = y - table.incidence @ fitted
    losses = np.array([table.weight @ (table.incidence @ model - y) ** 2 for model in table.logits])
    excess = np.maximum(0.0, losses - table.weight @ residual**2)
    return _judged(excess, table, root, rank, table.weight * residual, table.weight, 0)


def choice_excess(logits: NDArray[np.float64], judgments: Judgments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare the deviances of models on choices, each at its best temperature, with that of the Bradley-Terry fit.

    Parameters
    ----------
    logits : ndarray of float64, shape (n_models, n_items)
        The models.
    judgments : Judgments
        With at least one choice of positive weight.

    Returns
    -------
    excess, probability : ndarray of float64, shape (n_models,)
        As `log_ratio_excess`.
    """
    rows = np.flatnonzero((judgments.choice > 0) & (judgments.weight > 0))
    table = _Rows.of(logits, judgments, rows)
    won = np.where(judgments.choice[rows] == 2, 1.0, -1.0)
    signed = table.incidence * won[:, None]
    fitted = np.zeros(signed.shape[1])
    for _ in range(MAX_STEPS):
        missed = table.weight / (1.0 + np.exp(np.clip(signed @ fitted, -500, 500)))
        slope = RIDGE * fitted - signed.T @ missed
        curvature = (signed * (missed * (1 - missed / table.weight))[:, None]).T @ signed
        step = np.linalg.solve(curvature + RIDGE * np.eye(len(fitted)), slope)
        fitted = fitted - step * min(1.0, 3.0 / max(1e-300, float(np.abs(step).max())))
        if np.abs(step).max() < 1e-6:
            break
    missed = table.weight / (1.0 + np.exp(np.clip(signed @ fitted, -500, 500)))
    spread = missed * (1 - missed / table.weight)
    root, rank = _inverse_root((signed * spread[:, None]).T @ signed)
    least = 2.0 * float(table.weight @ np.logaddexp(0.0, -(signed @ fitted)))
    deviance = _at_best_temperature(table.logits @ signed.T, table.weight)
    return _judged(np.maximum(0.0, deviance - least), table, root, rank, missed * won, spread, 1)


def lower_gamma(a: float, x: float) -> float:
    """Return the regularised lower incomplete gamma function P(a, x), by its series.

    Parameters
    ----------
    a : float
        Above 0.
    x : float
        At least 0; the series is short up to a few times `a`.

    Returns
    -------
    float
        From 0 to 1.
    """
    if x <= 0:
        return 0.0
    if x > a + 30 * math.sqrt(a) + 50:
        return 1.0
    term = total = 1.0 / a
    n = a
    while term > 1e-17 * total:
        n += 1
        term *= x / n
        total += term
    return min(1.0, total * math.exp(a * math.log(x) - x - math.lgamma(a)))


def _inverse_root(curvature: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return a matrix whose square is the pseudo-inverse, and the rank."""
    values, vectors = np.linalg.eigh(curvature)
    kept = values > RANK_TOL * max(values[-1], 1e-300)
    return vectors[:, kept] / np.sqrt(values[kept]), int(np.count_nonzero(kept))


def _judged(
    excess: NDArray[np.float64],
    table: _Rows,
    root: NDArray[np.float64],
    rank: int,
    scores: NDArray[np.float64],
    curvature: NDArray[np.float64],
    n_free: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the excess in units of that of the truth, a sum of squares whose mean and spread the scores tell."""
    unknown = np.full(len(excess), np.nan)
    if len(table.weight) - rank < MIN_FREEDOM or rank <= n_free:
        return unknown, unknown
    whitened = table.incidence @ root  # (n_rows, rank)
    leverage = np.minimum(curvature * np.square(whitened).sum(axis=1), 1.0)
    # a row that alone decides an item has no residual, and tells nothing of how far answers vary
    scaled = np.where(leverage < 1 - 1e-9, scores / np.sqrt(np.maximum(1 - leverage, 1e-9)), 0.0)
    of_group = np.zeros((int(table.group.max()) + 1, rank))
    np.add.at(of_group, table.group, whitened * scaled[:, None])
    spread = of_group.T @ of_group
    mean_weight = float(table.weight @ table.weight / table.weight.sum())
    mean = float(np.trace(spread)) * (rank - n_free) / rank
    squared = float(np.square(spread).sum())
    # the variance of choices is known: far from it, the fit is too good or too bad to tell what the truth would lose
    if mean <= 0 or squared <= 0 or (n_free and not 1 / DISPERSION < mean / (rank - n_free) / mean_weight < DISPERSION):
        return unknown, unknown
    freedom = float(np.trace(spread)) ** 2 / squared * (rank - n_free) / rank
    relative = excess / mean
    return relative, np.array([lower_gamma(freedom / 2, freedom / 2 * value) for value in relative.tolist()])


def _at_best_temperature(lead: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least deviance of each model's choices over all factors of its logits, by bisection of the slope."""
    size = np.maximum(np.abs(lead).max(axis=1), 1e-300)  # (n_models,)
    low, high = np.full(len(lead), math.log(1e-3)), np.full(len(lead), math.log(1e4))
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        scaled = (np.exp(middle) / size)[:, None] * lead
        falling = (lead / (1.0 + np.exp(np.minimum(scaled, 700.0)))) @ weight > 0
        low, high = np.where(falling, middle, low), np.where(falling, high, middle)
    scaled = (np.exp(low) / size)[:, None] * lead
    deviance: NDArray[np.float64] = 2.0 * np.logaddexp(0.0, -scaled) @ weight
    return deviance
