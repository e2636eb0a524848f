"""Published claims, tested: `hemicycle reproduce NAME`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from hemicycle.errors import DomainError, OptionError
from hemicycle.options import known_word, truth

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from hemicycle.reproduce.claims import Progress, Reproduction

__all__ = ["NAMES", "QUICK_RUNS", "RUNS", "reproduce"]

# Where each reproduction lives: a module with a function of the same name, which takes runs, seed and progress, and
# data where there is no simulation, or quick where there is less to do than fewer runs.
_HOME = {
    "many-model": "many_model",
    "rounds": "rounds",
    "flags": "flags",
    "clones": "clones",
    "contracts": "contracts",
    "collusion": "collusion",
    "incentives": "incentives",
}
NAMES = tuple(_HOME)
RUNS = {
    "many-model": 100_000,
    "rounds": 4_000,
    "flags": 2_000,
    "clones": 10,
    "contracts": 100,
    "collusion": 10,
    "incentives": 5,
}
"""Runs of each, unless told otherwise."""

QUICK_RUNS = {
    "many-model": 2_000,
    "rounds": 500,
    "flags": 200,
    "clones": 2,
    "contracts": 10,
    "collusion": 2,
    "incentives": 3,
}
"""Runs of each with ``quick=True``."""


def reproduce(
    name: str,
    *,
    runs: int | None = None,
    seed: int = 0,
    data: str | os.PathLike[str] | None = None,
    quick: bool = False,
    progress: Progress = lambda _what, _done, _of: None,
) -> Reproduction:
    """Test the claims of a source.

    Parameters
    ----------
    name : {"many-model", "rounds", "flags", "clones", "contracts", "collusion", "incentives"}
        Whose claims: those of the proposal "On diversity and many-model ensembling", what is expected of ensembles on
        the private rows of real rounds, how seldom the flags of a run are wrong, what the clone-proof prior promises
        and what it cannot do, those of "Paid with Models" on optimal contracts, those of "Joint training of deep
        ensembles fails due to learner collusion", or what the proposal says that the sum-Gaussian score does to
        modellers.
    runs : int, optional
        Number of random instances of the simulation (100,000), of replicates of the bootstrap over jurors (4,000), of
        rounds with planted submissions (2,000), of attacked rounds of each kind (10), of random programs of contracts
        (100), of starts of each ensemble (10), or of juries of each kind (5); at least 1.
    seed : int, default 0
        Seed, at least 0; the same seed gives the same results.
    data : path, optional
        Of "rounds" and "flags", the folder with ``level1-2025/jury_split.csv`` and the submissions; by default what
        HEMICYCLE_DATA says. "flags" does without.
    quick : bool, default False
        Fewer runs, unless `runs` says how many; of "collusion" and "incentives" also shorter training and fewer kinds
        of juries, so that all of it is done in two minutes on two cores.
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
    short = truth(quick, "quick")
    runs = (QUICK_RUNS if short else RUNS)[name] if runs is None else runs
    if runs < 1 or seed < 0:
        raise DomainError(f"runs is {runs} and seed {seed}; they must be at least 1 and 0")
    module = _HOME[name]
    run: Callable[..., Reproduction] = getattr(import_module(f"{__name__}.{module}"), module)
    if name in ("rounds", "flags"):
        return run(runs, seed, progress, data)
    if data is not None:
        raise OptionError(f"data: {name} is a simulation and reads no data")
    if name in ("collusion", "incentives"):
        return run(runs, seed, progress, quick=short)
    return run(runs, seed, progress)
