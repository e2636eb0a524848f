"""Groups of submissions that predict the same, or nearly: who is in them, who came first, and what copying bought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.judgments import cardinal_pairs
from hemicycle.rejects import counted, excerpt
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hemicycle.clones import CloneProofPrior
    from hemicycle.ensemble import Ensemble
    from hemicycle.judgments import Judgments
    from hemicycle.pairs import Pairs
    from hemicycle.pool import Pool

__all__ = ["CloneGroup", "clone_group_table", "clone_groups", "clone_reason", "guessing_gain"]

NAMED = 6  #: models of a group that are named


@dataclass(frozen=True, slots=True, eq=False)
class CloneGroup:
    """Submissions that predict the same for every judged pair, or nearly, linked by nearness.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Which models of the pool, in its order.
    models : tuple of str
        Their names.
    same : ndarray of bool, shape (n,)
        Which predict the same as the one that stands for the group, to 1e-9; itself among them.
    twins : ndarray of int64, shape (n,)
        How many others predict the same as each.
    distance : ndarray of float64, shape (n,)
        Root mean square over the judged pairs of the difference in log ratio: to the model that stands for the group;
        of this itself, to the next.
    authors : tuple of str
        Who submitted them, as far as known, in order.
    submitted : tuple of (str or None)
        When each came, as far as known.
    reference : int
        The place in the group of the model that stands for it: the one that came first where that is known, else the
        first by name.
    """

    rows: NDArray[np.int64]
    models: tuple[str, ...]
    same: NDArray[np.bool_]
    twins: NDArray[np.int64]
    distance: NDArray[np.float64]
    authors: tuple[str, ...]
    submitted: tuple[str | None, ...]
    reference: int

    def __len__(self) -> int:
        return len(self.models)

    @property
    def is_exact(self) -> bool:
        """Whether all predict the same."""
        return bool(self.same.all())

    @property
    def first(self) -> tuple[str, ...]:
        """Models with the earliest time that is known: several where they tie, none where no time is known."""
        known = [time for time in self.submitted if time is not None]
        return tuple(m for m, time in zip(self.models, self.submitted, strict=True) if known and time == min(known))

    @property
    def earliest(self) -> str:
        """Who came first, in words, and how far that is known."""
        first = self.first
        n_timed = sum(time is not None for time in self.submitted)
        if not first:
            return "which came first is not known"
        time = min(time for time in self.submitted if time is not None)
        when = f"{time.replace('T', ' ').removesuffix('+00:00')} UTC"
        of = "" if n_timed == len(self) else f" of the {n_timed} of {len(self)} whose time is known"
        if len(first) == 1:
            return f"{excerpt(first[0])} came first{of}, {when}"
        tied = f"{excerpt(first[0])} and {excerpt(first[1])} have one time"
        return f"which came first{of} is not known: {tied}, {when}"

    @property
    def named(self) -> str:
        """The first names, and how many more."""
        more = f" and {len(self) - NAMED:,} more" if len(self) > NAMED else ""
        return ", ".join(map(excerpt, self.models[:NAMED])) + more


def clone_groups(pool: Pool, judgments: Judgments, found: CloneProofPrior) -> tuple[CloneGroup, ...]:
    """Say who is in each group of copies, how near they are, and who came first.

    Parameters
    ----------
    pool : Pool
        The models, none with a zero weight.
    judgments : Judgments
        Of the same items.
    found : CloneProofPrior
        Their classes and groups.

    Returns
    -------
    tuple of CloneGroup
        Groups of two models and more, the largest first.
    """
    pairs = cardinal_pairs(judgments)
    return tuple(_group(pool, rows, found.class_of, pairs) for rows in found.groups())


def _group(pool: Pool, rows: NDArray[np.int64], class_of: NDArray[np.int64], pairs: Pairs) -> CloneGroup:
    submitted = tuple(pool.submitted[row] for row in rows.tolist())
    known = [(time, place) for place, time in enumerate(submitted) if time is not None]
    reference = min(known)[1] if known else 0
    stands = rows[reference]
    distance = np.array([_distance(pool.logits[row], pool.logits[stands], pairs) for row in rows.tolist()])
    distance[reference] = np.delete(distance, reference).min()
    _, place, n_alike = np.unique(class_of[rows], return_inverse=True, return_counts=True)
    return CloneGroup(
        rows=rows,
        models=tuple(pool.models[row] for row in rows.tolist()),
        same=class_of[rows] == class_of[stands],
        twins=n_alike[place] - 1,
        distance=distance,
        authors=tuple(sorted({author for row in rows.tolist() if (author := pool.authors[row]) is not None})),
        submitted=submitted,
        reference=reference,
    )


def _distance(model: NDArray[Any], other: NDArray[Any], pairs: Pairs) -> float:
    apart = model.astype(np.float64) - other
    apart = apart[pairs.b] - apart[pairs.a]
    return float(np.sqrt(np.mean(apart**2)))


def guessing_gain(log_likelihood: NDArray[np.float64]) -> float:
    """Return what guessing several times bought: the largest likelihood over the mean likelihood.

    Parameters
    ----------
    log_likelihood : ndarray of float64, shape (k,)
        Of the models of a group.

    Returns
    -------
    float
        From 1, where all are as likely, to k, where one guess alone hits.
    """
    return float(1.0 / np.mean(np.exp(log_likelihood - log_likelihood.max())))


def clone_group_table(groups: Sequence[CloneGroup], ensembles: Sequence[Ensemble], bandwidth: float) -> Table:
    """Say of each group what every mechanism gives it, and what its guesses bought.

    Parameters
    ----------
    groups : sequence of CloneGroup
        Of the pool of the ensembles.
    ensembles : sequence of Ensemble
        Every mechanism on the same rows, with averaging among them.
    bandwidth : float
        Of the clone-proof prior.

    Returns
    -------
    Table
        Columns group, from 1; models, how many; same, how many of them predict what the reference predicts; authors,
        how many are known; named, the first names; reference; earliest, in words; gain, the largest likelihood of the
        group over its mean likelihood; the weight of the group under averaging with equal priors and with the
        clone-proof prior, bma_uniform and bma_clone_proof; and under each mechanism of the round, by its name.
    """
    averaged = next(ensemble for ensemble in ensembles if ensemble.method == "bma")
    scores = averaged.round.scores(averaged.sigma).log_likelihood
    options = {name: value for name, value in averaged.options.items() if name not in ("prior", "bandwidth")}
    priors: dict[str, dict[str, Any]] = {"uniform": {}, "clone_proof": {"bandwidth": bandwidth}}
    weights = {
        f"bma_{prior}": averaged.round.ensemble("bma", sigma=averaged.sigma, prior=prior, **width, **options).weights
        for prior, width in priors.items()
    }
    weights |= {ensemble.method: ensemble.weights for ensemble in ensembles}
    return Table(
        {
            "group": np.arange(1, len(groups) + 1),
            "models": np.array([len(group) for group in groups], dtype=np.int64),
            "same": np.array([int(group.same.sum()) for group in groups], dtype=np.int64),
            "authors": np.array([len(group.authors) for group in groups], dtype=np.int64),
            "named": [group.named for group in groups],
            "reference": [group.models[group.reference] for group in groups],
            "earliest": [group.earliest for group in groups],
            "gain": np.array([guessing_gain(scores[group.rows]) for group in groups]),
            **{name: np.array([float(w[group.rows].sum()) for group in groups]) for name, w in weights.items()},
        }
    )


def clone_reason(group: CloneGroup, place: int) -> str:
    """Say what one model of a group has to do with the others."""
    twins, reference = int(group.twins[place]), excerpt(group.models[group.reference])
    if place == group.reference:
        n_near = len(group) - 1 - twins
        of = [f"the same as {counted(twins, 'other submission')}"] if twins else []
        of += [f"nearly the same as {counted(n_near, 'other submission')}"] if n_near else []
    elif group.same[place]:
        of = [f"the same as {reference}"]
    else:
        of = [f"nearly the same as {reference}"]
        of += [f"the same as {counted(twins, 'other submission')}"] if twins else []
    return f"predicts {' and '.join(of)} for every judged pair; {group.earliest}"
