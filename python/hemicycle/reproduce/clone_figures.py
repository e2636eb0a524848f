"""Figures of what copies gain, and of what their neighbours lose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.reproduce.clone_limits import MANY
from hemicycle.reproduce.clone_promises import cells
from hemicycle.reproduce.copy_gains import COPIES
from hemicycle.reproduce.figures import BLUE, GREEN, GREY, ORANGE

if TYPE_CHECKING:
    from hemicycle.table import Table

__all__ = ["draw_gains", "draw_limits"]

TITLES = {
    "random": "own model, at random",
    "victim": "towards the best model",
    "around": "around the best model",
    "public": "towards half the labels",
}
SHADES = ("#b9d0e8", "#7ba7d3", "#3f7fbd", "#143d6b")  #: 1 to 1,000 copies


def draw_gains(table: Table, canvas: Any) -> None:
    """Draw the gain against the distance: by attack, of the prior, under averaging and under what optimises."""
    panels = canvas.subplots(3, 5, sharex=True, sharey="row", width_ratios=(1, 1, 1, 1, 0.85))
    for column, (attack, title) in enumerate(TITLES.items()):
        panels[0, column].set_title(title, fontsize=8)
        for row, mechanism in enumerate(("prior", "bma")):
            _by_number(table, attack, mechanism, panels[row, column])
        _optimised(table, attack, panels[2, column])
        panels[2, column].set_xlabel("moved by, bandwidths")
    for row, label in enumerate(("prior mass", "averaging", "1,000 copies")):
        panels[row, 0].set_ylabel(f"{label}\ngain, times")
        panels[row, -1].legend(*panels[row, 0].get_legend_handles_labels(), fontsize=7, loc="center left")
        panels[row, -1].axis("off")
    for panel in panels[:, :-1].flat:
        panel.set(yscale="log", yticks=[1, 3, 10, 30], yticklabels=["1", "3", "10", "30"])
        panel.axhline(1, color=GREY, linewidth=0.6)
        panel.minorticks_off()
        panel.axvspan(-0.4, 2.5, color=GREY, alpha=0.1, linewidth=0)
        _distances(table, panel)
    panels[0, 0].set_ylim(0.7, 70)
    panels[1, 0].set_ylim(0.5, 30)
    panels[2, 0].set_ylim(0.5, 30)


def _by_number(table: Table, attack: str, mechanism: str, panel: Any) -> None:
    """Draw the clone-proof prior by the number of copies, and the others for the most."""
    of = {"attack": attack, "mechanism": mechanism, "round": "decided"}
    for name, style, colour, label in (
        ("uniform", "--", ORANGE, "equal mass, or sybils"),
        ("per_author", ":", GREEN, "per author, one name"),
    ):
        panel.plot(cells(table, variant=name, copies=MANY, **of)["gain"], style, color=colour, label=label)
    for copies, colour in zip(COPIES, SHADES, strict=True):
        found = cells(table, variant="clone_proof", copies=copies, **of)["gain"]
        panel.plot(found, "o-", color=colour, label=f"clone-proof, {copies:,}")


def _optimised(table: Table, attack: str, panel: Any) -> None:
    """Draw the gain of the most copies under mechanisms that optimise."""
    for kind, mechanism, variant, style, colour, label in (
        ("decided", "least_squares", "nearest uniform", "o-", BLUE, "least squares, one optimum"),
        ("decided", "stacking", "nearest uniform", "s-", GREEN, "stacking"),
        ("decided", "greedy", "", "^-", GREY, "greedy"),
        ("open", "least_squares", "nearest uniform", "o--", ORANGE, "many optima: nearest equal"),
        ("open", "least_squares", "nearest clone_proof", "s--", "#e0a27c", "nearest clone-proof"),
        ("open", "least_squares", "least_individual_loss", "^--", "#7a3d1a", "least individual loss"),
    ):
        of = {"attack": attack, "mechanism": mechanism, "variant": variant, "round": kind, "copies": MANY}
        panel.plot(cells(table, **of)["gain"], style, color=colour, label=label, linewidth=1.0, markersize=2.5)


def _distances(table: Table, panel: Any) -> None:
    """Name the places of the distances, one after another."""
    names = [f"{distance:g}".replace("0.", ".") for distance in np.unique(table["distance"]).tolist()]
    panel.set_xticks(range(len(names)), names, fontsize=6.5, rotation=90)
    panel.set_xlim(-0.4, len(names) - 0.6)


def draw_limits(gains: Table, neighbour: Table, tax: Table, canvas: Any) -> None:
    """Draw what a neighbour keeps under two densities, what the best model keeps when crowded, and the tax."""
    left, middle, right = canvas.subplots(1, 3)
    left.plot(neighbour["distance"], neighbour["clone_proof"], "o-", color=BLUE, label="clone-proof")
    left.plot(neighbour["distance"], neighbour["plain"], "s--", color=ORANGE, label="plain density")
    left.set(yscale="log", ylim=(1e-3, 3), xlabel="bandwidths from 1,000 near copies", xlim=(0, 5.2))
    left.set_ylabel("prior that a neighbour keeps")
    for copies, colour in zip(COPIES, SHADES, strict=True):
        of = {"attack": "around", "mechanism": "prior", "variant": "clone_proof", "round": "decided"}
        kept = cells(gains, copies=copies, **of)["victim"]
        middle.plot(kept, "o-", color=colour, label=f"{copies:,} around")
    middle.set(yscale="log", ylim=(1e-7, 3), xlabel="their distance, bandwidths")
    _distances(gains, middle)
    middle.set_ylabel("prior that the best model keeps")
    for agree, colour in zip(np.unique(tax["agree"]), SHADES, strict=True):
        rows = tax["agree"] == agree
        right.plot(tax["distance"][rows], 100 * tax["tax"][rows], "o-", color=colour, label=f"{agree:g} of 30 agree")
    right.set(
        xlabel="bandwidths between them", ylabel="prior that they lose, %", ylim=(-2, 125), yticks=[0, 25, 50, 75, 100]
    )
    for panel, place in ((left, "lower right"), (middle, "lower right"), (right, "upper right")):
        panel.legend(fontsize=7, loc=place, ncols=2 if panel is right else 1)
        panel.minorticks_off()
