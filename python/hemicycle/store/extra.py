"""The packages that stores need, imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hemicycle.errors import MissingExtraError

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
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise MissingExtraError(
            f"a store needs {package}, which is not installed: pip install 'hemicycle[io]'"
        ) from error
