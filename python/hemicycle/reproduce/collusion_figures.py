"""Figures of ensembles between independent and joint training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.reproduce.collusion_cases import BETAS, DROPOUTS
from hemicycle.reproduce.collusion_sets import REGRESSION
from hemicycle.reproduce.figures import BLUE, GREEN, GREY, ORANGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.reproduce.collusion_cases import Measured
    from hemicycle.table import Table

__all__ = ["draw_digits", "draw_diversity", "draw_dropout", "draw_maps", "draw_signs", "draw_training"]

COLOURS = {"diabetes": BLUE, "concrete": ORANGE, "diamonds": GREEN, "one_signal": GREY}
N_BETAS = len(BETAS)


def draw_diversity(measured: Measured, canvas: Any) -> None:
    """Draw test error and diversity of every regression set against beta, stopped early and at the end."""
    panels = canvas.subplots(2, len(REGRESSION), sharex=True)
    for column, case in enumerate(REGRESSION):
        for moment, style in (("stopped", "-"), ("end", "--")):
            found = measured.values[case, moment]
            for name, colour in (("err", BLUE), ("err_bar", ORANGE)):
                label = f"{'ensemble' if name == 'err' else 'members'}, {'stopped' if style == '-' else 'end'}"
                _line(panels[0, column], found[name], style, colour, label)
            _line(panels[1, column], found["div"], style, GREEN, "stopped" if style == "-" else "end")
        panels[0, column].set(title=case, yscale="log")
        panels[1, column].set(xlabel="beta", yscale="log")
    panels[0, 0].set_ylabel("test error")
    panels[1, 0].set_ylabel("diversity")
    panels[0, 0].legend(fontsize=6.5)
    panels[1, 0].legend(fontsize=6.5)


def draw_signs(measured: Measured, canvas: Any) -> None:
    """Draw the part of diversity that is bias, what members left out cost, and best and worst member."""
    panels = canvas.subplots(2, 3)
    for case in REGRESSION:
        found = measured.values[case, "end"]
        _line(panels[0, 0], found["bias_share"], "o-", COLOURS[case], case)
        for panel, p in zip((panels[0, 1], panels[0, 2], panels[1, 0]), DROPOUTS, strict=True):
            growth = found[f"codependence_{100 * p:.0f}"] / found["err"]
            _line(panel, growth, "o-", COLOURS[case], case)
            panel.set(yscale="log", title=f"{p:.0%} of the members left out")
        _line(panels[1, 1], found["worst_member"] / found["best_member"], "o-", COLOURS[case], case)
        _line(panels[1, 2], found["err"] - found["err_train"], "o-", COLOURS[case], case)
    panels[0, 0].set(ylabel="bias, part of the diversity", title="bias")
    panels[0, 1].set_ylabel("growth of the test error")
    panels[1, 0].set_ylabel("growth of the test error")
    panels[1, 1].set(ylabel="worst over best", yscale="log", title="members")
    panels[1, 2].set(ylabel="test less training error", title="generalisation gap")
    for panel in panels[1]:
        panel.set_xlabel("beta")
    panels[0, 0].legend(fontsize=7)


def draw_training(measured: Measured, canvas: Any) -> None:
    """Draw errors and diversity over training, independent and joint, of train and test."""
    cases = [case for case in measured.cases if case in REGRESSION or case == measured.cases[-1]]
    panels = canvas.subplots(2, len(cases), sharex="col")
    for column, case in enumerate(cases):
        for row, condition in enumerate((0, N_BETAS - 1)):
            panel = panels[row, column]
            for where, style in (("train", "--"), ("test", "-")):
                course = measured.courses[case][where].mean(axis=0)[:, :, condition]  # (n_checkpoints, 3)
                for part, colour, name in ((0, BLUE, "ensemble"), (1, ORANGE, "members"), (2, GREEN, "diversity")):
                    label = f"{name}, {where}"
                    panel.plot(measured.steps[case], course[:, part], style, color=colour, label=label)
            panel.set(yscale="log")
            panel.set_xscale("symlog", linthresh=5)
        panels[0, column].set_title(case, fontsize=8)
        panels[1, column].set_xlabel("step")
    panels[0, 0].set_ylabel("independent")
    panels[1, 0].set_ylabel("joint")
    panels[0, 0].legend(fontsize=6)


def draw_digits(measured: Measured, canvas: Any) -> None:
    """Draw accuracy and loss of ensemble and members on digits against beta."""
    cases = [case for case in measured.cases if case not in REGRESSION]
    panels = canvas.subplots(2, len(cases), sharex=True, sharey="row", squeeze=False)
    for column, case in enumerate(cases):
        for moment, style in (("stopped", "-"), ("end", "--")):
            found = measured.values[case, moment]
            word = "stopped" if style == "-" else "end"
            _line(panels[0, column], found["accuracy"], style, BLUE, f"ensemble, {word}")
            _line(panels[0, column], found["member_accuracy"], style, ORANGE, f"members, {word}")
            _line(panels[1, column], found["err"], style, BLUE, f"ensemble, {word}")
            _line(panels[1, column], found["err_bar"], style, ORANGE, f"members, {word}")
        panels[0, column].set_title(case, fontsize=8)
        panels[1, column].set(xlabel="beta", yscale="log")
    panels[0, 0].set_ylabel("accuracy")
    panels[1, 0].set_ylabel("cross entropy")
    panels[0, 0].legend(fontsize=6.5)


def draw_dropout(measured: Measured, canvas: Any) -> None:
    """Draw diversity and errors of joint training against learner dropout."""
    panels = canvas.subplots(1, 3)
    conditions = [N_BETAS - 1, *range(N_BETAS, N_BETAS + len(DROPOUTS))]
    names = (("div", "diversity"), ("err_bar", "error of members"), ("err", "error of the ensemble"))
    for panel, (name, title) in zip(panels, names, strict=True):
        for case in REGRESSION:
            values = measured.values[case, "end"][name][:, conditions].mean(axis=0)
            panel.plot((0.0, *DROPOUTS), values, "o-", color=COLOURS[case], label=case)
        panel.set(xlabel="learner dropout, beta 1", yscale="log", title=title)
    panels[0].legend(fontsize=7)


def draw_maps(maps: Table, canvas: Any) -> None:
    """Draw beta and gamma against alpha."""
    panels = canvas.subplots(1, 2, sharey=True)
    members, alpha = np.array(maps["members"]), np.array(maps["alpha"])
    sizes = np.unique(members).tolist()
    for panel, suffix, title in zip(panels, ("", "_detached"), ("gradient flows", "targets held fixed"), strict=True):
        rows = members == sizes[-1]
        panel.plot(alpha[rows], np.array(maps[f"beta{suffix}"])[rows], "k-", label="beta")
        for size, colour in zip(sizes, (GREY, GREEN, ORANGE, BLUE), strict=True):
            rows = (members == size) & (alpha <= size - 1)
            gamma = np.array(maps[f"gamma{suffix}"], dtype=np.float64)[rows]
            panel.plot(alpha[rows], gamma, "o-", color=colour, label=f"gamma, {size} members")
        panel.set(xlabel="alpha", title=title)
        panel.set_xscale("symlog", linthresh=1)
    panels[0].legend(fontsize=7)
    panels[0].set_ylabel("beta or gamma of the same training")


def _line(panel: Any, values: NDArray[np.float64], style: str, colour: str, label: str) -> None:
    """Draw the mean over runs against beta."""
    panel.plot(BETAS, values.mean(axis=0)[:N_BETAS], style, color=colour, label=label)
