"""Figures for print, drawn with matplotlib where it is installed."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.extras import extra_module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hemicycle.reproduce.claims import Figure
    from hemicycle.reproduce.weight_order import WeightOrder
    from hemicycle.table import Table

__all__ = [
    "KINDS",
    "draw_divergences",
    "draw_freedom",
    "draw_labels",
    "draw_pool_growth",
    "draw_proportions",
    "draw_seats",
    "draw_slsqp",
    "draw_weight_order",
    "render",
]

BLUE, ORANGE, GREEN, GREY = "#1f5a99", "#c1662f", "#3d7d4a", "#777777"
STYLE = {
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 3.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "hemicycle",
}
KINDS = ("svg", "png")
DPI = 200
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def render(figures: Mapping[str, Figure], kind: str = "svg") -> dict[str, bytes]:
    """Draw figures.

    Parameters
    ----------
    figures : mapping of str to Figure
        What to draw, by name.
    kind : {"svg", "png"}, default "svg"
        Format.

    Returns
    -------
    dict of str to bytes
        File name to content; with one version of matplotlib the same bytes every time.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    matplotlib, canvases = (extra_module(name, "figures need", "plot") for name in ("matplotlib", "matplotlib.figure"))
    metadata: dict[str, Any] = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    files = {}
    for name, figure in figures.items():
        with matplotlib.rc_context(STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Creating legend with loc")  # that a busy machine was slow at it
            canvas = canvases.Figure(figsize=(figure.width, figure.height), layout="constrained")
            figure.draw(canvas)
            content = io.BytesIO()
            canvas.savefig(content, format=kind, dpi=DPI, metadata=metadata)
        files[f"{name}.{kind}"] = content.getvalue()
    return files


def draw_weight_order(order: WeightOrder, canvas: Any) -> None:
    """Draw the distributions of rank correlations and of inversions."""
    left, right = canvas.subplots(1, 2)
    table = order.spearman_table()
    share = table["runs"] / table["runs"].sum()
    left.bar(table["from"], share, width=0.1, align="edge", color=BLUE, edgecolor="white", linewidth=0.5)
    mean = float(order.spearman.mean())
    left.axvline(mean, color=ORANGE, linestyle="--")
    left.annotate(f"mean {mean:.2f}", (mean, 0.95), (5, 0), ("data", "axes fraction"), "offset points", color=ORANGE)
    left.set(xlabel="rank correlation of squared error and weight", ylabel="share of runs", xlim=(-1.02, 1.02))
    table = order.inversions_table()
    for shift, name, colour, label in (
        (-0.28, "runs", BLUE, "ties of zero weights not counted"),
        (0.0, "runs_with_ties_counted", ORANGE, "ties counted"),
        (0.28, "runs_of_slsqp", GREY, "SLSQP, with noise for zeros"),
    ):
        share = table[name] / table[name].sum()
        right.bar(table["inversions"] + shift, share, width=0.26, color=colour, label=label)
    right.set(xlabel=f"inversions among {order.n_pairs} pairs of models", xticks=table["inversions"][::2])
    right.set_ylabel("share of runs")
    right.set_ylim(top=1.4 * right.get_ylim()[1])
    right.legend(fontsize=7.5)


def draw_pool_growth(table: Table, canvas: Any) -> None:
    """Draw the ratio of two models' weights, how often both have some, and what they add, against the pool's size."""
    left, middle, right = canvas.subplots(1, 3)
    models = table["models"]
    left.fill_between(models, table["ratio_low"], table["ratio_high"], color=BLUE, alpha=0.2, linewidth=0)
    left.plot(models, table["ratio_median"], "o-", color=BLUE, label="least squares, quartiles")
    left.plot(models, np.ones(len(models)), "--", color=ORANGE, label="averaging")
    left.set(yscale="log", ylim=(0.3, 8), yticks=[0.5, 1, 2, 5], yticklabels=["0.5", "1", "2", "5"])
    left.set(ylabel="ratio of two weights,\nover that in a pool of two")
    middle.plot(models, table["both_seated"], "o-", color=BLUE, label="both have weight")
    middle.plot(models, table["order_reversed"], "s-", color=GREEN, label="order reversed")
    middle.set(ylim=(-0.02, 1.02), ylabel="share of pools, least squares")
    right.plot(models, table["least_squares_adds"], "o-", color=BLUE, label="least squares")
    right.plot(models, table["bma_adds"], "s--", color=ORANGE, label="averaging")
    right.set(ylabel="marginal contribution of a model,\nmean squared error")
    for panel in (left, middle, right):
        panel.set(xscale="log", xlabel="models in the pool", xticks=[2, 4, 8, 16], xticklabels=["2", "4", "8", "16"])
        panel.minorticks_off()
        panel.legend(fontsize=7.5)


def draw_freedom(table: Table, ranges: Table, canvas: Any) -> None:
    """Draw how often weights are undecided, in how many dimensions, and how far shares move, by the pool's size."""
    left, middle, right = canvas.subplots(1, 3)
    kinds = np.array(table["kind"])
    for kind, colour, label in (("unbiased", BLUE, "spread around the labels"), ("random", ORANGE, "random")):
        rows = kinds == kind
        models = table["models"][rows]
        left.plot(models, 1 - table["unique"][rows], "o-", color=colour, label=label)
        middle.plot(models, table["free_dimensions"][rows], "o-", color=colour, label=label)
    middle.plot(models, np.maximum(models - 11, 0), ":", color=GREY, label="models less 11")
    for mean, colour in (("arithmetic", BLUE), ("geometric", GREEN)):
        for items, style in (("unjudged", "s--"), ("judged", "o-")):
            share = 100 * ranges[f"{mean}_{items}"]
            right.plot(ranges["models"], share, style, color=colour, label=f"{mean}, {items}")
    left.set(ylim=(-0.02, 1.25), yticks=SHARES, ylabel="share of pools with many optima")
    middle.set(yscale="symlog", ylabel="free dimensions of the weights, mean", ylim=(-0.15, 20000))
    middle.set(yticks=[0, 1, 10, 100, 1000], yticklabels=["0", "1", "10", "100", "1,000"])
    right.set(ylabel="widest range of a share, % of the budget", ylim=(-1, 62))
    for panel in (left, middle, right):
        panel.set(xscale="log", xlabel="models (10 labels)", xlim=(1.7, 1000))
        panel.set(xticks=[2, 10, 50, 400], xticklabels=["2", "10", "50", "400"])
        panel.minorticks_off()
        panel.legend(fontsize=7, loc="upper left", borderaxespad=0.1)


def draw_slsqp(table: Table, canvas: Any) -> None:
    """Draw how far SLSQP stops from the optimum nearest to its start, and the allocation with it."""
    left, right = canvas.subplots(1, 2)
    tight = table["ftol"] == table["ftol"].min()
    shapes = list(dict.fromkeys(zip(table["models"].tolist(), table["labels"].tolist(), strict=True)))
    for place, (models, labels) in enumerate(shapes):
        rows = tight & (table["models"] == models) & (table["labels"] == labels)
        for shift, name, colour, label in (
            (-0.2, "weights_l1", BLUE, "weights"),
            (0.0, "allocation_l1_arithmetic", ORANGE, "allocation, arithmetic mean"),
            (0.2, "allocation_l1_geometric", GREEN, "allocation, geometric mean"),
        ):
            spot = np.full(np.count_nonzero(rows), place + shift)
            left.plot(spot, table[name][rows], "o", color=colour, alpha=0.5, label=label if place == 0 else None)
        right.plot(np.full(np.count_nonzero(rows), place), table["farther"][rows], "o", color=BLUE, alpha=0.5)
    left.axhline(0, color=GREY, linewidth=0.8)
    left.set(ylabel="L1 distance from the nearest optimum")
    left.set_ylim(top=1.35 * left.get_ylim()[1])
    left.legend(fontsize=7.5, loc="upper right")
    right.axhline(1, color=GREY, linestyle="--", linewidth=0.8)
    right.annotate("the optimum nearest to uniform", (0.02, 1), (0, -9), ("axes fraction", "data"), "offset points",
                   color=GREY)  # fmt: skip
    right.set(ylabel="distance from uniform,\nover the least of an optimum")
    right.set_ylim(bottom=0.9)
    for panel in (left, right):
        panel.set(xlabel="models, labels", xticks=range(len(shapes)), xlim=(-0.5, len(shapes) - 0.5))
        panel.set_xticklabels([f"{models:g}, {labels:g}" for models, labels in shapes])


def draw_labels(bimodal: Table, agreeing: Table, canvas: Any) -> None:
    """Draw both likelihoods against the prediction, for labels of two modes and of one."""
    panels = canvas.subplots(1, 2)
    titles = ("5 labels at -1, 5 at +1", "10 labels around 0")
    for panel, table, title in zip(panels, (bimodal, agreeing), titles, strict=True):
        panel.plot(table["prediction"], table["sum_gaussian"], color=BLUE, label="sum-Gaussian")
        panel.plot(table["prediction"], table["gaussian"], "--", color=ORANGE, label="Gaussian")
        panel.set(xlabel="predicted log ratio", ylabel="likelihood over its largest value", title=title)
        panel.set(ylim=(-0.02, 1.25), yticks=SHARES)
        panel.legend(loc="upper right", ncols=2, fontsize=7.5)
    for mode in (-1, 1):
        panels[0].axvline(mode, color=GREY, linestyle=":", linewidth=0.8, ymax=0.8)


def draw_proportions(shares: Table, camps: Table, canvas: Any) -> None:
    """Draw likelihood shares against label shares, and the majority's weight against the number of pairs."""
    left, right = canvas.subplots(1, 2)
    left.plot([0, 1], [0, 1], "--", color=GREY, linewidth=0.8, label="proportional")
    for sigma, colour in zip(np.unique(shares["sigma"]), (BLUE, ORANGE), strict=False):
        rows = shares["sigma"] == sigma
        left.plot(shares["label_share"][rows], shares["likelihood_share"][rows], "o-", color=colour,
                  label=f"sigma {sigma:g}")  # fmt: skip
    left.set(xlabel="share of the labels at +1, others at -1", ylabel="share of the likelihood", xlim=(0, 1))
    left.set_ylim(0, 1)
    right.axhline(0.7, color=GREY, linestyle="--", linewidth=0.8, label="share of the labels")
    for name, style, colour, label in (
        ("bma", "o-", ORANGE, "averaging"),
        ("stacking_by_pair", "^-", GREEN, "stacking on pairs"),
        ("stacking_by_label", "s-", BLUE, "stacking on labels"),
    ):
        right.plot(camps["pairs"], camps[name], style, color=colour, label=label)
    right.set(xscale="log", xlabel="pairs that the jury judged", ylabel="weight of the majority's model")
    right.set(ylim=(0.5, 1.03), xticks=[1, 2, 5, 10, 20, 50], xticklabels=["1", "2", "5", "10", "20", "50"])
    right.minorticks_off()
    for panel in (left, right):
        panel.legend(fontsize=7.5)


def draw_seats(table: Table, canvas: Any) -> None:
    """Draw how far a camp's weight is from its share of the labels, by number of pairs, on average over shares."""
    panels = canvas.subplots(1, 2, sharey=True)
    for panel, bridges in zip(panels, np.unique(table["bridges"]), strict=True):
        rows = (table["bridges"] == bridges) & (table["labels"] == 5)
        pairs = np.unique(table["pairs"])
        for name, style, colour, label in (
            ("bma", "o-", ORANGE, "averaging"),
            ("power", "o--", ORANGE, "power posterior"),
            ("least_squares", "v-", GREY, "least squares"),
            ("stacking_by_pair", "^-", GREEN, "stacking on pairs"),
            ("stacking_by_label", "s-", BLUE, "stacking on labels"),
        ):
            off = [table[f"{name}_off"][rows & (table["pairs"] == n)].mean() for n in pairs]
            panel.plot(pairs, off, style, color=colour, label=label)
        panel.set(xscale="log", xlabel="pairs that the jury judged, 5 labels each")
        panel.set(title=f"{bridges} models between the camps" if bridges else "models of the camps only")
        panel.set(xticks=[1, 3, 10, 30, 100, 300], xticklabels=["1", "3", "10", "30", "100", "300"])
        panel.minorticks_off()
    panels[0].set(ylabel="weight of a camp: distance from its share", ylim=(0, 0.6))
    panels[1].legend(fontsize=7.5, ncols=2, loc="upper right")


def draw_divergences(table: Table, canvas: Any) -> None:
    """Draw the divergence of ensembles from the truth against the number of labels, for both kinds of truth."""
    panels = canvas.subplots(1, 2, sharey=True)
    kinds = np.array(table["truth"])
    titles = ("truth drawn from the prior", "truth a mixture of two models, 70 to 30")
    for panel, kind, title in zip(panels, ("model", "mixture"), titles, strict=True):
        rows = kinds == kind
        for name, style, colour, label in (
            ("bma", "o-", ORANGE, "averaging"),
            ("stacking", "s-", BLUE, "stacking on labels"),
            ("best", "^--", GREEN, "likeliest model"),
            ("uniform", ":", GREY, "all models alike"),
        ):
            nats = np.maximum(table[name][rows], 1e-4)  # below the panel, where a logarithm of 0 would be
            panel.plot(table["labels"][rows], nats, style, color=colour, label=label)
        panel.set(xscale="log", yscale="log", xlabel="labels", title=title)
        panel.set(xticks=[1, 2, 5, 10, 30, 100], xticklabels=["1", "2", "5", "10", "30", "100"])
        panel.tick_params(axis="x", which="minor", bottom=False)
    panels[0].set(ylabel="mean divergence, nats", ylim=(1e-3, 5))
    panels[0].legend(fontsize=7.5)
