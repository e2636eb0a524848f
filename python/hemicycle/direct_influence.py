"""Who moves what the jury alone says: the direct fit without one juror or pair at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from hemicycle.arrays import read_only
from hemicycle.direct import direct_fit, squared_error
from hemicycle.errors import FormatError, NoDataError
from hemicycle.options import known_word
from hemicycle.rejects import excerpt
from hemicycle.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hemicycle.direct import DirectFit
    from hemicycle.judgments import Judgments

__all__ = ["DirectBy", "DirectInfluence", "direct_influence"]

DirectBy: TypeAlias = Literal["juror", "pair"]
"""What is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class DirectInfluence:
    """What changes in the fit when one juror or pair at a time is left out; arrays are read-only.

    Attributes
    ----------
    by : {"juror", "pair"}
        What is left out.
    names : tuple of str, length n
        The jurors by name, or the pairs in order.
    n_labels : ndarray of int64, shape (n,)
        Cardinal judgments of positive weight that were left out.
    share_change : ndarray of float64, shape (n, n_items)
        Share without, less share with.
    mse_with, mse_without : ndarray of float64, shape (n,)
        Mean squared error at the judgments that were left out, by the fit that knew them and by the one that did not.
    n_components : ndarray of int64, shape (n,)
        Components that judged items fall into without: above those of the whole where nobody else connects them.
    whole : DirectFit
        With nothing left out.
    """

    by: DirectBy
    names: tuple[str, ...]
    n_labels: NDArray[np.int64]
    share_change: NDArray[np.float64]
    mse_with: NDArray[np.float64]
    mse_without: NDArray[np.float64]
    n_components: NDArray[np.int64]
    whole: DirectFit

    def __post_init__(self) -> None:
        for name in ("n_labels", "share_change", "mse_with", "mse_without", "n_components"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        most = f"at most {self.allocation_change.max():.3g} of the budgets moves"
        return f"DirectInfluence({len(self)} left out one at a time, by {self.by}, {most})"

    @property
    def allocation_change(self) -> NDArray[np.float64]:
        """The part of the budgets that moves, shape (n,).

        Half the sum over items of the absolute changes of shares, over the number of parents.
        """
        moved: NDArray[np.float64] = 0.5 * np.abs(self.share_change).sum(axis=1) / self.whole.items.n_parents
        return moved

    def table(self) -> Table:
        """Return one row for each that was left out, the most influential first.

        Returns
        -------
        Table
            Columns juror or pair, judgments, allocation_change, item (whose share changes most), share_change (of that
            item), mse_with, mse_without and components; ordered by the change of the allocation, then by name.
        """
        moved = self.allocation_change
        order = sorted(range(len(self)), key=lambda k: (-moved[k], self.names[k]))
        most = np.argmax(np.abs(self.share_change), axis=1)
        items = self.whole.items.names
        columns: dict[str, Any] = {
            self.by: [self.names[k] for k in order],
            "judgments": self.n_labels[order],
            "allocation_change": moved[order],
            "item": [items[most[k]] for k in order],
            "share_change": self.share_change[order, most[order]],
            "mse_with": self.mse_with[order],
            "mse_without": self.mse_without[order],
            "components": self.n_components[order],
        }
        return Table(columns, printed={"item": [self.whole.items.hostless_names[most[k]] for k in order]})


def direct_influence(judgments: Judgments, by: DirectBy = "juror") -> DirectInfluence:
    """Fit the jury again without each juror, or each pair, in turn.

    Parameters
    ----------
    judgments : Judgments
        What the jury said, as for `direct_fit`. Those that name no juror always count.
    by : {"juror", "pair"}, default "juror"
        What is left out.

    Returns
    -------
    DirectInfluence
        How far the shares move.

    Raises
    ------
    OptionError
        If `by` is neither of the two.
    FormatError
        If no judgment that counts names its juror.
    NoDataError
        If no judgment counts, or all that do are of one juror or pair.
    DtypeError, DomainError
        As `direct_fit`.

    Notes
    -----
    Where one juror alone connects some items with the others, what is left says nothing of how they compare, and their
    shares are a convention (`n_components` tells). Time: that of `direct_fit` for each that is left out.
    """
    known_word(by, "by", ("juror", "pair"))
    whole = direct_fit(judgments)
    left_out = list(_by_juror(judgments) if by == "juror" else _by_pair(judgments))
    changes, components = np.empty((len(left_out), len(judgments.items))), []
    errors = np.empty((2, len(left_out)))
    for k, (name, rows) in enumerate(left_out):
        kept = np.ones(len(judgments), dtype=bool)
        kept[rows] = False
        others = judgments.select(kept)
        if not len(others.pairs):
            raise NoDataError(f"judgments: all that count are of {by} {excerpt(name)!r}; without, none is left")
        fit = direct_fit(others)
        changes[k] = fit.share - whole.share
        components.append(len(np.unique(fit.component[whole.judgments > 0])))
        for error, logits in zip(errors, (whole.logits, fit.logits), strict=True):
            error[k] = np.average(squared_error(logits, judgments, rows), weights=judgments.weight[rows])
    return DirectInfluence(
        by=by,
        names=tuple(name for name, _ in left_out),
        n_labels=np.array([len(rows) for _, rows in left_out]),
        share_change=changes,
        mse_with=errors[0],
        mse_without=errors[1],
        n_components=np.array(components),
        whole=whole,
    )


def _by_juror(judgments: Judgments) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Give the jurors and their rows that count, by name."""
    rows: dict[str, list[int]] = {}
    for row in np.sort(judgments.pairs.row).tolist():
        juror = judgments.juror[row]
        if juror is not None:
            rows.setdefault(juror, []).append(row)
    if not rows:
        raise FormatError(
            f"{judgments.file or 'judgments'}: the column juror is missing or empty, so no juror can be left out; "
            "name the jurors, or leave out pairs"
        )
    return ((juror, np.array(rows[juror])) for juror in sorted(rows))


def _by_pair(judgments: Judgments) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Give the pairs and their rows, in order."""
    pairs, names = judgments.pairs, judgments.items.names
    for a, b, rows in zip(pairs.a.tolist(), pairs.b.tolist(), np.split(pairs.row, pairs.offsets[1:-1]), strict=True):
        yield f"{names[a]} - {names[b]}", rows
