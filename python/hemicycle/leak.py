"""Submissions that fit the judgments better than one can that did not see them."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import row_indices
from hemicycle.closeness import choice_excess, log_ratio_excess
from hemicycle.errors import DomainError, LeakWarning, NoDataError
from hemicycle.judgments import require_judgments
from hemicycle.logits import logits_matrix
from hemicycle.options import number_within
from hemicycle.pool import Pool
from hemicycle.rejects import counted, excerpt
from hemicycle.scores import accuracy, mean_squared_error
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments

__all__ = ["LeakCheck", "leak_check"]

MOST = 200  #: models that are looked at, the best by squared error and the best by accuracy: only they can be too good
MAX_ITEMS = 1000  #: judged items; beyond, the fits that models are compared with would take minutes
MAX_CELLS = 1 << 22  #: rows times items, or times models that are looked at: some seconds
MIN_MODELS = 5  #: whose median says how hard a row is
MIN_JURORS = 10  #: on whose differences a gap is judged
SHOWN = 8  #: models that a warning names


@dataclass(frozen=True, slots=True, eq=False)
class LeakCheck:
    """What was found of each model; made by `leak_check`.

    Attributes
    ----------
    models : tuple of str
        Names.
    level : float
        Probability that any model of an honest pool is suspected.
    log_ratio_p, choice_p, gap_p : ndarray of float64, shape (n_models,)
        Probability that a model that saw no row would look as fitted: to the log ratios, to the choices, to the rows
        used rather than to those left out. nan where it cannot be told.
    log_ratio_excess, choice_excess : ndarray of float64, shape (n_models,)
        How far the loss is above the least that any logits attain on these rows, in units of what the truth itself
        would lose to that fit: near 0 is a fit, 1 what the truth has, most models have more.
    gap : ndarray of float64, shape (n_models,)
        Mean squared error on the rows left out less that on the rows used, both relative to the median model.
    """

    models: tuple[str, ...]
    level: float
    log_ratio_excess: NDArray[np.float64]
    log_ratio_p: NDArray[np.float64]
    choice_excess: NDArray[np.float64]
    choice_p: NDArray[np.float64]
    gap: NDArray[np.float64]
    gap_p: NDArray[np.float64]

    @property
    def suspects(self) -> dict[str, str]:
        """Models that fit too well to be independent of the judgments, and what they were fitted to."""
        found: dict[str, list[str]] = {}
        for p, what in (
            (self.log_ratio_p, "the log ratios"),
            (self.choice_p, "the choices"),
            (self.gap_p, "the rows used"),
        ):
            for d in np.flatnonzero(_holm(p) <= self.level / 3).tolist():
                found.setdefault(self.models[d], []).append(what)
        return {model: " and ".join(found[model]) for model in self.models if model in found}

    @property
    def notice(self) -> str | None:
        """What the reader of a leaderboard should know; None where no model is suspected."""
        suspects = self.suspects
        if not suspects:
            return None
        named = ", ".join(f"{excerpt(model)} (to {what})" for model, what in list(suspects.items())[:SHOWN])
        more = f" and {len(suspects) - SHOWN} more" if len(suspects) > SHOWN else ""
        return (
            f"{counted(len(suspects), 'model')} fit these judgments closer than the truth itself would, which did not "
            f"see them: {named}{more}. Fitted to the rows that score it, a model says nothing about the next juror."
        )

    def table(self) -> Table:
        """Return one row for each model.

        Returns
        -------
        Table
            Columns model, log_ratio_excess, log_ratio_p, choice_excess, choice_p, gap, gap_p and fitted_to, which is
            empty but for suspects; the least probability first.
        """
        least = np.fmin(np.fmin(self.log_ratio_p, self.choice_p), self.gap_p)
        order = np.argsort(np.where(np.isnan(least), 2.0, least), kind="stable")
        suspects = self.suspects
        columns: dict[str, Any] = {"model": [self.models[d] for d in order]}
        for name in ("log_ratio_excess", "log_ratio_p", "choice_excess", "choice_p", "gap", "gap_p"):
            columns[name] = getattr(self, name)[order]
        return Table(columns | {"fitted_to": [suspects.get(self.models[d], "") for d in order]})


def leak_check(
    logits: ArrayLike | Pool, judgments: Judgments, *, used: ArrayLike | None = None, level: float = 0.01
) -> LeakCheck:
    """Look for models that were fitted to the judgments that score them.

    Three questions. Is the loss of a model on the log ratios so near to the least that any logits attain that the truth
    itself, which did not see the noise, would seldom come so near? Is its loss on the choices, at any temperature, as
    near to the best Bradley-Terry fit? And where `used` tells rows apart: does it fit the rows used better than those
    left out, compared with the other models, by more than jurors differ by chance?

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        Log contribution of each item, natural log; the columns are `judgments.items`.
    judgments : Judgments
        All rows that a model may have seen, those left out too.
    used : array_like of bool, shape (n_judgments,), or of int, optional
        The rows that scores are based on: the first two questions are then asked of these and of the others too, and
        the third at all.
    level : float, default 0.01
        Probability to suspect anybody in an honest pool.

    Returns
    -------
    LeakCheck
        Of each model how near it is, how probable that is, and who is suspected.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, OptionError, IndexOutOfRangeError
        As `hemicycle.log_likelihood`, or if `used` is no rows.
    DomainError
        If `level` is not between 0 and 1.
    NoDataError
        If no judgment says how much.

    Warns
    -----
    LeakWarning
        If a model is suspected.

    Notes
    -----
    What it sees: least squares, Huber and Bradley-Terry fits to all rows or most of them, copies and light smoothings
    of these; and models fitted to the rows used only, by any method that follows noise. What it does not see: models
    that were fitted to the rows and then shrunk or blended with honest ones until they are as far off as the truth
    would be; fits by a rule far from both losses, such as Elo with large steps; one that knows a few rows only; and of
    models fitted to used and left-out rows alike a gap. A model is never proved innocent.

    The loss of the truth above the least is a sum of squares of as many numbers as items can be told apart; its mean
    and spread are estimated from the residuals of the fit, juror by juror (a Satterthwaite approximation with a
    sandwich). Models that are not the truth lose more, so that the probabilities err on the side of the honest. Of the
    models, at most the 200 best by squared error and the 200 best by accuracy are looked at; Holm's rule keeps the
    probability of any false alarm over all of them below `level`. Nothing is told of rounds with more than a thousand
    judged items, or where the rows times the items, or times the models looked at, are above four million; nor of
    choices that a fit explains nearly all.

    References
    ----------
    Satterthwaite (1946), An approximate distribution of estimates of variance components, doi:10.2307/3002019. Holm
    (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
    """
    require_judgments(judgments)
    level = number_within(level, "level", 0.0, 1.0)
    if not 0 < level < 1:
        raise DomainError(f"level is {level}; it must be between 0 and 1, both excluded")
    matrix = logits_matrix(logits, judgments)
    if not len(judgments.pairs):
        raise NoDataError("judgments: none says how much more one item is worth, with a weight above 0")
    rows = None if used is None else row_indices(used, "used", len(judgments), "judgments")
    parts = [judgments]
    if rows is not None:
        parts += [judgments.select(rows), judgments.select(np.setdiff1d(np.arange(len(judgments)), rows))]
    log_ratio, choice = (_nearest(logits, matrix, parts, loss) for loss in ("log_ratio", "choice"))
    gap = np.full((2, len(matrix)), np.nan)
    if rows is not None and len(matrix) >= MIN_MODELS and _feasible(judgments, judgments.is_cardinal, len(matrix)):
        near = _best(mean_squared_error(logits, judgments))
        gap[:, near] = _gap(np.asarray(matrix[near], dtype=np.float64), judgments, rows)
    names = logits.models if isinstance(logits, Pool) else tuple(map(str, range(len(matrix))))
    found = LeakCheck(names, level, *log_ratio, *choice, *gap)
    if found.notice is not None:
        warnings.warn(found.notice, LeakWarning, stacklevel=2)
    return found


def _nearest(
    logits: ArrayLike | Pool, matrix: NDArray[Any], parts: Sequence[Judgments], loss: str
) -> NDArray[np.float64]:
    """Return how near models are to the least loss, on the part of the rows where that says most, and its chance."""
    found = np.full((len(parts), 2, len(matrix)), np.nan)
    for part, values in zip(parts, found, strict=True):
        counts = part.weight > 0
        known = counts & (part.is_cardinal if loss == "log_ratio" else part.choice > 0)
        if not known.any() or not _feasible(part, known, len(matrix)):
            continue
        score, excess = (mean_squared_error, log_ratio_excess) if loss == "log_ratio" else (accuracy, choice_excess)
        near = _best(score(logits, part) if loss == "log_ratio" else -score(logits, part))
        values[:, near] = excess(np.asarray(matrix[near], dtype=np.float64), part)
    which = np.argmin(np.where(np.isnan(found[:, 1]), 2.0, found[:, 1]), axis=0)  # (n_models,)
    nearest: NDArray[np.float64] = np.take_along_axis(found, which[None, None], axis=0)[0]
    nearest[1] = np.minimum(1.0, len(parts) * nearest[1])
    return nearest


def _feasible(judgments: Judgments, rows: NDArray[np.bool_], n_models: int) -> bool:
    """Whether the fits to these rows, and what models lose to them, take some seconds at most."""
    n_items = len(np.unique([judgments.a[rows], judgments.b[rows]]))
    return n_items <= MAX_ITEMS and int(rows.sum()) * max(n_items, min(MOST, n_models)) <= MAX_CELLS


def _best(loss: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the models with the least loss, in their order."""
    chosen: NDArray[np.int64] = np.sort(np.argsort(loss, kind="stable")[:MOST])
    return chosen


def _holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities that count how many were looked at; nan is none."""
    n = int(np.count_nonzero(~np.isnan(p)))
    adjusted = np.full(len(p), np.inf)
    order = np.argsort(p, kind="stable")[:n]
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(n, 0, -1))
    return adjusted


def _gap(
    logits: NDArray[np.float64], judgments: Judgments, used: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how much worse each model is on the rows left out, beside the median model, and how probable that is."""
    counted_rows = np.flatnonzero(judgments.is_cardinal & (judgments.weight > 0))
    inside = np.isin(counted_rows, used)
    jurors = [judgments.juror[row] for row in counted_rows.tolist()]
    _, code = np.unique(np.array([str(juror) for juror in jurors]), return_inverse=True)
    n_jurors = int(code.max()) + 1
    unknown = np.full(len(logits), np.nan)
    if not inside.any() or inside.all() or None in jurors or n_jurors < MIN_JURORS:
        return unknown, unknown
    a, b = judgments.a[counted_rows], judgments.b[counted_rows]
    loss = np.square(logits[:, b] - logits[:, a] - judgments.log_ratio[counted_rows])  # (n_models, n_rows)
    weight = judgments.weight[counted_rows]
    relative = loss - np.median(loss, axis=0)
    share = np.where(inside, -weight / weight[inside].sum(), weight / weight[~inside].sum())
    gap = relative @ share
    means = np.where(
        inside, (relative[:, inside] @ -share[inside])[:, None], (relative[:, ~inside] @ share[~inside])[:, None]
    )
    of_juror = np.zeros((n_jurors, len(logits)))
    np.add.at(of_juror, code, ((relative - means) * share).T)
    error = np.sqrt(np.square(of_juror).sum(axis=0) * n_jurors / (n_jurors - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, gap / error, 0.0)
    freedom = n_jurors - 1
    # Wallace's normal deviate of Student's t
    z = np.sign(t) * (8 * freedom + 1) / (8 * freedom + 3) * np.sqrt(freedom * np.log1p(t**2 / freedom))
    return gap, np.array([0.5 * math.erfc(value / math.sqrt(2.0)) for value in z.tolist()])
