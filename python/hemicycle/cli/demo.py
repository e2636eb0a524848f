"""The first minute: a synthetic round of two camps, written as files and run whole, beside the script of today."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from hemicycle.bundle import REPORT
from hemicycle.cli.ensemble import run_and_write
from hemicycle.cli.ensemble_view import Camps, ensemble_view
from hemicycle.cli.streams import Talk, print_rich
from hemicycle.config import RoundConfig
from hemicycle.errors import OptionError
from hemicycle.escaping import printable
from hemicycle.round import Round
from hemicycle.synthetic import SyntheticRound, two_camp_round
from hemicycle.terminal import heading, number, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from hemicycle.ensemble import Ensemble
    from hemicycle.judgments import Judgments
    from hemicycle.outcome import Outcome
    from hemicycle.pool import Pool

__all__ = ["Fit", "camps_of", "least_squares_fit", "run_demo", "slsqp_script"]

PEER_MODELS = 100
PEER_SECONDS = 60.0


def run_demo(out: Path, *, seed: int = 0, quiet: bool = False) -> None:
    """Make a round in `out`, run it, print it, and time today's script beside ours.

    Parameters
    ----------
    out : Path
        Folder for ``jury.csv``, ``submissions/`` and ``result/``.
    seed : int, default 0
        Seed of the round.
    quiet : bool, default False
        Whether to keep still on standard error.

    Raises
    ------
    OptionError
        If the folder holds files that are no part of this round.
    OSError
        If it cannot be written.
    """
    talk = Talk(quiet)
    with talk.step("making a round of two camps"):
        made = two_camp_round(seed)
        _require_room(out, made)
        made.write(out)
    talk.say(f"wrote a synthetic round: {printable(str(out / 'jury.csv'))}, {printable(str(out / 'submissions'))}")
    config = RoundConfig(jury=str(out / "jury.csv"), pool=str(out / "submissions"))
    started = time.perf_counter()
    outcome = run_and_write(config, out / "result", talk)
    seconds = time.perf_counter() - started
    print_rich(*ensemble_view(outcome, out / "result", camps_of(made), len(made.defects) + 1))
    print_rich(*_timings(outcome, seconds, talk))
    result = out / "result"
    talk.say(f"the same again: hemicycle ensemble {printable(str(result / 'round.toml'))}")
    talk.say(f"wrote {printable(str(result))}; open {printable(str(result / REPORT))} in a browser")


def camps_of(made: SyntheticRound) -> Camps:
    """Return the camps of a synthetic round; a model that it does not know belongs to neither."""
    position = {model: i for i, model in enumerate(made.models)}

    def mass(ensemble: Ensemble) -> tuple[float, ...]:
        weights = np.zeros(len(made.models))
        for model, weight in zip(ensemble.models, ensemble.weights.tolist(), strict=True):
            if model in position:
                weights[position[model]] = weight
        return made.camp_mass(weights)

    return Camps(made.camp_names, made.label_shares, mass)


def _require_room(out: Path, made: SyntheticRound) -> None:
    """Refuse a folder with anything in it that this round would not write itself."""
    if not out.exists():
        return
    files = {f"{model}.csv" for model in made.models} | {defect.file for defect in made.defects}
    submissions = out / "submissions"
    sent = [entry.name for entry in submissions.iterdir()] if submissions.is_dir() else []
    ours = {"jury.csv", "submissions", "result"} if sent else {"submissions"}
    strangers = [entry.name for entry in out.iterdir() if entry.name not in ours]
    strangers += [f"submissions/{name}" for name in sent if name not in files]
    if strangers:
        raise OptionError(
            f"{out} holds {min(strangers)!r}, which is no part of this round; give another folder with --out"
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a solver came to: its weights, the sum of squared errors there, and its time in seconds."""

    weights: Sequence[float]
    cost: float
    seconds: float
    finished: bool


def slsqp_script(
    logits: Sequence[Sequence[float]],
    samples: Sequence[tuple[int, int, float]],
    seconds: float = PEER_SECONDS,
) -> Fit:
    """Minimise the sum of squared log-ratio errors over the simplex as scripts do: Python lists and scipy's SLSQP.

    Parameters
    ----------
    logits : sequence of sequences of float
        One list of logits a model.
    samples : sequence of (a, b, log_ratio)
        The judgments.
    seconds : float, default 60
        When to stop, at the end of an iteration, if it has not finished by then.

    Returns
    -------
    Fit
        The last iterate.

    Raises
    ------
    ImportError
        If scipy is not installed.
    """
    from scipy.optimize import minimize

    n_models = len(logits)
    last = [1.0 / n_models] * n_models

    def cost(weights: Sequence[float]) -> float:
        mixed = [sum(w * row[i] for w, row in zip(weights, logits, strict=True)) for i in range(len(logits[0]))]
        return sum((mixed[b] - mixed[a] - log_ratio) ** 2 for a, b, log_ratio in samples)

    def stop_in_time(weights: np.ndarray) -> None:
        last[:] = weights.tolist()
        if time.perf_counter() - started > seconds:
            raise StopIteration

    started = time.perf_counter()
    result = minimize(
        cost,
        last,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * n_models,
        constraints={"type": "eq", "fun": lambda weights: sum(weights) - 1.0},
        callback=stop_in_time,
    )
    took = time.perf_counter() - started
    positive = [max(0.0, weight) for weight in last]  # SLSQP keeps to the simplex only nearly
    weights = [weight / sum(positive) for weight in positive]
    return Fit(weights, cost(weights), took, finished=bool(result.success))


def least_squares_fit(judgments: Judgments, pool: Pool) -> Fit:
    """Time our exact least squares, scoring included; the cost is that of `slsqp_script` for judgments of weight 1."""
    started = time.perf_counter()
    ensemble = Round(judgments, pool).ensemble("least_squares")
    took = time.perf_counter() - started
    n_samples = len(judgments) - judgments.n_ordinal
    return Fit(ensemble.weights.tolist(), ensemble.mse * n_samples, took, finished=True)


def _timings(outcome: Outcome, seconds: float, talk: Talk) -> list[RenderableType]:
    judgments, pool = outcome.round.judgments, outcome.round.pool
    parts: list[RenderableType] = [
        heading("Time"),
        f"  {seconds:.2f} s from files to files: {len(outcome.ensembles)} mechanisms on {len(pool):,} models",
    ]
    all_models = least_squares_fit(judgments, pool)
    few = pool.select(np.arange(min(PEER_MODELS, len(pool))))
    ours = least_squares_fit(judgments, few)
    cardinal = judgments.is_cardinal
    columns = (judgments.a[cardinal].tolist(), judgments.b[cardinal].tolist(), judgments.log_ratio[cardinal].tolist())
    samples = list(zip(*columns, strict=True))
    try:
        with talk.step(f"today's script on {len(few)} models, at most {PEER_SECONDS:.0f} s"):
            peer = slsqp_script(few.logits.tolist(), samples)
    except ImportError:
        return [*parts, "  today's script needs scipy: pip install 'hemicycle[solve]'"]
    n = len(samples)
    rows = [
        ("hemicycle", f"{len(pool):,}", f"{all_models.seconds:.4f} s", number(all_models.cost / n, 4)),
        ("hemicycle", f"{len(few):,}", f"{ours.seconds:.4f} s", number(ours.cost / n, 4)),
        ("scipy SLSQP, Python lists", f"{len(few):,}", f"{peer.seconds:.4f} s", number(peer.cost / n, 4)),
    ]
    heads = ("least squares, today's mechanism", "models", "time", "mse reached")
    parts += [Text(), table(heads, rows, numbers=(1, 2, 3))]
    stopped = "" if peer.finished else f"; it had not finished and was stopped after {peer.seconds:.0f} s"
    ratio = f"{peer.seconds / ours.seconds:,.0f}"
    return [*parts, Text(f"\n  On the same {len(few)} models SLSQP takes {ratio} times as long{stopped}.")]
