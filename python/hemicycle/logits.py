"""Matrices of logits on their way to the core: borrowed in any layout, converted some models at a time where they must.

The score of a model depends on its own row alone, so rows may be scored in blocks without changing a bit.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from hemicycle.arrays import real_array
from hemicycle.errors import DomainError, NonFiniteError, OptionError, ShapeError
from hemicycle.judgments import require_judgments
from hemicycle.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.types import Logits

__all__ = ["as_borrowed", "logits_matrix", "model_blocks", "naming_logits", "score_models"]

BLOCK_BYTES = 1 << 24
"""Memory of logits that are converted at once, and of their results: 16 MiB."""

_PLACE = re.compile(r"^logits\[(\d+), (\d+)\]")


def logits_matrix(logits: ArrayLike | Pool, judgments: Judgments) -> NDArray[Any]:
    """Return the logits as a matrix of real numbers, layout and dtype as they are, one column for each of the items.

    Raises
    ------
    DtypeError
        If the logits are not real numbers or are masked, or the judgments are none.
    ShapeError
        If they are not a matrix with one column for each of the judgments' items.
    OptionError
        If a pool has other items than the judgments.
    """
    require_judgments(judgments)
    n_items = len(judgments.items)
    if isinstance(logits, Pool):
        if logits.items != judgments.items:
            raise OptionError("judgments: their items are not those of the pool; use judgments.align(pool.items)")
        return logits.logits
    matrix = real_array(logits, "logits", 2)
    if matrix.shape[1] != n_items:
        raise ShapeError(
            f"logits: expected {n_items} columns, one for each of judgments.items, got shape {matrix.shape}; "
            + _columns_remedy(len(matrix) == n_items)
        )
    return matrix


def _columns_remedy(turned: bool) -> str:
    if turned:
        return "its rows look like items: pass logits.T"
    return "name its columns: Judgments.read(..., items=...) or Judgments.from_arrays(..., items=...)"


def score_models(logits: ArrayLike | Pool, matrix: NDArray[Any], score: Callable[[Logits, slice], None]) -> None:
    """Let every model be scored, block by block.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        What the caller gave: a pool has names for messages.
    matrix : ndarray, shape (n_models, n_items)
        The same as `logits_matrix` returned it.
    score : callable
        Takes float64 or float32 logits, whose strides are whole elements and not negative, and the rows of `matrix`
        that they are.

    Raises
    ------
    NonFiniteError, DomainError
        If `score` refuses a logit; the message names its place in `logits`, and in a pool the model and the item.

    Notes
    -----
    Native float64 and float32 are passed on as they lie, memory maps included. Other numbers, and what lies backwards
    or at odd addresses in memory, are converted in blocks of at most 16 MiB.
    """
    for first, block in model_blocks(matrix):
        with naming_logits(logits, first):
            score(block, slice(first, first + len(block)))


def model_blocks(matrix: NDArray[Any], n_columns: int = 0) -> Iterator[tuple[int, Logits]]:
    """Yield the first model and the logits of each block, as the core reads them: one block where nothing is converted.

    Parameters
    ----------
    matrix : ndarray, shape (n_models, n_items)
        As `logits_matrix` returned it.
    n_columns : int, default 0
        Numbers that a caller allocates for each model of a block.
    """
    rows = max(1, BLOCK_BYTES // (np.dtype(np.float64).itemsize * (matrix.shape[1] + n_columns)))
    if _is_borrowable(matrix) or len(matrix) <= rows:
        yield 0, as_borrowed(matrix)
        return
    for first in range(0, len(matrix), rows):
        yield first, as_borrowed(matrix[first : first + rows])


@contextmanager
def naming_logits(logits: ArrayLike | Pool, first: int = 0) -> Iterator[None]:
    """Let an error about a logit count models from the first of `logits`, name those of a pool, and say what to do.

    Parameters
    ----------
    logits : array_like of float, shape (n_models, n_items), or Pool
        What the caller gave.
    first : int, default 0
        The model that the core counted as 0.
    """
    try:
        yield
    except (NonFiniteError, DomainError) as error:
        place = _PLACE.match(str(error))
        if place is None:
            raise
        model, item = int(place[1]) + first, int(place[2])
        message = f"logits[{model}, {item}]{str(error)[place.end() :]}"
        if isinstance(logits, Pool):
            message += f" (model {logits.models[model]!r}, item {logits.items.names[item]!r})"
            if logits.logits[model, item] == -np.inf:
                message += "; score pool.select(pool.scorable), or read the pool with min_weight"
        raise type(error)(message) from None


def _is_borrowable(matrix: NDArray[Any]) -> TypeGuard[Logits]:
    """Whether the core reads the matrix as it lies."""
    steps = [step for step, length in zip(matrix.strides, matrix.shape, strict=True) if length > 1]
    forward = all(step >= 0 and step % matrix.itemsize == 0 for step in steps)
    return matrix.dtype in (np.float64, np.float32) and matrix.flags.aligned and forward


def as_borrowed(matrix: NDArray[Any]) -> Logits:
    """Return the matrix itself where the core can borrow it, else a copy; narrow floats are exact in float32.

    Parameters
    ----------
    matrix : ndarray, shape (n_models, n_items)
        As `logits_matrix` returned it.
    """
    if _is_borrowable(matrix):
        return matrix
    if matrix.dtype.kind == "f" and matrix.itemsize <= np.dtype(np.float32).itemsize:
        return np.array(matrix, dtype=np.float32, order="C")
    return np.array(matrix, dtype=np.float64, order="C")
