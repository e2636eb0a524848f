"""What is asked of every model, in sums that grow and shrink with the judgments."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_args
from zipfile import BadZipFile

import numpy as np

from hemicycle.errors import NoDataError, StoreError
from hemicycle.items import Items
from hemicycle.judgments import Judgments, cardinal_pairs, require_judgments
from hemicycle.likelihood import log_likelihood
from hemicycle.options import known_word, number_within, positive_number
from hemicycle.running import SIGMA_RANGE
from hemicycle.scores import accuracy, mean_squared_error
from hemicycle.store.durable import write_durably
from hemicycle.types import PairWeights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


__all__ = ["SUMS", "Scoring"]

SUMS = ("log_likelihood", "squared_error", "agreement")
"""Sums over the judgments, of each model: log densities of the pairs, weighted squared errors, weights of agreement."""

JUDGMENTS = "judgments"
ROWS = ("a", "b", "log_ratio", "choice", "weight")
PAIR_BYTES = 16  #: of a row: its two items


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """A jury, and how its labels count.

    Attributes
    ----------
    judgments : Judgments
        Of the items of the store.
    sigma : float
        Width of the Gaussian at each label, from 1e-6 to 1e6.
    pair_weights : {"equal", "total"}
        Weight of a pair: 1, or the sum of its labels' weights.
    min_weight : float or None
        Floor of smaller weights of models.
    """

    judgments: Judgments
    sigma: float = 0.5
    pair_weights: PairWeights = "equal"
    min_weight: float | None = None

    def __post_init__(self) -> None:
        require_judgments(self.judgments)
        object.__setattr__(self, "sigma", number_within(self.sigma, "sigma", *SIGMA_RANGE))
        known_word(self.pair_weights, "pair_weights", get_args(PairWeights))
        if self.min_weight is not None:
            object.__setattr__(self, "min_weight", positive_number(self.min_weight, "min_weight"))

    @property
    def rows(self) -> NDArray[np.float64]:
        """The judgments that count, seen from the first item of each pair, in an order of their own: shape (5, n).

        Items a and b, the log ratio (nan where there is none), the choice and the weight.
        """
        held = self.judgments
        turned = held.a > held.b
        a, b = np.minimum(held.a, held.b), np.maximum(held.a, held.b)
        ratio = np.where(turned, -held.log_ratio, held.log_ratio) + 0.0  # no -0.0
        ratio[np.isnan(ratio)] = np.nan  # of one sign
        choice = np.where(turned & (held.choice > 0), 3 - held.choice, held.choice)
        rows = np.stack([a, b, ratio, choice, held.weight]).astype(np.float64)[:, held.weight > 0]
        return rows[:, np.lexsort(rows[::-1])]

    @property
    def settings(self) -> dict[str, float | str | None]:
        """What scores depend on beside models and judgments."""
        return {"sigma": self.sigma, "pair_weights": self.pair_weights, "min_weight": self.min_weight}

    @property
    def key(self) -> str:
        """SHA-256 of all that scores depend on beside the models, in hex: the order of judgments does not matter."""
        items = json.dumps([self.judgments.items.keys, self.settings], sort_keys=True)
        return hashlib.sha256(items.encode() + np.ascontiguousarray(self.rows).tobytes()).hexdigest()

    def sums(self, logits: NDArray[Any], n_threads: int | None = None) -> NDArray[np.float64]:
        """Return the sums of every model.

        Parameters
        ----------
        logits : ndarray of float64 or float32, shape (n_models, n_items)
            Of models without zero weights, in the order of ``judgments.items``.
        n_threads : int, optional
            Threads of the core.

        Returns
        -------
        ndarray of float64, shape (3, n_models)
            In the order of `SUMS`.
        """
        held, found = self.judgments, np.zeros((len(SUMS), len(logits)))
        pairs = held.pairs
        if len(pairs):
            log_likelihood(
                logits, held, sigma=self.sigma, pair_weights=self.pair_weights, n_threads=n_threads, out=found[0]
            )
            found[1] = mean_squared_error(logits, held, n_threads=n_threads) * math.fsum(pairs.weight)
        if self.choice_weight:
            found[2] = accuracy(logits, held, n_threads=n_threads) * self.choice_weight
        return found

    def lifted(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return logits with the smaller ones raised to that of `min_weight`: the same bits as in ``Store.pool``."""
        return logits if self.min_weight is None else np.maximum(logits, logits.dtype.type(np.log(self.min_weight)))

    @property
    def scale(self) -> NDArray[np.float64]:
        """What rounding in each of the `SUMS` is held against: the weight of all that it sums, shape (3, 1)."""
        terms = float(len(self.judgments.pairs)) if self.pair_weights == "equal" else self.label_weight
        return np.array([[terms], [self.label_weight], [self.choice_weight]])

    @property
    def label_weight(self) -> float:
        """What squared errors are divided by: the weight of the judgments that say how much."""
        return math.fsum(self.judgments.pairs.weight)

    @property
    def choice_weight(self) -> float:
        """What agreement is divided by: the weight of the judgments that name a winner."""
        held = self.judgments
        return math.fsum(held.weight[(held.choice > 0) & (held.weight > 0)])

    def require_pairs(self) -> None:
        """Refuse a jury that scores nothing.

        Raises
        ------
        NoDataError
            If no judgment has a log ratio and a weight above 0.
        """
        held = self.judgments
        if not len(held) and held.rejects:
            turned_away = f"{len(held.rejects):,} turned away; the first: {held.rejects[0].reason}"
            raise NoDataError(f"judgments: none is of items of the store, {turned_away}", held.rejects)
        cardinal_pairs(held)

    def is_near(self, before: Scoring) -> bool:
        """Return whether bringing scores up to date costs less than making them: fewer labels are looked at."""
        n_labels = sum(len(part.judgments) for part in self.since(before) if part is not None)
        return n_labels < len(self.judgments)

    def since(self, before: Scoring) -> tuple[Scoring | None, Scoring | None]:
        """Return what changed since another jury, pair by pair.

        Parameters
        ----------
        before : Scoring
            With the same settings and items.

        Returns
        -------
        leaving, arriving : Scoring or None
            All judgments of the pairs that changed, as they were and as they are; None where there are none.
        """
        old, new = ([row.tobytes() for row in scoring.rows.T.copy()] for scoring in (before, self))
        held, wanted = Counter(old), Counter(new)
        touched = {row[:PAIR_BYTES] for row in ((held - wanted) + (wanted - held))}
        return before._of(old, touched), self._of(new, touched)

    def _of(self, rows: list[bytes], pairs: set[bytes]) -> Scoring | None:
        """Return a jury of the rows of some pairs."""
        chosen = b"".join(row for row in rows if row[:PAIR_BYTES] in pairs)
        if not chosen:
            return None
        judgments = _judgments(np.frombuffer(chosen).reshape(-1, len(ROWS)).T, self.judgments.items)
        return Scoring(judgments, self.sigma, self.pair_weights, self.min_weight)

    def write(self, folder: Path) -> None:
        """Put the jury into a folder of scores, where workers find it."""
        (folder / JUDGMENTS).mkdir(exist_ok=True)
        content = io.BytesIO()
        items = [self.judgments.items.parents, self.judgments.items.names]
        about = json.dumps({"items": items, **self.settings})
        np.savez(content, rows=self.rows, about=np.frombuffer(about.encode(), dtype=np.uint8))
        write_durably(folder / JUDGMENTS / f"{self.key}.npz", content.getvalue())

    @classmethod
    def read(cls, folder: Path, key: str) -> Scoring:
        """Read a jury from a folder of scores.

        Raises
        ------
        StoreError
            If it is not there, or is another one.
        """
        return _read(folder, key)


def _judgments(rows: NDArray[np.float64], items: Items) -> Judgments:
    a, b, ratio, choice, weight = rows
    first, second, chosen = (column.astype(np.int64) for column in (a, b, choice))
    return Judgments.from_arrays(first, second, ratio, choice=chosen, weight=weight, items=items)


@lru_cache(maxsize=4)
def _read(folder: Path, key: str) -> Scoring:
    path = folder / JUDGMENTS / f"{key}.npz"
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as held:
            rows, about = held["rows"], json.loads(held["about"].tobytes())
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise StoreError(f"{path}: cannot be read as judgments: {error}; remove it") from error
    items = Items(tuple(about["items"][0]), tuple(about["items"][1]))
    scoring = Scoring(_judgments(rows, items), about["sigma"], about["pair_weights"], about["min_weight"])
    if scoring.key != key:
        raise StoreError(f"{path}: holds other judgments than its name says")
    return scoring
