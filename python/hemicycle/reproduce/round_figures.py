"""Figures of what ensembles predict of private rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.reproduce.figures import BLUE, GREEN, GREY, ORANGE
from hemicycle.reproduce.round_verdicts import PLAIN_SIGMA

if TYPE_CHECKING:
    from hemicycle.reproduce.rounds import Prediction
    from hemicycle.table import Table

__all__ = ["draw_calibration", "draw_differences", "draw_widths"]

COLOURS = (BLUE, ORANGE)
LINES = {"stacking": BLUE, "least_squares": GREY, "bma": ORANGE, "uniform": GREEN}


def draw_differences(table: Table, canvas: Any) -> None:
    """Draw what each method gains over the best single model, with its central 90 percent."""
    panels = canvas.subplots(1, 2, sharey=True)
    methods = list(dict.fromkeys(table["method"]))
    pools = list(dict.fromkeys(table["pool"]))
    titles = {"elpd": "log score: more is better", "mse": "squared error: less is better"}
    for panel, (score, title) in zip(panels, titles.items(), strict=True):
        panel.axvline(0, color=GREY, linewidth=0.8, linestyle="--")
        for shift, pool, colour in zip((0.14, -0.14), pools, COLOURS, strict=True):
            rows = [k for k, row in enumerate(table) if (row["score"], row["pool"]) == (score, pool)]
            height = [len(methods) - 1 - methods.index(table["method"][k]) + shift for k in rows]
            low, high, diff = (np.array([table[name][k] for k in rows]) for name in ("low", "high", "diff"))
            panel.hlines(height, low, high, color=colour, linewidth=1.2)
            panel.plot(diff, height, "o", color=colour, label=pool)
        panel.set(title=title, xlabel="difference to the best single model")
    panels[0].set(yticks=range(len(methods)), yticklabels=[method.replace("_", " ") for method in reversed(methods)])
    panels[1].legend(fontsize=7.5, loc="upper right")


def draw_widths(widths: Table, scores: Table, canvas: Any) -> None:
    """Draw the log score of a private row against the width, and the widths that public rows chose."""
    pools = list(dict.fromkeys(widths["pool"]))
    panels = canvas.subplots(1, len(pools), sharey=True)
    for panel, pool in zip(panels, pools, strict=True):
        for method, colour in LINES.items():
            rows = [k for k, row in enumerate(widths) if (row["pool"], row["method"]) == (pool, method)]
            panel.plot(widths["sigma"][rows], widths["elpd"][rows], "o-", color=colour, label=method.replace("_", " "))
            chosen = [row for row in scores if (row["pool"], row["method"], row["width"]) == (pool, method, "chosen")]
            panel.plot(chosen[0]["sigma"], chosen[0]["elpd"], "o", color=colour, markersize=8, fillstyle="none")
        best = float(np.max(widths["elpd"]))
        panel.set(xscale="log", xlabel="width sigma; rings: chosen by public rows", title=pool)
        panel.set(xticks=[0.25, 0.5, 1, 2, 4, 8], xticklabels=["0.25", "0.5", "1", "2", "4", "8"])
        panel.set(ylim=(2.6 * best, 0.95 * best))
        panel.minorticks_off()
    panels[0].set(ylabel="log score of the private rows")
    panels[1].legend(fontsize=7.5, loc="lower right")


def draw_calibration(prediction: Prediction, canvas: Any) -> None:
    """Draw where private rows lie in the predictive distribution of stacking: evenly, if it is right."""
    panels = canvas.subplots(1, 2, sharey=True)
    found = prediction.evaluation
    for panel, sigma, colour in zip(panels, (PLAIN_SIGMA, prediction.sigma["stacking"]), (ORANGE, BLUE), strict=True):
        pit = found.pit[prediction.place("stacking", sigma)]
        panel.hist(pit, bins=np.linspace(0, 1, 11), weights=found.weight / found.weight.sum(), color=colour)
        panel.axhline(0.1, color=GREY, linestyle="--", linewidth=0.8)
        panel.set(title=f"stacking, sigma {sigma:g}", xlabel="probability of values up to the label", xlim=(0, 1))
    panels[0].set(ylabel="share of the private rows")
