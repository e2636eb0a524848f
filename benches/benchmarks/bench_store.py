"""Stores beside pyarrow: what it costs that nothing is lost, nothing counted twice, and every byte is checked."""

from __future__ import annotations

import json
import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hemicycle import Store
from hemicycle.store.fragments import rows_at_once

from .measures import peak_private, seconds
from .peers import FULL

if TYPE_CHECKING:
    from collections.abc import Iterator

N_ITEMS, DTYPE, N_TIMES = 100, "float32", 5
ITEMS = [("", f"item-{n:02d}") for n in range(N_ITEMS)]
SIZES = [1_000_000] if FULL else [20_000, 200_000]
WORK = ["ingest", "add again", "read", "pool"]


class Case:
    """A Parquet file of models, a store of it, and pyarrow's own files of the same."""

    def __init__(self, n_models: int) -> None:
        self.folder, self.n_models = Path(tempfile.mkdtemp()), n_models
        self.rows = rows_at_once(N_ITEMS, DTYPE)
        self.source = self.folder / "source.parquet"
        schema = next(self.tables()).schema
        with pq.ParquetWriter(self.source, schema, compression="none", use_dictionary=False) as writer:
            for table in self.tables():
                writer.write_table(table)

    def tables(self) -> Iterator[pa.Table]:
        """Yield models, as many at a time as a fragment holds."""
        random = np.random.default_rng(0)
        element = pa.field("element", pa.float32(), nullable=False)
        metadata = {b"hemicycle": json.dumps({"items": ITEMS}).encode()}
        for first in range(0, self.n_models, self.rows):
            n_models = min(self.rows, self.n_models - first)
            logits = random.standard_normal((n_models, N_ITEMS), dtype=np.float32)
            columns = {
                "model": pa.array([f"model-{n:08d}" for n in range(first, first + n_models)]),
                "logits": pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), type=pa.list_(element, N_ITEMS)),
            }
            yield pa.table(columns).replace_schema_metadata(metadata)

    @cached_property
    def held(self) -> list[pa.Table]:
        return list(self.tables())

    def ingest(self) -> None:
        shutil.rmtree(self.folder / "store", ignore_errors=True)
        Store.create(self.folder / "store", items=ITEMS, dtype=DTYPE).add(self.source)

    def write(self) -> None:
        for number, table in enumerate(self.held):
            pq.write_table(table, self.folder / f"{number}.parquet", compression="none", use_dictionary=False)

    def read(self) -> None:
        for _ in Store.open(self.folder / "store").blocks():
            pass

    def read_files(self) -> None:
        for number in range(len(self.held)):
            pq.read_table(self.folder / f"{number}.parquet")

    def close(self) -> None:
        shutil.rmtree(self.folder)


class Beside:
    """Time in that of pyarrow for the same rows: the median of pairs, so that a busy machine harms both alike."""

    params = (SIZES, ["ingest", "read"])
    param_names = ("n_models", "work")
    unit = "times pyarrow"
    timeout = 1200

    def setup(self, n_models: int, _: str) -> None:
        self.case = Case(n_models)
        self.case.write()
        self.case.ingest()

    def teardown(self, *_: object) -> None:
        self.case.close()

    def track_ratio(self, _: int, work: str) -> float:
        ours, theirs = {
            "ingest": (self.case.ingest, self.case.write),
            "read": (self.case.read, self.case.read_files),
        }[work]
        return median(seconds(ours) / seconds(theirs) for _ in range(N_TIMES))


class Stores:
    """Models a second, and memory."""

    params = (SIZES, WORK)
    param_names = ("n_models", "work")
    timeout = 1200

    def setup(self, n_models: int, work: str) -> None:
        self.case = Case(n_models)
        self.case.ingest()
        store = Store.open(self.case.folder / "store")
        self.work = {
            "ingest": self.case.ingest,
            "add again": lambda: store.add(self.case.source),
            "read": self.case.read,
            "pool": store.pool,
        }[work]

    def teardown(self, *_: object) -> None:
        self.case.close()

    def track_rate(self, n_models: int, _: str) -> float:
        return n_models / median(seconds(self.work) for _ in range(N_TIMES)) / 1e6

    track_rate.unit = "million models/s"

    def track_peak(self, *_: object) -> float:
        self.work()
        return peak_private() / 2**20

    track_peak.unit = "MiB"
