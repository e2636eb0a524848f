"""Drop-in for DeepFunding scoring scripts: change the import, and the rest of the script runs.

`cost_function` and `find_optimal_weights` have the call signatures of the public scoring script; `HumanPairData`,
`log_prob` and `find_bayesian_model_weights` those of the proposal "On diversity and many-model ensembling"
(https://argmax.blog/posts/deepfunding-01), and do what it describes. Plain lists are welcome everywhere.
"""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import float_array, index_array, require_finite
from hemicycle.averaging import bma_weights
from hemicycle.errors import DtypeError, NoDataError, ShapeError
from hemicycle.judgments import Judgments
from hemicycle.least_squares import simplex_least_squares
from hemicycle.likelihood import log_likelihood
from hemicycle.options import positive_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["HumanPairData", "cost_function", "find_bayesian_model_weights", "find_optimal_weights", "log_prob"]


def cost_function(logits: ArrayLike, samples: Iterable[Sequence[float]]) -> float:
    """Return the sum of squared errors of one model: ``sum (logits[b] - logits[a] - c)**2`` over samples (a, b, c).

    Parameters
    ----------
    logits : array_like of float, shape (n_items,)
        Natural log of the worth of each item.
    samples : iterable of (a, b, c)
        Judgments: two indices of items, and the natural log of how much more b is worth than a.

    Returns
    -------
    float
        The cost; 0.0 without samples.

    Raises
    ------
    DtypeError
        If something is not a number or an index not an integer.
    ShapeError
        If `logits` is not one-dimensional or a sample is no triple.
    IndexOutOfRangeError
        If an index is negative or not below the number of items.
    NonFiniteError
        If a value is NaN or infinite.

    Examples
    --------
    >>> cost_function([0.0, 1.0, 3.0], [(0, 1, 0.5), (2, 1, -2.0)])
    0.25
    """
    values = float_array(logits, "logits", 1)
    require_finite(values, "logits")
    a, b, c = _columns(samples, len(values))
    return float(np.sum((values[b] - values[a] - c) ** 2))


def find_optimal_weights(
    logits_lists: Sequence[ArrayLike] | NDArray[Any], samples: Iterable[Sequence[float]]
) -> NDArray[np.float64]:
    """Return the weights of models whose weighted mean of logits has the least cost.

    ``min_w cost_function(sum_d w_d logits_lists[d], samples)`` over ``w >= 0``, ``sum w = 1``, solved exactly.

    Parameters
    ----------
    logits_lists : sequence of array_like of float, shape (n_models, n_items)
        The logits of each model.
    samples : iterable of (a, b, c)
        Judgments, as in `cost_function`.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        Of all optimal weights the nearest to equal ones; models without weight have exactly 0.

    Raises
    ------
    DtypeError, IndexOutOfRangeError, NonFiniteError
        As in `cost_function`.
    ShapeError
        If `logits_lists` is not a table with at least one row, or a sample is no triple.
    NoDataError
        If there are no samples.
    NotConvergedError
        If the certificate cannot be reached; never a silent answer.

    Notes
    -----
    scipy's SLSQP, which the public script uses, agrees where the optimum is unique. Where a mixture of models matches
    every sample it may be a whole face of the simplex: SLSQP, started at equal weights, stops elsewhere on that face
    (or at an iteration limit, before it), so its weights differ while the cost is the same.
    The result here is defined by the data alone, whatever the order of models and samples.

    See Also
    --------
    hemicycle.simplex_least_squares : the solver, with its certificate and its options.

    Examples
    --------
    >>> find_optimal_weights([[0.0, 1.0], [0.0, 3.0]], [(0, 1, 1.5)])
    array([0.75, 0.25])
    """
    logits = _logits_table(logits_lists, "logits_lists")
    a, b, c = _columns(samples, logits.shape[1])
    if len(c) == 0:
        raise NoDataError("samples: there are none, so any weights would be as good")
    return np.array(simplex_least_squares(logits[:, b] - logits[:, a], c).weights)


@dataclass
class HumanPairData:
    """The judgments of one pair of items.

    Attributes
    ----------
    item_index_a, item_index_b : int
        The two items.
    log_value_b_over_a : list of float
        One label a juror: the natural log of how much more item b is worth than item a.
    """

    item_index_a: int
    item_index_b: int
    log_value_b_over_a: list[float]


def log_prob(model_logits: ArrayLike, human_pair_data: HumanPairData, scale: float = 0.5) -> float:
    """Return the log density of one pair's labels under a model, by the sum-Gaussian likelihood.

    ``log mean_i Normal(y_i | logits[b] - logits[a], scale)`` over the labels y of the pair.

    Parameters
    ----------
    model_logits : array_like of float, shape (n_items,)
        Natural log of the worth of each item.
    human_pair_data : HumanPairData
        The pair and its labels.
    scale : float, default 0.5
        Standard deviation around each label. Must be in [1e-6, 1e6].

    Returns
    -------
    float
        The log density; finite however far the labels are.

    Raises
    ------
    DtypeError, ShapeError, IndexOutOfRangeError, NonFiniteError, DomainError
        If an argument is not what it should be; values are at most 1e6 in size.
    NoDataError
        If the pair has no labels.

    Examples
    --------
    >>> round(log_prob([0.0, 1.0], HumanPairData(0, 1, [1.0])), 12)
    -0.225791352645
    """
    logits = float_array(model_logits, "model_logits", 1)
    require_finite(logits, "model_logits")
    return float(_log_likelihood(logits[None, :], [human_pair_data], scale)[0])


def find_bayesian_model_weights(
    all_model_logits: Sequence[ArrayLike] | NDArray[Any],
    all_human_pair_data: Sequence[HumanPairData],
    *,
    scale: float = 0.5,
    prior: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Return the posterior weights of models: the softmax of their summed `log_prob`, with a prior if wished.

    Parameters
    ----------
    all_model_logits : sequence of array_like of float, shape (n_models, n_items)
        The logits of each model.
    all_human_pair_data : sequence of HumanPairData
        Independent pairs; each element counts as a pair of its own, also where two name the same items.
    scale : float, default 0.5
        Standard deviation around each label. Must be in [1e-6, 1e6].
    prior : array_like of float, shape (n_models,), optional
        Prior mass of each model, non-negative; it need not sum to 1. Uniform by default.

    Returns
    -------
    ndarray of float64, shape (n_models,)
        Non-negative weights that sum to 1.

    Raises
    ------
    DtypeError, ShapeError, IndexOutOfRangeError, NonFiniteError, DomainError
        If an argument is not what it should be; values are at most 1e6 in size.
    NoDataError
        If there are no pairs, a pair has no labels, or every prior is 0.

    See Also
    --------
    hemicycle.bma_weights : the weights from log likelihoods.
    hemicycle.log_likelihood : the log likelihoods of a pool.

    Examples
    --------
    >>> pairs = [HumanPairData(0, 1, [0.0, 2.0])]
    >>> find_bayesian_model_weights([[0.0, 0.0], [0.0, 2.0]], pairs)
    array([0.5, 0.5])
    """
    logits = _logits_table(all_model_logits, "all_model_logits")
    return bma_weights(_log_likelihood(logits, list(all_human_pair_data), scale), prior=prior)


def _logits_table(logits_lists: Sequence[ArrayLike] | NDArray[Any], what: str) -> NDArray[np.float64]:
    """Return the lists as a matrix; lists of unequal length are refused by row."""
    rows: Any = logits_lists
    if not isinstance(rows, np.ndarray):
        rows = list(rows)
        lengths = [_length(row) for row in rows]
        for row, length in enumerate(lengths):
            if length != lengths[0]:
                raise ShapeError(f"{what}[{row}] has {length} logits, but {what}[0] has {lengths[0]}")
    table = float_array(rows, what, 2)
    require_finite(table, what)
    return table


def _columns(
    samples: Iterable[Sequence[float]], n_items: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the samples as columns a, b and c."""
    rows = samples if isinstance(samples, np.ndarray) else list(samples)
    if len(rows) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    for row, sample in enumerate(rows):
        if _length(sample) != 3:
            raise ShapeError(f"samples[{row}]: expected (a, b, c), got {_length(sample)} values")
    table = float_array(rows, "samples", 2)
    require_finite(table, "samples")
    a, b = (_indices(table[:, column], f"samples[:, {column}]", n_items) for column in (0, 1))
    return a, b, table[:, 2]


def _length(row: object) -> int:
    """Return the number of values in a row; a number alone is one."""
    return len(row) if isinstance(row, Sized) else 1


def _indices(values: NDArray[np.float64], what: str, n_items: int) -> NDArray[np.int64]:
    """Return whole numbers as indices of items."""
    fractional = values != np.trunc(values)
    if fractional.any():
        row = int(np.argmax(fractional))
        raise DtypeError(f"{what}[{row}] is {values[row]}; it must be the index of an item")
    return index_array(values.clip(-(2.0**53), 2.0**53).astype(np.int64), what, n_items)


def _log_likelihood(logits: NDArray[np.float64], pairs: list[HumanPairData], scale: float) -> NDArray[np.float64]:
    """Return the summed log density of the pairs for each model.

    Every pair gets two items of its own, worth 0 and the model's log ratio, so that pairs which name the same items
    stay apart.
    """
    if not pairs:
        raise NoDataError("all_human_pair_data: there are no pairs")
    for position, pair in enumerate(pairs):
        if not all(hasattr(pair, name) for name in HumanPairData.__dataclass_fields__):
            raise DtypeError(f"all_human_pair_data[{position}]: expected HumanPairData, got {type(pair).__name__}")
    a = index_array([pair.item_index_a for pair in pairs], "item_index_a", logits.shape[1])
    b = index_array([pair.item_index_b for pair in pairs], "item_index_b", logits.shape[1])
    labels = [float_array(pair.log_value_b_over_a, "log_value_b_over_a", 1) for pair in pairs]
    counts = np.array([len(pair_labels) for pair_labels in labels])
    if not counts.all():
        raise NoDataError(f"all_human_pair_data[{int(np.argmin(counts))}]: the pair has no labels")
    log_ratio = np.concatenate(labels)
    require_finite(log_ratio, "log_value_b_over_a")
    apart = np.zeros((len(logits), 2 * len(pairs)))
    apart[:, 1::2] = logits[:, b] - logits[:, a]  # (n_models, n_pairs)
    first = 2 * np.repeat(np.arange(len(pairs)), counts)
    judgments = Judgments.from_arrays(first, first + 1, log_ratio, items=2 * len(pairs))
    return log_likelihood(apart, judgments, sigma=positive_number(scale, "scale"))
