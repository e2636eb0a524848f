"""Figures of contracts: offers, rewards that come of them, and what private costs cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.reproduce.figures import BLUE, GREEN, GREY, ORANGE

if TYPE_CHECKING:
    from hemicycle.contracts import Welfare
    from hemicycle.reproduce.contract_scenarios import Solved

__all__ = ["draw_arrangements", "draw_offers", "draw_rewards", "draw_surfaces"]

SHADES = ("#c1662f", "#cf9a6b", "#9aa79a", "#5f8fc0", "#143d6b")  #: from the dearest type to the cheapest


def draw_offers(solved: tuple[Solved, ...], canvas: Any) -> None:
    """Draw data and utility of each type, ours and published."""
    panels = canvas.subplots(2, len(solved), sharex=True)
    for column, s in enumerate(solved):
        place, contract, published = np.arange(1, len(s.scenario.costs) + 1), s.contract, s.scenario
        told = np.array(published.t) - np.array(published.costs) * np.array(published.m)
        for panel, ours, theirs, alone in (
            (panels[0, column], contract.m, published.m, None),
            (panels[1, column], contract.utility, told, contract.reservation),
        ):
            panel.plot(place, ours, "o-", color=BLUE, label="optimum")
            panel.plot(place, theirs, "x", color=ORANGE, markersize=6, label="published")
            if alone is not None:
                panel.plot(place, alone, ":", color=GREY, label="alone")
        panels[0, column].set_title(s.scenario.title, fontsize=8)
        panels[0, column].set_yscale("log" if max(contract.m) > 10 * min(contract.m) else "linear")
        panels[1, column].set(xlabel="cost of a unit of data", xticks=place)
        panels[1, column].set_xticklabels([f"{cost:g}" for cost in s.scenario.costs])
    panels[0, 0].set_ylabel("data contributed")
    panels[1, 0].set_ylabel("utility")
    panels[1, 0].legend(fontsize=7)


def draw_rewards(solved: tuple[Solved, ...], canvas: Any) -> None:
    """Draw the distribution of each type's reward."""
    for panel, s in zip(canvas.subplots(1, len(solved)), solved, strict=True):
        for i, (cost, colour) in enumerate(zip(s.scenario.costs, SHADES, strict=True)):
            order = np.argsort(s.rewards.reward[:, i], kind="stable")
            reached = np.cumsum(s.rewards.probability[order, i])
            panel.step(s.rewards.reward[order, i], reached, where="post", color=colour, label=f"{cost:g}")
        panel.set_title(s.scenario.title, fontsize=8)
        panel.set(xlabel="worth of the reward", ylim=(-0.02, 1.02))
        panel.legend(title="cost", fontsize=7, title_fontsize=7)
    canvas.axes[0].set_ylabel("part of outcomes")


def draw_arrangements(solved: tuple[Solved, ...], canvas: Any) -> None:
    """Draw what the collective model is worth under each arrangement."""
    panel, place = canvas.subplots(), np.arange(len(solved))
    for shift, label, colour, values in (
        (-0.27, "free riding", GREY, [s.free.expected_value for s in solved]),
        (0.0, "contract", BLUE, [s.contract.expected_value for s in solved]),
        (0.27, "complete information", GREEN, [s.first_best.expected_value for s in solved]),
    ):
        bars = panel.bar(place + shift, values, width=0.25, color=colour, label=label)
        panel.bar_label(bars, fmt="%.1f", fontsize=7)
    panel.set(ylabel="expected worth", ylim=(0, 118), xticks=place)
    panel.set_xticklabels([s.scenario.title.split(":")[0] for s in solved])
    panel.legend(ncols=3, fontsize=7, loc="upper center")


def draw_surfaces(found: dict[str, Welfare], canvas: Any) -> None:
    """Draw information cost and expected rent over the number of parties and the share of the cheaper type."""
    panels = canvas.subplots(2, len(found), sharex=True, sharey=True)
    for column, (name, grid) in enumerate(found.items()):
        panels[0, column].set_title(f"{name}: {grid.costs[0]:g} and {grid.costs[1]:g}", fontsize=8)
        for row, (label, values) in enumerate(
            (("information cost", grid.information_cost), ("expected rent", grid.expected_rent))
        ):
            panel = panels[row, column]
            bound = max(float(np.abs(values).max()), 1e-9)
            drawn = panel.imshow(
                values, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-bound, vmax=bound, interpolation="nearest"
            )
            canvas.colorbar(drawn, ax=panel, label=label if column == len(found) - 1 else None)
            shares = grid.probabilities[::2, -1]
            panel.set(yticks=range(len(grid.n_parties)), xticks=range(0, len(grid.probabilities), 2))
            panel.set_yticklabels(grid.n_parties)
            panel.set_xticklabels([f"{share:g}" for share in shares])
        panels[1, column].set_xlabel("share of the cheaper type")
    for panel in panels[:, 0]:
        panel.set_ylabel("parties")
