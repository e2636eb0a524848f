"""What the clone-proof prior promises, and the rules by which a measurement becomes a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hemicycle.reproduce.claims import Claim, Finding
from hemicycle.reproduce.copy_gains import COPIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.table import Table

__all__ = ["cells", "on_copied_author", "on_exact_copies", "on_near_copies", "on_plain_density"]

EXACT = Claim(
    "exact_copies",
    "exact copies",
    "Up to 1,000 copies that predict the same change no weight of anybody else under averaging, and not their own sum",
    "nothing",
)
NEAR = Claim(
    "near_copies",
    "copies that moved by 0.1",
    "1,000 copies that moved by a tenth of the bandwidth change the prior of others, and their own sum, by 8% at most",
    "8% at most",
)
AUTHOR = Claim(
    "copied_author",
    "the author who is copied",
    "Whoever is copied exactly shares with the copier: of k + 1 equal models each has the same part",
    "1 / (k + 1)",
)
PLAIN = Claim(
    "plain_density",
    "a plain density instead",
    "Under a prior of one over a plain kernel density 1,000 near copies would crush whoever stands beside them",
    "crushed",
)
ROUNDING = 1e-12
BOUND = 0.08


def cells(table: Table, **wanted: object) -> dict[str, NDArray[np.float64]]:
    """Return the numbers of some rows of `copy_gains`.

    Parameters
    ----------
    table : Table
        Of `copy_gains`.
    **wanted
        What their columns hold.

    Returns
    -------
    dict of str to ndarray of float64
        Columns distance, copies, before, after, gain, victim, others, target and one_optimum of these rows.
    """
    rows = np.ones(len(table), dtype=np.bool_)
    for name, value in wanted.items():
        rows &= np.array(table[name]) == value
    names = ("distance", "copies", "before", "after", "gain", "victim", "others", "target", "one_optimum")
    return {name: np.asarray(table[name], dtype=np.float64)[rows] for name in names}


def on_exact_copies(table: Table) -> Finding:
    """Judge what exact copies change.

    Parameters
    ----------
    table : Table
        Of `copy_gains`.

    Returns
    -------
    Finding
        It holds if nothing changes by more than 1e-12, relatively.
    """
    parts = [
        cells(table, mechanism="bma", variant="clone_proof", attack="random", distance=0.0, round=kind)
        for kind in ("decided", "open")
    ]
    worst = max(float(np.abs(part[name] - 1).max()) for part in parts for name in ("gain", "victim", "others"))
    uniform = cells(table, mechanism="bma", variant="uniform", attack="random", distance=0.0, round="decided")
    took = float(uniform["after"][-1])
    return Finding(
        EXACT,
        "holds" if worst <= ROUNDING else "does not hold",
        f"{worst:.0e} at most",
        f"Relative change of the weight of the group, of the best model and of all others; under equal mass 1,000 "
        f"copies raise the group from {uniform['before'][-1]:.2f} to {took:.2f}",
        {"largest_change": worst, "uniform_before": float(uniform["before"][-1]), "uniform_after": took},
    )


def on_near_copies(table: Table) -> Finding:
    """Judge what near copies change of the prior.

    Parameters
    ----------
    table : Table
        Of `copy_gains`.

    Returns
    -------
    Finding
        It holds if no prior changes by more than 8%.
    """
    found = {}
    for attack in ("random", "victim", "public"):
        parts = [
            cells(table, mechanism="prior", variant="clone_proof", attack=attack, distance=0.1, round=kind)
            for kind in ("decided", "open")
        ]
        found[attack] = max(
            float(np.abs(part[name] - 1).max()) for part in parts for name in ("gain", "victim", "others")
        )
    worst = max(found.values())
    return Finding(
        NEAR,
        "holds" if worst <= BOUND else "does not hold",
        f"{worst:.1%} at most",
        f"{found['random']:.1%} where they moved at random, {found['victim']:.1%} where all moved towards the best "
        f"model, {found['public']:.1%} towards the labels. A model may still walk away from a crowd, alone or copied",
        {f"change_{attack}": value for attack, value in found.items()},
    )


def on_copied_author(table: Table) -> Finding:
    """Judge what the best model has left when it is copied.

    Parameters
    ----------
    table : Table
        Of `copy_gains`.

    Returns
    -------
    Finding
        It holds if that is one part of k + 1, to 1e-9.
    """
    found = cells(table, mechanism="bma", variant="clone_proof", attack="around", distance=0.0, round="decided")
    off = float(np.abs(found["victim"] * (found["copies"] + 1) - 1).max())
    return Finding(
        AUTHOR,
        "holds" if off <= 1e-9 else "does not hold",
        f"{found['victim'][0]:.2f} with one copy",
        f"With {COPIES[0]}, {COPIES[1]}, {COPIES[2]} and {COPIES[3]:,} copies the best model keeps "
        + ", ".join(f"{value:.3g}" for value in found["victim"])
        + " of its weight; the others lose nothing. Who came first is for the organiser to know",
        {f"kept_{n}": float(value) for n, value in zip(COPIES, found["victim"], strict=True)},
    )


def on_plain_density(table: Table) -> Finding:
    """Judge what a plain kernel density would do.

    Parameters
    ----------
    table : Table
        Of `crushed_neighbour`.

    Returns
    -------
    Finding
        It holds if a model one bandwidth away keeps less than a tenth of its prior there, and all but 8% here.
    """
    one = int(np.argmin(np.abs(table["distance"] - 1.0)))
    plain, clone_proof = float(table["plain"][one]), float(table["clone_proof"][one])
    return Finding(
        PLAIN,
        "holds" if plain < 0.1 and abs(clone_proof - 1) <= BOUND else "does not hold",
        f"it keeps {plain:.4f}",
        f"A model one bandwidth from 1,000 copies that moved by 0.1 keeps {plain:.4f} of its prior under the plain "
        f"density, {clone_proof:.3f} under the clone-proof prior; the group has {table['plain_group'][one]:.2f} and "
        f"{table['clone_proof_group'][one]:.3f} of what its model had",
        {"plain": plain, "clone_proof": clone_proof},
    )
