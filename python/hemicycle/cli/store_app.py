"""`hemicycle store` and its options; what it does is imported when it runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hemicycle.cli.command_options import (
    Format,
    FormatOption,
    ItemsFile,
    LimitOption,
    MinWeight,
    Quiet,
    Rename,
    SubmittedFile,
)
from hemicycle.cli.entry import FINDINGS, FINE

__all__ = ["store_app"]

store_app = typer.Typer(
    name="store",
    help="Keep a pool that grows, or that is larger than memory, in a folder that stands wherever a pool stands.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


class DType(StrEnum):
    """Types of logits on disk by name."""

    float64 = "float64"
    float32 = "float32"


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The store.")]
Wait = Annotated[
    float,
    typer.Option(metavar="SECONDS", help="How long to wait for another writer.", min=0, rich_help_panel="Store"),
]


@store_app.command(
    epilog="""[bold]Examples[/bold]

hemicycle store add pool.store submissions/

hemicycle store add pool.store models.parquet --replace

hemicycle store add pool.store - < models.arrows      [dim]# an Arrow stream[/dim]"""
)
def add(
    folder: Folder,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCES...",
            help="Folders, archives, csv, Parquet or Arrow files, .npy matrices, other stores; - is an Arrow stream.",
        ),
    ],
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Let a model stand in place of the one of its name; by default it is turned away.",
            rich_help_panel="Store",
        ),
    ] = False,
    dtype: Annotated[
        DType | None,
        typer.Option(
            metavar="DTYPE",
            help="Of the logits of a new store: float64, the default, or float32 for half the space and 7 digits.",
            rich_help_panel="Store",
        ),
    ] = None,
    wait: Wait = 0.0,
    items: ItemsFile = None,
    rename: Rename = None,
    min_weight: MinWeight = None,
    submitted: SubmittedFile = None,
    limit: LimitOption = None,
    format_: FormatOption = Format.table,
    quiet: Quiet = False,
) -> None:
    """Add submissions; what the store holds already is left. Makes the store where there is none."""
    from hemicycle.cli.store import run_add
    from hemicycle.read_limits import ReadLimits, limit_changes

    run_add(
        folder, sources, on_conflict="replace" if replace else "reject", dtype=dtype and dtype.value, wait=wait,
        items=items, rename=rename, min_weight=min_weight, submitted=submitted,
        limits=ReadLimits.of(limit_changes(limit or [])), output=format_.value, quiet=quiet,
    )  # fmt: skip


@store_app.command(
    epilog="""[bold]Examples[/bold]

hemicycle store info pool.store

hemicycle store info pool.store --format csv      [dim]# what was turned away, and why[/dim]"""
)
def info(folder: Folder, format_: FormatOption = Format.table) -> None:
    """Say what a store holds: models, items, what was added when, what was turned away."""
    from hemicycle.cli.store import run_info

    run_info(folder, output=format_.value)


@store_app.command(
    epilog="""[bold]Examples[/bold]

hemicycle store check pool.store

hemicycle store check pool.store --leave-out      [dim]# go on without what is damaged[/dim]"""
)
def check(
    folder: Folder,
    leave_out: Annotated[
        bool,
        typer.Option(
            "--leave-out",
            help="Take damaged fragments out of the store and keep their files in DIR/damaged.",
            rich_help_panel="Store",
        ),
    ] = False,
    wait: Wait = 0.0,
    format_: FormatOption = Format.table,
    quiet: Quiet = False,
) -> None:
    """Read every byte of a store again. Exits with 1 if one is not as it was written."""
    from hemicycle.cli.store import run_store_check

    _require_no_csv(format_, "a check")
    sound = run_store_check(folder, leave_out=leave_out, wait=wait, output=format_.value, quiet=quiet)
    raise typer.Exit(FINE if sound else FINDINGS)


@store_app.command(
    epilog="""[bold]Example[/bold]

hemicycle store compact pool.store"""
)
def compact(folder: Folder, wait: Wait = 0.0, format_: FormatOption = Format.table, quiet: Quiet = False) -> None:
    """Write small fragments together, and drop models that were replaced."""
    from hemicycle.cli.store import run_compact

    _require_no_csv(format_, "a compaction")
    run_compact(folder, wait=wait, output=format_.value, quiet=quiet)


def _require_no_csv(format_: Format, what: str) -> None:
    if format_ is Format.csv:
        raise typer.BadParameter(f"{what} is no table; give table or json", param_hint="'--format'")
