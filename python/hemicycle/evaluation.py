"""Predictive quality on judgments that were left out: every method, with the uncertainty of the differences."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hemicycle.errors import DtypeError, NoDataError, NotCertifiedWarning, OptionError, TieBreakWarning
from hemicycle.folds import folds_of
from hemicycle.gaussian_mixture import mixture_cdf, mixture_crps, mixture_log_density
from hemicycle.left_out_scores import LABEL_SCORES, SCORES, Configuration, Evaluation
from hemicycle.mechanism import METHODS, OPTIONS
from hemicycle.options import known_word, positive_number
from hemicycle.resampling import resampling_groups
from hemicycle.scores import share
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.ensemble import Ensemble
    from hemicycle.folds import Fold
    from hemicycle.round import Round, Sigma

__all__ = ["SCORES", "SIGMAS", "Configuration", "Evaluation", "choose_sigma", "evaluate"]

SIGMAS = tuple(2.0 ** (k / 2) for k in range(-4, 7))
"""Widths that sigma="auto" chooses from: 0.25 to 8, each the root of 2 times the one before."""

N_FOLDS = 10  #: to choose a width by
AUTO: Final = "auto"  #: the width that is chosen
_MIXTURE_SCORES = {"log_density": mixture_log_density, "crps": mixture_crps, "pit": mixture_cdf}
_TIE = 1e-9  #: logits this near are equal, as in `hemicycle.accuracy`
BLOCK_CELLS = 1 << 20  #: label-model cells held at a time: 8 MB of float64


def evaluate(
    round_: Round,
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    *,
    by: str = "juror",
    folds: int | str | None = None,
    sigma: Sigma | Sequence[float] = 0.5,
    power: float | Sequence[float] = 1.0,
) -> Evaluation:
    """Form ensembles without some of the judgments, and score what they predict of these.

    Parameters
    ----------
    round_ : Round
        The round; every fold is a round of its own without the judgments that are left out.
    methods : sequence of str, or mapping of str to dict, optional
        Methods of `Round.ensemble`, all of them by default. A mapping names each entry and gives its options, of which
        ``method`` is by default the name: ``{"bma": {}, "bootstrap": {"method": "bma", "bootstrap": 1000, "rng": 0}}``.
    by : {"juror", "pair", "split"}, default "juror"
        What is left out together. Jurors tell how well the next juror is predicted, pairs the next question, splits
        what one part of the data says of another.
    folds : int or str, optional
        Number of folds: each juror by itself, and ten of pairs, by default. There are no more than jurors or pairs:
        100 folds of 37 jurors are 37. For splits the name of the one that is left out, such as "private"; each in turn
        by default.
    sigma : float, sequence of float or "auto", default 0.5
        Widths to evaluate. Of methods whose weights do not depend on it, it is the width of the prediction. "auto"
        stands by itself: for each method and in each fold the width is chosen as `Round.ensemble` does, by judgments of
        that fold's round alone, so that no width has seen what is left out.
    power : float or sequence of float, default 1.0
        Powers of the likelihood to evaluate, in Bayesian model averaging.

    Returns
    -------
    Evaluation
        Scores of each judgment, tables of them, and the uncertainty of differences.

    Raises
    ------
    OptionError
        If a method or `by` is no such word, a method has no such option or value of it, "auto" is one of several
        widths, or no rows have the split.
    FormatError
        If no judgment names its juror, or its split.
    NoDataError
        If without a fold no judgment is left that says how much, or a grid is empty.
    DtypeError
        If `round_` is no round, `methods` names none or gives their options as no mapping, or as `Round.ensemble`.
    NonFiniteError, DomainError, ShapeError
        As `Round.ensemble`.

    Notes
    -----
    A judgment that is left out is in no round that an ensemble is formed of, nor are the weights of pairs, the scores
    or the width that it would have had a part in. Every width and power of a fold shares its scores and solutions;
    memory is that of one fold, and of a number for each configuration and judgment. With "auto" a fold forms ten times
    eleven ensembles more of each method.
    """
    _require_round(round_)
    asked = _configurations(methods, _widths(sigma), _grid(power, "power"))
    return _run(round_, asked, by, folds_of(round_.judgments, by, folds), LABEL_SCORES)


def choose_sigma(round_: Round, method: str, options: Mapping[str, Any]) -> tuple[float, Table]:
    """Return the width under which a method predicts judgments that were left out best.

    Parameters
    ----------
    round_ : Round
        The round.
    method : str
        A method of `Round.ensemble`.
    options : mapping of str to object
        Its options.

    Returns
    -------
    sigma : float
        The one of `SIGMAS` with the highest elpd in ten folds of jurors, or of pairs where fewer than two jurors are
        named who said how much; of equals the narrowest.
    tried : Table
        Columns sigma and elpd.

    Raises
    ------
    NoDataError
        If there is one pair only, or without a fold nothing is left.
    OptionError
        If `method` is no such word or has no such option, or `sigma` is among them.
    DtypeError, NonFiniteError, DomainError, ShapeError
        As `evaluate`.
    """
    _require_round(round_)
    known_word(method, "method", METHODS)
    if isinstance(options, Mapping) and "sigma" in options:
        raise OptionError("options: 'sigma' is what is chosen, and cannot be given")
    judgments = round_.judgments
    counts = np.flatnonzero(judgments.is_cardinal & (judgments.weight > 0))
    known = {judgments.juror[row] for row in counts.tolist()} - {None}  # an answer without a log ratio has no density
    by = "juror" if len(known) > 1 else "pair"
    asked = _configurations({method: options}, SIGMAS, (1.0,))
    found = _run(round_, asked, by, folds_of(round_.judgments, by, N_FOLDS), ("log_density",))
    table = found.table()
    return float(found.best(method).sigma), Table({"sigma": table["sigma"], "elpd": table["elpd"]})


def _run(
    round_: Round,
    asked: tuple[Configuration, ...],
    by: str,
    parts: tuple[Fold, ...],
    names: tuple[str, ...],
) -> Evaluation:
    """Evaluate configurations; of the scores that are not named every one is nan."""
    n = sum(len(part.rows) for part in parts)
    tables = {name: np.full((len(asked), n), np.nan) for name in LABEL_SCORES}
    effective, sigmas = np.empty((len(asked), len(parts))), np.empty((len(asked), len(parts)))
    doubts: list[str] = []
    start = 0
    for k, part in enumerate(parts):
        stop = start + len(part.rows)
        without = _without(round_, part)
        left_out = _LeftOut(round_, part.rows)
        with warnings.catch_warnings():
            for said_by_doubts in (NotCertifiedWarning, TieBreakWarning):
                warnings.simplefilter("ignore", said_by_doubts)
            for c, configuration in enumerate(asked):
                ensemble = configuration.of(without)
                effective[c, k], sigmas[c, k] = ensemble.effective_models[0], ensemble.sigma
                for name, values in left_out.scores(ensemble, names).items():
                    tables[name][c, start:stop] = values
        doubts += [f"without {part.name}: {doubt}" for doubt in without.doubts]
        start = stop
    row = np.concatenate([part.rows for part in parts])
    resampled, group = resampling_groups(round_.judgments, row)
    return Evaluation(
        by=by,
        folds=tuple(part.name for part in parts),
        configurations=asked,
        row=row,
        fold=np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts]),
        weight=round_.judgments.weight[row],
        group=group,
        resampled=resampled,
        effective_models=effective,
        sigma=sigmas,
        doubts=tuple(doubts),
        **tables,
    )


def _widths(sigma: Sigma | Sequence[float]) -> tuple[Sigma, ...]:
    """Return the widths to evaluate, or the word for one that each fold chooses."""
    if isinstance(sigma, str) and sigma == AUTO:
        return (AUTO,)
    return _grid(sigma, "sigma", f", or {AUTO!r} by itself")


def _grid(values: Any, what: str, more: str = "") -> tuple[float, ...]:
    """Return the numbers to evaluate."""
    several = isinstance(values, Sequence) or (isinstance(values, np.ndarray) and values.ndim > 0)
    listed: tuple[Any, ...] = tuple(values) if several and not isinstance(values, str) else (values,)
    if not listed:
        raise NoDataError(f"{what}: there is nothing to evaluate")
    if any(isinstance(value, str) for value in listed):
        raise OptionError(f"{what}: expected a number or several{more}, got {values!r}")
    return tuple(positive_number(value, what) for value in listed)


def _require_round(round_: object) -> None:
    from hemicycle.round import Round  # a round evaluates itself to choose a width

    if not isinstance(round_, Round):
        raise DtypeError(f"round_: expected a Round, got {type(round_).__name__}; Round(judgments, pool) makes one")


def _configurations(
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]] | None,
    sigmas: tuple[Sigma, ...],
    powers: tuple[float, ...],
) -> tuple[Configuration, ...]:
    found = []
    for name, options in _named(METHODS if methods is None else methods):
        method = known_word(options.get("method", name), "method", METHODS)
        rest = {option: value for option, value in options.items() if option not in ("method", "sigma", "power")}
        own_sigmas = _widths(options["sigma"]) if "sigma" in options else sigmas
        if method != "bma" and "power" in options:
            raise OptionError(f"power: only method='bma' has one, got method={method!r}")
        own_powers = (1.0,) if method != "bma" else _grid(options.get("power", powers), "power")
        found += [Configuration(name, method, s, p, rest) for s, p in product(own_sigmas, own_powers)]
    if not found:
        raise NoDataError("methods: there is nothing to evaluate")
    return tuple(found)


def _named(methods: object) -> list[tuple[str, Mapping[str, Any]]]:
    """Return what each method is called, and its options."""
    if isinstance(methods, str) or not isinstance(methods, Iterable):
        got = repr(methods) if isinstance(methods, str) else type(methods).__name__
        raise DtypeError(f"methods: expected names of methods, or a mapping of them to their options, got {got}")
    if not isinstance(methods, Mapping):
        return [(name, {}) for name in dict.fromkeys([known_word(name, "method", METHODS) for name in methods])]
    for name, options in methods.items():
        if not isinstance(name, str):
            raise DtypeError(f"methods: expected names as keys, got {name!r}")
        if not isinstance(options, Mapping):
            raise DtypeError(f"methods[{name!r}]: expected a mapping of options, got {type(options).__name__}")
        for option in options:
            known_word(option, f"methods[{name!r}]", ("method", "sigma", *OPTIONS))
    return list(methods.items())


def _without(round_: Round, part: Fold) -> Round:
    """Return the round without the judgments of a fold."""
    judgments = round_.judgments
    kept = np.ones(len(judgments), dtype=bool)
    kept[part.rows] = False
    if not (kept & (judgments.weight > 0) & ~np.isnan(judgments.log_ratio)).any():
        raise NoDataError(f"judgments: without {part.name} none is left that says how much")
    return round_.select(kept)


class _LeftOut:
    """Judgments that no ensemble has seen, to be scored."""

    def __init__(self, round_: Round, rows: NDArray[np.int64]) -> None:
        judgments = round_.judgments
        self.logits = round_.pool.logits
        self.a, self.b = judgments.a[rows], judgments.b[rows]
        self.y, self.choice = judgments.log_ratio[rows], judgments.choice[rows]
        self.cardinal = ~np.isnan(self.y)

    def scores(self, ensemble: Ensemble, names: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
        """Return the scores of these names for each judgment."""
        support = np.flatnonzero(ensemble.weights)
        weights = ensemble.weights[support]
        pooled = weights @ self.logits[support]  # (n_items,)
        mu = pooled[self.b] - pooled[self.a]
        chosen = np.where(self.choice == 2, mu, -mu)
        agreed = np.where(np.abs(mu) <= _TIE, 0.5, (chosen > 0).astype(np.float64))
        found = {
            "squared_error": (mu - self.y) ** 2,
            "brier": (share(mu) - share(self.y)) ** 2,
            "agreement": np.where(self.choice > 0, agreed, np.nan),
        }
        mixtures = {name: score for name, score in _MIXTURE_SCORES.items() if name in names}
        found |= {name: np.full(len(self.y), np.nan) for name in mixtures}
        rows = np.flatnonzero(self.cardinal)
        n_blocks = max(1, -(-len(rows) * len(support) // BLOCK_CELLS))
        for some in np.array_split(rows, n_blocks):
            a, b = (self.logits[np.ix_(support, end[some])].astype(np.float64) for end in (self.a, self.b))
            centres = np.ascontiguousarray((b - a).T)  # (n_some, n_support)
            for name, score in mixtures.items():
                if len(some):
                    found[name][some] = score(centres, weights, ensemble.sigma, self.y[some])
        return {name: found[name] for name in names}
