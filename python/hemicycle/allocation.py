"""Shares of the items: the pool's logits and weights, averaged and turned into fractions of each parent's budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from hemicycle.arrays import float_array, index_array, require_length, simplex_weights
from hemicycle.errors import DomainError, NonFiniteError, ShapeError
from hemicycle.options import known_word
from hemicycle.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "allocate",
    "allocate_blocks",
    "allocate_each",
    "in_domain",
    "mean_logits",
    "model_shares",
    "pooled_logits",
    "shares_of_logits",
]

Mean: TypeAlias = Literal["geometric", "arithmetic"]

MEANS: tuple[Mean, ...] = ("geometric", "arithmetic")
BLOCK_CELLS = 1 << 18  #: logits copied at a time: 2 MB of float64


def allocate(
    logits: ArrayLike | Pool,
    weights: ArrayLike,
    *,
    mean: Mean = "geometric",
    parent_index: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""Turn an ensemble into shares of each parent's budget.

    With :math:`w` the weights and :math:`z_d` the logits of model d, within each parent

    .. math::

        \text{geometric:}\ \operatorname{softmax}\Big(\sum_d w_d z_d\Big),\qquad
        \text{arithmetic:}\ \sum_d w_d \operatorname{softmax}(z_d)

    the log pool and the linear pool of the models' own shares.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        Log contribution of each item, natural log; -inf is a share of 0. Only differences within a parent matter.
    weights : array_like of float64, shape (n_models,)
        Weight of each model: non-negative, sum 1. A model of weight 0 contributes nothing, whatever its logits are.
    mean : {"geometric", "arithmetic"}, default "geometric"
        Which average of the models' shares.
    parent_index : array_like of int, shape (n_items,), optional
        Parent of each item, numbered from 0. By default that of the pool; for an array, all items share one parent.

    Returns
    -------
    ndarray of float64, shape (n_items,)
        Shares, non-negative; those of one parent sum to 1 within ``2**-52``.

    Raises
    ------
    OptionError
        If `mean` is neither "geometric" nor "arithmetic".
    ShapeError
        If the shapes do not agree.
    DtypeError
        If an array is not of real numbers, or is masked.
    NonFiniteError
        If a weight is not finite, or a logit of a model with positive weight is NaN or +inf.
    DomainError
        If a weight is negative, the weights do not sum to 1 within 1e-6, or no share is defined for a parent: under
        "geometric" each of its items has the share 0 from some model, under "arithmetic" one model gives all of them 0.

    Notes
    -----
    Takes one pass over the models with positive weight, in blocks of rows of constant size: time is proportional to
    their number times `n_items`, memory is a few megabytes beside the pool. Each model's largest logit in a parent is
    subtracted first, so a constant added to a model's logits in one parent does not cost digits. The same bits come out
    whatever the number of threads.

    References
    ----------
    C. Genest and J. V. Zidek, "Combining probability distributions: a critique and an annotated bibliography",
    Statistical Science 1(1), 1986, doi:10.1214/ss/1177013825: the logarithmic and the linear opinion pool.

    Examples
    --------
    >>> import numpy as np
    >>> allocate(np.log([[1.0, 1.0], [1.0, 9.0]]), [0.5, 0.5])
    array([0.25, 0.75])
    >>> allocate(np.log([[1.0, 1.0], [1.0, 9.0]]), [0.5, 0.5], mean="arithmetic")
    array([0.3, 0.7])
    """
    known_word(mean, "mean", MEANS)
    matrix = float_array(logits.logits if isinstance(logits, Pool) else logits, "logits", 2, keep_float32=True)
    if matrix.size == 0:
        raise ShapeError(f"logits: expected at least one model and one item, got shape {matrix.shape}")
    checked = simplex_weights(weights, matrix.shape[0], "logits")
    parents = _parents(logits, parent_index, matrix.shape[1])
    return _shares([(matrix, checked)], parents, mean)


def allocate_blocks(
    blocks: Iterable[tuple[NDArray[Any], NDArray[np.float64]]],
    parent_index: NDArray[np.int64],
    *,
    mean: Mean = "geometric",
) -> NDArray[np.float64]:
    """Turn an ensemble into shares that comes some models at a time; otherwise as `allocate`.

    Parameters
    ----------
    blocks : iterable of (ndarray of float, ndarray of float64)
        Logits, shape (n, n_items), and weights of these models, shape (n,); all weights together have the sum 1.
    parent_index : ndarray of int64, shape (n_items,)
        Parent of each item.
    mean : {"geometric", "arithmetic"}, default "geometric"
        As in `allocate`.

    Returns
    -------
    ndarray of float64, shape (n_items,)
        As `allocate` of all of them, but for the rounding of sums over the blocks, which are in their order.

    Raises
    ------
    OptionError, NonFiniteError, DomainError
        As `allocate`.
    """
    known_word(mean, "mean", MEANS)
    return _shares(blocks, _Parents(parent_index), mean)


def _shares(
    blocks: Iterable[tuple[NDArray[Any], NDArray[np.float64]]], parents: _Parents, mean: Mean
) -> NDArray[np.float64]:
    pool = _arithmetic if mean == "arithmetic" else _geometric
    shares: NDArray[np.float64] = parents.normalised(pool(blocks, parents)[None])[0]
    return shares


def allocate_each(
    matrix: NDArray[Any], weights: NDArray[np.float64], parent_index: NDArray[np.int64], *, mean: Mean = "geometric"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn several ensembles of the same models into shares.

    Parameters
    ----------
    matrix : ndarray of float, shape (n_models, n_items)
        Log contribution of each item, natural log; -inf is a share of 0.
    weights : ndarray of float64, shape (n, n_models)
        Weights of each ensemble: non-negative, sum 1.
    parent_index : ndarray of int64, shape (n_items,)
        Parent of each item.
    mean : {"geometric", "arithmetic"}, default "geometric"
        As in `allocate`.

    Returns
    -------
    shares : ndarray of float64, shape (n, n_items)
        As `allocate` of each row of weights, up to rounding.
    pooled : ndarray of float64, shape (n, n_items)
        Weighted means of the logits: their differences within a parent are the pooled log ratios.

    Raises
    ------
    OptionError, NonFiniteError, DomainError
        As `allocate`.

    Notes
    -----
    Sums run over the models in order, so that equal weights give equal bits, for any number of threads.
    """
    known_word(mean, "mean", MEANS)
    parents = _Parents(parent_index)
    pooled = np.zeros((len(weights), len(parent_index)))
    shares = np.zeros_like(pooled)
    vetoed = np.zeros(pooled.shape, dtype=bool)  # items to which a model with weight gives nothing
    for block, chosen in _rows(matrix, np.flatnonzero(weights.any(axis=0)), parents):
        block_weights = np.ascontiguousarray(weights[:, chosen])  # (n, n_rows)
        top = parents.maximum(block)  # (n_rows, n_parents)
        with np.errstate(invalid="ignore"):  # -inf less -inf, where a model gives a whole parent nothing
            relative = block - parents.spread(top)
        none = ~np.isfinite(relative)
        if none.any():
            vetoed |= (block_weights > 0) @ none
            relative[none] = 0.0
        pooled += np.einsum("kd,di->ki", block_weights, relative)
        if mean == "arithmetic":
            _require_shares(top)
            relative = np.where(none, 0.0, np.exp(relative))
            relative /= parents.spread(parents.total(relative))
            shares += np.einsum("kd,di->ki", block_weights, relative)
    pooled[vetoed] = -np.inf
    if mean == "geometric":
        top = parents.maximum(pooled)  # (n, n_parents)
        _require_pooled(top)
        shares = np.exp(pooled - parents.spread(top))
    return parents.normalised(shares), pooled


def pooled_logits(pool: Pool, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted mean of the models' logits, shifted so that they stay in the domain of logits.

    Parameters
    ----------
    pool : Pool
        The models.
    weights : ndarray of float64, shape (n_models,)
        Non-negative, sum 1.

    Returns
    -------
    ndarray of float64, shape (n_items,)
        Logits of the geometric mean of the models' shares: their differences within a parent are its log ratios.
    """
    return in_domain(mean_logits([(pool.logits, weights)], pool.items.parent_index))


def mean_logits(
    blocks: Iterable[tuple[NDArray[Any], NDArray[np.float64]]], parent_index: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the weighted mean of logits that come some models at a time.

    Parameters
    ----------
    blocks : iterable of (ndarray of float, ndarray of float64)
        Logits, shape (n, n_items), and weights of these models, shape (n,); all weights together have the sum 1.
    parent_index : ndarray of int64, shape (n_items,)
        Parent of each item.

    Returns
    -------
    ndarray of float64, shape (n_items,)
        At most 0: each model's largest logit in a parent is subtracted first.
    """
    return _mean_logits(blocks, _Parents(parent_index))


def in_domain(pooled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a mean of logits shifted so that it stays in the domain of logits, see `pooled_logits`."""
    shifted: NDArray[np.float64] = pooled - 0.5 * pooled.min()  # twice the range of logits becomes the range
    return shifted


def shares_of_logits(pooled: NDArray[np.float64], parent_index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the geometric shares that follow from a mean of logits: those of `allocate_blocks`, bit for bit.

    Parameters
    ----------
    pooled : ndarray of float64, shape (n_items,)
        What `mean_logits` returned.
    parent_index : ndarray of int64, shape (n_items,)
        Parent of each item.

    Raises
    ------
    DomainError
        If all of a parent are -inf.
    """
    parents = _Parents(parent_index)
    shares: NDArray[np.float64] = parents.normalised(_shares_of(pooled, parents)[None])[0]
    return shares


def model_shares(matrix: NDArray[Any], parent_index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the shares that each model gives to the items of each parent.

    Parameters
    ----------
    matrix : ndarray of float, shape (n_models, n_items)
        Log contribution of each item, natural log; -inf is a share of 0.
    parent_index : ndarray of int64, shape (n_items,)
        Parent of each item.

    Returns
    -------
    ndarray of float64, shape (n_models, n_items)
        Non-negative, of sum 1 in each parent.

    Raises
    ------
    NonFiniteError, DomainError
        If a logit is NaN or +inf, or a model gives all items of a parent nothing.
    """
    parents = _Parents(parent_index)
    shares = np.empty(matrix.shape)
    for block, chosen in _rows(matrix, np.arange(len(matrix)), parents):
        top = parents.maximum(block)  # (n_rows, n_parents)
        _require_shares(top)
        parts = np.exp(block - parents.spread(top))
        shares[chosen] = parts / parents.spread(parents.total(parts))
    return shares


def _mean_logits(blocks: Iterable[tuple[NDArray[Any], NDArray[np.float64]]], parents: _Parents) -> NDArray[np.float64]:
    pooled = np.zeros(len(parents.order))
    for matrix, weights in blocks:
        for block, block_weights in _blocks(matrix, weights, parents):
            with np.errstate(invalid="ignore"):  # -inf less -inf, where a model gives a whole parent nothing
                pooled += np.add.reduce(block_weights * (block - parents.spread(parents.maximum(block))), axis=0)
    pooled[np.isnan(pooled)] = -np.inf
    return pooled


def _geometric(blocks: Iterable[tuple[NDArray[Any], NDArray[np.float64]]], parents: _Parents) -> NDArray[np.float64]:
    return _shares_of(_mean_logits(blocks, parents), parents)


def _shares_of(pooled: NDArray[np.float64], parents: _Parents) -> NDArray[np.float64]:
    top = parents.maximum(pooled[None])  # (1, n_parents)
    _require_pooled(top)
    relative: NDArray[np.float64] = np.exp(pooled - parents.spread(top)[0])
    return relative


def _arithmetic(blocks: Iterable[tuple[NDArray[Any], NDArray[np.float64]]], parents: _Parents) -> NDArray[np.float64]:
    pooled = np.zeros(len(parents.order))
    for matrix, weights in blocks:
        for block, block_weights in _blocks(matrix, weights, parents):
            top = parents.maximum(block)  # (n_rows, n_parents)
            _require_shares(top)
            shares = np.exp(block - parents.spread(top))  # (n_rows, n_items)
            pooled += np.add.reduce(shares * (block_weights / parents.spread(parents.total(shares))), axis=0)
    return pooled


class _Parents:
    """Items grouped by parent, for reductions over each group."""

    def __init__(self, parent_index: NDArray[np.int64]) -> None:
        _, self.of_item = np.unique(parent_index, return_inverse=True)  # (n_items,)
        self.order = np.argsort(self.of_item, kind="stable")
        self.starts = np.flatnonzero(np.diff(self.of_item[self.order], prepend=-1))  # (n_parents,)

    def maximum(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        top: NDArray[np.float64] = np.maximum.reduceat(rows[:, self.order], self.starts, axis=1)
        return top  # (n_rows, n_parents)

    def total(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        sums: NDArray[np.float64] = np.add.reduceat(rows[:, self.order], self.starts, axis=1)
        return sums  # (n_rows, n_parents)

    def spread(self, per_parent: NDArray[np.float64]) -> NDArray[np.float64]:
        return per_parent[:, self.of_item]  # (n_rows, n_items)

    def normalised(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Divide by the exact sum of each parent: two roundings, so the sum is 1 within 2**-52."""
        groups = np.split(rows[:, self.order], self.starts[1:], axis=1)
        totals = np.array([[math.fsum(row) for row in group.tolist()] for group in groups]).T  # (n_rows, n_parents)
        fractions: NDArray[np.float64] = rows / self.spread(totals)
        return fractions


def _require_pooled(top: NDArray[np.float64]) -> None:
    """Refuse pooled logits of which all of one parent are -inf."""
    if np.isneginf(top).any():
        parent = int(np.argmax(np.isneginf(top).any(axis=0)))
        raise DomainError(f"parent {parent}: every item has the share 0 from some model; use mean='arithmetic'")


def _require_shares(top: NDArray[np.float64]) -> None:
    """Refuse models whose logits of one parent are all -inf."""
    if np.isneginf(top).any():
        parent = int(np.argmax(np.isneginf(top).any(axis=0)))
        raise DomainError(f"parent {parent}: a model with positive weight gives the share 0 to every item")


def _blocks(
    matrix: NDArray[Any], weights: NDArray[np.float64], parents: _Parents
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Rows of the models with positive weight as float64, with their weights as a column."""
    for block, chosen in _rows(matrix, np.flatnonzero(weights), parents):
        yield block, weights[chosen, None]


def _rows(
    matrix: NDArray[Any], models: NDArray[np.int64], parents: _Parents
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Rows of some models as float64, a block at a time, with the models."""
    rows = max(1, BLOCK_CELLS // len(parents.order))
    for start in range(0, len(models), rows):
        chosen = models[start : start + rows]
        block = matrix[chosen].astype(np.float64, copy=False)  # (n_rows, n_items)
        bad = np.isnan(block) | np.isposinf(block)
        if bad.any():
            row, item = np.argwhere(bad)[0]
            raise NonFiniteError(f"logits[{chosen[row]}, {item}] is {block[row, item]}; it must be finite or -inf")
        yield block, chosen


def _parents(logits: ArrayLike | Pool, parent_index: ArrayLike | None, n_items: int) -> _Parents:
    if parent_index is not None:
        index = index_array(parent_index, "parent_index")
        require_length(index, "parent_index", n_items, "a row of logits")
        return _Parents(index)
    return _Parents(logits.items.parent_index if isinstance(logits, Pool) else np.zeros(n_items, dtype=np.int64))
