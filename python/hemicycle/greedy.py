"""Greedy selection of an ensemble, model by model, with replacement: the baseline of practitioners."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from hemicycle.arrays import float_array, read_only, require_finite, require_length, require_non_negative
from hemicycle.blends import Matrix, Mixture, Predictions
from hemicycle.errors import (
    DomainError,
    DtypeError,
    NoDataError,
    NonFiniteError,
    ObservationsDroppedWarning,
    OptionError,
)
from hemicycle.options import known_word, positive_count
from hemicycle.solution import SimplexSolution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.blends import Blend

__all__ = ["as_score", "greedy_weights", "select"]

Loss: TypeAlias = Literal["squared_error", "log_score"]
"""What a blend on arrays is judged by."""

LOSSES = ("squared_error", "log_score")

LARGEST = 1e140  #: magnitude whose square, and the sum of many of them, is finite


def greedy_weights(
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    loss: str = "squared_error",
    observation_weights: ArrayLike | None = None,
    rounds: int = 100,
    start_size: int = 1,
    models: Sequence[str] | None = None,
) -> SimplexSolution:
    r"""Return the weights of models chosen one after another, with replacement, each the one that helps the blend most.

    After k choices model d has the weight :math:`n_d / k`, :math:`n_d` the times that it was chosen. The next is
    :math:`\mathrm{argmin}_e\, L\big((n + e) / (k + 1)\big)`, and those weights on the way are returned that have the
    least loss.

    Parameters
    ----------
    x : array_like of float, shape (n_models, n_observations)
        Predictions, for "squared_error"; log densities that each model gave to each observation, for "log_score".
    y : array_like of float, shape (n_observations,), optional
        What was observed; for "squared_error" only.
    loss : {"squared_error", "log_score"}, default "squared_error"
        :math:`\sum_n v_n (\sum_d w_d x_{dn} - y_n)^2`, or :math:`-\sum_n v_n \log \sum_d w_d e^{x_{dn}}`.
    observation_weights : array_like of float, shape (n_observations,), optional
        Non-negative, equal by default; v are these divided by their sum.
    rounds : int, default 100
        Models that are chosen in all, at least `start_size`; weights are multiples of one over at most this.
    start_size : int, default 1
        How many begin: those that are best by themselves, each once.
    models : sequence of str, length n_models, optional
        Names: of models that help equally the one whose name comes first is chosen. By default the first row.

    Returns
    -------
    SimplexSolution
        `objective` is the weighted mean squared error, or the weighted mean log score; `gap` bounds how far it is from
        the best over the simplex, which greedy selection seldom attains; `passes` counts the rounds and `reason` says
        which of them was best.

    Raises
    ------
    DtypeError
        If an array is not numeric or is masked, a number of models no integer, or `models` no names.
    ShapeError
        If shapes do not agree.
    NonFiniteError
        If a value is NaN or infinite; log densities may be -inf.
    DomainError
        If a weight is negative, a number of models below 1, or a magnitude above 1e140, whose square would not be
        finite.
    OptionError
        If `loss` is no such word, `y` is missing or not wanted, or `start_size` is above `rounds` or `n_models`.
    NoDataError
        If there is no model, or no observation with a positive weight.

    Notes
    -----
    Each round is a pass over `x`; of a squared error it is a product with a vector, which leaves few models to be
    looked at more closely. There is no bagging: nothing but the number of rounds keeps the blend from fitting noise.
    Of numbers of models whose losses differ by rounding only, the smallest is taken.

    A log score can stay -inf: where each observation is impossible for some model, no first choice may be better than
    another, and greedy selection then goes by name and need not find the models that together explain everything.
    `reason` says so; `stacking_weights` finds them.

    References
    ----------
    Caruana, Niculescu-Mizil, Crew and Ksikes (2004), Ensemble selection from libraries of models,
    doi:10.1145/1015330.1015432: sections 2.1 (with replacement) and 2.2 (sorted initialisation).

    Examples
    --------
    >>> greedy_weights([[0.0, 0.0], [2.0, 2.0], [5.0, -5.0]], [1.5, 1.5]).weights
    array([0.25, 0.75, 0.  ])
    """
    known_word(loss, "loss", LOSSES)
    values = float_array(x, "x", 2)
    if 0 in values.shape:
        raise NoDataError(f"x: there are {values.shape[0]} models and {values.shape[1]} observations")
    share = _shares(observation_weights, values.shape[1])
    blend: Blend
    dropped = ""
    if loss == "squared_error":
        if y is None:
            raise OptionError("y: what was observed is missing; loss='squared_error' needs it")
        require_finite(values, "x")
        _require_squares(values, share, "x")
        target = float_array(y, "y", 1)
        require_length(target, "y", values.shape[1], "each row of x")
        require_finite(target, "y")
        _require_squares(target, share, "y")
        blend = Predictions(values[:, share > 0], target[share > 0], share[share > 0])
    else:
        if y is not None:
            raise OptionError(
                "y: loss='log_score' has none; the log densities already compare models with observations"
            )
        if not (values < np.inf).all():
            row, column = map(int, np.argwhere(~(values < np.inf))[0])
            raise NonFiniteError(f"x[{row}, {column}] is {values[row, column]}; it must be finite or -inf")
        explained, dropped = _explained(values, share)
        kept = explained & (share > 0)
        blend = Mixture(Matrix(values[:, kept]), share[kept] / math.fsum(share[kept]), len(values))
    names = range(len(values)) if models is None else _names(models, len(values))
    solution = select(blend, names, rounds, start_size)
    return solution if loss == "squared_error" else as_score(solution, dropped)


def select(blend: Blend, names: Sequence[str] | range, rounds: int, start_size: int = 1) -> SimplexSolution:
    """Choose models of an empty blend and return the weights with the least loss.

    Parameters
    ----------
    blend : Blend
        The empty bag.
    names : sequence of str, or range
        What decides between equals, one for each model.
    rounds, start_size : int
        As in `greedy_weights`.

    Returns
    -------
    SimplexSolution
        `objective` is the loss.

    Raises
    ------
    DtypeError, DomainError, OptionError
        If `rounds` or `start_size` is out of its domain.
    """
    rounds, start_size = positive_count(rounds, "rounds"), positive_count(start_size, "start_size")
    if start_size > min(rounds, len(names)):
        raise OptionError(f"start_size is {start_size}; there are {rounds} rounds and {len(names)} models")
    place = np.argsort(np.argsort(np.array(names), kind="stable"), kind="stable")  # (n_models,)
    chosen: list[int] = []
    single = losses = blend.losses()
    for model in np.lexsort((place, losses))[:start_size].tolist():
        if chosen:
            losses = blend.losses()
        chosen.append(model)
        blend.add(model)
    best, size = float(losses[chosen[-1]]), start_size
    while len(chosen) < rounds and best > -math.inf:
        model, least = blend.best(place)
        chosen.append(model)
        blend.add(model)
        if least < best and (math.isinf(best) or best - least > blend.rounding(best)):
            best, size = least, len(chosen)
    weights = np.bincount(chosen[:size], minlength=len(place)) / size
    gap, relative = blend.gap(weights, single)
    reason = f"greedy: of {len(chosen)} models chosen one after another the first {size} are best; ties by name"
    if best == math.inf:
        reason += "; none of these blends explains every observation, which others may"
    return SimplexSolution(read_only(weights), best, gap, relative, len(chosen), reason)


def _names(models: Sequence[str], n_models: int) -> list[str]:
    """Return the names of the models, checked."""
    if isinstance(models, str | Mapping | AbstractSet) or not isinstance(models, Collection):
        raise DtypeError(f"models: expected a sequence of names, got {type(models).__name__}")
    require_length(models, "models", n_models, "x")
    names = list(models)
    for k, name in enumerate(names):
        if not isinstance(name, str):
            raise DtypeError(f"models[{k}]: expected a name, got {type(name).__name__}")
    return names


def _require_squares(values: NDArray[np.float64], share: NDArray[np.float64], what: str) -> None:
    """Raise DomainError at a magnitude with a square that is not finite, of an observation that counts."""
    rows = values.reshape(-1, values.shape[-1])  # (n_rows, n_observations)
    bad = (np.maximum(rows.max(axis=0), -rows.min(axis=0)) > LARGEST) & (share > 0)
    if bad.any():
        column = int(np.argmax(bad))
        row = int(np.argmax(np.abs(rows[:, column])))
        place = f"{row}, {column}" if values.ndim > 1 else f"{column}"
        raise DomainError(f"{what}[{place}] is {rows[row, column]}; its magnitude must be at most {LARGEST:g}")


def _shares(observation_weights: ArrayLike | None, n_observations: int) -> NDArray[np.float64]:
    """Return the weights of observations, of sum 1."""
    if observation_weights is None:
        return np.full(n_observations, 1.0 / n_observations)
    given = float_array(observation_weights, "observation_weights", 1)
    require_length(given, "observation_weights", n_observations, "each row of x")
    require_non_negative(given, "observation_weights")
    if not given.any():
        raise NoDataError("observation_weights: every observation has the weight 0")
    scaled: NDArray[np.float64] = given / given.max()
    return scaled / math.fsum(scaled)


def as_score(solution: SimplexSolution, more: str = "") -> SimplexSolution:
    """Return a solution whose objective is a score, the loss with its sign changed."""
    return replace(solution, objective=-solution.objective, reason=solution.reason + more)


def _explained(log_density: NDArray[np.float64], share: NDArray[np.float64]) -> tuple[NDArray[np.bool_], str]:
    """Return which observations of positive weight some model explains, and what to say of the others."""
    explained = log_density.max(axis=0) > -np.inf
    if not (explained & (share > 0)).any():
        raise NoDataError("x: no model explains any observation (all log densities are -inf)")
    dropped = int(np.count_nonzero(~explained & (share > 0)))
    if not dropped:
        return explained, ""
    told = f"{dropped} of {len(share)} observations dropped, as no model explains them"
    warnings.warn(f"x: {told}", ObservationsDroppedWarning, stacklevel=3)
    return explained, f"; {told}"
