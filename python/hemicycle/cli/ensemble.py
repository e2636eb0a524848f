"""`hemicycle ensemble`: run the main job, leave the out folder, print the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hemicycle.bundle import (
    ALLOCATIONS,
    CLONES,
    EVALUATION,
    INTERVALS,
    MOVEMENT,
    RANGES,
    REPORT,
    STORE,
    WEIGHTS,
    allocation_csv,
    bundle_files,
    require_ours,
    write_bundle,
)
from hemicycle.cli.streams import Talk, print_bytes, print_rich, stored_rows
from hemicycle.config import RoundConfig, read_config
from hemicycle.errors import OptionError
from hemicycle.escaping import printable, storable
from hemicycle.outcome import Outcome, run_round
from hemicycle.scratch import byte_count, byte_text
from hemicycle.streamed_options import require_streamed

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
    scheduler: str | None = None,
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
        Bytes that the logits of a store may take in memory; of a streamed run, that it may take in all.
    scheduler : str, optional
        Address of the scheduler of the workers that do a streamed run.

    Returns
    -------
    int
        How much was rejected.
    """
    talk = Talk(quiet)
    if scheduler is not None and options.get("stream") is False:
        raise OptionError("scheduler: workers score a store from disk; leave --no-stream out")
    if scheduler is not None:
        options = options | {"stream": True}
    config = _config(jury, pool, options)
    if config.stream:
        from hemicycle.cli.stream import run_stream

        rejects = run_stream(config, out, talk, output=output, memory=memory, scheduler=scheduler).rejects
        last = f"the weights are in {printable(str(out / WEIGHTS))}"
    else:
        rejects = _run_in_memory(config, out, talk, output, memory).rejects
        last = f"open {printable(str(out / REPORT))} in a browser"
    if rejects and output != "table":
        talk.say(f"{len(rejects):,} rejected; see {printable(str(out / 'rejects.csv'))}")
    talk.say(f"wrote {printable(str(out))}; {last}")
    return len(rejects)


def _run_in_memory(config: RoundConfig, out: Path, talk: Talk, output: str, memory: str | None) -> Outcome:
    _suggest_stream(config, memory, talk)
    outcome = run_and_write(config, out, talk, memory)
    if output == "json":
        print_bytes(_json(outcome))
    elif output == "csv":
        print_bytes(allocation_csv(outcome))
    else:
        from hemicycle.cli.ensemble_view import ensemble_view

        print_rich(*ensemble_view(outcome, out))
    return outcome


def _suggest_stream(config: RoundConfig, memory: str | None, talk: Talk) -> None:
    """Say that a store larger than memory can be scored from disk."""
    if not (Path(config.pool) / STORE).is_file():
        return
    from hemicycle.store.manifest import Manifest, is_store

    if is_store(Path(config.pool)):
        most, n_bytes = byte_count(memory, "memory"), Manifest.read(Path(config.pool)).logits_bytes
        if n_bytes > most:
            talk.say(
                f"note: the logits of {printable(config.pool)} take {byte_text(n_bytes)}, more than the "
                f"{byte_text(most)} that they may have, and go to a file in TMPDIR; --stream scores the store from disk"
            )


def run_and_write(config: RoundConfig, out: Path, talk: Talk, memory: str | None = None) -> Outcome:
    """Run a round and write its out folder; say where an input is not what it was when the config was written."""
    require_ours(out)
    if config.against is not None and Path(config.against).resolve() == out.resolve():
        raise OptionError(f"{config.against} is the folder to write to, too; give another one with --out")
    outcome = run_round(config, talk.step, memory)
    warn_of_changes(config, outcome.sha256, talk)
    before, now = config.chosen_sigma, outcome.config.chosen_sigma
    if before and now and before != now:
        talk.warn("the widths that are chosen now are not those of this round.toml")
    with talk.step("writing the results"):
        files = bundle_files(outcome, out)
        write_bundle(out, files)
        for asked in (RANGES, EVALUATION, INTERVALS, MOVEMENT, CLONES, ALLOCATIONS):
            if asked not in files:
                (out / asked).unlink(missing_ok=True)  # of an earlier run
    return outcome


def warn_of_changes(config: RoundConfig, sha256: dict[str, str], talk: Talk) -> None:
    """Say where an input is not what it was when a round.toml was written.

    Parameters
    ----------
    config : RoundConfig
        As it was read.
    sha256 : dict of str to str
        Hash of each input now.
    talk : Talk
        Where to say it.
    """
    for name, path in config.paths().items():
        before = getattr(config.sha256, name, None)
        if before and before != sha256[name]:
            talk.warn(f"{name} {printable(path)} is not what it was when this round.toml was written")


def _config(jury: Path, pool: Path | None, options: dict[str, Any]) -> RoundConfig:
    if jury.suffix.lower() == ".toml":
        if pool is not None:
            raise OptionError("a round.toml names its own pool; give no POOL beside it")
        config = read_config(jury, **options)
        if config.stream:
            require_streamed({"method": config.method} | {n: v for n, v in options.items() if v is not None})
        return config
    if pool is None:
        raise OptionError("POOL is missing: give a folder or file of submissions, or a round.toml alone")
    given = {name: value for name, value in options.items() if value is not None}
    if given.get("stream"):
        require_streamed(given)
        given.setdefault("intervals", 0)
    return RoundConfig(jury=str(jury), pool=str(pool), **given)


def _json(outcome: Outcome) -> bytes:
    """Everything as one JSON document; a number that is not finite becomes null."""
    from msgspec import json, to_builtins

    document = outcome.summary() | {
        "leaderboard": stored_rows(outcome.leaderboard),
        "allocation": stored_rows(outcome.allocation),
        "models": [storable(model) for model in outcome.paid.models],
        "weights": {ensemble.method: ensemble.weights.tolist() for ensemble in outcome.ensembles},
        **({} if outcome.ranges is None else {"allocation_range": stored_rows(outcome.ranges)}),
        "rejects": stored_rows(to_builtins(reject) for reject in outcome.rejects),
    }
    return json.encode(document) + b"\n"
