"""One run of the main job: files in, every mechanism on the same rows, one of them paid."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from hemicycle.bundle import sha256_of
from hemicycle.clone_groups import clone_group_table
from hemicycle.clones import default_bandwidth
from hemicycle.dominance import dominance_notice
from hemicycle.drop import drop
from hemicycle.errors import LeakWarning, NoDataError, NotCertifiedWarning, NotConvergedError, TieBreakWarning
from hemicycle.escaping import storable
from hemicycle.evaluation import evaluate
from hemicycle.flags import flag_submissions
from hemicycle.items import Items
from hemicycle.judgments import Judgments
from hemicycle.leak import leak_check
from hemicycle.model_mass import read_mass
from hemicycle.movement import Movement, Standing
from hemicycle.pool import Pool
from hemicycle.round import Round
from hemicycle.run_facts import item_counts, judgment_counts, provenance, solution_facts
from hemicycle.seats import Parliament, seat_families
from hemicycle.sigma_notice import sigma_notice
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from hemicycle.config import RoundConfig
    from hemicycle.ensemble import Ensemble
    from hemicycle.flags import Flags
    from hemicycle.intervals import AllocationIntervals
    from hemicycle.leak import LeakCheck
    from hemicycle.rejects import Rejects

    Step = Callable[[str], AbstractContextManager[None]]

__all__ = ["Outcome", "run_round"]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a run read and found.

    Attributes
    ----------
    config : RoundConfig
        What was asked for.
    sha256 : dict of str to str
        Hash of each input.
    pool : Pool
        The submissions as they were read.
    round : Round
        Judgments and pool as they were scored.
    ensembles : tuple of Ensemble
        Every mechanism on the same rows.
    paid : Ensemble
        The one that `config.method` names.
    leaderboard, allocation : Table
        Those of the ensemble that pays.
    ranges : Table or None
        How far each share can move over all weights that are optimal for least squares, where it was asked for and
        these are known.
    intervals : AllocationIntervals or None
        Of the shares that are paid, where they were asked for and the jury can be resampled.
    evaluation : Table or None
        How well each mechanism predicts judgments that are left out, where it was asked for.
    flags : Flags
        What an organiser looks at twice: copies, keys that were pasted in, and what no jury could have said.
    clone_groups : Table or None
        What every mechanism gives to each group of copies, where there are any.
    mechanisms : tuple of dict
        What each ensemble found, in plain values.
    notices : tuple of str
        What a reader of the result should know.
    movements : tuple of Movement
        What moved, from all judgments and models where some were dropped, and from the run that this one is held
        against.
    parliament : Parliament
        Seats by the weights of the ensemble that pays.
    """

    config: RoundConfig
    sha256: dict[str, str]
    pool: Pool
    round: Round
    ensembles: tuple[Ensemble, ...]
    paid: Ensemble
    leaderboard: Table
    allocation: Table
    ranges: Table | None
    intervals: AllocationIntervals | None
    evaluation: Table | None
    flags: Flags
    clone_groups: Table | None
    mechanisms: tuple[dict[str, Any], ...]
    notices: tuple[str, ...]
    movements: tuple[Movement, ...]
    parliament: Parliament

    @property
    def rejects(self) -> Rejects:
        """Everything that was turned away, and why."""
        rejects: Rejects = self.round.rejects
        return rejects

    @property
    def leak(self) -> LeakCheck:
        """How near each model is to the judgments."""
        return self.flags.leak

    def movement_table(self) -> Table | None:
        """Return the share of each item before and after, for each run that this one is held against; None without."""
        if not self.movements:
            return None
        columns: dict[str, list[Any]] = {
            "against": [movement.before for movement in self.movements for _ in movement.allocation]
        }
        for name in ("parent", "item", "before", "after", "change"):
            columns[name] = [cell for movement in self.movements for cell in movement.allocation[name]]
        return Table(columns)

    def counts(self) -> dict[str, dict[str, Any]]:
        """Return how much of what was read, by kind."""
        judgments, pool = self.round.judgments, self.round.pool
        return {
            "items": item_counts(pool.items, pool.items_source),
            "judgments": judgment_counts(judgments, sum(reject.kind == "judgment" for reject in self.round.rejects)),
            "submissions": {
                "seated": len(pool),
                "rejected": len(self.pool.rejects),
                "barred": len(self.pool) - len(pool),
            },
        }

    def summary(self) -> dict[str, Any]:
        """Return the run in plain values: versions, options, inputs, counts and what each mechanism found."""
        return {
            **provenance(self.config, self.sha256),
            **self.counts(),
            "mechanisms": self.mechanisms,
            "seats": [
                {"family": storable(p.name), "seats": p.seats, "weight": p.weight, "models": p.n_models}
                for p in self.parliament.parties
            ],
            **({} if self.intervals is None else {"intervals": self.intervals.label}),
            **({} if self.evaluation is None else {"evaluation": list(self.evaluation)}),
            **({"movements": [movement.summary() for movement in self.movements]} if self.movements else {}),
            "flags": self.flags.counts() | {"clone_groups": len(self.flags.groups)},
            "suspects": [{"model": storable(model), "fitted_to": what} for model, what in self.leak.suspects.items()],
            "notices": [storable(notice) for notice in self.notices],
        }


def _ensembles(config: RoundConfig, round_: Round) -> tuple[Ensemble, ...]:
    """Form every ensemble with the options of a run."""
    models = round_.pool.models
    limits = config.read_limits
    prior = config.prior if config.prior_file is None else read_mass(config.prior_file, models, limits)
    reference = config.reference if config.reference_file is None else read_mass(config.reference_file, models, limits)
    with warnings.catch_warnings():
        for said_by_notices in (NotCertifiedWarning, TieBreakWarning):
            warnings.simplefilter("ignore", said_by_notices)
        return round_.mechanisms(
            sigma=config.sigma,
            prior=prior,
            power=config.power,
            tie_break=config.tie_break,
            reference=reference,
            bandwidth=config.bandwidth,
            bootstrap=config.bootstrap,
            rng=None if config.bootstrap is None else config.seed,
            loss=config.loss,
            rounds=config.rounds,
            by=config.by,
        )


def _mechanism(ensemble: Ensemble) -> dict[str, Any]:
    heaviest = int(np.argmax(ensemble.weights))
    found: dict[str, Any] = {
        "method": ensemble.method,
        "sigma": ensemble.sigma,
        "effective_models": ensemble.effective_models[0],
        "effective_models_by_square": ensemble.effective_models[1],
        "models_with_weight": int(np.count_nonzero(ensemble.weights)),
        "heaviest_model": storable(ensemble.models[heaviest]),
        "heaviest_weight": float(ensemble.weights[heaviest]),
        "mse": ensemble.mse,
        "log_likelihood": ensemble.log_likelihood,
        "log_score": ensemble.log_score,
        "diversity": ensemble.diversity.summary(),
    }
    shown = ("bandwidth", "bootstrap", "rng", "loss", "rounds", "by")
    found |= {"seed" if name == "rng" else name: ensemble.options[name] for name in shown if name in ensemble.options}
    return found if ensemble.solution is None else found | solution_facts(ensemble.solution)


def _read(config: RoundConfig, during: Step, memory: int | str | None) -> tuple[Judgments, Pool]:
    limits = config.read_limits
    with during("reading the submissions"):
        items = None if config.items is None else Items.read(config.items, config.rename, limits)
        pool = Pool.read(
            config.pool,
            items=items,
            rename=config.rename,
            min_weight=config.min_weight,
            submitted=config.submitted,
            limits=limits,
            memory=memory,
        )
    with during("reading the judgments"):
        judgments = Judgments.read(
            config.jury, items=pool.items, rename=config.rename, split=config.split, limits=limits
        )
    return judgments, pool


def _before(config: RoundConfig, judgments: Judgments, pool: Pool, during: Step) -> list[Standing]:
    """Return what the run is held against: another run, and this one with nothing dropped."""
    before = []
    if config.against is not None:
        with during("reading the run to hold this one against"):
            before.append(Standing.read(config.against, config.read_limits))
    if config.drop:
        with during(f"scoring {len(pool):,} models with nothing dropped"):
            whole = _ensembles(config, Round(judgments, pool))
            before.append(Standing.of(whole, config.method, config.mean, "nothing dropped"))
    return before


def _movements(config: RoundConfig, before: Sequence[Standing], ensembles: Sequence[Ensemble]) -> tuple[Movement, ...]:
    if not before:
        return ()
    now = Standing.of(ensembles, config.method, config.mean, "now")
    return tuple(Movement.between(standing, now) for standing in before)


def _intervals(config: RoundConfig, paid: Ensemble, during: Step) -> tuple[AllocationIntervals | None, str | None]:
    """Return how far the shares would move with other jurors, or why nobody can say."""
    if not config.intervals:
        return None, None
    with during(f"drawing {config.intervals} juries for the intervals"):
        try:
            return paid.intervals(mean=config.mean, replicates=config.intervals, rng=config.seed), None
        except NoDataError as error:
            return None, f"No intervals: {error}."


def _ranges(config: RoundConfig, ensembles: Sequence[Ensemble], during: Step) -> tuple[Table | None, str | None]:
    """Return how far shares can move while weights stay optimal, or why nobody can say."""
    if not config.ranges:
        return None, None
    with during("ranging over all weights that are optimal for least squares"):
        try:
            return _of(ensembles, "least_squares").allocation_range(config.mean), None
        except NotConvergedError as error:
            return None, f"ranges: {error}"


def _evaluation(config: RoundConfig, ensembles: Sequence[Ensemble], during: Step) -> Table | None:
    """Evaluate every mechanism with the options that it has; a width that was chosen is chosen anew in each fold."""
    if config.evaluate is None:
        return None
    methods: dict[str, dict[str, Any]] = {
        e.method: {"sigma": "auto" if config.sigma == "auto" else e.sigma}
        | e.options
        | ({"bandwidth": config.bandwidth} if "bandwidth" in e.options else {})
        for e in ensembles
    }
    choosing = ", choosing widths in each fold" if config.sigma == "auto" else ""
    with during(f"evaluating by {config.evaluate}{choosing}"):
        return evaluate(ensembles[0].round, methods, by=config.evaluate, folds=config.folds).compare()


def _flags(
    config: RoundConfig, judgments: Judgments, ensembles: Sequence[Ensemble], during: Step
) -> tuple[Flags, Table | None]:
    """Return what an organiser looks at twice, and what every mechanism gives to each group of copies."""
    round_ = ensembles[0].round
    with during("looking for copies, pasted answers and what no jury could have said"):
        bandwidth = config.bandwidth or default_bandwidth(_of(ensembles, "bma").sigma)
        leak, clones = _leak(config, judgments, round_), round_.clones(bandwidth)
        flags = flag_submissions(round_.pool, round_.judgments, leak=leak, clones=clones)
        return flags, clone_group_table(flags.groups, ensembles, bandwidth) if flags.groups else None


def _leak(config: RoundConfig, judgments: Judgments, round_: Round) -> LeakCheck:
    """Look at all rows of the file, those of other splits too."""
    every, used = judgments, None
    if config.split is not None:
        every = Judgments.read(config.jury, items=round_.pool.items, rename=config.rename, limits=config.read_limits)
        used = np.isin(every.line, judgments.line)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)  # said by notices
        return leak_check(round_.pool, every.align(round_.pool.items), used=used)


def _of(ensembles: Sequence[Ensemble], method: str) -> Ensemble:
    return next(ensemble for ensemble in ensembles if ensemble.method == method)


def run_round(config: RoundConfig, step: Step | None = None, memory: int | str | None = None) -> Outcome:
    """Read the inputs of a run, score them and form every ensemble.

    Parameters
    ----------
    config : RoundConfig
        What to read and how.
    step : callable, optional
        Makes a context manager of a text that says what is going on.
    memory : int or str, optional
        Bytes that the logits of a store may take in memory, see `Store.pool`; no result depends on it.

    Returns
    -------
    Outcome
        The run.

    Raises
    ------
    HemicycleError
        If an input cannot be used or an option is out of its domain.
    OSError
        If an input cannot be read.
    """
    during = step or (lambda _: nullcontext())
    with during("hashing the inputs"):
        sha256 = {name: sha256_of(path, config.read_limits) for name, path in config.paths().items()}
    judgments, pool = _read(config, during, memory)
    before = _before(config, judgments, pool, during)
    if config.drop:
        judgments, pool = drop(judgments, pool, config.drop)
    with during(f"scoring {len(pool):,} models"):
        round_ = Round(judgments, pool)
        ensembles = _ensembles(config, round_)
        paid = _of(ensembles, config.method)
        mechanisms = tuple(_mechanism(ensemble) for ensemble in ensembles)
    config = replace(config, chosen_sigma={e.method: e.sigma for e in ensembles} if config.sigma == "auto" else None)
    intervals, no_intervals = _intervals(config, paid, during)
    ranges, no_ranges = _ranges(config, ensembles, during)
    evaluation = _evaluation(config, ensembles, during)
    flags, clone_groups = _flags(config, judgments, ensembles, during)
    with during("seating the models"):
        parliament = seat_families(paid.weights, round_.pool.families(), round_.pool.logits)
    about_paid = no_intervals, no_ranges, dominance_notice(paid, ensembles), paid.tie_notice(config.mean, ranges)
    return Outcome(
        config=config,
        sha256=sha256,
        pool=pool,
        round=round_,
        ensembles=ensembles,
        paid=paid,
        leaderboard=paid.leaderboard(),
        allocation=paid.allocation(mean=config.mean),
        ranges=ranges,
        intervals=intervals,
        evaluation=evaluation,
        flags=flags,
        clone_groups=clone_groups,
        mechanisms=mechanisms,
        notices=(
            *round_.notices,
            *((f"Left out by request: {', '.join(config.drop)}.",) if config.drop else ()),
            *round_.doubts,
            *filter(None, (sigma_notice(ensembles),)),
            *flags.notices,
            *filter(None, about_paid),
        ),
        movements=_movements(config, before, ensembles),
        parliament=parliament,
    )
