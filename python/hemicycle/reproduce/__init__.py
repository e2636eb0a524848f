"""Published claims, tested: `hemicycle reproduce NAME`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from hemicycle.errors import DomainError, OptionError
from hemicycle.options import known_word

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from hemicycle.reproduce.claims import Progress, Reproduction

__all__ = ["NAMES", "RUNS", "reproduce"]

# Where each reproduction lives: a module with a function of the same name, which takes runs, seed and progress, and
# data where there is no simulation.
_HOME = {"many-model": "many_model", "rounds": "rounds", "flags": "flags", "clones": "clones", "contracts": "contracts"}
NAMES = tuple(_HOME)
RUNS = {"many-model": 100_000, "rounds": 4_000, "flags": 2_000, "clones": 10, "contracts": 100}
"""Runs of each, unless told otherwise."""


def reproduce(
    name: str,
    *,
    runs: int | None = None,
    seed: int = 0,
    data: str | os.PathLike[str] | None = None,
    progress: Progress = lambda _what, _done, _of: None,
) -> Reproduction:
    """Test the claims of a source.

    Parameters
    ----------
    name : {"many-model", "rounds", "flags", "clones", "contracts"}
        Whose claims: those of the proposal "On diversity and many-model ensembling", what is expected of ensembles on
        the private rows of real rounds, how seldom the flags of a run are wrong, what the clone-proof prior promises
        and what it cannot do, or those of "Paid with Models" on optimal contracts.
    runs : int, optional
        Number of random instances of the simulation (100,000), of replicates of the bootstrap over jurors (4,000), of
        rounds with planted submissions (2,000), of attacked rounds of each kind (10), or of random programs of
        contracts (100); at least 1.
    seed : int, default 0
        Seed, at least 0; the same seed gives the same results.
    data : path, optional
        Of "rounds" and "flags", the folder with ``level1-2025/jury_split.csv`` and the submissions; by default what
        HEMICYCLE_DATA says. "flags" does without.
    progress : callable, optional
        Called with what is going on, how much of it is done, and of how much.

    Returns
    -------
    Reproduction
        What was claimed beside what we find, with a verdict for each claim.

    Raises
    ------
    OptionError
        If there is no reproduction of that name, its data are not there, or `data` is given to one that needs none.
    DomainError
        If `runs` or `seed` is too small.
    MissingExtraError
        If it needs a package that is not installed.
    """
    known_word(name, "name", NAMES)
    runs = RUNS[name] if runs is None else runs
    if runs < 1 or seed < 0:
        raise DomainError(f"runs is {runs} and seed {seed}; they must be at least 1 and 0")
    module = _HOME[name]
    run: Callable[..., Reproduction] = getattr(import_module(f"{__name__}.{module}"), module)
    if name in ("rounds", "flags"):
        return run(runs, seed, progress, data)
    if data is not None:
        raise OptionError(f"data: {name} is a simulation and reads no data")
    return run(runs, seed, progress)
