"""A prior that copies cannot bend, and the copies that it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle import _core
from hemicycle.arrays import read_only
from hemicycle.errors import NoDataError
from hemicycle.judgments import cardinal_pairs
from hemicycle.logits import as_borrowed, logits_matrix, naming_logits
from hemicycle.options import positive_number, thread_count, truth

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool

__all__ = ["CloneProofPrior", "clone_proof_prior", "default_bandwidth"]

SIGMAS_PER_BANDWIDTH = 0.2
MIN_BANDWIDTH = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class CloneProofPrior:
    """The clone-proof prior of a pool; made by `clone_proof_prior`.

    Attributes
    ----------
    bandwidth : float
        Root mean square difference of log ratios that counts as one, in the unit of ``log_ratio``.
    prior : ndarray of float64, shape (n_models,)
        Mass of each model, with sum 1.
    class_of : ndarray of int64, shape (n_models,)
        Class of each model, numbered by their first models: equal predictions, to 1e-9.
    group_of : ndarray of int64, shape (n_models,)
        Group of each model, numbered by their first models: classes that are linked by steps of at most a quarter of
        the bandwidth.
    n_near : ndarray of float64, shape (n_models,)
        Number of classes within a quarter of the bandwidth of the model's, itself included.
    density : ndarray of float64, shape (n_models,)
        Sum of the shares ``1 / n_near`` of all classes, each times ``exp(-distance ** 2 / 2)``: about the number of
        independent models where the model is.
    is_exact : bool
        Whether each class was compared with each; else `n_near`, `density` and `prior` are estimates.
    """

    bandwidth: float
    prior: NDArray[np.float64]
    class_of: NDArray[np.int64]
    group_of: NDArray[np.int64]
    n_near: NDArray[np.float64]
    density: NDArray[np.float64]
    is_exact: bool

    def __post_init__(self) -> None:
        for name in ("prior", "class_of", "group_of", "n_near", "density"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __repr__(self) -> str:
        return (
            f"CloneProofPrior({len(self.prior):,} models, {self.n_classes:,} classes, {self.n_groups:,} groups, "
            f"bandwidth={self.bandwidth})"
        )

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.class_of.max()) + 1

    @property
    def n_groups(self) -> int:
        """Number of groups, of one model and more."""
        return int(self.group_of.max()) + 1

    @property
    def first(self) -> NDArray[np.int64]:
        """The first model of each class, ascending, shape (n_classes,)."""
        return np.unique(self.class_of, return_index=True)[1]

    @property
    def class_prior(self) -> NDArray[np.float64]:
        """Mass of each class, shape (n_classes,)."""
        return np.bincount(self.class_of, weights=self.prior).astype(np.float64, copy=False)

    def groups(self) -> list[NDArray[np.int64]]:
        """Return the models of each group of two and more: copies and near copies of one another.

        Returns
        -------
        list of ndarray of int64
            The largest group first, of equals the one of the first model; models in their order.
        """
        order = np.argsort(self.group_of, kind="stable")
        sizes = np.bincount(self.group_of)
        listed = np.split(order, np.cumsum(sizes)[:-1])
        return sorted((group for group in listed if len(group) > 1), key=lambda group: (-len(group), group[0]))


def default_bandwidth(sigma: float) -> float:
    """Return the bandwidth of a round, unless it is given.

    Parameters
    ----------
    sigma : float
        Width of the Gaussian at each label, in the unit of ``log_ratio``, from 1e-6 to 1e6.

    Returns
    -------
    float
        A fifth of `sigma`, and no less than the least bandwidth that there is, 1e-6.
    """
    return max(MIN_BANDWIDTH, SIGMAS_PER_BANDWIDTH * sigma)


def clone_proof_prior(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    *,
    bandwidth: float = 0.1,
    exact: bool | None = None,
    n_threads: int | None = None,
) -> CloneProofPrior:
    r"""Give models a prior mass that sending copies of them does not raise.

    Models of equal predictions for the judged pairs are a class c. With d the root mean square difference of two
    classes' predictions in units of `bandwidth`, and :math:`s_c` one over the number of classes within a quarter of c,
    itself included, the mass of a class is proportional to

    .. math:: s_c \Big/ \sum_{c'} s_{c'} \exp(-d(c, c')^2 / 2),

    and is shared equally by its models.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        Log contribution of each item, natural log, at most 1e6 in absolute value; the columns are `judgments.items`.
    judgments : Judgments
        What the jury said: each pair that somebody compared counts once, whatever the answers.
    bandwidth : float, default 0.1
        Root mean square difference of log ratios that counts as one, from 1e-6 to 1e6; a round takes a fifth of its
        sigma. Models much nearer than this are copies, models much further apart are not.
    exact : bool, optional
        Compare each class with each, or only with those that may be near. By default up to 16,384 classes are compared
        each with each.
    n_threads : int, optional
        Number of threads, by default every core. The result is the same bits for any number.

    Returns
    -------
    CloneProofPrior
        The mass of each model, classes, groups of near copies, and what the mass follows from.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError, OptionError
        As `hemicycle.log_likelihood`; if `bandwidth`, `exact` or `n_threads` is out of its domain.
    NoDataError
        If there is no model, or no judgment has a log ratio and a weight above 0.

    Notes
    -----
    Copies of a model, also with a constant added to all logits of a parent or other logits of items that nobody judged,
    are one class: they change the mass of no other, nor of all of them together. Models of one class are those between
    which no logit of a judged item, relative to the first judged item that it is compared with, has a gap above 1e-9.

    k copies moved by up to a tenth of the bandwidth have nearly the mass of one. The `groups` are linked by single
    steps: a chain of models, each near to the next, is one group.

    An exact prior takes time in the square of the number of classes: 0.3 s for 10,000 on two cores. Beyond, time and
    memory are nearly linear in the number of models, however they crowd. Classes within some bandwidths of one are a
    crowd: up to 512 are compared each with each, of larger ones a class is compared with its own corner and with
    samples of the rest. Classes of different crowds are compared where they share a cell of some table. What is found
    is divided by the probability of finding it, so that sums have no bias. Distances are then of float32 points.

    References
    ----------
    Tideman (1987), Independence of clones as a criterion for voting rules, doi:10.1007/BF00433944. Charikar and
    Siminelakis (2017), Hashing-based-estimators for kernel density in high dimensions, arXiv:1808.10530. Madow (1949),
    On the theory of systematic sampling, II, doi:10.1214/aoms/1177729988.

    Examples
    --------
    One of two opinions is sent three times.

    >>> from hemicycle import Judgments
    >>> judgments = Judgments.from_arrays(a=[0, 1], b=[1, 2], log_ratio=[0.5, -1.0])
    >>> opinions = [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [0.0, 1.0, 2.0], [0.0, 3.0, 1.0]]
    >>> clone_proof_prior(opinions, judgments).prior.round(3)
    array([0.167, 0.167, 0.167, 0.5  ])
    """
    threads, width = thread_count(n_threads), positive_number(bandwidth, "bandwidth")
    exact = None if exact is None else truth(exact, "exact")
    matrix = logits_matrix(logits, judgments)
    if not len(matrix):
        raise NoDataError("logits: there is no model")
    pairs = cardinal_pairs(judgments)
    with naming_logits(logits):
        found = _core.clone_proof_prior(as_borrowed(matrix), pairs, len(judgments.items), width, exact, threads)
    return CloneProofPrior(width, *found)
