"""Rounds in which every submission is honest, and what is planted among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hemicycle.direct import direct_fit
from hemicycle.judgments import Judgments
from hemicycle.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "HonestRound",
    "Planted",
    "honest_round",
    "planted_copies",
    "planted_keys",
    "planted_oddities",
    "popularity_metric",
]

JUDGED, UNJUDGED = (20, 30), 5  #: items
ROWS = (150, 400)
MODELS = (20, 100)
N_JURORS = 25
OPINION, NOISE, FREEDOM = 0.5, 1.5, 5  #: of a juror, and of an answer: spread of Student's t
CAP = 999.0  #: largest multiplier
USED = 0.6  #: part of the rows that scores are based on
COPIES = 3  #: of one model
DISTANCES = (0.005, 0.01, 0.02, 0.03, 0.05)  #: of a copy from its original, in log ratio
NOISES = (0.05, 0.1, 0.3)  #: noise on the logits of a key
SHARPENED = (3.0, 10.0)
SCATTERED = (0.001, 0.1)  #: noise on equal logits
METRIC = 2.0  #: scale of the log of a popularity metric, of Student's t with 3 degrees of freedom


class Planted(NamedTuple):
    """A case: its name, and the logits of the models that are planted for it."""

    case: str
    logits: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class HonestRound:
    """A round in which nobody saw an answer and nobody copied.

    Attributes
    ----------
    judgments : Judgments
        Answers of jurors with opinions of their own, as multipliers with two digits.
    used : ndarray of bool, shape (n_judgments,)
        Rows that scores are based on, drawn at random.
    logits : ndarray of float64, shape (n_models, n_items)
        Models around the truth, the truth itself and flatter versions of it among them; of the others a third are whole
        scores from 1 to 100.
    judged : ndarray of bool, shape (n_items,)
        Items that comparisons name.
    """

    judgments: Judgments
    used: NDArray[np.bool_]
    logits: NDArray[np.float64]
    judged: NDArray[np.bool_]

    def pool(self, *planted: NDArray[np.float64]) -> Pool:
        """Return the honest models and behind them those that are planted; each came after the one before it."""
        logits = np.vstack([self.logits, *planted])
        times = {f"m{d:04d}": f"2025-01-01T{d // 60:02d}:{d % 60:02d}:00Z" for d in range(len(logits))}
        return Pool.from_array(logits, models=list(times), items=self.judgments.items, submitted=times)


def honest_round(rng: np.random.Generator) -> HonestRound:
    """Draw a round: 20 or 30 judged items and 5 others, 150 or 400 answers of 25 jurors, 20 or 100 models.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    """
    n_judged, n_rows, n_models = (int(rng.choice(sizes)) for sizes in (JUDGED, ROWS, MODELS))
    n_items = n_judged + UNJUDGED
    truth = rng.normal(0, 1.2, n_items)
    logits = truth + rng.normal(size=(n_models, n_items)) * rng.uniform(0.2, 1.5, (n_models, 1))
    logits[:3] = truth * np.array([[1.0], [0.7], [0.3]])
    scores = np.exp(0.5 * logits[3::3])
    logits[3::3] = np.log(np.maximum(1.0, np.round(100 * scores / scores.max(axis=1, keepdims=True))))
    a = rng.integers(0, n_judged, n_rows)
    b = (a + rng.integers(1, n_judged, n_rows)) % n_judged
    juror = rng.integers(0, N_JURORS, n_rows)
    opinion = truth + OPINION * rng.normal(size=(N_JURORS, n_items))
    said = opinion[juror, b] - opinion[juror, a] + NOISE * rng.standard_t(FREEDOM, n_rows)
    names = [f"j{k}" for k in juror.tolist()]
    judgments = Judgments.from_arrays(a, b, _as_multipliers(said), juror=names, items=n_items)
    return HonestRound(judgments, rng.random(n_rows) < USED, logits, np.isin(np.arange(n_items), [a, b]))


def _as_multipliers(log_ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to multipliers as people give them: 1.4, 12, 250."""
    size = np.minimum(np.exp(np.abs(log_ratio)), CAP)
    step = 10.0 ** (np.floor(np.log10(size)) - 1)
    answered: NDArray[np.float64] = np.sign(log_ratio) * np.log(np.maximum(1.0, np.round(size / step) * step))
    return answered


def planted_copies(made: HonestRound, rng: np.random.Generator) -> Iterator[tuple[int, Planted]]:
    """Yield, case by case, another original and its copies.

    Parameters
    ----------
    made : HonestRound
        Whose models are copied.
    rng : numpy.random.Generator
        Source of randomness.

    Yields
    ------
    original : int
        Model that is copied.
    planted : Planted
        Its copies; those that were moved are on average so far from it, in root mean square of the log ratio.
    """
    shape = (COPIES, made.logits.shape[1])
    originals = iter(rng.permutation(len(made.logits)).tolist())

    def rows() -> tuple[int, NDArray[np.float64]]:
        original = next(originals)
        return original, np.repeat(made.logits[original][None], COPIES, axis=0)

    original, copies = rows()
    yield original, Planted("exact", copies)
    original, copies = rows()
    yield original, Planted("constant added", copies + rng.normal(0, 3, (COPIES, 1)))
    original, copies = rows()
    yield original, Planted("other items differ", np.where(made.judged, copies, rng.normal(size=shape)))
    original, copies = rows()
    weights = [[float(f"{weight:.10g}") for weight in row] for row in np.exp(copies + rng.normal(0, 3, (COPIES, 1)))]
    yield original, Planted("rescaled, 10 digits", np.log(weights))
    for distance in DISTANCES:
        original, copies = rows()
        yield original, Planted(f"moved by {distance:g}", copies + distance / np.sqrt(2) * rng.normal(size=shape))


def planted_keys(made: HonestRound, rng: np.random.Generator) -> Iterator[Planted]:
    """Yield models that were fitted to the answers, each a pool of its own.

    Parameters
    ----------
    made : HonestRound
        Whose answers they saw.
    rng : numpy.random.Generator
        Source of randomness.
    """
    key = direct_fit(made.judgments).logits
    yield Planted("key", key[None])
    for noise in NOISES:
        yield Planted(f"key, noise {noise:g}", (key + noise * rng.normal(size=len(key)))[None])
    yield Planted("key of the rows used", direct_fit(made.judgments.select(made.used)).logits[None])
    half = rng.permutation(len(made.judgments)) < len(made.judgments) // 2
    yield Planted("key of half of the rows", direct_fit(made.judgments.select(half)).logits[None])
    honest = made.logits[int(rng.integers(len(made.logits)))]
    yield Planted("key and an honest model, half each", (0.5 * key + 0.5 * honest)[None])


def popularity_metric(made: HonestRound, rng: np.random.Generator) -> Planted:
    """Return a metric such as stars: honest, and spread over powers of ten."""
    return Planted("popularity metrics", METRIC * rng.standard_t(3, (1, made.logits.shape[1])))


def planted_oddities(made: HonestRound, rng: np.random.Generator) -> Iterator[tuple[str, Planted]]:
    """Yield submissions that say nothing, or too much, with the rule that should see them.

    Parameters
    ----------
    made : HonestRound
        Whose models are exaggerated.
    rng : numpy.random.Generator
        Source of randomness.
    """
    honest = made.logits[int(rng.integers(len(made.logits)))]
    largest = float(np.abs(made.judgments.log_ratio).max())
    other = rng.normal(size=len(honest))
    yield "uniform", Planted("every weight the same", np.zeros((1, len(honest))))
    yield "uniform", Planted("judged items the same", np.where(made.judged, 1.0, other)[None])
    for noise in SCATTERED:
        yield "uniform", Planted(f"the same but for noise {noise:g}", noise * other[None])
    for power in SHARPENED:
        yield "extreme ratio", Planted(f"an honest model, to the power of {power:g}", power * honest[None])
    one = honest.copy()
    one[int(rng.integers(len(one)))] += 3 * largest
    yield "one item", Planted("one item times the cube of the largest ratio", one[None])
    if not made.judged.all():
        weighed = honest + 2 * largest * ~made.judged
        yield "unjudged items", Planted("items nobody judged, times the square of the largest ratio", weighed[None])
