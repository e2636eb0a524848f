"""Published claims, tested: `hemicycle reproduce NAME`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from hemicycle.errors import DomainError
from hemicycle.options import known_word

if TYPE_CHECKING:
    from collections.abc import Callable

    from hemicycle.reproduce.claims import Progress, Reproduction

__all__ = ["NAMES", "reproduce"]

# Where each reproduction lives: a module with a function of the same name, which takes runs, seed and progress.
_HOME = {"many-model": "many_model"}
NAMES = tuple(_HOME)


def reproduce(
    name: str, *, runs: int = 100_000, seed: int = 0, progress: Progress = lambda _what, _done, _of: None
) -> Reproduction:
    """Test the claims of a source.

    Parameters
    ----------
    name : {"many-model"}
        Whose claims: those of the proposal "On diversity and many-model ensembling".
    runs : int, default 100_000
        Number of random instances of its simulation, at least 1.
    seed : int, default 0
        Seed, at least 0; the same seed gives the same results.
    progress : callable, optional
        Called with what is going on, how much of it is done, and of how much.

    Returns
    -------
    Reproduction
        What was claimed beside what we find, with a verdict for each claim.

    Raises
    ------
    OptionError
        If there is no reproduction of that name.
    DomainError
        If `runs` or `seed` is too small.
    MissingExtraError
        If it needs a package that is not installed.
    """
    known_word(name, "name", NAMES)
    if runs < 1 or seed < 0:
        raise DomainError(f"runs is {runs} and seed {seed}; they must be at least 1 and 0")
    module = _HOME[name]
    run: Callable[[int, int, Progress], Reproduction] = getattr(import_module(f"{__name__}.{module}"), module)
    return run(runs, seed, progress)
