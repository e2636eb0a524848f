"""Predictive quality on judgments that were left out: every method, with the uncertainty of the differences."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import read_only
from hemicycle.errors import NoDataError, NotCertifiedWarning, OptionError, TieBreakWarning
from hemicycle.folds import folds_of
from hemicycle.gaussian_mixture import mixture_cdf, mixture_crps, mixture_log_density
from hemicycle.options import known_word, positive_count, random_generator
from hemicycle.rejects import counted
from hemicycle.scores import share
from hemicycle.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.ensemble import Ensemble
    from hemicycle.folds import Fold
    from hemicycle.judgments import Judgments
    from hemicycle.round import Round
    from hemicycle.types import Seed

__all__ = ["SCORES", "SIGMAS", "Configuration", "Evaluation", "choose_sigma", "evaluate"]

SCORES = ("elpd", "crps", "mse", "brier", "accuracy")
"""What judgments that were left out are scored by; of the first and the last more is better, of the others less."""

SIGMAS = tuple(2.0 ** (k / 2) for k in range(-4, 7))
"""Widths that sigma="auto" chooses from: 0.25 to 8, each the root of 2 times the one before."""

N_FOLDS = 10  #: to choose a width by
LABEL_SCORES = ("log_density", "crps", "squared_error", "brier", "agreement", "pit")
_MIXTURE_SCORES = {"log_density": mixture_log_density, "crps": mixture_crps, "pit": mixture_cdf}
_HIGHER = ("elpd", "accuracy")
_TIE = 1e-9  #: logits this near are equal, as in `hemicycle.accuracy`
BLOCK_CELLS = 1 << 20  #: label-model cells held at a time: 8 MB of float64


@dataclass(frozen=True, slots=True)
class Configuration:
    """A method with the options that are evaluated.

    Attributes
    ----------
    name : str
        What tables call the method.
    method : str
        As of `Round.ensemble`.
    sigma : float
        Width of the Gaussian at each label.
    power : float
        Power of the likelihood, of "bma" only.
    options : dict
        Further options of `Round.ensemble`.
    """

    name: str
    method: str
    sigma: float
    power: float
    options: dict[str, Any]

    def of(self, round_: Round) -> Ensemble:
        """Return the ensemble of a round."""
        tempered = {"power": self.power} if self.method == "bma" else {}
        options: dict[str, Any] = {"method": self.method, "sigma": self.sigma} | tempered | self.options
        return round_.ensemble(**options)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Scores of the judgments that were left out, each by ensembles that did not see it.

    Attributes
    ----------
    by : {"juror", "pair", "split"}
        What was left out together.
    folds : tuple of str
        Names of the folds.
    configurations : tuple of Configuration
        What was evaluated.
    row : ndarray of int64, shape (n,)
        The judgments that were left out once, by their rows in the round's judgments.
    fold : ndarray of int64, shape (n,)
        The fold of each.
    weight : ndarray of float64, shape (n,)
        Their weights u_i.
    group : ndarray of int64, shape (n,)
        Who gave them: what the bootstrap resamples. The juror, or the pair where no juror is named.
    resampled : {"juror", "pair"}
        Which of the two.
    log_density, crps, squared_error, brier, pit : ndarray of float64, shape (n_configurations, n)
        Log density and continuous ranked probability score of each label under the predictive mixture; squared error
        and Brier score of the pooled log ratio; probability of values up to the label. nan for ordinal judgments.
    agreement : ndarray of float64, shape (n_configurations, n)
        1 where the pooled logits name the chosen item, 1/2 where they tie; nan without a choice.
    effective_models : ndarray of float64, shape (n_configurations, n_folds)
        Effective number of models, the exponential of the entropy of the weights.
    doubts : tuple of str
        Which weights could not be certified, and of which fold.
    """

    by: str
    folds: tuple[str, ...]
    configurations: tuple[Configuration, ...]
    row: NDArray[np.int64]
    fold: NDArray[np.int64]
    weight: NDArray[np.float64]
    group: NDArray[np.int64]
    resampled: str
    log_density: NDArray[np.float64]
    crps: NDArray[np.float64]
    squared_error: NDArray[np.float64]
    brier: NDArray[np.float64]
    agreement: NDArray[np.float64]
    pit: NDArray[np.float64]
    effective_models: NDArray[np.float64]
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, read_only(value))

    def __repr__(self) -> str:
        left_out = f"{counted(len(self.row), 'judgment')} left out in {counted(len(self.folds), 'fold')} by {self.by}"
        return f"Evaluation({counted(len(self.configurations), 'configuration')}, {left_out})"

    def table(self) -> Table:
        """Return the scores of every configuration.

        Returns
        -------
        Table
            Columns method, sigma, power, elpd (the sum of the weighted log densities), crps, mse, brier and accuracy
            (weighted means), coverage_50 and coverage_90 (the part of the labels inside the central intervals of 50 and
            90 percent), pit_distance (the largest difference of the distribution of `pit` from the uniform one) and
            effective_models (the mean over folds). In the order of `configurations`.
        """
        columns = self._named(range(len(self.configurations)))
        for score in SCORES:
            columns[score] = np.array([self._value(score, k) for k in range(len(self.configurations))])
        for level in (0.5, 0.9):
            inside = np.abs(self.pit - 0.5) <= level / 2
            columns[f"coverage_{level:.0%}".rstrip("%")] = np.array([self._mean(row) for row in self._known(inside)])
        columns["pit_distance"] = np.array([self._uniformity(pit) for pit in self.pit])
        columns["effective_models"] = self.effective_models.mean(axis=1)
        return Table(columns)

    def compare(self, score: str = "elpd", *, replicates: int = 4000, rng: Seed = 0) -> Table:
        """Return the configurations in the order of one score, with the uncertainty of their differences.

        The Bayesian bootstrap over jurors: each replicate gives every juror a random weight, the same for all
        configurations, so that what is hard for all does not blur the difference of two.

        Parameters
        ----------
        score : {"elpd", "crps", "mse", "brier", "accuracy"}, default "elpd"
            What to compare by.
        replicates : int, default 4000
            Replicates of the bootstrap.
        rng : None, int, numpy.random.SeedSequence or numpy.random.Generator, default 0
            Where they come from.

        Returns
        -------
        Table
            Columns rank, method, sigma, power, the score, diff (to the first), dse (the standard deviation of the
            difference over replicates), low and high (its central 90 percent) and first (the part of the replicates in
            which the configuration comes first); then the other columns of `table`.

        Raises
        ------
        OptionError
            If `score` is no such word.
        DtypeError, DomainError
            If `replicates` is no integer above 0, or `rng` no seed.

        References
        ----------
        Rubin (1981), The Bayesian bootstrap, doi:10.1214/aos/1176345338. Vehtari, Gelman and Gabry (2017), Practical
        Bayesian model evaluation using leave-one-out cross-validation and WAIC, doi:10.1007/s11222-016-9696-4, section
        5.2, for differences judged by judgment.
        """
        known_word(score, "score", SCORES)
        drawn = self._replicates(score, positive_count(replicates, "replicates"), rng)  # (n_configurations, replicates)
        value = np.array([self._value(score, k) for k in range(len(self.configurations))])
        sign = 1.0 if score in _HIGHER else -1.0
        order = np.argsort(-sign * value, kind="stable")
        differences = drawn[order] - drawn[order[0]]
        leader = np.argmax(sign * drawn[order], axis=0)
        low, high = np.quantile(differences, [0.05, 0.95], axis=1)
        columns: dict[str, Any] = {"rank": np.arange(1, len(order) + 1)} | self._named(order.tolist())
        columns |= {
            score: value[order],
            "diff": value[order] - value[order[0]],
            "dse": differences.std(axis=1),
            "low": low,
            "high": high,
            "first": np.bincount(leader, minlength=len(order)) / drawn.shape[1],
        }
        whole = self.table()
        return Table(columns | {name: whole[name][order] for name in whole.columns if name not in columns})

    def best(self, name: str, score: str = "elpd") -> Configuration:
        """Return the configuration of one method with the best score; of equals the first.

        Parameters
        ----------
        name : str
            As of `Configuration`.
        score : {"elpd", "crps", "mse", "brier", "accuracy"}, default "elpd"
            What decides.

        Returns
        -------
        Configuration
            One of `configurations`.

        Raises
        ------
        OptionError
            If nothing of that name was evaluated, or `score` is no such word.
        """
        known_word(score, "score", SCORES)
        of_name = [k for k, configuration in enumerate(self.configurations) if configuration.name == name]
        if not of_name:
            raise OptionError(f"name: {name!r} was not evaluated")
        sign = 1.0 if score in _HIGHER else -1.0
        return self.configurations[max(of_name, key=lambda k: sign * self._value(score, k))]

    def select(self, places: Sequence[int]) -> Evaluation:
        """Return some of the configurations.

        Parameters
        ----------
        places : sequence of int
            Their places in `configurations`.

        Returns
        -------
        Evaluation
            Of the same judgments.
        """
        rows = list(places)
        scores = {name: getattr(self, name)[rows] for name in (*LABEL_SCORES, "effective_models")}
        return replace(self, configurations=tuple(self.configurations[k] for k in rows), **scores)

    def _named(self, order: Sequence[int] | range) -> dict[str, Any]:
        chosen = [self.configurations[k] for k in order]
        return {
            "method": [configuration.name for configuration in chosen],
            "sigma": np.array([configuration.sigma for configuration in chosen]),
            "power": np.array([configuration.power for configuration in chosen]),
        }

    def _of_labels(self, score: str) -> NDArray[np.float64]:
        name = {"elpd": "log_density", "mse": "squared_error", "accuracy": "agreement"}.get(score, score)
        values: NDArray[np.float64] = getattr(self, name)
        return values

    def _value(self, score: str, k: int) -> float:
        values = self._of_labels(score)[k]
        return float(np.nansum(self.weight * values)) if score == "elpd" else self._mean(values)

    def _mean(self, values: NDArray[np.float64]) -> float:
        known = ~np.isnan(values)
        return float(np.average(values[known], weights=self.weight[known])) if known.any() else np.nan

    def _known(self, values: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return truth values as numbers, nan for labels that have none."""
        return np.where(np.isnan(self.pit), np.nan, values)

    def _uniformity(self, pit: NDArray[np.float64]) -> float:
        """Kolmogorov's distance of weighted values from the uniform distribution."""
        known = np.flatnonzero(~np.isnan(pit))
        order = known[np.argsort(pit[known], kind="stable")]
        upper = np.cumsum(self.weight[order]) / self.weight[order].sum()
        lower = np.concatenate([[0.0], upper[:-1]])
        return float(max((upper - pit[order]).max(), (pit[order] - lower).max())) if len(order) else np.nan

    def _replicates(self, score: str, n: int, rng: Seed) -> NDArray[np.float64]:
        values = self._of_labels(score)
        known = ~np.isnan(values[0])
        _, group = np.unique(self.group[known], return_inverse=True)
        weighted = self.weight[known] * values[:, known]
        sums = np.stack([np.bincount(group, row) for row in weighted])  # (n_configurations, n_groups)
        alpha = random_generator(rng).standard_exponential((n, sums.shape[1]))
        alpha *= sums.shape[1] / alpha.sum(axis=1, keepdims=True)
        totals: NDArray[np.float64] = sums @ alpha.T
        return totals if score == "elpd" else totals / (np.bincount(group, self.weight[known]) @ alpha.T)


def evaluate(
    round_: Round,
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    *,
    by: str = "juror",
    folds: int | str | None = None,
    sigma: float | Sequence[float] = 0.5,
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
        Number of folds: each juror by itself, and ten of pairs, by default. For splits the name of the one that is left
        out, such as "private"; each in turn by default.
    sigma : float or sequence of float, default 0.5
        Widths to evaluate. Of methods whose weights do not depend on it, it is the width of the prediction.
    power : float or sequence of float, default 1.0
        Powers of the likelihood to evaluate, in Bayesian model averaging.

    Returns
    -------
    Evaluation
        Scores of each judgment, tables of them, and the uncertainty of differences.

    Raises
    ------
    OptionError
        If a method or `by` is no such word, options of a method cannot be, or no rows have the split.
    FormatError
        If no judgment names its juror, or its split.
    NoDataError
        If without a fold no judgment is left that says how much, or a grid is empty.
    DtypeError, NonFiniteError, DomainError, ShapeError
        As `Round.ensemble`.

    Notes
    -----
    A judgment that is left out is in no round that an ensemble is formed of, nor are the weights of pairs, the scores
    or the width that it would have had a part in. Every width and power of a fold shares its scores and solutions;
    memory is that of one fold, and of a number for each configuration and judgment.
    """
    asked = _configurations(methods, _grid(sigma, "sigma"), _grid(power, "power"))
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
        The one of `SIGMAS` with the highest elpd in ten folds of jurors, or of pairs where jurors are not named; of
        equals the narrowest.
    tried : Table
        Columns sigma and elpd.

    Raises
    ------
    NoDataError
        If there is one pair only, or without a fold nothing is left.
    """
    known = {juror for juror, w in zip(round_.judgments.juror, round_.judgments.weight, strict=True) if w and juror}
    by = "juror" if len(known) > 1 else "pair"
    asked = _configurations({method: options}, SIGMAS, (options.get("power", 1.0),))
    found = _run(round_, asked, by, folds_of(round_.judgments, by, N_FOLDS), ("log_density",))
    table = found.table()
    return found.best(method).sigma, Table({"sigma": table["sigma"], "elpd": table["elpd"]})


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
    effective = np.empty((len(asked), len(parts)))
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
                effective[c, k] = ensemble.effective_models[0]
                for name, values in left_out.scores(ensemble, names).items():
                    tables[name][c, start:stop] = values
        doubts += [f"without {part.name}: {doubt}" for doubt in without.doubts]
        start = stop
    row = np.concatenate([part.rows for part in parts])
    resampled, group = _groups(round_.judgments, row)
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
        doubts=tuple(doubts),
        **tables,
    )


def _grid(values: float | Sequence[float], what: str) -> tuple[float, ...]:
    if isinstance(values, str):
        raise OptionError(f"{what}: expected a number or several, got {values!r}")
    listed = tuple(values) if isinstance(values, Sequence | np.ndarray) else (values,)
    if not listed:
        raise NoDataError(f"{what}: there is nothing to evaluate")
    return listed


def _configurations(
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]] | None,
    sigmas: tuple[float, ...],
    powers: tuple[float, ...],
) -> tuple[Configuration, ...]:
    from hemicycle.round import METHODS  # a round evaluates itself to choose a width

    named = (
        methods
        if isinstance(methods, Mapping)
        else {method: {} for method in (METHODS if methods is None else methods)}
    )
    found = []
    for name, options in named.items():
        method = options.get("method", name)
        known_word(method, "method", METHODS)
        rest = {option: value for option, value in options.items() if option not in ("method", "sigma", "power")}
        own_sigmas = _grid(options["sigma"], "sigma") if "sigma" in options else sigmas
        own_powers = (1.0,) if method != "bma" else _grid(options.get("power", powers), "power")
        found += [Configuration(name, method, s, p, rest) for s, p in product(own_sigmas, own_powers)]
    if not found:
        raise NoDataError("methods: there is nothing to evaluate")
    return tuple(found)


def _without(round_: Round, part: Fold) -> Round:
    """Return the round without the judgments of a fold."""
    kept = np.ones(len(round_.judgments), dtype=bool)
    kept[part.rows] = False
    judgments = round_.judgments.select(kept)
    if not len(judgments.pairs):
        raise NoDataError(f"judgments: without {part.name} none is left that says how much")
    given = round_.pair_weights
    if not isinstance(given, str):
        pairs, n_items = round_.judgments.pairs, len(round_.judgments.items)
        place = np.searchsorted(
            pairs.a.astype(np.int64) * n_items + pairs.b,
            judgments.pairs.a.astype(np.int64) * n_items + judgments.pairs.b,
        )
        given = round_.pair_weight[place]
    return replace(round_, judgments=judgments, pair_weights=given)


def _groups(judgments: Judgments, rows: NDArray[np.int64]) -> tuple[str, NDArray[np.int64]]:
    """Return what is resampled, and the group of each row."""
    jurors = [judgments.juror[row] for row in rows.tolist()]
    if len({juror for juror in jurors if juror is not None}) > 1 and None not in jurors:
        return "juror", np.unique(np.array(jurors), return_inverse=True)[1]
    low, high = np.minimum(judgments.a[rows], judgments.b[rows]), np.maximum(judgments.a[rows], judgments.b[rows])
    return "pair", np.unique(low * len(judgments.items) + high, return_inverse=True)[1]


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
