"""How far adjusted targets stand for joint training: the maps of alpha, beta and gamma, and the gradients they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hemicycle.diversity import beta_of_alpha, gamma_of_alpha
from hemicycle.reproduce.claims import Claim, Finding
from hemicycle.reproduce.collusion_training import isolated_torch
from hemicycle.table import Table
from hemicycle.torch import DeepEnsemble, EnsembleLoss, gradient_adjusted_targets

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["adjusted_target_maps", "on_adjusted_targets"]

ALPHAS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0, 19.0)
SIZES = (2, 5, 10, 20)
N_EXAMPLES, N_FEATURES = 30, 4
ROUNDING = 1e-10
COLUMNS = (
    "members",
    "alpha",
    "beta",
    "gamma",
    "beta_detached",
    "gamma_detached",
    "off",
    "off_others",
    "off_detached",
)

CLAIM = Claim(
    "adjusted_targets",
    "targets moved against the ensemble's error",
    "Members that are trained to targets moved by alpha are trained for L_beta, with the beta that the maps give",
    "equal gradients",
    by_source=False,
)


def adjusted_target_maps(seed: int) -> Table:
    """Return the beta and gamma of each step, and how far the gradients are from those of the objective.

    Parameters
    ----------
    seed : int
        Of the networks and examples whose gradients are compared.

    Returns
    -------
    Table
        Columns members, alpha, beta, gamma, beta_detached, gamma_detached, and off, off_others, off_detached: largest
        relative distance of the gradient of the moved targets from that of (1 + alpha)^2 times the objective, with
        the error of all members, of the others, and with targets held fixed, whose gradient is 1 + alpha times that
        of its beta. Gamma is None where alpha exceeds M - 1.
    """
    rows: list[tuple[Any, ...]] = []
    with isolated_torch(seed):
        for size in SIZES:
            networks = DeepEnsemble(lambda: torch.nn.Linear(N_FEATURES, 1, dtype=torch.float64), size)
            x, y = (
                torch.randn(N_EXAMPLES, N_FEATURES, dtype=torch.float64),
                torch.randn(N_EXAMPLES, dtype=torch.float64),
            )
            rows += [(size, alpha, *_betas(alpha, size), *_distances(networks, x, y, alpha)) for alpha in ALPHAS]
    return Table(dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)))


def on_adjusted_targets(table: Table) -> Finding:
    """Judge whether moved targets train for the objective.

    Parameters
    ----------
    table : Table
        Of `adjusted_target_maps`.

    Returns
    -------
    Finding
        It holds if all gradients agree to 1e-10.
    """
    off = {
        name: max(value for value in table[name] if value is not None) for name in ("off", "off_others", "off_detached")
    }
    worst = max(off.values())
    return Finding(
        CLAIM,
        "holds" if worst <= ROUNDING else "does not hold",
        f"{worst:.0e} apart at most",
        "Relative distance of the gradients, with the error of all members, of the others, and with targets held "
        "fixed, whose beta is another: " + ", ".join(f"{value:.0e}" for value in off.values()),
        off,
    )


def _betas(alpha: float, size: int) -> tuple[float | None, ...]:
    beta, detached = beta_of_alpha(alpha), beta_of_alpha(alpha, detach=True)
    if alpha > size - 1:
        return beta, None, detached, None
    return beta, gamma_of_alpha(alpha, size), detached, gamma_of_alpha(alpha, size, detach=True)


def _distances(networks: DeepEnsemble, x: Tensor, y: Tensor, alpha: float) -> tuple[float | None, ...]:
    """Return how far the gradients of moved targets are from those of the objective."""

    def gradient(beta: float) -> Tensor:
        return _gradient(networks, EnsembleLoss(beta=beta)(networks(x).squeeze(-1), y).loss)

    def moved(leave_one_out: bool, detach: bool) -> Tensor:
        pred = networks(x).squeeze(-1)
        targets = gradient_adjusted_targets(pred, y, alpha, leave_one_out=leave_one_out, detach=detach)
        return _gradient(networks, (pred - targets).square().mean())

    beta, gamma, detached, _ = _betas(alpha, networks.n_learners)
    assert beta is not None
    assert detached is not None
    scale = 1 + alpha
    return (
        _apart(moved(False, False), scale**2 * gradient(beta)),
        None if gamma is None else _apart(moved(True, False), scale**2 * gradient(gamma)),
        _apart(moved(False, True), scale * gradient(detached)),
    )


def _gradient(networks: DeepEnsemble, loss: Tensor) -> Tensor:
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(networks.parameters()))])


def _apart(found: Tensor, expected: Tensor) -> float:
    return float(np.abs((found - expected).numpy()).max() / np.abs(expected.numpy()).max())
