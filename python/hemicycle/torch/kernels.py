"""Triton kernels: the sum-Gaussian loss with its derivatives in one pass over the labels, and scores of whole pools."""

import math

import torch
import triton
import triton.language as tl

__all__ = ["fill", "score"]

BLOCK = 256  #: pairs of one program
LANES = 256  #: labels of one pair that a program reads at once
LONG = 64  #: labels a pair, on average, from which each pair has a program of its own
CHUNK = 32  #: pairs that a program scores one block of models against
UNROLLED = 16  #: labels a pair up to which the loop over them is unrolled
OPTIONS = {"enable_fp_fusion": True}  #: how kernels are compiled, whatever the version of Triton does by default


@triton.jit
def _add(least, total, pull, distance, weight):
    """Add a label to a sum of exponentials, of which the greatest is taken out.

    `total` and `pull` are sums of ``weight * exp(least - distance**2 / 2)`` and of that times the distance: one
    exponential a label, whichever of the two it is taken of.
    """
    square = 0.5 * distance * distance
    absent = weight == 0
    nearer = (square < least) & ~absent
    shrink = tl.exp(-tl.abs(square - least))
    old = tl.where(nearer, shrink, 1.0)
    new = weight * tl.where(nearer, 1.0, tl.where(absent, 0.0, shrink))
    return tl.where(nearer, square, least), total * old + new, pull * old + tl.where(absent, 0.0, new * distance)


@triton.jit
def _spread(least, mean, total, distance, weight):
    """Return the share of a label in the variance of the labels around their mean."""
    power = tl.where(weight == 0, 0.0, least - 0.5 * distance * distance)
    share = weight * tl.exp(power) / total
    off = tl.where(share == 0, 0.0, distance - mean)
    return share * off * off


@triton.jit
def _label(labels, weights, place, live, WEIGHTED: tl.constexpr, REAL: tl.constexpr):
    """Return a label of each lane and its weight; what is not live has weight 0."""
    label = tl.load(labels + place, live, other=0.0).to(REAL)
    weight = tl.where(live, 1.0, 0.0).to(REAL)
    if WEIGHTED:
        weight = tl.load(weights + place, live, other=0.0).to(REAL)
    return label, weight


@triton.jit
def _store(
    loss, slope, curvature, at, mask, least, total, mean, spread, per_sigma, scale,
    ORDER: tl.constexpr, TOTAL: tl.constexpr,
):  # fmt: skip
    """Store the losses of a program, or their sum, and the derivatives."""
    found = least - tl.log(total)
    if TOTAL:
        tl.store(loss + tl.program_id(0), tl.sum(tl.where(mask, found, 0.0).to(tl.float64), 0))
    else:
        tl.store(loss + at, found, mask)
    if ORDER >= 1:
        tl.store(slope + at, mean * per_sigma * scale, mask)
    if ORDER >= 2:
        tl.store(curvature + at, (1.0 - spread) * per_sigma * per_sigma * scale, mask)


@triton.jit
def dense_kernel(
    pred, labels, weights, loss, slope, curvature,
    n_labels, n_pairs, per_sigma: tl.float64, scale: tl.float64,
    STATIC: tl.constexpr, HUGE: tl.constexpr,
    WEIGHTED: tl.constexpr, ORDER: tl.constexpr, TOTAL: tl.constexpr, BLOCK: tl.constexpr, REAL: tl.constexpr,
):  # fmt: skip
    """Pairs of equally many labels, one row of labels after another."""
    n_blocks = (n_pairs - 1) // BLOCK + 1
    column = (tl.program_id(0) % n_blocks).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    at = (tl.program_id(0) // n_blocks).to(tl.int64) * n_pairs + column
    mask = column < n_pairs
    mu = tl.load(pred + at, mask, other=0.0).to(REAL)
    per_sigma, scale = tl.full((), per_sigma, REAL), tl.full((), scale, REAL)
    least = tl.full((BLOCK,), HUGE, REAL)
    total = tl.where(mask, 0.0, 1.0).to(REAL)
    pull = tl.zeros((BLOCK,), REAL)
    place = column
    if STATIC > 0:
        for _ in tl.static_range(STATIC):
            label, weight = _label(labels, weights, place, mask, WEIGHTED, REAL)
            least, total, pull = _add(least, total, pull, (mu - label) * per_sigma, weight)
            place += n_pairs
    else:
        for _ in range(n_labels):
            label, weight = _label(labels, weights, place, mask, WEIGHTED, REAL)
            least, total, pull = _add(least, total, pull, (mu - label) * per_sigma, weight)
            place += n_pairs
    mean = pull / total
    spread = tl.zeros((BLOCK,), REAL)
    place = column
    if ORDER >= 2:
        for _ in range(n_labels):
            label, weight = _label(labels, weights, place, mask, WEIGHTED, REAL)
            spread += _spread(least, mean, total, (mu - label) * per_sigma, weight)
            place += n_pairs
    _store(loss, slope, curvature, at, mask, least, total, mean, spread, per_sigma, scale, ORDER, TOTAL)


@triton.jit
def ragged_kernel(
    pred, labels, offsets, weights, loss, slope, curvature,
    n_pairs, per_sigma: tl.float64, scale: tl.float64,
    HUGE: tl.constexpr, WEIGHTED: tl.constexpr, ORDER: tl.constexpr, TOTAL: tl.constexpr,
    BLOCK: tl.constexpr, REAL: tl.constexpr,
):  # fmt: skip
    """Pairs of few labels: a lane for each, until the longest of the block ends."""
    n_blocks = (n_pairs - 1) // BLOCK + 1
    column = (tl.program_id(0) % n_blocks).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    at = (tl.program_id(0) // n_blocks).to(tl.int64) * n_pairs + column
    mask = column < n_pairs
    mu = tl.load(pred + at, mask, other=0.0).to(REAL)
    per_sigma, scale = tl.full((), per_sigma, REAL), tl.full((), scale, REAL)
    start = tl.load(offsets + column, mask, other=0)
    count = tl.load(offsets + column + 1, mask, other=0) - start
    longest = tl.max(count, 0)
    least = tl.full((BLOCK,), HUGE, REAL)
    total = tl.where(mask, 0.0, 1.0).to(REAL)
    pull = tl.zeros((BLOCK,), REAL)
    for k in range(longest):
        live = k < count
        label, weight = _label(labels, weights, start + k, live, WEIGHTED, REAL)
        least, total, pull = _add(least, total, pull, (mu - label) * per_sigma, weight)
    mean = pull / total
    spread = tl.zeros((BLOCK,), REAL)
    if ORDER >= 2:
        for k in range(longest):
            live = k < count
            label, weight = _label(labels, weights, start + k, live, WEIGHTED, REAL)
            spread += _spread(least, mean, total, (mu - label) * per_sigma, weight)
    _store(loss, slope, curvature, at, mask, least, total, mean, spread, per_sigma, scale, ORDER, TOTAL)


@triton.jit
def long_kernel(
    pred, labels, offsets, weights, loss, slope, curvature,
    n_pairs, per_sigma: tl.float64, scale: tl.float64,
    HUGE: tl.constexpr, WEIGHTED: tl.constexpr, ORDER: tl.constexpr, LANES: tl.constexpr, REAL: tl.constexpr,
):  # fmt: skip
    """Pairs of many labels: a program for each, a lane for every 256th label."""
    at = tl.program_id(0).to(tl.int64)
    pair = at % n_pairs
    mu = tl.load(pred + at).to(REAL)
    per_sigma, scale = tl.full((), per_sigma, REAL), tl.full((), scale, REAL)
    start = tl.load(offsets + pair)
    end = tl.load(offsets + pair + 1)
    lane = tl.arange(0, LANES)
    least = tl.full((LANES,), HUGE, REAL)
    total = tl.zeros((LANES,), REAL)
    pull = tl.zeros((LANES,), REAL)
    for first in range(start, end, LANES):
        live = first + lane < end
        label, weight = _label(labels, weights, first + lane, live, WEIGHTED, REAL)
        least, total, pull = _add(least, total, pull, (mu - label) * per_sigma, weight)
    nearest = tl.min(least, 0)
    old = tl.exp(nearest - least)
    sum_total = tl.sum(total * old, 0)
    mean = tl.sum(pull * old, 0) / sum_total
    spread = tl.zeros((LANES,), REAL)
    if ORDER >= 2:
        for first in range(start, end, LANES):
            live = first + lane < end
            label, weight = _label(labels, weights, first + lane, live, WEIGHTED, REAL)
            spread += _spread(nearest, mean, sum_total, (mu - label) * per_sigma, weight)
    variance = tl.sum(spread, 0)
    _store(
        loss, slope, curvature, at, None, nearest, sum_total, mean, variance, per_sigma, scale, ORDER, False
    )  # fmt: skip


@triton.jit
def pool_kernel(
    columns, a, b, labels, offsets, weights, pair_weights, partial,
    n_models, n_pairs, per_sigma: tl.float64,
    HUGE: tl.constexpr, WEIGHTED: tl.constexpr, CHUNK: tl.constexpr, BLOCK: tl.constexpr, REAL: tl.constexpr,
):  # fmt: skip
    """A block of models against a chunk of pairs, one logit of each model after another in memory."""
    n_blocks = (n_models - 1) // BLOCK + 1
    per_sigma = tl.full((), per_sigma, REAL)
    chunk = tl.program_id(0) // n_blocks
    model = (tl.program_id(0) % n_blocks).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = model < n_models
    score = tl.zeros((BLOCK,), tl.float64)
    for pair in range(chunk * CHUNK, tl.minimum(chunk * CHUNK + CHUNK, n_pairs)):
        above = tl.load(columns + tl.load(b + pair) * n_models + model, mask, other=0.0).to(REAL)
        below = tl.load(columns + tl.load(a + pair) * n_models + model, mask, other=0.0).to(REAL)
        mu = above - below
        least = tl.full((BLOCK,), HUGE, REAL)
        total = tl.zeros((BLOCK,), REAL)
        pull = tl.zeros((BLOCK,), REAL)
        count = tl.zeros((BLOCK,), REAL)
        for k in range(tl.load(offsets + pair), tl.load(offsets + pair + 1)):
            weight = tl.full((BLOCK,), 1.0, REAL)
            if WEIGHTED:
                weight *= tl.load(weights + k).to(REAL)
            count += weight
            distance = (mu - tl.load(labels + k).to(REAL)) * per_sigma
            least, total, pull = _add(least, total, pull, distance, weight)
        score += tl.load(pair_weights + pair) * (tl.log(total / count) - least).to(tl.float64)
    tl.store(partial + chunk.to(tl.int64) * n_models + model, score, mask)


@triton.jit
def total_kernel(partial, total, constant: tl.float64, n_models, n_chunks, BLOCK: tl.constexpr):
    """Sums over chunks of pairs, in their order."""
    model = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = model < n_models
    score = tl.full((BLOCK,), constant, tl.float64)
    place = model
    for _ in range(n_chunks):
        score += tl.load(partial + place, mask, other=0.0)
        place += n_models
    tl.store(total + model, score, mask)


def score(
    columns: torch.Tensor,
    pairs: tuple[torch.Tensor, ...],
    label_weights: torch.Tensor | None,
    pair_weights: torch.Tensor,
    sigma: float,
    scores: torch.Tensor,
) -> None:
    """Write the log-likelihood of each model.

    Parameters
    ----------
    columns : Tensor, shape (n_items, n_models)
        Logits, contiguous: the models of each item side by side.
    pairs : tuple of Tensor
        a and b, int64 of shape (n_pairs,): items; labels of shape (n_flat,), and int64 offsets of shape (n_pairs + 1,).
    label_weights : Tensor, shape (n_flat,), optional
        How often each label counts.
    pair_weights : Tensor of float64, shape (n_pairs,)
        How much each pair counts.
    sigma : float
        Width of the Gaussian at each label.
    scores : Tensor of float64, shape (n_models,)
        Where they are written. They are summed over chunks of 32 pairs and then over chunks, so that their bits depend
        on the judgments alone.
    """
    a, b, labels, offsets = pairs
    n_models, n_pairs = columns.shape[1], len(a)
    real, huge = (tl.float64, 1e300) if columns.dtype == torch.float64 else (tl.float32, 3e38)
    n_blocks, n_chunks = triton.cdiv(n_models, BLOCK), triton.cdiv(n_pairs, CHUNK)
    partial = torch.empty((n_chunks, n_models), dtype=torch.float64, device=columns.device)
    weights = labels if label_weights is None else label_weights
    pool_kernel[(n_blocks * n_chunks,)](
        columns, a, b, labels, offsets, weights, pair_weights, partial, n_models, n_pairs, 1 / sigma,
        HUGE=huge, WEIGHTED=label_weights is not None, CHUNK=CHUNK, BLOCK=BLOCK, REAL=real, **OPTIONS,
    )  # fmt: skip
    constant = -math.log(sigma * math.sqrt(2 * math.pi)) * float(pair_weights.sum())
    total_kernel[(n_blocks,)](partial, scores, constant, n_models, n_chunks, BLOCK=BLOCK, **OPTIONS)


def fill(
    pred: torch.Tensor,
    labels: torch.Tensor,
    offsets: torch.Tensor | None,
    label_weights: torch.Tensor | None,
    sigma: float,
    outputs: tuple[torch.Tensor, ...],
    scale: float | None = None,
) -> None:
    """Write the loss of every pair, or its sum, and as many of its derivatives as there are outputs for.

    Parameters
    ----------
    pred : Tensor, shape (..., n_pairs)
        Contiguous, of any floating dtype, as labels and weights.
    labels : Tensor, shape (n_labels, n_pairs) or (n_flat,)
        Contiguous.
    offsets : Tensor of int64, shape (n_pairs + 1,), optional
        Where the labels of each pair begin in `labels`.
    label_weights : Tensor, shape of labels, optional
        Contiguous.
    sigma : float
        Width of the Gaussian at each label.
    outputs : tuple of Tensor
        Loss, slope and curvature, of the shape of `pred`, contiguous, float32 or float64: the dtype that is computed
        in. With `scale` the loss has no last axis.
    scale : float, optional
        Sum the losses of the pairs, in float64 over the pairs of a program and then over programs; the sum and its
        derivatives are multiplied by this.
    """
    loss, *derivatives = outputs
    order, n_pairs, summed = len(derivatives), pred.shape[-1], scale is not None
    real, huge = (tl.float64, 1e300) if loss.dtype == torch.float64 else (tl.float32, 3e38)
    weights = labels if label_weights is None else label_weights
    long = offsets is not None and len(labels) >= LONG * n_pairs
    programs = pred.shape[:-1], n_pairs if long else triton.cdiv(n_pairs, BLOCK)  # of each model
    grid = (math.prod(programs[0]) * programs[1],)
    found = torch.empty((*programs[0], programs[1]), dtype=torch.float64, device=pred.device) if summed else loss
    written = found, *derivatives, *[found] * (2 - order)
    widths = n_pairs, 1 / sigma, 1.0 if scale is None else scale
    shared = {"HUGE": huge, "WEIGHTED": label_weights is not None, "ORDER": order, "REAL": real, **OPTIONS}
    if offsets is None:
        n_labels = len(labels)
        static = n_labels if n_labels <= UNROLLED else 0
        dense_kernel[grid](
            pred, labels, weights, *written, n_labels, *widths, STATIC=static, TOTAL=summed, BLOCK=BLOCK, **shared
        )
    elif long:
        long_kernel[grid](pred, labels, offsets, weights, *written, *widths, LANES=LANES, **shared)
    else:
        ragged_kernel[grid](pred, labels, offsets, weights, *written, *widths, TOTAL=summed, BLOCK=BLOCK, **shared)
    if scale is not None:
        loss.copy_(found.sum(-1) * scale)
