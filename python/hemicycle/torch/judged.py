"""The judged pairs of a jury as tensors, kept beside the judgments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor
from torch._compile import _disable_dynamo

from hemicycle.errors import DtypeError, NoDataError, ShapeError
from hemicycle.judgments import Judgments, cardinal_pairs, require_judgments
from hemicycle.torch.labels import FLOATING, Labels, computed_in

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Pairs

__all__ = ["JudgedPairs"]

Key = tuple[torch.device, torch.dtype]
kept: WeakKeyDictionary[Judgments, dict[Key, JudgedPairs]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPairs:
    """Pairs of items with their labels, on a device; made by `JudgedPairs.of`.

    Attributes
    ----------
    a, b : Tensor of int64, shape (n_pairs,)
        Columns of the items of each pair.
    offsets : Tensor of int64, shape (n_pairs + 1,)
        Where the labels of each pair begin.
    labels : Labels
        Log ratios of b over a, one pair after another, with weights where they differ.
    pairs : Pairs
        What they are made of.
    """

    a: Tensor
    b: Tensor
    offsets: Tensor
    labels: Labels
    pairs: Pairs

    @classmethod
    def of(cls, judgments: Judgments, logits: Tensor) -> JudgedPairs:
        """Return the pairs of the judgments where logits are.

        Parameters
        ----------
        judgments : Judgments
            What the jury said.
        logits : Tensor, shape (..., n_items)
            Whose device and dtype the labels take.

        Returns
        -------
        JudgedPairs
            The same one for the same judgments, device and dtype.

        Raises
        ------
        DtypeError, ShapeError
            If `logits` are no floating numbers with a column for each item, or `judgments` no Judgments.
        NoDataError
            If no judgment says how much, with a weight above 0.
        """
        require_judgments(judgments)
        if not isinstance(logits, Tensor) or logits.dtype not in FLOATING:
            what = logits.dtype if isinstance(logits, Tensor) else type(logits).__name__
            raise DtypeError(f"logits: expected a tensor of floating numbers, got {what}")
        n_items = len(judgments.items)
        if logits.ndim == 0 or logits.shape[-1] != n_items or logits.numel() == 0:
            raise ShapeError(
                f"logits: expected shape (..., {n_items}), a column for each item, got {tuple(logits.shape)}"
            )
        found: JudgedPairs = untraced(judgments, logits.device, computed_in(logits))
        return found

    def weight(self, given: str | ArrayLike, needed: bool) -> Tensor | None:
        """Return how much each pair counts.

        Parameters
        ----------
        given : {"equal", "total"} or array_like, shape (n_pairs,)
            As of `hemicycle.log_likelihood`.
        needed : bool
            Whether they will be divided by their sum.

        Returns
        -------
        Tensor, shape (n_pairs,), or None
            None if all count alike.

        Raises
        ------
        OptionError, ShapeError, DtypeError, NonFiniteError, DomainError
            If they are no such weights.
        NoDataError
            If all are 0, and their sum is needed.
        """
        if isinstance(given, str) and given == "equal":
            return None
        weight = self.pairs.pair_weight(given)
        if needed and not weight.any():
            raise NoDataError("pair_weights: all are 0, so that there is no mean")
        return torch.tensor(weight, dtype=self.labels.values.dtype, device=self.a.device)


def _kept(judgments: Judgments, device: torch.device, dtype: torch.dtype) -> JudgedPairs:
    of_judgments = kept.setdefault(judgments, {})
    if (device, dtype) not in of_judgments:
        with torch.inference_mode(False):  # they may be trained with later
            of_judgments[device, dtype] = _made(cardinal_pairs(judgments), device, dtype)
    return of_judgments[device, dtype]


#: the same, which torch.compile leaves alone: it reads the judgments
untraced: Any = _disable_dynamo(_kept)


def _made(pairs: Pairs, device: torch.device, dtype: torch.dtype) -> JudgedPairs:
    def tensor(values: NDArray[np.generic], of: torch.dtype) -> Tensor:
        return torch.tensor(np.asarray(values), dtype=of, device=device)

    weights = None if (pairs.weight == 1).all() else tensor(pairs.weight, dtype)
    offsets = tensor(pairs.offsets, torch.int64)
    a, b = tensor(pairs.a, torch.int64), tensor(pairs.b, torch.int64)
    return JudgedPairs(a, b, offsets, Labels(tensor(pairs.log_ratio, dtype), offsets, weights), pairs)
