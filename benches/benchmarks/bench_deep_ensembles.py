"""Training twenty small networks as one, beside a loop over them: two threads, float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .measures import seconds
from .peers import require

if TYPE_CHECKING:
    from collections.abc import Callable

N_LEARNERS, N_EXAMPLES, N_FEATURES, WIDTH = 20, 100, 10, 32
STEPS = 20  # of one run


class DeepEnsembles:
    """Time of some steps of Adam, and how many times as long the loop takes."""

    timeout = 300.0

    def setup(self) -> None:
        """Make the members."""
        require("torch")
        self.together, self.loop = together(), loop()
        self.together()
        self.loop()

    def time_together(self) -> None:
        """Time our ensemble."""
        self.together()

    def time_loop(self) -> None:
        """Time a Python loop over members."""
        self.loop()

    def track_times_faster_than_a_loop(self) -> float:
        """Return the time of the loop over ours, medians in turns."""
        times = [(seconds(self.loop), seconds(self.together)) for _ in range(15)]
        theirs, ours = np.median(times, axis=0)
        return float(theirs / ours)


def together() -> Callable[[], None]:
    """Return steps of all members as one."""
    import torch

    from hemicycle.torch import DeepEnsemble, EnsembleLoss

    ensemble, objective, (x, y) = DeepEnsemble(_member, N_LEARNERS), EnsembleLoss(), _examples()
    optimiser = torch.optim.Adam(ensemble.parameters())

    def run() -> None:
        for _ in range(STEPS):
            optimiser.zero_grad()
            objective(ensemble(x), y).loss.backward()
            optimiser.step()

    return run


def loop() -> Callable[[], None]:
    """Return steps of members one after the other, as they are usually written."""
    import torch

    members, (x, y) = [_member() for _ in range(N_LEARNERS)], _examples()
    optimisers = [torch.optim.Adam(member.parameters()) for member in members]

    def run() -> None:
        for _ in range(STEPS):
            for member, optimiser in zip(members, optimisers, strict=True):
                optimiser.zero_grad()
                torch.nn.functional.mse_loss(member(x), y).backward()
                optimiser.step()

    return run


def _member() -> Any:
    import torch

    return torch.nn.Sequential(
        torch.nn.Linear(N_FEATURES, WIDTH), torch.nn.ReLU(), torch.nn.Linear(WIDTH, WIDTH), torch.nn.ReLU(),
        torch.nn.Linear(WIDTH, 1),
    )  # fmt: skip


def _examples() -> Any:
    import torch

    torch.set_num_threads(2)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N_EXAMPLES, N_FEATURES, generator=generator)
    return x, x.sum(1, keepdim=True).sin()
