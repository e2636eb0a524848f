"""Verifying an out folder: everything again from the inputs, compared byte for byte with what lies there."""

from __future__ import annotations

import csv
import io
import json
import math
import platform
import re
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from hemicycle._core import __version__, instruction_sets
from hemicycle.bundle import bundle_files, sha256_of
from hemicycle.config import read_out_folder
from hemicycle.errors import FormatError, HemicycleError
from hemicycle.escaping import printable
from hemicycle.outcome import run_round
from hemicycle.rejects import excerpt

if TYPE_CHECKING:
    from hemicycle.config import RoundConfig
    from hemicycle.outcome import Step

__all__ = ["Difference", "Verification", "verify"]


_MAX_BYTES = 1 << 26  #: of summary.json
_MORE = 1 << 16  #: bytes of a file that are read beyond those that it should have


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it should be.

    Attributes
    ----------
    kind : {"input", "output"}
        Whether an input is not the one that round.toml names by its hash, or a file not what the inputs give.
    file : str
        The input or the file of the out folder.
    line : int or None
        Line of the file, from 1.
    column : str or None
        Column of a csv file.
    found, expected : str
        What lies there, and what there should be.
    """

    kind: Literal["input", "output"]
    file: str
    line: int | None
    column: str | None
    found: str
    expected: str

    def __str__(self) -> str:
        if self.kind == "input":
            return f"{self.file}: {_short(self.found)}, where round.toml has {_short(self.expected)}"
        line = "" if self.line is None else f", line {self.line}"
        column = "" if self.column is None else f", column {self.column}"
        apart = _apart(self.found, self.expected)
        return f"{self.file}{line}{column}: {self.found}, where the inputs give {self.expected}{apart}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found.

    Attributes
    ----------
    inputs : tuple of str
        Names of the inputs that were hashed.
    files : tuple of str
        Files of the out folder that were compared; empty where an input is not the one of the run.
    differences : tuple of Difference
        The first difference of each input and file; none if all is as the inputs give it.
    notices : tuple of str
        What may explain a difference: another version, or another kind of processor.
    """

    inputs: tuple[str, ...]
    files: tuple[str, ...]
    differences: tuple[Difference, ...]
    notices: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether there is no difference."""
        return not self.differences

    def summary(self) -> dict[str, Any]:
        """Return what was found in plain values."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return {"holds": self.holds} | found


def verify(folder: Path, step: Step | None = None) -> Verification:
    """Compute a run again from its inputs, and compare every byte with its out folder.

    Parameters
    ----------
    folder : Path
        The out folder of `hemicycle ensemble`. Its round.toml names the inputs, their hashes and the options.
    step : callable, optional
        Makes a context manager of a text that says what is going on.

    Returns
    -------
    Verification
        Nothing is written.

    Raises
    ------
    FormatError
        If it is no such folder, or its round.toml holds no hashes.
    HemicycleError, OSError
        If the round cannot be computed although its inputs are those of the run.

    Notes
    -----
    The inputs are compared by hash: any changed byte of a file that a run reads is found; of submissions beyond the
    limit of their size, which none reads, the size is hashed alone, and hidden files are not read at all. The files of
    the folder are compared whole. Of a streamed run the models are scored anew, into a folder where temporary files lie
    (``TMPDIR``). The same inputs give the same bytes for any number of threads, and on processors with
    AVX2 and AVX-512; without either, and under other versions of hemicycle or NumPy, last digits may be others.
    """
    config = read_out_folder(folder)
    if config.sha256 is None:
        mark = folder / "round.toml"
        raise FormatError(f"{mark}: holds no [sha256] of the inputs, so there is nothing to verify them by")
    changed = _changed_inputs(config)
    notices = _notices(folder)
    if changed:
        return Verification(tuple(config.paths()), (), changed, notices)
    expected = _streamed(config, folder, step) if config.stream else bundle_files(run_round(config, step), folder)
    found = {
        entry.name: _content(entry, expected.get(entry.name, b"")) for entry in folder.iterdir() if entry.is_file()
    }
    names = sorted(expected.keys() | found.keys())
    each = (_first_difference(name, found.get(name), expected.get(name)) for name in names)
    differences = tuple(difference for difference in each if difference is not None)
    return Verification(tuple(config.paths()), tuple(sorted(expected)), differences, notices)


def _streamed(config: RoundConfig, folder: Path, step: Step | None) -> dict[str, bytes]:
    """Return what a streamed run leaves, from scores that are made anew where temporary files lie."""
    from hemicycle.streaming.store_round import run_store_round

    during = nullcontext() if step is None else step("scoring the store and weighing its models anew")
    with during, TemporaryDirectory(prefix="hemicycle-") as aside:
        out = Path(aside) / "out"
        outcome = run_store_round(config, out)
        files = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
        return files | {"round.toml": config.toml(folder, outcome.sha256).encode("utf-8")}


def _content(path: Path, expected: bytes) -> bytes:
    """Return as much of a file as tells it from what is expected, however long it is."""
    with path.open("rb") as file:
        return file.read(len(expected) + _MORE)


def _changed_inputs(config: RoundConfig) -> tuple[Difference, ...]:
    recorded = msgspec.structs.asdict(config.sha256) if config.sha256 is not None else {}
    differences = []
    for name, path in config.paths().items():
        before = recorded.get(name) or "no hash"
        try:
            now = sha256_of(path, config.read_limits)
        except (OSError, HemicycleError) as error:
            now = f"nothing that can be read ({_reason(error)})"
        if now != before:
            differences.append(Difference("input", f"{name} {printable(path)}", None, None, now, before))
    return tuple(differences)


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _notices(folder: Path) -> tuple[str, ...]:
    """Say where the run was made elsewhere, as far as its summary tells."""
    try:
        with (folder / "summary.json").open("rb") as file:
            summary = json.loads(file.read(_MAX_BYTES))
        before, made_on = dict(summary["versions"]), str(summary["instruction_set"])
        updates, unfinished = summary.get("updates", 0) != 0, bool(summary.get("pending"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ()
    here = {"hemicycle": __version__, "numpy": np.__version__, "python": platform.python_version()}
    said = [
        f"made with {name} {printable(str(before[name]))}, verified with {now}"
        for name, now in here.items()
        if name in before and before[name] != now
    ]
    wide, now_on = ("avx2", "avx512"), instruction_sets()[0]
    if made_on != now_on and not (made_on in wide and now_on in wide):
        said.append(f"made on {printable(made_on)}, verified on {now_on}: last digits may differ")
    elif made_on != now_on:
        said.append(f"made on {made_on}, verified on {now_on}: the numbers are the same, summary.json names it")
    if updates:
        said.append("the scores were brought up to date when judgments came: last digits may differ, see summary.json")
    if unfinished:
        said.append("the run was stopped before all of its mechanisms were formed; the same command goes on")
    return tuple(said)


def _first_difference(name: str, found: bytes | None, expected: bytes | None) -> Difference | None:
    if found == expected:
        return None
    if expected is None:
        return Difference("output", printable(name), None, None, "a file", "none")
    if found is None:
        return Difference("output", printable(name), None, None, "no file", "one")
    lines, wanted = found.split(b"\n"), expected.split(b"\n")
    line = next((k for k, pair in enumerate(zip(lines, wanted, strict=False)) if pair[0] != pair[1]), None)
    if line is None:
        line = min(len(lines), len(wanted))
    have, want = (_text(each[line]) if line < len(each) else "the end of the file" for each in (lines, wanted))
    if name.endswith(".csv") and line < min(len(lines), len(wanted)):
        cell = _first_cell(_text(wanted[0]), have, want)
        if cell is not None:
            return Difference("output", name, line + 1, *cell)
    return Difference("output", name, line + 1, None, *_around(have, want))


def _first_cell(header: str, have: str, want: str) -> tuple[str, str, str] | None:
    """Return the first column in which two rows of a csv file differ, and both cells."""
    columns, found, expected = (next(csv.reader(io.StringIO(text)), []) for text in (header, have, want))
    if not len(columns) == len(found) == len(expected):
        return None
    differing = (cells for cells in zip(columns, found, expected, strict=True) if cells[1] != cells[2])
    return next(((column, excerpt(a), excerpt(b)) for column, a, b in differing), None)


def _around(have: str, want: str) -> tuple[str, str]:
    """Return both lines from shortly before where they part."""
    parts = next((k for k, pair in enumerate(zip(have, want, strict=False)) if pair[0] != pair[1]), 0)
    return excerpt(have[max(0, parts - 20) :]), excerpt(want[max(0, parts - 20) :])


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")


def _short(text: str) -> str:
    """Return the beginning of a hash; other text as it is."""
    return f"{text[:16]}…" if re.fullmatch("[0-9a-f]{64}", text) else text


def _apart(found: str, expected: str) -> str:
    """Return how far two numbers are apart, where both are numbers."""
    try:
        a, b = float(found), float(expected)
    except ValueError:
        return ""
    if not (math.isfinite(a) and math.isfinite(b)) or b == 0:
        return ""
    return f" ({abs(a - b) / abs(b):.1e} of it apart)"
