"""How much is read of what strangers send."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from hemicycle.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ReadLimits", "limit_changes"]

DIGITS = 20  #: more than any limit has


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much is read; beyond a limit something is refused, with a reason that names the limit.

    What is beyond a limit of one submission is turned away alone. Beyond `files` or `total_bytes` nothing is read at
    all, since what were left out then would be chosen by who sent most.

    Attributes
    ----------
    file_bytes : int, default 256 MiB
        Bytes of a table: a jury, an item list, a rename table, masses of models, one file of many submissions.
    submission_bytes : int, default 8 MiB
        Bytes of a submission, unpacked.
    line_bytes : int, default 1 MiB
        Bytes of one physical line.
    rows : int, default 5,000,000
        Rows of a table below its header.
    submission_rows : int, default 100,000
        Rows of a submission below its header.
    columns : int, default 1,024
        Columns of a header.
    name_characters : int, default 200
        Characters of the name of an item, a parent, a model, an author, a juror or a split.
    files : int, default 1,000,000
        Files and folders of a folder of submissions, or members of an archive.
    total_bytes : int, default 4 GiB
        Bytes of all submissions of a folder; of an archive, packed and unpacked.
    ratio : int, default 200
        How many times its packed size a member of a zip archive may unpack to, above 1 MiB.

    Raises
    ------
    OptionError
        If one is no whole number from 0 to 2**63 - 1.
    """

    file_bytes: int = 256 << 20
    submission_bytes: int = 8 << 20
    line_bytes: int = 1 << 20
    rows: int = 5_000_000
    submission_rows: int = 100_000
    columns: int = 1_024
    name_characters: int = 200
    files: int = 1_000_000
    total_bytes: int = 4 << 30
    ratio: int = 200

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
                raise OptionError(f"limit {field.name}: expected a whole number >= 0, got {value!r}")

    @classmethod
    def of(cls, changes: Mapping[str, int] | None) -> ReadLimits:
        """Return the default limits with some of them changed.

        Raises
        ------
        OptionError
            If there is no such limit, or it is no whole number.
        """
        known = [field.name for field in fields(cls)]
        for name in changes or {}:
            if name not in known:
                raise OptionError(f"limit: expected one of {', '.join(known)}, got {name[:120]!r}")
        return cls(**(changes or {}))

    def broken(self, name: str, more: str, unit: str) -> str:
        """Say that something is beyond a limit, in the words of the core.

        Parameters
        ----------
        name : str
            The limit.
        more, unit : str
            In which way it is beyond, and of what the limit counts.
        """
        return f"{more} than the limit of {getattr(self, name)} {unit} ({name}; limits= and --limit raise it)"


def limit_changes(given: Iterable[str]) -> dict[str, int]:
    """Return the limits that are asked for, by name.

    Parameters
    ----------
    given : iterable of str
        ``NAME=VALUE`` each.

    Raises
    ------
    OptionError
        If one is not of this form, or there is no such limit.
    """
    changes = {}
    for text in given:
        name, _, value = text.partition("=")
        if not (value.isascii() and value.isdecimal() and len(value) < DIGITS):
            raise OptionError(f"limit: expected NAME=NUMBER, got {text[:120]!r}")
        changes[name] = int(value)
    ReadLimits.of(changes)
    return changes
