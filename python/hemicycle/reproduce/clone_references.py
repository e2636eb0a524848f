"""Where the clone-proof prior serves as the reference of least squares and stacking, measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.mechanism import SPOKEN
from hemicycle.reproduce.claims import Claim, Finding
from hemicycle.reproduce.clone_limits import MANY
from hemicycle.reproduce.clone_promises import cells
from hemicycle.reproduce.copy_gains import SOLVED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hemicycle.reproduce.claims import Verdict
    from hemicycle.table import Table

__all__ = ["on_many_optima", "on_one_optimum"]

ONE_OPTIMUM = Claim(
    "one_optimum",
    "one optimum",
    "Where least squares or stacking has one optimum, no reference changes it: moved copies are models, and gain so",
    "no difference",
    by_source=False,
)
MANY_OPTIMA = Claim(
    "many_optima",
    "many optima",
    "Where least squares has many, the one nearest to equal weights gives exact copies more; the one nearest to the "
    "clone-proof prior gives them nothing, nor does that of least individual loss",
    "a gain, none and none",
    by_source=False,
)


def on_one_optimum(table: Table) -> Finding:
    """Judge what the reference does where the judgments decide.

    Parameters
    ----------
    table : Table
        Of `copy_gains`.

    Returns
    -------
    Finding
        It holds if the weight of a group is the same under both references wherever all rounds have one optimum.
    """
    differ, n_cells = 0.0, 0
    gains: dict[tuple[str, float], float] = {}
    for mechanism in SOLVED:
        even, aware = (
            cells(table, mechanism=mechanism, variant=f"nearest {reference}", attack="random", round="decided")
            for reference in ("uniform", "clone_proof")
        )
        one = (even["one_optimum"] == 1) & (aware["one_optimum"] == 1)
        n_cells += int(one.sum())
        differ = max(differ, float(np.abs(even["after"] - aware["after"])[one].max(initial=0.0)))
        many = even["copies"] == MANY
        gains |= {
            (mechanism, d): g for d, g in zip(even["distance"][many].tolist(), even["gain"][many].tolist(), strict=True)
        }
    return Finding(
        ONE_OPTIMUM,
        "holds" if n_cells and differ <= 1e-6 else "does not hold",
        f"{differ:.0e} at most",
        f"Largest difference of a group's weight under the two references, in {n_cells} cases where the weights were "
        "unique in all rounds. 1,000 copies at 0, 0.1, 1 and 3 bandwidths gain "
        + " and ".join(
            ", ".join(f"{gains[mechanism, d]:.2f}" for d in (0.0, 0.1, 1.0, 3.0)) + f" under {SPOKEN[mechanism]}"
            for mechanism in SOLVED
        ),
        _known(
            {"largest_difference": differ, "cases": n_cells}
            | {f"{mechanism}_{d:g}": value for (mechanism, d), value in gains.items()}
        ),
    )


def on_many_optima(table: Table) -> Finding:
    """Judge the tie-breaks of least squares where many weights are optimal.

    Parameters
    ----------
    table : Table
        Of `copy_gains`.

    Returns
    -------
    Finding
        It holds if exact copies gain under equal weights, and nothing under the clone-proof prior and the least
        individual loss.
    """
    of = {"mechanism": "least_squares", "attack": "random", "copies": MANY, "round": "open"}
    names = ("nearest uniform", "nearest clone_proof", "least_individual_loss")
    found = [cells(table, variant=name, **of)["gain"] for name in names]
    even, aware, least = (float(gain[0]) for gain in found)
    at = cells(table, variant=names[0], **of)["distance"].tolist().index(1.0)
    return Finding(
        MANY_OPTIMA,
        _verdict([even, aware, least], max(abs(aware - 1), abs(least - 1)) <= 1e-6 < even - 1),
        f"{even:.1f}, {aware:.1f} and {least:.1f}",
        f"1,000 exact copies gain {even:.2f}, {aware:.2f} and {least:.2f}; moved ones count as models, and distance to "
        f"a reference adds up over them: at 1 bandwidth "
        f"{found[0][at]:.2f}, {found[1][at]:.2f} and {found[2][at]:.2f}",
        _known(
            {f"{name.replace(' ', '_')}_exact": float(gain[0]) for name, gain in zip(names, found, strict=True)}
            | {f"{name.replace(' ', '_')}_1": float(gain[at]) for name, gain in zip(names, found, strict=True)}
        ),
    )


def _verdict(gains: list[float], holds: bool) -> Verdict:
    """Return the verdict, unless the model had no weight by itself in any run."""
    if not np.isfinite(gains).all():
        return "too few runs"
    return "holds" if holds else "does not hold"


def _known(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in numbers.items() if np.isfinite(value)}
