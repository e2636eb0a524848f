"""What copies gain under every mechanism and prior, by how many they are and how far they were moved."""

from __future__ import annotations

import warnings
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.allocation import allocate
from hemicycle.clones import clone_proof_prior
from hemicycle.errors import HemicycleWarning
from hemicycle.pool import Pool
from hemicycle.reproduce.copies import ATTACKS, BANDWIDTH, KINDS, SIGMA, attacked_round, moved_copies
from hemicycle.round import Round
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.ensemble import Ensemble
    from hemicycle.mechanism import Method
    from hemicycle.reproduce.claims import Progress
    from hemicycle.reproduce.copies import AttackedRound, Logits

__all__ = ["COPIES", "DISTANCES", "PRIORS", "VARIANTS", "copy_gains"]

DISTANCES: tuple[float, ...] = (0.0, 0.01, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)  #: in bandwidths
COPIES: tuple[int, ...] = (1, 10, 100, 1000)
PRIORS = ("uniform", "per_author", "sybils", "clone_proof")
SOLVED: tuple[Method, ...] = ("least_squares", "stacking")
TIES: dict[str, dict[str, Any]] = {
    "nearest uniform": {},
    "nearest clone_proof": {"reference": "clone_proof", "bandwidth": BANDWIDTH},
    "least_individual_loss": {"tie_break": "least_individual_loss"},
}
VARIANTS = (
    *(("prior", prior) for prior in PRIORS),
    *(("bma", prior) for prior in PRIORS),
    *(("least_squares", tie) for tie in TIES),
    *(("stacking", tie) for tie in TIES),
    ("greedy", ""),
)
"""Every mechanism with what decides how it meets copies; "prior" is the prior alone, before the jury."""


def copy_gains(n_runs: int, rng: np.random.Generator, progress: Progress) -> Table:
    """Attack rounds with 1 to 1,000 copies of a model.

    Parameters
    ----------
    n_runs : int
        Rounds of each kind.
    rng : numpy.random.Generator
        Source of rounds and copies.
    progress : callable
        Told how many rounds are done.

    Returns
    -------
    Table
        One row a kind of round, attack, distance, number of copies, mechanism and variant. Columns before and after
        (mean weight of the attacker's own model, and of it with its copies), gain (their ratio), victim and others
        (mean weight of the best model and of all other honest ones, over what it was before; nan where that is 0),
        target (mean change of the share of the item that the attacker favours) and one_optimum (part of the rounds with
        unique weights; nan where the mechanism does not say).
    """
    cells = list(product(ATTACKS, DISTANCES, COPIES))
    rows: list[tuple[Any, ...]] = []
    for number, kind in enumerate(KINDS):
        was = np.empty((n_runs, len(VARIANTS), 5))  # attacker, victim, others, target, one optimum
        now = np.empty((n_runs, len(cells), len(VARIANTS), 5))
        for run in range(n_runs):
            before = attacked_round(kind, rng)
            was[run] = _measured(before, before.logits[:0])
            for cell, (attack, distance, n) in enumerate(cells):
                now[run, cell] = _measured(before, moved_copies(before, attack, distance, n, rng))
            progress("attacked rounds", number * n_runs + run + 1, len(KINDS) * n_runs)
        rows += _rows(kind, cells, was.mean(axis=0), now.mean(axis=0))
    names = (
        "round", "attack", "distance", "copies", "mechanism", "variant",
        "before", "after", "gain", "victim", "others", "target", "one_optimum",
    )  # fmt: skip
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    texts = ("round", "attack", "mechanism", "variant")
    return Table({name: column if name in texts else np.array(column) for name, column in columns.items()})


def _rows(
    kind: str, cells: list[tuple[str, float, int]], was: NDArray[np.float64], now: NDArray[np.float64]
) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for cell, found in zip(cells, now, strict=True):
        for variant, before, after in zip(VARIANTS, was, found, strict=True):
            kept = [after[k] / before[k] if before[k] > 0 else np.nan for k in range(3)]
            rows.append((kind, *cell, *variant, before[0], after[0], *kept, after[3] - before[3], after[4]))
    return rows


def _measured(before: AttackedRound, copies: Logits) -> NDArray[np.float64]:
    """Return weights of attacker, victim and others, the share of the target, and if it is all unique, by variant."""
    logits = np.vstack([before.logits, copies])
    n_honest, found = len(before.logits), []
    for weights, unique in _weights(before, logits):
        attacker, victim = weights[before.own] + weights[n_honest:].sum(), weights[before.victim]
        others = weights[:n_honest].sum() - weights[before.own] - victim
        found.append((attacker, victim, others, allocate(logits, weights)[before.target], unique))
    return np.array(found)


def _weights(before: AttackedRound, logits: Logits) -> list[tuple[NDArray[np.float64], float]]:
    """Return the weights under each of `VARIANTS`, and whether they are unique, 1 or 0; nan where it is not known."""
    priors = _priors(before, logits)
    round_ = Round(before.judgments, Pool.from_array(logits))
    found = [(priors[name], np.nan) for name in PRIORS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HemicycleWarning)  # near copies may keep a tie-break from its last digits
        found += [(round_.ensemble("bma", sigma=SIGMA, prior=priors[name]).weights, np.nan) for name in PRIORS]
        for method in SOLVED:
            for options in TIES.values():
                ensemble = round_.ensemble(method, sigma=SIGMA, **options)
                found.append((ensemble.weights, _is_unique(ensemble)))
        found.append((round_.ensemble("greedy", sigma=SIGMA).weights, np.nan))
    return found


def _is_unique(ensemble: Ensemble) -> float:
    unique = None if ensemble.solution is None else ensemble.solution.unique
    return np.nan if unique is None else float(unique)


def _priors(before: AttackedRound, logits: Logits) -> dict[str, NDArray[np.float64]]:
    """Return the prior of each model: honest authors send one each, the attacker under one name or under many."""
    n_honest, n_copies = len(before.logits), len(logits) - len(before.logits)
    even = np.ones(len(logits))
    per_author = even.copy()
    per_author[before.own] = per_author[n_honest:] = 1 / (1 + n_copies)
    mass = {
        "uniform": even,
        "per_author": per_author,
        "sybils": even,  # every file has an author of its own
        "clone_proof": clone_proof_prior(logits, before.judgments, bandwidth=BANDWIDTH).prior,
    }
    return {name: values / values.sum() for name, values in mass.items()}
