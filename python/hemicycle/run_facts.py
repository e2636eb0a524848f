"""What every run says of itself: what made it, what it read, how much of it counts."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle._core import __version__, instruction_sets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hemicycle.config import RoundConfig
    from hemicycle.items import Items
    from hemicycle.judgments import Judgments
    from hemicycle.solution import SimplexSolution

__all__ = ["item_counts", "judgment_counts", "provenance", "solution_facts"]


def provenance(config: RoundConfig, sha256: Mapping[str, str]) -> dict[str, Any]:
    """Return versions, options and inputs of a run in plain values.

    Parameters
    ----------
    config : RoundConfig
        What was asked for.
    sha256 : mapping of str to str
        Hash of each input.
    """
    return {
        "program": "hemicycle",
        "versions": {"hemicycle": __version__, "numpy": np.__version__, "python": platform.python_version()},
        "instruction_set": instruction_sets()[0],
        "options": config.options(),
        "inputs": {
            name: {"name": Path(path).resolve().name, "sha256": sha256[name]} for name, path in config.paths().items()
        },
    }


def item_counts(items: Items, source: str) -> dict[str, Any]:
    """Return how many items there are, of how many parents, and where they are from."""
    return {"n": len(items), "parents": items.n_parents, "source": source}


def judgment_counts(judgments: Judgments, n_rejected: int) -> dict[str, Any]:
    """Return how many judgments of which kind count.

    Parameters
    ----------
    judgments : Judgments
        Of the items of the round.
    n_rejected : int
        How many others there were.
    """
    return {
        "used": len(judgments),
        "cardinal": len(judgments) - judgments.n_ordinal,
        "ordinal": judgments.n_ordinal,
        "rejected": n_rejected,
        "pairs": len(judgments.pairs.a),
        "pairs_of_zero_weight": judgments.pairs.n_zero_weight,
        "jurors": len({juror for juror in judgments.juror if juror is not None}),
    }


def solution_facts(solution: SimplexSolution) -> dict[str, Any]:
    """Return the certificate of a solver in plain values."""
    found: dict[str, Any] = {
        "gap": solution.gap,
        "relative_gap": solution.relative_gap,
        "passes": solution.passes,
        "reason": solution.reason,
    }
    if solution.face is not None:
        found |= {
            "unique": solution.unique,
            "face_dimension": solution.face_dimension,
            "face_models": len(solution.face),
            "reduced_cost": solution.reduced_cost,
            "tie_broken": solution.tie_broken,
        }
    return found
