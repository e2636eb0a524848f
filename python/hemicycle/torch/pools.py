"""Scores of whole pools on a GPU."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

import hemicycle
from hemicycle.errors import DomainError, DtypeError, MissingExtraError, NonFiniteError, OptionError, ShapeError
from hemicycle.judgments import require_judgments
from hemicycle.logits import logits_matrix
from hemicycle.options import number_within
from hemicycle.running import SIGMA_RANGE
from hemicycle.torch.judged import JudgedPairs
from hemicycle.torch.labels import FLOATING, HALF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from hemicycle.judgments import Judgments
    from hemicycle.pool import Pool

    Rows: TypeAlias = NDArray[Any]

__all__ = ["log_likelihood"]

SLICE_BYTES = 1 << 26  #: of logits that are on their way to the device, or turned over there, at once
MAX_LOGIT = 1e6


def log_likelihood(
    logits: ArrayLike | Tensor | Pool,
    judgments: Judgments,
    *,
    sigma: float = 0.5,
    pair_weights: str | ArrayLike = "equal",
    device: torch.device | str | None = None,
) -> Tensor:
    """Score every model against the judgments, on a GPU.

    Parameters
    ----------
    logits : Tensor, array_like of float, shape (n_models, n_items), or Pool
        Log contribution of each item, natural log, at most 1e6 in absolute value; the columns are ``judgments.items``.
        A tensor on the device is read where it is. What lies in the memory of the host, a memory map too, is streamed
        through the device in slices, so that it may be larger than the memory of the device.
    judgments : Judgments
        What the jury said; ordinal judgments and those of weight 0 do not count here.
    sigma : float, default 0.5
        Width of the Gaussian at each label, in the unit of ``log_ratio``; from 1e-6 to 1e6.
    pair_weights : {"equal", "total"} or array_like, shape (n_pairs,), default "equal"
        How much each pair counts, as in `hemicycle.log_likelihood`.
    device : torch.device or str, optional
        Where to score; by default the device of a tensor, and else CUDA if there is one.

    Returns
    -------
    Tensor of float64, shape (n_models,)
        What `hemicycle.log_likelihood` returns, where `logits` are: on the device, or in the memory of the host.

    Raises
    ------
    DtypeError, ShapeError, NonFiniteError, DomainError, OptionError, NoDataError
        As `hemicycle.log_likelihood`; if a tensor is on another device than `device`.
    MissingExtraError
        If the device is a GPU, and triton is not installed.

    Notes
    -----
    float64 logits are scored in float64; others in float32, so that a term errs by about 1e-6 of its size and of the
    difference of two logits in units of `sigma`. A total is summed in float64, over 32 pairs after another: its bits
    depend on nothing but the model and the judgments. Memory on the device, beside a tensor that is there: four slices
    of 64 MiB, and 8 bytes for each model of a slice and 32 pairs.

    On the CPU `hemicycle.log_likelihood` does it, in float64.

    Examples
    --------
    >>> from hemicycle import Judgments
    >>> judgments = Judgments.from_arrays(a=[0], b=[1], log_ratio=[1.0])
    >>> log_likelihood([[0.0, 1.0], [0.0, 2.0]], judgments, device="cpu")
    tensor([-0.2258, -2.2258], dtype=torch.float64)
    """
    width = number_within(sigma, "sigma", *SIGMA_RANGE)
    matrix = _matrix(logits, judgments)
    where = _where(matrix, device)
    if where.type == "cpu":
        rows = matrix.detach().numpy() if isinstance(matrix, Tensor) else matrix
        found = hemicycle.log_likelihood(rows, judgments, sigma=width, pair_weights=pair_weights)
        return torch.from_numpy(found)
    with torch.cuda.device(where):
        return _scores(matrix, judgments, width, pair_weights, where)


def _matrix(logits: ArrayLike | Tensor | Pool, judgments: Judgments) -> Tensor | Rows:
    """Return logits as a tensor of float32 or float64, or as an array of the host."""
    if not isinstance(logits, Tensor):
        return logits_matrix(logits, judgments)
    if logits.dtype not in FLOATING:
        raise DtypeError(f"logits: expected floating numbers, got {logits.dtype}; call .to(torch.float32)")
    require_judgments(judgments)
    n_items = len(judgments.items)
    if logits.ndim != 2 or logits.shape[1] != n_items:
        raise ShapeError(f"logits: expected shape (n_models, {n_items}), got {tuple(logits.shape)}")
    return logits.float() if logits.dtype in HALF and not logits.is_cuda else logits


def _where(matrix: Tensor | Rows, device: torch.device | str | None) -> torch.device:
    of_tensor = matrix.device if isinstance(matrix, Tensor) else None
    if device is None:
        device = of_tensor or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        where = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise OptionError(f"device: {str(error).splitlines()[0]}") from None
    if where.type == "cuda" and not torch.cuda.is_available():
        raise OptionError("device: torch finds no CUDA device here; leave it out to score on the CPU")
    if where.type not in ("cuda", "cpu"):
        raise OptionError(f"device: expected 'cuda' or 'cpu', got {str(where)!r}")
    if where.type == "cuda" and where.index is None:
        where = torch.device("cuda", torch.cuda.current_device())
    if of_tensor is not None and of_tensor.type != "cpu" and of_tensor != where:
        raise OptionError(f"device: logits are on {of_tensor}, not on {where}; leave it out to score them there")
    return where


def _scores(
    matrix: Tensor | Rows, judgments: Judgments, sigma: float, pair_weights: str | ArrayLike, device: torch.device
) -> Tensor:
    try:
        from hemicycle.torch.kernels import score
    except ImportError as error:
        raise MissingExtraError("device: a GPU needs triton, which is not installed: pip install triton") from error
    dtype = torch.float64 if matrix.dtype in (torch.float64, np.float64) else torch.float32
    pairs = JudgedPairs.of(judgments, torch.empty((1, matrix.shape[1]), dtype=dtype, device=device))
    weight = torch.tensor(pairs.pairs.pair_weight(pair_weights), dtype=torch.float64, device=device)
    told = pairs.a, pairs.b, pairs.labels.values, pairs.offsets
    judged = torch.unique(torch.cat([pairs.a, pairs.b]))
    if isinstance(matrix, Tensor) and matrix.device == device:
        found, slices = torch.empty(len(matrix), dtype=torch.float64, device=device), _in_place(matrix, dtype)
    else:
        found, slices = torch.empty(len(matrix), dtype=torch.float64), _from_host(matrix, dtype, device)
    for first, rows in slices:
        columns = rows.t().contiguous()
        _require_logits(columns, judged, first)
        scores = torch.empty(len(rows), dtype=torch.float64, device=device)
        score(columns, told, pairs.labels.weights, weight, sigma, scores)
        found[first : first + len(rows)] = scores
    return found


def _in_place(matrix: Tensor, dtype: torch.dtype) -> Iterator[tuple[int, Tensor]]:
    """Give the rows of a tensor of the device, some at a time."""
    step = _step(matrix, dtype)
    for first in range(0, len(matrix), step):
        yield first, matrix[first : first + step].detach().to(dtype)


def _from_host(matrix: Tensor | Rows, dtype: torch.dtype, device: torch.device) -> Iterator[tuple[int, Tensor]]:
    """Give rows of the host on the device; while some are scored, the next are on their way."""
    source = matrix.detach().numpy() if isinstance(matrix, Tensor) else matrix
    step, stream = _step(matrix, dtype), torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    buffers = [torch.empty((step, source.shape[1]), dtype=dtype, pin_memory=True) for _ in range(2)]
    sent = [torch.cuda.Event() for _ in range(2)]  # type: ignore[no-untyped-call]

    def send(number: int) -> tuple[int, Tensor, torch.cuda.Event] | None:
        first, turn = number * step, number % 2
        if first >= len(source):
            return None
        sent[turn].synchronize()  # the buffer is free again
        rows = source[first : first + step]
        buffers[turn].numpy()[: len(rows)] = rows
        with torch.cuda.stream(stream):
            part = buffers[turn][: len(rows)].to(device, non_blocking=True)
            sent[turn].record(stream)
        return first, part, sent[turn]

    under_way, number = send(0), 0
    while under_way is not None:
        first, part, arrived = under_way
        torch.cuda.current_stream(device).wait_event(arrived)
        part.record_stream(torch.cuda.current_stream(device))
        number += 1
        under_way = send(number)
        yield first, part


def _step(matrix: Tensor | Rows, dtype: torch.dtype) -> int:
    return max(1, SLICE_BYTES // max(1, dtype.itemsize * matrix.shape[1]))


def _require_logits(columns: Tensor, judged: Tensor, first: int) -> None:
    """Require the logits of judged items to be finite, and at most 1e6 in absolute value."""
    read = columns[judged]
    least, most = torch.aminmax(read)
    if bool((least >= -MAX_LOGIT) & (most <= MAX_LOGIT)):
        return
    wrong = ~(read.abs() <= MAX_LOGIT)
    model = int(wrong.any(0).nonzero()[0])
    place = int(wrong[:, model].nonzero()[0])
    value, item = float(read[place, model]), int(judged[place])
    named = f"logits[{first + model}, {item}] is {value:g}"
    if not math.isfinite(value):
        raise NonFiniteError(f"{named}, but the item is judged; leave the model out")
    raise DomainError(f"{named}, beyond +-1e6")
