"""Figures of what the sum-Gaussian score does to pools and ensembles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.reproduce.figures import BLUE, GREEN, GREY, ORANGE
from hemicycle.reproduce.incentive_fits import LOSSES, STARTS
from hemicycle.reproduce.incentive_pools import MECHANISMS
from hemicycle.reproduce.incentive_verdicts import WORDS

if TYPE_CHECKING:
    from hemicycle.reproduce.incentive_pools import Pools

__all__ = ["draw_camps", "draw_pools", "draw_scores"]

COLOURS = dict(zip(MECHANISMS, (ORANGE, GREY, GREEN, BLUE), strict=True))
LOSS_WORDS = {"mse": "squared error", "sum_gaussian": "sum-Gaussian"}


def draw_pools(pools: Pools, canvas: Any) -> None:
    """Draw diversity and its bias against the distance of the camps, for the most pairs and for a few."""
    panels = canvas.subplots(2, len(STARTS), sharex=True, sharey="row")
    for column, start in enumerate(STARTS):
        for loss, colour in zip(LOSSES, (ORANGE, BLUE), strict=True):
            for p, style in ((-1, "o-"), (len(pools.grid.pairs) // 2 - 1, "s--")):
                label = f"{LOSS_WORDS[loss]}, {pools.grid.pairs[p]} pairs"
                for row, name in enumerate(("div", "bias_share")):
                    found = pools.of(name, start, loss)[:, :, p].mean(axis=(0, -1))
                    panels[row, column].plot(pools.grid.distances, found, style, color=colour, label=label)
        panels[0, column].set(title=f"{start} starts", yscale="log")
        panels[1, column].set(xlabel="distance of the camps", ylim=(0, 1))
    panels[0, 0].set_ylabel("diversity, mean over shares")
    panels[1, 0].set_ylabel("part that is bias")
    panels[0, 0].legend(fontsize=7)


def draw_scores(pools: Pools, canvas: Any) -> None:
    """Draw the gain in held-out log score against the distance, by share of the larger camp."""
    shares = [s for s, share in enumerate(pools.grid.shares) if share in (0.5, 0.7, 0.9)]
    panels = canvas.subplots(len(STARTS), len(shares), sharex=True, sharey=True, squeeze=False)
    for row, start in enumerate(STARTS):
        for column, s in enumerate(shares):
            panel = panels[row, column]
            for mechanism in MECHANISMS:
                gain = pools.gain(f"{mechanism}_same_pairs", start)[s, :, -1].mean(axis=-1)
                panel.plot(pools.grid.distances, gain, "o-", color=COLOURS[mechanism], label=WORDS[mechanism])
            panel.axhline(0, color=GREY, linewidth=0.6)
            if row == 0:
                panel.set_title(f"larger camp {pools.grid.shares[s]:.0%}", fontsize=8)
        panels[row, 0].set_ylabel(f"{start}: gain in log score a label")
    for panel in panels[-1]:
        panel.set_xlabel("distance of the camps")
    panels[0, 0].legend(fontsize=7)


def draw_camps(pools: Pools, canvas: Any) -> None:
    """Draw the part of the modellers in the smaller camp, and its weight, against its part of the labels."""
    panels = canvas.subplots(1, len(STARTS), sharey=True)
    labels = 1 - np.array(pools.grid.shares)
    for panel, start in zip(panels, STARTS, strict=True):
        panel.plot(labels, labels, ":", color=GREY, label="proportional")
        modellers = pools.of("minority", start, "sum_gaussian")[:, -1, -1].mean(axis=-1)
        panel.plot(labels, modellers, "k^--", label="modellers")
        for mechanism in MECHANISMS:
            mass = pools.of(f"{mechanism}_minority", start, "sum_gaussian")[:, -1, -1].mean(axis=-1)
            panel.plot(labels, mass, "o-", color=COLOURS[mechanism], label=WORDS[mechanism])
        panel.set(title=f"{start} starts", xlabel="the smaller camp's part of the labels")
    panels[0].set_ylabel("its part of the weight, or of the modellers")
    panels[0].legend(fontsize=7)
