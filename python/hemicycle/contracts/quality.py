"""Contributions that are not of one quality: what counts is quality times amount."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.arrays import by_construction, float_array, read_only, require_finite, require_length
from hemicycle.contracts.optimal import optimal_contract
from hemicycle.contracts.parties import checked_costs
from hemicycle.errors import DomainError
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.contracts.accuracy import Accuracy
    from hemicycle.contracts.contract import Contract
    from hemicycle.contracts.valuation import Valuation

__all__ = ["QualityContract", "quality_contract"]


@dataclass(frozen=True, slots=True, eq=False)
class QualityContract:
    """A contract in units that count, and the amounts that parties of each quality bring for it; arrays are read-only.

    Attributes
    ----------
    contract : Contract
        In effective units, quality times amount: its costs are per effective unit.
    costs : ndarray of float64, shape (n_types,)
        Of a unit as it is brought.
    quality : ndarray of float64, shape (n_types,)
        Effective units in a unit as it is brought.
    m : ndarray of float64, shape (n_types,)
        Amounts to bring; the contract's own are ``quality * m``.
    """

    contract: Contract
    costs: NDArray[np.float64]
    quality: NDArray[np.float64]
    m: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("costs", "quality", "m"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return by_construction(self)

    def __repr__(self) -> str:
        return f"QualityContract({self.contract!r})"

    def table(self) -> Table:
        """Return one row for each type.

        Returns
        -------
        Table
            Columns cost, quality, effective_cost, m, effective_m, t, utility, rent and t_bar.
        """
        columns: dict[str, Any] = {"cost": self.costs, "quality": self.quality}
        columns |= {"effective_cost": self.contract.costs, "m": self.m, "effective_m": self.contract.m}
        return Table(columns | {name: getattr(self.contract, name) for name in ("t", "utility", "rent", "t_bar")})


def quality_contract(
    costs: ArrayLike,
    quality: ArrayLike,
    probabilities: ArrayLike,
    n_parties: int,
    *,
    accuracy: Accuracy | None = None,
    valuation: Valuation | None = None,
    reservation_utility: ArrayLike | None = None,
    tol: float = 1e-6,
    progress: Callable[[int, float], None] | None = None,
) -> QualityContract:
    r"""Return the optimal contract where a unit from a party of type i counts as :math:`q_i` units of data.

    With x = q m effective units, the collective model depends on the sum of x and a party pays :math:`c_i / q_i` for
    each: the program is that of `hemicycle.contracts.optimal_contract` with these costs. What a party does alone is the
    same in either unit.

    Parameters
    ----------
    costs : array_like of float, shape (n_types,)
        Cost of a unit as it is brought, above 0.
    quality : array_like of float, shape (n_types,)
        What a unit counts, above 0; 1 is data as the accuracy takes it.
    probabilities, n_parties, accuracy, valuation, reservation_utility, tol, progress
        As for `hemicycle.contracts.optimal_contract`.

    Returns
    -------
    QualityContract
        The contract in effective units, and the amounts to bring.

    Raises
    ------
    DomainError
        If a quality is not above 0, or as `hemicycle.contracts.optimal_contract`.
    DtypeError, ShapeError, NonFiniteError, MissingExtraError, NotConvergedError
        As `hemicycle.contracts.optimal_contract`.

    Notes
    -----
    The coordinator counts effective units, so it must be able to measure quality in what is brought (by its effect on
    a test set, say). It need not know a party's quality beforehand: types whose cost per effective unit is the same are
    one type, however that comes about.

    Examples
    --------
    >>> found = quality_contract([0.1, 0.04], [0.5, 1.0], [0.5, 0.5], 10)
    >>> found.contract.costs.tolist()
    [0.2, 0.04]
    >>> bool(abs(found.m * found.quality - found.contract.m).max() < 1e-9)
    True
    """
    prices = checked_costs(costs)
    counts: NDArray[np.float64] = float_array(quality, "quality", 1)
    require_length(counts, "quality", len(prices), "costs")
    require_finite(counts, "quality")
    if (counts <= 0).any():
        position = int(np.argmax(counts <= 0))
        raise DomainError(f"quality[{position}] is {counts[position]}; it must be above 0, or leave the type out")
    contract = optimal_contract(
        prices / counts,
        probabilities,
        n_parties,
        accuracy=accuracy,
        valuation=valuation,
        reservation_utility=reservation_utility,
        tol=tol,
        progress=progress,
    )
    return QualityContract(contract, prices, counts, contract.m / counts)
