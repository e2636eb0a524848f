"""`hemicycle ensemble`: run the main job, leave the out folder, print the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hemicycle.bundle import (
    CLONES,
    EVALUATION,
    INTERVALS,
    MOVEMENT,
    RANGES,
    REPORT,
    allocation_csv,
    bundle_files,
    require_ours,
    write_bundle,
)
from hemicycle.cli.streams import Talk, print_bytes, print_rich
from hemicycle.config import RoundConfig, read_config
from hemicycle.errors import OptionError
from hemicycle.escaping import printable, storable
from hemicycle.outcome import Outcome, run_round

__all__ = ["run_and_write", "run_ensemble"]


def run_ensemble(
    jury: Path,
    pool: Path | None,
    options: dict[str, Any],
    *,
    out: Path,
    output: str,
    quiet: bool,
    memory: str | None = None,
) -> int:
    """Run the main job.

    Parameters
    ----------
    jury : Path
        The judgments, or a round.toml when there is no pool.
    pool : Path or None
        The submissions.
    options : dict
        Options of `RoundConfig` as given; None where one was not given.
    out : Path
        The out folder.
    output : {"table", "json", "csv"}
        What goes to standard output.
    quiet : bool
        Whether to keep still on standard error.
    memory : str, optional
        Bytes that the logits of a store may take in memory.

    Returns
    -------
    int
        How much was rejected.
    """
    talk = Talk(quiet)
    config = _config(jury, pool, options)
    outcome = run_and_write(config, out, talk, memory)
    if output == "json":
        print_bytes(_json(outcome))
    elif output == "csv":
        print_bytes(allocation_csv(outcome))
    else:
        from hemicycle.cli.ensemble_view import ensemble_view

        print_rich(*ensemble_view(outcome, out))
    if outcome.rejects and output != "table":
        talk.say(f"{len(outcome.rejects):,} rejected; see {printable(str(out / 'rejects.csv'))}")
    talk.say(f"wrote {printable(str(out))}; open {printable(str(out / REPORT))} in a browser")
    return len(outcome.rejects)


def run_and_write(config: RoundConfig, out: Path, talk: Talk, memory: str | None = None) -> Outcome:
    """Run a round and write its out folder; say where an input is not what it was when the config was written."""
    require_ours(out)
    if config.against is not None and Path(config.against).resolve() == out.resolve():
        raise OptionError(f"{config.against} is the folder to write to, too; give another one with --out")
    outcome = run_round(config, talk.step, memory)
    for name, path in config.paths().items():
        before = getattr(config.sha256, name, None)
        if before and before != outcome.sha256[name]:
            talk.warn(f"{name} {printable(path)} is not what it was when this round.toml was written")
    before, now = config.chosen_sigma, outcome.config.chosen_sigma
    if before and now and before != now:
        talk.warn("the widths that are chosen now are not those of this round.toml")
    with talk.step("writing the results"):
        files = bundle_files(outcome, out)
        write_bundle(out, files)
        for asked in (RANGES, EVALUATION, INTERVALS, MOVEMENT, CLONES):
            if asked not in files:
                (out / asked).unlink(missing_ok=True)  # of an earlier run
    return outcome


def _config(jury: Path, pool: Path | None, options: dict[str, Any]) -> RoundConfig:
    if jury.suffix.lower() == ".toml":
        if pool is not None:
            raise OptionError("a round.toml names its own pool; give no POOL beside it")
        return read_config(jury, **options)
    if pool is None:
        raise OptionError("POOL is missing: give a folder or file of submissions, or a round.toml alone")
    given = {name: value for name, value in options.items() if value is not None}
    return RoundConfig(jury=str(jury), pool=str(pool), **given)


def _json(outcome: Outcome) -> bytes:
    """Everything as one JSON document; a number that is not finite becomes null."""
    from msgspec import json, to_builtins

    document = outcome.summary() | {
        "leaderboard": [_stored(row) for row in outcome.leaderboard],
        "allocation": [_stored(row) for row in outcome.allocation],
        "models": [storable(model) for model in outcome.paid.models],
        "weights": {ensemble.method: ensemble.weights.tolist() for ensemble in outcome.ensembles},
        **({} if outcome.ranges is None else {"allocation_range": [_stored(row) for row in outcome.ranges]}),
        "rejects": [_stored(to_builtins(reject)) for reject in outcome.rejects],
    }
    return json.encode(document) + b"\n"


def _stored(row: dict[str, Any]) -> dict[str, Any]:
    return {name: storable(value) if isinstance(value, str) else value for name, value in row.items()}
