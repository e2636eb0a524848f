"""The scores of the contests: mean squared error and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle import _core
from hemicycle.errors import NoDataError
from hemicycle.judgments import cardinal_pairs
from hemicycle.logits import logits_matrix, score_models
from hemicycle.options import thread_count

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool

__all__ = ["accuracy", "mean_squared_error"]


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
