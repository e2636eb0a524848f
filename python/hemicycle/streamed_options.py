"""What a streamed run does, and which options ask for more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hemicycle.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["STREAMED", "TOP", "Streamed", "methods_of", "require_streamed"]

TOP = 100  #: models on the leaderboard


class Streamed(NamedTuple):
    """A mechanism that works on a store, a method of `StoreScores` of that name, and what it is given.

    Attributes
    ----------
    options : tuple of str
        Options of `RoundConfig` that it has.
    passes : bool
        Whether it reads the store in passes: then it takes an executor, and tells how far it is.
    threads : bool
        Whether it takes a number of threads.
    mapped : bool
        Whether it may map all models: then it takes a limit of memory.
    only_paid : bool
        Whether it is formed only where it pays.
    """

    options: tuple[str, ...] = ()
    passes: bool = False
    threads: bool = False
    mapped: bool = False
    only_paid: bool = False


STREAMED: dict[str, Streamed] = {
    "least_squares": Streamed(passes=True),
    "bma": Streamed(("prior", "power", "bandwidth"), mapped=True),
    "stacking": Streamed(("by",), passes=True, threads=True),
    "greedy": Streamed(("loss", "rounds"), mapped=True, only_paid=True),
    "uniform": Streamed(),
    "best": Streamed(),
}
"""The mechanisms that work on a store that may be larger than memory."""

IN_MEMORY = "run without --stream, where --memory maps a pool that is larger than memory"

_NEVER: dict[str, tuple[object, str]] = {
    "tie_break": ("nearest", "a tie is broken by the weights nearest to uniform"),
    "reference": ("uniform", "a tie is broken by the weights nearest to uniform"),
    "bootstrap": (None, "replicates need the log likelihood of every model and pair"),
    "seed": (None, "nothing is drawn"),
    "evaluate": (None, "no judgments are left out"),
    "folds": (None, "no judgments are left out"),
    "intervals": (0, "juries are not drawn again"),
    "ranges": (False, "the weights that are optimal, too, are not gathered"),
    "items": (None, "the items are those that the store was made with"),
    "rename": (None, "names are changed where submissions enter the store, by hemicycle store add --rename"),
    "drop": ((), "everything is used"),
    "against": (None, "results are not compared"),
    "submitted": (None, "copies are not looked for"),
}
"""Options that a streamed run does not have: the value that asks for what it does anyway, and why."""


def methods_of(paid: str) -> tuple[str, ...]:
    """Return the mechanisms that a streamed run forms, in order: those that take long last, of these what pays first.

    Parameters
    ----------
    paid : str
        The one that pays.
    """
    chosen = (method for method, mechanism in STREAMED.items() if method == paid or not mechanism.only_paid)
    takes_long = {method: each.passes or each.only_paid for method, each in STREAMED.items()}
    return tuple(sorted(chosen, key=lambda method: (takes_long[method], method != paid)))


def require_streamed(given: Mapping[str, Any]) -> None:
    """Refuse options that a streamed run does not have.

    Parameters
    ----------
    given : mapping of str to object
        Values by name, of those that were given.

    Raises
    ------
    OptionError
        If one asks for something that a streamed run does not do. It names the option and the remedy.
    """
    if given.get("sigma") == "auto":
        raise OptionError(f"sigma: auto scores left out judgments many times; give a number, or {IN_MEMORY}")
    for name in ("loss", "rounds"):
        if name in given and given.get("method") != "greedy":
            raise OptionError(
                f"{name}: a streamed run forms greedy selection only where it pays: give --method greedy, or "
                f"{IN_MEMORY}"
            )
    for name, (harmless, why) in _NEVER.items():
        if name in given and given[name] != harmless:
            without = "give 0" if harmless == 0 and name == "intervals" else "leave it out"
            raise OptionError(f"{name}: a streamed run has none: {why}; {without}, or {IN_MEMORY}")
