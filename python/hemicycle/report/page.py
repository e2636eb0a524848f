"""The page: which sections a run has, in which order, and the shell around them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from hemicycle.picture import PALETTE, PLAIN_GLYPHS, SMALL_FAMILIES
from hemicycle.report.board import board_of, leaderboard, left_out
from hemicycle.report.diversity import diversity_table, family_distances
from hemicycle.report.evaluation import evaluation_table
from hemicycle.report.flags import closest_table, copies_table, flags_table
from hemicycle.report.hemicycles import families_of, hemicycles
from hemicycle.report.jurors import jurors, least_likely
from hemicycle.report.movement import movements
from hemicycle.report.pair_explorer import pair_explorer
from hemicycle.report.provenance import provenance, rejects_table
from hemicycle.report.shares import allocation_table, mechanism_chart, mechanism_shares
from hemicycle.report.summary import summary
from hemicycle.report.tables import ROWS_SHOWN, breakable, island, shown

if TYPE_CHECKING:
    from jinja2 import Environment

    from hemicycle.outcome import Outcome

__all__ = ["Part", "parts_of", "render"]


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the page.

    Attributes
    ----------
    name : str
        Its identifier, and the stem of its template.
    title : str
        Its heading.
    content : dict
        What the template lays out.
    """

    name: str
    title: str
    content: dict[str, Any]


def parts_of(outcome: Outcome) -> list[Part]:
    """Return the sections that a run has something for.

    Parameters
    ----------
    outcome : Outcome
        The run.

    Returns
    -------
    list of Part
        From the summary to where the result comes from.
    """
    board, families = board_of(outcome), families_of(outcome)
    others = left_out(outcome)
    allocation = {
        "table": allocation_table(outcome, board),
        "mean": outcome.config.mean,
        "ranges": outcome.ranges is not None,
        "drawn": outcome.paid.method == "least_squares" and outcome.intervals is None,
        "intervals": outcome.intervals,
    }
    side_by_side = {"chart": mechanism_chart(outcome, board), "table": mechanism_shares(outcome, board)}
    board_table = {"table": leaderboard(outcome, board, families, others), "left_out": others is not None}
    answers = {"of": jurors(outcome, board), "least_likely": least_likely(outcome, board)}
    evaluated = {"table": evaluation_table(outcome, board), "by": outcome.config.evaluate}
    spread = {
        "table": diversity_table(outcome, board),
        "distances": family_distances(outcome, families),
        "sigma": f"{board.paid.sigma:g}",
    }
    flags = {
        "closest": closest_table(outcome),
        "flags": flags_table(outcome),
        "suspected": bool(outcome.leak.suspects),
        "copies": copies_table(outcome, board),
        "near": f"{outcome.flags.clones.bandwidth / 4:g}",
        "level": f"{outcome.leak.level:.0%}",
    }
    listed = [
        Part("summary", "Summary", summary(outcome, board)),
        Part("hemicycles", "Who sits where", hemicycles(outcome, families, board)),
        Part("allocation", "Allocation", allocation),
        Part("mechanisms", "Mechanisms side by side", side_by_side),
        Part("leaderboard", "Leaderboard", board_table),
        Part("pairs", "Pairs", pair_explorer(outcome, board)),
        Part("jurors", "Jurors", answers),
        Part("evaluation", "Judgments left out", evaluated),
        Part("movement", "What moved", {"movements": movements(outcome, board)}),
        Part("diversity", "Diversity", spread),
        Part("flags", "Flags and copies", flags),
        Part("rejects", "Turned away", {"table": rejects_table(outcome)}),
        Part("provenance", "Where this comes from", provenance(outcome)),
    ]
    asked = {"evaluation": outcome.evaluation, "movement": outcome.movements, "rejects": outcome.rejects}
    return [part for part in listed if part.name not in asked or asked[part.name]]


def render(outcome: Outcome) -> str:
    """Write the page of a run.

    Parameters
    ----------
    outcome : Outcome
        The run.

    Returns
    -------
    str
        The HTML document.
    """
    environment = _environment()
    palette = list(zip(PLAIN_GLYPHS, PALETTE, strict=True))
    style = environment.get_template("style.css").render(palette=palette, rest=SMALL_FAMILIES)
    script = files("hemicycle").joinpath("templates/report/script.js").read_text(encoding="utf-8")
    board = board_of(outcome)
    inputs = outcome.summary()["inputs"]
    return (
        environment.get_template("page.html").render(
            label=board.label,
            parts=parts_of(outcome),
            jury=shown(inputs["jury"]["name"]),
            pool=shown(inputs["pool"]["name"]),
            version=outcome.summary()["versions"]["hemicycle"],
            style=style,
            style_hash=_hash(style),
            script=script,
            script_hash=_hash(script),
            rows_shown=ROWS_SHOWN,
        )
        + "\n"
    )


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("hemicycle", "templates/report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"island": island, "breakable": breakable}
    return environment


def _hash(text: str) -> str:
    """Return what a content security policy calls an inline text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
