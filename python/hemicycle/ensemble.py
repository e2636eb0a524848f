"""What a round decides: the weights of the models, and everything that follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.allocation import allocate, pooled_logits
from hemicycle.allocation_range import allocation_range, log_ratio_range
from hemicycle.arrays import read_only
from hemicycle.averaging import effective_models
from hemicycle.diversity import pool_diversity
from hemicycle.dominance import dominance_notice
from hemicycle.errors import DomainError, OptionError
from hemicycle.influence import LEAVE_OUT
from hemicycle.intervals import allocation_intervals
from hemicycle.jurors import juror_diagnostics, least_likely_judgments
from hemicycle.mixture import jury_log_density
from hemicycle.model_mass import is_uniform
from hemicycle.options import known_word
from hemicycle.predictive import Predictive
from hemicycle.scores import mean_squared_error
from hemicycle.table import Table
from hemicycle.tie_breaks import tie_notice

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from numpy.typing import NDArray

    from hemicycle.allocation import Mean
    from hemicycle.diversity import PoolDiversity
    from hemicycle.influence import By
    from hemicycle.intervals import AllocationIntervals, IntervalKind
    from hemicycle.items import Items
    from hemicycle.jurors import JurorDiagnostics
    from hemicycle.mechanism import Method
    from hemicycle.round import Round
    from hemicycle.solution import SimplexSolution
    from hemicycle.types import Seed

__all__ = ["Ensemble"]

MODELS_SHOWN = 3  #: names in a printed cell; more are counted


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Weights of a round's models under one method; made by `Round.ensemble`.

    Attributes
    ----------
    round : Round
        The round that was decided.
    method : str
        How: "least_squares", "bma", "stacking", "greedy", "uniform" or "best".
    sigma : float
        Width of the Gaussian at each label, in the unit of ``log_ratio``.
    weights : ndarray of float64, shape (n_models,)
        Non-negative, ``abs(math.fsum(weights) - 1) <= 2**-52``; read-only, in the order of `models`.
    solution : SimplexSolution or None
        Certificate of the solver, for the methods that have one (least squares, stacking, greedy).
    options : dict
        What the method was told, the defaults too: `Round.ensemble` has them. ``rng`` is a seed, and
        ``round.ensemble(method, sigma=sigma, **options)`` gives the same weights.
    sigmas_tried : Table or None
        Where `sigma` was chosen: columns sigma and elpd, the log density of judgments that were left out under each.
    """

    round: Round = field(repr=False)
    method: Method
    sigma: float
    weights: NDArray[np.float64]
    solution: SimplexSolution | None = None
    options: dict[str, Any] = field(default_factory=dict)
    sigmas_tried: Table | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", read_only(self.weights))

    def __repr__(self) -> str:
        n_effective = self.effective_models[0]
        return f"Ensemble({self.method}, {n_effective:.1f} effective of {len(self.models)} models, sigma={self.sigma})"

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models, shape (n_models,)."""
        return self.round.pool.models

    @property
    def items(self) -> Items:
        """Items that are given shares."""
        return self.round.pool.items

    @property
    def effective_models(self) -> tuple[float, float]:
        """Effective number of models: exponential of the entropy of the weights, and one over their sum of squares."""
        return effective_models(self.weights)

    @property
    def mse(self) -> float:
        """Mean squared error of the pooled log ratio: the contest's score of the geometric allocation."""
        pooled = pooled_logits(self.round.pool, self.weights)
        return float(mean_squared_error(pooled[None], self.round.judgments, n_threads=self.round.n_threads)[0])

    @property
    def diversity(self) -> PoolDiversity:
        """What the disagreement of the models earns: their squared error on average, less that of their average."""
        return pool_diversity(self.round.pool, self.round.judgments, self.weights)

    @property
    def log_likelihood(self) -> float:
        r"""Log likelihood of the mixture on the rows used.

        :math:`\sum_n c_n \log \sum_i v_{ni} \sum_d w_d \mathrm{Normal}(y_{ni} \mid \mu_{dn}, \sigma)`, over pairs: what
        the leaderboard says of a single model.
        """
        return math.fsum(self.round.pair_weight * self._log_density("pair"))

    @property
    def log_score(self) -> float:
        r"""Log score of the single labels, which stacking maximises.

        :math:`\sum_n c_n \sum_i v_{ni} \log \sum_d w_d \mathrm{Normal}(y_{ni} \mid \mu_{dn}, \sigma)`.
        """
        return math.fsum(self.round.label_weight * self._log_density("label"))

    @property
    def notice(self) -> str | None:
        """What the reader should know where one model has more than 0.9 of the weight; else None."""
        return dominance_notice(self)

    def tie_notice(self, mean: Mean = "geometric", ranges: Table | None = None) -> str | None:
        """Return what the reader should know where other weights are optimal for least squares too; else None.

        Parameters
        ----------
        mean : {"geometric", "arithmetic"}, default "geometric"
            Which average of the models' shares is paid.
        ranges : Table, optional
            What `allocation_range` found: then the notice says by how much the allocation moves at most.

        Returns
        -------
        str or None
            Sentences. None where the weights are unique, or the method does not say.
        """
        return tie_notice(self, mean, ranges)

    def leaderboard(self) -> Table:
        """Return the scores of the single models beside their weights.

        Returns
        -------
        Table
            Columns rank, model, weight, log_likelihood, mse, accuracy; ordered by log likelihood, whatever the weights
            are. Equal log likelihoods share a rank and are ordered by name. The accuracy is nan where no judgment names
            a winner.
        """
        scores = self.round.scores(self.sigma)
        order = sorted(range(len(self.models)), key=lambda d: (-scores.log_likelihood[d], self.models[d]))
        ordered = scores.log_likelihood[order]
        first_of_tie = np.flatnonzero(np.diff(ordered, prepend=np.inf))
        n_before = np.repeat(first_of_tie, np.diff(np.append(first_of_tie, len(order))))
        return Table(
            {
                "rank": n_before + 1,
                "model": [self.models[d] for d in order],
                "weight": self.weights[order],
                "log_likelihood": ordered,
                "mse": scores.mse[order],
                "accuracy": scores.accuracy[order],
            }
        )

    def allocation(self, mean: Mean = "geometric") -> Table:
        """Return the share of each item in the budget of its parent.

        Parameters
        ----------
        mean : {"geometric", "arithmetic"}, default "geometric"
            The log pool or the linear pool of the models' shares.

        Returns
        -------
        Table
            Columns parent, item, share; the items in the order and spelling of the round, the shares of one parent
            with sum 1.

        Raises
        ------
        OptionError
            If `mean` is neither of the two.

        See Also
        --------
        hemicycle.allocate : the formulas.
        """
        shares = allocate(self.round.pool, self.weights, mean=mean)
        columns = {"parent": self.items.parents, "item": self.items.names, "share": shares}
        return Table(columns, printed={"item": self.items.hostless_names})

    def allocation_range(self, mean: Mean = "geometric") -> Table:
        """Return the lowest and highest share of each item over all weights that are optimal for least squares.

        Where the judgments leave the weights open, the allocation owes a part to the tie-break: this is how much.

        Parameters
        ----------
        mean : {"geometric", "arithmetic"}, default "geometric"
            The log pool or the linear pool of the models' shares.

        Returns
        -------
        Table
            Columns parent, item, share, low, high, low_bound, high_bound, component, low_models, high_models; under the
            geometric mean also low_logit and high_logit, the range of the logit less the mean of its parent's. No
            optimal weights go beyond the bounds. Items of one component are connected by comparisons: among themselves,
            geometric shares do not move. The models that attain an end are in one cell, separated by
            commas; the cell is empty where the share does not move. Printed, more than three are only counted.

        Raises
        ------
        OptionError
            If the method is not "least_squares", or `mean` neither of the two.
        NotConvergedError
            If the weights could not be certified.
        MissingExtraError
            If a linear program must be solved and highspy is not installed.

        See Also
        --------
        hemicycle.allocation_range.allocation_range : the same on arrays, with the weights at each end.
        """
        found = allocation_range(self.round.pool, self.round.judgments, self._least_squares(), mean=mean)
        columns: dict[str, Any] = {
            "parent": self.items.parents,
            "item": self.items.names,
            "share": allocate(self.round.pool, self.weights, mean=mean),
            "low": found.low,
            "high": found.high,
            "low_bound": found.low_bound,
            "high_bound": found.high_bound,
            "component": found.component,
        }
        if found.lowest_logit is not None and found.highest_logit is not None:
            columns["low_logit"] = np.array([end.value for end in found.lowest_logit])
            columns["high_logit"] = np.array([end.value for end in found.highest_logit])
        printed = {"item": self.items.hostless_names}
        for name, ends in (("low_models", found.lowest), ("high_models", found.highest)):
            columns[name], printed[name] = [], []
            for end, moves in zip(ends, (found.low < found.high).tolist(), strict=True):
                listed = [self.models[model] for model in end.models] if moves else []
                columns[name].append(", ".join(listed))
                printed[name].append(columns[name][-1] if len(listed) <= MODELS_SHOWN else f"{len(listed)} models")
        return Table(columns, printed)

    def log_ratio_range(self, a: str, b: str, *, parent: str | None = None) -> tuple[float, float]:
        """Return the lowest and highest pooled log ratio of two items over all weights optimal for least squares.

        Parameters
        ----------
        a, b : str
            Names of two items of one parent, in any spelling; a positive log ratio favours `b`.
        parent : str, optional
            Their parent; needed where several parents have an item of that name.

        Returns
        -------
        lowest, highest : float
            Bounds of the log ratio, sharp to 1e-9 of what models say; equal where comparisons connect the two items.

        Raises
        ------
        UnknownItemError
            If an item is not part of the round, or its parent must be named.
        DomainError
            If the two items belong to different parents.
        OptionError, NotConvergedError, MissingExtraError
            As in `allocation_range`.
        """
        first, second = self.items.position(a, parent), self.items.position(b, parent)
        solution = self._least_squares()
        lowest, highest = log_ratio_range(self.round.pool, self.round.judgments, solution, first, second)
        return lowest.bound, highest.bound

    def influence(self, by: By = "juror", mean: Mean = "geometric") -> Table:
        """Return what changes when one juror, pair or model at a time is left out.

        Parameters
        ----------
        by : {"juror", "pair", "model"}, default "juror"
            What is left out. Of the models, only those with weight matter.
        mean : {"geometric", "arithmetic"}, default "geometric"
            The log pool or the linear pool of the models' shares.

        Returns
        -------
        Table
            Columns juror, pair or model; judgments (not for models); weight_change and allocation_change, the weight
            and the part of the budgets that move; mse_with and mse_without, the error at the judgments that are left
            out (for a model, at all) with and without. The most influential first.

        Raises
        ------
        OptionError
            If the method is not "least_squares" with the weights nearest to uniform, or `by` or `mean` no such word.
        FormatError
            If no judgment names its juror.
        NoDataError
            If without one of them nothing is left.
        NotConvergedError
            If the weights, or those without one of them, could not be certified.

        See Also
        --------
        hemicycle.influence : the same on arrays, with all weights and allocations.
        """
        leave_out = LEAVE_OUT[known_word(by, "by", tuple(LEAVE_OUT))]
        if self.method != "least_squares" or self.solution is None:
            raise OptionError(f"method is {self.method!r}; influence is known of 'least_squares' only")
        if self.options["tie_break"] != "nearest" or not is_uniform(self.options["reference"]):
            raise OptionError(
                "influence is that on the weights nearest to uniform, with tie_break='nearest' and no reference; these "
                "have another tie-break or reference"
            )
        pool, judgments, n_threads = self.round.pool, self.round.judgments, self.round.n_threads
        return leave_out(pool, judgments, solution=self.solution, mean=mean, n_threads=n_threads).table()

    def intervals(
        self,
        kind: IntervalKind = "bootstrap",
        *,
        mean: Mean = "geometric",
        level: float = 0.9,
        replicates: int = 200,
        rng: Seed = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> AllocationIntervals:
        """Return an interval for the share of each item.

        Parameters
        ----------
        kind : {"bootstrap", "posterior"}, default "bootstrap"
            Over juries that might have answered, or, of "bma" only, over single models.
        mean : {"geometric", "arithmetic"}, default "geometric"
            The log pool or the linear pool of the models' shares.
        level : float, default 0.9
            Probability inside, between 0 and 1.
        replicates : int, default 200
            Replicates of the Bayesian bootstrap over jurors, or over pairs where jurors are not named.
        rng : None, int, numpy.random.SeedSequence or numpy.random.Generator, default 0
            Where they come from.
        progress : callable, optional
            Called with the number of replicates done and their number, after each.

        Returns
        -------
        AllocationIntervals
            With a table, and a label that says what they are.

        Raises
        ------
        OptionError, DomainError, NoDataError, DtypeError, NonFiniteError
            As `hemicycle.intervals.allocation_intervals`, which says what they tell.
        """
        return allocation_intervals(
            self, kind=kind, mean=mean, level=level, replicates=replicates, rng=rng, progress=progress
        )

    def jurors(self) -> JurorDiagnostics:
        """Return what the answers of each juror tell beside this ensemble.

        Returns
        -------
        JurorDiagnostics
            Agreement, error and log density of the labels, scale, sides and circular triads; with a table.

        Raises
        ------
        FormatError
            If no judgment names its juror.

        See Also
        --------
        hemicycle.jurors.juror_diagnostics : the definitions.
        """
        round_ = self.round
        return juror_diagnostics(
            round_.pool, round_.judgments, self.weights, sigma=self.sigma, n_threads=round_.n_threads
        )

    def least_likely(self, k: int = 10) -> Table:
        """Return the judgments to which the predictive mixture gives the least density.

        Parameters
        ----------
        k : int, default 10
            How many.

        Returns
        -------
        Table
            Columns juror, parent, a, b, log_ratio, predicted, log_density, tail_probability, weight and line; the least
            likely first.

        Raises
        ------
        DtypeError, DomainError
            If `k` is no integer above 0.

        See Also
        --------
        hemicycle.jurors.least_likely_judgments : what the columns mean.
        """
        round_ = self.round
        return least_likely_judgments(
            round_.pool, round_.judgments, self.weights, sigma=self.sigma, k=k, n_threads=round_.n_threads
        )

    def predictive(self, a: str, b: str, *, parent: str | None = None) -> Predictive:
        """Return the predictive distribution of one pair's log ratio.

        Parameters
        ----------
        a, b : str
            Names of two items of one parent, in any spelling; a positive log ratio favours `b`.
        parent : str, optional
            Their parent; needed where several parents have an item of that name.

        Returns
        -------
        Predictive
            Mixture of a Gaussian of width `sigma` at each model's log ratio.

        Raises
        ------
        UnknownItemError
            If an item is not part of the round, or its parent must be named.
        DomainError
            If the two items belong to different parents, or are one.
        """
        first, second = self.items.position(a, parent), self.items.position(b, parent)
        parents = self.items.parents[first], self.items.parents[second]
        if first == second:
            raise DomainError(f"a and b are both {self.items.names[first]!r}; a comparison needs two items")
        if self.items.parent_index[first] != self.items.parent_index[second]:
            raise DomainError(f"a belongs to {parents[0]!r} and b to {parents[1]!r}; no comparison crosses parents")
        logits = self.round.pool.logits[:, [first, second]].astype(np.float64)
        return Predictive(logits[:, 1] - logits[:, 0], self.weights, self.sigma)

    def _least_squares(self) -> SimplexSolution:
        """Return the solution, if all weights that are as good are known."""
        if self.method != "least_squares" or self.solution is None:
            raise OptionError(
                f"method is {self.method!r}; ranges are known of 'least_squares' only. The weights of bma, greedy, "
                "uniform and best are unique by definition; those of stacking need not be, as their tie notice says"
            )
        return self.solution

    def _log_density(self, per: Literal["pair", "label"]) -> NDArray[np.float64]:
        """Log density of each pair or label under the mixture."""
        judged = self.round.judgments
        n_threads = self.round.n_threads
        return jury_log_density(
            self.round.pool.logits, judged, self.weights, sigma=self.sigma, per=per, n_threads=n_threads
        )
