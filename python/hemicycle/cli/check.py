"""`hemicycle check` says whether submissions are valid, and what the board would make of them."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hemicycle._core import submission_layout
from hemicycle.bundle import csv_bytes
from hemicycle.cli.streams import Talk, print_bytes, print_rich
from hemicycle.errors import FormatError, HemicycleError, NoDataError
from hemicycle.escaping import printable, storable
from hemicycle.items import Items
from hemicycle.judgments import Judgments
from hemicycle.likelihood import log_likelihood
from hemicycle.pool import Pool
from hemicycle.rejects import Reject, counted, excerpt, quoted
from hemicycle.scores import accuracy, mean_squared_error
from hemicycle.sources import NUMBER, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from hemicycle.read_limits import ReadLimits
    from hemicycle.rejects import Rejects

Scores: TypeAlias = "dict[str, dict[str, float]]"
"""Numbers of the board by model."""

__all__ = ["Verdict", "all_reasons", "run_check"]

MAX_REASONS = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one submission.

    Attributes
    ----------
    file, model : str
        The file, and the model that it holds.
    reasons : tuple of Reject
        Why it is invalid; empty where it is valid.
    barred : str
        Why a valid submission cannot be scored on log ratios; empty where it can.
    scores : dict
        ``rank``, ``of``, ``log_likelihood``, ``mse`` and ``accuracy``, where there is a jury.
    """

    file: str
    model: str
    reasons: Rejects
    barred: str
    scores: dict[str, float]


def run_check(
    files: Sequence[Path],
    jury: Path | None,
    pool: Path | None,
    *,
    sigma: float,
    items: Path | None,
    rename: Path | None,
    min_weight: float | None,
    split: str | None,
    limits: ReadLimits,
    output: str,
    quiet: bool,
) -> int:
    """Check submissions and, with a jury, score them.

    Parameters
    ----------
    files : sequence of Path
        The submissions.
    jury, pool : Path or None
        Judgments to score by, and the other submissions to rank among.
    sigma : float
        Width of the Gaussian at each label, in the unit of ``log_ratio``.
    items, rename, min_weight, split, limits
        As for `Pool.read` and `Judgments.read`.
    output : {"table", "json", "csv"}
        What goes to standard output.
    quiet : bool
        Whether to keep still on standard error.

    Returns
    -------
    int
        Number of invalid submissions.
    """
    talk = Talk(quiet)
    for file in files:
        if file.is_dir():
            raise FormatError(f"{file} is a folder: name its files, or give it as --pool")
        if not file.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))
    read_pool = partial(Pool.read, rename=rename, limits=limits)
    with talk.step("reading"):
        given = None if items is None else Items.read(items, rename, limits)
        others = None if pool is None else read_pool(pool, items=given, min_weight=min_weight)
        listed, source = (given, f"{len(given)}, given") if given is not None else _items(files, others, read_pool)
        read = [(file, *_read(file, partial(read_pool, items=listed, min_weight=min_weight))) for file in files]
    notes = [f"items: {source}"]
    pools = [found for _, found, _ in read if found is not None]
    scored: list[Scores] = [{} for _ in pools]
    if jury is not None and pools:
        with talk.step("scoring"):
            judged = Judgments.read(jury, rename=rename, split=split, limits=limits)
            judgments = judged.align(pools[0].items)
            scored = _rank([_scores(found, judgments, sigma) for found in pools], others, judgments, sigma)
        notes += _said_of(judged, judgments)
        if others is None:
            notes.append("rank: among the files given; --pool names the submissions to sit among")
    scores = iter(scored)
    verdicts = []
    for file, found, rejects in read:
        if rejects:
            verdicts.append(Verdict(file.name, file.stem, all_reasons(file, rejects, limits), "", {}))
        if found is not None:
            verdicts += _valid(file, found, next(scores))
    _print(verdicts, notes, output)
    return sum(1 for verdict in verdicts if verdict.reasons)


def _items(files: Sequence[Path], others: Pool | None, read_pool: Callable[..., Pool]) -> tuple[Items | None, str]:
    """Find the items that a submission must name, and say where they come from."""
    if others is not None:
        return others.items, f"{len(others.items)}, those of the pool ({others.items_source})"
    try:
        found = read_pool(files[0] if len(files) == 1 else files)
    except NoDataError:
        return None, "none known; give --items or --pool to check them"
    if len(files) == 1:
        return found.items, f"{len(found.items)}, those of the file itself; give --items or --pool to check them"
    return found.items, f"{len(found.items)}, {found.items_source}"


def _read(file: Path, read_pool: Callable[..., Pool]) -> tuple[Pool | None, Rejects]:
    """Read one file: its valid submissions, and why others are none."""
    try:
        pool = read_pool(file)
    except (NoDataError, FormatError) as error:
        whole = Reject("submission", file.name, None, "file", "", str(error))
        return None, getattr(error, "rejects", ()) or (whole,)
    return pool, pool.rejects


def _valid(file: Path, found: Pool, scores: Scores) -> list[Verdict]:
    verdicts = []
    for model, row in zip(found.models, found.logits, strict=True):
        zeros = np.flatnonzero(np.isneginf(row))
        barred = ""
        if len(zeros):
            names = ", ".join(found.items.names[i] for i in zeros[:3])
            more = f" and {len(zeros) - 3} more" if len(zeros) > 3 else ""
            one = len(zeros) == 1
            n_zeros = "1 weight is 0 and has" if one else f"{len(zeros)} weights are 0 and have"
            lift = f"--min-weight would lift {'it' if one else 'them'} to a floor"
            barred = f"{n_zeros} no logarithm ({names}{more}): valid, but not scored; {lift}"
        verdicts.append(Verdict(file.name, model, (), barred, scores.get(model, {})))
    return verdicts


def all_reasons(file: Path, rejects: Rejects, limits: ReadLimits | None = None) -> Rejects:
    """Add to the reasons why a file was turned away every further row whose weight is bad.

    Parameters
    ----------
    file : Path
        The file.
    rejects : tuple of Reject
        What reading it gave: at least its first fault.
    limits : ReadLimits, optional
        How much the file may hold.

    Returns
    -------
    tuple of Reject
        At most 20 faults, in the order of their lines.
    """
    try:
        table = Source.of_file(file, limits).table
        _, _, weight, _, model, is_originality = submission_layout(file.name, table.header)
    except HemicycleError:
        return rejects
    if model is not None:
        return rejects[:MAX_REASONS]
    values, status = table.numbers(weight)
    with np.errstate(invalid="ignore"):
        bad = (status != NUMBER) | (values < 0) | (is_originality & (values > 1))
    known = {reject.line for reject in rejects}
    rows = [row for row in np.flatnonzero(bad).tolist() if int(table.lines[row]) not in known]
    cells = [(int(table.lines[row]), table.header[weight], excerpt(table.cell(weight, row))) for row in rows]
    found = [Reject("submission", file.name, *cell, "no finite number that is at least 0") for cell in cells]
    return tuple(sorted((*rejects, *found), key=lambda reject: reject.line or 0))[:MAX_REASONS]


def _scores(pool: Pool, judgments: Judgments, sigma: float) -> Scores:
    """Log likelihood, mean squared error and accuracy of each model that can be scored."""
    if not pool.scorable.any():
        return {}
    scored = pool.select(pool.scorable)
    columns = {
        "log_likelihood": log_likelihood(scored, judgments, sigma=sigma),
        "mse": mean_squared_error(scored, judgments),
        "accuracy": accuracy(scored, judgments),
    }
    return {model: {name: float(c[i]) for name, c in columns.items()} for i, model in enumerate(scored.models)}


def _rank(mine: list[Scores], others: Pool | None, judgments: Judgments, sigma: float) -> list[Scores]:
    """Add ranks by log likelihood: among the pool, where an older file of the same name gives way, else among all."""
    groups = mine if others is None else [_scores(others, judgments, sigma)]
    ranked: list[Scores] = []
    for found in mine:
        ranked.append({})
        for model, scores in found.items():
            rivals = [
                other["log_likelihood"]
                for group in groups
                for name, other in group.items()
                if other is not scores and (others is None or name != model)
            ]
            rank = 1 + sum(rival > scores["log_likelihood"] for rival in rivals)
            ranked[-1][model] = {"rank": rank, "of": 1 + len(rivals), **scores}
    return ranked


def _said_of(judged: Judgments, judgments: Judgments) -> list[str]:
    """Say how much of a jury is used, and which of its items are not those of the submissions."""
    said = f"jury: {counted(len(judgments), 'judgment')} used, {judgments.n_ordinal:,} without a multiplier"
    said += f", {len(judgments.rejects):,} rejected" if judgments.rejects else ""
    unknown = [item for key, item in zip(judged.items.keys, judged.items, strict=True) if not _has(judgments, key)]
    if not unknown:
        return [said]
    names = ", ".join(quoted("", item.name) for item in unknown[:3])
    more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
    return [
        said,
        f"jury: it also names {counted(len(unknown), 'item')} not listed here: {names}{more}; "
        "a round that lists them refuses a file without them",
    ]


def _has(judgments: Judgments, key: tuple[str, str]) -> bool:
    return bool(judgments.items.candidates(*key))


def _print(verdicts: list[Verdict], notes: list[str], output: str) -> None:
    if output == "json":
        print_bytes(_json(verdicts, notes))
    elif output == "csv":
        print_bytes(csv_bytes(_COLUMNS, (_row(verdict) for verdict in verdicts)))
    else:
        print_rich(*_view(verdicts, notes))


_SCORES = ("rank", "of", "log_likelihood", "mse", "accuracy")
_COLUMNS = ("file", "model", "valid", *_SCORES, "reason")


def _row(verdict: Verdict) -> list[Any]:
    why = "; ".join(f"{_place(reason)}: {reason.reason}" for reason in verdict.reasons) or verdict.barred
    scores = [verdict.scores.get(name) for name in _SCORES]
    return [verdict.file, verdict.model, "no" if verdict.reasons else "yes", *scores, why]


def _place(reason: Reject) -> str:
    line = "" if reason.line is None else f"line {reason.line}, "
    return f"{line}{reason.field}" + (f" {reason.value!r}" if reason.value else "")


def _json(verdicts: list[Verdict], notes: list[str]) -> bytes:
    from msgspec import json, to_builtins

    files = [
        {
            "file": storable(verdict.file),
            "model": storable(verdict.model),
            "valid": not verdict.reasons,
            **{name: verdict.scores.get(name) for name in _SCORES},
            "barred": storable(verdict.barred),
            "reasons": to_builtins(verdict.reasons),
        }
        for verdict in verdicts
    ]
    return json.encode({"files": files, "notes": [storable(note) for note in notes]}) + b"\n"


def _view(verdicts: list[Verdict], notes: list[str]) -> list[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    from hemicycle.terminal import Name, heading, number, table

    rows: list[tuple[RenderableType, ...]] = []
    for verdict in verdicts:
        scores = verdict.scores
        rank = f"{scores['rank']:,} of {scores['of']:,}" if scores else ""
        cells = [number(scores[name], 3) if scores else "" for name in _SCORES[2:]]
        word = Text("invalid", style="red") if verdict.reasons else Text("valid", style="green")
        rows.append((Name(verdict.model), word, rank, *cells))
    scored = any(verdict.scores for verdict in verdicts)
    heads = ("submission", "", "rank", "log lik.", "mse", "accuracy")[: 6 if scored else 2]
    parts: list[RenderableType] = [
        heading("Check", first=True),
        table(heads, [r[: len(heads)] for r in rows], names=(0,), numbers=(2, 3, 4, 5)),
    ]
    for verdict in verdicts:
        if verdict.reasons:
            parts.append(heading(f"Why {printable(verdict.file)} is invalid"))
        said = [Text(printable(f"{_place(reason)}: {reason.reason}")) for reason in verdict.reasons]
        if verdict.barred:
            parts.append(heading(f"Why {printable(verdict.model)} has no score"))
            said.append(Text(printable(verdict.barred)))
        parts += [Padding(text, (0, 0, 0, 2)) for text in said]
    return [*parts, Text(), *(Text(printable(note), style="dim") for note in notes)]
