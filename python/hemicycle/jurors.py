"""Each juror beside an ensemble: how far they agree, what else their answers tell, and the least likely of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hemicycle.allocation import allocate_each
from hemicycle.arrays import read_only, simplex_weights
from hemicycle.errors import FormatError, NoDataError
from hemicycle.judgments import cardinal_pairs
from hemicycle.logits import logits_matrix, naming_logits
from hemicycle.mixture import jury_log_density
from hemicycle.options import positive_count, positive_number
from hemicycle.predictive import Predictive
from hemicycle.rejects import counted
from hemicycle.sides import fair_coin_p, sides_unknown
from hemicycle.table import Table
from hemicycle.triads import circular_triads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool

__all__ = ["JurorDiagnostics", "juror_diagnostics", "least_likely_judgments"]

TIE = 1e-9  #: logits this near are equal, as in `hemicycle.accuracy`


@dataclass(frozen=True, slots=True, eq=False)
class JurorDiagnostics:
    """What the answers of each juror tell, and those of the whole jury.

    Every mean is weighted by the weights of the judgments; those of weight 0 are as if absent. Arrays are read-only and
    of shape (n_jurors,).

    Attributes
    ----------
    jurors : tuple of str
        Their names, sorted.
    judgments : ndarray of int64
        Judgments given.
    pairs : ndarray of int64
        Distinct pairs judged.
    weight : ndarray of float64
        Sum of the weights of the judgments.
    agreement : ndarray of float64
        Part of the choices that the ensemble's pooled logits agree with, ties one half; nan without a choice.
    mse : ndarray of float64
        Mean squared error of the pooled log ratio; nan for one who never said how much.
    log_density : ndarray of float64
        Mean log density of the labels under the predictive mixture; nan likewise.
    scale : ndarray of float64
        Mean of the absolute log ratios: how far apart this juror sees things; nan likewise.
    answers : ndarray of int64
        Judgments with a choice.
    first_side : ndarray of float64
        Part of these, each counted once, that chose the item listed first. nan without a choice, or where `sides` is
        not None.
    first_side_expected : ndarray of float64
        The same if the ensemble had answered: far from a half where good items happened to be listed first.
    first_side_p : ndarray of float64
        Probability that a fair coin would be as far from a half, or farther: the exact two-sided binomial test.
    triads, circular : ndarray of int64
        Complete triads, and those of them that are circular, as in `hemicycle.triads.circular_triads`.
    whole : dict of str to float or int
        The same of the whole jury, with those whom the file does not name; a pair is won by the majority.
    sides : str or None
        Why the sides of a pair tell nothing, if so.
    sigma : float
        Width of the predictive mixture.
    """

    jurors: tuple[str, ...]
    judgments: NDArray[np.int64]
    pairs: NDArray[np.int64]
    weight: NDArray[np.float64]
    agreement: NDArray[np.float64]
    mse: NDArray[np.float64]
    log_density: NDArray[np.float64]
    scale: NDArray[np.float64]
    answers: NDArray[np.int64]
    first_side: NDArray[np.float64]
    first_side_expected: NDArray[np.float64]
    first_side_p: NDArray[np.float64]
    triads: NDArray[np.int64]
    circular: NDArray[np.int64]
    whole: dict[str, float]
    sides: str | None
    sigma: float

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, read_only(value))

    def __len__(self) -> int:
        return len(self.jurors)

    def __repr__(self) -> str:
        return f"JurorDiagnostics({counted(len(self), 'juror')}, {counted(int(self.whole['judgments']), 'judgment')})"

    def table(self) -> Table:
        """Return one row for each juror, by name.

        Returns
        -------
        Table
            Columns juror, judgments, pairs, weight, agreement, mse, log_density, scale, answers, first_side,
            first_side_expected, first_side_p, triads and circular, as described above.
        """
        return Table({"juror": self.jurors} | {name: getattr(self, name) for name in self.whole})


def juror_diagnostics(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    weights: ArrayLike,
    *,
    sigma: float = 0.5,
    n_threads: int | None = None,
) -> JurorDiagnostics:
    """Look at every juror beside an ensemble.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        Log contribution of each item, natural log; the columns are `judgments.items`.
    judgments : Judgments
        What the jury said, in the order of sides in which it was listed. Ordinal judgments have no part in `mse`,
        `log_density` and `scale`.
    weights : array_like of float64, shape (n_models,)
        Weight of each model: non-negative, sum 1.
    sigma : float, default 0.5
        Width of the Gaussian at each label, in the unit of ``log_ratio``.
    n_threads : int, optional
        Number of threads; every core by default. No result depends on it.

    Returns
    -------
    JurorDiagnostics
        Of every juror with a judgment of positive weight.

    Raises
    ------
    FormatError
        If no judgment names its juror.
    NoDataError
        If no judgment has a weight above 0.
    DtypeError, ShapeError, NonFiniteError, DomainError, OptionError
        As `hemicycle.log_likelihood`, or if `weights` are no weights.

    Notes
    -----
    The ensemble has seen these very judgments: each juror agrees a little better with it than with one formed without
    them (`hemicycle.influence` and `hemicycle.evaluate` leave jurors out). Of many jurors one in twenty has a
    `first_side_p` below 0.05 without any bias. Sides are those of the file or the arrays; whether these are the sides
    of the screen is for the maker of the file to say. Where all rows have their items in one alphabetical order, or one
    order of the indices, they were sorted: then `sides` says so and there are no figures.

    Time: that of the log densities, n_models with weight times n_labels, and of `circular_triads`.
    """
    matrix = logits_matrix(logits, judgments)
    share = simplex_weights(weights, len(matrix), "logits")
    width = positive_number(sigma, "sigma")
    named = _named(judgments)
    density = np.full(len(judgments), np.nan)
    if len(judgments.pairs):
        with naming_logits(logits):
            by_label = jury_log_density(matrix, judgments, share, sigma=width, n_threads=n_threads)
        density[judgments.pairs.row] = by_label
    pooled = allocate_each(matrix, share[None], judgments.items.parent_index)[1][0]
    answers = _Answers(judgments, pooled, density)
    number = {juror: k for k, juror in enumerate(named)}
    of_juror = np.array([-1 if juror is None else number.get(juror, -1) for juror in judgments.juror])
    whole = answers.of_groups(np.zeros(len(judgments), dtype=np.int64), 1)
    return JurorDiagnostics(
        jurors=tuple(named),
        **answers.of_groups(of_juror, len(named)),
        whole={name: values[0].item() for name, values in whole.items()},
        sides=answers.sides,
        sigma=width,
    )


def _named(judgments: Judgments) -> list[str]:
    """Return the jurors with a judgment that counts, sorted."""
    if not (judgments.weight > 0).any():
        raise NoDataError(f"judgments: none of the {len(judgments)} has a weight above 0")
    named = sorted({juror for juror, u in zip(judgments.juror, judgments.weight, strict=True) if u > 0 and juror})
    if not named:
        raise FormatError(
            f"{judgments.file or 'judgments'}: the column juror is missing or empty, so no juror can be looked at; "
            "name the jurors"
        )
    return named


class _Answers:
    """Judgments beside what an ensemble predicts of them, to be averaged over groups."""

    def __init__(self, judgments: Judgments, pooled: NDArray[np.float64], density: NDArray[np.float64]) -> None:
        self.judgments, self.density = judgments, density
        self.sides = sides_unknown(judgments)
        with np.errstate(invalid="ignore"):  # two items that models with weight give nothing: a tie
            predicted = pooled[judgments.b] - pooled[judgments.a]  # (n_judgments,)
        self.squared_error = (predicted - judgments.log_ratio) ** 2
        self.first_expected = np.where(np.abs(predicted) > TIE, predicted < 0, 0.5)
        chosen_first = judgments.choice == 1
        agrees = np.where(chosen_first, self.first_expected, 1.0 - self.first_expected)
        self.agreement = np.where(judgments.choice > 0, agrees, np.nan)

    def of_groups(self, group: NDArray[np.int64], n_groups: int) -> dict[str, NDArray[Any]]:
        """Return what is known of each group, by the names of `JurorDiagnostics`; -1 is no group."""
        judgments = self.judgments
        rows = np.flatnonzero((judgments.weight > 0) & (group >= 0))
        of, weight = group[rows], judgments.weight[rows]

        def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
            known = ~np.isnan(values[rows])
            sums = np.bincount(of[known], weight[known] * values[rows][known], minlength=n_groups)
            with np.errstate(invalid="ignore"):
                means: NDArray[np.float64] = sums / np.bincount(of[known], weight[known], minlength=n_groups)
            return means

        low, high = np.sort(np.stack([judgments.a[rows], judgments.b[rows]]), axis=0)
        pair = np.unique(low * len(judgments.items) + high, return_inverse=True)[1]
        judged = np.unique(pair * n_groups + of) % n_groups  # the group of each of its distinct pairs
        answered = judgments.choice[rows] > 0
        answers = np.bincount(of[answered], minlength=n_groups)
        triads = circular_triads(judgments, group, n_groups)
        return {
            "judgments": np.bincount(of, minlength=n_groups),
            "pairs": np.bincount(judged, minlength=n_groups),
            "weight": np.bincount(of, weight, minlength=n_groups),
            "agreement": mean(self.agreement),
            "mse": mean(self.squared_error),
            "log_density": mean(self.density),
            "scale": mean(np.abs(judgments.log_ratio)),
            "answers": answers,
            **self._first_side(of[answered], rows[answered], answers),
            "triads": triads.complete,
            "circular": triads.circular,
        }

    def _first_side(
        self, of: NDArray[np.int64], rows: NDArray[np.int64], answers: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float64]]:
        """Return how often each group chose the item listed first."""
        names = "first_side", "first_side_expected", "first_side_p"
        if self.sides is not None:
            return {name: np.full(len(answers), np.nan) for name in names}
        first = np.bincount(of, self.judgments.choice[rows] == 1, minlength=len(answers))
        expected = np.bincount(of, self.first_expected[rows], minlength=len(answers))
        p = np.array([fair_coin_p(int(k), n) if n else np.nan for k, n in zip(first, answers.tolist(), strict=True)])
        with np.errstate(invalid="ignore"):
            return dict(zip(names, (first / answers, expected / answers, p), strict=True))


def least_likely_judgments(
    logits: ArrayLike | Pool,
    judgments: Judgments,
    weights: ArrayLike,
    *,
    sigma: float = 0.5,
    k: int = 10,
    n_threads: int | None = None,
) -> Table:
    """Return the judgments to which the predictive mixture gives the least density.

    Parameters
    ----------
    logits, judgments, weights, sigma
        As for `juror_diagnostics`; jurors need no names.
    k : int, default 10
        How many.
    n_threads : int, optional
        As for `juror_diagnostics`.

    Returns
    -------
    Table
        Columns juror, parent, a, b, log_ratio (what the juror said), predicted (the mean of the mixture), log_density,
        tail_probability (that a label of the mixture lies as far out on either side, twice the smaller tail), weight
        and line; the least likely first, equal ones in the order of their rows. Cardinal judgments of positive weight
        only.

    Raises
    ------
    NoDataError, DtypeError, ShapeError, NonFiniteError, DomainError, OptionError
        As `juror_diagnostics`, or if `k` is no integer above 0.

    Notes
    -----
    A low density is no proof of an error: of 593 labels the least likely has a tail probability near 0.002 under a
    mixture that is right. A mixture that is too narrow (a small `sigma`) finds many.
    """
    matrix = logits_matrix(logits, judgments)
    share, width = simplex_weights(weights, len(matrix), "logits"), positive_number(sigma, "sigma")
    pairs = cardinal_pairs(judgments)
    with naming_logits(logits):
        density = jury_log_density(matrix, judgments, share, sigma=width, n_threads=n_threads)
    chosen = np.lexsort((pairs.row, density))[: positive_count(k, "k")]
    rows, items = pairs.row[chosen], judgments.items
    a, b, said = judgments.a[rows], judgments.b[rows], judgments.log_ratio[rows]
    support = np.flatnonzero(share)
    predicted, tail = np.empty(len(rows)), np.empty(len(rows))
    for n, (first, second, y) in enumerate(zip(a.tolist(), b.tolist(), said.tolist(), strict=True)):
        mu = matrix[support, second].astype(np.float64) - matrix[support, first]
        mixture = Predictive(mu, share[support], width)
        mirrored = Predictive(-mu, share[support], width)
        predicted[n] = mixture.mean
        tail[n] = min(1.0, 2.0 * min(float(mixture.cdf(y)), float(mirrored.cdf(-y))))
    sides = {"a": a.tolist(), "b": b.tolist()}
    columns: dict[str, Any] = {
        "juror": [judgments.juror[row] for row in rows.tolist()],
        "parent": [items.parents[item] for item in sides["a"]],
        **{side: [items.names[item] for item in of] for side, of in sides.items()},
        "log_ratio": said,
        "predicted": predicted,
        "log_density": density[chosen],
        "tail_probability": tail,
        "weight": judgments.weight[rows],
        "line": judgments.line[rows],
    }
    return Table(columns, printed={s: [items.hostless_names[item] for item in of] for s, of in sides.items()})
