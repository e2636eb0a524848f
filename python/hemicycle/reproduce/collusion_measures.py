"""What is measured of trained ensembles: errors, diversity, its bias, codependence and the spread of members."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hemicycle.diversity import bias_share, codependence, decompose
from hemicycle.reproduce.collusion_cases import CONDITIONS, DROPOUTS, MOMENTS, NAMES, Measured
from hemicycle.reproduce.collusion_protocol import Protocol, convolutional_network, dense_network
from hemicycle.reproduce.collusion_sets import REGRESSION, split
from hemicycle.reproduce.collusion_training import train

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.reproduce.claims import Progress
    from hemicycle.reproduce.collusion_sets import Split
    from hemicycle.reproduce.collusion_training import Trained

__all__ = ["Effort", "measured", "measured_case", "quick_effort"]

N_DRAWS = 10  #: of dropped members, other ones for each example


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done of everything.

    Attributes
    ----------
    n_runs : int
        Splits, starts and orders of the examples.
    dense_steps, convolutional_steps : int
        Steps of training.
    n_checkpoints : int
        How often ensembles are looked at.
    n_dense : int
        Members of an ensemble on regression sets.
    sizes : tuple of int
        Members of an ensemble on digits.
    """

    n_runs: int
    dense_steps: int = 2000
    convolutional_steps: int = 300
    n_checkpoints: int = 16
    n_dense: int = 20
    sizes: tuple[int, ...] = (5, 10)


quick_effort = partial(Effort, dense_steps=300, convolutional_steps=100, n_checkpoints=8)


def measured(effort: Effort, seed: int, progress: Progress) -> Measured:
    """Train ensembles on every set and measure them.

    Parameters
    ----------
    effort : Effort
        How much is done.
    seed : int
        Seed; each case and run has a stream of its own.
    progress : callable
        Told how many trainings are done.

    Returns
    -------
    Measured
        All that was measured.
    """
    jobs = _jobs(effort)
    found: dict[str, _Case] = {}
    for number, (case, job) in enumerate(jobs.items()):

        def tell(done: int, before: int = number) -> None:
            progress("ensembles", before * effort.n_runs + done, len(jobs) * effort.n_runs)

        found[case] = measured_case(job, effort.n_runs, (seed, number), tell)
    return Measured(
        values={(case, moment): found[case].values[moment] for case in found for moment in MOMENTS},
        courses={case: one.courses for case, one in found.items()},
        steps={case: one.steps for case, one in found.items()},
    )


class _Case(NamedTuple):
    """What was measured of one case; see `Measured`."""

    values: dict[str, dict[str, NDArray[np.float64]]]
    courses: dict[str, NDArray[np.float64]]
    steps: NDArray[np.int64]


def measured_case(
    job: tuple[str, int, Protocol], n_runs: int, seed: tuple[int, int], tell: Callable[[int], None]
) -> _Case:
    """Train the ensembles of one case in all runs, and measure them.

    Parameters
    ----------
    job : tuple
        Name of the set, number of members, and protocol.
    n_runs : int
        Number of runs.
    seed : tuple of int
        Each run has a stream of its own.
    tell : callable
        Told how many runs are done.

    Returns
    -------
    _Case
        By moment, by part of the data, and the checkpoints.
    """
    name, n_learners, protocol = job
    seen: list[Trained] = []
    taken: dict[str, list[NDArray[np.float64]]] = {moment: [] for moment in MOMENTS}
    for run in range(n_runs):
        rng = np.random.default_rng([*seed, run])
        data = split(name, rng)
        seen.append(train(data, CONDITIONS, n_learners, _for(protocol, data), rng))
        for moment in MOMENTS:
            taken[moment].append(_measure(seen[-1], data, protocol, moment, rng))
        tell(run + 1)
    return _Case(
        {moment: dict(zip(NAMES, np.array(taken[moment]).swapaxes(0, 1), strict=True)) for moment in MOMENTS},
        {"train": np.array([each.train for each in seen]), "test": np.array([each.test for each in seen])},
        seen[0].steps,
    )


def _jobs(effort: Effort) -> dict[str, tuple[str, int, Protocol]]:
    """Return the set, the number of members and the protocol of each case."""
    dense = Protocol(partial(dense_network, 1), "mse", None, effort.dense_steps, 0.005, effort.n_checkpoints)
    jobs = {name: (name, effort.n_dense, dense) for name in REGRESSION}
    for averaging in ("score", "probability"):
        protocol = Protocol(
            convolutional_network, "cross_entropy", averaging, effort.convolutional_steps, 0.01, effort.n_checkpoints
        )
        jobs |= {f"digits {averaging} {size}": ("digits", size, protocol) for size in effort.sizes}
    return jobs


def _for(protocol: Protocol, data: Split) -> Protocol:
    """Return the protocol with networks that take as many features as there are."""
    if protocol.loss != "mse":
        return protocol
    make = partial(dense_network, data.train.x.shape[1])
    return Protocol(make, protocol.loss, None, protocol.n_steps, protocol.learning_rate, protocol.n_checkpoints)


def _measure(
    trained: Trained, data: Split, protocol: Protocol, moment: str, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return `NAMES` of each condition, shape (n_names, n_conditions)."""
    at = trained.stopped if moment == "stopped" else np.full(len(CONDITIONS), len(trained.steps) - 1)
    y = data.test.y[:1000]
    kind: dict[str, Any] = {"loss": protocol.loss, "averaging": protocol.averaging}
    found = np.full((len(NAMES), len(CONDITIONS)), np.nan)
    for c, pred in enumerate(trained.predictions[moment]):
        parts = decompose(pred, y, **kind)
        missing = codependence(pred, y, **kind, p=DROPOUTS, n_draws=N_DRAWS, rng=rng).increase
        members = [decompose(pred[j : j + 1], y, **kind).err for j in range(len(pred))]
        biased = np.nan if protocol.averaging == "probability" else bias_share(pred, y, **kind)
        error = float(trained.train[at[c], 0, c])
        spread = (min(members), max(members))
        found[:, c] = (
            error,
            parts.err,
            parts.err_bar,
            parts.div,
            biased,
            *missing,
            *spread,
            *_accuracies(pred, y, kind),
        )
    return found


def _accuracies(pred: NDArray[np.float64], y: NDArray[Any], kind: dict[str, Any]) -> tuple[float, float]:
    """Return the accuracy of the ensemble and the mean of its members, nan where there are no classes."""
    if kind["loss"] == "mse":
        return np.nan, np.nan
    scores = pred.mean(axis=0)
    if kind["averaging"] == "probability":
        unnormalised = np.exp(pred - pred.max(axis=-1, keepdims=True))
        scores = (unnormalised / unnormalised.sum(axis=-1, keepdims=True)).mean(axis=0)
    return float(np.mean(scores.argmax(axis=-1) == y)), float(np.mean(pred.argmax(axis=-1) == y))
