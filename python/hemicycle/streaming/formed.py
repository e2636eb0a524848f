"""The mechanisms of a streamed run: each formed by its options, with its allocation and what there is to say of it."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.errors import NotCertifiedWarning, NotConvergedError, TieBreakWarning
from hemicycle.escaping import storable
from hemicycle.mechanism import SPOKEN
from hemicycle.model_mass import read_mass
from hemicycle.run_facts import solution_facts
from hemicycle.solution import SimplexSolution, tie_doubt
from hemicycle.store.extra import arrow_compute
from hemicycle.streamed_options import STREAMED
from hemicycle.streaming.store_ensemble import StoreEnsemble

if TYPE_CHECKING:
    from collections.abc import Callable

    from hemicycle.config import RoundConfig
    from hemicycle.streaming.store_scores import StoreScores
    from hemicycle.table import Table

__all__ = ["Formed", "form"]


@dataclass(frozen=True, slots=True, eq=False)
class Formed:
    """An ensemble of a streamed run, and what follows from it.

    Attributes
    ----------
    ensemble : StoreEnsemble
        The weights.
    allocation : Table
        The share of each item.
    heaviest : str
        The model of the largest weight.
    mse : float
        Mean squared error of the pooled log ratio.
    doubt : str or None
        Why the weights are not those that were asked for, where they are not.
    """

    ensemble: StoreEnsemble
    allocation: Table
    heaviest: str
    mse: float
    doubt: str | None

    @property
    def method(self) -> str:
        """Its name."""
        return self.ensemble.method

    @property
    def heaviest_weight(self) -> float:
        """The largest weight."""
        return float(self.ensemble.weights.max())

    def summary(self) -> dict[str, Any]:
        """Return it in plain values, under the names of a run in memory."""
        ensemble = self.ensemble
        effective = ensemble.effective_models
        found: dict[str, Any] = {
            "method": self.method,
            "sigma": ensemble.scores.scoring.sigma,
            "effective_models": effective[0],
            "effective_models_by_square": effective[1],
            "models_with_weight": int(np.count_nonzero(ensemble.weights)),
            "heaviest_model": storable(self.heaviest),
            "heaviest_weight": self.heaviest_weight,
            "mse": self.mse,
        }
        return found if ensemble.solution is None else found | solution_facts(ensemble.solution)


def form(
    scores: StoreScores,
    config: RoundConfig,
    method: str,
    executor: Any = None,
    *,
    n_threads: int | None = None,
    memory: int | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> Formed:
    """Form an ensemble by the options of a run.

    Parameters
    ----------
    scores : StoreScores
        The models.
    config : RoundConfig
        The options.
    method : str
        One of `STREAMED`.
    executor : Executor or dask.distributed.Client, optional
        Who reads the store where it is read in passes.
    n_threads : int, optional
        Threads of the core, for each fragment; by default every core.
    memory : int, optional
        Bytes that the logits of all models may take, where a mechanism maps them.
    progress : callable, optional
        Told the number of the pass, how many models it has read, and of how many.

    Returns
    -------
    Formed
        With the best weights found, and a doubt, where doubles cannot certify an optimum.

    Raises
    ------
    FormatError
        If a prior cannot be read.
    StoreError
        If a fragment or its scores are gone or damaged.
    """
    options, mechanism = _options(scores, config, method), STREAMED[method]
    options |= {"executor": executor, "progress": progress} if mechanism.passes else {}
    options |= {"n_threads": n_threads} if mechanism.threads else {}
    options |= {"memory": memory} if mechanism.mapped else {}
    doubt: str | None = None
    try:
        with warnings.catch_warnings():
            for said_by_doubt in (NotCertifiedWarning, TieBreakWarning):
                warnings.simplefilter("ignore", said_by_doubt)
            ensemble: StoreEnsemble = getattr(scores, method)(**options)
        if ensemble.solution is not None and (tie := tie_doubt(ensemble.solution)) is not None:
            doubt = f"{SPOKEN[method]}: {tie}."
    except NotConvergedError as error:  # no submission may stop a round by how far its logits spread
        doubt = f"{SPOKEN[method]} is as near to its optimum as passes over the store find: {error}; see its gap."
        ensemble = StoreEnsemble(scores, method, error.weights, _unproven(scores, method, error))
    return Formed(ensemble, ensemble.allocation(config.mean), _heaviest(ensemble), ensemble.mse, doubt)


def _heaviest(ensemble: StoreEnsemble) -> str:
    """Return the model of the largest weight, of equal ones the first by name."""
    first, weights = 0, ensemble.weights
    found: list[str] = []
    tied = weights == weights.max()
    for block, seated in ensemble.scores.blocks(("model",)):
        rows = seated[tied[first : first + len(seated)]]
        first += len(seated)
        if len(rows):
            found.append(arrow_compute().min(block.models.take(rows)).as_py())
    return min(found)


def _options(scores: StoreScores, config: RoundConfig, method: str) -> dict[str, Any]:
    options = {name: getattr(config, name) for name in STREAMED[method].options}
    if "prior" in options and config.prior_file is not None:
        names = scores.names(np.arange(len(scores)))
        options["prior"] = read_mass(config.prior_file, names, config.read_limits)
    return options


def _unproven(scores: StoreScores, method: str, error: NotConvergedError) -> SimplexSolution:
    """Return what is known of weights that no certificate holds for."""
    unit = float(np.median(scores.mse)) * scores.scoring.label_weight if method == "least_squares" else 1.0
    relative = error.gap / unit if unit > 0 else math.inf
    return SimplexSolution(error.weights, math.nan, error.gap, relative, error.passes, str(error))
