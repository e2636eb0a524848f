"""Commands and their options; what they do is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hemicycle.cli.command_options import (
    Against,
    Bandwidth,
    Bootstrap,
    ByOption,
    Drop,
    Evaluate,
    Figures,
    Folds,
    Format,
    FormatOption,
    Intervals,
    ItemsFile,
    LimitOption,
    LossOption,
    MeanOption,
    Memory,
    MethodOption,
    MinWeight,
    Out,
    Power,
    Prior,
    Published,
    Quiet,
    Ranges,
    Reference,
    Rename,
    Rounds,
    Scheduler,
    Seed,
    Sigma,
    Split,
    Stream,
    Strict,
    SubmittedFile,
    TieBreakOption,
    Top,
    width,
)
from hemicycle.cli.entry import FINDINGS, FINE
from hemicycle.cli.store_app import store_app

__all__ = ["app"]


class Commands(TyperGroup):
    """The commands, whose errors are in plain words: pydantic, by which typer reads options, says its own first."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


app = typer.Typer(
    name="hemicycle",
    cls=Commands,
    help="Seat many models by few human judgments: score them, form an ensemble, turn it into an allocation.",
    epilog="A round of your own: [bold]hemicycle ensemble jury.csv submissions/[/bold]\n\n"
    "The first minute: [bold]hemicycle demo[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from hemicycle._core import __version__

        typer.echo(f"hemicycle {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and exit.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog="""[bold]Examples[/bold]

hemicycle ensemble jury.csv submissions/

hemicycle ensemble jury.csv pool.csv --method least_squares --out result

hemicycle ensemble jury.csv submissions/ --split public --format json --quiet > result.json

hemicycle ensemble result/round.toml        [dim]# the same run again[/dim]

hemicycle ensemble jury.csv pool.store --stream    [dim]# a store larger than memory, from disk[/dim]"""
)
def ensemble(
    jury: Annotated[
        Path, typer.Argument(metavar="JURY", help="The judgments (csv), or the round.toml of an earlier run.")
    ],
    pool: Annotated[
        Path | None, typer.Argument(metavar="POOL", help="A folder or archive of submissions, or one file of many.")
    ] = None,
    method: MethodOption = None,
    sigma: Sigma = None,
    power: Power = None,
    prior: Prior = None,
    mean: MeanOption = None,
    tie_break: TieBreakOption = None,
    reference: Reference = None,
    bandwidth: Bandwidth = None,
    bootstrap: Bootstrap = None,
    seed: Seed = None,
    loss: LossOption = None,
    rounds: Rounds = None,
    by: ByOption = None,
    evaluate: Evaluate = None,
    folds: Folds = None,
    intervals: Intervals = None,
    ranges: Ranges = None,
    items: ItemsFile = None,
    rename: Rename = None,
    min_weight: MinWeight = None,
    split: Split = None,
    submitted: SubmittedFile = None,
    limit: LimitOption = None,
    drop: Drop = None,
    against: Against = None,
    memory: Memory = None,
    stream: Stream = None,
    scheduler: Scheduler = None,
    top: Top = None,
    out: Out = Path("hemicycle-out"),
    format_: FormatOption = Format.table,
    strict: Strict = False,
    quiet: Quiet = False,
) -> None:
    """Score a pool against a jury: mechanisms side by side, leaderboard, weights and allocation."""
    from hemicycle.cli.ensemble import run_ensemble
    from hemicycle.read_limits import limit_changes

    options = {
        "method": method and method.value,
        "sigma": width(sigma),
        "power": power,
        "prior": prior,
        "mean": mean and mean.value,
        "tie_break": tie_break and tie_break.value,
        "reference": reference,
        "bandwidth": bandwidth,
        "bootstrap": bootstrap,
        "seed": seed,
        "loss": loss and loss.value,
        "rounds": rounds,
        "by": by and by.value,
        "evaluate": evaluate,
        "folds": int(folds) if folds and folds.isdecimal() else folds,
        "intervals": intervals,
        "ranges": ranges,
        "items": items and str(items),
        "rename": rename and str(rename),
        "min_weight": min_weight,
        "split": split,
        "submitted": submitted and str(submitted),
        "limits": limit_changes(limit) if limit else None,
        "drop": tuple(drop) if drop else None,
        "against": against and str(against),
        "stream": stream,
        "top": top,
    }
    n_rejects = run_ensemble(
        jury, pool, options, out=out, output=format_.value, quiet=quiet, memory=memory, scheduler=scheduler
    )
    raise typer.Exit(FINDINGS if strict and n_rejects else FINE)


@app.command(
    epilog="""[bold]Examples[/bold]

hemicycle check mine.csv

hemicycle check mine.csv --jury public.csv

hemicycle check mine.csv other.csv --jury public.csv --pool submissions/"""
)
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Submissions to check.")],
    jury: Annotated[
        Path | None, typer.Option(help="Judgments: score the files as the board would.", rich_help_panel="Scoring")
    ] = None,
    pool: Annotated[
        Path | None, typer.Option(help="Other submissions: say where the files would sit.", rich_help_panel="Scoring")
    ] = None,
    sigma: Annotated[
        float, typer.Option(help="Width of the Gaussian at each label, in log ratio.", rich_help_panel="Scoring")
    ] = 0.5,
    items: ItemsFile = None,
    rename: Rename = None,
    min_weight: MinWeight = None,
    split: Split = None,
    limit: LimitOption = None,
    format_: FormatOption = Format.table,
    quiet: Quiet = False,
) -> None:
    """Check submissions: are they valid, and what would the board say? Exits with 1 if one is invalid."""
    from hemicycle.cli.check import run_check
    from hemicycle.read_limits import ReadLimits, limit_changes

    n_invalid = run_check(
        files, jury, pool, sigma=sigma, items=items, rename=rename, min_weight=min_weight, split=split,
        limits=ReadLimits.of(limit_changes(limit or [])), output=format_.value, quiet=quiet,
    )  # fmt: skip
    raise typer.Exit(FINDINGS if n_invalid else FINE)


@app.command(
    epilog="""[bold]Examples[/bold]

hemicycle verify hemicycle-out

hemicycle verify hemicycle-out --format json"""
)
def verify(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="The out folder of an earlier run.")],
    format_: FormatOption = Format.table,
    quiet: Quiet = False,
) -> None:
    """Compute a run again from its inputs, and compare every byte with its out folder. Exits with 1 if one differs."""
    from hemicycle.cli.verify import run_verify

    if format_ is Format.csv:
        raise typer.BadParameter("a verification is no table; give table or json", param_hint="'--format'")
    raise typer.Exit(FINE if run_verify(folder, output=format_.value, quiet=quiet) else FINDINGS)


@app.command(
    epilog="""[bold]Examples[/bold]

hemicycle demo

hemicycle demo --seed 7 --out /tmp/demo"""
)
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the round and its results.")] = Path("hemicycle-demo"),
    seed: Annotated[int, typer.Option(help="Seed of the synthetic round.", min=0)] = 0,
    quiet: Quiet = False,
) -> None:
    """Make a synthetic round of two camps and run it whole: read, scored, seated and paid."""
    from hemicycle.cli.demo import run_demo

    run_demo(out, seed=seed, quiet=quiet)


@app.command(
    epilog="""[bold]Examples[/bold]

hemicycle contract costs.csv --parties 10

hemicycle contract costs.csv --parties 40 --accuracy power_law:a_opt=0.95,b=2,q=0.4

hemicycle contract costs.csv --parties 40 --accuracy power_law --fit curve.csv --out offer"""
)
def contract(
    costs: Annotated[
        Path,
        typer.Argument(
            metavar="COSTS",
            help="Types of parties (csv): cost of a unit of data; if wanted type (a name), probability (equal by "
            "default) and quality (what a unit counts).",
        ),
    ],
    parties: Annotated[int, typer.Option(help="How many parties there are.", min=1, rich_help_panel="Parties")],
    accuracy: Annotated[
        str,
        typer.Option(
            metavar="FAMILY[:NAME=FLOAT,...]",
            help="Accuracy by the data that comes together: generalization_bound (k, a_opt), power_law (a_opt, b, q), "
            "arctan or exponential (a_opt, scale).",
            rich_help_panel="Model",
        ),
    ] = "generalization_bound",
    fit: Annotated[
        Path | None,
        typer.Option(
            metavar="CURVE",
            help="Measured points (csv: amount, accuracy) that the family is fitted to.",
            rich_help_panel="Model",
        ),
    ] = None,
    value: Annotated[
        float, typer.Option(help="Worth of a perfect model, in the unit of the costs.", rich_help_panel="Model")
    ] = 100.0,
    seed: Annotated[int, typer.Option(help="Seed, where outcomes are sampled.", min=0, rich_help_panel="Model")] = 0,
    out: Out = Path("hemicycle-contract"),
    format_: FormatOption = Format.table,
    quiet: Quiet = False,
) -> None:
    """Find what to ask of parties of private cost, and what model to reward each with."""
    from hemicycle.cli.contract import run_contract

    run_contract(
        costs, parties, out, accuracy=accuracy, fit=fit, value=value, seed=seed, output=format_.value, quiet=quiet
    )


@app.command(
    epilog="""[bold]Examples[/bold]

hemicycle reproduce many-model

hemicycle reproduce many-model --runs 1000 --seed 7 --out claims --figures png"""
)
def reproduce(
    name: Annotated[
        Published,
        typer.Argument(
            metavar="NAME",
            help="What to test: many-model, rounds, flags, clones, contracts, collusion or incentives.",
            show_default=False,
        ),
    ],
    runs: Annotated[
        int | None,
        typer.Option(
            help="Random instances of many-model, 100,000 by default; replicates of the bootstrap of rounds, 4,000; "
            "rounds with planted submissions of flags, 2,000; attacked rounds of clones, 10; random programs of "
            "contracts, 100; starts of collusion, 10; juries of incentives, 5.",
            min=1,
            rich_help_panel="Simulation",
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Do less: fewer runs, and of collusion and incentives shorter training and fewer kinds of juries.",
            rich_help_panel="Simulation",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of it.", min=0, rich_help_panel="Simulation")] = 0,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Data of real rounds: a folder with level1-2025/jury_split.csv; by default what HEMICYCLE_DATA says.",
            rich_help_panel="Input",
        ),
    ] = None,
    out: Out = Path("hemicycle-reproduce"),
    figures: Annotated[
        Figures, typer.Option(help="Format of the figures; they need matplotlib.", rich_help_panel="Output")
    ] = Figures.svg,
    format_: FormatOption = Format.table,
    quiet: Quiet = False,
) -> None:
    """Test published claims: what was claimed beside what we find, with a verdict for each."""
    from hemicycle.cli.reproduce import run_reproduce

    run_reproduce(
        name.value,
        out,
        runs=runs,
        seed=seed,
        data=data,
        quick=quick,
        figures=figures.value,
        output=format_.value,
        quiet=quiet,
    )


app.add_typer(store_app)
