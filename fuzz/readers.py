"""Fuzz what Python reads: round.toml, .npy, item lists, rename tables, juries, tables of many models, masses, times.

`python fuzz/readers.py READER [libFuzzer options]` needs `pip install atheris` beside an installed hemicycle. Any bytes
are read, or refused with an error of hemicycle: another exception is a finding.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

with atheris.instrument_imports(include=["hemicycle", "tomllib", "msgspec"]):
    from hemicycle import Judgments, Pool
    from hemicycle.config import read_config
    from hemicycle.errors import HemicycleError
    from hemicycle.items import Items
    from hemicycle.model_mass import read_mass
    from hemicycle.movement import Standing
    from hemicycle.names import Renames
    from hemicycle.read_limits import ReadLimits
    from hemicycle.submitted import SubmissionTimes

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = ReadLimits(file_bytes=1 << 16, submission_bytes=1 << 14, line_bytes=1 << 12, rows=200, columns=40)


def read_standing(path: Path) -> None:
    """Read an out folder whose every file is this one."""
    folder = path.parent / f"{path.name}.out"
    folder.mkdir(exist_ok=True)
    (folder / "round.toml").write_text('jury = "j"\npool = "p"\n')
    for name in ("allocation.csv", "weights.csv"):
        (folder / name).write_bytes(path.read_bytes())
    Standing.read(str(folder), LIMITS)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "toml": (".toml", lambda path: read_config(path).paths()),
    "npy": (".npy", lambda path: Pool.read(path, items=3)),
    "items": (".csv", lambda path: Items.read(path, limits=LIMITS)),
    "rename": (".csv", lambda path: Renames.of(path, LIMITS).apply(["a", "b/c"])),
    "jury": (".csv", lambda path: Judgments.read(path, limits=LIMITS).pairs),
    "pool": (".csv", lambda path: Pool.read(path, limits=LIMITS)),
    "mass": (".csv", lambda path: read_mass(str(path), ["a", "b"], LIMITS)),
    "times": (".csv", lambda path: SubmissionTimes.of(path, LIMITS)),
    "standing": (".csv", read_standing),
}


def main() -> None:
    """Fuzz one of the readers."""
    warnings.simplefilter("ignore")
    ending, read = READERS[sys.argv.pop(1)]
    path = Path(tempfile.gettempdir()) / f"hemicycle-fuzz-{os.getpid()}{ending}"

    def once(content: bytes) -> None:
        path.write_bytes(content)
        with suppress(HemicycleError):
            read(path)

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
