"""The sum-Gaussian loss as modellers write it in torch: the line of the proposal, compiled, and padded if ragged.

Needs nothing but torch. Each takes predictions, labels and a width and returns the mean loss, of which torch makes the
gradient.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Loss = Callable[[Tensor, Tensor, float], Tensor]

__all__ = ["compiled", "compiled_padded", "eager", "eager_padded", "ours", "ours_ragged", "padded", "ragged_labels"]


def eager(pred: Tensor, labels: Tensor, sigma: float) -> Tensor:
    """Return the loss by the line of the proposal; labels have a row each."""
    return -torch.logsumexp(-((pred - labels) ** 2) / (2 * sigma**2), dim=0).mean()


def eager_padded(pred: Tensor, labels: Tensor, sigma: float) -> Tensor:
    """Return the loss of labels that are padded with infinity to the longest pair."""
    absent = labels.isinf()
    power = -((pred - labels.masked_fill(absent, 0.0)) ** 2) / (2 * sigma**2)
    return -torch.logsumexp(power.masked_fill(absent, -torch.inf), dim=0).mean()


@cache
def compiled() -> Loss:
    """Return the line, compiled."""
    return torch.compile(eager, dynamic=False)


@cache
def compiled_padded() -> Loss:
    """Return the padded loss, compiled."""
    return torch.compile(eager_padded, dynamic=False)


def ours(pred: Tensor, labels: Tensor, sigma: float) -> Tensor:
    """Return our loss of dense labels."""
    from hemicycle.torch import sum_gaussian_loss

    return sum_gaussian_loss(pred, labels, sigma=sigma)


def ours_ragged(pred: Tensor, labels: tuple[Tensor, Tensor], sigma: float) -> Tensor:
    """Return our loss of ragged labels and their offsets."""
    from hemicycle.torch import sum_gaussian_loss

    return sum_gaussian_loss(pred, labels[0], offsets=labels[1], sigma=sigma)


def ragged_labels(n_pairs: int, most: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Draw from 1 to so many labels a pair; return them flat, and the offsets."""
    generator = torch.Generator().manual_seed(2)
    counts = torch.randint(1, most + 1, (n_pairs,), generator=generator)
    offsets = torch.zeros(n_pairs + 1, dtype=torch.int64)
    torch.cumsum(counts, 0, out=offsets[1:])
    return torch.randn(int(offsets[-1]), generator=generator).to(device), offsets.to(device)


def padded(labels: Tensor, offsets: Tensor) -> Tensor:
    """Return ragged labels with a row for each place in a pair, the rest infinite."""
    counts = offsets.diff()
    place = torch.arange(len(labels), device=labels.device) - torch.repeat_interleave(offsets[:-1], counts)
    pair = torch.repeat_interleave(torch.arange(len(counts), device=labels.device), counts)
    table = torch.full((int(counts.max()), len(counts)), torch.inf, device=labels.device)
    table[place, pair] = labels
    return table
