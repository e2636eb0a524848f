"""What the jury alone says: least squares of its log ratios over all logits, without any model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.allocation import model_shares
from hemicycle.arrays import read_only
from hemicycle.errors import DomainError
from hemicycle.intervals import AllocationIntervals, checked_level
from hemicycle.judgments import cardinal_pairs, require_judgments
from hemicycle.rejects import counted
from hemicycle.resampling import resample
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hemicycle.items import Items
    from hemicycle.judgments import Judgments
    from hemicycle.types import Seed

__all__ = ["DirectFit", "direct_fit", "direct_intervals", "squared_error"]

MAX_SPREAD = 1e12  #: of the weights of pairs; beyond it normal equations lose the light ones


@dataclass(frozen=True, slots=True, eq=False)
class DirectFit:
    """The logits that are nearest to the judgments; arrays are read-only.

    Attributes
    ----------
    items : Items
        The items, in order.
    logits : ndarray of float64, shape (n_items,)
        Log contribution of each item; those of one component have the mean 0. Items that nobody judged have 0.
    share : ndarray of float64, shape (n_items,)
        Share of each item in the budget of its parent: the softmax of the logits.
    component : ndarray of int64, shape (n_items,)
        Items with one number are connected by comparisons. Between components nothing is known, and that their means
        are equal is a convention.
    judgments : ndarray of int64, shape (n_items,)
        How many cardinal judgments of positive weight each item is in.
    mse : float
        Weighted mean squared error of the log ratio: the least that any logits have.
    """

    items: Items
    logits: NDArray[np.float64]
    share: NDArray[np.float64]
    component: NDArray[np.int64]
    judgments: NDArray[np.int64]
    mse: float

    def __post_init__(self) -> None:
        for name in ("logits", "share", "component", "judgments"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __repr__(self) -> str:
        n_components = int(self.component.max()) + 1
        return (
            f"DirectFit({counted(len(self.items), 'item')} in {counted(n_components, 'component')}, mse={self.mse:.6g})"
        )

    def table(self) -> Table:
        """Return one row for each item.

        Returns
        -------
        Table
            Columns parent, item, share, logit, judgments and component.
        """
        columns: dict[str, Any] = {"parent": self.items.parents, "item": self.items.names, "share": self.share}
        columns |= {"logit": self.logits, "judgments": self.judgments, "component": self.component}
        return Table(columns, printed={"item": self.items.hostless_names})


def direct_fit(judgments: Judgments) -> DirectFit:
    r"""Return the logits with the least squared error on the judgments: what the jury alone says.

    .. math:: \min_z \sum_i u_i (z_{b_i} - z_{a_i} - y_i)^2

    and of all z that attain it the one of least norm.

    Parameters
    ----------
    judgments : Judgments
        What the jury said; ordinal judgments and those of weight 0 do not count.

    Returns
    -------
    DirectFit
        The baseline that uses no model, whose squared error on these judgments nobody can beat. On others it is
        usually worse than an ensemble's: it follows the noise of the jury.

    Raises
    ------
    DtypeError
        If `judgments` are none.
    NoDataError
        If no judgment has a log ratio and a weight above 0.
    DomainError
        If the weights of two pairs differ by a factor above 1e12.

    Notes
    -----
    The normal equations are those of a graph Laplacian, solved in each component of the comparisons: O(n_judged^3) time
    and O(n_judged^2) memory.

    References
    ----------
    Jiang, Lim, Yao and Ye (2011), Statistical ranking and combinatorial Hodge theory, doi:10.1007/s10107-010-0419-x:
    least squares on pairwise comparisons, its Laplacian and its minimum-norm solution.

    Examples
    --------
    >>> from hemicycle import Judgments
    >>> said = Judgments.from_arrays([0, 1, 0], [1, 2, 2], [1.0, 1.0, 5.0])
    >>> direct_fit(said).logits.round(6), direct_fit(said).mse
    (array([-2.,  0.,  2.]), 1.0)
    """
    require_judgments(judgments)
    pairs, items = cardinal_pairs(judgments), judgments.items
    component = pairs.components(len(items))
    logits = _logits(judgments, component)
    pair = pairs.pair_of_label
    counts = np.bincount(np.concatenate([pairs.a[pair], pairs.b[pair]]), minlength=len(items))
    error = squared_error(logits, judgments, pairs.row)
    return DirectFit(
        items=items,
        logits=logits,
        share=model_shares(logits[None], items.parent_index)[0],
        component=component,
        judgments=counts,
        mse=float(np.average(error, weights=pairs.weight)),
    )


def _logits(judgments: Judgments, component: NDArray[np.int64]) -> NDArray[np.float64]:
    """Solve the normal equations over the judged items."""
    pairs = judgments.pairs
    judged, place = np.unique(np.concatenate([pairs.a, pairs.b]), return_inverse=True)
    a, b = np.split(place, 2)
    total = pairs.total_weight / pairs.total_weight.max()
    if total.min() < 1.0 / MAX_SPREAD:
        raise DomainError(f"judgments: weights of pairs differ by a factor above {MAX_SPREAD:g}; rounding would decide")
    laplacian = np.zeros((len(judged), len(judged)))
    for first, second, sign in ((a, a, 1.0), (b, b, 1.0), (a, b, -1.0), (b, a, -1.0)):
        np.add.at(laplacian, (first, second), sign * total)
    flow = total * pairs.mean_log_ratio
    right = np.bincount(b, flow, len(judged)) - np.bincount(a, flow, len(judged))
    _, first, of_item = np.unique(component[judged], return_index=True, return_inverse=True)
    free = np.delete(np.arange(len(judged)), first)  # the first item of each component is held at 0, then the mean
    solved = np.zeros(len(judged))
    solved[free] = np.linalg.solve(laplacian[np.ix_(free, free)], right[free])
    logits = np.zeros(len(judgments.items))
    logits[judged] = solved - (np.bincount(of_item, solved) / np.bincount(of_item))[of_item]
    return logits


def squared_error(logits: NDArray[np.float64], judgments: Judgments, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the squared error of the log ratio at some judgments.

    Parameters
    ----------
    logits : ndarray of float64, shape (n_items,)
        What predicts.
    judgments : Judgments
        What was said.
    rows : ndarray of int64, shape (n,)
        Which of them.

    Returns
    -------
    ndarray of float64, shape (n,)
        nan for ordinal judgments.
    """
    predicted = logits[judgments.b[rows]] - logits[judgments.a[rows]]
    squared: NDArray[np.float64] = np.square(predicted - judgments.log_ratio[rows])
    return squared


def direct_intervals(
    judgments: Judgments,
    *,
    level: float = 0.9,
    replicates: int = 200,
    rng: Seed = 0,
    progress: Callable[[int, int], None] | None = None,
) -> AllocationIntervals:
    """Return an interval for the share of each item in what the jury alone says, over juries that might have answered.

    Parameters
    ----------
    judgments : Judgments
        What the jury said, as for `direct_fit`.
    level, replicates, rng, progress
        As for `hemicycle.intervals.allocation_intervals`.

    Returns
    -------
    AllocationIntervals
        Of the method "direct": the Bayesian bootstrap over jurors, or over pairs where not all are named.

    Raises
    ------
    NoDataError, DtypeError, DomainError, NonFiniteError
        As `direct_fit` and `hemicycle.intervals.allocation_intervals`.
    """
    number = checked_level(level)
    whole = direct_fit(judgments)

    def solve(factor: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
        return direct_fit(replace(judgments, weight=judgments.weight * factor)).share, 0

    drawn = resample(judgments, solve, replicates, rng, progress)
    return AllocationIntervals.of(judgments.items, "direct", "geometric", number, whole.share, drawn)
