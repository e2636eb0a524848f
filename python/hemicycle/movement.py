"""What moved between two results: the allocation, item by item, and the weights under each mechanism."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.averaging import effective_models
from hemicycle.config import read_out_folder
from hemicycle.errors import FormatError
from hemicycle.items import short_names
from hemicycle.sources import NUMBER, Source
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hemicycle.allocation import Mean
    from hemicycle.ensemble import Ensemble
    from hemicycle.read_limits import ReadLimits

__all__ = ["Movement", "Standing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a run found, by name.

    Attributes
    ----------
    name : str
        What the run is called where it is compared.
    method : str
        The mechanism that pays.
    shares : dict of (parent, item) to float
        The allocation.
    weights : dict of str to dict of str to float
        The weight of each model under each mechanism.
    """

    name: str
    method: str
    shares: dict[tuple[str, str], float]
    weights: dict[str, dict[str, float]]

    @classmethod
    def of(cls, ensembles: Sequence[Ensemble], method: str, mean: Mean, name: str) -> Standing:
        """Return the standing of the ensembles of a round.

        Parameters
        ----------
        ensembles : sequence of Ensemble
            Every mechanism on the same rows.
        method : str
            The mechanism that pays.
        mean : {"geometric", "arithmetic"}
            Which average of the models' shares is paid.
        name : str
            What to call it.
        """
        paid = next(ensemble for ensemble in ensembles if ensemble.method == method)
        allocation = paid.allocation(mean=mean)
        items = zip(allocation["parent"], allocation["item"], strict=True)
        return cls(
            name,
            method,
            dict(zip(items, allocation["share"].tolist(), strict=True)),
            {e.method: dict(zip(e.models, e.weights.tolist(), strict=True)) for e in ensembles},
        )

    @classmethod
    def read(cls, folder: str, limits: ReadLimits | None = None) -> Standing:
        """Read the standing of an out folder of `hemicycle ensemble`.

        Parameters
        ----------
        folder : str
            Holds round.toml, allocation.csv and weights.csv.
        limits : ReadLimits, optional
            How much each file may hold.

        Raises
        ------
        FormatError
            If a file is not what `hemicycle ensemble` writes.
        OSError
            If it cannot be read.
        """
        path = Path(folder)
        config = read_out_folder(path)
        shares = _read_numbers(path / "allocation.csv", ("parent", "item"), "share", limits)
        weights: dict[str, dict[str, float]] = {}
        found = _read_numbers(path / "weights.csv", ("method", "model"), "weight", limits)
        for (method, model), weight in found.items():
            weights.setdefault(method, {})[model] = weight
        return cls(path.resolve().name, config.method, {(p, i): share for (p, i), share in shares.items()}, weights)


@dataclass(frozen=True, slots=True, eq=False)
class Movement:
    """What moved from one run to another.

    Attributes
    ----------
    before : str
        What the first run is called.
    methods : tuple of str
        The mechanism that paid, and the one that pays.
    allocation : Table
        Columns parent, item, before, after, change: shares of the budget of the parent, 0 for items of one run only.
        The largest change first, then by name.
    mechanisms : Table
        Columns method, weight_change (the weight that moves from one model to another: half the sum of ``|w' - w|``),
        effective_before, effective_after, models_before, models_after (how many have a weight): mechanisms of both.
    models : Table
        Columns model, before, after, change: weights under the mechanism that pays, of models whose weight changes.
    """

    before: str
    methods: tuple[str, str]
    allocation: Table
    mechanisms: Table
    models: Table

    @classmethod
    def between(cls, before: Standing, after: Standing) -> Movement:
        """Compare two runs.

        Parameters
        ----------
        before, after : Standing
            What each found.
        """
        common = [method for method in after.weights if method in before.weights]
        was, now = before.weights.get(before.method, {}), after.weights.get(after.method, {})
        items = list(dict.fromkeys([*after.shares, *before.shares]))
        models = [(m,) for m in dict.fromkeys([*now, *was]) if now.get(m, 0.0) != was.get(m, 0.0)]
        return cls(
            before.name,
            (before.method, after.method),
            _by_change(("parent", "item"), items, before.shares, after.shares),
            Table(_mechanisms(common, before.weights, after.weights)),
            _by_change(("model",), models, {(m,): w for m, w in was.items()}, {(m,): w for m, w in now.items()}),
        )

    @property
    def distance(self) -> float:
        """Sum over all items of the changes of their shares: 2 for one parent whose whole budget moves."""
        return math.fsum(np.abs(self.allocation["change"]))

    @property
    def part(self) -> float:
        """The part of all budgets that moves: half of `distance` over the number of parents."""
        return self.distance / 2 / max(1, len(set(self.allocation["parent"])))

    @property
    def item_names(self) -> list[str]:
        """The items of `allocation` as tables show them."""
        return short_names(self.allocation["parent"], self.allocation["item"])

    def summary(self) -> dict[str, Any]:
        """Return the movement in plain values."""
        return {
            "before": self.before,
            "method_before": self.methods[0],
            "allocation_change": self.part,
            "mechanisms": list(self.mechanisms),
        }


def _by_change(columns: tuple[str, ...], keys: list[Any], before: dict[Any, float], after: dict[Any, float]) -> Table:
    """Return a row for each key, a tuple of the first columns; the largest change first."""
    was, now = (np.array([values.get(key, 0.0) for key in keys]) for values in (before, after))
    order = sorted(range(len(keys)), key=lambda k: (-abs(now[k] - was[k]), keys[k]))
    names = {column: [keys[k][i] for k in order] for i, column in enumerate(columns)}
    return Table(names | {"before": was[order], "after": now[order], "change": (now - was)[order]})


def _mechanisms(
    methods: list[str], before: dict[str, dict[str, float]], after: dict[str, dict[str, float]]
) -> dict[str, Any]:
    columns: dict[str, Any] = {"method": methods, "weight_change": []}
    for method in methods:
        was, now = before[method], after[method]
        changes = (abs(now.get(model, 0.0) - was.get(model, 0.0)) for model in was.keys() | now.keys())
        columns["weight_change"].append(math.fsum(changes) / 2)
    for when, weights in (("before", before), ("after", after)):
        each = [np.array(list(weights[method].values())) for method in methods]
        columns[f"effective_{when}"] = np.array([effective_models(weight)[0] for weight in each])
        columns[f"models_{when}"] = np.array([np.count_nonzero(weight) for weight in each], dtype=np.int64)
    return columns | {"weight_change": np.array(columns["weight_change"])}


def _read_numbers(
    path: Path, names: tuple[str, str], number: str, limits: ReadLimits | None
) -> dict[tuple[str, str], float]:
    """Read a csv file of two names and a number a row."""
    source = Source.of_file(path, limits)
    first, second, value = (source.find(name) for name in (*names, number))
    if first is None or second is None or value is None or source.table.ragged:
        raise FormatError(f"{source.file}: expected the columns {','.join((*names, number))}, as hemicycle writes them")
    texts = source.sound_names(first), source.sound_names(second)
    values, status = source.table.numbers(value)
    wrong = np.flatnonzero(status != NUMBER)
    if len(wrong):
        raise FormatError(f"{source.file}, line {source.lines[wrong[0]]}: the {number} is not a finite number")
    return dict(zip(zip(*texts, strict=True), values.tolist(), strict=True))
