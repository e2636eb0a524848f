"""Losses for training models against the likelihood that judges them, and ensembles of networks; needs torch.

>>> import torch
>>> from hemicycle.torch import sum_gaussian_loss
>>> pred = torch.zeros(3, requires_grad=True)
>>> labels = torch.tensor([[0.5, 1.0, -2.0], [-0.5, 1.0, 2.0]])  # two of each pair
>>> sum_gaussian_loss(pred, labels).backward()
>>> pred.grad
tensor([ 0.0000, -1.3333,  0.0000])
"""

from __future__ import annotations

from importlib.util import find_spec

from hemicycle.errors import MissingExtraError

if find_spec("torch") is None:
    raise MissingExtraError("hemicycle.torch needs torch, which is not installed: pip install 'hemicycle[torch]'")

from hemicycle.torch.adjusted_targets import gradient_adjusted_targets
from hemicycle.torch.deep_ensembles import DeepEnsemble
from hemicycle.torch.ensemble_loss import EnsembleLoss, EnsembleParts
from hemicycle.torch.learner_dropout import learner_dropout
from hemicycle.torch.losses import (
    SumGaussianLoss,
    gaussian_loss,
    pairwise_sum_gaussian_loss,
    sum_gaussian_loss,
)
from hemicycle.torch.pools import log_likelihood

__all__ = [
    "DeepEnsemble",
    "EnsembleLoss",
    "EnsembleParts",
    "SumGaussianLoss",
    "gaussian_loss",
    "gradient_adjusted_targets",
    "learner_dropout",
    "log_likelihood",
    "pairwise_sum_gaussian_loss",
    "sum_gaussian_loss",
]
