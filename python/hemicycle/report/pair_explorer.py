"""Each judged pair: where the jury's labels lie, and where the mixture of the models expected them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.rejects import counted
from hemicycle.report.tables import Column, DataTable, names, numbers, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.outcome import Outcome
    from hemicycle.report.board import Board

__all__ = ["PAIRS_SHOWN", "PairCurves", "n_modes", "pair_curves", "pair_explorer"]

PAIRS_SHOWN = 400  #: pairs that are drawn, those of most labels first
POINTS = 101  #: of a curve
BINS = 512  #: places to which models are moved before a curve is drawn
REACH = 2.5  #: in sigma: how far beyond labels and predictions a drawing goes
FULL = 999  #: height of the highest curve of a pair
DOT = 1.4  #: percent of the width that a label covers
LABELS_TOP, LABEL_STEP, LABEL_LEVELS = 218, 8, 5
MAX_TICKS = 9
TIMES = "\N{MULTIPLICATION SIGN}"
EDGE = 0.04  #: part of the axis at each end that bears no number
NOTABLE = 0.05  #: a mode is at least this part of the highest, and as much above the dip beside it
LABELS_DRAWN = 500  #: of one pair
HEAVY = 0.005  #: part of the weight that a drawing may leave out on each side


@dataclass(frozen=True, slots=True, eq=False)
class PairCurves:
    """One pair, drawn.

    Attributes
    ----------
    low, high : float
        Ends of the axis, log ratio.
    curves : ndarray of float64, shape (n_mechanisms + 1, POINTS)
        Density under each mechanism, and last that of the labels.
    modes : list of int
        Number of modes of each curve.
    mean, lower, upper : float
        Of the mechanism that pays: its mean and its central 90 percent.
    """

    low: float
    high: float
    curves: NDArray[np.float64]
    modes: list[int]
    mean: float
    lower: float
    upper: float


def pair_curves(
    predictions: NDArray[np.float64],
    weights: NDArray[np.float64],
    sigmas: NDArray[np.float64],
    labels: NDArray[np.float64],
    label_weights: NDArray[np.float64],
) -> PairCurves:
    """Draw one pair.

    Parameters
    ----------
    predictions : ndarray of float64, shape (n_models,)
        Log ratio that each model predicts.
    weights : ndarray of float64, shape (n_mechanisms, n_models)
        Weights of the models under each mechanism.
    sigmas : ndarray of float64, shape (n_mechanisms,)
        Width of the Gaussians of each mechanism.
    labels, label_weights : ndarray of float64, shape (n_labels,)
        What the jury said.

    Returns
    -------
    PairCurves
        Models are moved to the two nearest of 512 places, in proportion, which moves no curve by the width of a line.
    """
    low, high = _domain(predictions, weights, float(sigmas.max()), labels)
    places = np.linspace(low - 2 * sigmas.max(), high + 2 * sigmas.max(), BINS)
    mass = [_binned(places, predictions, row) for row in weights]
    mass.append(_binned(places, labels, label_weights / label_weights.sum()))
    step = float(places[1] - places[0])
    widths = np.append(sigmas, sigmas[0])
    dense = [_smoothed(row, max(float(width), step) / step) / step for row, width in zip(mass, widths, strict=True)]
    x = np.linspace(low, high, POINTS)
    curves = np.array([np.interp(x, places, row) for row in dense])
    mean = float(np.sum(weights[0] * predictions))
    below = np.cumsum(dense[0])
    lower, upper = np.interp([0.05, 0.95], below / below[-1], places).tolist()
    return PairCurves(low, high, curves, [n_modes(curve) for curve in curves], mean, lower, upper)


def n_modes(curve: NDArray[np.float64]) -> int:
    """Count the peaks of a curve that stand out: a twentieth of the highest, and as much above the dip beside them.

    Examples
    --------
    >>> n_modes(np.array([0.0, 1.0, 0.2, 0.8, 0.0])), n_modes(np.array([0.0, 1.0, 0.98, 0.99, 0.0]))
    (2, 1)
    """
    notable = NOTABLE * float(curve.max())
    n, floor, peak = 0, 0.0, -1.0  # a peak is open while `peak` is above -1
    for value in curve.tolist():
        if peak < 0:
            floor = min(floor, value)
            if value >= floor + notable and value >= notable:
                n, peak = n + 1, value
        elif value > peak:
            peak = value
        elif value <= peak - notable:
            floor, peak = value, -1.0
    return n


def _domain(
    predictions: NDArray[np.float64], weights: NDArray[np.float64], sigma: float, labels: NDArray[np.float64]
) -> tuple[float, float]:
    """Return ends between which all labels lie, and all but a little of the weight of each mechanism."""
    order = np.argsort(predictions, kind="stable")
    cumulative = np.cumsum(weights[:, order], axis=1)
    last = len(order) - 1
    first = min(int(np.searchsorted(row, HEAVY)) for row in cumulative)
    final = max(min(last, int(np.searchsorted(row, 1 - HEAVY))) for row in cumulative)
    ends = (labels.min(), labels.max(), predictions[order[min(first, last)]], predictions[order[final]])
    return float(min(ends)) - REACH * sigma, float(max(ends)) + REACH * sigma


def _binned(
    places: NDArray[np.float64], values: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share the weight of each value between the two places beside it."""
    at = np.clip((values - places[0]) / (places[1] - places[0]), 0.0, BINS - 1.000001)
    lower = at.astype(np.int64)
    above = at - lower
    both = np.concatenate([lower, lower + 1]), np.concatenate([weights * (1 - above), weights * above])
    mass: NDArray[np.float64] = np.bincount(*both, BINS).astype(np.float64)
    return mass


def _smoothed(mass: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Spread the mass of each place as a Gaussian of this width, in places."""
    reach = min(BINS - 1, math.ceil(5 * width))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2) / (width * math.sqrt(2 * math.pi))
    return np.convolve(mass, kernel)[reach : reach + BINS]


def pair_explorer(outcome: Outcome, board: Board) -> dict[str, Any]:
    """Draw the judged pairs, those of most labels first.

    Parameters
    ----------
    outcome : Outcome
        The run.
    board : Board
        Its mechanisms.

    Returns
    -------
    dict
        The table of the pairs, the data of their curves, and how many there are.
    """
    pairs, logits = outcome.round.judgments.pairs, outcome.round.pool.logits
    n_labels = np.diff(pairs.offsets)
    chosen = np.argsort(-n_labels, kind="stable")[:PAIRS_SHOWN].tolist()
    seen = np.flatnonzero(np.any([e.weights > 0 for e in board.ensembles], axis=0))
    weights = np.array([ensemble.weights[seen] for ensemble in board.ensembles])
    sigmas = np.array([ensemble.sigma for ensemble in board.ensembles])
    found, drawn = [], []
    for n in chosen:
        labels = slice(int(pairs.offsets[n]), int(pairs.offsets[n + 1]))
        a, b = (np.asarray(logits[seen, int(end)], dtype=np.float64) for end in (pairs.a[n], pairs.b[n]))
        found.append(pair_curves(b - a, weights, sigmas, pairs.log_ratio[labels], pairs.weight[labels]))
        drawn.append(_drawing(found[-1], pairs.log_ratio[labels]))
    table = _table(outcome, chosen, found)
    methods = [board.labels[ensemble.method] for ensemble in board.ensembles]
    first = drawn[0] | {
        "a": table.columns[0].values[0],
        "b": table.columns[1].values[0],
        "mixture": _path(drawn[0]["curves"][0], closed=True),
        "jury": _path(drawn[0]["curves"][-1]),
        "text": f"{counted(int(n_labels[chosen[0]]), 'label')} of the jury in {counted(found[0].modes[-1], 'mode')}; "
        f"the mixture of {methods[0]} has {counted(found[0].modes[0], 'mode')}.",
    }
    return {
        "table": table,
        "data": {"methods": methods, "pairs": drawn},
        "first": first,
        "n_pairs": len(pairs),
        "n_drawn": len(chosen),
        "points": POINTS,
        "full": FULL,
    }


def _drawing(found: PairCurves, labels: NDArray[np.float64]) -> dict[str, Any]:
    """Return the places of a pair's marks: from left to right in percent, labels downwards in pixels."""
    scale = 100.0 / (found.high - found.low)
    x = ((labels[:LABELS_DRAWN] - found.low) * scale).round(2)
    return {
        "curves": np.rint(found.curves * (FULL / found.curves.max())).astype(np.int64).tolist(),
        "modes": found.modes,
        "labels": [list(place) for place in zip(x.tolist(), _stacked(x), strict=True)],
        "ticks": [(round((at - found.low) * scale, 2), text) for at, text in _ticks(found.low, found.high)],
    }


def _stacked(x: NDArray[np.float64]) -> list[int]:
    """Put sorted labels that would cover each other below each other."""
    level, last, down = 0, -math.inf, []
    for place in x.tolist():
        level = level + 1 if place - last < DOT else 0
        last = last if level else place
        down.append(LABELS_TOP + LABEL_STEP * (level % LABEL_LEVELS))
    return down


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Choose round multiples for the axis, at most nine of them."""
    for factors, decades in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 3), ((1,), 6), ((1,), 12)):
        last = math.ceil(max(-low, high) / math.log(10)) + 1
        multiples = [(f, e) for e in range(0, min(last, 300), decades) for f in factors]
        at = [
            (math.log(f) + e * math.log(10), f"{f}e{e}{TIMES}" if e > 5 else f"{f * 10**e:,}{TIMES}")
            for f, e in multiples
        ]
        listed = [(-x, text) for x, text in reversed(at[1:])] + [(0.0, "equal")] + at[1:]
        edge = EDGE * (high - low)
        inside = [(x, text) for x, text in listed if low + edge < x < high - edge]
        if len(inside) <= MAX_TICKS:
            return inside
    return []


def _path(heights: list[int], *, closed: bool = False) -> str:
    """Write a curve as an SVG path from the left, smooth between points; closed down to the base line to be filled."""
    down = [FULL - height for height in heights]
    arcs = "".join(f"Q{i} {down[i]} {i + 0.5} {(down[i] + down[i + 1]) / 2:g}" for i in range(1, len(down) - 1))
    last = f"L{len(down) - 1} {down[-1]}"
    return f"M0 {FULL}L0 {down[0]}{arcs}{last}L{len(down) - 1} {FULL}Z" if closed else f"M0 {down[0]}{arcs}{last}"


def _table(outcome: Outcome, chosen: list[int], found: list[PairCurves]) -> DataTable:
    pairs, items = outcome.round.judgments.pairs, outcome.round.pool.items
    short = [shown(name) for name in items.short_names]
    inside = []
    for n, pair in zip(chosen, found, strict=True):
        labels = pairs.log_ratio[pairs.offsets[n] : pairs.offsets[n + 1]]
        inside.append(int(((labels >= pair.lower) & (labels <= pair.upper)).sum()))
    columns = (
        names("a", [short[int(pairs.a[n])] for n in chosen]),
        Column("b", [short[int(pairs.b[n])] for n in chosen]),
        numbers("labels", np.diff(pairs.offsets)[chosen], 0, group="jury"),
        numbers("mean", pairs.mean_log_ratio[chosen], 2, group="jury"),
        numbers("modes", [pair.modes[-1] for pair in found], 0, group="jury"),
        numbers("mean", [pair.mean for pair in found], 2, group="mixture that pays"),
        numbers("5%", [pair.lower for pair in found], 2, group="mixture that pays"),
        numbers("95%", [pair.upper for pair in found], 2, group="mixture that pays"),
        numbers("modes", [pair.modes[0] for pair in found], 0, group="mixture that pays"),
        numbers("labels inside", inside, 0, group="mixture that pays"),
    )
    return DataTable("pairs", "Judged pairs: log ratio of b to a", columns, "pair")
