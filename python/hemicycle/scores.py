"""The scores of the contests: of log ratios, of choices, and of shares of a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle import _core
from hemicycle.arrays import float_array, require_finite, require_length
from hemicycle.errors import NoDataError
from hemicycle.judgments import cardinal_pairs
from hemicycle.logits import logits_matrix, model_blocks, naming_logits, score_models
from hemicycle.options import thread_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool

__all__ = ["accuracy", "brier_score", "brier_skill", "log_loss", "mean_squared_error", "share", "total_variation"]

BLOCK_CELLS = 1 << 20  #: model-label cells held at a time: 8 MB of float64


def mean_squared_error(
    logits: ArrayLike | Pool, judgments: Judgments, n_threads: int | None = None
) -> NDArray[np.float64]:
    r"""Mean squared error of every model on the judgments that say how much.

    :math:`\sum_i u_i (\mu_i - y_i)^2 / \sum_i u_i` over judgments with a log ratio :math:`y_i`, of weight :math:`u_i`,
    where the model predicts :math:`\mu_i = \text{logits}[b_i] - \text{logits}[a_i]`.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        Log contribution of each item, natural log, at most 1e6 in absolute value; the columns are `judgments.items`.
        Any layout, as in `hemicycle.log_likelihood`.
    judgments : Judgments
        What the jury said; ordinal judgments and those of weight 0 do not count here.
    n_threads : int, optional
        Number of threads, by default every core. The result is the same bits for any number.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        In the square of the unit of ``log_ratio``.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError, OptionError
        As `hemicycle.log_likelihood`.
    NoDataError
        If no judgment has a log ratio and a weight above 0.

    Notes
    -----
    Time is linear in n_models and n_pairs: the labels of a pair enter by their mean and spread. Accurate to 1e-14 in
    the relative sense wherever the model's own differences of logits are exact.
    """
    threads = thread_count(n_threads)
    matrix = logits_matrix(logits, judgments)
    pairs, n_items = cardinal_pairs(judgments), len(judgments.items)
    errors = np.empty(len(matrix))
    score_models(
        logits, matrix, lambda block, rows: _core.mean_squared_error(block, pairs, n_items, errors[rows], threads)
    )
    return errors


def accuracy(logits: ArrayLike | Pool, judgments: Judgments, n_threads: int | None = None) -> NDArray[np.float64]:
    """Share of the choices that every model agrees with.

    The weighted mean, over judgments with a choice, of 1 where the model gives the chosen item the larger logit,
    one half where both are equal to 1e-9, and 0 otherwise.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        Log contribution of each item, natural log, at most 1e6 in absolute value; the columns are `judgments.items`.
        Any layout, as in `hemicycle.log_likelihood`.
    judgments : Judgments
        What the jury said; ordinal judgments count, those without a choice or of weight 0 do not.
    n_threads : int, optional
        Number of threads, by default every core. The result is the same bits for any number.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        From 0 to 1.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError, OptionError
        As `hemicycle.log_likelihood`.
    NoDataError
        If no judgment has a choice and a weight above 0.
    """
    threads = thread_count(n_threads)
    matrix = logits_matrix(logits, judgments)
    rows = np.flatnonzero((judgments.choice > 0) & (judgments.weight > 0))
    if not len(rows):
        raise NoDataError(f"judgments: none of the {len(judgments)} has a choice and a weight above 0")
    a, b, chose_b = judgments.a[rows], judgments.b[rows], judgments.choice[rows] == 2
    loser, winner = np.where(chose_b, a, b).astype(np.uint32), np.where(chose_b, b, a).astype(np.uint32)
    weight, n_items = judgments.weight[rows], len(judgments.items)
    shares = np.empty(len(matrix))
    score_models(
        logits,
        matrix,
        lambda block, rows: _core.accuracy(block, loser, winner, weight, n_items, shares[rows], threads),
    )
    return shares


def brier_score(logits: ArrayLike | Pool, judgments: Judgments) -> NDArray[np.float64]:
    r"""Brier score of every model on the shares that the judgments give to the two items of a pair.

    :math:`\sum_i u_i (q_i - p_i)^2 / \sum_i u_i` over judgments with a log ratio :math:`y_i`, of weight :math:`u_i`: of
    the two items the juror gives b the share :math:`p_i = 1 / (1 + e^{-y_i})`, and the model
    :math:`q_i = 1 / (1 + e^{-\mu_i})`, :math:`\mu_i = \text{logits}[b_i] - \text{logits}[a_i]`.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        Log contribution of each item, natural log; the columns are `judgments.items`.
    judgments : Judgments
        What the jury said; ordinal judgments and those of weight 0 do not count here.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        From 0 to 1, lower is better.

    Raises
    ------
    DtypeError, ShapeError, OptionError
        As `hemicycle.log_likelihood`.
    NonFiniteError
        If a logit is not finite.
    NoDataError
        If no judgment has a log ratio and a weight above 0.

    References
    ----------
    Brier (1950), Verification of forecasts expressed in terms of probability,
    doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2; of one of the two outcomes, half of his sum.
    """
    return _mean_over_labels(logits, judgments, lambda mu, y: (share(mu) - share(y)) ** 2)


def log_loss(logits: ArrayLike | Pool, judgments: Judgments) -> NDArray[np.float64]:
    r"""Cross entropy of every model on the shares that the judgments give to the two items of a pair.

    :math:`-\sum_i u_i \big(p_i \ln q_i + (1 - p_i) \ln(1 - q_i)\big) / \sum_i u_i`, with the shares of `brier_score`.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        As in `brier_score`.
    judgments : Judgments
        As in `brier_score`.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        In nats; the entropy of the jury's shares is the least that is possible. Not clipped: it is finite for all
        finite logits.

    Raises
    ------
    DtypeError, ShapeError, OptionError, NonFiniteError, NoDataError
        As `brier_score`.
    """
    return _mean_over_labels(logits, judgments, lambda mu, y: np.logaddexp(0.0, mu) - share(y) * mu)


def brier_skill(logits: ArrayLike | Pool, judgments: Judgments) -> NDArray[np.float64]:
    """Part of the Brier score of equal shares that a model saves: ``1 - brier / brier(q = 1/2)``.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        As in `brier_score`.
    judgments : Judgments
        As in `brier_score`.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        1 is perfect, 0 as good as equal shares, below 0 worse; nan or -inf where every judgment is a tie.

    Raises
    ------
    DtypeError, ShapeError, OptionError, NonFiniteError, NoDataError
        As `brier_score`.
    """
    equal = brier_score(np.zeros((1, len(judgments.items))), judgments)
    with np.errstate(divide="ignore", invalid="ignore"):
        skill: NDArray[np.float64] = 1.0 - brier_score(logits, judgments) / equal
    return skill


def total_variation(shares: ArrayLike, reference: ArrayLike) -> float:
    """Part of the budget that two allocations pay to different items: half the sum of absolute differences.

    Parameters
    ----------
    shares, reference : array_like of float, shape (n_items,)
        Shares of the same items, each of sum 1; of several parents the parts of all budgets add up.

    Returns
    -------
    float
        From 0 to 1 for one parent.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError
        If the two are not finite numbers of one length.
    """
    one, other = float_array(shares, "shares", 1), float_array(reference, "reference", 1)
    require_length(other, "reference", len(one), "shares")
    require_finite(one, "shares")
    require_finite(other, "reference")
    return 0.5 * float(np.abs(one - other).sum())


def share(log_ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the second of two items, ``1 / (1 + exp(-log_ratio))``, without overflow."""
    half: NDArray[np.float64] = 0.5 * np.asarray(log_ratio)
    shares: NDArray[np.float64] = 0.5 * (1.0 + np.tanh(half))
    return shares


def _mean_over_labels(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    score: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return the weighted mean of a score of predicted and given log ratios, in blocks of models."""
    matrix, pairs = logits_matrix(logits, judgments), cardinal_pairs(judgments)
    a, b = pairs.a[pairs.pair_of_label], pairs.b[pairs.pair_of_label]  # (n_labels,)
    part = pairs.weight / pairs.weight.sum()
    means = np.empty(len(matrix))
    rows = max(1, BLOCK_CELLS // len(part))
    for first, block in model_blocks(matrix):
        with naming_logits(logits, first):
            require_finite(block, "logits")
        for start in range(0, len(block), rows):
            some = block[start : start + rows].astype(np.float64, copy=False)
            values = score(some[:, b] - some[:, a], pairs.log_ratio)  # (n_rows, n_labels)
            means[first + start : first + start + len(some)] = (values * part).sum(axis=1)
    return means
