"""The program: run a command, and say how it ended. Imports little, so that Ctrl-C is quiet at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FINDINGS", "FINE", "main"]

FINE, FINDINGS, USAGE, BUG, INTERRUPTED = 0, 1, 2, 101, 130


def main(args: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    args : sequence of str, optional
        Arguments after the program's name; by default those of the process.

    Returns
    -------
    int
        0 fine, 1 findings, 2 usage or input, 101 a bug of ours, 130 interrupted.
    """
    try:
        return _run(args)
    except KeyboardInterrupt:
        return _fail(INTERRUPTED, "interrupted")


def _run(args: Sequence[str] | None) -> int:
    """Import the commands and run one: importing them takes a while, in which Ctrl-C is heard, too."""
    from hemicycle.cli.app import app
    from hemicycle.errors import HemicycleError

    try:
        app(args=args, prog_name="hemicycle")
    except SystemExit as exit_:
        if exit_.code == INTERRUPTED:  # typer takes the signal, and says nothing
            return _fail(INTERRUPTED, "interrupted")
        return exit_.code if isinstance(exit_.code, int) else FINE
    except (HemicycleError, OSError, MemoryError) as error:
        return _fail(USAGE, f"error: {_one_line(error)}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of the core is no Exception
        return _fail(
            BUG, f"internal error: {_one_line(error)}{_place(error)}. This is a bug in hemicycle: please report it."
        )
    return FINE


def _fail(code: int, text: str) -> int:
    print(text, file=sys.stderr)
    return code


def _one_line(error: BaseException) -> str:
    from hemicycle.escaping import printable

    if isinstance(error, OSError) and error.strerror:
        path = f"{error.filename}: " if error.filename is not None else ""
        return printable(f"{path}{error.strerror}")
    return printable(str(error) or type(error).__name__)


def _place(error: BaseException) -> str:
    """Where in our code it happened."""
    place, traceback = "", error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_globals.get("__name__", "")
        if str(name).startswith("hemicycle"):
            place = f" ({type(error).__name__} in {name}, line {traceback.tb_lineno})"
        traceback = traceback.tb_next
    return place
