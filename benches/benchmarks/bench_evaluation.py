"""Eight methods evaluated on the jurors of a round, each left out in turn."""

from __future__ import annotations

import numpy as np

from hemicycle import Judgments, Pool, Round
from hemicycle.evaluation import evaluate

METHODS = {
    "least_squares": {},
    "bma": {},
    "tempered": {"method": "bma", "power": 0.1},
    "bootstrap": {"method": "bma", "bootstrap": 1000, "rng": 0},
    "stacking": {},
    "greedy": {},
    "uniform": {},
    "best": {},
}
N_JURORS, N_ITEMS, N_LABELS = 37, 45, 593


def made_round(n_models: int) -> Round:
    """Make a round of the size of level 1 of DeepFunding 2025: 37 jurors, 45 items, 593 judgments."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1.5, N_ITEMS)
    a = rng.integers(N_ITEMS, size=N_LABELS)
    b = (a + rng.integers(1, N_ITEMS, size=N_LABELS)) % N_ITEMS
    y = truth[b] - truth[a] + 2 * rng.normal(size=N_LABELS)
    juror = [f"juror-{k % N_JURORS}" for k in range(N_LABELS)]
    logits = truth + rng.normal(size=(n_models, N_ITEMS)) * rng.uniform(0.3, 2, size=(n_models, 1))
    judgments = Judgments.from_arrays(a, b, y, juror=juror, items=N_ITEMS)
    return Round(judgments, Pool.from_array(logits, items=N_ITEMS))


class LeftOutJurors:
    """What `hemicycle.evaluate` takes; a new round each time, as nothing of an earlier one is kept."""

    params = ([20, 1000, 10_000],)
    param_names = ("n_models",)
    timeout = 300

    def setup(self, n_models: int) -> None:
        """Make the round."""
        self.round = made_round(n_models)

    def time_eight_methods(self, _n_models: int) -> None:
        evaluate(self.round, METHODS, sigma=1.0)

    def time_a_grid_of_widths(self, _n_models: int) -> None:
        evaluate(self.round, ["least_squares", "bma"], folds=10, sigma=[0.5, 1.0, 2.0], power=[0.1, 1.0])

    def peakmem_eight_methods(self, _n_models: int) -> None:
        evaluate(self.round, METHODS, sigma=1.0)
