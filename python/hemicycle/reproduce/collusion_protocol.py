"""What ensembles are trained for, how, and the networks that are their members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch.nn import Module

__all__ = ["Condition", "Protocol", "convolutional_network", "dense_network"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What an ensemble is trained for.

    Attributes
    ----------
    beta : float
        From 0, each member by itself, to 1, all as one.
    dropout : float
        Probability to leave a member out of the ensemble while training.
    """

    beta: float
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class Protocol:
    """How ensembles are trained.

    Attributes
    ----------
    make : callable
        Makes one member.
    loss, averaging : str
        As for `hemicycle.torch.EnsembleLoss`.
    n_steps : int
        Steps of Adam, each on 64 examples.
    learning_rate : float
        Of Adam.
    n_checkpoints : int
        How often the ensembles are looked at.
    """

    make: Callable[[], Module]
    loss: str
    averaging: str | None
    n_steps: int
    learning_rate: float
    n_checkpoints: int

    def checkpoints(self) -> NDArray[np.int64]:
        """Return the steps after which ensembles are looked at: the start, then ever further apart."""
        steps = np.geomspace(min(5, self.n_steps), self.n_steps, self.n_checkpoints)
        return np.unique(np.concatenate([[0], np.rint(steps).astype(np.int64)]))


def dense_network(n_features: int, n_hidden: int = 32) -> Module:
    """Return a network with one hidden layer and one output."""
    first = torch.nn.Linear(n_features, n_hidden, dtype=torch.float32)
    last = torch.nn.Linear(n_hidden, 1, dtype=torch.float32)
    return torch.nn.Sequential(first, torch.nn.ReLU(), last, torch.nn.Flatten(-2))


def convolutional_network() -> Module:
    """Return a network of two strided convolutions for images of 8 by 8, with ten classes."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, stride=2, padding=1, dtype=torch.float32),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 16, 3, stride=2, padding=1, dtype=torch.float32),
        torch.nn.ReLU(),
        torch.nn.Flatten(-3),
        torch.nn.Linear(64, 10, dtype=torch.float32),
    )
