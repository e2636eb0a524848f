"""Check the Triton kernels on this GPU, and measure them beside what modellers write; needs torch and hemicycle.

    python benches/gpu.py [--out FILE]

All peers run in the same process, on the same numbers. Times are medians of CUDA events; bandwidth counts each input
and output once, beside a copy of the same machine. Nothing that is printed holds for another device.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

from benchmarks.peers import losses  # noqa: E402

import hemicycle  # noqa: E402
import hemicycle.torch as ht  # noqa: E402
from kernel_cases import failures  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

N_NUMBERS, SIGMA = 1 << 28, 0.5  # labels of one loss: 1 GiB, so that no cache holds them and launches do not count
LABELS = (1, 2, 4, 8, 16, 64)
N_MODELS, N_ITEMS, N_JUDGED, N_LABELS = 1_000_000, 100, 1_000, 5


def milliseconds(work: Callable[[], Any], n_runs: int = 30) -> float:
    """Return the median time of some work on the device, after three runs that do not count."""
    for _ in range(3):
        work()
    times = []
    for _ in range(n_runs):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return float(np.median(times))


def peak_bytes(work: Callable[[], Any]) -> int:
    """Return the most memory that some work takes beside what was there."""
    work()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    kept = work()
    torch.cuda.synchronize()
    del kept
    return torch.cuda.max_memory_allocated() - before


def copy_bandwidth() -> float:
    """Return bytes a second of a copy on the device, read and written."""
    source = torch.randn(1 << 28, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.nbytes / (milliseconds(lambda: target.copy_(source)) * 1e-3)


def step(loss: Any, pred: torch.Tensor, labels: Any) -> Callable[[], Any]:
    """Return forward and backward of a loss."""
    return lambda: torch.autograd.grad(loss(pred, labels, SIGMA), pred)


def dense_losses(bandwidth: float) -> dict[str, Any]:
    """Measure the loss with its gradient for several numbers of labels."""
    found = {}
    for n_labels in LABELS:
        n_pairs = N_NUMBERS // max(4, n_labels)
        pred = torch.randn(n_pairs, device="cuda").requires_grad_()
        labels = torch.randn(n_labels, n_pairs, device="cuda")
        ours, eager, compiled = (step(loss, pred, labels) for loss in (losses.ours, losses.eager, losses.compiled()))
        # predictions and labels are read and the slope is written; the gradient is the slope times a number
        least = labels.nbytes + 4 * pred.nbytes
        time = milliseconds(ours)
        found[f"dense {n_labels}"] = {
            "ms": time,
            "of_eager": milliseconds(eager) / time,
            "of_compiled": milliseconds(compiled) / time,
            "of_copy_bandwidth": least / (time * 1e-3) / bandwidth,
            "peak_of_outputs": peak_bytes(ours) / (2 * pred.nbytes),
        }
    return found


def ragged_losses() -> dict[str, Any]:
    """Measure the loss of 1 to 16 labels a pair."""
    n_pairs = N_NUMBERS // 16
    pred = torch.randn(n_pairs, device="cuda").requires_grad_()
    ragged = losses.ragged_labels(n_pairs, 16, "cuda")
    table = losses.padded(*ragged)
    time = milliseconds(step(losses.ours_ragged, pred, ragged))
    return {
        "ragged 1 to 16": {
            "ms": time,
            "of_eager_padded": milliseconds(step(losses.eager_padded, pred, table)) / time,
            "of_compiled_padded": milliseconds(step(losses.compiled_padded(), pred, table)) / time,
        }
    }


def pools() -> dict[str, Any]:
    """Measure the scores of a million models, on the device and from the memory of the host."""
    rng = np.random.default_rng(0)
    upper = np.stack(np.triu_indices(N_ITEMS, 1))
    a, b = np.repeat(rng.permutation(upper, axis=1)[:, :N_JUDGED], N_LABELS, axis=1)
    jury = hemicycle.Judgments.from_arrays(a, b, rng.normal(size=len(a)), items=N_ITEMS)
    logits = torch.randn(N_MODELS, N_ITEMS, device="cuda")
    host = logits.cpu().numpy()
    resident = ht.log_likelihood(logits, jury, sigma=SIGMA)
    streamed = ht.log_likelihood(host, jury, sigma=SIGMA, device="cuda")
    assert torch.equal(resident.cpu(), streamed), "streamed scores are not those of the pool on the device"
    right = hemicycle.log_likelihood(host[:1000].astype(np.float64), jury, sigma=SIGMA)
    error = float(np.abs(resident[:1000].cpu().numpy() / right - 1).max())
    assert error < 1e-5, f"scores are off by {error}"
    return {
        "pool": {
            "ms": milliseconds(lambda: ht.log_likelihood(logits, jury, sigma=SIGMA), 10),
            "ms_from_host": milliseconds(lambda: ht.log_likelihood(host, jury, sigma=SIGMA, device="cuda"), 5),
            "relative_error": error,
        }
    }


def losses_on_the_device() -> None:
    """Require the public loss to launch the kernels, and to give what the CPU gives."""
    from hemicycle.torch import kernels

    pred, labels = torch.randn(3, 1000), torch.randn(7, 1000)
    launched = []
    fill = kernels.fill
    kernels.fill = lambda *given: (launched.append(given), fill(*given))[1]
    try:
        slopes = []
        for device in ("cuda", "cpu"):
            there = pred.to(device).requires_grad_()
            ht.sum_gaussian_loss(there, labels.to(device)).backward()
            slopes.append(there.grad.cpu())
    finally:
        kernels.fill = fill
    assert len(launched) == 1, "the loss of CUDA tensors did not launch the kernel"
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-6)


def main() -> int:
    """Check, measure, print."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--out", type=Path, help="file for the figures, as JSON")
    given = asked.parse_args()
    if not torch.cuda.is_available():
        print("torch finds no CUDA device", file=sys.stderr)
        return 2
    wrong = failures("cuda")
    for name, error in wrong.items():
        print(f"{name}\n{error}", file=sys.stderr)
    losses_on_the_device()
    bandwidth = copy_bandwidth()
    found: dict[str, Any] = {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "copy_bytes_a_second": bandwidth,
        "failed_cases": sorted(wrong),
        **dense_losses(bandwidth),
        **ragged_losses(),
        **pools(),
    }
    text = json.dumps(found, indent=2)
    print(text)
    if given.out is not None:
        given.out.write_text(text + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
