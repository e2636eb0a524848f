"""What the Triton kernels must do, on any device.

Each case takes the module of the kernels and a device, and needs nothing but torch and hemicycle. The tests run them
under Triton's interpreter, benches/gpu.py on a GPU; ``python tests/kernel_cases.py DEVICE`` prints what fails as JSON.
"""

from __future__ import annotations

import json
import sys
import traceback
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import hemicycle
from hemicycle.torch.eager import dense_sum_gaussian, ragged_sum_gaussian
from hemicycle.torch.labels import computed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Case = Callable[[Any, str], None]

TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6, torch.bfloat16: 2e-6, torch.float16: 2e-6}


def filled(kernels: Any, given: tuple[Any, ...], order: int = 2) -> tuple[Tensor, ...]:
    """Run a kernel on outputs that hold NaN."""
    pred, labels = given[:2]
    dtype = computed_in(pred, labels)
    outputs = tuple(torch.full_like(pred, torch.nan, dtype=dtype) for _ in range(order + 1))
    kernels.fill(*given, outputs)
    return outputs


def expected(given: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Return what plain torch makes of the same numbers in float64."""
    pred, labels, offsets, weights, sigma = given
    pred, labels = pred.double(), labels.double()
    weights = None if weights is None else weights.double()
    if offsets is None:
        return dense_sum_gaussian(pred, labels, weights, sigma)
    return ragged_sum_gaussian(pred, labels, offsets, weights, sigma)


def assert_total(kernels: Any, given: tuple[Any, ...]) -> None:
    """Require sums over the pairs of each model, and derivatives, to be those of single losses times a number."""
    pred, labels = given[:2]
    loss, slope, curvature = filled(kernels, given)
    total = torch.full(pred.shape[:-1], torch.nan, dtype=computed_in(pred, labels), device=pred.device)
    outputs = total, torch.full_like(slope, torch.nan), torch.full_like(slope, torch.nan)
    kernels.fill(*given, outputs, 0.25)
    torch.testing.assert_close(total, (0.25 * loss.double().sum(-1)).to(total.dtype))
    assert torch.equal(outputs[1], 0.25 * slope)
    assert torch.equal(outputs[2], 0.25 * curvature)


def assert_near(found: tuple[Tensor, ...], given: tuple[Any, ...]) -> None:
    """Require errors of a few units of what is summed: labels pull with their distance."""
    pred, labels, sigma = given[0], given[1], given[-1]
    scale = float((pred.double().abs().max() + labels.double().abs().max()) / sigma) + 1
    for order, (part, right) in enumerate(zip(found, expected(given), strict=False)):
        assert part.isfinite().all(), f"order {order} is not finite"
        error = float((part.double() - right).abs().max()) * sigma**order
        assert error <= TOLERANCE[pred.dtype] * scale**2, f"order {order} is off by {error}"


def drawn(shape: tuple[int, ...], dtype: torch.dtype, device: str, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).to(device)


def weights_of(labels: Tensor, seed: int, first_of_pair: Tensor) -> Tensor:
    """Draw weights, a third of them 0, but not those of the first labels."""
    drawn_ = torch.rand(labels.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    drawn_ = torch.where(drawn_ < 1 / 3, 0.0, drawn_).to(labels.device)
    return torch.where(first_of_pair, 1.0, drawn_).to(labels.dtype)


def dense(dtype: torch.dtype, n_labels: int, n_pairs: int, n_batch: int, weighted: bool) -> Case:
    def case(kernels: Any, device: str) -> None:
        pred, labels = drawn((n_batch, n_pairs), dtype, device, 1), drawn((n_labels, n_pairs), dtype, device, 2)
        first = torch.zeros(labels.shape, dtype=torch.bool, device=device)
        first[-1] = True
        weights = weights_of(labels, 3, first) if weighted else None
        for order in range(3):
            given = pred, labels, None, weights, 0.3
            assert_near(filled(kernels, given, order), given)
        assert_total(kernels, given)

    return case


def ragged(dtype: torch.dtype, most: int, n_pairs: int, n_batch: int, weighted: bool, every: int = 1) -> Case:
    def case(kernels: Any, device: str) -> None:
        rng = np.random.default_rng(most * n_pairs)
        counts = rng.integers(max(1, most - most // every), most + 1, size=n_pairs)
        offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(counts)])).to(device)
        pred, labels = drawn((n_batch, n_pairs), dtype, device, 1), drawn((int(offsets[-1]),), dtype, device, 2)
        first = torch.zeros(labels.shape, dtype=torch.bool, device=device)
        first[offsets[:-1]] = True
        weights = weights_of(labels, 3, first) if weighted else None
        for order in range(3):
            given = pred, labels, offsets, weights, 0.3
            assert_near(filled(kernels, given, order), given)
        assert_total(kernels, given)

    return case


def far(dtype: torch.dtype, distance: float) -> Case:
    """Labels so far away that exponentials of them vanish."""

    def case(kernels: Any, device: str) -> None:
        labels = torch.tensor([[0.0, -distance], [distance, -distance], [distance, 0.0]], dtype=dtype, device=device)
        pred = torch.tensor([distance, distance], dtype=dtype, device=device) / 2
        offsets = torch.tensor([0, 3, 6], device=device)
        for given in (
            (pred, labels, None, None, 0.5),
            (pred, labels.T.flatten().contiguous(), offsets, None, 0.5),
        ):
            loss, slope, _ = filled(kernels, given)
            right = expected(given)
            for found, wanted in zip((loss, slope), right[:2], strict=True):
                torch.testing.assert_close(
                    found.double(), wanted, rtol=1e-2 if dtype.itemsize == 2 else 1e-5, atol=1e-5
                )

    return case


def repeated(kernels: Any, device: str) -> None:
    """Require the same bits from every run, and of a pair alone."""
    pred, labels = drawn((2, 700), torch.float32, device, 1), drawn((9, 700), torch.float32, device, 2)
    once, again = (filled(kernels, (pred, labels, None, None, 0.3)) for _ in range(2))
    alone = filled(kernels, (pred[:1, 650:651].contiguous(), labels[:, 650:651].contiguous(), None, None, 0.3))
    for first, second, single in zip(once, again, alone, strict=True):
        assert torch.equal(first, second)
        assert torch.equal(first[:1, 650:651], single)


def pool(dtype: torch.dtype, n_models: int, weighted: bool) -> Case:
    """Score a pool as the compiled core does, and each model the same alone."""

    def case(kernels: Any, device: str) -> None:
        rng = np.random.default_rng(n_models)
        n_items, n_labels = 13, 300
        a = rng.integers(0, n_items - 1, size=n_labels)
        b = rng.integers(a + 1, n_items)
        weight = rng.integers(1, 4, size=n_labels) if weighted else None
        jury = hemicycle.Judgments.from_arrays(a, b, rng.normal(size=n_labels), weight=weight, items=n_items)
        logits = drawn((n_models, n_items), dtype, device, 5)
        pairs, many = jury.pairs, torch.float64 if dtype == torch.float64 else torch.float32

        def tensor(values: Any, of: torch.dtype) -> Tensor:
            return torch.tensor(np.asarray(values), dtype=of, device=device)

        told = (
            tensor(pairs.a, torch.int64), tensor(pairs.b, torch.int64),
            tensor(pairs.log_ratio, many), tensor(pairs.offsets, torch.int64),
        )  # fmt: skip
        of_label = tensor(pairs.weight, many) if weighted else None
        of_pair = tensor(pairs.pair_weight("total"), torch.float64)

        def scored(rows: Tensor) -> Tensor:
            scores = torch.full((len(rows),), torch.nan, dtype=torch.float64, device=device)
            kernels.score(rows.T.contiguous(), told, of_label, of_pair, 0.7, scores)
            return scores

        found = scored(logits)
        right = hemicycle.log_likelihood(logits.double().cpu().numpy(), jury, sigma=0.7, pair_weights="total", rtol=0)
        limit = (1e-13 if dtype == torch.float64 else 2e-6) * float(np.abs(right).max())
        error = float(np.abs(found.cpu().numpy() - right).max())
        assert error <= limit, f"off by {error}, beside {limit}"
        assert torch.equal(scored(logits[-1:]), found[-1:])

    return case


HALVES = (torch.float16, torch.bfloat16)
CASES: dict[str, Case] = {
    **{
        f"dense {str(dtype)[6:]} {n_labels}x{n_pairs}x{n_batch}{' weighted' * weighted}": dense(
            dtype, n_labels, n_pairs, n_batch, weighted
        )
        for dtype, (n_labels, n_pairs, n_batch), weighted in product(
            (torch.float64, torch.float32),
            ((1, 1, 1), (2, 255, 3), (5, 257, 1), (16, 300, 2), (17, 300, 2)),
            (False, True),
        )
    },
    **{f"dense {str(dtype)[6:]}": dense(dtype, 5, 300, 2, False) for dtype in HALVES},
    **{
        f"ragged {str(dtype)[6:]} to {most} x{n_pairs}x{n_batch}{' weighted' * weighted}": ragged(
            dtype, most, n_pairs, n_batch, weighted
        )
        for dtype, (most, n_pairs, n_batch), weighted in product(
            (torch.float64, torch.float32), ((1, 1, 1), (2, 255, 3), (16, 600, 1)), (False, True)
        )
    },
    **{f"ragged {str(dtype)[6:]}": ragged(dtype, 5, 300, 2, True) for dtype in HALVES},
    **{
        f"long {str(dtype)[6:]} to {most}{' weighted' * weighted}": ragged(dtype, most, n_pairs, 2, weighted, every=2)
        for dtype, (most, n_pairs), weighted in product(
            (torch.float64, torch.float32), ((300, 7), (10_000, 2)), (False, True)
        )
    },
    "far float32": far(torch.float32, 5e14),
    "far bfloat16": far(torch.bfloat16, 5e14),
    "far float16": far(torch.float16, 50.0),
    "repeated": repeated,
    **{
        f"pool {str(dtype)[6:]} {n_models}{' weighted' * weighted}": pool(dtype, n_models, weighted)
        for dtype, n_models, weighted in product((torch.float64, torch.float32), (1, 300), (False, True))
    },
}


def failures(device: str) -> dict[str, str]:
    """Run all cases.

    Returns
    -------
    dict of str to str
        What went wrong, by case; cases that are right do not occur.
    """
    from hemicycle.torch import kernels

    wrong = {}
    for name, case in CASES.items():
        try:
            case(kernels, device)
        except Exception:
            wrong[name] = traceback.format_exc()
    return wrong


if __name__ == "__main__":
    print(json.dumps(failures(sys.argv[1])))
