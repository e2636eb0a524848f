"""What the clone-proof prior cannot do, measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hemicycle.reproduce.claims import Claim, Finding
from hemicycle.reproduce.clone_promises import cells

if TYPE_CHECKING:
    from hemicycle.table import Table

__all__ = [
    "MANY",
    "on_crowding",
    "on_far_copies",
    "on_guesses",
    "on_sybils",
    "on_tax",
]

FAR = Claim(
    "far_copies",
    "copies that moved far",
    "Copies that moved apart by more than the bandwidth count as models of their own",
    "no protection",
    by_source=False,
)
GUESSES = Claim(
    "guesses",
    "many guesses",
    "Many guesses buy likelihood: no prior on what was submitted bounds the posterior of a group",
    "no bound",
    by_source=False,
)
CROWDING = Claim(
    "crowding",
    "models around another",
    "Whoever places models around another takes most of its prior, and the group little of anybody else's",
    "no protection",
    by_source=False,
)
SYBILS = Claim(
    "sybils",
    "many names",
    "Equal mass for each author stops copies under one name, and none under many",
    "no protection",
    by_source=False,
)
TAX = Claim(
    "tax",
    "tax on consensus",
    "Honest models that agree within a quarter of the bandwidth have together little more prior than one",
    "a tax",
    by_source=False,
)
MANY = 1000  #: copies


def on_far_copies(table: Table) -> Finding:
    """Judge from what distance on copies count.

    Parameters
    ----------
    table : Table
        Of `copy_gains`.

    Returns
    -------
    Finding
        It holds if at five bandwidths the prior gains 0.9 of what equal mass gives.
    """
    found = cells(table, mechanism="prior", variant="clone_proof", attack="random", copies=MANY, round="decided")
    uniform = cells(table, mechanism="prior", variant="uniform", attack="random", copies=MANY, round="decided")["gain"]
    gain = dict(zip(found["distance"].tolist(), found["gain"].tolist(), strict=True))
    return Finding(
        FAR,
        "holds" if gain[5.0] >= 0.9 * uniform[0] else "does not hold",
        f"{gain[1.0]:.1f} at 1, {gain[3.0]:.0f} at 3",
        "The prior of 1,000 copies together, over that of their model, moved at random by "
        + ", ".join(f"{distance:g}: {gain[distance]:.3g}" for distance in (0.1, 0.25, 0.5, 1.0, 2.0, 3.0))
        + f" bandwidths; equal mass gives {uniform[0]:.3g} at any distance",
        {f"prior_gain_{distance:g}": value for distance, value in gain.items()},
    )


def on_guesses(table: Table) -> Finding:
    """Judge what guesses gain of the posterior.

    Parameters
    ----------
    table : Table
        Of `copy_gains`.

    Returns
    -------
    Finding
        It holds if some guesses gain more of the posterior than of the prior, by half or more.
    """
    of = {"mechanism": "bma", "variant": "clone_proof", "copies": MANY, "round": "decided"}
    blind, seen = cells(table, attack="random", **of), cells(table, attack="public", **of)
    prior = cells(table, attack="public", **(of | {"mechanism": "prior"}))["gain"]
    at = blind["distance"].tolist()
    one = at.index(1.0)
    ratio = float((seen["gain"] / prior).max())
    return Finding(
        GUESSES,
        "holds" if ratio >= 1.5 else "does not hold",
        f"{blind['gain'][one]:.1f} and {seen['gain'][one]:.1f} at 1",
        "The weight of 1,000 guesses under averaging, over that of their model, at "
        + "; ".join(
            f"{distance:g} bandwidths {blind['gain'][k]:.2f} blind and {seen['gain'][k]:.2f} after half of the pairs "
            f"were seen (prior {prior[k]:.2f})"
            for k, distance in enumerate(at)
            if distance in (0.1, 0.5, 1.0, 2.0)
        ),
        {
            **{f"blind_{distance:g}": float(blind["gain"][k]) for k, distance in enumerate(at)},
            **{f"seen_{distance:g}": float(seen["gain"][k]) for k, distance in enumerate(at)},
        },
    )


def on_crowding(table: Table) -> Finding:
    """Judge what models placed around the best one take from it.

    Parameters
    ----------
    table : Table
        Of `copy_gains`.

    Returns
    -------
    Finding
        It holds if that has less than a tenth of its prior left at some distance above the quarter.
    """
    of = {"mechanism": "prior", "variant": "clone_proof", "attack": "around", "round": "decided", "copies": MANY}
    found = cells(table, **of)
    kept = dict(zip(found["distance"].tolist(), found["victim"].tolist(), strict=True))
    others = dict(zip(found["distance"].tolist(), found["others"].tolist(), strict=True))
    return Finding(
        CROWDING,
        "holds" if min(kept[0.5], kept[1.0]) < 0.1 else "does not hold",
        f"it keeps {kept[1.0]:.4f}",
        "With 1,000 copies of the best model, moved at random by "
        + ", ".join(f"{distance:g}: {kept[distance]:.2g}" for distance in (0.0, 0.1, 0.2, 0.5, 1.0, 2.0))
        + f" bandwidths, it keeps that part of its prior; at 0.5 the others keep {others[0.5]:.3f} of theirs. Around "
        "0.2 the copies are apart and the model is near each of them, so that it has less than any",
        {f"kept_{distance:g}": value for distance, value in kept.items()},
    )


def on_sybils(table: Table) -> Finding:
    """Judge equal mass for each author.

    Parameters
    ----------
    table : Table
        Of `copy_gains`.

    Returns
    -------
    Finding
        It holds if copies under one name gain nothing, and under many as much as with equal mass for each file.
    """
    of = {"mechanism": "bma", "attack": "random", "copies": MANY, "round": "decided", "distance": 0.0}
    gain = {name: float(cells(table, variant=name, **of)["gain"][0]) for name in ("uniform", "per_author", "sybils")}
    same = abs(gain["sybils"] / gain["uniform"] - 1) <= 1e-9
    return Finding(
        SYBILS,
        "holds" if same and abs(gain["per_author"] - 1) <= 1e-9 else "does not hold",
        f"{gain['per_author']:.2f} and {gain['sybils']:.2f}",
        f"1,000 exact copies of a model gain {gain['per_author']:.2f} times its weight under averaging if one author "
        f"sends them, and {gain['sybils']:.2f} if each has a name of its own, as with equal mass for each file",
        {f"gain_{name}": value for name, value in gain.items()},
    )


def on_tax(table: Table) -> Finding:
    """Judge what honest models lose that agree.

    Parameters
    ----------
    table : Table
        Of `honest_tax`.

    Returns
    -------
    Finding
        It holds if ten of thirty that agree within a quarter of the bandwidth have less than twice one part of thirty.
    """
    ten = table["agree"] == 10
    tax = dict(zip(table["distance"][ten].tolist(), table["tax"][ten].tolist(), strict=True))
    mass = dict(zip(table["distance"][ten].tolist(), table["clone_proof"][ten].tolist(), strict=True))
    return Finding(
        TAX,
        "holds" if mass[0.25] < 2 / 30 else "does not hold",
        f"{tax[0.25]:.0%} of ten within 0.25",
        "Ten of 30 models have a third of the prior where all count alike, and lose of it, if any two of them are "
        + ", ".join(f"{distance:g}: {tax[distance]:.0%}" for distance in (0.0, 0.25, 0.5, 1.0, 2.0, 3.0))
        + " bandwidths apart",
        {f"tax_{distance:g}": value for distance, value in tax.items()},
    )
