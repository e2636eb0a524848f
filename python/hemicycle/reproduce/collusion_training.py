"""One training loop for everything: all objectives side by side, from the same start and on the same rows."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from hemicycle.torch import DeepEnsemble, EnsembleLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import Module

    from hemicycle.reproduce.collusion_protocol import Condition, Protocol
    from hemicycle.reproduce.collusion_sets import Part, Split

__all__ = ["Trained", "isolated_torch", "train"]

BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What became of the ensembles.

    Attributes
    ----------
    steps : ndarray of int64, shape (n_checkpoints,)
        When they were looked at.
    train, test : ndarray of float64, shape (n_checkpoints, 3, n_conditions)
        ERR, ERR_bar and DIV then.
    stopped : ndarray of int64, shape (n_conditions,)
        Checkpoint at which the validation error of each ensemble was least.
    predictions : dict of str to ndarray of float64, shape (n_conditions, n_learners, n_test[, n_classes])
        Of the test set, by moment: "end", and "stopped".
    """

    steps: NDArray[np.int64]
    train: NDArray[np.float64]
    test: NDArray[np.float64]
    stopped: NDArray[np.int64]
    predictions: dict[str, NDArray[np.float64]]


@contextmanager
def isolated_torch(seed: int) -> Iterator[None]:
    """Seed torch and run it in one thread; afterwards all is as it was.

    One thread gives the same numbers on any number of cores, and ensembles this small gain nothing from more.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(n_threads)


def train(
    split: Split, conditions: tuple[Condition, ...], n_learners: int, protocol: Protocol, rng: np.random.Generator
) -> Trained:
    """Train one ensemble for each condition.

    Parameters
    ----------
    split : Split
        The data.
    conditions : tuple of Condition
        Objectives; those of one dropout are neighbours.
    n_learners : int
        Members of each ensemble.
    protocol : Protocol
        How.
    rng : numpy.random.Generator
        Source of the start and of the order of examples, which are the same for all conditions.

    Returns
    -------
    Trained
        The course of training, and predictions.
    """
    start, seed = (int(number) for number in rng.integers(2**62, size=2))
    with isolated_torch(seed):
        networks = DeepEnsemble(_same_start(protocol.make, start, n_learners), len(conditions) * n_learners)
        torch.manual_seed(seed)
        descent = torch.optim.Adam(networks.parameters(), lr=protocol.learning_rate)
        objective = _Objective(conditions, protocol)
        watch = _Watch(networks, objective, split, n_learners)
        due = set(protocol.checkpoints().tolist())
        x, y = torch.from_numpy(split.train.x), torch.from_numpy(split.train.y)
        watch.look(0)
        for step, rows in enumerate(_batches(len(x), protocol.n_steps, rng), 1):
            descent.zero_grad()
            pred = networks(x[rows]).unflatten(0, (-1, n_learners))
            torch.autograd.backward(objective(pred, y[rows]))
            descent.step()
            if step in due:
                watch.look(step)
        return watch.seen()


def _same_start(make: Callable[[], Module], seed: int, n_learners: int) -> Callable[[], Module]:
    """Return what makes members that differ in an ensemble, and not between ensembles."""
    made = 0

    def member() -> Module:
        nonlocal made
        if made % n_learners == 0:
            torch.manual_seed(seed)
        made += 1
        return make()

    return member


def _batches(n_rows: int, n_steps: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """Yield the rows of each step: every row once, in random order, again and again."""
    order = np.empty(0, dtype=np.int64)
    for _ in range(n_steps):
        if len(order) < min(BATCH, n_rows):
            order = rng.permutation(n_rows)
        yield torch.from_numpy(order[:BATCH])
        order = order[BATCH:]


class _Objective:
    """Sum of the objectives of all conditions, whose gradients do not meet."""

    def __init__(self, conditions: tuple[Condition, ...], protocol: Protocol) -> None:
        self.betas = torch.tensor([condition.beta for condition in conditions], dtype=torch.float32)
        dropouts = [condition.dropout for condition in conditions]
        self.groups = [
            (EnsembleLoss(protocol.loss, averaging=protocol.averaging, dropout=dropout), dropouts.count(dropout))
            for dropout in dict.fromkeys(dropouts)
        ]

    def __call__(self, pred: Tensor, target: Tensor) -> Tensor:
        err, err_bar, _ = self.parts(pred, target)
        total: Tensor = ((1 - self.betas) * err_bar + self.betas * err).sum()
        return total

    def parts(self, pred: Tensor, target: Tensor, *, training: bool = True) -> Tensor:
        """Return ERR, ERR_bar and DIV of predictions (n_conditions, n_learners, n_examples, ...) by condition."""
        found = []
        for (objective, size), own in zip(self.groups, torch.split(pred, [n for _, n in self.groups]), strict=True):
            one_after_another = own.transpose(0, 1).flatten(1, 2)  # (n_learners, size * n_examples, ...)
            parts = objective.train(training).of_examples(one_after_another, target.repeat(size))
            found.append(torch.stack([part.reshape(size, -1).mean(1) for part in parts]))
        return torch.cat(found, 1)


class _Watch:
    """What is seen of the ensembles at checkpoints."""

    def __init__(self, networks: DeepEnsemble, objective: _Objective, split: Split, n_learners: int) -> None:
        self.networks, self.objective, self.split, self.n_learners = networks, objective, split, n_learners
        self.steps: list[int] = []
        self.train: list[NDArray[np.float64]] = []
        self.test: list[NDArray[np.float64]] = []
        self.validation: list[NDArray[np.float64]] = []
        self.last = self.best = torch.empty(0)

    @torch.no_grad()
    def look(self, step: int) -> None:
        """Measure the ensembles, and keep the predictions of those whose validation error is the least so far."""
        self.steps.append(step)
        self.train.append(self._parts(self.split.train)[0])
        self.validation.append(self._parts(self.split.validation)[0][0])
        parts, self.last = self._parts(self.split.test)
        self.test.append(parts)
        better = torch.from_numpy(np.argmin(self.validation, axis=0) == len(self.steps) - 1)
        kept = better.reshape(-1, *[1] * (self.last.ndim - 1))
        self.best = torch.where(kept, self.last, self.best) if self.best.numel() else self.last

    def seen(self) -> Trained:
        predictions = {"end": self.last.double().numpy(), "stopped": self.best.double().numpy()}
        steps, stopped = np.array(self.steps), np.argmin(self.validation, axis=0)
        return Trained(steps, np.array(self.train), np.array(self.test), stopped, predictions)

    def _parts(self, part: Part) -> tuple[NDArray[np.float64], Tensor]:
        x, y = torch.from_numpy(part.x[:1000]), torch.from_numpy(part.y[:1000])
        pred = self.networks(x).unflatten(0, (-1, self.n_learners))
        return self.objective.parts(pred, y, training=False).double().numpy(), pred
