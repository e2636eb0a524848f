"""`hemicycle store`: add to a store, say what it holds, check it, compact it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from hemicycle.bundle import csv_bytes
from hemicycle.cli.streams import Talk, print_bytes, print_rich
from hemicycle.errors import OptionError
from hemicycle.escaping import printable
from hemicycle.items import Items
from hemicycle.rejects import counted
from hemicycle.store import Added, Store
from hemicycle.store.manifest import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hemicycle.read_limits import ReadLimits
    from hemicycle.rejects import Rejects
    from hemicycle.store.adding import OnConflict

__all__ = ["run_add", "run_compact", "run_info", "run_store_check"]

REJECTS_SHOWN = 5
COMMITS_SHOWN = 10


def run_add(
    folder: Path,
    sources: Sequence[str],
    *,
    on_conflict: OnConflict = "reject",
    dtype: str | None = None,
    wait: float = 0.0,
    items: Path | None = None,
    rename: Path | None = None,
    min_weight: float | None = None,
    submitted: Path | None = None,
    limits: ReadLimits | None = None,
    output: str = "table",
    quiet: bool = False,
) -> None:
    """Add sources to a store, which is made where there is none, and print what became of them.

    Parameters
    ----------
    folder : Path
        The store.
    sources : sequence of str
        Paths; ``-`` is an Arrow stream on standard input.
    on_conflict : {"reject", "replace"}, default "reject"
        As in `Store.add`.
    dtype, wait, items : optional
        As in `Store.create` and `Store.add`; a store that exists must have these items and this dtype.
    rename, min_weight, submitted, limits
        As in `Store.add`.
    output : {"table", "json", "csv"}, default "table"
        What goes to standard output: counts, or as csv what was turned away.
    quiet : bool, default False
        Whether to keep still on standard error.

    Raises
    ------
    StoreError, FormatError, NoDataError, OptionError, DomainError
        As `Store.create` and `Store.add`.
    OSError
        If the disk refuses.
    """
    talk = Talk(quiet)
    if list(sources).count("-") > 1:
        raise OptionError("sources: standard input can be read once")
    shared: dict[str, Any] = {"rename": rename, "limits": limits}
    store = _store(folder, sources[0], items, dtype, shared)
    total = Added()
    with talk.progress() as tell:
        for number, source in enumerate(sources):

            def show(part: Added, before: int = total.n_new + total.n_known) -> None:
                tell("models", before + part.n_new + part.n_known, 0)

            tell("sources", number, len(sources))
            part = store.add(
                sys.stdin.buffer if source == "-" else source,
                on_conflict=on_conflict,
                min_weight=min_weight,
                submitted=submitted,
                wait=wait,
                progress=show,
                **shared,
            )
            total = total.with_(part)
    for notice in total.notices:
        talk.say(f"note: {printable(notice)}")
    counts = {"new": total.n_new, "replaced": total.n_replaced, "known": total.n_known, "rejects": len(total.rejects)}
    _print(output, {"store": str(folder), **counts}, total.rejects, lambda: _added_view(folder, store, total))


def _store(folder: Path, source: str, items: Path | None, dtype: str | None, shared: dict[str, Any]) -> Store:
    """Open a store, or make one."""
    if os.path.lexists(folder / MANIFEST):
        store = Store.open(folder)
        if items is not None and Items.given(items, shared["rename"], shared["limits"]) != store.items:
            raise OptionError(f"{folder}: its items are those that it was made with, not those of {items}")
        if dtype is not None and dtype != store.manifest.dtype:
            raise OptionError(f"{folder}: its logits are {store.manifest.dtype}, not {dtype}")
        return store
    if items is None and source == "-":
        raise OptionError("items: a new store takes them from --items FILE, or from a source that is a file")
    of = None if items is not None else source
    return Store.create(folder, items=items, source=of, dtype=dtype or "float64", **shared)


def _added_view(folder: Path, store: Store, total: Added) -> list[str]:
    replacing = f", {total.n_replaced:,} of them in place of others" if total.n_replaced else ""
    lines = [
        f"{printable(str(folder))}: {counted(total.n_new, 'model')} added{replacing}, {total.n_known:,} known, "
        f"{len(total.rejects):,} turned away; it holds {counted(len(store), 'model')}."
    ]
    return lines + _rejects_view(total.rejects)


def _rejects_view(rejects: Rejects) -> list[str]:
    lines = []
    for reject in rejects[:REJECTS_SHOWN]:
        line = "" if reject.line is None else f", line {reject.line}"
        lines.append(f"  {printable(reject.file)}{line}: {printable(reject.reason)}")
    more = len(rejects) - REJECTS_SHOWN
    return [*lines, f"  and {more:,} more; store info --format csv lists them"] if more > 0 else lines


def run_info(folder: Path, *, output: str = "table") -> None:
    """Print what a store holds.

    Parameters
    ----------
    folder : Path
        The store.
    output : {"table", "json", "csv"}, default "table"
        What goes to standard output; csv is what was turned away.

    Raises
    ------
    StoreError
        If there is no store, or its manifest or rejects are damaged.
    """
    store = Store.open(folder)
    manifest, items, rejects = store.manifest, store.items, store.rejects
    fragments = manifest.fragments
    facts: dict[str, Any] = {
        "store": str(folder),
        "models": len(store),
        "replaced": sum(len(fragment.replaced) for fragment in fragments),
        "items": len(items),
        "parents": items.n_parents,
        "items_source": manifest.items_source,
        "dtype": manifest.dtype,
        "fragments": len(fragments),
        "bytes": sum(fragment.n_bytes for fragment in fragments),
        "rejects": len(rejects),
        "commits": [
            {
                "time": commit.time,
                "source": commit.source,
                "models": 0 if commit.fragment is None else commit.fragment.n_models,
                "rejects": 0 if commit.refused is None else commit.refused.n_rejects,
            }
            for commit in manifest.commits
        ],
    }
    _print(output, facts, rejects, lambda: _info_view(facts, rejects))


def _info_view(facts: dict[str, Any], rejects: Rejects) -> list[str]:
    commits = facts["commits"]
    replaced = f" ({facts['replaced']:,} replaced)" if facts["replaced"] else ""
    of_parents = f" of {counted(facts['parents'], 'parent')}" if facts["parents"] > 1 else ""
    lines = [
        f"{printable(facts['store'])}: {counted(facts['models'], 'model')}{replaced}, "
        f"{counted(facts['items'], 'item')}{of_parents}, {facts['dtype']}, {counted(facts['fragments'], 'fragment')}, "
        f"{facts['bytes']:,} bytes",
        f"items: {printable(facts['items_source'])}",
    ]
    if len(commits) > COMMITS_SHOWN:
        lines.append(f"{len(commits) - COMMITS_SHOWN:,} commits before these:")
    for commit in commits[-COMMITS_SHOWN:]:
        turned_away = f", {commit['rejects']:,} turned away" if commit["rejects"] else ""
        lines.append(
            f"{printable(commit['time'])}  {counted(commit['models'], 'model')}{turned_away}  "
            f"{printable(commit['source'])}"
        )
    if rejects:
        lines.append(f"turned away: {len(rejects):,}")
    return lines + _rejects_view(rejects)


def run_store_check(
    folder: Path, *, leave_out: bool = False, wait: float = 0.0, output: str = "table", quiet: bool = False
) -> bool:
    """Check a store and print what was found.

    Parameters
    ----------
    folder : Path
        The store.
    leave_out : bool, default False
        Whether to take damaged fragments out of it.
    wait : float, default 0.0
        Seconds to wait for another writer, where something is taken out.
    output : {"table", "json"}, default "table"
        What goes to standard output.
    quiet : bool, default False
        Whether to keep still on standard error.

    Returns
    -------
    bool
        Whether it was sound.

    Raises
    ------
    StoreError, OSError
        As `Store.check` and `Store.leave_out`.
    """
    talk, store = Talk(quiet), Store.open(folder)
    with talk.progress() as tell:
        found = store.check(lambda done, of: tell("checking", done, of))
    n_left_out = store.leave_out(found.damaged, wait=wait) if leave_out else 0
    facts = {
        "store": str(folder),
        "models": found.n_models,
        "fragments": found.n_fragments,
        "faults": list(found.faults),
        "notices": list(found.notices),
        "left_out": n_left_out,
    }

    def view() -> list[str]:
        sound = "all is as it was written" if not found.faults else counted(len(found.faults), "fault")
        lines = [
            f"{printable(str(folder))}: {counted(found.n_models, 'model')} in {counted(found.n_fragments, 'fragment')} "
            f"read again; {sound}."
        ]
        lines += [f"  {printable(fault)}" for fault in found.faults]
        lines += [f"  note: {printable(notice)}" for notice in found.notices]
        if leave_out and found.damaged:
            left_out = counted(n_left_out, "model")
            lines.append(f"{left_out} left out with what is damaged; what there is of its files is in damaged/.")
        return lines

    _print(output, facts, (), view)
    return not found.faults


def run_compact(folder: Path, *, wait: float = 0.0, output: str = "table", quiet: bool = False) -> None:
    """Compact a store and print what that did.

    Parameters
    ----------
    folder : Path
        The store.
    wait : float, default 0.0
        Seconds to wait for another writer.
    output : {"table", "json"}, default "table"
        What goes to standard output.
    quiet : bool, default False
        Whether to keep still on standard error.

    Raises
    ------
    StoreError, OSError
        As `Store.compact`.
    """
    talk, store = Talk(quiet), Store.open(folder)
    with talk.progress() as tell:
        done = store.compact(wait=wait, progress=lambda n, of: tell("compacting", n, of))
    facts = {
        "store": str(folder),
        "fragments_before": done.n_before,
        "fragments": done.n_after,
        "bytes_before": done.bytes_before,
        "bytes": done.bytes_after,
        "dropped": done.n_dropped,
    }
    dropped = f", {counted(done.n_dropped, 'replaced model')} dropped" if done.n_dropped else ""
    line = (
        f"{printable(str(folder))}: {counted(done.n_before, 'fragment')} of {done.bytes_before:,} bytes before, "
        f"{done.n_after:,} of {done.bytes_after:,} now{dropped}."
    )
    _print(output, facts, (), lambda: [line])


def _print(output: str, facts: dict[str, Any], rejects: Rejects, view: Callable[[], list[str]]) -> None:
    """Print facts as json, rejects as csv, or lines for a reader."""
    if output == "json":
        from msgspec import json

        print_bytes(json.format(json.encode(facts), indent=2) + b"\n")
    elif output == "csv":
        rows = ((r.kind, r.file, r.line, r.field, r.value, r.reason) for r in rejects)
        print_bytes(csv_bytes(("kind", "file", "line", "field", "value", "reason"), rows))
    else:
        print_rich(*view())
