"""The command line as a process, and the files that it reads and writes."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def run(*args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in {"FORCE_COLOR", "NO_COLOR"}} | dict(env or {})
    command = [sys.executable, "-m", "hemicycle", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def rows_of(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files_of(folder: str | Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def valid_model() -> Path:
    return next(path for path in sorted(Path("submissions").iterdir()) if path.name.startswith("infra"))


def rewrite(path: Path, **weights: str) -> None:
    """Replace weights in a submission, by the place of the row: w0="nan" changes the first."""
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    column = rows[0].index("weight")
    for place, weight in weights.items():
        rows[1 + int(place[1:])][column] = weight
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
