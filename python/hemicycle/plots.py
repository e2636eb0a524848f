"""Figures for papers: functions that draw a result on matplotlib axes and return them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.errors import DtypeError, NoDataError
from hemicycle.escaping import printable
from hemicycle.extras import extra_module
from hemicycle.intervals import AllocationIntervals
from hemicycle.left_out_scores import SCORES
from hemicycle.mechanism import SPOKEN
from hemicycle.options import known_word, positive_count
from hemicycle.picture import color
from hemicycle.seats import half_circle, seat_families

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from hemicycle.ensemble import Ensemble
    from hemicycle.evaluation import Evaluation
    from hemicycle.influence import Influence

__all__ = [
    "plot_allocation",
    "plot_calibration",
    "plot_evaluation",
    "plot_hemicycle",
    "plot_influence",
    "plot_pair",
    "plot_weights",
]

INK, ACCENT = "#1f5a99", "#c1662f"
POINTS = 400  #: at which a density is drawn


def plot_hemicycle(ensemble: Ensemble, *, n_seats: int = 201, ax: Axes | None = None) -> Axes:
    """Draw the seats of an ensemble, by family or author.

    Parameters
    ----------
    ensemble : Ensemble
        Whose weights are seated.
    n_seats : int, default 201
        How many seats.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes
        With a legend of the families and their seats.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    DtypeError, DomainError
        If `n_seats` is no positive integer.
    """
    n_seats = positive_count(n_seats, "n_seats")
    ax = _axes(ax)
    pool = ensemble.round.pool
    parliament = seat_families(ensemble.weights, pool.families(), pool.logits, n_seats=n_seats)
    places, owner = half_circle(n_seats), parliament.owner_of_seats()
    collections, patches = import_module("matplotlib.collections"), import_module("matplotlib.patches")
    across = np.full(n_seats, 1.7 * places.seat_radius)  # in units of the axes, so that seats never overlap
    ax.add_collection(
        collections.EllipseCollection(
            across,
            across,
            np.zeros(n_seats),
            units="xy",
            offsets=np.column_stack([places.x, places.y]),
            offset_transform=ax.transData,
            facecolors=[color(parliament.parties[k]) for k in owner.tolist()],
            linewidths=0,
        )
    )
    legend = [
        patches.Patch(color=color(party), label=_literal(f"{printable(party.name)} {party.seats}"))
        for party in parliament.parties
    ]
    ax.set_aspect("equal")
    ax.set_xlim(-1.1, 1.1)
    ax.set_ylim(-0.1, 1.1)
    ax.axis("off")
    ax.set_title(f"{SPOKEN[ensemble.method]}: {ensemble.effective_models[0]:.1f} effective models")
    ax.legend(handles=legend, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, frameon=False)
    return ax


def plot_weights(ensembles: Sequence[Ensemble] | Ensemble, *, ax: Axes | None = None) -> Axes:
    """Draw how concentrated the weights are: the weight of the heaviest models together, of each mechanism.

    Parameters
    ----------
    ensembles : sequence of Ensemble, or Ensemble
        One curve each; those with one model are points.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes
        The number of models, logarithmic, against their cumulative weight.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    NoDataError
        If there are no ensembles.
    """
    ax = _axes(ax)
    for ensemble in _several(ensembles):
        ordered = np.sort(ensemble.weights[ensemble.weights > 0])[::-1]
        label = f"{SPOKEN[ensemble.method]}, {ensemble.effective_models[0]:.1f} effective"
        ax.plot(
            np.arange(1, len(ordered) + 1), np.cumsum(ordered), marker="." if len(ordered) < 20 else "", label=label
        )
    ax.set_xscale("log")
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("heaviest models")
    ax.set_ylabel("weight together")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return ax


def plot_allocation(
    result: Sequence[Ensemble] | Ensemble | AllocationIntervals,
    *,
    n_items: int = 20,
    ax: Axes | None = None,
) -> Axes:
    """Draw the shares of the leading items, under one or several mechanisms or with their intervals.

    Parameters
    ----------
    result : sequence of Ensemble, Ensemble or AllocationIntervals
        Whose shares; the first decides which items lead. Of ensembles the geometric mean is drawn; `Ensemble.intervals`
        makes intervals of either mean.
    n_items : int, default 20
        How many items.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes
        One row an item, shares in percent of the budget of its parent.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    NoDataError
        If there are no ensembles.
    DtypeError, DomainError
        If `n_items` is no positive integer.
    """
    n_items = positive_count(n_items, "n_items")
    ax = _axes(ax)
    if isinstance(result, AllocationIntervals):
        items, share = result.items, result.share
        leading = _leading(share, n_items)
        place = np.arange(len(leading))
        low, high = 100 * result.low[leading], 100 * result.high[leading]
        ax.hlines(place, low, high, color=INK, alpha=0.4, linewidth=4)  # the share itself may lie outside
        ax.plot(100 * share[leading], place, "o", color=INK, markersize=4)
        ax.set_title(result.label, fontsize="medium")
    else:
        ensembles = _several(result)
        items = ensembles[0].items
        shares = [np.asarray(ensemble.allocation()["share"]) for ensemble in ensembles]
        leading = _leading(shares[0], n_items)
        place = np.arange(len(leading))
        for ensemble, share in zip(ensembles, shares, strict=True):
            ax.plot(100 * share[leading], place, "o", markersize=4, label=SPOKEN[ensemble.method])
        ax.legend(loc="lower right", frameon=False)
    _rows(ax, [items.short_names[i] for i in leading.tolist()])
    ax.set_xlabel("share, %")
    return ax


def plot_pair(ensemble: Ensemble, a: str, b: str, *, parent: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw what an ensemble says of a pair, and what jurors said.

    Parameters
    ----------
    ensemble : Ensemble
        Whose predictive mixture is drawn.
    a, b : str
        Names of two items of one parent, in any spelling; a positive log ratio favours `b`.
    parent : str, optional
        Their parent; needed where several parents have an item of that name.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes
        The density of the log ratio, and a mark for each cardinal label.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    UnknownItemError, DomainError
        As `Ensemble.predictive`.
    """
    ax = _axes(ax)
    predictive = ensemble.predictive(a, b, parent=parent)
    items = ensemble.items
    first, second = items.position(a, parent), items.position(b, parent)
    labels = _labels(ensemble, first, second)
    low, high = predictive.interval(0.999)
    low, high = min([low, *labels]), max([high, *labels])
    y = np.linspace(low - ensemble.sigma, high + ensemble.sigma, POINTS)
    ax.fill_between(y, np.exp(predictive.log_pdf(y)), color=INK, alpha=0.25, linewidth=0)
    label = f"{SPOKEN[ensemble.method]}, sigma {ensemble.sigma:g}"
    ax.plot(y, np.exp(predictive.log_pdf(y)), color=INK, label=label)
    if len(labels):
        marks = np.zeros(len(labels))
        ax.plot(labels, marks, "|", color=ACCENT, markersize=14, markeredgewidth=1.5, label=f"{len(labels)} labels")
    ax.set_ylim(bottom=-0.04 * ax.get_ylim()[1])
    names = items.short_names
    ax.set_xlabel(_literal(f"log ratio: {printable(names[second])} over {printable(names[first])}"))
    ax.set_ylabel("density")
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False)
    return ax


def plot_influence(influence: Influence, *, n: int = 20, ax: Axes | None = None) -> Axes:
    """Draw how much of the budgets moves when one juror, pair or model is left out, the most influential first.

    Parameters
    ----------
    influence : Influence
        Of `hemicycle.influence`.
    n : int, default 20
        How many to draw.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes
        One row for each that is left out.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    DtypeError, DomainError
        If `n` is no positive integer.
    """
    n = positive_count(n, "n")
    ax = _axes(ax)
    table = influence.table()
    change = 100 * np.asarray(table["allocation_change"])[:n]
    ax.barh(np.arange(len(change)), change, color=INK, height=0.7)
    _rows(ax, table[influence.by][:n])
    ax.set_xlabel(f"part of the budgets that moves without the {influence.by}, %")
    return ax


def plot_evaluation(evaluation: Evaluation, score: str = "elpd", *, rng: int = 0, ax: Axes | None = None) -> Axes:
    """Draw how far each configuration is behind the best one on judgments that were left out.

    Parameters
    ----------
    evaluation : Evaluation
        Of `hemicycle.evaluate`.
    score : {"elpd", "crps", "mse", "brier", "accuracy"}, default "elpd"
        What to compare.
    rng : int, default 0
        Seed of the Bayesian bootstrap.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes
        The difference to the best, with one standard deviation of it among jurors.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    OptionError
        If `score` is no such word.
    """
    known_word(score, "score", SCORES)
    ax = _axes(ax)
    table = evaluation.compare(score, rng=rng)
    several = len(set(zip(table["sigma"], table["power"], strict=True))) > 1
    names = [
        f"{SPOKEN.get(row['method'], row['method'])}"
        + (f", sigma {row['sigma']:.2g}, power {row['power']:g}" if several else "")
        for row in table
    ]
    place = np.arange(len(table))
    ax.errorbar(table["diff"], place, xerr=table["dse"], fmt="o", color=INK, markersize=4, capsize=2)
    ax.axvline(0, color="0.7", linewidth=0.8, zorder=0)
    _rows(ax, names)
    ax.set_xlabel(f"{score}: difference to the best")
    return ax


def plot_calibration(evaluation: Evaluation, *, ax: Axes | None = None) -> Axes:
    """Draw the distribution of the probability integral transform of judgments that were left out.

    Parameters
    ----------
    evaluation : Evaluation
        Of `hemicycle.evaluate`.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes
        The part of the labels at or below each predicted probability, weighted. On the diagonal predictions are
        calibrated; an S that is flat in the middle has too narrow ones, a steep one too wide ones.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    ax = _axes(ax)
    for configuration, pit in zip(evaluation.configurations, evaluation.pit, strict=True):
        known = np.flatnonzero(~np.isnan(pit))
        order = known[np.argsort(pit[known], kind="stable")]
        reached = np.cumsum(evaluation.weight[order]) / evaluation.weight[order].sum()
        ax.step(np.r_[0, pit[order], 1], np.r_[0, reached, 1], where="post", label=configuration.name)
    ax.plot([0, 1], [0, 1], color="0.7", linewidth=0.8, zorder=0)
    ax.set_aspect("equal")
    ax.set_xlabel("predicted probability")
    ax.set_ylabel("part of the labels")
    ax.legend(loc="upper left", frameon=False)
    return ax


def _axes(ax: Axes | None) -> Axes:
    """Return the axes to draw on, new ones where none are given."""
    if ax is not None:
        if not hasattr(ax, "plot") or not hasattr(ax, "figure"):
            raise DtypeError(f"ax: expected matplotlib Axes, got {type(ax).__name__}")
        return ax
    pyplot = extra_module("matplotlib.pyplot", "plots need", "plot")
    made: Axes = pyplot.subplots(layout="constrained")[1]
    return made


def _several(ensembles: Sequence[Ensemble] | Ensemble) -> list[Ensemble]:
    from hemicycle.ensemble import Ensemble

    listed = [ensembles] if isinstance(ensembles, Ensemble) else list(ensembles)
    if not listed:
        raise NoDataError("there is no ensemble to draw")
    for ensemble in listed:
        if not isinstance(ensemble, Ensemble):
            raise DtypeError(f"expected ensembles, got {type(ensemble).__name__}")
    return listed


def _leading(share: NDArray[np.float64], n: int) -> NDArray[np.intp]:
    return np.argsort(-share, kind="stable")[:n]


def _labels(ensemble: Ensemble, first: int, second: int) -> list[float]:
    """Cardinal labels of positive weight of two items, as log ratios of the second over the first."""
    judgments = ensemble.round.judgments
    counted = judgments.is_cardinal & (judgments.weight > 0)
    along = judgments.log_ratio[counted & (judgments.a == first) & (judgments.b == second)]
    against = -judgments.log_ratio[counted & (judgments.a == second) & (judgments.b == first)]
    return [*along.tolist(), *against.tolist()]


def _rows(ax: Axes, names: Sequence[str]) -> None:
    """Name the rows, the first at the top."""
    ax.set_yticks(range(len(names)), [_literal(printable(name)) for name in names])
    ax.invert_yaxis()


def _literal(text: str) -> str:
    """Return text that matplotlib does not read as mathematics, nor a legend leaves out."""
    literal = text.replace("$", r"\$")
    return f" {literal}" if literal.startswith("_") else literal
