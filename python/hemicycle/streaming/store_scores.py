"""Scores of the models of a store, and the ensembles that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.arrays import read_only, require_length
from hemicycle.averaging import bma_weights
from hemicycle.clones import clone_proof_prior, default_bandwidth
from hemicycle.errors import NoDataError
from hemicycle.greedy_pool import pool_greedy
from hemicycle.mechanism import ROUNDS, require_clone_proof
from hemicycle.model_mass import is_clone_proof, model_mass
from hemicycle.options import known_word, positive_count, positive_number, thread_count
from hemicycle.rejects import counted
from hemicycle.scratch import byte_count
from hemicycle.stacking import STACKING_BY
from hemicycle.streaming.block_scores import BlockScores, read_block
from hemicycle.streaming.density_passes import DensityPasses
from hemicycle.streaming.executors import as_engine
from hemicycle.streaming.gathered_pool import gathered_pool
from hemicycle.streaming.least_squares import store_least_squares
from hemicycle.streaming.loss_passes import LossPasses
from hemicycle.streaming.scoring import SUMS
from hemicycle.streaming.stacking import store_stacking
from hemicycle.streaming.store_ensemble import StoreEnsemble
from hemicycle.streaming.store_problem import StoreProblem
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.clones import CloneProofPrior
    from hemicycle.model_mass import Prior
    from hemicycle.pool import Pool
    from hemicycle.stacking import StackingBy
    from hemicycle.store.manifest import Manifest
    from hemicycle.store.store import Store
    from hemicycle.streaming.scoring import Scoring

__all__ = ["StoreScores"]


@dataclass(frozen=True, slots=True, eq=False)
class StoreScores:
    """What `score_store` found: a number for each model in memory, names and the rest on disk.

    Models stand in the order of the store; those with a zero weight, which have no log ratios, are left out.

    Attributes
    ----------
    store : Store
        The models.
    folder : Path
        Where the scores lie: Parquet files, one a fragment, with the columns model, author and those of `SUMS`.
    scoring : Scoring
        The jury, and how its labels count.
    manifest : Manifest
        What the store held when it was scored.
    notices : tuple of str
        What a reader should know.
    """

    store: Store
    folder: Path
    scoring: Scoring
    manifest: Manifest
    notices: tuple[str, ...] = ()
    _columns: dict[str, NDArray[np.float64]] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self._values("log_likelihood"))

    def __repr__(self) -> str:
        return f"StoreScores({counted(len(self), 'model')}, sigma={self.scoring.sigma})"

    @property
    def log_likelihood(self) -> NDArray[np.float64]:
        """Log likelihood of each model, shape (n_models,)."""
        return self._column("log_likelihood")

    @property
    def mse(self) -> NDArray[np.float64]:
        """Weighted mean squared error of the log ratio, shape (n_models,)."""
        return self._column("squared_error") / self.scoring.label_weight

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """Weighted part of the choices that each model agrees with, shape (n_models,); nan where there is no choice."""
        weight = self.scoring.choice_weight
        return self._column("agreement") / weight if weight else np.full(len(self), np.nan)

    @property
    def n_barred(self) -> int:
        """Models with a zero weight."""
        return sum(fragment.n_current for fragment in self.manifest.fragments) - len(self)

    @property
    def n_updates(self) -> int:
        """How often the scores of some model were brought up to date since they were made."""
        return max((block.n_updates for block, _ in self.blocks(())), default=0)

    def _column(self, name: str) -> NDArray[np.float64]:
        values = self._values(name)
        if not len(values):
            raise NoDataError(f"{self.store.path}: no model has log ratios; min_weight would lift zero weights")
        return values

    def _values(self, name: str) -> NDArray[np.float64]:
        if name not in self._columns:
            row = SUMS.index(name)
            parts = [block.sums[row, seated] for block, seated in self.blocks((name,))]
            values = np.concatenate(parts) if parts else np.zeros(0)
            self._columns[name] = read_only(values)
        return self._columns[name]

    def blocks(self, columns: tuple[str, ...]) -> Iterator[tuple[BlockScores, NDArray[np.int64]]]:
        """Yield the scores of each fragment, and which of its rows count.

        Parameters
        ----------
        columns : tuple of str
            What to read of them.
        """
        for fragment in self.manifest.fragments:
            wanted = columns if set(columns) & set(SUMS) else (*columns, SUMS[0])
            block = read_block(self.folder, fragment, self.scoring.key, wanted)
            counts = ~np.isnan(block.sums[SUMS.index(next(name for name in wanted if name in SUMS))])
            counts[list(fragment.replaced)] = False
            yield block, np.flatnonzero(counts)

    def names(self, models: NDArray[np.int64]) -> list[str]:
        """Return the names of some models.

        Parameters
        ----------
        models : ndarray of int64
            Where they stand.
        """
        found: dict[int, str] = {}
        first = 0
        wanted = np.unique(models)
        for block, seated in self.blocks(("model",)):
            here = wanted[(wanted >= first) & (wanted < first + len(seated))]
            if len(here):
                texts = block.models.take(seated[here - first]).to_pylist()
                found.update(zip(here.tolist(), texts, strict=True))
            first += len(seated)
        return [found[model] for model in models.tolist()]

    def leaderboard(self, top: int = 100, weights: NDArray[np.float64] | None = None) -> Table:
        """Return the best models.

        Parameters
        ----------
        top : int, default 100
            How many.
        weights : ndarray of float64, shape (n_models,), optional
            Weights to be shown beside the scores.

        Returns
        -------
        Table
            Columns rank, model, perhaps weight, log_likelihood, mse, accuracy; ordered by log likelihood, equal ones by
            name. Nothing but the best is sorted.
        """
        scores = self.log_likelihood
        n = min(positive_count(top, "top"), len(scores))
        least = np.partition(scores, len(scores) - n)[len(scores) - n]
        best = np.flatnonzero(scores >= least)  # with all that tie for the last places
        names = self.names(best)
        order = sorted(range(len(best)), key=lambda row: (-scores[best[row]], names[row]))[:n]
        chosen = best[order]
        ahead = np.searchsorted(-scores[chosen], -scores[chosen], side="left")
        columns: dict[str, Any] = {"rank": ahead + 1, "model": [names[row] for row in order]}
        if weights is not None:
            require_length(weights, "weights", len(scores), "the scores")
            columns["weight"] = weights[chosen]
        return Table(
            columns | {"log_likelihood": scores[chosen], "mse": self.mse[chosen], "accuracy": self.accuracy[chosen]}
        )

    def pool(self, *, memory: int | str | None = None) -> Pool:
        """Return the models as one pool, in the order of the scores.

        What a function on arrays finds for this pool has its place beside the scores.

        Parameters
        ----------
        memory : int or str, optional
            Bytes that the logits may take in memory, such as "4GiB"; by default a quarter of the machine's. More lie in
            a file without a name where temporary files do (``TMPDIR``), mapped: the system keeps in memory what fits.

        Raises
        ------
        StoreError
            If a fragment or its scores are gone or damaged.
        NoDataError
            If no model has log ratios.
        DomainError, DtypeError
            If `memory` is no number of bytes.
        OSError
            If there is no space for the file.
        """
        most = byte_count(memory, "memory")
        self._column("log_likelihood")  # at least one model
        return gathered_pool(self, most)

    def clones(self, bandwidth: float | None = None, *, memory: int | str | None = None) -> CloneProofPrior:
        """Return the copies and near copies among the models, and the prior mass that counts them once.

        Parameters
        ----------
        bandwidth : float, optional
            Root mean square difference of log ratios that counts as one; a fifth of sigma by default.
        memory : int or str, optional
            As of `pool`.

        Raises
        ------
        DtypeError, NonFiniteError, DomainError
            If `bandwidth` is not a number in [1e-6, 1e6], or `memory` no number of bytes.
        StoreError, NoDataError, OSError
            As `pool`.

        Notes
        -----
        Models of all fragments are compared, so this process does it alone, on the mapped `pool`. Beside that it holds
        a point of float32 for each model and judged item.
        """
        width = default_bandwidth(self.scoring.sigma) if bandwidth is None else bandwidth
        return clone_proof_prior(self.pool(memory=memory), self.scoring.judgments, bandwidth=width)

    def bma(
        self,
        *,
        prior: Prior = None,
        power: float = 1.0,
        bandwidth: float | None = None,
        memory: int | str | None = None,
    ) -> StoreEnsemble:
        """Weigh the models by Bayesian model averaging.

        Parameters
        ----------
        prior : {"uniform", "per_author", "clone_proof"} or array_like of float64, shape (n_models,), optional
            Prior mass of each model, as of `Round.ensemble`.
        power : float, default 1.0
            Power of the likelihood.
        bandwidth, memory : optional
            As of `clones`, for the prior "clone_proof".

        Raises
        ------
        OptionError, ShapeError, DomainError, NonFiniteError, DtypeError
            As `bma_weights`; if there is a `bandwidth` and another prior.
        StoreError, NoDataError, OSError
            As `clones`.
        """
        require_clone_proof(bandwidth, prior)
        scores = self._column("log_likelihood")
        if is_clone_proof(prior):
            clones = self.clones(bandwidth, memory=memory)
            # models of one class predict the same: rounding of their logits may not tell them apart
            scores = scores[clones.first[clones.class_of]]
            return StoreEnsemble(self, "bma", bma_weights(scores, prior=clones.prior, power=power))
        authors: list[str | None] = []
        if isinstance(prior, str) and prior != "uniform":
            for block, seated in self.blocks(("author",)):
                authors += block.authors.take(seated).to_pylist()
        else:
            authors = [None] * len(self)
        mass = model_mass(prior, "prior", authors, np.ones(len(self), dtype=bool))
        return StoreEnsemble(self, "bma", bma_weights(scores, prior=mass, power=power))

    def greedy(
        self, *, loss: str = "squared_error", rounds: int = ROUNDS, memory: int | str | None = None
    ) -> StoreEnsemble:
        """Choose models one after another, with replacement, each the one that helps the average most.

        Parameters
        ----------
        loss : {"squared_error", "log_score", "log_likelihood"}, default "squared_error"
            What a blend of models is judged by, as of `Round.ensemble`.
        rounds : int, default 100
            How many models are chosen in all.
        memory : int or str, optional
            As of `pool`: the models are read from it some hundred times.

        Raises
        ------
        OptionError, DtypeError, NonFiniteError, DomainError
            If `loss` is no such word, `rounds` is not an integer above 0, or `memory` no number of bytes.
        StoreError, NoDataError, OSError
            As `pool`.
        """
        times = positive_count(rounds, "rounds")
        scoring, pairs = self.scoring, self.scoring.judgments.pairs
        solution = pool_greedy(
            self.pool(memory=memory),
            scoring.judgments,
            pair_weight=pairs.pair_weight(scoring.pair_weights),
            label_weight=pairs.label_weight(scoring.pair_weights),
            loss=loss,
            sigma=scoring.sigma,
            rounds=times,
        )
        return StoreEnsemble(self, "greedy", solution.weights, solution)

    def least_squares(
        self,
        *,
        tie_break: str = "nearest",
        reference: ArrayLike | None = None,
        l2: float = 0.0,
        cost: ArrayLike | None = None,
        tol: float = 1e-12,
        executor: Executor | Any = None,
        progress: Callable[[int, int, int], None] | None = None,
    ) -> StoreEnsemble:
        """Weigh the models by least squares: the mixture whose log ratios are nearest to the judgments.

        Minimises ``sum_i u_i * (w @ (logits[:, b_i] - logits[:, a_i]) - log_ratio_i)**2 + l2 * ||w||**2 + cost @ w``
        over the simplex, as `hemicycle.least_squares.pair_least_squares` does in memory.

        Parameters
        ----------
        tie_break : {"nearest", "least_individual_loss"}, default "nearest"
            Which of several optimal weights: those nearest to `reference`, or those of the models that are best by
            themselves. If that leaves several, the models that are earlier in the store get as much weight as they can,
            one after the other.
        reference : array_like of float, shape (n_models,), optional
            Weights >= 0, not all 0; they are divided by their sum. By default uniform. For "nearest" only.
        l2 : float, default 0.0
            Ridge on the weights, >= 0. Below 1e-15 of the squared length of the farthest model it is lost in rounding.
        cost : array_like of float, shape (n_models,), optional
            Linear price of each model, in the unit of the squared log ratios.
        tol : float, default 1e-12
            Largest relative gap of the result: the gap over the median objective of a model alone, prices counted from
            the lowest.
        executor : concurrent.futures.Executor or dask.distributed.Client, optional
            Who reads the fragments; by default threads of this process. Sums and the few models that matter come back;
            numbers by model are sent to each for its fragments only.
        progress : callable, optional
            Told the number of the pass, how many models it has read, and of how many.

        Returns
        -------
        StoreEnsemble
            Its ``solution`` is the certificate, over all models. ``passes`` counts readings of the store.

        Raises
        ------
        StoreError
            If a fragment or its scores are gone or damaged.
        NotConvergedError
            If rounding ends progress above `tol`; it carries the best weights. If more than 8,192 models on disk have
            the least individual loss; it carries other optimal weights.
        OptionError
            If `tie_break` is none, or `reference` is given for another than "nearest".
        ShapeError
            If `reference` or `cost` is not one number a model.
        MissingExtraError
            If "least_individual_loss" has a tie to break and highspy is not installed.
        DtypeError, DomainError, NonFiniteError
            If an argument is out of its domain.
        KeyboardInterrupt
            Soon after Ctrl-C; nothing is written.

        Warns
        -----
        TieBreakWarning
            If the optimal weights that the tie-break names cannot be certified. The result is optimal, and goes from an
            optimum towards them as far as it can.

        Notes
        -----
        Column generation: an exact solution on some hundred models, a pass that prices all, the worst offenders are
        gathered, until the gap is small: usually fewer than ten passes. A face of more than 64 MiB of logits stays on
        disk. Where the fit may lie on the boundary of its hull, hyperplanes that support the hull there leave the
        models that have weight in some optimum, with some passes each. The optimum nearest to the reference then takes
        a Newton step a pass, usually ten to twenty, and so does a ridge; "least_individual_loss" is a linear program,
        a pass each time that it is solved. Memory: two fragments of 64 MiB, up to three times each, and some numbers
        for each model. Slopes of models are the same bits for any executor and division into fragments, and so are the
        weights where the face is gathered; on disk, sums are added in the order of the fragments, and the weights agree
        to rounding.
        """
        passes = LossPasses(self, as_engine(executor), progress)
        losses = self._column("squared_error")
        problem = StoreProblem.asked(passes, self.scoring.judgments, losses, tie_break, reference, l2, cost, tol)
        solution = store_least_squares(problem)
        return StoreEnsemble(self, "least_squares", solution.weights, solution)

    def stacking(
        self,
        *,
        by: StackingBy = "label",
        tol: float = 1e-10,
        executor: Executor | Any = None,
        n_threads: int | None = None,
        progress: Callable[[int, int, int], None] | None = None,
    ) -> StoreEnsemble:
        """Weigh the models by stacking: the mixture that explains the labels of the jury best, or its pairs.

        Maximises ``sum_n v_n log sum_d w_d p_dn`` over the simplex, as ``Round(judgments, pool).ensemble("stacking")``
        does in memory, with the `sigma` and `pair_weights` of the scoring. Where several weights are optimal, those
        nearest to uniform are returned.

        Parameters
        ----------
        by : {"label", "pair"}, default "label"
            What an observation is, as of `hemicycle.stacking.pool_stacking`.
        tol : float, default 1e-10
            Largest gap of the result, in nats per observation.
        executor : concurrent.futures.Executor or dask.distributed.Client, optional
            Who reads the fragments; by default threads of this process. A price for each model and the few models that
            matter come back.
        n_threads : int, optional
            Threads of the core, for each fragment and on the client; by default every core.
        progress : callable, optional
            Told the number of the pass, how many models the fragments that it reads have in all, and of how many.

        Returns
        -------
        StoreEnsemble
            Its ``solution`` is the certificate, over all models. ``passes`` counts readings of the store; a later one
            reads only fragments with a model that may deserve weight.

        Raises
        ------
        OptionError
            If `by` is neither of the two.
        StoreError
            If a fragment or its scores are gone or damaged.
        NotConvergedError
            If rounding ends progress above `tol`. If several weights are optimal, and too many models may have weight
            to be gathered: break the tie in memory then. It carries the best weights.
        DtypeError, DomainError, NonFiniteError
            If an argument is out of its domain.
        KeyboardInterrupt
            Soon after Ctrl-C; nothing is written.

        Warns
        -----
        TieBreakWarning
            If the optimal weights that are nearest to uniform cannot be certified.

        Notes
        -----
        Column generation: an exact solution on the best model of each observation, a pass that prices all models, the
        dearest are gathered, until no price is above 1. Prices bound later ones: usually five to nine passes, of which
        two or three price every model. The weights nearest to uniform are found from the models whose price is 1, to
        rounding, in at most 64 MiB of logits and 128 MiB of densities; where weights are unique but for copies, one of
        each counts. Memory: two fragments of 64 MiB, up to three times each, the densities of some hundred models, and
        three numbers for each model. Weights are the same bits for any executor and division into fragments.
        """
        known_word(by, "by", STACKING_BY)
        engine, most, threads = as_engine(executor), positive_number(tol, "tol"), thread_count(n_threads)
        self._column("log_likelihood")  # at least one model
        passes = DensityPasses(self, engine, progress, by_pair=by == "pair", n_threads=threads)
        solution = store_stacking(passes, self.scoring, most)
        return StoreEnsemble(self, "stacking", solution.weights, solution)

    def uniform(self) -> StoreEnsemble:
        """Weigh all models alike."""
        n_models = len(self.log_likelihood)
        return StoreEnsemble(self, "uniform", np.full(n_models, 1.0 / n_models))

    def best(self) -> StoreEnsemble:
        """Give all the weight to the model of highest log likelihood, of equal ones to the first by name."""
        scores = self.log_likelihood
        tied = np.flatnonzero(scores == scores.max())
        names = self.names(tied)
        weights = np.zeros(len(scores))
        weights[tied[min(range(len(tied)), key=names.__getitem__)]] = 1.0
        return StoreEnsemble(self, "best", weights)
