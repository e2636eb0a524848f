"""Modellers who fit item weights to a jury of two camps, all of one jury in one optimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from hemicycle.judgments import Judgments
from hemicycle.reproduce.collusion_training import isolated_torch
from hemicycle.torch import gaussian_loss, sum_gaussian_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["LOSSES", "N_ITEMS", "SIGMA", "STARTS", "Modellers", "TwoCamps", "draw_jury", "draw_modellers", "fitted"]

N_ITEMS = 40
LABELS_A_PAIR = 5
NEW_PAIRS = 200  #: that nobody saw, for the score
LABEL_NOISE, OPINION_NOISE = 0.4, 0.5
SIGMA = 0.5
LOSSES = ("mse", "sum_gaussian")
STARTS = ("neutral", "partisan")
N_MODELLERS = 40  #: of each kind of start
SEEN = (0.5, 1.0)  #: part of the pairs that a modeller looks at, from and to
RIDGE = (0.03, 1.0)  #: how much a modeller trusts the own opinion, from and to, evenly in the logarithm
MOST_STEPS, CONVERGED = 500, 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class TwoCamps:
    """A jury of two camps, and what other jurors of the same camps say.

    Attributes
    ----------
    camps : ndarray of float64, shape (2, n_items)
        Log contribution of each item in the eyes of each camp; the first is the larger one.
    judgments : Judgments
        What modellers see and weights are decided by.
    same_pairs, new_pairs : Judgments
        What other jurors say of the same pairs, and of others.
    """

    camps: NDArray[np.float64]
    judgments: Judgments
    same_pairs: Judgments
    new_pairs: Judgments


@dataclass(frozen=True, slots=True, eq=False)
class Modellers:
    """What makes modellers differ.

    Attributes
    ----------
    opinion : ndarray of float64, shape (n_modellers, n_items)
        Log contributions where each begins, and towards which it shrinks.
    seen : ndarray of bool, shape (n_modellers, n_pairs)
        Pairs that each looks at.
    ridge : ndarray of float64, shape (n_modellers,)
        Weight of the squared distance from the opinion.
    """

    opinion: NDArray[np.float64]
    seen: NDArray[np.bool_]
    ridge: NDArray[np.float64]


def draw_jury(share: float, distance: float, n_pairs: int, rng: np.random.Generator) -> TwoCamps:
    """Draw a jury of two camps.

    Parameters
    ----------
    share : float
        Part of the labels that are of the first camp.
    distance : float
        Root mean square over pairs of how far apart the log ratios of the camps are.
    n_pairs : int
        Pairs judged, five labels each.
    rng : numpy.random.Generator
        Source of it.

    Returns
    -------
    TwoCamps
        The jury and what it did not say.
    """
    common, apart = rng.standard_normal((2, N_ITEMS))
    camps = common + distance / np.sqrt(8) * np.array([[1.0], [-1.0]]) * apart
    first, second = np.triu_indices(N_ITEMS, 1)
    drawn = rng.permutation(len(first))
    judged, new = drawn[:n_pairs], drawn[n_pairs : n_pairs + NEW_PAIRS]

    def asked(pairs: NDArray[np.int64]) -> Judgments:
        a, b = (np.repeat(ends[pairs], LABELS_A_PAIR) for ends in (first, second))
        camp = rng.permutation((np.arange(len(a)) + 0.5) / len(a) >= share).astype(np.int64)
        said = camps[camp, b] - camps[camp, a] + LABEL_NOISE * rng.standard_normal(len(a))
        return Judgments.from_arrays(a, b, said, items=N_ITEMS)

    return TwoCamps(camps, asked(judged), asked(judged), asked(new))


def draw_modellers(jury: TwoCamps, share: float, rng: np.random.Generator) -> Modellers:
    """Draw modellers, those who begin between the camps and then those who begin within one.

    Parameters
    ----------
    jury : TwoCamps
        Its camps and pairs.
    share : float
        Part of the partisans that are of the first camp.
    rng : numpy.random.Generator
        Source of opinions, of what each looks at, and of how much each trusts the own opinion.

    Returns
    -------
    Modellers
        Forty of each of `STARTS`, alike but for where they begin.
    """
    n_pairs = len(jury.judgments.pairs)
    noise = OPINION_NOISE * rng.standard_normal((N_MODELLERS, N_ITEMS))
    side = ((np.arange(N_MODELLERS) + 0.5) / N_MODELLERS >= share).astype(np.int64)
    opinion = np.concatenate([jury.camps.mean(axis=0) + noise, jury.camps[side] + noise])
    part = rng.uniform(*SEEN, N_MODELLERS)
    order = np.argsort(rng.random((N_MODELLERS, n_pairs)), axis=1)
    seen = order < np.maximum(1, np.rint(part * n_pairs))[:, None]
    ridge = np.exp(rng.uniform(np.log(RIDGE[0]), np.log(RIDGE[1]), N_MODELLERS))
    return Modellers(opinion, np.tile(seen, (len(STARTS), 1)), np.tile(ridge, len(STARTS)))


def fitted(jury: TwoCamps, modellers: Modellers, loss: str) -> NDArray[np.float64]:
    """Fit the item weights of all modellers at once.

    Each minimises its loss, summed over the pairs that it looks at, plus half its ridge times the squared distance of
    its logits from its opinion. A pair counts once, whatever its number of labels: the squared error is a mean over
    them, over twice the variance, and so of the scale of the sum-Gaussian loss.

    Parameters
    ----------
    jury : TwoCamps
        Its judgments are fitted.
    modellers : Modellers
        Who fits.
    loss : {"mse", "sum_gaussian"}
        What all of them minimise.

    Returns
    -------
    ndarray of float64, shape (n_modellers, n_items)
        Their logits.
    """
    pairs = jury.judgments.pairs
    a, b = torch.from_numpy(pairs.a.astype(np.int64)), torch.from_numpy(pairs.b.astype(np.int64))
    labels = torch.tensor(pairs.log_ratio.reshape(len(pairs), LABELS_A_PAIR).T.copy())  # (n_labels, n_pairs)
    opinion = torch.tensor(modellers.opinion)
    seen, ridge = torch.tensor(modellers.seen), torch.tensor(modellers.ridge)

    def objective(logits: Tensor) -> Tensor:
        misfit = _misfit(logits[:, b] - logits[:, a], labels, loss)
        return (seen * misfit).sum() + (ridge[:, None] * (logits - opinion).square()).sum() / 2

    with isolated_torch(0):
        steps = _steps(a, b, seen.to(opinion.dtype), ridge)
        logits = opinion.clone().requires_grad_()
        for _ in range(MOST_STEPS):
            (gradient,) = torch.autograd.grad(objective(logits), logits)
            step = torch.bmm(steps, gradient.unsqueeze(-1)).squeeze(-1)
            with torch.no_grad():
                logits -= step
            if float(step.abs().max()) <= CONVERGED:
                break
    found: NDArray[np.float64] = logits.detach().numpy()
    return found


def _steps(a: Tensor, b: Tensor, seen: Tensor, ridge: Tensor) -> Tensor:
    """Return the inverse curvature of each modeller's squared error, shape (n_modellers, n_items, n_items).

    No loss here is curved more than that: a step by it never climbs. It is Newton's for the squared error, and that of
    expectation and maximisation for the sum-Gaussian loss, where it finds the optimum in whose basin a modeller begins.
    """
    ends = torch.zeros(len(a), N_ITEMS, dtype=seen.dtype)
    ends[torch.arange(len(a)), b] += 1
    ends[torch.arange(len(a)), a] -= 1
    curvature = (ends.T * seen.unsqueeze(1)) @ ends / SIGMA**2
    inverse: Tensor = torch.linalg.inv(curvature + ridge[:, None, None] * torch.eye(N_ITEMS, dtype=seen.dtype))
    return inverse


def _misfit(pred: Tensor, labels: Tensor, loss: str) -> Tensor:
    """Return the loss of each modeller and pair."""
    if loss == "mse":
        even = torch.full_like(labels, 1 / len(labels))
        return gaussian_loss(pred, labels, sigma=SIGMA, label_weights=even, reduction="none")
    return sum_gaussian_loss(pred, labels, sigma=SIGMA, reduction="none")
