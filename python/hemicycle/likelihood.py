"""How likely the jury's labels are under each model."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from hemicycle import _core
from hemicycle.arrays import output_array
from hemicycle.errors import DomainError
from hemicycle.judgments import cardinal_pairs, require_judgments
from hemicycle.logits import logits_matrix, score_models
from hemicycle.options import known_word, non_negative_number, positive_number, thread_count
from hemicycle.types import Likelihood, Per

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool
    from hemicycle.types import Logits

__all__ = ["log_likelihood", "table_bytes", "value_and_gradient"]


def log_likelihood(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    *,
    likelihood: Likelihood = "sum_gaussian",
    sigma: float = 0.5,
    per: Per = "model",
    pair_weights: str | ArrayLike = "equal",
    rtol: float = 1e-10,
    n_threads: int | None = None,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    r"""Score every model against the judgments.

    A model predicts :math:`\mu_n = \text{logits}[b_n] - \text{logits}[a_n]` for pair n. With labels :math:`y_i` of
    weights :math:`u_i`, and :math:`v_i = u_i / \sum u`,

    .. math::

        \ell = \sum_n c_n \log p_n, \qquad
        \log p_n = \log \sum_i v_i \, \mathcal{N}(y_i \mid \mu_n, \sigma)

    under ``"sum_gaussian"``: labels of one pair are alternatives. Under ``"gaussian"`` they are independent,
    :math:`\log p_n = \sum_i u_i \log \mathcal{N}(y_i \mid \mu_n, \sigma)`.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        Log contribution of each item, judged or not, natural log, at most 1e6 in absolute value.
        **The columns of an array must be in the order of** ``judgments.items``; nothing can check it.
        ``Judgments.read(path, items=...)`` sets that order, by default it is sorted by key. A pool is checked.
        float64 and float32 are borrowed in any layout that steps forward (do not write to them meanwhile): memory maps,
        columns first, every second row. Other numbers are converted 16 MiB at a time.
    judgments : Judgments
        What the jury said; ordinal judgments and those of weight 0 do not count here. Weights are at most 1e100.
    likelihood : {"sum_gaussian", "gaussian"}, default "sum_gaussian"
        How the labels of one pair combine.
    sigma : float, default 0.5
        Width of the Gaussian at each label, in the unit of ``log_ratio``; from 1e-6 to 1e6.
    per : {"model", "pair", "label"}, default "model"
        What one number is for: totals; :math:`\log p_n` without :math:`c_n`; or
        :math:`\log \mathcal{N}(y_i \mid \mu, \sigma)` of every label, without weights.
    pair_weights : {"equal", "total"} or array_like, shape (n_pairs,), default "equal"
        :math:`c_n`: 1, the sum of the weights of its labels, or numbers from 0 to 1e150. Only totals use them; they
        are 0 where all weights are. A `Round` refuses such weights, which decide nothing.
    rtol : float, default 1e-10
        Error that a pair with many labels may have, relative to :math:`\max(1, |\log p_n|)`. Such pairs are scored
        from tables, in a time that does not depend on the number of labels; below 1e-13 there are none. Less than 1.
    n_threads : int, optional
        Number of threads, by default every core. The result is the same bits for any number.
    out : ndarray of float64, shape of the result, optional
        Where to write the result: C-contiguous, and apart from the memory of every input, of other calls too. A loop
        that passes the same array again is faster, for new memory is written to twice: by the system, with zeros,
        before. After an error it holds anything.

    Returns
    -------
    ndarray of float64
        Shape (n_models,); (n_models, n_pairs) in the order of ``judgments.pairs``; or (n_models, n_labels) in the order
        of its labels, of which ``judgments.pairs.row`` says the rows of the judgments. It is `out` where that is given.

    Raises
    ------
    DtypeError
        If the logits are not real numbers or masked, `out` is not an array of float64, or an option has the wrong type.
    ShapeError
        If the logits are not a matrix with one column for each of the judgments' items, weights have another length, or
        `out` has another shape or is not C-contiguous.
    NonFiniteError, DomainError
        If a logit, weight, `sigma` or `rtol` is not finite or outside its domain; the message names the place.
    OptionError
        If `likelihood`, `per` or `pair_weights` is a word that does not exist, a pool has other items than the
        judgments, or `out` is read-only, shares memory with an input, or is read or written to by another call.
    NoDataError
        If no pair has a label.

    Notes
    -----
    Time is linear in n_models and n_labels; memory is the result's, plus 256 bytes an item and thread. The error of a
    total is at most ``1e-13 * sum_n c_n max(1, |log p_n|)`` everywhere in the domain; under ``"gaussian"`` each label
    counts as a term, ``1e-13 * sum_n c_n sum_i u_i max(1, |log Normal(y_i)|)``. On processors with AVX2 or
    AVX-512 results are the same bits; elsewhere the last bits may differ.

    A pair of at least 10 labels has a table, under ``"sum_gaussian"``, and the term of that pair errs by at most
    ``rtol * c_n max(1, |log p_n|)``; the time for it does not depend on its labels, and 4 KiB an item and thread are
    added, or half a MiB a thread. The table is a piecewise polynomial whose error is bounded, not estimated. It is not
    made where rounding could take more than `rtol`, where labels lie so far apart in sigma that its cells would take
    over 256 KiB, or where it does not fit into 128 MiB beside those of pairs with more labels: a choice by the
    judgments, `sigma` and `rtol` alone, see `table_bytes`. Tables cover all models, however far from the labels.
    Building a table costs as much as it saves under some 25,000 models with 10 labels, 12,000 with 16, 7,000 with 24,
    400 with 1,000: for fewer models `rtol=0` is faster.

    References
    ----------
    "On diversity and many-model ensembling", the proposal of the sum-Gaussian likelihood.
    """
    known_word(per, "per", get_args(Per))
    gaussian, width, tolerance = _scoring(likelihood, sigma, rtol)
    threads = thread_count(n_threads)
    matrix = logits_matrix(logits, judgments)
    pairs, n_items = cardinal_pairs(judgments), len(judgments.items)
    weights = pairs.pair_weight(pair_weights)
    columns = {"model": (), "pair": (len(pairs),), "label": (pairs.n_labels,)}[per]
    read = {"logits": matrix, "pair_weights": weights, "judgments": pairs.log_ratio}
    values = output_array(out, (len(matrix), *columns), **read)

    def score(block: Logits, rows: slice) -> None:
        part = values[rows]
        _core.log_likelihood(block, pairs, weights, n_items, gaussian, width, per, part, threads, rtol=tolerance)

    score_models(logits, matrix, score)
    return values


def value_and_gradient(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    *,
    likelihood: Likelihood = "sum_gaussian",
    sigma: float = 0.5,
    pair_weights: str | ArrayLike = "equal",
    rtol: float = 1e-10,
    n_threads: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return the log-likelihood of every model and its derivative with respect to each of its logits.

    With the pairs and labels of `log_likelihood`, and :math:`r_i` the share of label i in the density of its pair,

    .. math::

        \frac{\partial \ell}{\partial\,\text{logits}[k]} = \sum_n c_n g_n \, ([k = b_n] - [k = a_n]), \qquad
        g_n = \sum_i r_i \frac{y_i - \mu_n}{\sigma^2}

    under ``"sum_gaussian"``; under ``"gaussian"`` the weights :math:`u_i` stand for :math:`r_i`.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        As in `log_likelihood`, any layout.
    judgments : Judgments
        What the jury said; ordinal judgments and those of weight 0 do not count here.
    likelihood : {"sum_gaussian", "gaussian"}, default "sum_gaussian"
        How the labels of one pair combine.
    sigma, pair_weights, rtol, n_threads
        As in `log_likelihood`.

    Returns
    -------
    values : ndarray of float64, shape (n_models,)
        The same bits as `log_likelihood` returns.
    gradient : ndarray of float64, shape (n_models, n_items)
        Row-major, float64 for float32 logits too; 0 for items that no pair names. A row sums to 0 but for rounding.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError, OptionError, NoDataError
        As `log_likelihood`.

    Notes
    -----
    One pass over the judgments gives both, in about twice the time of `log_likelihood` at most. Of a pair that has a
    table both are read from it; only where labels lie so far apart that its slopes would be less precise than promised
    are these summed label by label.

    The derivative with respect to the logit of an item errs by at most 1e-13 (1e-300 where it would underflow) times
    the sum over its pairs of :math:`c_n \sum_i r_i \max(1, |y_i - \mu_n| / \sigma) / \sigma`: in proportion to how hard
    labels pull, not to what is left where they cancel. Every pair of an item and label of a pair beyond a thousand may
    add 1e-16 to the factor, and two equally dense camps of labels d sigma apart 1e-31 times d squared. The slope of a
    pair with a table errs by at most ``1e6 * rtol``, and a tenth, of the same size; measured errors are about 2e-8.

    References
    ----------
    "On diversity and many-model ensembling", the proposal of the sum-Gaussian likelihood; its derivative is elementary.

    Examples
    --------
    >>> from hemicycle import Judgments
    >>> jury = Judgments.from_arrays([0, 0], [1, 1], [1.0, -1.0], items=2)
    >>> values, gradient = value_and_gradient([[0.0, 1.5], [0.0, 0.0]], jury)
    >>> gradient.round(3).tolist()
    [[2.0, -2.0], [0.0, 0.0]]
    """
    gaussian, width, tolerance = _scoring(likelihood, sigma, rtol)
    threads = thread_count(n_threads)
    matrix = logits_matrix(logits, judgments)
    pairs, n_items = cardinal_pairs(judgments), len(judgments.items)
    weights = pairs.pair_weight(pair_weights)
    values, gradient = np.empty(len(matrix)), np.empty(matrix.shape)

    def score(block: Logits, rows: slice) -> None:
        out = values[rows], gradient[rows]
        _core.value_and_gradient(block, pairs, weights, n_items, gaussian, width, *out, threads, rtol=tolerance)

    score_models(logits, matrix, score)
    return values, gradient


def table_bytes(
    judgments: Judgments,
    *,
    likelihood: Likelihood = "sum_gaussian",
    sigma: float = 0.5,
    rtol: float = 1e-10,
    n_threads: int | None = None,
) -> NDArray[np.int64]:
    """Return which pairs `log_likelihood` scores from tables, and the memory of these.

    Parameters
    ----------
    judgments : Judgments
        What the jury said.
    likelihood : {"sum_gaussian", "gaussian"}, default "sum_gaussian"
        How the labels of one pair combine.
    sigma, rtol : float
        As in `log_likelihood`.
    n_threads : int, optional
        Number of threads, by default every core.

    Returns
    -------
    ndarray of int64, shape (n_pairs,)
        Bytes of the table of each of ``judgments.pairs``; 0 where it is scored label by label.

    Raises
    ------
    DtypeError, NonFiniteError, DomainError, OptionError
        As in `log_likelihood`.
    """
    gaussian, width, tolerance = _scoring(likelihood, sigma, rtol)
    require_judgments(judgments)
    n_items, threads = len(judgments.items), thread_count(n_threads)
    return _core.table_bytes(judgments.pairs, n_items, gaussian, width, tolerance, threads)


def _scoring(likelihood: Likelihood, sigma: float, rtol: float) -> tuple[bool, float, float]:
    """Return what a term is apart from its pair, checked: whether labels are independent, their width, the error."""
    known_word(likelihood, "likelihood", get_args(Likelihood))
    tolerance = non_negative_number(rtol, "rtol")
    if tolerance >= 1:
        raise DomainError(f"rtol is {tolerance}; it must be below 1")
    return likelihood == "gaussian", positive_number(sigma, "sigma"), tolerance
