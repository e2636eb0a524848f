"""Rounds that one author attacks with copies of a model, moved a little or far, and in which direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from hemicycle.judgments import Judgments
from hemicycle.likelihood import log_likelihood

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Logits: TypeAlias = NDArray[np.float64]

__all__ = ["ATTACKS", "BANDWIDTH", "KINDS", "SIGMA", "AttackedRound", "Kind", "attacked_round", "moved_copies"]

Kind: TypeAlias = Literal["decided", "open"]
"""Whether the judgments decide the weights of least squares, or leave them open."""

SIGMA, BANDWIDTH = 0.5, 0.1
KINDS: dict[Kind, dict[str, float]] = {
    "decided": {"models": 30, "items": 20, "pairs": 60, "labels": 2, "model_noise": 0.3, "label_noise": 0.5},
    "open": {"models": 60, "items": 20, "pairs": 8, "labels": 1, "model_noise": 0.6, "label_noise": 0.2},
}
ATTACKS = {
    "random": "each copy of the own model in a direction of its own",
    "victim": "all copies of the own model towards the best model",
    "around": "copies of the best model, each in a direction of its own",
    "public": "the own model fitted to half of the pairs, with as much chance",
}
"""Where copies are moved to."""

SPREAD = 1e-3  #: by which copies that move the same way differ in length, so that no two are equal
RANK = 2  #: of the attacker's own model among the honest ones, from 0


@dataclass(frozen=True, slots=True, eq=False)
class AttackedRound:
    """A jury, honest models, and who is who.

    Attributes
    ----------
    logits : ndarray of float64, shape (n_models, n_items)
        Of the honest models, the attacker's own one included.
    judgments : Judgments
        What the jury said.
    own, victim : int
        The model that the attacker has, third by log likelihood, and the best.
    target : int
        The item that the own model favours most, beside the mean of the others.
    """

    logits: Logits
    judgments: Judgments
    own: int
    victim: int
    target: int

    def log_ratios(self, logits: Logits) -> Logits:
        """Return what models predict for the judged pairs.

        Parameters
        ----------
        logits : ndarray of float64, shape (n, n_items)
            Of these models, or differences of such.

        Returns
        -------
        ndarray of float64, shape (n, n_pairs)
            Natural logs.
        """
        pairs = self.judgments.pairs
        return logits[:, pairs.b] - logits[:, pairs.a]

    def lengths(self, moves: Logits) -> Logits:
        """Return how far moves lead, as the root mean square over the judged pairs.

        Parameters
        ----------
        moves : ndarray of float64, shape (n, n_items)
            Differences of logits.

        Returns
        -------
        ndarray of float64, shape (n, 1)
            In bandwidths.
        """
        root: Logits = np.sqrt((self.log_ratios(moves) ** 2).mean(axis=1, keepdims=True))
        return root / BANDWIDTH


def attacked_round(kind: Kind, rng: np.random.Generator) -> AttackedRound:
    """Draw a round.

    The logits of the truth are standard normal; a model adds noise to them, and a label to its log ratio of a random
    pair, of the sizes in `KINDS`.

    Parameters
    ----------
    kind : {"decided", "open"}
        Of the first, least squares has one optimum; of the second, a blend fits every label and many weights give it.
    rng : numpy.random.Generator
        Source of truth, models and jury.

    Returns
    -------
    AttackedRound
        Before the attack.
    """
    of = KINDS[kind]
    n_items, n_pairs = int(of["items"]), int(of["pairs"])
    truth = rng.standard_normal(n_items)
    logits = truth + of["model_noise"] * rng.standard_normal((int(of["models"]), n_items))
    first, second = np.triu_indices(n_items, 1)
    pairs = np.repeat(rng.choice(len(first), n_pairs, replace=False), int(of["labels"]))
    a, b = first[pairs], second[pairs]
    said = truth[b] - truth[a] + of["label_noise"] * rng.standard_normal(len(pairs))
    judgments = Judgments.from_arrays(a, b, said, items=n_items)
    ranked = np.argsort(-log_likelihood(logits, judgments, sigma=SIGMA), kind="stable")
    own, victim = int(ranked[RANK]), int(ranked[0])
    judged = np.unique([a, b])
    favoured = (logits[own] - logits.mean(axis=0))[judged]
    return AttackedRound(logits, judgments, own, victim, int(judged[np.argmax(favoured)]))


def moved_copies(before: AttackedRound, attack: str, distance: float, n: int, rng: np.random.Generator) -> Logits:
    """Return the logits of moved copies.

    Parameters
    ----------
    before : AttackedRound
        The round.
    attack : str
        One of `ATTACKS`. Towards the best model no copy moves farther than to it.
    distance : float
        How far each moves, in bandwidths; 0 makes equal copies.
    n : int
        How many.
    rng : numpy.random.Generator
        Source of directions.

    Returns
    -------
    ndarray of float64, shape (n, n_items)
        The copies.
    """
    copied = before.logits[before.victim if attack == "around" else before.own]
    moves = rng.standard_normal((n, before.logits.shape[1]))
    moves /= before.lengths(moves)
    if attack == "victim":
        course = (before.logits[before.victim] - copied)[None]
        distance = min(distance, float(before.lengths(course)[0, 0]))
        moves = course / before.lengths(course) * (1 - SPREAD * rng.uniform(size=(n, 1)))
    elif attack == "public":
        course = _towards_labels(before)[None]
        moves += course / before.lengths(course)
        moves /= before.lengths(moves)
    copies: Logits = copied + distance * moves
    return copies


def _towards_labels(before: AttackedRound) -> NDArray[np.float64]:
    """Return the smallest change of the own model's logits that fits every second pair as well as can be."""
    pairs = before.judgments.pairs
    public = np.arange(0, len(pairs), 2)
    incidence = np.zeros((len(public), before.logits.shape[1]))
    incidence[np.arange(len(public)), pairs.b[public]] = 1.0
    incidence[np.arange(len(public)), pairs.a[public]] = -1.0
    missed = pairs.mean_log_ratio[public] - before.log_ratios(before.logits[[before.own]])[0, public]
    change: NDArray[np.float64] = np.linalg.lstsq(incidence, missed, rcond=None)[0]
    return change
