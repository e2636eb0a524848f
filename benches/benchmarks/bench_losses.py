"""The torch loss with its gradient on the CPU, beside what modellers write: float32, two threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .measures import seconds
from .peers import FULL, require

if TYPE_CHECKING:
    from collections.abc import Callable

N_PAIRS = 1_000_000 if FULL else 100_000
N_LABELS, MOST, SIGMA = 8, 16, 0.5
DENSE, RAGGED = ("ours", "eager", "compiled"), ("ours_ragged", "eager_padded", "compiled_padded")


class Losses:
    """Time of the loss with its gradient, forward and backward, and its error."""

    params = ((*DENSE, *RAGGED),)
    param_names = ("loss",)
    timeout = 600.0

    def setup(self, loss: str) -> None:
        """Draw predictions and labels."""
        require("torch")
        self.work = steps()[loss]
        self.work()

    def time_loss_and_gradient(self, _loss: str) -> None:
        """Time one step of training, less the step itself."""
        self.work()

    def track_times_ours(self, loss: str) -> float:
        """Return the time over that of ours, medians in turns."""
        own = steps()["ours" if loss in DENSE else "ours_ragged"]
        times = [(seconds(self.work), seconds(own)) for _ in range(20)]
        theirs, mine = np.median(times, axis=0)
        return float(theirs / mine)


def steps() -> dict[str, Callable[[], Any]]:
    """Return forward and backward of each loss, on the same numbers."""
    import torch

    from .peers import losses

    torch.set_num_threads(2)
    pred = torch.randn(N_PAIRS, generator=torch.Generator().manual_seed(1)).requires_grad_()
    dense = torch.randn(N_LABELS, N_PAIRS, generator=torch.Generator().manual_seed(3))
    ragged = losses.ragged_labels(N_PAIRS, MOST)
    table = losses.padded(*ragged)

    def step(loss: Any, labels: Any) -> Callable[[], Any]:
        return lambda: torch.autograd.grad(loss(pred, labels, SIGMA), pred)

    return {
        "ours": step(losses.ours, dense),
        "eager": step(losses.eager, dense),
        "compiled": step(losses.compiled(), dense),
        "ours_ragged": step(losses.ours_ragged, ragged),
        "eager_padded": step(losses.eager_padded, table),
        "compiled_padded": step(losses.compiled_padded(), table),
    }
