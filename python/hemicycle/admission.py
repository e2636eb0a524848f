"""What enters a round: judgments of the pool's items, and models that have log ratios."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hemicycle.errors import DtypeError, NoDataError
from hemicycle.judgments import Judgments, require_judgments
from hemicycle.pool import Pool
from hemicycle.rejects import Reject, excerpt

if TYPE_CHECKING:
    from hemicycle.rejects import Rejects

__all__ = ["Admitted", "admit", "barred_models", "jury_notices"]


class Admitted(NamedTuple):
    """Judgments and pool of a round, what stayed outside, and what a reader should know of it."""

    judgments: Judgments
    pool: Pool
    rejects: Rejects
    notices: tuple[str, ...]


def admit(judgments: Judgments, pool: Pool) -> Admitted:
    """Put a jury and a pool on one list of items.

    Parameters
    ----------
    judgments : Judgments
        What the jury said; those of items outside the pool become rejects.
    pool : Pool
        The submitted models; those with a zero weight have no log ratios and become rejects.

    Returns
    -------
    Admitted
        What can be scored.

    Raises
    ------
    DtypeError
        If they are no `Judgments` and no `Pool`.
    NoDataError
        If no model is left, or no cardinal judgment of positive weight.
    """
    require_judgments(judgments)
    if not isinstance(pool, Pool):
        made = "Pool.read(path) and Pool.from_array(logits, items=...) make one"
        raise DtypeError(f"pool: expected a Pool, got {type(pool).__name__}; {made}")
    barred = barred_models(pool)
    rejects = pool.rejects + barred
    seated = pool.select(pool.scorable) if barred else pool
    if not len(seated):
        message = f"no model is left to score, {len(rejects):,} turned away{_first(rejects)}"
        raise NoDataError(message, rejects)
    aligned = judgments.align(pool.items)
    _require_pairs(aligned)
    notices = pool.notices + judgments.notices + jury_notices(aligned)
    return Admitted(aligned, seated, aligned.rejects + rejects, notices)


def barred_models(pool: Pool) -> Rejects:
    """Return the models with a zero weight, which has no logarithm, and why they are barred: in the order of the pool.

    Parameters
    ----------
    pool : Pool
        The submitted models.
    """
    rejects = []
    for model in np.flatnonzero(~pool.scorable):
        zeros = np.flatnonzero(np.isneginf(pool.logits[model]))
        reason = (
            f"zero weights have no logarithm, {len(zeros)} of {len(pool.items)} here, so there are no log ratios to "
            "score; min_weight (--min-weight) would lift them to a floor"
        )
        file = pool.files[model] if pool.files else pool.models[model]
        rejects.append(Reject("submission", file, None, "item", excerpt(pool.items.names[zeros[0]]), reason))
    return tuple(rejects)


def _require_pairs(judgments: Judgments) -> None:
    if len(judgments.pairs):
        return
    if not len(judgments):
        n, first = len(judgments.rejects), _first(judgments.rejects)
        message = f"no pair is covered by the items of the pool, {n:,} turned away{first}"
        raise NoDataError(message, judgments.rejects)
    if judgments.n_ordinal == len(judgments):
        raise NoDataError(
            f"all {len(judgments)} judgments are ordinal: they name a winner and not how much more it is worth; log "
            "likelihood, least squares and stacking need cardinal ones"
        )
    raise NoDataError("every cardinal judgment has the weight 0")


def _first(rejects: Rejects) -> str:
    if not rejects:
        return ""
    place = rejects[0].file if rejects[0].kind == "submission" else rejects[0].value
    return f"; the first: {place}: {rejects[0].reason}"


def jury_notices(judgments: Judgments) -> tuple[str, ...]:
    """Return what a reader should know about the judgments of a round.

    Parameters
    ----------
    judgments : Judgments
        Aligned to the items of the models.
    """
    notices = []
    if judgments.n_ordinal and not judgments.file:  # who reads a file says it
        counted = f"{judgments.n_ordinal} of {len(judgments)} judgments"
        notices.append(f"{counted} name a winner and no multiplier (ordinal): they count for accuracy only")
    if judgments.pairs.n_zero_weight:
        notices.append(f"pairs left out, as all their judgments have the weight 0: {judgments.pairs.n_zero_weight}")
    splits = Counter(split for split in judgments.split if split is not None)
    if len(splits) > 1:
        counts = ", ".join(f"{n} {excerpt(split)}" for split, n in sorted(splits.items()))
        notices.append(f"rows of all splits are used ({counts}); split (--split) takes some")
    return tuple(notices)
