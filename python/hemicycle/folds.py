"""Parts of a jury to leave out: jurors, pairs or splits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np

from hemicycle.errors import FormatError, NoDataError, OptionError
from hemicycle.options import known_word, positive_count
from hemicycle.rejects import counted, excerpt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hemicycle.judgments import Judgments

__all__ = ["FOLDS_BY", "Fold", "FoldsBy", "folds_of"]

FoldsBy: TypeAlias = Literal["juror", "pair", "split"]
"""What stays together when judgments are left out."""

FOLDS_BY: tuple[FoldsBy, ...] = ("juror", "pair", "split")
PAIR_FOLDS = 10  #: of pairs, unless told otherwise


class Fold(NamedTuple):
    """Judgments that are left out together.

    Attributes
    ----------
    name : str
        Who or what they are.
    rows : ndarray of int64
        Their rows, ascending.
    """

    name: str
    rows: NDArray[np.int64]


def folds_of(judgments: Judgments, by: str, folds: int | str | None = None) -> tuple[Fold, ...]:
    """Divide judgments into folds; those of weight 0 are in none.

    Parameters
    ----------
    judgments : Judgments
        What the jury said.
    by : {"juror", "pair", "split"}
        What stays together.
    folds : int or str, optional
        Number of folds, at least 2, and no more than there are jurors or pairs: each juror by itself, and ten of pairs,
        by default. For splits the name of the one that is left out, or of those that begin with it and ``_``; by
        default each in turn.

    Returns
    -------
    tuple of Fold
        Of jurors and pairs those with most judgments are dealt out first, each to the fold with least; ties by name.
        Judgments that name no juror, or no split, are in no fold.

    Raises
    ------
    OptionError
        If `by` is no such word, `folds` of another kind, or no rows have that split.
    DtypeError, DomainError
        If the number of folds is no integer, or below 2.
    FormatError
        If no judgment names its juror or its split.
    NoDataError
        If there is one juror, pair or split only, and no judgment beside it.
    """
    known_word(by, "by", FOLDS_BY)
    counts = np.flatnonzero(judgments.weight > 0)
    if by == "split":
        return _by_split(judgments, counts, folds)
    if isinstance(folds, str):
        raise OptionError(f"folds: for by={by!r} their number, got {folds!r}; the name of one is for by='split'")
    groups = _jurors(judgments, counts) if by == "juror" else _pairs(judgments, counts)
    if not groups or any(len(rows) == len(counts) for rows in groups.values()):
        raise NoDataError(f"judgments: all are of one {by}; without it none is left")
    n_folds = folds if folds is not None else (len(groups) if by == "juror" else min(PAIR_FOLDS, len(groups)))
    n_folds = min(positive_count(n_folds, "folds"), len(groups))
    if n_folds < min(2, len(groups)):  # one juror alone can be left out where others are not named
        raise OptionError(f"folds is {n_folds}; there must be at least 2, or nothing is left")
    if n_folds == len(groups):
        return tuple(Fold(f"{by} {excerpt(name)}", rows) for name, rows in sorted(groups.items()))
    dealt: list[list[NDArray[np.int64]]] = [[] for _ in range(n_folds)]
    sizes = [0] * n_folds
    for _, rows in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        least = sizes.index(min(sizes))
        dealt[least].append(rows)
        sizes[least] += len(rows)
    return tuple(
        Fold(f"fold {k + 1}: {counted(len(parts), by)}", np.sort(np.concatenate(parts)))
        for k, parts in enumerate(dealt)
    )


def _jurors(judgments: Judgments, rows: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    groups: dict[str, list[int]] = {}
    for row in rows.tolist():
        juror = judgments.juror[row]
        if juror is not None:
            groups.setdefault(juror, []).append(row)
    if not groups:
        raise FormatError(
            f"{judgments.file or 'judgments'}: the column juror is missing or empty, so no juror can be left out; "
            "name the jurors, or leave out pairs"
        )
    return {juror: np.array(of_juror) for juror, of_juror in groups.items()}


def _pairs(judgments: Judgments, rows: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    first = np.minimum(judgments.a[rows], judgments.b[rows])
    second = np.maximum(judgments.a[rows], judgments.b[rows])
    code, group = np.unique(first * len(judgments.items) + second, return_inverse=True)
    order = np.argsort(group, kind="stable")
    parts = np.split(rows[order], np.cumsum(np.bincount(group))[:-1])
    width = len(str(len(code)))
    return {f"{k + 1:0{width}}": part for k, part in enumerate(parts)}


def _by_split(judgments: Judgments, rows: NDArray[np.int64], folds: int | str | None) -> tuple[Fold, ...]:
    if folds is not None and not isinstance(folds, str):
        raise OptionError(f"folds: for by='split' the name of the split to leave out, got {folds!r}")
    names = sorted({name for row in rows.tolist() if (name := judgments.split[row]) is not None})
    if not names:
        raise FormatError(f"{judgments.file or 'judgments'}: the column split is missing or empty")
    if folds is not None:
        chosen = [name for name in names if name == folds or name.startswith(f"{folds}_")]
        if not chosen:
            raise OptionError(f"folds: no row has the split {folds!r}; there are {', '.join(map(excerpt, names))}")
        left_out = [(folds, chosen)]
    else:
        left_out = [(name, [name]) for name in names]
    parts = [Fold(f"split {excerpt(name)}", _of_splits(judgments, rows, of)) for name, of in left_out]
    if any(len(part.rows) == len(rows) for part in parts):
        raise NoDataError(f"judgments: all are of the split {left_out[0][0]!r}; without it none is left")
    return tuple(parts)


def _of_splits(judgments: Judgments, rows: NDArray[np.int64], names: list[str]) -> NDArray[np.int64]:
    return np.array([row for row in rows.tolist() if judgments.split[row] in names], dtype=np.int64)
