"""Draw the cost of the log-likelihood against models, pairs and labels from the runs that asv has stored.

Usage: ``python benches/plot_scaling.py docs/images/likelihood_scaling.svg``
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import matplotlib as mpl
from asv_results import newest
from benchmarks.bench_scaling import Labels, scorer

from hemicycle.likelihood import table_bytes

mpl.use("svg")
import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNITS = {"Models": "models", "Pairs": "pairs", "Labels": "labels a pair"}
INKS, GUIDE = ["#1f5a99", "#c1662f"], "#999999"


def main(target: str) -> None:
    mpl.rcParams.update({"font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "hemicycle", "legend.frameon": False})
    figure, panels = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
    for panel, name in zip(panels, UNITS, strict=True):
        values = newest(f"bench_scaling.{name}.time_totals")
        for colour, pool in zip(INKS, dict.fromkeys(key[1:] for key in values), strict=False):
            draw(panel, {int(key[0]): seconds for key, seconds in values.items() if key[1:] == pool}, colour, *pool)
        panel.set(xlabel=UNITS[name], xscale="log", yscale="log")
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend()
    panels[0].set_ylabel("seconds")
    first = first_with_tables()
    panels[2].axvline(first, color=GUIDE, linestyle=":")
    panels[2].annotate("tables", (first, 0.94), (3, 0), ("data", "axes fraction"), "offset points", color=GUIDE)
    figure.savefig(target, metadata={"Date": None, "Creator": None})


def draw(panel: Axes, seconds: dict[int, float], colour: str, n_models: str = "") -> None:
    """Draw the measured seconds, and a line that is proportional through the largest size where that is all."""
    sizes, largest = list(seconds), max(seconds)
    if not n_models:
        proportional = [seconds[largest] * size / largest for size in sizes]
        panel.plot(sizes, proportional, color=GUIDE, linewidth=0.8, label="proportional")
    name = f"{int(n_models):,} models" if n_models else "measured"
    panel.plot(sizes, list(seconds.values()), "o-", color=colour, markersize=4, label=name)


def first_with_tables() -> int:
    """Return from how many labels on pairs of the benchmark are scored from tables."""
    return next(m for m in Labels.params[0] if table_bytes(scorer(1, 1, m).args[1]).any())


if __name__ == "__main__":
    main(*sys.argv[1:])
