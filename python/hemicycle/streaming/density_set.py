"""The models that matter for stacking, gathered on the client, and the exact optimum over them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hemicycle import _core
from hemicycle.errors import NotConvergedError
from hemicycle.likelihood import log_likelihood
from hemicycle.solution import SimplexSolution, found_solution
from hemicycle.stacking_options import StackingOptions
from hemicycle.streaming.density_rates import FlatBand, Rates, jury_densities
from hemicycle.streaming.gathered import Gathered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.stacking import JuryDensities

__all__ = ["DensityFit", "DensitySet", "Explained"]

FLAT, ROUNDING = 1e-9, 1e-13  #: as of the solver in memory: prices this close to 1 are equal to it
SPREAD = 128  #: gathered models to start from: quicker than from the best model of every observation
BLOCK_CELLS = 1 << 20  #: densities held at a time: 8 MB


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """What the models are to explain, and how it is solved.

    Attributes
    ----------
    judgments : Judgments
        The jury.
    sigma : float
        Width of the Gaussian at each label.
    by_pair : bool
        Whether an observation is a pair, else a label.
    weight : ndarray of float64, shape (n_observations,)
        Weight of each, as given.
    share : ndarray of float64, shape (n_observations,)
        Weight of each, of sum 1; 0 where it does not count.
    shift : ndarray of float64, shape (n_observations,)
        The largest log density of each, of all models.
    tol : float
        Largest gap.
    n_threads : int or None
        Threads of the core.
    """

    judgments: Judgments
    sigma: float
    by_pair: bool
    weight: NDArray[np.float64]
    share: NDArray[np.float64]
    shift: NDArray[np.float64]
    tol: float
    n_threads: int | None


@dataclass(frozen=True, slots=True, eq=False)
class DensityFit:
    """A mixture of gathered models.

    Attributes
    ----------
    models : ndarray of int64, shape (n_support,)
        Models with weight, ascending.
    weights : ndarray of float64, shape (n_support,)
        Their weights.
    mixture : ndarray of float64, shape (n_observations,)
        The density of the mixture, relative to the largest of each observation.
    rates : Rates
        What a model is paid there.
    solution : SimplexSolution or None
        The exact optimum over the gathered models, whose face and vertex are models of the store; None where rounding
        ended progress before its tolerance.
    doubt : str
        Why there is none.
    """

    models: NDArray[np.int64]
    weights: NDArray[np.float64]
    mixture: NDArray[np.float64]
    rates: Rates
    solution: SimplexSolution | None
    doubt: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class DensitySet(Gathered):
    """Gathered models that are to explain observations.

    Attributes
    ----------
    explained : Explained
        What they are to explain.
    """

    explained: Explained

    def densities(self, rows: NDArray[np.int64] | slice = slice(None)) -> JuryDensities:
        """Return the log densities of some of the models."""
        about = self.explained
        return jury_densities(self.logits[rows], about.judgments, about.sigma, about.by_pair)

    def optimum(self, start: DensityFit | None, *, vertex: bool) -> DensityFit:
        """Return an optimum over the set.

        Parameters
        ----------
        start : DensityFit, optional
            The optimum over fewer models; by default a mixture of some of these.
        vertex : bool
            Whether any optimum will do; else the one nearest to uniform is returned.
        """
        about, densities = self.explained, self.densities()
        solution, doubt, weights = None, "", np.zeros(0)
        for models, shares in self._starts(start):
            options = StackingOptions(about.weight, None, vertex, about.tol, models, shares, about.n_threads)
            try:
                found = _core.pool_stacking(densities, options)
            except NotConvergedError as error:  # rounding may spare the way from another start
                weights, doubt = error.weights, str(error)
                continue
            weights, solution = found.weights, found_solution(found)
            solution = replace(solution, face=self.models[found.face], vertex=self.models[found.vertex])
            break
        chosen = np.flatnonzero(weights)
        mixture = self._mixture(chosen, weights[chosen])
        with np.errstate(divide="ignore", over="ignore"):
            ratio = np.divide(about.share, mixture, out=np.zeros(len(mixture)), where=about.share > 0)
        return DensityFit(self.models[chosen], weights[chosen], mixture, Rates(about.shift, ratio), solution, doubt)

    def _starts(self, start: DensityFit | None) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Yield positions and weights of models to start from: those of a fit, some of all, the best of each label."""
        if start is not None:
            yield self.positions(start.models), start.weights
        some = np.unique(np.linspace(0, len(self.models) - 1, SPREAD).astype(np.int64))
        yield some, np.ones(len(some))
        yield some[:0], np.zeros(0)

    def _mixture(self, rows: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        about = self.explained
        total = np.zeros(len(about.share))
        at_once = max(1, BLOCK_CELLS // len(total))
        for first in range(0, len(rows), at_once):
            densities = self.densities(rows[first : first + at_once])
            block = log_likelihood(
                densities.logits,
                about.judgments,
                sigma=about.sigma,
                per="pair" if about.by_pair else "label",
                rtol=densities.rtol,
                n_threads=about.n_threads,
            )
            block -= about.shift
            np.exp(block, out=block)
            block *= weights[first : first + at_once, None]
            total += block.sum(axis=0)
        return total

    def band(self, fit: DensityFit) -> tuple[FlatBand, float]:
        """Return which models may have weight in an optimum, and the highest price of a gathered one that may not."""
        about = self.explained
        counted = about.share > 0
        curvature = np.zeros(len(counted))
        curvature[counted] = fit.rates.ratio[counted] / fit.mixture[counted]
        longest = float(np.sqrt(np.max(1.0 / fit.mixture[counted], initial=1.0))) + 1.0
        prices = fit.rates.prices(self.densities(), about.n_threads)
        weighted = prices[self.positions(fit.models)]
        band = FlatBand(fit.rates, curvature, FLAT, ROUNDING, longest, weighted)
        inside = band.contains(self.densities(), prices, about.n_threads)
        return band, float(prices[~inside].max(initial=-np.inf))

    def classes(self, models: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the class of each of some gathered models, whose members are copies, and the first of each class.

        Parameters
        ----------
        models : ndarray of int64, shape (n_models,)
            Where they stand in the store, ascending.

        Returns
        -------
        class_of : ndarray of int64, shape (n_models,)
            Models are copies if the logits of all judged items are the same.
        first : ndarray of int64, shape (n_classes,)
            Positions in `models`.
        """
        pairs = self.explained.judgments.pairs
        judged = np.union1d(pairs.a, pairs.b)
        rows = np.ascontiguousarray(self.logits[np.ix_(self.positions(models), judged)]) + 0  # no -0.0
        whole = rows.view(np.dtype((np.void, rows.itemsize * len(judged))))[:, 0]
        _, first, class_of = np.unique(whole, return_index=True, return_inverse=True)
        return class_of, first

    def without(self, models: NDArray[np.int64]) -> DensitySet:
        """Return the set without some models."""
        kept = ~np.isin(self.models, models)
        return replace(self, models=self.models[kept], logits=self.logits[kept])
