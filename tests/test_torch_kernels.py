"""The Triton kernels: their results under the interpreter, and on a GPU if there is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
triton = pytest.importorskip("triton", reason="triton is not installed")

from hemicycle.torch import kernels  # noqa: E402
from kernel_cases import CASES  # noqa: E402

if TYPE_CHECKING:
    from typing import Any


@pytest.fixture(scope="module")
def interpreted() -> dict[str, str]:
    """Give what fails under the interpreter, which must be chosen before Triton is imported."""
    script = Path(__file__).with_name("kernel_cases.py")
    done = subprocess.run(
        [sys.executable, str(script), "cpu"],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", CASES)
def test_interpreted(interpreted: dict[str, str], name: str) -> None:
    assert name not in interpreted, interpreted[name]


def compiled(kernel: Any, real: str, capability: int, **constants: Any) -> str:
    """Return the PTX of a kernel for a GPU that need not be here."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    types = {
        **dict.fromkeys(("offsets", "a", "b"), "*i64"),
        **dict.fromkeys(("partial", "total", "pair_weights"), "*fp64"),
        **dict.fromkeys(("loss", "slope", "curvature"), "*fp64" if real == "fp64" else "*fp32"),
        **dict.fromkeys(("n_pairs", "n_labels", "n_models", "n_chunks"), "i32"),
        **dict.fromkeys(("per_sigma", "scale", "constant"), "fp64"),
        **dict.fromkeys(constants, "constexpr"),
    }
    signature = {name: types.get(name, f"*{real}") for name in kernel.arg_names}
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    target = GPUTarget("cuda", capability, 32)
    ptx: str = triton.compile(source, target=target, options=kernels.OPTIONS).asm["ptx"]
    return ptx


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("real", ["fp64", "fp32", "bf16", "fp16"])
def test_compiles_for_gpus(real: str, capability: int) -> None:
    wide = real == "fp64"
    options = {"HUGE": 1e300 if wide else 3e38, "REAL": triton.language.float64 if wide else triton.language.float32}
    for order, weighted in ((0, True), (1, False), (2, True)):
        shared = options | {"WEIGHTED": weighted, "ORDER": order}
        blocks = {"BLOCK": kernels.BLOCK, "TOTAL": order == 1}
        for n_labels in (0, 5):
            ptx = compiled(kernels.dense_kernel, real, capability, STATIC=n_labels, **blocks, **shared)
            if n_labels and not wide and order < 2:
                lanes = kernels.BLOCK // 128  # pairs of one thread
                assert ptx.count("ex2.approx") == n_labels * lanes, "one exponential a label"
        compiled(kernels.ragged_kernel, real, capability, **blocks, **shared)
        compiled(kernels.long_kernel, real, capability, LANES=kernels.LANES, **shared)
    of_pool = {"CHUNK": kernels.CHUNK, "BLOCK": kernels.BLOCK}
    compiled(kernels.pool_kernel, real, capability, WEIGHTED=True, **of_pool, **options)
    compiled(kernels.total_kernel, real, capability, BLOCK=kernels.BLOCK)


def test_compiles_for_one_of_everything() -> None:
    """Triton makes a constant of an argument that is 1, which the interpreter does not."""
    shared = {"HUGE": 3e38, "REAL": triton.language.float32, "WEIGHTED": True}
    blocks = {"BLOCK": kernels.BLOCK}
    of_loss = shared | {"ORDER": 2, "n_pairs": 1}
    for total in (False, True):
        compiled(kernels.dense_kernel, "fp32", 90, STATIC=0, TOTAL=total, n_labels=1, **of_loss, **blocks)
        compiled(kernels.ragged_kernel, "fp32", 90, TOTAL=total, **of_loss, **blocks)
    compiled(kernels.long_kernel, "fp32", 90, LANES=kernels.LANES, **of_loss)
    compiled(kernels.pool_kernel, "fp32", 90, CHUNK=kernels.CHUNK, n_models=1, n_pairs=1, **shared, **blocks)
    compiled(kernels.total_kernel, "fp32", 90, n_models=1, n_chunks=1, **blocks)


@pytest.mark.gpu
@pytest.mark.parametrize("name", CASES)
def test_on_a_gpu(name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")
    CASES[name](kernels, "cuda")
