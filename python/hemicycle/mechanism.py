"""Mechanisms by name: the options that each has, and how it weighs the models of a round."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import numpy as np

from hemicycle.averaging import bma_weights
from hemicycle.errors import NotCertifiedWarning, NotConvergedError, OptionError
from hemicycle.greedy_pool import LOSSES, pool_greedy
from hemicycle.least_squares import TIE_BREAKS, pair_least_squares
from hemicycle.likelihood import log_likelihood
from hemicycle.model_mass import is_clone_proof, is_uniform
from hemicycle.options import known_word, positive_count, positive_number, seed_of
from hemicycle.scores import mean_squared_error
from hemicycle.scratch import matrix_beside
from hemicycle.solution import SimplexSolution, tie_doubt
from hemicycle.stacking import STACKING_BY, pool_stacking

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.clones import CloneProofPrior
    from hemicycle.model_mass import Mass, Prior
    from hemicycle.pool import Pool
    from hemicycle.round import Round

    Masses = Callable[[Prior, str], Mass]

__all__ = [
    "METHODS",
    "OPTIONS",
    "ROUNDS",
    "SPOKEN",
    "Mechanism",
    "Method",
    "Weighed",
    "mechanism",
    "own_options",
    "require_clone_proof",
]

Method: TypeAlias = Literal["least_squares", "bma", "stacking", "greedy", "uniform", "best"]

METHODS: tuple[Method, ...] = ("least_squares", "bma", "stacking", "greedy", "uniform", "best")

SPOKEN: dict[str, str] = {
    "stacking": "stacking",
    "greedy": "greedy",
    "least_squares": "least squares",
    "bma": "bma",
    "uniform": "uniform",
    "best": "best single",
}
"""What the mechanisms are called in sentences and tables."""

ROUNDS = 100  #: of greedy selection

OPTIONS: dict[str, tuple[Method, ...]] = {
    "prior": ("bma",),
    "power": ("bma",),
    "tie_break": ("least_squares", "stacking"),
    "reference": ("least_squares", "stacking"),
    "bandwidth": ("bma", "least_squares", "stacking"),
    "bootstrap": ("bma",),
    "rng": ("bma",),
    "loss": ("greedy",),
    "rounds": ("greedy",),
    "by": ("stacking",),
    "start": ("stacking", "least_squares"),
}
"""What `Round.ensemble` takes beside a method and a width, and the methods that have it."""

_DEFAULTS = {"power": 1.0, "tie_break": "nearest", "loss": "squared_error", "rounds": ROUNDS, "by": "label"}
_WORDS = {"tie_break": TIE_BREAKS, "loss": LOSSES, "by": STACKING_BY}
_MASSES = ("prior", "reference")  #: a word or an array, one number for each model


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """Weights of the models, and what is known of them.

    Attributes
    ----------
    weights : ndarray of float64, shape (n_models,)
        Non-negative, with sum 1.
    solution : SimplexSolution or None
        Certificate, of the methods that have one.
    doubt : str or None
        Why the weights are not those that were asked for, where they are not.
    """

    weights: NDArray[np.float64]
    solution: SimplexSolution | None = None
    doubt: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Mechanism:
    """A method and the options that it has; made by `mechanism`.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    options : dict
        Its options as they were given, the defaults too: ``round.ensemble(method, sigma=sigma, **options)`` repeats
        them, ``rng`` is a seed.
    masses : dict of str to (ndarray of float64, shape (n_models,), "clone_proof" or None)
        Those of its options that are a number for each model, for the models of one round; None is uniform.
    clones : CloneProofPrior or None
        What "clone_proof" stands for, once the bandwidth is known.
    """

    method: Method
    options: dict[str, Any]
    masses: dict[str, Mass]
    clones: CloneProofPrior | None = None

    @property
    def is_clone_proof(self) -> bool:
        """Whether one of its masses is the clone-proof prior."""
        return any(map(is_clone_proof, self.masses.values()))

    def with_clones(self, clones: CloneProofPrior) -> Mechanism:
        """Return the mechanism of one bandwidth, which its options then name.

        Parameters
        ----------
        clones : CloneProofPrior
            Of the models and judgments of the round.
        """
        return replace(self, options=self.options | {"bandwidth": clones.bandwidth}, clones=clones)

    def key(self, sigma: float | None) -> tuple[object, ...]:
        """Return what the weights depend on, beside the round."""
        needed = self.method in ("bma", "stacking", "best") or self.options.get("loss") not in (None, "squared_error")
        masses = {name: mass.tobytes() if isinstance(mass, np.ndarray) else mass for name, mass in self.masses.items()}
        return (self.method, sigma if needed else None, *(self.options | masses).items())

    def weigh(self, round_: Round, sigma: float, start: NDArray[np.int64] | None = None) -> Weighed:
        """Weigh the models of a round.

        Parameters
        ----------
        round_ : Round
            The round that `masses` are of.
        sigma : float
            Width of the Gaussian at each label, in the unit of ``log_ratio``.
        start : ndarray of int64, optional
            Models that are likely to have weight.

        Returns
        -------
        Weighed
            The best weights found, with a doubt and a warning, where doubles cannot certify an optimum.
        """
        if self.method in ("stacking", "least_squares"):
            return self._optimum(round_, sigma, start)
        if self.method == "greedy":
            return self._greedy(round_, sigma)
        if self.method == "bma":
            return Weighed(self._bma(round_, sigma))
        if self.method == "uniform":
            return Weighed(np.full(len(round_.pool), 1.0 / len(round_.pool)))
        log_likelihoods = round_.log_likelihood(sigma)
        weights = np.zeros(len(round_.pool))
        leaders = np.flatnonzero(log_likelihoods == log_likelihoods.max())
        weights[min(leaders, key=lambda d: round_.pool.models[d])] = 1.0
        return Weighed(weights)

    def _optimum(self, round_: Round, sigma: float, start: NDArray[np.int64] | None) -> Weighed:
        """Weigh by a solver; under a reference that copies cannot bend, copies are one model and share its weight."""
        pool, reference = round_.pool, self._mass("reference")
        clones = None if self.clones is None or self.clones.n_classes == len(pool) else self.clones
        if clones is not None:
            pool, reference = pool.select(clones.first), clones.class_prior
            start = None if start is None else np.unique(clones.class_of[start])
        given = {"tie_break": self.options["tie_break"], "reference": reference, "start": start}
        solve = self._stacking if self.method == "stacking" else self._least_squares
        doubt = None
        try:
            solution = solve(round_, pool, sigma, given)
        except NotConvergedError as error:  # no submission may stop a round by how far its logits spread
            doubt = f"{SPOKEN[self.method]} is as near to its optimum as doubles allow: {error}; see its gap."
            warnings.warn(doubt, NotCertifiedWarning, stacklevel=4)
            relative = error.gap if self.method == "stacking" else _relative(round_, pool, error.gap)
            solution = SimplexSolution(error.weights, math.nan, error.gap, relative, error.passes, str(error))
        if clones is not None:
            solution = solution.shared(clones.class_of)
        if doubt is None and (tie := tie_doubt(solution)) is not None:  # the solver warned of it
            doubt = f"{SPOKEN[self.method]}: {tie}."
        return Weighed(solution.weights, solution, doubt)

    def _stacking(self, round_: Round, pool: Pool, sigma: float, given: dict[str, Any]) -> SimplexSolution:
        by = self.options["by"]
        weight = round_.label_weight if by == "label" else round_.pair_weight
        return pool_stacking(
            pool, round_.judgments, by=by, sigma=sigma, observation_weights=weight, n_threads=round_.n_threads, **given
        )

    def _least_squares(self, round_: Round, pool: Pool, _: float, given: dict[str, Any]) -> SimplexSolution:
        return pair_least_squares(pool, round_.judgments, n_threads=round_.n_threads, **given)

    def _greedy(self, round_: Round, sigma: float) -> Weighed:
        solution = pool_greedy(
            round_.pool,
            round_.judgments,
            pair_weight=round_.pair_weight,
            label_weight=round_.label_weight,
            loss=self.options["loss"],
            sigma=sigma,
            rounds=self.options["rounds"],
            n_threads=round_.n_threads,
        )
        return Weighed(solution.weights, solution)

    def _bma(self, round_: Round, sigma: float) -> NDArray[np.float64]:
        prior, power = self._mass("prior"), self.options["power"]
        # models of one class predict the same: rounding of their logits may not tell them apart
        models = slice(None) if self.clones is None else self.clones.first[self.clones.class_of]
        if "bootstrap" not in self.options:
            return bma_weights(round_.log_likelihood(sigma)[models], prior=prior, power=power)
        n_threads = round_.n_threads
        by_pair = matrix_beside(round_.pool.logits, len(round_.pair_weight))
        log_likelihood(round_.pool, round_.judgments, sigma=sigma, per="pair", out=by_pair, n_threads=n_threads)
        by_pair *= round_.pair_weight
        counted = round_.pair_weight > 0  # a pair without weight is no part of what is resampled
        by_pair = by_pair if counted.all() else by_pair[:, counted]
        return bma_weights(
            by_pair[models],
            prior=prior,
            power=power,
            bootstrap=self.options["bootstrap"],
            rng=self.options["rng"],
            n_threads=n_threads,
        )

    def _mass(self, name: str) -> NDArray[np.float64] | None:
        mass = self.masses[name]
        if isinstance(mass, str):
            return None if self.clones is None else self.clones.prior
        return mass


def mechanism(method: str, given: dict[str, Any], masses: Masses) -> Mechanism:
    """Return a method with its options, all checked.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    given : dict
        A value for each of `OPTIONS`, the defaults where none was given.
    masses : callable
        Makes the mass of each model of what was given, and of what it is called.

    Returns
    -------
    Mechanism
        With the options that the method has.

    Raises
    ------
    OptionError
        If a word is not known, or an option is given for a method that has none such.
    DtypeError, ShapeError, NonFiniteError, DomainError
        If an option is out of its domain.
    """
    known_word(method, "method", METHODS)
    for name, words in _WORDS.items():
        known_word(given[name], name, words)
    given = given | {
        "power": positive_number(given["power"], "power"),
        "rounds": positive_count(given["rounds"], "rounds"),
    }
    for name, users in OPTIONS.items():
        if name != "rng" and method not in users and not _is_default(name, given[name]):
            having = " or ".join(f"method={user!r}" for user in users)
            raise OptionError(f"{name}: only {having} has one, got method={method!r}")
    mass: dict[str, Mass] = {name: masses(given[name], name) for name in _MASSES}
    if given["bandwidth"] is not None:
        given["bandwidth"] = positive_number(given["bandwidth"], "bandwidth")
        require_clone_proof(given["bandwidth"], *(given[name] for name in _MASSES))
    if given["rng"] is not None and given["bootstrap"] is None:
        raise OptionError("rng: only the replicates of bootstrap= are random")
    own = [name for name in own_options(method, given) if name != "start"]
    if method == "bma" and given["bootstrap"] is None:
        own = [name for name in own if name not in ("bootstrap", "rng")]
    elif method == "bma":
        given["rng"] = seed_of(given["rng"])
    return Mechanism(
        cast("Method", method),
        {name: given[name] for name in own},
        {name: mass[name] for name in own if name in mass},
    )


def own_options(method: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options that a method has.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    given : dict
        Values of some of `OPTIONS`.

    Returns
    -------
    dict
        Those of the method, in the order of `OPTIONS`; a bandwidth only beside a mass that has one.
    """
    own = {name: given[name] for name, users in OPTIONS.items() if name in given and method in users}
    if not any(is_clone_proof(own.get(name)) for name in _MASSES):
        own.pop("bandwidth", None)
    return own


def require_clone_proof(bandwidth: float | None, *masses: Prior) -> None:
    """Refuse a bandwidth where no mass has one.

    Parameters
    ----------
    bandwidth : float, optional
        What was given.
    *masses : None, str or array_like
        The prior and the reference, as they were given.

    Raises
    ------
    OptionError
        If there is a bandwidth, and no mass is "clone_proof".
    """
    if bandwidth is not None and not any(map(is_clone_proof, masses)):
        raise OptionError("bandwidth: only a prior or a reference 'clone_proof' has one")


def _is_default(name: str, value: object) -> bool:
    if name in _MASSES:
        return is_uniform(value)  # type: ignore[arg-type]
    default = _DEFAULTS.get(name)
    return value is None if default is None else value == default


def _relative(round_: Round, pool: Pool, gap: float) -> float:
    """Return a gap of least squares in the unit of its tolerance: the median loss of one model."""
    if gap == 0:
        return 0.0
    mse = mean_squared_error(pool, round_.judgments, n_threads=round_.n_threads)
    unit = np.median(mse) * math.fsum(round_.judgments.pairs.weight)
    return float(gap / unit) if unit > 0 else math.inf
