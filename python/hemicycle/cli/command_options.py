"""Options of the commands: their words, their help, and where the help lists them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Method(StrEnum):
    """Mechanisms by name."""

    stacking = "stacking"
    least_squares = "least_squares"
    bma = "bma"
    greedy = "greedy"
    uniform = "uniform"
    best = "best"


class Mean(StrEnum):
    """Averages of shares by name."""

    geometric = "geometric"
    arithmetic = "arithmetic"


class TieBreak(StrEnum):
    """Tie-breaks by name."""

    nearest = "nearest"
    least_individual_loss = "least_individual_loss"


class Loss(StrEnum):
    """What greedy selection is judged by."""

    squared_error = "squared_error"
    log_score = "log_score"
    log_likelihood = "log_likelihood"


class StackingBy(StrEnum):
    """What stacking explains."""

    label = "label"
    pair = "pair"


class Format(StrEnum):
    """Output formats by name."""

    table = "table"
    json = "json"
    csv = "csv"


class Published(StrEnum):
    """Sources of claims by name."""

    many_model = "many-model"
    rounds = "rounds"
    flags = "flags"
    clones = "clones"
    contracts = "contracts"
    collusion = "collusion"
    incentives = "incentives"


class Figures(StrEnum):
    """Formats of figures by name."""

    svg = "svg"
    png = "png"


Out = Annotated[
    Path,
    typer.Option(help="Folder for the results; only an earlier result is ever replaced.", rich_help_panel="Output"),
]
MethodOption = Annotated[
    Method | None,
    typer.Option(
        metavar="METHOD",
        help="The mechanism that pays: stacking (the default), least_squares, bma, greedy, uniform or best.",
        rich_help_panel="Ensemble",
    ),
]
Sigma = Annotated[
    str | None,
    typer.Option(
        metavar="FLOAT|auto",
        help="Width of the Gaussian at each label, in log ratio; 0.5 by default. auto chooses one for each mechanism "
        "by judgments that are left out in turn.",
        rich_help_panel="Ensemble",
    ),
]
Power = Annotated[
    float | None,
    typer.Option(
        help="Power of the likelihood in bma, 1 by default; less trusts the jury less.",
        rich_help_panel="Ensemble",
    ),
]
Prior = Annotated[
    str | None,
    typer.Option(
        help="Prior of bma: uniform (the default), per_author, clone_proof, or a csv of model,weight.",
        rich_help_panel="Ensemble",
    ),
]
MeanOption = Annotated[
    Mean | None,
    typer.Option(
        metavar="MEAN",
        help="Average of the models' shares that is paid out: geometric (the default) or arithmetic.",
        rich_help_panel="Ensemble",
    ),
]
TieBreakOption = Annotated[
    TieBreak | None,
    typer.Option(
        metavar="TIE_BREAK",
        help="Which of several weights that are optimal for least_squares or stacking: nearest (the default) or "
        "least_individual_loss.",
        rich_help_panel="Ensemble",
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        help="What nearest refers to: uniform (the default), per_author, clone_proof, or a csv of model,weight.",
        rich_help_panel="Ensemble",
    ),
]
Bandwidth = Annotated[
    float | None,
    typer.Option(
        help="How far apart models are that are no copies, in log ratio, for clone_proof; a fifth of sigma by default.",
        rich_help_panel="Ensemble",
        show_default=False,
    ),
]
Bootstrap = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Average the weights of bma over N replicates of the Bayesian bootstrap, such as 10000.",
        rich_help_panel="Ensemble",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(help="Seed of all replicates; 0 by default.", rich_help_panel="Ensemble", show_default=False),
]
LossOption = Annotated[
    Loss | None,
    typer.Option(
        metavar="LOSS",
        help="What greedy is judged by: squared_error (the default), log_score or log_likelihood.",
        rich_help_panel="Ensemble",
    ),
]
Rounds = Annotated[
    int | None,
    typer.Option(help="Models that greedy chooses in all; 100 by default.", rich_help_panel="Ensemble"),
]


ByOption = Annotated[
    StackingBy | None,
    typer.Option(
        metavar="label|pair",
        help="What stacking explains: single labels (the default), or pairs, whose labels are then alternatives.",
        rich_help_panel="Ensemble",
    ),
]
Evaluate = Annotated[
    str | None,
    typer.Option(
        metavar="BY",
        help="Leave out each juror, pair or split, and see how well every mechanism predicts it.",
        rich_help_panel="Ensemble",
        show_default=False,
    ),
]
Folds = Annotated[
    str | None,
    typer.Option(
        metavar="N|SPLIT",
        help="In how many parts judgments are left out, or which split; by default each juror and split by itself, and "
        "pairs in ten.",
        rich_help_panel="Ensemble",
        show_default=False,
    ),
]
Intervals = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Juries drawn by the Bayesian bootstrap for the intervals of the shares; 200 by default, 0 for none.",
        rich_help_panel="Ensemble",
        show_default=False,
    ),
]
Ranges = Annotated[
    bool | None,
    typer.Option(
        "--ranges/--no-ranges",
        help="Find how far each share moves while the weights stay optimal for least_squares; with 100 items and "
        "thousands of models, some half a minute.",
        rich_help_panel="Ensemble",
        show_default=False,
    ),
]
ItemsFile = Annotated[
    Path | None,
    typer.Option(
        help="The items of the round, a csv file. By default those that most submissions name.",
        rich_help_panel="Reading",
    ),
]
Rename = Annotated[
    Path | None, typer.Option(help="Csv of old,new names of items, applied to all files.", rich_help_panel="Reading")
]
MinWeight = Annotated[
    float | None,
    typer.Option(
        help="Lift smaller submitted weights to this, so that models with zeros can be seated.",
        rich_help_panel="Reading",
    ),
]
Split = Annotated[
    str | None, typer.Option(help="Use only the jury's rows of this split, such as public.", rich_help_panel="Reading")
]
SubmittedFile = Annotated[
    Path | None,
    typer.Option(
        "--submitted",
        metavar="FILE",
        help="Csv of model,submitted: when each submission came, ISO 8601. Names the earliest of copies.",
        rich_help_panel="Reading",
    ),
]
LimitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=NUMBER",
        help="Read more, or less, than by default: file_bytes, submission_bytes, line_bytes, rows, submission_rows, "
        "columns, name_characters, files, total_bytes or ratio; may be repeated.",
        rich_help_panel="Reading",
        show_default=False,
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND=NAME",
        help="Leave out juror=NAME, pair=A,B or model=NAME, and say what moves; may be repeated.",
        rich_help_panel="Comparison",
        show_default=False,
    ),
]
Against = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Out folder of another run: say what moved since.", rich_help_panel="Comparison"
    ),
]
FormatOption = Annotated[
    Format, typer.Option("--format", help="What to write to standard output.", rich_help_panel="Output")
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="How much memory the models of a store may take, such as 4GiB; a quarter of the machine's by default. "
        "More are read from a file where temporary files lie (TMPDIR); with --stream, a run that needs more in all is "
        "refused. No result depends on it.",
        rich_help_panel="Input",
    ),
]
Stream = Annotated[
    bool | None,
    typer.Option(
        "--stream/--no-stream",
        help="Score POOL, a store, from disk in bounded memory, and go on where an earlier run of OUT was stopped. "
        "greedy is formed only where it pays.",
        rich_help_panel="Streaming",
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Let the workers of a Dask scheduler do it, such as tcp://HOST:8786; implies --stream.",
        rich_help_panel="Streaming",
    ),
]
Top = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Models on the leaderboard of a streamed run; 100 by default.",
        rich_help_panel="Streaming",
        show_default=False,
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with 1 if anything was rejected.", rich_help_panel="Output")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No talk and no progress on standard error.", rich_help_panel="Output")
]


def width(text: str | None) -> float | str | None:
    """Return a width, or the word that chooses one."""
    if text is None or text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number, nor auto", param_hint="'--sigma'") from None
