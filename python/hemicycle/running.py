"""Scores that follow a live round: only the pairs that new or withdrawn judgments touch are scored again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np

from hemicycle import _core
from hemicycle.arrays import (
    by_construction,
    float_array,
    read_only,
    require_finite,
    require_length,
    require_non_negative,
    row_indices,
)
from hemicycle.changes import changed_judgments, rows_withdrawn, touched_pairs
from hemicycle.errors import DomainError, DtypeError, OptionError, ShapeError
from hemicycle.judgments import Judgments, require_judgments
from hemicycle.logits import logits_matrix, model_blocks, naming_logits
from hemicycle.options import count, known_word, non_negative_number, number_within, thread_count
from hemicycle.rejects import counted
from hemicycle.types import Likelihood, PairWeights

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.pairs import Pairs
    from hemicycle.pool import Pool
    from hemicycle.types import Logits

__all__ = ["RunningScores", "concatenate", "start", "update"]

TOL = 1e-15
"""Error of a running total, relative to the largest sum of absolute terms that it ever held."""

SIGMA_RANGE = (1e-6, 1e6)

COLUMNS = ("log_likelihood", "low", "magnitude", "largest_magnitude")


@dataclass(frozen=True, slots=True, eq=False)
class RunningScores:
    r"""The score of every model, with what it takes to follow the jury; made by `start` and `update`.

    All arrays are plain and read-only: store them with `numpy.savez`, and build the class from them, which copies them,
    and the judgments.

    Attributes
    ----------
    log_likelihood : ndarray of float64, shape (n_models,)
        :math:`\sum_n c_n \log p_n`, as `hemicycle.log_likelihood` defines it.
    low : ndarray of float64, shape (n_models,)
        What rounding took from it: the total is the two together.
    magnitude : ndarray of float64, shape (n_models,)
        :math:`\sum_n |c_n \log p_n|`, to rounding of `largest_magnitude`.
    largest_magnitude : ndarray of float64, shape (n_models,)
        The largest magnitude since `start`.
    judgments : Judgments
        What is scored.
    likelihood : {"sum_gaussian", "gaussian"}, default "sum_gaussian"
        How the labels of one pair combine.
    sigma : float, default 0.5
        Width of the Gaussian at each label.
    pair_weights : {"equal", "total"}, default "equal"
        What :math:`c_n` is.
    rtol : float, default 1e-10
        Error that the term of a pair with many labels may have, see `hemicycle.log_likelihood`.
    n_evaluated : int, default 0
        Terms that the last call computed for each model: one for a pair that is new or gone, two for a pair that
        changed, what it was and what it is.

    Raises
    ------
    ShapeError, DtypeError
        If the arrays are not one number a model, or `n_evaluated` is not an integer.
    NonFiniteError
        If a number is not finite.
    OptionError
        If `likelihood` or `pair_weights` is a word that does not exist.
    DomainError
        If a magnitude, `rtol` or `n_evaluated` is below 0, or `sigma` is not from 1e-6 to 1e6.
    """

    log_likelihood: NDArray[np.float64]
    low: NDArray[np.float64]
    magnitude: NDArray[np.float64]
    largest_magnitude: NDArray[np.float64]
    judgments: Judgments
    likelihood: Likelihood = "sum_gaussian"
    sigma: float = 0.5
    pair_weights: PairWeights = "equal"
    rtol: float = 1e-10
    n_evaluated: int = 0

    def __post_init__(self) -> None:
        for name in COLUMNS:
            column = float_array(getattr(self, name), name, 1)
            require_length(column, name, len(self.log_likelihood), "log_likelihood")
            require_finite(column, name)
            if name.endswith("magnitude"):
                require_non_negative(column, name)
            ours = not column.flags.writeable and not isinstance(column.base, np.ndarray)
            object.__setattr__(self, name, read_only(column if ours else column.copy()))
        require_judgments(self.judgments)
        known_word(self.likelihood, "likelihood", get_args(Likelihood))
        known_word(self.pair_weights, "pair_weights", get_args(PairWeights))
        object.__setattr__(self, "sigma", number_within(self.sigma, "sigma", *SIGMA_RANGE))
        object.__setattr__(self, "rtol", non_negative_number(self.rtol, "rtol"))
        object.__setattr__(self, "n_evaluated", count(self.n_evaluated, "n_evaluated"))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)

    def __len__(self) -> int:
        return len(self.log_likelihood)

    def __repr__(self) -> str:
        return f"RunningScores({counted(len(self), 'model')}, {counted(len(self.judgments), 'judgment')})"

    @property
    def error_bound(self) -> NDArray[np.float64]:
        """How far each total may be from the exact sum of its terms, shape (n_models,)."""
        return TOL * self.largest_magnitude

    def select(self, models: ArrayLike) -> RunningScores:
        """Return the scores of some of the models.

        Parameters
        ----------
        models : array_like of bool, shape (n_models,), or of int
            A mask, or the rows in the order wanted.

        Returns
        -------
        RunningScores
            Of those models, on the same judgments.

        Raises
        ------
        ShapeError, DtypeError, IndexOutOfRangeError
            If the mask has another length, or the indices are no rows.
        """
        index = row_indices(models, "models", len(self), "models")
        columns: dict[str, Any] = {name: getattr(self, name)[index] for name in COLUMNS}
        return replace(self, **columns, n_evaluated=0)


def start(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    *,
    likelihood: Likelihood = "sum_gaussian",
    sigma: float = 0.5,
    pair_weights: PairWeights = "equal",
    rtol: float = 1e-10,
    n_threads: int | None = None,
) -> RunningScores:
    """Score every model against the judgments so far, to be followed by `update`.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        Log contribution of each item, natural log, at most 1e6 in absolute value; the columns are `judgments.items`.
    judgments : Judgments
        What the jury said so far; there may be none that counts, as before the first answer.
    likelihood : {"sum_gaussian", "gaussian"}, default "sum_gaussian"
        How the labels of one pair combine.
    sigma : float, default 0.5
        Width of the Gaussian at each label, in the unit of ``log_ratio``; from 1e-6 to 1e6.
    pair_weights : {"equal", "total"}, default "equal"
        The weight of a pair: 1, or the sum of the weights of its labels.
    rtol : float, default 1e-10
        Error that a pair with many labels may have, as in `hemicycle.log_likelihood`; 0 scores label by label.
    n_threads : int, optional
        Number of threads, by default every core. The result is the same bits for any number.

    Returns
    -------
    RunningScores
        The scores and the judgments that they are of.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError, OptionError
        As `hemicycle.log_likelihood`.

    Notes
    -----
    Takes two to three times as long as `hemicycle.log_likelihood`: every term is computed by itself, with its own
    logarithm, so that the same number can be taken away later.
    """
    matrix = logits_matrix(logits, judgments)
    none = np.zeros(len(matrix))
    nothing = judgments.select([])
    scores = RunningScores(none, none, none, none, nothing, likelihood, sigma, pair_weights, rtol)
    change = _Change(nothing.pairs, judgments.pairs, judgments, whole=True)
    return _changed(scores, logits, matrix, change, thread_count(n_threads))


def update(
    previous_scores: RunningScores,
    logits: ArrayLike | Pool,
    added: Judgments | None = None,
    removed: Judgments | ArrayLike | None = None,
    *,
    n_threads: int | None = None,
) -> RunningScores:
    r"""Return the scores after judgments arrived or were withdrawn.

    Only pairs that such a judgment touches are scored: their old terms :math:`c_n \log p_n` are taken away, as the
    very numbers that were added once, and their new terms are added. Ordinal judgments and those of weight 0 touch
    no pair.

    Parameters
    ----------
    previous_scores : RunningScores
        What `start` or `update` returned; it stays as it is.
    logits : array_like of float, shape (n_models, n_items), or Pool
        The models that were scored: the same numbers in the same order. Only the columns of items that the change
        touches are read.
    added : Judgments, optional
        What arrived, of the same items.
    removed : Judgments, or array_like of bool, shape (n_judgments,), or of int, optional
        What is withdrawn: a mask or the row numbers of ``previous_scores.judgments``; or judgments, each of which takes
        away one that agrees in juror, pair, log ratio, choice and weight.
    n_threads : int, optional
        Number of threads, by default every core. The result is the same bits for any number.

    Returns
    -------
    RunningScores
        Its `judgments` are the previous ones without those removed, followed by those added.

    Raises
    ------
    DtypeError
        If an argument has the wrong type.
    ShapeError
        If the logits are of another number of models or items, or the mask has another length.
    IndexOutOfRangeError
        If a row number is not one of the judgments.
    DomainError
        If a row is removed twice, a judgment to be removed is not there, or a logit is outside its domain.
    NonFiniteError
        If a logit is not finite.
    OptionError
        If judgments or a pool have other items than the scores.

    Notes
    -----
    Totals are kept in double-double: however long the sequence of updates, a total differs from the exact sum of the
    terms of the present judgments by at most 1e-15 of the largest sum of absolute terms that the model ever held,
    `RunningScores.error_bound`. As long as none of its terms is smaller than 3e-16 of that sum nothing at all is lost:
    the totals are then, bit for bit, those of `start` on the present judgments. The terms themselves err as
    `hemicycle.log_likelihood` says.

    Time is that of scoring the pairs touched, twice, and of reading two columns of the logits for each; grouping costs
    O(n_judgments). A pair with many labels gets the table that it would have alone, so that its term depends on nothing
    else; building two tables costs about as much as scoring the pair under some thousands of models.

    Terms are the same bits on processors with AVX2 or AVX-512. Scores that were stored on such a processor and are
    updated on another keep, for each term that they replace, an error that the term itself may have.
    """
    _require_scores(previous_scores, "previous_scores")
    held = previous_scores.judgments
    matrix = logits_matrix(logits, held)
    if len(matrix) != len(previous_scores):
        raise ShapeError(f"logits: expected {counted(len(previous_scores), 'model')}, as scored, got {len(matrix)}")
    threads = thread_count(n_threads)
    arriving = held.select([]) if added is None else _of_same_items(added, "added", held)
    if isinstance(removed, Judgments):
        removed = _of_same_items(removed, "removed", held)
    leaving = np.zeros(0, dtype=np.int64) if removed is None else rows_withdrawn(held, removed)
    judgments = changed_judgments(held, leaving, arriving)
    before, after = touched_pairs(held, leaving, arriving, judgments)
    change = _Change(before, after, judgments, whole=False)
    return _changed(previous_scores, logits, matrix, change, threads)


def concatenate(scores: RunningScores, more: RunningScores) -> RunningScores:
    """Return the scores of the models of both, those of `scores` first: how a pool grows.

    Parameters
    ----------
    scores : RunningScores
        Of the models so far.
    more : RunningScores
        Of other models, on the same judgments in any order: what ``start(more_logits, scores.judgments)`` gives.

    Returns
    -------
    RunningScores
        For the matrix that has the rows of both.

    Raises
    ------
    DtypeError
        If one of them is no `RunningScores`.
    OptionError
        If the two differ in `likelihood`, `sigma`, `pair_weights`, `rtol` or items.
    DomainError
        If their judgments differ in any label of any pair.
    """
    for what, given in (("scores", scores), ("more", more)):
        _require_scores(given, what)
    for name in ("likelihood", "sigma", "pair_weights", "rtol"):
        if getattr(scores, name) != getattr(more, name):
            raise OptionError(f"more: {name} is {getattr(more, name)!r}, but {getattr(scores, name)!r} in scores")
    _of_same_items(more.judgments, "more", scores.judgments)
    for name in ("a", "b", "offsets", "log_ratio", "weight"):
        if not np.array_equal(getattr(scores.judgments.pairs, name), getattr(more.judgments.pairs, name)):
            raise DomainError("more: its judgments are not those of scores; start(more_logits, scores.judgments)")
    both: dict[str, Any] = {name: np.concatenate([getattr(scores, name), getattr(more, name)]) for name in COLUMNS}
    return replace(scores, **both, n_evaluated=0)


class _Change(NamedTuple):
    """What an update does."""

    before: Pairs
    after: Pairs
    judgments: Judgments
    whole: bool  # whether every column of the logits is read, and checked

    def of(self, scores: RunningScores, logits: Logits, n_threads: int | None) -> tuple[list[NDArray[np.float64]], int]:
        """Return the columns of the scores after it, and how many terms it took."""
        *columns, n_evaluated = _core.update_running(
            logits,
            scores,
            self.before,
            self.before.pair_weight(scores.pair_weights),
            self.after,
            self.after.pair_weight(scores.pair_weights),
            len(self.judgments.items),
            self.whole,
            scores.likelihood == "gaussian",
            scores.sigma,
            scores.rtol,
            n_threads,
        )
        return columns, n_evaluated


def _changed(
    scores: RunningScores, logits: ArrayLike | Pool, matrix: NDArray[Any], change: _Change, n_threads: int | None
) -> RunningScores:
    parts, n_evaluated = [], 0
    for first, block in model_blocks(matrix, len(COLUMNS)):
        alone = len(block) == len(scores)
        part = scores if alone else scores.select(np.arange(first, first + len(block)))
        with naming_logits(logits, first):
            columns, n_evaluated = change.of(part, block, n_threads)
        parts.append(columns)
    lists = parts[0] if len(parts) == 1 else [np.concatenate(lists) for lists in zip(*parts, strict=True)]
    for column in lists:
        column.flags.writeable = False
    named: dict[str, Any] = dict(zip(COLUMNS, lists, strict=True))
    return replace(scores, **named, judgments=change.judgments, n_evaluated=n_evaluated)


def _of_same_items(judgments: Judgments, what: str, held: Judgments) -> Judgments:
    require_judgments(judgments, what)
    if judgments.items != held.items:
        raise OptionError(f"{what}: the items are not those of the scores; use {what}.align(scores.judgments.items)")
    return judgments


def _require_scores(scores: object, what: str) -> None:
    if not isinstance(scores, RunningScores):
        raise DtypeError(f"{what}: expected RunningScores, got {type(scores).__name__}")
