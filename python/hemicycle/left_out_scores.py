"""Scores of judgments that were left out: tables of them, and the uncertainty of their differences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import read_only, row_indices
from hemicycle.errors import NoDataError, OptionError
from hemicycle.options import known_word, positive_count, random_generator
from hemicycle.rejects import counted
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.ensemble import Ensemble
    from hemicycle.round import Round, Sigma
    from hemicycle.types import Seed

__all__ = ["LABEL_SCORES", "SCORES", "Configuration", "Evaluation"]

SCORES = ("elpd", "crps", "mse", "brier", "accuracy")
"""What judgments that were left out are scored by; of the first and the last more is better, of the others less."""

LABEL_SCORES = ("log_density", "crps", "squared_error", "brier", "agreement", "pit")
"""What is known of each label."""

_HIGHER = ("elpd", "accuracy")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A method with the options that are evaluated.

    Attributes
    ----------
    name : str
        What tables call the method.
    method : str
        As of `Round.ensemble`.
    sigma : float or "auto"
        Width of the Gaussian at each label; "auto" is chosen in each fold.
    power : float
        Power of the likelihood, of "bma" only.
    options : dict
        Further options of `Round.ensemble`.
    """

    name: str
    method: str
    sigma: Sigma
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
    sigma : ndarray of float64, shape (n_configurations, n_folds)
        Width in each fold, also where each fold chose its own.
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
    sigma: NDArray[np.float64]
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
            Columns method, sigma (the mean over folds where each chose its own), power, elpd (the sum of the weighted
            log densities), crps, mse, brier and accuracy (weighted means), coverage_50 and coverage_90 (the part of the
            labels inside the central intervals of 50 and 90 percent), pit_distance (the largest difference of the
            distribution of `pit` from the uniform one) and effective_models (the mean over folds). In the order of
            `configurations`. A score is nan where no judgment that was left out has what it needs: a log ratio, or for
            accuracy a choice.
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
        NoDataError
            If no configuration was selected.
        DtypeError, DomainError
            If `replicates` is no integer above 0, or `rng` no seed.

        References
        ----------
        Rubin (1981), The Bayesian bootstrap, doi:10.1214/aos/1176345338. Vehtari, Gelman and Gabry (2017), Practical
        Bayesian model evaluation using leave-one-out cross-validation and WAIC, doi:10.1007/s11222-016-9696-4, section
        5.2, for differences judged by judgment.
        """
        known_word(score, "score", SCORES)
        if not self.configurations:
            raise NoDataError("configurations: there is nothing to compare")
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
            "first": np.where(np.isnan(value), np.nan, np.bincount(leader, minlength=len(order)) / drawn.shape[1]),
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

    def select(self, places: ArrayLike) -> Evaluation:
        """Return some of the configurations.

        Parameters
        ----------
        places : array_like of int, or of bool, shape (n_configurations,)
            Their places in `configurations`, or a mask.

        Returns
        -------
        Evaluation
            Of the same judgments.

        Raises
        ------
        ShapeError, DtypeError, IndexOutOfRangeError
            If the mask has another length, or the integers are no places.
        """
        rows = row_indices(places, "places", len(self.configurations), "configurations").tolist()
        scores = {name: getattr(self, name)[rows] for name in (*LABEL_SCORES, "effective_models", "sigma")}
        return replace(self, configurations=tuple(self.configurations[k] for k in rows), **scores)

    def _named(self, order: Sequence[int] | range) -> dict[str, Any]:
        chosen = [self.configurations[k] for k in order]
        return {
            "method": [configuration.name for configuration in chosen],
            "sigma": np.array(
                [
                    float(self.sigma[k].mean()) if isinstance(c.sigma, str) else c.sigma
                    for k, c in zip(order, chosen, strict=True)
                ]
            ),
            "power": np.array([configuration.power for configuration in chosen]),
        }

    def _of_labels(self, score: str) -> NDArray[np.float64]:
        name = {"elpd": "log_density", "mse": "squared_error", "accuracy": "agreement"}.get(score, score)
        values: NDArray[np.float64] = getattr(self, name)
        return values

    def _value(self, score: str, k: int) -> float:
        values = self._of_labels(score)[k]
        if score == "elpd" and not np.isnan(values).all():
            return float(np.nansum(self.weight * values))
        return self._mean(values)

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
        if not known.any():
            return np.full((len(values), n), np.nan)
        _, group = np.unique(self.group[known], return_inverse=True)
        weighted = self.weight[known] * values[:, known]
        sums = np.stack([np.bincount(group, row) for row in weighted])  # (n_configurations, n_groups)
        alpha = random_generator(rng).standard_exponential((n, sums.shape[1]))
        alpha *= sums.shape[1] / alpha.sum(axis=1, keepdims=True)
        totals: NDArray[np.float64] = sums @ alpha.T
        return totals if score == "elpd" else totals / (np.bincount(group, self.weight[known]) @ alpha.T)
