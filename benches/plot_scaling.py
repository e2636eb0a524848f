"""Draw how costs grow, from the runs that asv has stored: ``python benches/plot_scaling.py docs/images``.

The log-likelihood against models, pairs and labels; simplex least squares against models and observations; optimal
contracts against types.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from asv_results import newest
from benchmarks.bench_least_squares import GROWTH, Growth
from benchmarks.bench_scaling import Labels, scorer

from hemicycle.likelihood import table_bytes

mpl.use("svg")
import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Curves = dict[str, dict[int, float]]  # seconds by size, by name

UNITS = {"Models": "models", "Pairs": "pairs", "Labels": "labels a pair"}
INKS, GUIDE = ["#1f5a99", "#c1662f"], "#999999"


def main(folder: str) -> None:
    mpl.rcParams.update({"font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "hemicycle", "legend.frameon": False})
    figures = {
        "likelihood_scaling": likelihood,
        "least_squares_growth": least_squares,
        "contract_growth": contracts,
    }
    for name, drawn in figures.items():
        figure = drawn()
        figure.savefig(Path(folder, f"{name}.svg"), metadata={"Date": None, "Creator": None})


def likelihood() -> Figure:
    figure, panels = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
    for panel, name in zip(panels, UNITS, strict=True):
        curves: Curves = {}
        for (size, *pool), seconds in newest(f"bench_scaling.{name}.time_totals").items():
            curves.setdefault(f"{int(*pool):,} models" if pool else "measured", {})[int(size)] = seconds
        draw(panel, curves, UNITS[name], proportional=name != "Labels")
    panels[0].set_ylabel("seconds")
    first = first_with_tables()
    panels[2].axvline(first, color=GUIDE, linestyle=":")
    panels[2].annotate("tables", (first, 0.94), (3, 0), ("data", "axes fraction"), "offset points", color=GUIDE)
    return figure


def least_squares() -> Figure:
    figure, panels = plt.subplots(1, 2, figsize=(6.5, 3), layout="constrained")
    seconds = newest("bench_least_squares.Growth.time_solve")
    for axis, (panel, sizes) in enumerate(zip(panels, GROWTH.values(), strict=True)):
        curves: Curves = {}
        for hull in Growth.params[0]:
            curves[f"labels {hull} the hull"] = {int(size.split(" x ")[axis]): seconds[hull, size] for size in sizes}
        draw(panel, curves, list(GROWTH)[axis])
        panel.get_legend().remove()
    panels[0].set_ylabel("seconds")
    panels[0].set_title("100 observations", fontsize="medium")
    panels[1].set_title("10,000 models", fontsize="medium")
    panels[1].set_xticks(list(curves["labels inside the hull"]), curves["labels inside the hull"])
    panels[1].minorticks_off()
    panels[0].legend(loc="lower right")
    return figure


def contracts() -> Figure:
    figure, panel = plt.subplots(figsize=(4, 3), layout="constrained")
    measured = {int(types): seconds for (types,), seconds in newest("bench_contracts.Growth.time_solve").items()}
    draw(panel, {"measured": measured}, "types", power=2)
    panel.set_ylabel("seconds of a core")
    panel.set_xticks(list(measured), list(measured))
    panel.minorticks_off()
    return figure


def draw(panel: Axes, curves: Curves, unit: str, *, proportional: bool = True, power: int = 1) -> None:
    """Draw measured seconds, and through the largest of all sizes a line that is proportional to a power of it."""
    if proportional:
        sizes, seconds = zip(*next(iter(curves.values())).items(), strict=True)
        guide = [seconds[-1] * (size / sizes[-1]) ** power for size in sizes]
        panel.plot(sizes, guide, color=GUIDE, linewidth=0.8, label="proportional" if power == 1 else "quadratic")
    for colour, (name, curve) in zip(INKS, curves.items(), strict=False):
        panel.plot(list(curve), list(curve.values()), "o-", color=colour, markersize=4, label=name)
    panel.set(xlabel=unit, xscale="log", yscale="log")
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend()


def first_with_tables() -> int:
    """Return from how many labels on pairs of the benchmark are scored from tables."""
    return next(m for m in Labels.params[0] if table_bytes(scorer(1, 1, m).args[1]).any())


if __name__ == "__main__":
    main(*sys.argv[1:])
