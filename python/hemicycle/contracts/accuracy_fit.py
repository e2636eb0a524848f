"""An accuracy from measured points: least squares over the parameters of a family of curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import by_construction, float_array, read_only, require_finite, require_length
from hemicycle.contracts.accuracy import Arctan, ExponentialSaturation, GeneralizationBound, PowerLaw
from hemicycle.contracts.extra import optimize_module
from hemicycle.errors import DomainError, ShapeError
from hemicycle.options import known_word

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.contracts.accuracy import Accuracy

__all__ = ["FAMILIES", "AccuracyFit", "fit_accuracy"]

FAMILIES = ("generalization_bound", "power_law", "arctan", "exponential")
STARTS = 5  #: scales from which least squares begins
SAME = 1e-6  #: relative distance of two errors that the stopping of least squares may make


@dataclass(frozen=True, slots=True, eq=False)
class AccuracyFit:
    """A curve and how well it fits.

    Attributes
    ----------
    accuracy : Accuracy
        The curve.
    residuals : ndarray of float64, shape (n_points,)
        Measured accuracies less those of the curve; read-only.
    rmse : float
        Root of the mean squared residual.
    """

    accuracy: Accuracy
    residuals: NDArray[np.float64]
    rmse: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "residuals", read_only(self.residuals))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)


def fit_accuracy(family: str, amounts: ArrayLike, accuracies: ArrayLike) -> AccuracyFit:
    """Return the curve of a family with the least squared error at measured points.

    Parameters
    ----------
    family : {"generalization_bound", "power_law", "arctan", "exponential"}
        `GeneralizationBound`, `PowerLaw`, `Arctan` or `ExponentialSaturation`; all their parameters are fitted.
    amounts : array_like of float, shape (n_points,)
        Amounts of data, above 0; at least as many different ones as the family has parameters.
    accuracies : array_like of float, shape (n_points,)
        Accuracies in [0, 1] of models trained on them.

    Returns
    -------
    AccuracyFit
        The best of several starts.

    Raises
    ------
    MissingExtraError
        If scipy is not installed.
    OptionError
        If `family` is not one of those that exist.
    DtypeError, ShapeError, NonFiniteError
        If the points are not numbers, not finite or too few.
    DomainError
        If an amount is not above 0, or an accuracy not in [0, 1]; or if the accuracies fall with the amounts, so that
        no curve is nearer to them than a constant.

    Notes
    -----
    Parameters are positive and the limit at most 1: least squares runs over their logarithms, with bounds.

    Examples
    --------
    >>> sizes = [100.0, 300.0, 1000.0, 3000.0]
    >>> found = fit_accuracy("power_law", sizes, PowerLaw(0.9, 2.0, 0.4).value(sizes))
    >>> round(found.accuracy.q, 4), found.rmse < 1e-8
    (0.4, True)
    """
    name = known_word(family, "family", FAMILIES)
    x: NDArray[np.float64] = float_array(amounts, "amounts", 1)
    y: NDArray[np.float64] = float_array(accuracies, "accuracies", 1)
    require_length(y, "accuracies", len(x), "amounts")
    require_finite(x, "amounts")
    require_finite(y, "accuracies")
    n_parameters = 3 if name == "power_law" else 2
    if len(np.unique(x)) < n_parameters:
        raise ShapeError(
            f"amounts: expected at least {n_parameters} different ones for {name}, got {len(np.unique(x))}"
        )
    for values, what, bad, rule in (
        (x, "amounts", x <= 0, "it must be above 0"),
        (y, "accuracies", (y < 0) | (y > 1), "it must be from 0 to 1"),
    ):
        if bad.any():
            raise DomainError(f"{what}[{int(np.argmax(bad))}] is {values[int(np.argmax(bad))]}; {rule}")
    least_squares = optimize_module().least_squares
    lower, upper = np.full(n_parameters, -60.0), np.full(n_parameters, 60.0)
    upper[0] = 0.0
    if name == "power_law":
        upper[2] = np.log(10.0)
        lower[2] = np.log(1e-3)
    best = None
    for scale in np.geomspace(x.min() / 10.0, x.max(), STARTS):
        start = np.log([min(max(float(y.max()), 0.1), 0.999), scale])
        if name == "power_law":
            start = np.array([start[0], np.log(scale) / 2.0, np.log(0.5)])
        found = least_squares(
            lambda p: _curve(name, p).value(x) - y, start, bounds=(lower, upper), xtol=1e-15, ftol=1e-15, gtol=1e-15
        )
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None
    accuracy = _curve(name, best.x)
    residuals = y - accuracy.value(x)
    rmse = float(np.sqrt(np.mean(residuals**2)))
    _require_rising(x, y, rmse)
    return AccuracyFit(accuracy, residuals, rmse)


def _require_rising(x: NDArray[np.float64], y: NDArray[np.float64], rmse: float) -> None:
    spread = float(y.std())
    trend = float(np.mean((np.log(x) - np.log(x).mean()) * (y - y.mean())))
    falls = trend < -SAME * spread * float(np.log(x).std())
    if falls and rmse >= spread * (1.0 - SAME):
        raise DomainError(
            f"accuracies: they do not rise with the amounts: no curve is nearer to them than a constant "
            f"{y.mean():.6g} (rmse {spread:.6g}); check the order of the points, or measure at smaller amounts"
        )


def _curve(family: str, logs: NDArray[np.float64]) -> Accuracy:
    limit, *rest = (float(value) for value in np.exp(logs))
    limit = min(limit, 1.0)
    if family == "generalization_bound":
        return GeneralizationBound(rest[0], limit)
    if family == "power_law":
        return PowerLaw(limit, rest[0], rest[1])
    if family == "arctan":
        return Arctan(limit, rest[0])
    return ExponentialSaturation(limit, rest[0])
