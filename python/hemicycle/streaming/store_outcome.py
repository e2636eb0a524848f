"""What a streamed run has found so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hemicycle.admission import barred_models, jury_notices
from hemicycle.dominance import DOMINANT, dominance_of
from hemicycle.escaping import storable
from hemicycle.mechanism import METHODS
from hemicycle.run_facts import item_counts, judgment_counts, provenance
from hemicycle.store.compaction import told_of_compaction
from hemicycle.store.fragments import current_sources, read_fragment
from hemicycle.store.gathering import lasting_rejects
from hemicycle.store.refusals import all_refused
from hemicycle.streamed_options import methods_of
from hemicycle.tie_breaks import SAME_FOR_ALL, connected, free_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hemicycle.config import RoundConfig
    from hemicycle.rejects import Reject, Rejects
    from hemicycle.streaming.formed import Formed
    from hemicycle.streaming.store_scores import StoreScores
    from hemicycle.table import Table

__all__ = ["StoreOutcome", "rejects_of"]


@dataclass(frozen=True, slots=True, eq=False)
class StoreOutcome:
    """A streamed run: what it read, and what it has found so far.

    Attributes
    ----------
    config : RoundConfig
        What was asked for.
    sha256 : dict of str to str
        Hash of each input.
    scores : StoreScores
        The models, by what they scored.
    rejects : tuple of Reject
        Everything that was turned away, and why.
    n_updates : int
        How often scores were brought up to date since they were made.
    found : dict of str to Formed
        The mechanisms that were formed.
    """

    config: RoundConfig
    sha256: dict[str, str]
    scores: StoreScores
    rejects: Rejects
    n_updates: int
    found: dict[str, Formed]

    @property
    def formed(self) -> tuple[Formed, ...]:
        """The mechanisms that were formed, in the order of those of a run in memory."""
        return tuple(self.found[method] for method in METHODS if method in self.found)

    @property
    def pending(self) -> tuple[str, ...]:
        """Methods that are still to be formed."""
        return tuple(method for method in methods_of(self.config.method) if method not in self.found)

    @property
    def paid(self) -> Formed | None:
        """The mechanism that pays, once it was formed."""
        return self.found.get(self.config.method)

    @property
    def leaderboard(self) -> Table:
        """The best models, with their weights under the mechanism that pays once it was formed."""
        weights = None if self.paid is None else self.paid.ensemble.weights
        return self.scores.leaderboard(self.config.top, weights)

    def counts(self) -> dict[str, dict[str, Any]]:
        """Return how much of what was read, by kind."""
        n_rejected = sum(reject.kind == "judgment" for reject in self.rejects)
        manifest, n_barred = self.scores.manifest, self.scores.n_barred
        return {
            "items": item_counts(manifest.item_list, manifest.items_source),
            "judgments": judgment_counts(self.scores.scoring.judgments, n_rejected),
            "submissions": {
                "seated": len(self.scores),
                "rejected": len(self.rejects) - n_rejected - n_barred,
                "barred": n_barred,
            },
        }

    def summary(self) -> dict[str, Any]:
        """Return the run in plain values."""
        return {
            **provenance(self.config, self.sha256),
            **self.counts(),
            "mechanisms": [each.summary() for each in self.formed],
            "pending": list(self.pending),
            "updates": self.n_updates,
            "notices": [storable(notice) for notice in self.notices],
        }

    @property
    def notices(self) -> tuple[str, ...]:
        """What a reader of the result should know."""
        of_jury = jury_notices(self.scores.scoring.judgments)
        doubts = (each.doubt for each in self.formed)
        about_paid = () if self.paid is None else (self._dominance(self.paid), self._tie(self.paid))
        return tuple(filter(None, (*self.scores.notices, *of_jury, *doubts, *about_paid)))

    def _dominance(self, paid: Formed) -> str | None:
        if len(self.scores) == 1 or paid.heaviest_weight <= DOMINANT:
            return None
        scoring = self.scores.scoring
        more = {f.method: f.ensemble.effective_models[0] for f in self.formed if f.heaviest_weight <= DOMINANT}
        weight, pairs = paid.heaviest_weight, scoring.judgments.pairs
        return dominance_of(paid.method, paid.heaviest, weight, pairs, scoring.sigma, more)

    def _tie(self, paid: Formed) -> str | None:
        """Say that other weights are optimal, too, where they are."""
        solution = paid.ensemble.solution
        if solution is None or not solution.face_dimension:
            return None
        fit = f"explain the {self.config.by}s" if paid.method == "stacking" else "fit"
        said = f"{free_weights(paid.method, solution, fit)} Taken: those nearest to equal weights."
        if paid.method == "stacking":
            return f"{said} They may give another allocation."
        if self.config.mean == "geometric" and connected(self.scores.scoring.judgments):
            return f"{said} {SAME_FOR_ALL}"
        return f"{said} How far they move the allocation: --ranges, without --stream."


def rejects_of(scores: StoreScores) -> Rejects:
    """Return everything that was turned away on the way to scores, and why: as a run in memory lists it.

    Raises
    ------
    StoreError
        If something of the store is damaged.
    """
    path, manifest = scores.store.path, scores.manifest
    refused = tuple(all_refused(path, manifest))
    sources = (source for fragment in manifest.fragments for source in current_sources(path, fragment))
    return (*scores.scoring.judgments.rejects, *lasting_rejects(refused, sources), *_barred(scores))


def _barred(scores: StoreScores) -> Iterator[Reject]:
    """Yield why models are barred, in the order of their names; only fragments that hold one are read."""
    found: list[tuple[str, Reject]] = []
    manifest = scores.manifest
    for fragment, (_, seated) in zip(manifest.fragments, scores.blocks(()), strict=True):
        if len(seated) < fragment.n_current:
            with told_of_compaction(scores.store.path, manifest, "it was scored; run again"):
                block = read_fragment(scores.store.path, fragment, manifest.item_list, manifest.dtype)
            barred = block.select(~block.scorable)
            found += zip(barred.models, barred_models(barred), strict=True)
    yield from (reject for _, reject in sorted(found, key=lambda pair: pair[0]))
