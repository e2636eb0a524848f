"""When submissions came: only who received them knows, so only a table of the organiser's can say."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeAlias

from hemicycle.errors import DtypeError, FormatError
from hemicycle.rejects import counted, excerpt
from hemicycle.sources import Source

if TYPE_CHECKING:
    from hemicycle.read_limits import ReadLimits

__all__ = ["SubmissionTimes", "Submitted", "utc_times"]

Submitted: TypeAlias = "Mapping[str, str | datetime] | str | os.PathLike[str] | SubmissionTimes | None"
"""A mapping of model to time, or the path of a csv file with the columns model and submitted."""

NOT_ISO = "not a time of ISO 8601, such as 2025-10-06T16:17:34Z"
DAY_ONLY = "a day without a time of day, while others have one: which came first cannot be told"
NAMED = 5  #: unknown models that a notice names


@dataclass(frozen=True, slots=True)
class SubmissionTimes:
    """When models came, as the organiser says.

    Attributes
    ----------
    of_model : dict of str to str
        Time by the model's name: UTC, ISO 8601. As text they sort by time.
    source : str
        Where the times come from, for messages.
    """

    of_model: dict[str, str] = field(default_factory=dict)
    source: str = "submitted"

    @classmethod
    def of(cls, submitted: Submitted, limits: ReadLimits | None = None) -> SubmissionTimes:
        """Make times of a mapping, or of a csv file with the columns model and submitted.

        Parameters
        ----------
        submitted : mapping, path or SubmissionTimes, optional
            Times of ISO 8601, those without an offset in UTC; an empty one is unknown. Days alone are accepted where no
            time has more.
        limits : ReadLimits, optional
            How much the file may hold.

        Raises
        ------
        FormatError
            If the file lacks a column, names a model twice, or a time cannot be read; the message names the line.
        DtypeError
            If it is neither a mapping of text to text or datetime, nor a path.
        """
        if submitted is None:
            return cls()
        if isinstance(submitted, SubmissionTimes):
            return submitted
        if isinstance(submitted, str | os.PathLike):
            return cls._of_source(Source.of_file(submitted, limits))
        if not isinstance(submitted, Mapping):
            raise DtypeError(f"submitted: expected a mapping or a path, got {type(submitted).__name__}")
        texts = [time.isoformat() if isinstance(time, datetime) else time for time in submitted.values()]
        if not all(isinstance(text, str) for text in (*submitted, *texts)):
            raise DtypeError("submitted: expected a mapping of names of models to times as text or datetime")
        times, wrong = utc_times(texts)
        models = list(submitted)
        for row, reason in wrong.items():
            raise FormatError(f"submitted: {excerpt(models[row])!r}: {excerpt(texts[row])!r} is {reason}")
        return cls({model: time for model, time in zip(models, times, strict=True) if time is not None})

    @classmethod
    def _of_source(cls, source: Source) -> SubmissionTimes:
        model, submitted = source.find("model"), source.find("submitted")
        if model is None or submitted is None or source.table.ragged:
            raise FormatError(f"{source.file}: times of submission have the columns model,submitted and rows of both")
        listed = source.sound_names(model)
        codes, texts = source.table.interned(submitted)
        times, wrong = utc_times([texts[code] for code in codes.tolist()])
        lines = source.lines.tolist()
        for row, reason in wrong.items():
            cell = excerpt(source.table.cell(submitted, row))
            raise FormatError(f"{source.file}, line {lines[row]}: submitted {cell!r} is {reason}")
        first: dict[str, int] = {}
        for name, line in zip(listed, lines, strict=True):
            if first.setdefault(name, line) != line:
                raise FormatError(
                    f"{source.file}, line {line}: {excerpt(name)!r} has a time already, in line {first[name]}"
                )
        return cls({name: time for name, time in zip(listed, times, strict=True) if time is not None}, source.file)

    def times(self, models: Sequence[str]) -> tuple[str | None, ...]:
        """Return the time of each of these models, None where it is not known."""
        return tuple(self.of_model.get(model) for model in models)

    def notices(self, models: Sequence[str]) -> tuple[str, ...]:
        """Say which models have a time and were not submitted."""
        known = set(models)
        unknown = sorted(model for model in self.of_model if model not in known)
        if not unknown:
            return ()
        named = excerpt(", ".join(map(repr, unknown[:NAMED])))
        return (f"{self.source}: {counted(len(unknown), 'model')} with a time and no submission: {named}",)


def utc_times(texts: Sequence[str]) -> tuple[list[str | None], dict[int, str]]:
    """Return times in UTC, as text that sorts by time.

    Parameters
    ----------
    texts : sequence of str
        ISO 8601; without an offset they are in UTC. Empty ones are unknown.

    Returns
    -------
    times : list of (str or None)
        Such as ``2025-10-06T16:17:34+00:00``; None where it is not known or cannot be read.
    wrong : dict of int to str
        What is wrong with those that cannot be read, by place. Where some have a time of day, those without one are
        among them: a day is neither before nor after a time of it.

    Examples
    --------
    >>> utc_times(["2025-10-06T16:17:34+02:00", "", "yesterday"])
    (['2025-10-06T14:17:34+00:00', None, None], {2: 'not a time of ISO 8601, such as 2025-10-06T16:17:34Z'})
    """
    stripped = [text.strip() for text in texts]
    days = [_is_day(text) for text in stripped]
    times: list[str | None] = []
    wrong: dict[int, str] = {}
    with_clock = any(text and not day and _utc(text) is not None for text, day in zip(stripped, days, strict=True))
    for place, (text, day) in enumerate(zip(stripped, days, strict=True)):
        time = _utc(text) if text and not (day and with_clock) else None
        if text and time is None:
            wrong[place] = DAY_ONLY if day else NOT_ISO
        times.append(time)
    return times, wrong


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _utc(text: str) -> str | None:
    try:
        time = datetime.fromisoformat(text)
        return (time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)).isoformat()
    except (ValueError, OverflowError):
        return None
