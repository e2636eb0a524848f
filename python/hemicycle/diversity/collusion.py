"""Whether members differ because they know different things, or because they make up for each other's faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hemicycle.diversity.bias import BIASED, bias_of_case
from hemicycle.diversity.codependence import DROPPED, Codependence, codependence_of_case
from hemicycle.diversity.decomposition import case_of
from hemicycle.diversity.parts import Diversity
from hemicycle.errors import DtypeError
from hemicycle.rejects import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from hemicycle.diversity.losses import Averaging, LossName
    from hemicycle.types import Seed

__all__ = ["BIAS_MARK", "EXPLOSION_MARK", "CollusionReport", "Sign", "collusion_report"]

BIAS_MARK = 0.25  #: part of DIV that is shifts of members, from which on it is a sign
EXPLOSION_MARK = 10.0  #: times the DIV of members that were trained by themselves
ROUNDING = 1e-9  #: what cannot be told from equal


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of collusion.

    Attributes
    ----------
    name : str
        "diversity explosion", "bias share" or "codependence".
    shown : bool or None
        Whether it is there; None where it is not known of the loss or of a single member.
    figure : float or None
        What was found.
    mark : float or None
        From which figure on the sign counts.
    said : str
        What that means, in words.
    """

    name: str
    shown: bool | None
    figure: float | None
    mark: float | None
    said: str


@dataclass(frozen=True, slots=True, eq=False)
class CollusionReport:
    """Three signs of members that collude; its text is for readers.

    Attributes
    ----------
    parts : Diversity
        ERR, ERR_bar and DIV.
    bias_share : float or None
        Part of DIV that is shifts of members, where it is known of the loss.
    codependence : Codependence
        Error without some of the members.
    signs : tuple of Sign
        Diversity explosion, bias share, codependence.
    """

    parts: Diversity
    bias_share: float | None
    codependence: Codependence
    signs: tuple[Sign, ...]

    @property
    def n_shown(self) -> int:
        """How many of the signs are there."""
        return sum(sign.shown is True for sign in self.signs)

    def __str__(self) -> str:
        parts, known = self.parts, sum(sign.shown is not None for sign in self.signs)
        head = (
            f"The members err by {parts.err_bar:.4g} on average, the ensemble by {parts.err:.4g}: diversity takes away "
            f"{parts.div:.4g}, {parts.ratio:.0%} of it."
        )
        marks = {True: "yes", False: "no", None: "not known"}
        lines = [f"{sign.name}, {marks[sign.shown]}: {sign.said}" for sign in self.signs]
        return "\n".join([head, *lines, f"{self.n_shown} of {counted(known, 'sign')} of collusion shown."])


def collusion_report(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    loss: LossName = "mse",
    averaging: Averaging | None = None,
    weights: ArrayLike | None = None,
    example_weights: ArrayLike | None = None,
    independent: Diversity | None = None,
    p: ArrayLike = DROPPED,
    n_draws: int = 100,
    rng: Seed = None,
    progress: Callable[[int, int], None] | None = None,
) -> CollusionReport:
    r"""Look for the three signs that the members of an ensemble collude, and say in words what they show.

    Members trained as one may grow apart without knowing more: their shifts cancel in the average, so that diversity is
    large, no member is worth much by itself, and the ensemble fails when some are missing.

    Parameters
    ----------
    predictions, targets : array_like
        As in `decompose`; best of examples that no member was trained on.
    loss : {"mse", "cross_entropy", "brier", "zero_one"}, default "mse"
        As in `decompose`.
    averaging : {"score", "probability"}, optional
        As in `decompose`.
    weights : array_like of float, shape (n_learners,), optional
        On the simplex; equal by default.
    example_weights : array_like of float, shape (n_examples,), optional
        As in `decompose`.
    independent : Diversity, optional
        Of such members that were trained by themselves, on the same examples: what to hold the diversity against.
    p : array_like of float, default (0.2, 0.4, 0.6)
        As in `codependence`.
    n_draws : int, default 100
        As in `codependence`.
    rng : None, int, numpy.random.SeedSequence or numpy.random.Generator, optional
        As in `codependence`.
    progress : callable, optional
        As in `codependence`.

    Returns
    -------
    CollusionReport
        The signs with their figures; ``print`` shows the words.

    Raises
    ------
    DtypeError, ShapeError, NoDataError, NonFiniteError, DomainError, IndexOutOfRangeError, OptionError
        As `codependence`; also if `independent` is no `Diversity`.

    Notes
    -----
    The marks are rules of thumb, no tests. Diversity explosion: DIV / ERR above :math:`1/\sum w^2 - 1`, what members
    of equal, independent errors without a common part would have, so that errors cancel by arrangement; or, beside
    `independent`, DIV more than ten times as large. The first mark follows from the loss for "mse" and "brier", and is
    borrowed for the others. Bias share: a quarter of DIV or more. Codependence: for the first
    part that drops anyone, ERR grows by a larger part than independent errors would have it, ``k / (M - k)`` for k of M
    members. For squared error and equal weights DIV decides the codependence, so that these two are one sign.

    References
    ----------
    Jeffares, Liu, Crabbé and van der Schaar (2023), arXiv:2301.11323, sections 6 and C.1.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(size=200)
    >>> shifts = np.array([[-3.0], [-1.0], [1.0], [3.0]])
    >>> print(collusion_report(truth + shifts + 0.1 * rng.normal(size=(4, 200)), truth, rng=0).n_shown)
    3
    """
    if independent is not None and not isinstance(independent, Diversity):
        raise DtypeError(f"independent: expected a Diversity, got {type(independent).__name__}; decompose makes one")
    case = case_of(predictions, targets, loss, averaging, weights, example_weights)
    parts = case.parts()
    shifted = bias_of_case(case) if (case.name, case.averaging) in BIASED else None
    dropped = codependence_of_case(case, p, n_draws, rng, progress)
    equal = 1 / float(np.sum(case.weighting.learners**2))
    explosion = _explosion(parts, equal) if independent is None else _beside(parts, independent)
    return CollusionReport(parts, shifted, dropped, (explosion, _bias(parts, shifted), _codependence(dropped)))


def _explosion(parts: Diversity, equal: float) -> Sign:
    name, mark = "diversity explosion", equal - 1
    if mark <= ROUNDING:
        return Sign(name, None, None, None, "there is one member with weight only, and nothing to disagree.")
    shown = parts.div > mark * parts.err + ROUNDING * parts.err_bar
    times = f"{parts.div / parts.err:.3g} times the error of the ensemble" if parts.err else "all of the members' error"
    rest = "errors cancel by arrangement" if shown else "no more than independent errors would earn"
    said = f"the diversity is {times}; {equal:.3g} equal members of independent errors reach {mark:.3g}: {rest}."
    return Sign(name, shown, _ratio(parts.div, parts.err), mark, said)


def _beside(parts: Diversity, independent: Diversity) -> Sign:
    figure = _ratio(parts.div, independent.div)
    shown = parts.div > EXPLOSION_MARK * independent.div + ROUNDING * parts.err_bar
    times = "no other has any" if figure is None else f"{figure:.3g} times as large"
    said = f"beside members that were trained by themselves the diversity is {times} ({EXPLOSION_MARK:g} is much)."
    return Sign("diversity explosion", shown, figure, EXPLOSION_MARK, said)


def _bias(parts: Diversity, shifted: float | None) -> Sign:
    name = "bias share"
    if shifted is None:
        return Sign(name, None, None, None, "under this loss members cannot be shifted.")
    if parts.div <= ROUNDING * parts.err_bar:
        return Sign(name, None, None, None, "there is no diversity to explain.")
    rest = "much of it is shifts that cancel" if shifted >= BIAS_MARK else "it lies in what members say of each example"
    said = f"{shifted:.0%} of the diversity is that members are shifted against each other: {rest}."
    return Sign(name, shifted >= BIAS_MARK, shifted, BIAS_MARK, said)


def _codependence(found: Codependence) -> Sign:
    name = "codependence"
    row = next((i for i, k in enumerate(found.n_dropped) if k), None)
    if row is None:
        return Sign(name, None, None, None, f"no part drops any of {counted(found.n_learners, 'member')}.")
    k, left = found.n_dropped[row], found.n_learners - found.n_dropped[row]
    increase, mark = float(found.increase[row]), found.n_dropped[row] / left
    error = float(found.standard_error[row])
    shown = increase > mark * found.err + 2 * error + ROUNDING * abs(found.err)
    grows = f"grows by {increase / found.err:.0%}" if found.err else f"grows from 0 to {increase:.3g}"
    rest = "they lean on each other" if shown else "the ensemble stands it"
    said = (
        f"without {k} of {found.n_learners} members the error {grows}; independent errors would have it grow by "
        f"{mark:.0%}: {rest}."
    )
    return Sign(name, shown, _ratio(increase, found.err), mark, said)


def _ratio(value: float, unit: float) -> float | None:
    return value / unit if unit else None
