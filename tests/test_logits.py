"""Logits in any layout and real dtype: the same bits, the same messages, and no copy of the whole."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hemicycle import Judgments, Pool, accuracy, log_likelihood, mean_squared_error
from hemicycle import logits as logits_module
from hemicycle.errors import DomainError, NonFiniteError
from hemicycle.running import start, update

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

N_MODELS, N_ITEMS = 100, 7

SCORES: dict[str, Callable[..., NDArray[np.float64]]] = {
    "model": log_likelihood,
    "pair": lambda logits, jury: log_likelihood(logits, jury, per="pair"),
    "label": lambda logits, jury: log_likelihood(logits, jury, per="label"),
    "running": lambda logits, jury: start(logits, jury).log_likelihood,
    "running update": lambda logits, jury: update(start(logits, jury), logits, jury.select([0])).log_likelihood,
    "mean_squared_error": mean_squared_error,
    "accuracy": accuracy,
}


class Subclass(np.ndarray[Any, Any]):
    """An array of another class."""


def unaligned(matrix: NDArray[Any]) -> NDArray[Any]:
    """Return the same numbers at odd addresses."""
    memory = np.frombuffer(b"\0" + matrix.tobytes(), dtype=np.uint8)[1:]
    return memory.view(matrix.dtype).reshape(matrix.shape)


def field(matrix: NDArray[Any]) -> NDArray[Any]:
    """Return the same numbers with rows that are not whole elements apart."""
    table = np.zeros(len(matrix), dtype=[("name", "S3"), ("logits", matrix.dtype, matrix.shape[1:])])
    table["logits"] = matrix
    view: NDArray[Any] = table["logits"]
    return view


def spaced(matrix: NDArray[Any], by_model: int, by_item: int) -> NDArray[Any]:
    """Return the same numbers with others between them, NaN where there is one."""
    gap = np.nan if matrix.dtype.kind == "f" else 99
    wide = np.full((len(matrix) * by_model, matrix.shape[1] * by_item), gap, dtype=matrix.dtype)
    wide[::by_model, ::by_item] = matrix
    return wide[::by_model, ::by_item]


LAYOUTS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "columns first": np.asfortranarray,
    "every third row": lambda x: spaced(x, 3, 1),
    "some columns": lambda x: np.concatenate([9 * x, x, 8 * x], axis=1)[:, N_ITEMS : 2 * N_ITEMS],
    "every second column": lambda x: spaced(x, 1, 2),
    "both": lambda x: spaced(x, 2, 3),
    "columns first, spaced": lambda x: spaced(np.asfortranarray(x.T), 2, 3).T,
    "backwards": lambda x: x[::-1].copy()[::-1],
    "mirrored": lambda x: x[:, ::-1].copy()[:, ::-1],
    "swapped": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "swapped columns first": lambda x: np.asfortranarray(x.astype(x.dtype.newbyteorder(">"))),
    "unaligned": unaligned,
    "a field of records": field,
    "read only": lambda x: np.broadcast_to(x, x.shape),
    "a subclass": lambda x: x.view(Subclass),
}


@pytest.fixture
def jury() -> Judgments:
    rng = np.random.default_rng(0)
    a = np.append(rng.integers(0, N_ITEMS, 60), [0] * 30)
    b = np.append((a[:60] + rng.integers(1, N_ITEMS, 60)) % N_ITEMS, [1] * 30)  # one pair with a table
    return Judgments.from_arrays(a, b, rng.normal(size=90), choice=rng.integers(1, 3, 90), items=N_ITEMS)


@pytest.fixture
def matrix() -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(size=(N_MODELS, N_ITEMS))


@pytest.fixture(params=[1 << 24, 2000], ids=["at once", "in blocks"])
def _block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logits_module, "BLOCK_BYTES", request.param)


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int8, np.uint64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_change_no_bit(layout: str, dtype: Any, matrix: NDArray[np.float64], jury: Judgments) -> None:
    plain = (matrix if np.dtype(dtype).kind == "f" else np.abs(10 * matrix)).astype(dtype)
    other = LAYOUTS[layout](plain)
    np.testing.assert_array_equal(other, plain)
    for score in SCORES.values():
        np.testing.assert_array_equal(score(other, jury), score(plain.astype(np.float64), jury))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(0, N_ITEMS), (1, N_ITEMS), (2, N_ITEMS), (33, N_ITEMS)])
def test_few_models(layout: str, shape: tuple[int, int], jury: Judgments) -> None:
    plain = np.random.default_rng(2).normal(size=shape)
    for score in SCORES.values():
        np.testing.assert_array_equal(score(LAYOUTS[layout](plain), jury), score(plain, jury))


def test_one_row_as_every_model(matrix: NDArray[np.float64], jury: Judgments) -> None:
    same = np.broadcast_to(matrix[:1], matrix.shape)
    for score in SCORES.values():
        np.testing.assert_array_equal(score(same, jury), score(same.copy(), jury))


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_errors_name_the_place(layout: str, dtype: Any, matrix: NDArray[np.float64], jury: Judgments) -> None:
    plain = matrix.astype(dtype)
    plain[97, 2] = plain[70, 3] = plain[70, 5] = np.nan
    for score in SCORES.values():
        with pytest.raises(NonFiniteError, match=r"^logits\[70, 3\] is nan; it must be finite$"):
            score(LAYOUTS[layout](plain), jury)


@pytest.mark.usefixtures("_block")
def test_integers_outside_the_domain(jury: Judgments) -> None:
    whole = np.zeros((N_MODELS, N_ITEMS), dtype=np.int64)
    whole[64, 6] = -(10**7)
    for score in SCORES.values():
        with pytest.raises(DomainError, match=r"^logits\[64, 6\] is -10000000\.0; it must be at most 1e6"):
            score(whole, jury)


def test_a_pool_of_another_layout_names_model_and_item(matrix: NDArray[np.float64], jury: Judgments) -> None:
    matrix[3, 1] = -np.inf
    pool = Pool.from_array(np.asfortranarray(matrix), models=[f"team/{row}" for row in range(N_MODELS)])
    with pytest.raises(NonFiniteError, match=r"^logits\[3, 1\] .* \(model 'team/3', item '1'\); score pool\.select"):
        log_likelihood(pool, jury)


BOUNDED_MEMORY = """
import resource, sys
import numpy as np
import hemicycle as hc

folder, dtype, order, rows, columns = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
n_models, n_items = 150_000, 100
path = f"{folder}/pool.npy"
np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(n_models, n_items), fortran_order=order == "F")
logits = np.load(path, mmap_mode="r")[::rows, ::columns]
n_items = logits.shape[1]
jury = hc.Judgments.from_arrays([0, 0, 1], [1, 1, 2], [0.5, 1.0, 2.0], choice=[2, 1, 2], items=n_items)
scores = [
    hc.mean_squared_error,
    hc.accuracy,
    *(lambda x, y, n_threads, per=per: hc.log_likelihood(x, y, per=per, n_threads=n_threads)
      for per in ("model", "pair", "label")),
]
for score in scores:
    score(np.zeros((40, n_items), dtype), jury, n_threads=1)
status = dict(line.split(":") for line in open("/proc/self/status"))
allowed = 1024 * int(status["VmData"].split()[0]) + (44 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
for score in scores:
    assert np.isfinite(score(logits, jury, n_threads=1)).all()
try:
    np.array(logits, dtype=np.float64)
except MemoryError:
    print("bounded")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on private memory is Linux's")
@pytest.mark.parametrize(
    ("dtype", "order", "rows", "columns"),
    [
        ("<f8", "C", 1, 1),
        ("<f4", "C", 1, 1),
        ("<f8", "F", 1, 1),
        ("<f4", "F", 1, 1),
        ("<f8", "C", 2, 1),
        ("<f8", "C", 1, 2),
        ("<f8", "C", -1, 1),
        ("<f2", "C", 1, 1),
        ("<f2", "F", 1, 1),
        (">f8", "C", 1, 1),
        ("<i4", "C", 1, 1),
    ],
)
def test_a_memory_map_is_not_copied(tmp_path: Path, dtype: str, order: str, rows: int, columns: int) -> None:
    # 120 MB in float64 (60 where every second one counts), of which 44 MiB may be held: a copy ends in a MemoryError
    arguments = [str(tmp_path), dtype, order, str(rows), str(columns)]
    command = [sys.executable, "-c", BOUNDED_MEMORY, *arguments]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (process.stdout.strip(), process.returncode) == ("bounded", 0), process.stderr
