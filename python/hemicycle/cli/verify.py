"""`hemicycle verify`: compute an out folder again and name what is not as its inputs give it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hemicycle.cli.streams import Talk, print_bytes, print_rich
from hemicycle.escaping import printable
from hemicycle.rejects import counted
from hemicycle.verification import Verification, verify

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

__all__ = ["run_verify"]


def run_verify(folder: Path, *, output: str, quiet: bool) -> bool:
    """Verify an out folder and say what was found.

    Parameters
    ----------
    folder : Path
        The out folder.
    output : {"table", "json"}
        What goes to standard output.
    quiet : bool
        Whether to keep still on standard error.

    Returns
    -------
    bool
        Whether every byte is as the inputs give it.
    """
    found = verify(folder, Talk(quiet).step)
    if output == "json":
        from msgspec import json

        print_bytes(json.format(json.encode(found.summary()), indent=2) + b"\n")
    else:
        print_rich(*_view(found, folder))
    return found.holds


def _view(found: Verification, folder: Path) -> list[RenderableType]:
    from rich.text import Text

    name = printable(str(folder))
    if found.holds:
        inputs, files = counted(len(found.inputs), "input"), counted(len(found.files), "file")
        lines = [f"verified: {inputs} and {files} of {name}, every byte"]
    else:
        lines = [f"not verified: {name}", *(f"  {difference}" for difference in found.differences)]
        if not found.files:
            lines.append("  nothing was computed: the inputs are not those of the run")
    return [Text(line) for line in (*lines, *(f"  {notice}" for notice in found.notices))]
