"""Workers of Dask on this machine, whose files lie in a folder of their own and who may be slow to start."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["dask_workers"]


@contextmanager
def dask_workers(folder: Path, n_workers: int = 2) -> Iterator[Any]:
    """Start some processes of one thread each; give a client of them."""
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    import dask

    patient = {"distributed.comm.timeouts.connect": "120s", "distributed.comm.timeouts.tcp": "120s"}
    options = {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        dask.config.set(patient),
        distributed.LocalCluster(**options, local_directory=str(folder / "dask")) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client
