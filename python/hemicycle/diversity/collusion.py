"""Whether members differ because they know different things, or because they make up for each other's faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hemicycle.diversity.bias import BIASED, bias_of_case
from hemicycle.diversity.chance import ROUNDING
from hemicycle.diversity.codependence import DROPPED, Codependence, dropped_of_case
from hemicycle.diversity.decomposition import case_of
from hemicycle.diversity.parts import Diversity
from hemicycle.diversity.signs import Sign, bias_sign, codependence_sign, explosion_beside, explosion_sign, percent
from hemicycle.errors import DtypeError
from hemicycle.rejects import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from hemicycle.diversity.losses import Averaging, LossName
    from hemicycle.types import Seed

__all__ = ["CollusionReport", "collusion_report"]

NOTHING = "No sign of collusion can be judged."


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
        known = sum(sign.shown is not None for sign in self.signs)
        marks = {True: "yes", False: "no", None: "not known"}
        lines = [f"{sign.name}, {marks[sign.shown]}: {sign.said}" for sign in self.signs]
        total = f"{self.n_shown} of {counted(known, 'sign')} of collusion shown"
        total += f", {len(lines) - known} not known." if known < len(lines) else "."
        return "\n".join([_earned(self.parts, self.codependence.n_learners), *lines, total if known else NOTHING])


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
    The marks say what members would show whose errors have nothing to do with each other, and a sign is there where the
    figure is above by more than two standard errors over examples (of the logarithm of the ratio, by the delta method;
    more on fewer than a hundred). On fewer than ten examples of equal weight nothing is known.

    Diversity explosion: for squared errors of such members the cross terms of
    :math:`\mathrm{ERR} = \operatorname{mean} \lVert \sum_j w_j e_j \rVert^2` have the mean 0, which leaves
    :math:`\mathrm{ERR} = \sum_j w_j^2 L_j` with :math:`L_j` the error of member j; and so
    :math:`\mathrm{DIV} / \mathrm{ERR} = \overline{\mathrm{ERR}} / \sum_j w_j^2 L_j - 1`, which is
    :math:`1/\sum w^2 - 1` for members that err alike, and M - 1 for equal weights. Errors in common make ERR larger.
    Beside `independent` the mark is ten times its DIV.

    Codependence, for the first part that drops anyone: without some members, S left with weights :math:`w_S` of sum 1,
    ERR is :math:`\sum_j w_{Sj}^2 L_j` in the same way. The growth is held against
    :math:`\operatorname{mean}_S \sum_j w_{Sj}^2 L_j / \sum_j w_j^2 L_j - 1` over the draws; for members that err alike
    that is :math:`\operatorname{mean}_S \sum w_S^2 / \sum w^2 - 1`, and k / (M - k) for k of M with equal weights. Then
    DIV decides the codependence of squared errors, so that these two are one sign. Where one member has nine tenths of
    the weight both are not known.

    Bias share: a quarter of DIV or more, and 2 / n on n examples, as it is 1 / n by chance.

    The first and the third mark follow from the loss for "mse" and "brier". Under "cross_entropy" and "zero_one" there
    is none, as members that err independently may do better still: there the diversity is held against `independent`.
    The margin covers the choice of examples and the draws, not that of members: the shifts of a few may cancel by luck.

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
    dropped = dropped_of_case(case, p, n_draws, rng, progress)
    explosion = explosion_sign(case, parts) if independent is None else explosion_beside(parts, independent)
    signs = (explosion, bias_sign(case, parts, shifted), codependence_sign(case, parts, dropped))
    return CollusionReport(parts, shifted, dropped.codependence, signs)


def _earned(parts: Diversity, n_learners: int) -> str:
    """Say what diversity takes from the error of the members."""
    if n_learners == 1:
        return f"There is one member with weight; it errs by {parts.err:.4g}."
    if not parts.err_bar:
        return "No member errs."
    if abs(parts.div) <= ROUNDING * parts.err_bar:
        return f"The members err by {parts.err_bar:.4g} on average, and so does the ensemble: there is no diversity."
    both = f"The members err by {parts.err_bar:.4g} on average, the ensemble by {parts.err:.4g}"
    if parts.div < 0:
        return f"{both}: voting makes it worse by {-parts.div:.4g}."
    share = "all" if not parts.err else percent(parts.ratio)
    return f"{both}: diversity takes away {parts.div:.4g}, {share} of it."
