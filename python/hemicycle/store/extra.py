"""The packages that stores need, imported when they are used."""

from __future__ import annotations

from typing import Any

from hemicycle.extras import extra_module

__all__ = ["arrow", "arrow_compute", "filelock", "parquet"]


def arrow() -> Any:
    """Return pyarrow."""
    return _extra("pyarrow")


def arrow_compute() -> Any:
    """Return pyarrow.compute."""
    return _extra("pyarrow.compute")


def parquet() -> Any:
    """Return pyarrow.parquet."""
    return _extra("pyarrow.parquet")


def filelock() -> Any:
    """Return filelock."""
    return _extra("filelock")


def _extra(name: str) -> Any:
    return extra_module(name, "a store needs", "io")
