"""What the disagreement of submitted models earns on the judged pairs, some models at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import simplex_weights
from hemicycle.diversity.parts import Diversity
from hemicycle.errors import NonFiniteError
from hemicycle.judgments import cardinal_pairs
from hemicycle.logits import logits_matrix
from hemicycle.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.pairs import Pairs

__all__ = ["PoolDiversity", "pool_diversity"]

BLOCK_CELLS = 1 << 17  #: log ratios held at a time: 1 MB of float64, which stays near the core


@dataclass(frozen=True, slots=True)
class PoolDiversity:
    """Diversity of weighted models on the judgments that say how much.

    Attributes
    ----------
    parts : Diversity
        Mean squared errors of log ratios: ERR of the weighted mean of the models, ERR_bar of the models, DIV.
    bias_share : float
        Part of DIV, from 0 to 1, that is models being bolder or more timid than the ensemble, by the same amount in
        every pair, read towards the item that the jury prefers; 0 where there is no DIV.
    """

    parts: Diversity
    bias_share: float

    def summary(self) -> dict[str, float]:
        """Return the numbers by name."""
        return self.parts.summary() | {"bias_share": self.bias_share}


def pool_diversity(logits: ArrayLike | Pool, judgments: Judgments, weights: ArrayLike) -> PoolDiversity:
    r"""Split the squared error of an ensemble of submitted models into that of the models and their diversity.

    With :math:`\mu_{dn}` the log ratio that model d predicts for pair n, :math:`\bar\mu_n = \sum_d w_d \mu_{dn}` and
    the labels :math:`y_i` of weight :math:`u_i`, of sum 1,

    .. math::

        \sum_i u_i (\bar\mu_{n(i)} - y_i)^2 = \sum_d w_d \sum_i u_i (\mu_{dn(i)} - y_i)^2 -
        \sum_d w_d \sum_i u_i (\mu_{dn(i)} - \bar\mu_{n(i)})^2.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        Log contribution of each item, natural log; the columns are ``judgments.items``.
    judgments : Judgments
        What the jury said; ordinal judgments and those of weight 0 do not count here.
    weights : array_like of float, shape (n_models,)
        On the simplex. A model of weight 0 changes nothing, whatever its logits are.

    Returns
    -------
    PoolDiversity
        ERR, ERR_bar, DIV and the part of DIV that is bias, in the square of the unit of ``log_ratio``.

    Raises
    ------
    DtypeError, ShapeError, OptionError
        As `hemicycle.mean_squared_error`; also if there is not one weight for each model.
    NonFiniteError
        If a weight is not finite, or a logit of a model with weight.
    DomainError
        If `weights` are not on the simplex.
    NoDataError
        If no judgment has a log ratio and a weight above 0.
    KeyboardInterrupt
        At once upon Ctrl-C.

    Notes
    -----
    Time is linear in models with weight times judged pairs; memory is some megabytes, and a number for each of these
    models. The bias does not depend on which item of a pair is asked first: read towards a or b, a constant shift would
    mean nothing to models that answer both ways alike. A pair whose mean label is 0 has no direction and no part in it.
    Of models without a bias it is about 1 / n by chance on n pairs of equal weight: 1 of a single pair.

    References
    ----------
    Jeffares, Liu, Crabbé and van der Schaar (2023), Joint training of deep ensembles fails due to learner collusion,
    arXiv:2301.11323, equation 1 and appendix C.1.

    Examples
    --------
    >>> import numpy as np
    >>> from hemicycle import Judgments
    >>> found = pool_diversity([[0.0, 1.0], [0.0, 3.0]], Judgments.from_arrays([0], [1], [2.5]), [0.5, 0.5])
    >>> found.parts, found.bias_share
    (Diversity(err=0.25, err_bar=1.25, div=1.0), 1.0)
    """
    matrix = logits_matrix(logits, judgments)
    given = simplex_weights(weights, len(matrix), "logits")
    pairs = cardinal_pairs(judgments)
    models = np.flatnonzero(given)
    w = given[models] / math.fsum(given)
    unit = pairs.weight / pairs.weight.max()
    labels = unit / math.fsum(unit)  # (n_labels,)
    share = np.add.reduceat(labels, pairs.offsets[:-1])  # (n_pairs,)
    mean_label = pairs.mean_log_ratio
    with np.errstate(over="ignore", invalid="ignore"):
        centre = _mean_log_ratio(logits, matrix, models, w, pairs)
        squares, rest, shifts = _spread(matrix, models, w, pairs, centre, share * np.sign(mean_label))
        error = centre + rest - mean_label
        spread = math.fsum(labels * (pairs.log_ratio - mean_label[pairs.pair_of_label]) ** 2)
        div = math.fsum(share * (squares - rest * rest))
        err = math.fsum(share * error**2) + spread
        err_bar = math.fsum(share * (squares + 2 * (centre - mean_label) * rest + (centre - mean_label) ** 2))
    parts = Diversity(err, err_bar + spread, max(0.0, div))
    directed = math.fsum(share * np.abs(np.sign(mean_label)))
    return PoolDiversity(parts, _bias_share(shifts, w, directed, parts.div))


def _bias_share(shifts: NDArray[np.float64], w: NDArray[np.float64], directed: float, div: float) -> float:
    """Return the part of DIV that one shift of each model explains."""
    if not directed or not div:
        return 0.0
    apart = shifts - math.fsum(w * shifts)
    return min(1.0, math.fsum(w * apart * apart) / directed / div)


def _mean_log_ratio(
    logits: ArrayLike | Pool,
    matrix: NDArray[Any],
    models: NDArray[np.int64],
    w: NDArray[np.float64],
    pairs: Pairs,
) -> NDArray[np.float64]:
    """Return what the models predict of each pair on average, shape (n_pairs,)."""
    total = np.zeros(matrix.shape[1])
    for rows, block in _blocks(matrix, models, matrix.shape[1]):
        if not np.isfinite(block).all():
            _raise_at(logits, models[rows], block)
        total += ((block - block.max(axis=1, keepdims=True)) * w[rows, None]).sum(axis=0)
    mean: NDArray[np.float64] = total[pairs.b] - total[pairs.a]
    return mean


def _spread(
    matrix: NDArray[Any],
    models: NDArray[np.int64],
    w: NDArray[np.float64],
    pairs: Pairs,
    centre: NDArray[np.float64],
    direction: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return, about a centre, mean square and mean of each pair, and the shift of each model in a direction."""
    squares, rest, shifts = np.zeros(len(pairs)), np.zeros(len(pairs)), np.empty(len(models))
    for rows, block in _blocks(matrix, models, len(pairs)):
        by_item = np.ascontiguousarray(block.T)  # (n_items, n_rows)
        apart = by_item[pairs.b] - by_item[pairs.a]  # (n_pairs, n_rows)
        apart -= centre[:, None]
        shifts[rows] = np.einsum("nd,n->d", apart, direction)
        rest += np.einsum("nd,d->n", apart, w[rows])
        squares += np.einsum("nd,nd->n", apart * w[rows], apart)
    return squares, rest, shifts


def _blocks(
    matrix: NDArray[Any], models: NDArray[np.int64], n_columns: int
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield places among `models` and their logits as float64, few enough that so many columns of each are small."""
    step = max(1, BLOCK_CELLS // n_columns)
    for first in range(0, len(models), step):
        rows = slice(first, min(first + step, len(models)))
        yield rows, matrix[models[rows]].astype(np.float64, copy=False)


def _raise_at(logits: ArrayLike | Pool, models: NDArray[np.int64], block: NDArray[np.float64]) -> None:
    row, item = (int(index) for index in np.argwhere(~np.isfinite(block))[0])
    message = f"logits[{models[row]}, {item}] is {block[row, item]}; it must be finite"
    if isinstance(logits, Pool):
        message += f" (model {logits.models[models[row]]!r}, item {logits.items.names[item]!r})"
    raise NonFiniteError(message)
