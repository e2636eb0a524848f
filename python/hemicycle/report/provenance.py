"""Where the result comes from: inputs by hash, versions, options, what was turned away, and how to run it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hemicycle.report.tables import Column, DataTable, numbers, prose, shown

if TYPE_CHECKING:
    from hemicycle.outcome import Outcome
    from hemicycle.rejects import Reject

__all__ = ["provenance", "rejects_table"]

GROUPS_SHOWN = 500  #: of rejects for one reason; the csv file beside the page holds every one


def provenance(outcome: Outcome) -> dict[str, Any]:
    """Say what the run read, with what, and how: everything that decides the result.

    Parameters
    ----------
    outcome : Outcome
        The run.

    Returns
    -------
    dict
        Inputs with their hashes, versions and options as they are in summary.json.
    """
    summary = outcome.summary()
    versions = summary["versions"] | {"instruction set": summary["instruction_set"]}
    return {
        "inputs": [
            {"what": what, "name": shown(found["name"]), "sha256": found["sha256"]}
            for what, found in summary["inputs"].items()
        ],
        "versions": list(versions.items()),
        "options": [(name, _option(value)) for name, value in summary["options"].items()],
        "command": "hemicycle ensemble round.toml --out again",
    }


def rejects_table(outcome: Outcome) -> DataTable | None:
    """Make the table of what was turned away, one row for each file, field and reason; None where nothing was."""
    alike: dict[tuple[str, str, str, str], list[Reject]] = {}
    for reject in outcome.rejects:
        alike.setdefault((reject.kind, reject.file, reject.field, reject.reason), []).append(reject)
    groups = list(alike.values())[:GROUPS_SHOWN]
    if not groups:
        return None
    columns = (
        Column("file", [shown(group[0].file) for group in groups], "name"),
        Column("what", [group[0].kind for group in groups]),
        Column("line", [_lines(group) for group in groups]),
        Column("field", [shown(group[0].field) for group in groups]),
        Column("value", [shown(group[0].value) if len(group) == 1 else "" for group in groups]),
        Column("reason", [prose(group[0].reason) for group in groups]),
        numbers("times", [len(group) for group in groups], 0),
    )
    return DataTable("rejects", "What was turned away, and why", columns, "reason", "rejects.csv")


def _lines(group: list[Reject]) -> str:
    lines = [str(reject.line) for reject in group if reject.line is not None]
    return ", ".join(lines[:5]) + (" …" if len(lines) > 5 else "")


def _option(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return prose(", ".join(map(str, value))) or "none"
    return shown(str(value))
