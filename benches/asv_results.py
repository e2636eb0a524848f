"""The newest run of each benchmark that asv has stored for this project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asv.results import iter_results

BENCHES = Path(__file__).resolve().parent


def newest(benchmark: str) -> dict[tuple[str, ...], float]:
    """Return the values of a benchmark by its parameters; those that were skipped or failed are left out.

    Parameters
    ----------
    benchmark : str
        Module, class and function, as ``bench_scaling.Models.time_totals``.

    Raises
    ------
    LookupError
        If no run of it is stored.
    """
    runs = [run for run in iter_results(str(BENCHES / "results")) if benchmark in run.get_all_result_keys()]
    if not runs:
        raise LookupError(f"no run of {benchmark} is stored; `make bench-docs` makes one")
    run = max(runs, key=lambda run: run.started_at[benchmark])
    axes = run.get_result_params(benchmark)
    values = run.get_result_value(benchmark, axes)
    return {
        key: value for key, value in zip(_product(axes), values, strict=True) if value is not None and value == value
    }


def _product(axes: list[Any]) -> list[tuple[str, ...]]:
    """Return the parameters of every value, the last one fastest; asv keeps them as they are written in Python."""
    keys: list[tuple[str, ...]] = [()]
    for axis in axes:
        keys = [(*key, str(word).strip("'")) for key in keys for word in axis]
    return keys
