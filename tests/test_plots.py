"""Plots draw the numbers of the tables, on the axes that they are given."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import hemicycle as hc
from hemicycle import plots
from hemicycle.errors import DomainError, DtypeError, MissingExtraError, NoDataError, OptionError
from hemicycle.influence import leave_one_juror_out
from hemicycle.synthetic import two_camp_round

mpl.use("Agg")


@pytest.fixture(scope="module")
def round_() -> hc.Round:
    made = two_camp_round(1, n_items=12, n_pairs=30, n_models=40)
    return hc.Round(made.judgments(), made.pool())


@pytest.fixture
def ax() -> Any:
    return Figure().subplots()


def ticks(ax: Any) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def test_seats(round_, ax) -> None:
    ensemble = round_.ensemble()
    assert plots.plot_hemicycle(ensemble, n_seats=99, ax=ax) is ax
    (seats,) = ax.collections
    assert len(seats.get_offsets()) == 99
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sum(int(entry.rpartition(" ")[2]) for entry in entries) == 99
    ax.figure.canvas.draw()
    offsets, across = seats.get_offsets(), seats._widths * 2  # matplotlib keeps radii
    apart = np.linalg.norm(offsets[:, None] - offsets[None], axis=2)[np.triu_indices(99, 1)]
    assert apart.min() >= across.max() - 1e-12


def test_weights(round_, ax) -> None:
    ensembles = round_.mechanisms()
    plots.plot_weights(ensembles, ax=ax)
    for line, ensemble in zip(ax.lines, ensembles, strict=True):
        x, y = line.get_data()
        assert len(x) == np.count_nonzero(ensemble.weights)
        assert y[0] == ensemble.weights.max()
        assert y[-1] == pytest.approx(1)


def test_allocation_of_ensembles(round_, ax) -> None:
    stacking, bma = round_.ensemble("stacking"), round_.ensemble("bma")
    plots.plot_allocation([stacking, bma], n_items=5, ax=ax)
    shares = [np.asarray(ensemble.allocation()["share"]) for ensemble in (stacking, bma)]
    order = np.argsort(-shares[0], kind="stable")[:5]
    for line, share in zip(ax.lines, shares, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), 100 * share[order])
    assert ticks(ax) == [round_.pool.items.short_names[i] for i in order]


def test_allocation_with_intervals(round_, ax) -> None:
    intervals = round_.ensemble("bma").intervals(replicates=20, rng=0, mean="arithmetic")
    plots.plot_allocation(intervals, n_items=4, ax=ax)
    order = np.argsort(-intervals.share, kind="stable")[:4]
    bars = np.array([[path.vertices[0, 0], path.vertices[1, 0]] for path in ax.collections[0].get_paths()])
    np.testing.assert_allclose(bars, 100 * np.column_stack([intervals.low, intervals.high])[order])
    assert ax.get_title() == intervals.label


def test_pair(round_, ax) -> None:
    pairs, names = round_.judgments.pairs, round_.pool.items.names
    first, second = names[pairs.a[3]], names[pairs.b[3]]
    ensemble = round_.ensemble()
    plots.plot_pair(ensemble, first, second, ax=ax)
    curve, marks = ax.lines
    y, density = curve.get_data()
    np.testing.assert_array_equal(density, np.exp(ensemble.predictive(first, second).log_pdf(y)))
    assert np.trapezoid(density, y) == pytest.approx(1, abs=0.01)
    own = pairs.pair_of_label == 3
    np.testing.assert_array_equal(np.sort(marks.get_xdata()), np.sort(pairs.log_ratio[own]))
    other = Figure().subplots()
    plots.plot_pair(ensemble, second, first, ax=other)
    np.testing.assert_array_equal(np.sort(-other.lines[1].get_xdata()), np.sort(pairs.log_ratio[own]))


def test_influence(round_, ax) -> None:
    influence = leave_one_juror_out(round_.pool, round_.judgments)
    plots.plot_influence(influence, n=6, ax=ax)
    np.testing.assert_allclose(
        [bar.get_width() for bar in ax.patches], 100 * influence.table()["allocation_change"][:6]
    )
    assert ticks(ax) == list(influence.table()["juror"][:6])


def test_evaluation_and_calibration(round_, ax) -> None:
    found = hc.evaluate(round_, ["stacking", "bma"], folds=3, sigma=[0.5, 1.0])
    plots.plot_evaluation(found, "crps", ax=ax)
    table = found.compare("crps", rng=0)
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), table["diff"])
    assert ticks(ax)[0] == f"{table['method'][0]}, sigma {table['sigma'][0]:.2g}, power {table['power'][0]:g}"
    other = Figure().subplots()
    plots.plot_calibration(found, ax=other)
    for line, pit in zip(other.lines, found.pit, strict=False):
        x, y = line.get_data()
        known = ~np.isnan(pit)
        at = 0.25
        expected = found.weight[known & (pit <= at)].sum() / found.weight[known].sum()
        assert y[np.searchsorted(x, at, side="right") - 1] == pytest.approx(expected)
    with pytest.raises(OptionError, match="score: expected 'elpd'"):
        plots.plot_evaluation(found, "pit", ax=ax)


def test_names_are_text(round_, ax) -> None:
    pool = replace(round_.pool, authors=("_$\\frac{$\u202e",) * len(round_.pool))
    plots.plot_hemicycle(hc.Round(round_.judgments, pool).ensemble(), ax=ax)
    ax.figure.canvas.draw()
    assert "\\u202e" in ax.get_legend().get_texts()[0].get_text()


def test_new_figures_and_bad_arguments(round_, monkeypatch) -> None:
    ensemble = round_.ensemble()
    assert plots.plot_weights(ensemble).figure is not plots.plot_weights(ensemble).figure
    mpl.pyplot.close("all")
    for call, error, says in (
        (lambda: plots.plot_weights([]), NoDataError, "no ensemble"),
        (lambda: plots.plot_weights([1]), DtypeError, "expected ensembles, got int"),
        (lambda: plots.plot_allocation(ensemble, n_items=0), DomainError, "n_items is 0"),
        (lambda: plots.plot_hemicycle(ensemble, n_seats=1.5), DtypeError, "n_seats: expected an integer"),
        (lambda: plots.plot_weights(ensemble, ax=3), DtypeError, "ax: expected matplotlib Axes, got int"),
    ):
        with pytest.raises(error, match=says):
            call()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match="plots need matplotlib, which is not installed: pip install"):
        plots.plot_weights(ensemble)
