"""Leaving out each of 37 jurors and 390 pairs of a real round, with 1,000 models, beside solving each from nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hemicycle import Judgments, Pool
from hemicycle.influence import leave_one_juror_out, leave_one_model_out, leave_one_pair_out
from hemicycle.least_squares import pair_least_squares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.influence import Influence

DATA = Path(os.environ.get("HEMICYCLE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
FITTED = "gasquez-least-squares"
"""A submission that was fitted to the very judgments that it is scored on."""


def real_round(kind: str) -> tuple[NDArray[np.float64], Judgments]:
    """Return the round with 1,000 models: mixtures of the submissions with noise, or models all around the best fit."""
    folder = DATA / "level1-2025"
    if not folder.is_dir():
        raise NotImplementedError(f"there is no {folder}; set HEMICYCLE_DATA")
    pool = Pool.read(folder / "submissions")
    judgments = Judgments.read(folder / "jury_split.csv", items=pool.items)
    rng = np.random.default_rng(0)
    submitted = pool.logits - pool.logits.mean(axis=1, keepdims=True)
    best = submitted[pool.models.index(FITTED)]
    others = submitted[[name != FITTED for name in pool.models]]
    if kind == "inside":
        return best + rng.normal(size=(1000, len(best))) * rng.uniform(0.5, 2, size=(1000, 1)), judgments
    mixed = rng.dirichlet(np.full(len(others), 0.3), size=1000 - len(others)) @ others
    return np.vstack([others, mixed + rng.normal(size=mixed.shape)]), judgments


class RealRound:
    """Jurors and pairs together: outside the hull of the models the optimum is unique, inside many weights are."""

    params = (["outside", "inside"], ["hemicycle", "from nothing"])
    param_names = ("hull", "peer")
    timeout = 600.0

    def setup(self, hull: str, _peer: str) -> None:
        self.logits, self.judgments = real_round(hull)
        self.solution = pair_least_squares(self.logits, self.judgments)

    def leave_out(self, *, keep_weights: bool = False) -> tuple[Influence, Influence]:
        jurors = leave_one_juror_out(self.logits, self.judgments, solution=self.solution, keep_weights=keep_weights)
        pairs = leave_one_pair_out(self.logits, self.judgments, solution=self.solution, keep_weights=keep_weights)
        return jurors, pairs

    def from_nothing(self) -> NDArray[np.float64]:
        judgments = self.judgments
        jurors = np.array(judgments.juror)
        low, high = np.minimum(judgments.a, judgments.b), np.maximum(judgments.a, judgments.b)
        kept = [jurors != name for name in sorted(set(jurors.tolist()))]
        kept += [(low != a) | (high != b) for a, b in zip(judgments.pairs.a, judgments.pairs.b, strict=True)]
        return np.array([pair_least_squares(self.logits, judgments.select(rows)).weights for rows in kept])

    def run(self, peer: str) -> None:
        if peer == "hemicycle":
            self.leave_out()
        else:
            self.from_nothing()

    def time_leave_out(self, _hull: str, peer: str) -> None:
        self.run(peer)

    def peakmem_leave_out(self, _hull: str, peer: str) -> None:
        self.run(peer)

    def track_solves(self, _hull: str, peer: str) -> float:
        """Return the time in units of one solution of the whole: medians of five, in turns."""
        times = []
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(10):
                pair_least_squares(self.logits, self.judgments)
            solved = time.perf_counter()
            self.run(peer)
            times.append((0.1 * (solved - start), time.perf_counter() - solved))
        one, all_ = np.median(times, axis=0)
        return float(all_ / one)

    track_solves.unit = "solves"

    def track_max_abs_error(self, _hull: str, peer: str) -> float:
        """Return the largest difference of a weight from its cold solution."""
        if peer != "hemicycle":
            return 0.0
        found = [part.weights for part in self.leave_out(keep_weights=True)]
        return float(np.abs(np.vstack(found) - self.from_nothing()).max())

    def track_relative_gap(self, _hull: str, peer: str) -> float:
        """Return the largest certificate."""
        if peer != "hemicycle":
            return 0.0
        return float(max(part.relative_gap.max() for part in self.leave_out()))


class Models:
    """Leaving out each model that has weight: a few dozen outside the hull, nearly all inside."""

    params = (["outside", "inside"],)
    param_names = ("hull",)
    timeout = 600.0

    def setup(self, hull: str) -> None:
        self.logits, self.judgments = real_round(hull)
        self.solution = pair_least_squares(self.logits, self.judgments)

    def time_leave_out(self, _hull: str) -> None:
        leave_one_model_out(self.logits, self.judgments, solution=self.solution)
