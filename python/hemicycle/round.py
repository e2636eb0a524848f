"""The front door: a jury and a pool go in, ensembles come out, all scored on the same rows."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from hemicycle.admission import admit
from hemicycle.arrays import float_array, read_only, require_at_most, require_length, require_non_negative
from hemicycle.clones import clone_proof_prior, default_bandwidth
from hemicycle.ensemble import Ensemble
from hemicycle.errors import DtypeError, NoDataError, OptionError
from hemicycle.evaluation import choose_sigma
from hemicycle.labels import MAX_LABEL_WEIGHT
from hemicycle.likelihood import log_likelihood
from hemicycle.mechanism import METHODS, ROUNDS, mechanism, own_options, require_clone_proof
from hemicycle.model_mass import model_mass
from hemicycle.options import positive_number
from hemicycle.scores import accuracy, mean_squared_error

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.clones import CloneProofPrior
    from hemicycle.greedy_pool import Loss
    from hemicycle.judgments import Judgments
    from hemicycle.least_squares import TieBreak
    from hemicycle.mechanism import Mechanism, Method, Weighed
    from hemicycle.model_mass import Mass, Prior
    from hemicycle.pool import Pool
    from hemicycle.rejects import Rejects
    from hemicycle.stacking import StackingBy
    from hemicycle.table import Table
    from hemicycle.types import Seed

__all__ = ["ModelScores", "Round", "Sigma"]

Sigma: TypeAlias = "float | Literal['auto']"
"""A width, or how it is chosen."""

AUTO_REPLICATES = 1000  #: of the bootstrap, at most, while a width is chosen


@dataclass(frozen=True, slots=True, eq=False)
class ModelScores:
    """Scores of the single models, each of shape (n_models,).

    Attributes
    ----------
    log_likelihood : ndarray of float64
        Sum-Gaussian log likelihood over the pairs.
    mse : ndarray of float64
        Weighted mean squared error of the log ratio over the cardinal judgments.
    accuracy : ndarray of float64
        Weighted fraction of the judgments whose winner the model names; nan where none names one.
    """

    log_likelihood: NDArray[np.float64]
    mse: NDArray[np.float64]
    accuracy: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """A jury and a pool, put on one list of items.

    Parameters
    ----------
    judgments : Judgments
        What the jury said; aligned to the items of the pool.
    pool : Pool
        The submitted models. Those with a zero weight have no log ratios: they are barred, and listed in `rejects`.
    pair_weights : {"equal", "total"} or array_like of float64, shape (n_pairs,), default "equal"
        Weight of each pair in the likelihoods: 1 however many labels it has, the sum of its labels' weights, or given
        in the order of ``judgments.pairs``.
    n_threads : int, optional
        Number of threads; every core by default. No result depends on it.

    Attributes
    ----------
    judgments : Judgments
        The judgments of items of the pool.
    pool : Pool
        The models that can be scored.
    rejects : tuple of Reject
        Every submission and judgment that is left out, and why.
    notices : tuple of str
        What a reader of the results should know about the data.
    pair_weight : ndarray of float64, shape (n_pairs,)
        c_n, the weight of each pair.
    label_weight : ndarray of float64, shape (n_labels,)
        c_n v_i, the weight of each label: its part of the weight of its pair.

    Raises
    ------
    DtypeError
        If `judgments` and `pool` are not of these types.
    NoDataError
        If no model can be scored, no cardinal judgment of positive weight is left, or all pairs weigh 0.
    OptionError, ShapeError, DtypeError, NonFiniteError, DomainError
        If `pair_weights` is no such word or array.

    Notes
    -----
    What several methods need is computed once a round and width: the scores of the models, and the weights that take
    more than a pass.

    Examples
    --------
    >>> from hemicycle.synthetic import two_camp_round
    >>> made = two_camp_round(0, n_items=12, n_pairs=30, n_models=40)
    >>> ensemble = Round(made.judgments(), made.pool()).ensemble("stacking")
    >>> ensemble.leaderboard().columns
    ('rank', 'model', 'weight', 'log_likelihood', 'mse', 'accuracy')
    """

    judgments: Judgments
    pool: Pool
    _: KW_ONLY
    pair_weights: str | ArrayLike = "equal"
    n_threads: int | None = None
    rejects: Rejects = field(init=False)
    notices: tuple[str, ...] = field(init=False)
    pair_weight: NDArray[np.float64] = field(init=False)
    label_weight: NDArray[np.float64] = field(init=False)
    _seated: NDArray[np.bool_] = field(init=False)
    _log_likelihoods: dict[float, NDArray[np.float64]] = field(default_factory=dict, init=False)
    _scores: dict[float, ModelScores] = field(default_factory=dict, init=False)
    _weighed: dict[tuple[object, ...], Weighed] = field(default_factory=dict, init=False)
    _clones: dict[float, CloneProofPrior] = field(default_factory=dict, init=False)
    _widths: dict[tuple[object, ...], tuple[float, Table]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        admitted = admit(self.judgments, self.pool)
        pairs = admitted.judgments.pairs
        pair_weight = pairs.pair_weight(self.pair_weights)
        if not pair_weight.any():
            raise NoDataError("pair_weights: every pair has the weight 0")
        for name, value in (
            ("_seated", self.pool.scorable),
            ("judgments", admitted.judgments),
            ("pool", admitted.pool),
            ("rejects", admitted.rejects),
            ("notices", admitted.notices),
            ("pair_weight", read_only(pair_weight)),
            ("label_weight", read_only(pairs.label_weight(pair_weight))),
        ):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        n_pairs, n_models, n_items = len(self.judgments.pairs), len(self.pool), len(self.pool.items)
        return f"Round({len(self.judgments)} judgments of {n_pairs} pairs, {n_models} models, {n_items} items)"

    @property
    def doubts(self) -> tuple[str, ...]:
        """Which methods, of those used so far, could not give what was asked, and why.

        Their weights are the best found, or optimal but not those that the tie-break names.
        """
        return tuple(found.doubt for found in self._weighed.values() if found.doubt is not None)

    def select(self, rows: ArrayLike) -> Round:
        """Return the round with some of its judgments: the same models, and weights that stay with their pairs.

        Parameters
        ----------
        rows : array_like of bool, shape (n_judgments,), or of int
            A mask, or the rows in the order wanted.

        Returns
        -------
        Round
            What was sent and turned away is as here.

        Raises
        ------
        ShapeError, DtypeError, IndexOutOfRangeError
            If the mask has another length, or the indices are no rows.
        NoDataError
            If no cardinal judgment of positive weight is left, or all pairs that are left weigh 0.
        """
        judgments = self.judgments.select(rows)
        given = self.pair_weights
        if not isinstance(given, str):
            n_items = len(self.judgments.items)
            code, wanted = (
                pairs.a.astype(np.int64) * n_items + pairs.b for pairs in (self.judgments.pairs, judgments.pairs)
            )
            given = self.pair_weight[np.searchsorted(code, wanted)]
        return self._of(judgments, given)

    def reweigh(self, factor: ArrayLike) -> Round:
        """Return the round with each label counting so many times what it counts here.

        Parameters
        ----------
        factor : array_like of float, shape (n_judgments,)
            Finite, >= 0.

        Returns
        -------
        Round
            The weight c_n v_i of each label is multiplied by its factor, whatever `pair_weights` are; that of a pair is
            the sum of those of its labels. (New weights of judgments under "equal" `pair_weights` would only be shared
            out anew within each pair.) What was sent and turned away is as here.

        Raises
        ------
        ShapeError, DtypeError, NonFiniteError, DomainError
            If there is not one factor >= 0 for each judgment, or a weight would be above 1e100.
        NoDataError
            If no cardinal judgment of positive weight is left, or all pairs that are left weigh 0.
        """
        factors = float_array(factor, "factor", 1)
        require_length(factors, "factor", len(self.judgments), "judgments")
        require_non_negative(factors, "factor")
        weight = self.judgments.weight * factors
        require_at_most(weight, MAX_LABEL_WEIGHT, "factor: weight")
        pairs = self.judgments.pairs
        sums = np.add.reduceat(self.label_weight * factors[pairs.row], pairs.offsets[:-1])
        kept = np.logical_or.reduceat(weight[pairs.row] > 0, pairs.offsets[:-1])
        return self._of(replace(self.judgments, weight=weight), sums[kept])

    def _of(self, judgments: Judgments, pair_weights: str | ArrayLike) -> Round:
        """Return a round of the same models."""
        other = replace(self, judgments=judgments, pair_weights=pair_weights)
        for name in ("_seated", "rejects"):  # of the pool that was sent; this one has been admitted before
            object.__setattr__(other, name, getattr(self, name))
        return other

    def scores(self, sigma: float = 0.5) -> ModelScores:
        """Return the scores of every single model.

        Parameters
        ----------
        sigma : float, default 0.5
            Width of the Gaussian at each label, in the unit of ``log_ratio``.

        Returns
        -------
        ModelScores
            Log likelihood, mean squared error and accuracy of each model; computed once a width.

        Raises
        ------
        DtypeError, NonFiniteError, DomainError
            If `sigma` is not a number in [1e-6, 1e6], or a logit lies beyond +-1e6.
        """
        sigma = positive_number(sigma, "sigma")
        if sigma not in self._scores:
            pool, judgments, n_threads = self.pool, self.judgments, self.n_threads
            of_any = next(iter(self._scores.values()), None)  # what depends on no width
            self._scores[sigma] = ModelScores(
                self.log_likelihood(sigma),
                of_any.mse if of_any else read_only(mean_squared_error(pool, judgments, n_threads=n_threads)),
                of_any.accuracy if of_any else read_only(self._accuracy()),
            )
        return self._scores[sigma]

    def log_likelihood(self, sigma: float = 0.5) -> NDArray[np.float64]:
        """Return the log likelihood of every single model, for the round's weights of pairs.

        Parameters
        ----------
        sigma : float, default 0.5
            Width of the Gaussian at each label, in the unit of ``log_ratio``.

        Returns
        -------
        ndarray of float64, shape (n_models,)
            Read-only; computed once a width.

        Raises
        ------
        DtypeError, NonFiniteError, DomainError
            As `scores`.
        """
        sigma = positive_number(sigma, "sigma")
        if sigma not in self._log_likelihoods:
            by_model = log_likelihood(
                self.pool, self.judgments, sigma=sigma, pair_weights=self.pair_weight, n_threads=self.n_threads
            )
            self._log_likelihoods[sigma] = read_only(by_model)
        return self._log_likelihoods[sigma]

    def clones(self, bandwidth: float) -> CloneProofPrior:
        """Return the copies and near copies among the models, and the prior mass that counts them once.

        Parameters
        ----------
        bandwidth : float
            Root mean square difference of log ratios that counts as one; mechanisms take a fifth of their sigma.

        Returns
        -------
        CloneProofPrior
            For the models of this round and its judged pairs; computed once a bandwidth.

        Raises
        ------
        DtypeError, NonFiniteError, DomainError
            If `bandwidth` is not a number in [1e-6, 1e6].
        """
        bandwidth = positive_number(bandwidth, "bandwidth")
        if bandwidth not in self._clones:
            self._clones[bandwidth] = clone_proof_prior(
                self.pool, self.judgments, bandwidth=bandwidth, n_threads=self.n_threads
            )
        return self._clones[bandwidth]

    def ensemble(
        self,
        method: Method = "stacking",
        *,
        sigma: Sigma = 0.5,
        prior: Prior = None,
        power: float = 1.0,
        tie_break: TieBreak = "nearest",
        reference: Prior = None,
        bandwidth: float | None = None,
        bootstrap: int | None = None,
        rng: Seed = None,
        loss: Loss = "squared_error",
        rounds: int = ROUNDS,
        by: StackingBy = "label",
        start: Ensemble | None = None,
    ) -> Ensemble:
        """Weigh the models by one method.

        Parameters
        ----------
        method : {"stacking", "least_squares", "bma", "greedy", "uniform", "best"}, default "stacking"
            "stacking": the mixture that explains the single labels best. "least_squares": the weights whose pooled log
            ratio is nearest to the labels. "bma": Bayesian model averaging. "greedy": models chosen one after another.
            "uniform": equal weights. "best": the one model of highest log likelihood, ties by name.
        sigma : float or "auto", default 0.5
            Width of the Gaussian at each label, in the unit of ``log_ratio``. "auto" takes the one of
            `hemicycle.evaluation.SIGMAS` under which this method gives judgments that were left out the highest
            density, in ten folds of jurors, or of pairs where jurors are not named; `Ensemble.sigmas_tried` holds them.
        prior : {"uniform", "per_author", "clone_proof"} or array_like of float64, shape (n_models,), optional
            Prior mass of each model, for "bma" only: equal (the default); equal for each author, shared equally by its
            models, one without author standing for itself; such that copies share the mass of one, as
            `hemicycle.clones.clone_proof_prior` says; or given, for the models of this round or of the pool that it was
            made from.
        power : float, default 1.0
            Power of the likelihood, for "bma" only; 1 is Bayes.
        tie_break : {"nearest", "least_individual_loss"}, default "nearest"
            Which of several optimal weights, for "least_squares" and "stacking": those nearest to `reference`, or those
            whose models are best by themselves, as in `simplex_least_squares` and `stacking_weights`.
        reference : {"uniform", "per_author", "clone_proof"} or array_like of float64, shape (n_models,), optional
            Weights for "nearest", given as a `prior` is; uniform by default. For "least_squares" and "stacking". Under
            "clone_proof" models of equal predictions are one model to the solver, and share its weight equally.
        bandwidth : float, optional
            How far apart models are that are no copies, for a `prior` or `reference` "clone_proof"; a fifth of `sigma`
            by default.
        bootstrap : int, optional
            Replicates of the Bayesian bootstrap over pairs, for "bma" only, as in `bma_weights`; 10,000 is usual. The
            log likelihood of every model and pair is held in memory.
        rng : None, int, numpy.random.SeedSequence or numpy.random.Generator, optional
            Where the replicates come from; ``Ensemble.options["rng"]`` repeats them.
        loss : {"squared_error", "log_score", "log_likelihood"}, default "squared_error"
            What a greedy choice is judged by, for "greedy" only: the mean squared error of the pooled log ratio, the
            log score of the single labels under the mixture, or the log likelihood of the pooled logits.
        rounds : int, default 100
            How many models greedy selection chooses in all.
        by : {"label", "pair"}, default "label"
            What "stacking" explains: single labels, so that camps are seated in proportion to theirs; or pairs, under
            the sum-Gaussian likelihood, so that the majority takes all.
        start : Ensemble, optional
            A warm start for "stacking" and "least_squares": the ensemble of a similar round, before models or judgments
            came. Models are known again by name. It saves time and changes no optimum.

        Returns
        -------
        Ensemble
            The weights and what follows from them.

        Raises
        ------
        OptionError
            If `method`, `tie_break`, `loss`, or a `prior` or `reference` given by name, is not one of those above; if a
            `reference` is given for another tie-break than "nearest", `rng` without `bootstrap`, or an option for a
            method that has none such.
        DtypeError, ShapeError, NonFiniteError, DomainError, NoDataError
            If `sigma`, `prior`, `power`, `reference`, `bandwidth`, `bootstrap`, `rng` or `rounds` is out of its domain.
        MissingExtraError
            If "least_individual_loss" has a tie to break and highspy is not installed.

        Warns
        -----
        NotCertifiedWarning
            If doubles could not certify the weights of least squares or stacking to the solver's tolerance.
        TieBreakWarning
            If rounding keeps the weights of least squares or stacking from those that the tie-break names.

        Notes
        -----
        Where the logits spread so far that doubles cannot certify an optimum, or not the one that the tie-break names,
        the weights are the best found, the `gap` and `reason` of the solution say how good, and `doubts` names the
        method. A submission can therefore not stop a round.
        """
        asked = mechanism(
            method,
            {
                "prior": prior, "power": power, "tie_break": tie_break, "reference": reference, "bandwidth": bandwidth,
                "bootstrap": bootstrap, "rng": rng, "loss": loss, "rounds": rounds, "by": by, "start": start,
            },
            self._mass,
        )  # fmt: skip
        known = self._known(start)
        tried = None
        if isinstance(sigma, str):
            sigma, tried = self._auto_sigma(sigma, asked)
        sigma = positive_number(sigma, "sigma")
        if asked.is_clone_proof:
            asked = asked.with_clones(self.clones(asked.options["bandwidth"] or default_bandwidth(sigma)))
        key = asked.key(sigma)
        if key not in self._weighed:
            self._weighed[key] = asked.weigh(self, sigma, known)
        found = self._weighed[key]
        return Ensemble(self, asked.method, sigma, found.weights, found.solution, asked.options, tried)

    def mechanisms(
        self,
        *,
        sigma: Sigma = 0.5,
        prior: Prior = None,
        power: float = 1.0,
        tie_break: TieBreak = "nearest",
        reference: Prior = None,
        bandwidth: float | None = None,
        bootstrap: int | None = None,
        rng: Seed = None,
        loss: Loss = "squared_error",
        rounds: int = ROUNDS,
        by: StackingBy = "label",
    ) -> tuple[Ensemble, ...]:
        """Weigh the models by every method, on the same rows.

        Parameters
        ----------
        sigma : float or "auto", default 0.5
            Width of the Gaussian at each label, in the unit of ``log_ratio``; "auto" chooses one for each method, as in
            `ensemble`.
        prior : {"uniform", "per_author", "clone_proof"} or array_like of float64, shape (n_models,), optional
            Prior of Bayesian model averaging, as in `ensemble`.
        power : float, default 1.0
            Power of the likelihood in Bayesian model averaging.
        tie_break, reference, bandwidth
            Which of several weights that are optimal for least squares or stacking, as in `ensemble`.
        bootstrap, rng
            Replicates of Bayesian model averaging, as in `ensemble`.
        loss, rounds
            What greedy selection is judged by, and how long it is, as in `ensemble`.
        by : {"label", "pair"}, default "label"
            What stacking explains.

        Returns
        -------
        tuple of Ensemble
            Least squares, Bayesian model averaging, stacking, greedy, uniform and best, in this order.

        Raises
        ------
        OptionError, DtypeError, ShapeError, NonFiniteError, DomainError, NoDataError, MissingExtraError
            As in `ensemble`.
        """
        given: dict[str, Any] = {
            "prior": prior, "power": power, "tie_break": tie_break, "reference": reference, "bandwidth": bandwidth,
            "bootstrap": bootstrap, "rng": rng, "loss": loss, "rounds": rounds, "by": by,
        }  # fmt: skip
        require_clone_proof(bandwidth, prior, reference)
        own = {method: own_options(method, given) for method in METHODS}
        return tuple(self.ensemble(method, sigma=sigma, **own[method]) for method in METHODS)

    def _accuracy(self) -> NDArray[np.float64]:
        if not ((self.judgments.choice > 0) & (self.judgments.weight > 0)).any():
            return np.full(len(self.pool), np.nan)  # there is nothing to agree with
        return accuracy(self.pool, self.judgments, n_threads=self.n_threads)

    def _known(self, start: Ensemble | None) -> NDArray[np.int64] | None:
        """Return the models of this round that had weight in the optimum of another, by name."""
        if start is None:
            return None
        if not isinstance(start, Ensemble):
            raise DtypeError(f"start: expected an Ensemble, got {type(start).__name__}")
        if start.solution is None or start.solution.vertex is None:
            raise OptionError(f"start: the method {start.method!r} has no optimum to start from")
        names = {start.models[model] for model in start.solution.vertex.tolist()}
        return np.array([d for d, name in enumerate(self.pool.models) if name in names], dtype=np.int64)

    def _auto_sigma(self, word: str, asked: Mechanism) -> tuple[float, Table]:
        if word != "auto":
            raise DtypeError(f"sigma: expected a number or 'auto', got {word!r}")
        options = asked.options
        if "bootstrap" in options:
            options = options | {"bootstrap": min(options["bootstrap"], AUTO_REPLICATES)}
        key = replace(asked, options=options).key(None)
        if key not in self._widths:
            self._widths[key] = choose_sigma(self, asked.method, options | asked.masses)
        return self._widths[key]

    def _mass(self, given: Prior, name: str) -> Mass:
        return model_mass(given, name, self.pool.authors, self._seated)
