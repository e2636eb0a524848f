"""Figures of how often flags are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.reproduce.figures import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from hemicycle.table import Table

__all__ = ["draw_flag_rates"]

COLOURS = {"false alarm": ORANGE, "miss": BLUE}


def draw_flag_rates(table: Table, canvas: Any) -> None:
    """Draw the rate of each case with its interval, false alarms and misses apart by colour."""
    panel = canvas.subplots(1, 1)
    height = np.arange(len(table))[::-1]
    errors = np.array(table["error"])
    for error, colour in COLOURS.items():
        rows = errors == error
        panel.hlines(height[rows], 100 * table["low"][rows], 100 * table["high"][rows], color=colour, linewidth=1.2)
        panel.plot(100 * table["rate"][rows], height[rows], "o", color=colour, label=error)
    panel.axvline(0, color=GREY, linewidth=0.8)
    panel.set(yticks=height, xlabel="% of cases, with 95% intervals", xlim=(-2, 102))
    panel.set_yticklabels([f"{row['flag']}: {row['case']}" for row in table], fontsize=6.5)
    panel.legend(fontsize=7.5, loc="lower right")
