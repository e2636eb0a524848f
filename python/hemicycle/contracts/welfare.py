"""What private costs cost: the value that the coordinator misses, and what parties gain, over N and probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import by_construction, float_array, index_array, read_only
from hemicycle.contracts.complete_information import complete_information
from hemicycle.contracts.free_riding import free_riding
from hemicycle.contracts.optimal import optimal_contract
from hemicycle.contracts.parties import checked_costs, checked_probabilities
from hemicycle.errors import HemicycleError, ShapeError
from hemicycle.options import positive_count
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.contracts.accuracy import Accuracy
    from hemicycle.contracts.valuation import Valuation
    from hemicycle.types import Seed

__all__ = ["Welfare", "welfare"]

CELL = "contract_value", "first_best", "first_best_error", "free_riding", "relative_gap", "certified"
ARRAYS = "costs", "n_parties", "probabilities", *CELL, "rent"


@dataclass(frozen=True, slots=True, eq=False)
class Welfare:
    """Contracts over a grid, beside what could be had if costs were known; arrays are read-only.

    Attributes
    ----------
    costs : ndarray of float64, shape (n_types,)
        Cost of a unit of data.
    n_parties : ndarray of int64, shape (n_sizes,)
        Numbers of parties.
    probabilities : ndarray of float64, shape (n_mixtures, n_types)
        Of the types.
    contract_value : ndarray of float64, shape (n_sizes, n_mixtures)
        Expected worth of the collective model under the optimal contract.
    first_best : ndarray of float64, shape (n_sizes, n_mixtures)
        Under complete information.
    first_best_error : ndarray of float64, shape (n_sizes, n_mixtures)
        Its standard error, 0 where every outcome is counted.
    free_riding : ndarray of float64, shape (n_sizes, n_mixtures)
        Expected worth of the model if everyone gets it, whatever it gives.
    relative_gap : ndarray of float64, shape (n_sizes, n_mixtures)
        Of each contract.
    certified : ndarray of bool, shape (n_sizes, n_mixtures)
        Whether the contract is shown to be optimal.
    rent : ndarray of float64, shape (n_sizes, n_mixtures, n_types)
        Utility of each type above that of not taking part, which is all that it has under complete information.
    """

    costs: NDArray[np.float64]
    n_parties: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    contract_value: NDArray[np.float64]
    first_best: NDArray[np.float64]
    first_best_error: NDArray[np.float64]
    free_riding: NDArray[np.float64]
    relative_gap: NDArray[np.float64]
    certified: NDArray[np.bool_]
    rent: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ARRAYS:
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)

    def __repr__(self) -> str:
        sizes, mixtures = self.first_best.shape
        return f"Welfare({sizes} numbers of parties, {mixtures} mixtures of {len(self.costs)} types)"

    @property
    def information_cost(self) -> NDArray[np.float64]:
        """First best less the value of the contract, shape (n_sizes, n_mixtures)."""
        return self.first_best - self.contract_value

    @property
    def expected_rent(self) -> NDArray[np.float64]:
        """Rent of a party on average over types, shape (n_sizes, n_mixtures)."""
        rent: NDArray[np.float64] = np.einsum("kpi,pi->kp", self.rent, self.probabilities)
        return rent

    def table(self) -> Table:
        """Return one row for each number of parties and mixture.

        Returns
        -------
        Table
            Columns n_parties, mixture (a row of `probabilities`), first_best, contract_value, information_cost,
            free_riding, expected_rent, rent_0 and so on, one a type, first_best_error, relative_gap and certified.
        """
        sizes, mixtures = self.first_best.shape
        columns: dict[str, Any] = {"n_parties": np.repeat(self.n_parties, mixtures)}
        columns["mixture"] = np.tile(np.arange(mixtures), sizes)
        for name in ("first_best", "contract_value", "information_cost", "free_riding", "expected_rent"):
            columns[name] = getattr(self, name).ravel()
        columns |= {f"rent_{i}": self.rent[:, :, i].ravel() for i in range(len(self.costs))}
        last = "first_best_error", "relative_gap", "certified"
        return Table(columns | {name: getattr(self, name).ravel() for name in last})


def welfare(
    costs: ArrayLike,
    probabilities: ArrayLike,
    n_parties: ArrayLike,
    *,
    accuracy: Accuracy | None = None,
    valuation: Valuation | None = None,
    tol: float = 1e-6,
    max_outcomes: int = 200_000,
    samples: int = 100_000,
    rng: Seed = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Welfare:
    """Return the information cost of the coordinator and the rents of the parties, over N and probabilities.

    Parameters
    ----------
    costs : array_like of float, shape (n_types,)
        Cost of a unit of data, above 0.
    probabilities : array_like of float, shape (n_mixtures, n_types)
        Probabilities of the types, one mixture a row.
    n_parties : array_like of int, shape (n_sizes,)
        Numbers of parties, each at least 1.
    accuracy, valuation, tol
        As for `hemicycle.contracts.optimal_contract`.
    max_outcomes, samples, rng
        As for `hemicycle.contracts.complete_information`. A seed serves each cell alike.
    progress : callable, optional
        Told the number of cells done and that of all.

    Returns
    -------
    Welfare
        One cell for each number of parties and mixture.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError, MissingExtraError, NotConvergedError
        As `hemicycle.contracts.optimal_contract`; a note names the cell.
    KeyboardInterrupt
        Soon after Ctrl-C.

    Notes
    -----
    The information cost is not bound to be positive: under complete information parties take part outcome by outcome,
    under a contract on average.

    Time: that of one contract and one first best for each cell.

    References
    ----------
    B. Wang et al., Paid with Models: Optimal Contract Design for Collaborative Machine Learning, AAAI 2025.

    Examples
    --------
    >>> found = welfare([0.2, 0.04], [[0.5, 0.5], [1.0, 0.0]], [2, 10])
    >>> found.information_cost.shape, bool((found.rent >= 0).all())
    ((2, 2), True)
    >>> bool(abs(found.information_cost[:, 1]).max() < 1e-5)
    True
    """
    prices = checked_costs(costs)
    mixtures: NDArray[np.float64] = float_array(probabilities, "probabilities", 2)
    sizes = index_array(n_parties, "n_parties")
    if not len(mixtures) or not len(sizes):
        raise ShapeError("probabilities, n_parties: expected at least one of each, got none")
    mixtures = np.array([_noted(i, None, checked_probabilities, row, len(prices)) for i, row in enumerate(mixtures)])
    for size in sizes.tolist():
        positive_count(size, "n_parties")
    curves: dict[str, Any] = {"accuracy": accuracy, "valuation": valuation}
    sampling: dict[str, Any] = {"max_outcomes": max_outcomes, "samples": samples, "rng": rng}
    cells = np.zeros((len(CELL), len(sizes), len(mixtures)))
    rent = np.zeros((len(sizes), len(mixtures), len(prices)))
    for k, size in enumerate(sizes.tolist()):
        for i, row in enumerate(mixtures):
            contract = _noted(i, size, optimal_contract, prices, row, size, tol=tol, **curves)
            best = complete_information(prices, row, size, **curves, **sampling)
            alone = free_riding(prices, row, size, **curves).expected_value
            found = contract.expected_value, best.expected_value, best.value_error, alone
            cells[:, k, i] = *found, contract.relative_gap, contract.certified
            rent[k, i] = contract.rent
            if progress is not None:
                progress(k * len(mixtures) + i + 1, len(sizes) * len(mixtures))
    value, first_best, error, ridden, gap, certified = cells
    return Welfare(prices.copy(), sizes, mixtures, value, first_best, error, ridden, gap, certified > 0, rent)


def _noted(mixture: int, size: int | None, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a function, and note in its errors for which cell it was."""
    try:
        return function(*arguments, **options)
    except HemicycleError as error:
        error.add_note(f"probabilities[{mixture}]" + ("" if size is None else f", n_parties = {size}"))
        raise
