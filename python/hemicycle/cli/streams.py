"""Where the command line writes: data to standard output, talk and progress to standard error."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hemicycle.escaping import storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rich.console import RenderableType

__all__ = ["Talk", "Tell", "print_bytes", "print_rich", "stored_rows"]


class Tell(Protocol):
    """Told what is going on, how much of it is done, of how much (0 if unknown), and in which part."""

    def __call__(self, what: str, done: int, of: int, part: str = "", /) -> None:
        """Show it."""
        ...


@dataclass(frozen=True, slots=True)
class Talk:
    """What is said on standard error; `quiet` leaves only errors."""

    quiet: bool = False

    def say(self, text: str) -> None:
        """Write a line, unless quiet. `text` holds names only as `printable` gives them."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def warn(self, text: str) -> None:
        """Write a warning, unless quiet."""
        self.say(f"warning: {text}")

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show that `what` is going on for as long as it does: a spinner on a terminal, nothing elsewhere."""
        if self.quiet or not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            progress.add_task(what, total=None)
            yield

    @contextmanager
    def progress(self) -> Iterator[Tell]:
        """Give a function to tell what is done: bars on a terminal, nothing elsewhere."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda _what, _done, _of, _part="", /: None
            return
        from hemicycle.cli.progress import bars

        with bars() as tell:
            yield tell


def stored_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose text can be written to any file."""
    return [{name: storable(v) if isinstance(v, str) else v for name, v in row.items()} for row in rows]


def print_bytes(content: bytes) -> None:
    """Write data to standard output as it is."""
    with _reader_may_leave():
        sys.stdout.buffer.write(content)
        sys.stdout.flush()


def print_rich(*parts: RenderableType) -> None:
    """Write rendered parts to standard output; colour only on a terminal and without ``NO_COLOR``.

    Names are never read as markup, and a character that the terminal cannot show becomes a question mark. Sentences are
    broken into lines for terminals only: a log or a pipe has them whole.
    """
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    with _reader_may_leave():
        console = Console(file=sys.stdout, markup=False, emoji=False, highlight=False)
        with console.capture() as captured:
            for part in parts:
                console.print(part, soft_wrap=isinstance(part, str) and not console.is_terminal)
        print("\n".join(line.rstrip() for line in captured.get().splitlines()), flush=True)


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """End quietly when the reader of a pipe has seen enough: all files are written by then."""
    try:
        yield
    except BrokenPipeError:
        import typer

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
