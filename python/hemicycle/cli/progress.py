"""Bars of what is done: how much of how much, how fast, and how long the rest may take."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import TaskID

    from hemicycle.cli.streams import Tell

__all__ = ["bars", "duration"]

BAR_WIDTH = 12
SETTLED = 0.5  #: seconds, before a rate is said


@contextmanager
def bars() -> Iterator[Tell]:
    """Give a function to tell what is going on, how much is done, of how much (0 if unknown), and in which part.

    A part that begins anew, such as a pass, has the bar of what it is a part of.
    """
    columns = TextColumn("{task.description}", markup=False), BarColumn(BAR_WIDTH), _Count(), _Rate()
    tasks: dict[str, tuple[TaskID, str]] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def tell(what: str, done: int, of: int, part: str = "", /) -> None:
            said, now = f"{what}, {part}" if part else what, progress.get_time()
            if what not in tasks:
                tasks[what] = progress.add_task(said, total=of or None, first=done, at=0.0), part
            number, before = tasks[what]
            if before != part:
                progress.reset(number, total=of or None, description=said, first=done)
                tasks[what] = number, part
            progress.update(number, completed=done, total=of or None, at=now)  # the first took none of this time

        yield tell


class _Count(ProgressColumn):
    """How much is done, and of how much."""

    def render(self, task: Task) -> Text:
        """Show both numbers."""
        if task.total is None:
            return Text(f"{int(task.completed):,}" if task.completed else "")
        return Text(f"{int(task.completed):,} of {int(task.total):,}")


class _Rate(ProgressColumn):
    """How much is done in a second, and how long the rest takes at this rate."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """Show the time so far, and what is known of the rest."""
        elapsed = (task.finished_time if task.finished else task.elapsed) or 0.0
        done = task.completed - task.fields["first"]
        spent = task.fields["at"] - (task.start_time or 0.0)  # until it was told last
        if task.finished or done <= 0 or spent < SETTLED:
            return Text(duration(elapsed))
        if task.total is None:
            return Text(f"{done / spent:,.0f}/s, {duration(elapsed)}")
        left = max(0.0, (task.total - task.completed) / done * spent - (elapsed - spent))
        return Text(f"{done / spent:,.0f}/s, {duration(left)} left")


def duration(seconds: float) -> str:
    """Return a time as hours, minutes and seconds: 1:02:03, or 2:03.

    Parameters
    ----------
    seconds : float
        The time.
    """
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
