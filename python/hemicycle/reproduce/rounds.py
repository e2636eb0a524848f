"""What ensembles of real submissions predict of private rows, when all that they saw were the public ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.evaluation import SIGMAS, choose_sigma, evaluate
from hemicycle.reproduce import round_figures, round_verdicts
from hemicycle.reproduce.claims import Figure, Reproduction
from hemicycle.reproduce.real_rounds import FITTED, PRIVATE, data_folder, real_rounds
from hemicycle.reproduce.round_verdicts import PLAIN_SIGMA
from hemicycle.table import Table

if TYPE_CHECKING:
    import os

    from hemicycle.evaluation import Evaluation
    from hemicycle.reproduce.claims import Progress
    from hemicycle.reproduce.real_rounds import RealRound

__all__ = ["METHODS", "Prediction", "rounds"]

SOURCE = "ensembles, on the private rows of a real round"
NOTE = (
    "An expectation holds where the central 90% of the difference of log scores, summed over private rows, are above "
    "0 for both sets of submissions, each method at the width that public rows chose. Jurors and rows of both sets are "
    f"nearly the same. Left out, as they were fitted to private rows: {', '.join(sorted(FITTED))}."
)
METHODS: dict[str, dict[str, Any]] = {
    "stacking": {},
    "stacking by pair": {"method": "stacking", "by": "pair"},
    "greedy": {"loss": "log_score"},
    "least_squares": {},
    "bma": {},
    "power 0.1": {"method": "bma", "power": 0.1},
    "bootstrap": {"method": "bma", "bootstrap": 1000, "rng": 0},
    "best": {},
    "uniform": {},
}


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the ensembles of one round predict of its private rows.

    Attributes
    ----------
    round : RealRound
        The round.
    evaluation : Evaluation
        Of every method at every width.
    sigma : dict of str to float
        The width of each method, chosen by public rows alone.
    """

    round: RealRound
    evaluation: Evaluation
    sigma: dict[str, float]

    def place(self, method: str, sigma: float | None = None) -> int:
        """Return the configuration of a method at a width, by default the chosen one.

        Parameters
        ----------
        method : str
            One of `METHODS`.
        sigma : float, optional
            One of the widths.

        Returns
        -------
        int
            Its place in ``evaluation.configurations``.
        """
        wanted = (method, self.sigma[method] if sigma is None else sigma)
        return [(c.name, c.sigma) for c in self.evaluation.configurations].index(wanted)

    def best_width(self, method: str) -> float:
        """Return the width under which the private rows themselves have the highest log score.

        Parameters
        ----------
        method : str
            One of `METHODS`.

        Returns
        -------
        float
            One of the widths.
        """
        return float(self.evaluation.best(method).sigma)

    def difference(self, first: int, other: int, score: str, replicates: int, seed: int) -> tuple[float, float, float]:
        """Return by how much one configuration's score is above another's, and the central 90 percent of that.

        Parameters
        ----------
        first, other : int
            Places of configurations.
        score : {"elpd", "crps", "mse", "brier", "accuracy"}
            Which score.
        replicates, seed : int
            Of the Bayesian bootstrap over jurors.

        Returns
        -------
        tuple of float
            Difference, lower and upper bound.
        """
        compared = self.evaluation.select([first, other]).compare(score, replicates=replicates, rng=seed)
        diff, low, high = (float(compared[column][1]) for column in ("diff", "low", "high"))
        configuration = self.evaluation.configurations[other]
        is_other = (compared["method"][1], float(compared["sigma"][1])) == (configuration.name, configuration.sigma)
        return (-diff, -high, -low) if is_other else (diff, low, high)


def rounds(replicates: int, seed: int, progress: Progress, data: str | os.PathLike[str] | None = None) -> Reproduction:
    """Test what is expected of ensembles.

    Parameters
    ----------
    replicates : int
        Replicates of the Bayesian bootstrap over jurors, at least 1.
    seed : int
        Its seed.
    progress : callable
        Told what is going on.
    data : path, optional
        Folder with the data of the rounds; by default what HEMICYCLE_DATA says.

    Returns
    -------
    Reproduction
        The findings, and the tables and figures behind them.

    Raises
    ------
    OptionError
        If the data are not there.
    """
    folder = data_folder(data)
    done, of = 0, 2 * (2 + len(METHODS))

    def step() -> None:
        nonlocal done
        done += 1
        progress("real rounds", done, of)

    predictions = [_predicted(read, step) for read in real_rounds(folder, step)]
    scores = _scores(predictions)
    differences, widths = _differences(predictions, replicates, seed), _widths(predictions)
    return Reproduction(
        name="rounds",
        source=SOURCE,
        options={"replicates": replicates, "seed": seed},
        findings=round_verdicts.on_rounds(predictions, replicates, seed),
        tables={
            "scores": scores,
            "differences": differences,
            "widths": widths,
            "pools": _pools(predictions),
        },
        note=NOTE,
        figures={
            "differences": Figure(7.0, 3.4, partial(round_figures.draw_differences, differences)),
            "widths": Figure(7.0, 3.2, partial(round_figures.draw_widths, widths, scores)),
            "calibration": Figure(7.0, 2.8, partial(round_figures.draw_calibration, predictions[0])),
        },
    )


def _predicted(read: RealRound, step: Any) -> Prediction:
    sigma = {}
    for name, options in METHODS.items():
        rest = {option: value for option, value in options.items() if option != "method"}
        sigma[name], _ = choose_sigma(read.public, options.get("method", name), rest)
        step()
    found = evaluate(read.whole, METHODS, by="split", folds=PRIVATE, sigma=SIGMAS)
    step()
    return Prediction(read, found, sigma)


def _scores(predictions: list[Prediction]) -> Table:
    """Every method at the width chosen and at the plain one."""
    rows: list[dict[str, Any]] = []
    for prediction in predictions:
        table = list(prediction.evaluation.table())
        for method in METHODS:
            for chosen, sigma in ((True, prediction.sigma[method]), (False, PLAIN_SIGMA)):
                row = dict(table[prediction.place(method, sigma)])
                rows.append({"pool": prediction.round.name, "width": "chosen" if chosen else "plain"} | row)
    return Table({name: [row[name] for row in rows] for name in rows[0]})


def _differences(predictions: list[Prediction], replicates: int, seed: int) -> Table:
    """Every method less the best single model, each at its chosen width."""
    rows: list[tuple[object, ...]] = []
    for prediction in predictions:
        for score in ("elpd", "mse"):
            for method in METHODS:
                if method == "best":
                    continue
                places = prediction.place(method), prediction.place("best")
                rows.append(
                    (prediction.round.name, score, method, *prediction.difference(*places, score, replicates, seed))
                )
    pools, scores, methods, diff, low, high = zip(*rows, strict=True)
    numbers = {"diff": np.array(diff), "low": np.array(low), "high": np.array(high)}
    return Table({"pool": pools, "score": scores, "method": methods, **numbers})


def _widths(predictions: list[Prediction]) -> Table:
    """Elpd of every method at every width."""
    parts = [prediction.evaluation.table() for prediction in predictions]
    pools = [prediction.round.name for prediction in predictions for _ in prediction.evaluation.configurations]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in ("sigma", "elpd", "coverage_90")}
    methods = [method for part in parts for method in part["method"]]
    return Table({"pool": pools, "method": methods, **joined})


def _pools(predictions: list[Prediction]) -> Table:
    """How much there is of what."""
    rounds_ = [prediction.round for prediction in predictions]
    return Table(
        {
            "pool": [each.name for each in rounds_],
            "models": np.array([len(each.whole.pool) for each in rounds_]),
            "items": np.array([len(each.whole.pool.items) for each in rounds_]),
            "public": np.array([len(each.public.judgments) for each in rounds_]),
            "private": np.array([len(prediction.evaluation.row) for prediction in predictions]),
        }
    )
