"""The solvers that contracts need, imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hemicycle.errors import MissingExtraError

__all__ = ["clarabel_module", "optimize_module", "sparse_module"]


def clarabel_module() -> Any:
    """Return clarabel.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    return _extra("clarabel")


def sparse_module() -> Any:
    """Return scipy.sparse.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    return _extra("scipy.sparse")


def optimize_module() -> Any:
    """Return scipy.optimize.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    return _extra("scipy.optimize")


def _extra(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise MissingExtraError(
            f"contracts need {package}, which is not installed: pip install 'hemicycle[contracts]'"
        ) from error
