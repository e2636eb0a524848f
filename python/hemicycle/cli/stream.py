"""`hemicycle ensemble --stream`: score a store from disk, leave the out folder, print the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hemicycle.bundle import ROUND, table_csv
from hemicycle.cli.ensemble import warn_of_changes
from hemicycle.cli.streams import print_bytes, print_rich, stored_rows
from hemicycle.errors import OptionError
from hemicycle.escaping import printable
from hemicycle.rejects import counted
from hemicycle.scratch import byte_count, byte_text
from hemicycle.store.manifest import MANIFEST
from hemicycle.streaming.scheduler import workers_of
from hemicycle.streaming.store_round import memory_needed, require_store, run_store_round

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hemicycle.cli.streams import Talk
    from hemicycle.config import RoundConfig
    from hemicycle.store.store import Store
    from hemicycle.streaming.formed import Formed
    from hemicycle.streaming.out_folder import OutFolder
    from hemicycle.streaming.store_outcome import StoreOutcome

__all__ = ["run_stream"]


def run_stream(
    config: RoundConfig, out: Path, talk: Talk, *, output: str, memory: str | None = None, scheduler: str | None = None
) -> StoreOutcome:
    """Run the main job on a store, from disk.

    Parameters
    ----------
    config : RoundConfig
        With ``stream``.
    out : Path
        The out folder.
    talk : Talk
        What is said on standard error.
    output : {"table", "json", "csv"}
        What goes to standard output.
    memory : str, optional
        Bytes that the run may take; a run that needs more is refused.
    scheduler : str, optional
        Address of the scheduler of the workers that do it.

    Returns
    -------
    StoreOutcome
        The run.
    """
    left = _memory_left(require_store(config.pool), memory, talk)

    def engine(folder: OutFolder, store: Store) -> AbstractContextManager[Any]:
        return workers_of(str(scheduler), (store.path / MANIFEST, folder.path / ROUND.file), folder.path, talk.say)

    with talk.progress() as tell:
        outcome = run_store_round(
            config,
            out,
            engine=None if scheduler is None else engine,
            n_threads=None if scheduler is None else 1,
            memory=left,
            tell=tell,
        )
    warn_of_changes(config, outcome.sha256, talk)
    paid = outcome.found[config.method]
    if output == "json":
        print_bytes(_json(outcome, paid))
    elif output == "csv":
        print_bytes(table_csv(paid.allocation))
    else:
        from hemicycle.cli.stream_view import stream_view

        print_rich(*stream_view(outcome, paid, out))
    return outcome


def _memory_left(store: Store, memory: str | None, talk: Talk) -> int:
    """Return what a run leaves of the memory that it may take; refuse less than it needs.

    Where none was given only say that the machine may have too little.
    """
    needed, given = memory_needed(store), byte_count(memory, "memory")
    if given >= needed:
        return given - needed
    said = (
        f"scoring {counted(len(store), 'model')} of {printable(str(store.path))} from disk takes about "
        f"{byte_text(needed)}: two fragments at a time, up to three times each, and some numbers for each model"
    )
    if memory is not None:
        raise OptionError(f"memory is {memory}; {said}")
    talk.warn(f"{said}; a quarter of this machine's memory is {byte_text(given)}")
    return 0


def _json(outcome: StoreOutcome, paid: Formed) -> bytes:
    """Everything but the weights as one JSON document; a number that is not finite becomes null."""
    from msgspec import json, to_builtins

    document = outcome.summary() | {
        "leaderboard": stored_rows(outcome.leaderboard),
        "allocation": stored_rows(paid.allocation),
        "allocations": {each.method: stored_rows(each.allocation) for each in outcome.formed},
        "rejects": stored_rows(to_builtins(reject) for reject in outcome.rejects),
    }
    return json.encode(document) + b"\n"
